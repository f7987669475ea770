"""Planned contacts that are due or overdue, of each randomized subject who is alive and still followed.

Rules
- Contacts are planned from the day of randomization, for every audience: the visits of the protocol, each within its
  window; VITAL STATUS on the last day of the survival outcome's time frame; SAFETY CONTACT on that of the adverse
  event outcome's. What is due is so on the day of the question
  (`Context.today`), which `day` tells.
- A visit is settled once it is recorded, done or missed. The other two are settled once the subject is known to have
  been alive on that day or later (`projections/subject.py` says by what).
- DUE: the window has begun, and has not ended. OVERDUE: it has ended, `days_overdue` days ago.
- Not followed, and counted in `not_followed` by status: who died, or whose part in the follow-up has ended
  (`projections/leaving.py`). Who ended the intervention alone is followed. `no_day` counts those whose day of
  randomization is not known.
- `events` are seqs of the open book: the randomization, and what shows the last contact. `sealed_events`, for those who
  may see arms, are of what unblinded persons entered.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, Final, NamedTuple

from ledger.domain.vocabulary import Book
from ledger.domain.when import Moment
from projections.base import Audience, Column, Context, Stored, Table, View
from projections.histories import History
from projections.leaving import left
from projections.plan import Plan
from projections.subject import SubjectStory, standing_of, story_of

VITAL_STATUS: Final = "VITAL STATUS"
SAFETY_CONTACT: Final = "SAFETY CONTACT"
VISIT: Final = "VISIT"
DUE: Final = "DUE"
OVERDUE: Final = "OVERDUE"
_COLUMNS: Final = (
    "subject",
    "site",
    "status",
    "randomized",
    "contact",
    "visit",
    "planned",
    "until",
    "state",
    "days_overdue",
    "last_contact",
    "events",
)


class _Contact(NamedTuple):
    """`day` from randomization; `early` and `late` days of window; `visit`: its name, None for the other contacts."""

    kind: str
    visit: str | None
    day: int
    early: int = 0
    late: int = 0


class FollowUp(View):
    """One row a contact, the longest overdue first, then by the day for which it is planned."""

    name = "follow-up"
    title = "Follow-up that is due or overdue"
    by_day = True
    stored = (
        Column("site"),
        Column("status"),
        Column("gone"),
        Column("randomized"),
        Column("last_contact"),
        Column("visits"),
        Column("made_by"),
        Column("made_by_sealed", sealed=True),
    )

    def rows(self, history: History) -> Iterator[Mapping[str, Any]]:
        story = story_of(history)
        if story.randomized is None:
            return
        standing = standing_of(story)
        randomized = (story.randomized.book, story.randomized.seq)
        entries = {randomized, *story.corrections.get(randomized, ()), *story.alive_by}
        yield {
            "site": story.site,
            "status": None if standing is None else standing.status,
            "gone": _gone(story),
            "randomized": story.randomized_on,
            "last_contact": story.last_alive,
            "visits": json.dumps(sorted({fact.data["visit"] for fact in story.visits if "visit" in fact.data})),
            "made_by": json.dumps(sorted(seq for book, seq in entries if book is Book.OPEN)),
            "made_by_sealed": json.dumps(sorted(seq for book, seq in entries if book is Book.SEALED)),
        }

    def present(self, rows: Iterable[Stored], context: Context, audience: Audience) -> Table:
        unmasked = audience is Audience.UNMASKED
        contacts = _contacts(context.plan)
        listed: list[dict[str, Any]] = []
        not_followed: Counter[str] = Counter()
        followed = no_day = 0
        today = None if context.today is None else date.fromisoformat(context.today)
        for row in rows:
            if row["gone"] is not None:
                not_followed[row["gone"]] += 1
                continue
            followed += 1
            start = Moment(row["randomized"]).day if row["randomized"] else None
            if start is None or today is None:
                no_day += 1
                continue
            for contact in contacts:
                found = _open(contact, row, start, today)
                if found is not None:
                    shown = {
                        "subject": row["key"].removeprefix("subject/"),
                        "site": row["site"],
                        "status": row["status"],
                        "randomized": row["randomized"][:10],
                        **found,
                        "last_contact": row["last_contact"],
                        "events": json.loads(row["made_by"]),
                    }
                    listed.append(shown | ({"sealed_events": json.loads(row["made_by_sealed"])} if unmasked else {}))
        listed.sort(key=lambda row: (-(row["days_overdue"] or 0), row["planned"], row["subject"]))
        extra = {
            "day": context.today,
            "followed": followed,
            "due": sum(row["state"] == DUE for row in listed),
            "overdue": sum(row["state"] == OVERDUE for row in listed),
            "subjects_overdue": len({row["subject"] for row in listed if row["state"] == OVERDUE}),
            "not_followed": {status: not_followed[status] for status in sorted(not_followed)},
            "no_day": no_day,
        }
        return Table((*_COLUMNS, "sealed_events") if unmasked else _COLUMNS, listed, extra)


def _contacts(plan: Plan) -> list[_Contact]:
    visits = [_Contact(VISIT, visit.name, visit.day, visit.early, visit.late) for visit in plan.visits]
    outcomes = ((VITAL_STATUS, plan.survival_days), (SAFETY_CONTACT, plan.adverse_event_days))
    return [*visits, *(_Contact(kind, None, days) for kind, days in outcomes)]


def _open(contact: _Contact, row: Stored, start: date, today: date) -> dict[str, Any] | None:
    """The contact's part of its row; None if it is settled, or its window has not begun."""
    planned = _after(start, contact.day)
    if _after(start, contact.day - contact.early) > today:
        return None
    if contact.visit is not None:
        settled = contact.visit in json.loads(row["visits"])
    else:
        settled = row["last_contact"] is not None and row["last_contact"] >= planned.isoformat()
    if settled:
        return None
    until = _after(start, contact.day + contact.late)
    late = (today - until).days
    return {
        "contact": contact.kind,
        "visit": contact.visit,
        "planned": planned.isoformat(),
        "until": until.isoformat(),
        "state": OVERDUE if late > 0 else DUE,
        "days_overdue": late if late > 0 else None,
    }


def _after(start: date, days: int) -> date:
    """So many days later, as far as the calendar goes."""
    return date.fromordinal(min(start.toordinal() + days, date.max.toordinal()))


def _gone(story: SubjectStory) -> str | None:
    """Why nobody is to be in touch with the subject any more."""
    if story.dead:
        return "DIED"
    ended = left(story)
    return None if ended is None else ended[0]


VIEW = FollowUp()
