"""Who the subjects are: the names in the consents, for those who may see names, of their own sites.

Rules
- Kept in no file: the names are read, and shown, and gone.
- Only subjects of sites whose names are in sight are rows at all (`projections/naming.py`).
- A name is the one stated last, with its corrections. Of a subject whose names were erased every name is "[erased]",
  at every position: the record does not say which names there were.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from projections.base import Audience, Column, Context, Stored, Table, View
from projections.histories import History
from projections.subject import happened, story_of

ERASED: Final = "[erased]"
_NAMES: Final = ("subject_name", "giver_name", "witness_name", "waived_by")
_COLUMNS: Final = ("subject", "site", "consented", "form", "giver", *_NAMES)


class Identities(View):
    """One row a subject with a consent: the last consent, whom its records name, and who approved of waivers."""

    name = "identities"
    title = "Names of subjects"
    needs_identity = True
    kept = False
    stored = tuple(Column(name) for name in _COLUMNS)

    def rows(self, history: History) -> Iterator[Mapping[str, Any]]:
        story = story_of(history)
        if not story.consents:
            return
        last = story.consents[-1]
        waivers = [fact.data.get("approved_by") for fact in history.corrected if fact.type == "waiver.granted/1"]
        named: dict[str, Any] = {
            "subject_name": _last(consent.data.get("subject_name") for consent in story.consents),
            "giver_name": last.data.get("giver_name"),
            "witness_name": last.data.get("witness_name"),
            "waived_by": "; ".join(sorted({name for name in waivers if name is not None})) or None,
        }
        yield {
            "subject": story.subject,
            "site": story.site,
            "consented": (happened(last) or "")[:10] or None,
            "form": last.data.get("form"),
            "giver": last.data.get("giver"),
            **(dict.fromkeys(_NAMES, ERASED) if history.erased else named),
        }

    def present(self, rows: Iterable[Stored], context: Context, audience: Audience) -> Table:  # noqa: ARG002
        return Table(_COLUMNS, [{name: row[name] for name in _COLUMNS} for row in rows])


def _last(names: Iterable[str | None]) -> str | None:
    stated = [name for name in names if name is not None]
    return stated[-1] if stated else None


VIEW = Identities()
