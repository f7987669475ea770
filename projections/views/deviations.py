"""Protocol deviations, of subjects and of sites; dose deviations for those who may see arms."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ledger.domain.events.base import TRIAL_STREAM
from projections.base import Audience, Column, Context, Stored, Table, View
from projections.histories import History, marked
from projections.subject import story_of

_COLUMNS = ("book", "seq", "subject", "site", "occurred_at", "category", "rule", "important", "detail")


class Deviations(View):
    """One row a deviation, in the order of the books; `seq` counts in `book`. `rule` where the ledger raised it.

    `after_unblinding`: it was entered by somebody who had been unblinded.
    """

    name = "deviations"
    title = "Protocol deviations"
    stored = (
        Column("place", "INTEGER"),
        *(Column(name, "INTEGER" if name in ("seq", "important") else "TEXT") for name in _COLUMNS),
        Column("after_unblinding", "INTEGER", sealed=True),
    )

    def takes(self, stream: str) -> bool:
        return stream == TRIAL_STREAM or super().takes(stream)

    def rows(self, history: History) -> Iterator[Mapping[str, Any]]:
        raised = [fact for fact in history.corrected if fact.type in ("deviation.raised/1", "dose-deviation.raised/1")]
        if not raised:
            return
        site = story_of(history).site
        for fact in raised:
            dose = fact.type == "dose-deviation.raised/1"
            important = fact.data.get("important")
            yield {
                "place": fact.open_seq,
                "book": fact.book.value,
                "seq": fact.seq,
                "subject": fact.data.get("subject"),
                "site": fact.data.get("site") or site,
                "occurred_at": fact.data.get("occurred_at"),
                "category": "DOSE" if dose else fact.data.get("category"),
                "rule": fact.data.get("rule"),
                "important": None if important is None else int(important),
                "detail": fact.data.get("detail"),
                "after_unblinding": int(marked(fact)),
            }

    def present(self, rows: Iterable[Stored], context: Context, audience: Audience) -> Table:  # noqa: ARG002
        unmasked = audience is Audience.UNMASKED
        ordered = sorted(rows, key=lambda row: (row["place"], row["book"], row["seq"]))
        listed = [
            {
                **{name: row[name] for name in _COLUMNS},
                "important": None if row["important"] is None else bool(row["important"]),
                **({"after_unblinding": bool(row["after_unblinding"])} if unmasked else {}),
            }
            for row in ordered
        ]
        return Table((*_COLUMNS, "after_unblinding") if unmasked else _COLUMNS, listed)


VIEW = Deviations()
