"""A protocol for the ledger of a feed: a feed has records and no design, so that next to nothing is known of the trial.

What must be set to go on is set so that it grants nothing: whom the trial masks is not stated, so that everybody counts
as masked, unless whoever imports says that the trial is open-label; there is one arm, `UNKNOWN`, to which nobody can be
allocated.
"""

import re
from typing import Any, Final

from api.odm.survey import Survey
from ledger.domain.protocol import Protocol

_SITE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,19}")
_NOTE: Final = (
    "Made from an audit trail (CDISC ODM), which states nothing of the design: arms, masking, eligibility, visits and"
    " windows are not known, and nothing is to be concluded from them."
)


def protocol_from_feed(found: Survey, *, open_label: bool = False) -> Protocol:
    """The protocol. `open_label`: it masks nobody. Raises ProtocolError, for names that no protocol can bear."""
    value: dict[str, Any] = {
        "registration": {"org_study_id": found.study, "brief_title": found.study},
        "overall_status": "UNKNOWN",
        "study_type": "INTERVENTIONAL",
        "enrolment": {"count": len(found.subjects)},
        "arms": [{"code": "UNKNOWN", "label": "Not stated by the source", "type": "OTHER"}],
        "eligibility": {},
        "sponsor": {"name": found.study},
        "sites": [{"id": site, "name": site} for site in sorted(found.sites) if _SITE.fullmatch(site)],
        "settings": {"note": _NOTE, "late_entry_days": 3660, "stratification": {"factors": []}},
        "registry_extra": {f"ODM.{name}": text for name, text in found.header.items()},
    }
    if open_label:
        value["masking"] = "NONE"
    return Protocol.from_value(value)
