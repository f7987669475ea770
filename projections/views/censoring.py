"""Who is censored in the survival curve, on which day, and why: one row a subject, with the entries behind it.

Rules
- Randomization, death and the last day known alive are those of the view `survival`: whoever is censored there is a row
  here, and nobody else. `day` is the day of the clock on which the subject leaves the curve.
- `reason` is the first of these that holds:
    TIME FRAME ENDED        known to have been alive at its end, or to have died after it: as planned
    DIED, DAY NOT KNOWN     a death that cannot be placed
    WITHDREW CONSENT        from follow-up or from all, or a disposition that says so
    LOST TO FOLLOW-UP       a disposition that says so
    COMPLETED               a disposition that says so, before the time frame ended
    ENDED                   a disposition with any other term; `detail` has it
    DATA END HERE           the day of the position is the day on which the subject was last known alive, or before a
                            death that is dated later
    NO LATER RECORD         alive when last seen, and nothing says why nobody has been in touch since
- Of several ends the last that stands counts (`projections/subject.py`). `detail` is the disposition's term, or the
  scope of the withdrawal.
- `events` are seqs of the open book: what shows the last day alive, and the reason. `sealed_events`, for those who may
  see arms, are of what unblinded persons entered.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ledger.domain.vocabulary import Book
from projections.base import Audience, Column, Context, Stored, Table, View
from projections.groups import groups_of
from projections.histories import History
from projections.leaving import dead_by, out_of_follow_up, written
from projections.subject import story_of
from projections.views.survival import followed_for

_COLUMNS: Final = ("subject", "group", "randomized", "last_alive", "day", "reason", "detail", "events")


class Censoring(View):
    """Rows by subject; `reasons` counts them by group."""

    name = "censoring"
    title = "Who is censored, when and why"
    stored = (
        Column("randomized"),
        Column("arm", sealed=True),
        Column("died"),
        Column("dead", "INTEGER"),
        Column("last_alive"),
        Column("ended"),
        Column("detail"),
        Column("alive_by"),
        Column("ended_by"),
        Column("dead_by"),
    )

    def rows(self, history: History) -> Iterator[Mapping[str, Any]]:
        story = story_of(history)
        if story.randomized is None:
            return
        reason, detail, by = out_of_follow_up(story)
        yield {
            "randomized": story.randomized_on,
            "arm": story.arm,
            "died": story.died_on,
            "dead": int(story.dead),
            "last_alive": story.last_alive,
            "ended": reason,
            "detail": detail,
            "alive_by": written(story, story.alive_by or [(story.randomized.book, story.randomized.seq)]),
            "ended_by": written(story, by),
            "dead_by": written(story, dead_by(story)),
        }

    def present(self, rows: Iterable[Stored], context: Context, audience: Audience) -> Table:
        stored = list(rows)
        groups = groups_of(stored, context, audience)
        listed: list[dict[str, Any]] = []
        counts: Counter[tuple[str, str]] = Counter()
        for row in stored:
            time, cell = followed_for(row, context), groups.place(row)
            if time is None or cell is None or (time[1] and time[0] <= context.plan.survival_days):
                continue
            reason, detail, sources = _why(row, context, time)
            entries = sorted({tuple(entry) for source in sources for entry in json.loads(row[source])})
            counts[groups.labels[cell], reason] += 1
            shown = {
                "subject": row["key"].removeprefix("subject/"),
                "group": groups.labels[cell],
                "randomized": row["randomized"][:10],
                "last_alive": row["last_alive"],
                "day": min(time[0], context.plan.survival_days),
                "reason": reason,
                "detail": detail,
                "events": [seq for book, seq in entries if book == Book.OPEN],
            }
            if audience is Audience.UNMASKED:
                shown["sealed_events"] = [seq for book, seq in entries if book == Book.SEALED]
            listed.append(shown)
        extra = {
            "horizon_days": context.plan.survival_days,
            "reasons": [
                {"group": group, "reason": reason, "subjects": counts[group, reason]}
                for group in groups.labels
                for reason in sorted(reason for of, reason in counts if of == group)
            ],
        }
        return Table((*_COLUMNS, "sealed_events") if audience is Audience.UNMASKED else _COLUMNS, listed, extra)


def _why(row: Stored, context: Context, time: tuple[int, bool]) -> tuple[str, str | None, tuple[str, ...]]:
    """(reason, detail, the columns with the entries behind it) of somebody censored after `time`."""
    if time[0] >= context.plan.survival_days:
        return "TIME FRAME ENDED", None, ("dead_by",) if time[1] else ("alive_by",)
    if row["dead"] and (row["died"] is None or len(row["died"]) < len("2020-01-01")):
        return "DIED, DAY NOT KNOWN", row["died"], ("alive_by", "dead_by")
    if row["ended"] is not None:
        return row["ended"], row["detail"], ("alive_by", "ended_by")
    if row["dead"]:
        return "DATA END HERE", None, ("alive_by", "dead_by")
    ends_here = context.day is not None and row["last_alive"] is not None and row["last_alive"] >= context.day
    return "DATA END HERE" if ends_here else "NO LATER RECORD", None, ("alive_by",)


VIEW = Censoring()
