"""Answers of views as tables of a dossier: which columns people are shown, and where their numbers lead.

Where a view has lines for people beside its rows (`projections/notes.py`), they stand beneath its table.
"""

from typing import Any, Final

from api.dossier import words
from api.dossier.model import OPEN, Grid, Links, of_row, opened
from projections.result import Result

_EVENTS: Final = ("events", "sealed_events", "done", "sealed_done", "not_done_by")
_SHORT: Final[dict[str, tuple[str, ...]]] = {
    "enrolment": ("stage", "site", "month", "subjects"),
    "subjects": (
        "subject", "site", "status", "since", "consented", "screened", "enrolled", "randomized", "last_contact",
        "open_adverse_events", "arm",
    ),
    "open-adverse-events": (
        "subject", "status", "ae", "term", "pt", "onset", "severity", "serious", "criteria", "causality", "outcome",
        "days_open", "after_unblinding",
    ),
    "follow-up": (
        "subject", "site", "status", "contact", "visit", "planned", "until", "state", "days_overdue", "last_contact",
    ),
    "deviations": (
        "book", "seq", "subject", "site", "occurred_at", "category", "rule", "important", "detail", "after_unblinding",
    ),
    "unblinding": (
        "status", "person", "role", "subject", "since", "how", "reason", "approved_by", "but_for", "arm",
    ),
    "ae-rate": (
        "group", "category", "n", "subjects", "incidence", "incidence_low", "incidence_high", "events", "person_days",
        "rate_per_100_person_years", "low", "high",
    ),
    "signatures": (
        "book", "seq", "recorded_at", "person", "role", "meaning", "extent", "signed_book", "signed_seq", "signed_type",
        "subject", "state", "words",
    ),
    "duties": ("title", "jurisdiction", "trigger", "since", "due", "status", "to", "missing", "done_on", "source"),
}  # fmt: skip
"""Which columns people are shown where a view has too many for a page; the files have all of them."""
_LINKED: Final = {
    "subjects": "status",
    "consort": "subjects",
    "open-adverse-events": "ae",
    "follow-up": "contact",
    "censoring": "day",
    "duties": "status",
}
"""The column that leads to the events which a view names itself."""


def view_value(result: Result) -> dict[str, Any]:
    """An answer as JSON has it, but for position and head, which the dossier states once."""
    return {"view": result.view, "version": result.version, **result.table.extra, "rows": result.rows}


def grid_of(result: Result, links: Links | None = None) -> Grid:
    """The table that people are shown of a view."""
    header, lines = result.spread()
    shown = _SHORT.get(result.view)
    places = [
        place
        for place, name in enumerate(header)
        if (name in shown if shown else name not in _EVENTS or result.view in ("survival", "ae-rate"))
        or (result.view == "adverse-events" and name == "events")
    ]
    columns = tuple(header[place] for place in places)
    return Grid(
        result.view,
        words.CAPTIONS.get(result.view, result.title),
        columns,
        tuple(head(name) for name in columns),
        [[line[place] for place in places] for line in lines],
        _own_links(result) if links is None else links,
        result.notes(),
    )


def head(name: str) -> str:
    """A column in words."""
    return words.HEADS.get(name, name.replace("_", " "))


def _own_links(result: Result) -> Links:
    if result.view == "deviations":
        return {(place, "seq"): [(row["book"], row["seq"])] for place, row in enumerate(result.rows)}
    if result.view == "signatures":  # to what was signed: a signature itself holds a hash
        return {
            (place, "signed_seq"): [(row.get("signed_book") or OPEN, row["signed_seq"])]
            for place, row in enumerate(result.rows)
        }
    column = _LINKED.get(result.view)
    if column is None:
        return {}
    found = ((place, of_row(row) + opened(row.get("done") or ())) for place, row in enumerate(result.rows))
    return {(place, column): refs for place, refs in found if refs}
