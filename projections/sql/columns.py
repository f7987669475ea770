"""What each column of a published view is: its type, and what it means.

1. A column of a view has a line here, by its name; one that means something else in a view has it in `_OF_VIEW`.
   Which columns a view has is said by the view alone (`relations.py`).
2. The columns of `cells` are listed by view in `CELLS`: what a cell counts, in the order in which it does.
3. What a view's rows mean together is said in the view's own module.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeAlias


class Type(StrEnum):
    """What the values of a column are. Each may be null."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    """A decimal number."""
    BOOLEAN = "boolean"
    DAY = "day"
    """A calendar day, YYYY-MM-DD."""
    STATED = "stated"
    """A date or time as it was stated: text, for it may be partial. A column `…_date` with the day stands beside it."""
    INSTANT = "instant"
    """A moment in UTC."""
    WORDS = "words"
    """Words or numbers with blanks between."""
    JSON = "json"


Described: TypeAlias = tuple[Type, str]

_EVENTS: Final = "Entries of the open book (seqs) that are behind the row."
_SEALED: Final = "Entries of the sealed book (seqs) that are behind the row."
_GROUP: Final = "Whom the row counts: an arm's label, or Total."
_LOW: Final = "Lower limit of the 95 % interval."
_HIGH: Final = "Upper limit of the 95 % interval."

_BY_NAME: Final[Mapping[str, Described]] = {
    "ae": (Type.TEXT, "Number of the adverse event, within its subject."),
    "about": (Type.TEXT, "The id of the command that raised it, which a notification may name."),
    "after": (Type.JSON, "What was recorded; of a correction, the new values."),
    "after_unblinding": (Type.BOOLEAN, "Whether it was entered by somebody who had been unblinded."),
    "approved_by": (Type.TEXT, "Who approved of the unblinding (pseudonym)."),
    "arm": (Type.TEXT, "The arm of the subject, by its label."),
    "asked_by": (Type.TEXT, "Who asked for the unblinding (pseudonym)."),
    "at_risk": (Type.INTEGER, "Subjects at risk just before that day."),
    "authenticated_at": (Type.INSTANT, "When the person was authenticated for it, as the issuer says."),
    "before": (Type.JSON, "What stood there before, of a correction."),
    "belongs_to": (Type.TEXT, "The stratum that was found right later."),
    "book": (Type.TEXT, "The book of the entry: open or sealed."),
    "but_for": (Type.WORDS, "Subjects whose arm a masked person knows."),
    "category": (Type.TEXT, "Category of the deviation."),
    "causality": (Type.TEXT, "Relation to the product, as the investigator sees it."),
    "censored": (Type.INTEGER, "Subjects censored on that day."),
    "claimed": (Type.BOOLEAN, "Whether an imported source claims the draw."),
    "consent_form": (Type.TEXT, "How the last consent was given."),
    "consent_giver": (Type.TEXT, "Who gave the last consent: the patient, or somebody for the patient."),
    "consented": (Type.STATED, "When consent was first given."),
    "contact": (Type.TEXT, "Kind of contact: VISIT, VITAL STATUS or SAFETY CONTACT."),
    "criteria": (Type.WORDS, "Why the event is serious."),
    "day": (Type.INTEGER, "Day of the clock, from randomization, on which the subject leaves the curve."),
    "days_at_risk": (Type.INTEGER, "Person-days up to the first event."),
    "days_open": (Type.INTEGER, "Days from onset to the day of the position."),
    "days_overdue": (Type.INTEGER, "Days since the window ended."),
    "detail": (Type.TEXT, "What stands behind it, in words."),
    "done": (Type.WORDS, "Entries of the open book that show it done."),
    "done_on": (Type.STATED, "When it was done."),
    "due": (Type.DAY, "The last day on which it is due; null: promptly."),
    "ended": (Type.STATED, "When the adverse event ended."),
    "enrolled": (Type.STATED, "When the subject was enrolled."),
    "events": (Type.WORDS, _EVENTS),
    "extent": (Type.TEXT, "What was signed: ENTRY, or what stands up to it of a SUBJECT or a BOOK."),
    "group": (Type.TEXT, _GROUP),
    "high": (Type.NUMBER, _HIGH),
    "how": (Type.TEXT, "By what a person came to know an arm."),
    "important": (Type.BOOLEAN, "Whether it is an important deviation (ICH E3)."),
    "incidence": (Type.NUMBER, "Proportion of subjects with an event."),
    "incidence_high": (Type.NUMBER, _HIGH),
    "incidence_low": (Type.NUMBER, _LOW),
    "incidence_rate_high": (Type.NUMBER, _HIGH),
    "incidence_rate_low": (Type.NUMBER, _LOW),
    "incidence_rate_per_100_person_years": (Type.NUMBER, "Subjects with an event, per 100 person-years at risk."),
    "index": (Type.INTEGER, "Index on the allocation list."),
    "jurisdiction": (Type.TEXT, "Whose law asks for it."),
    "kind": (Type.TEXT, "What kind of duty it is."),
    "last_alive": (Type.STATED, "The last day on which the subject was known alive."),
    "last_contact": (Type.STATED, "The last day on which the subject was known alive."),
    "late": (Type.BOOLEAN, "Whether it was recorded late, after the fact."),
    "level": (Type.TEXT, "How strongly the person was authenticated (`acr`), as the issuer says."),
    "list": (Type.TEXT, "The allocation list: the stratum, or the one list of all."),
    "looks": (Type.INTEGER, "How often the person looked at arms."),
    "low": (Type.NUMBER, _LOW),
    "measure": (Type.TEXT, "What is measured."),
    "meaning": (Type.TEXT, "What the signature means: AUTHORSHIP, REVIEW, APPROVAL or RESPONSIBILITY."),
    "methods": (Type.JSON, "By what the person was authenticated (`amr`), as the issuer says."),
    "missing": (Type.WORDS, "Those of whom no record says that they were told."),
    "month": (Type.TEXT, "The month in which the stage was reached (YYYY-MM); null of all months together."),
    "n": (Type.INTEGER, "Subjects in the group."),
    "not_randomized": (Type.INTEGER, "Subjects who were not randomized."),
    "occurred_at": (Type.STATED, "When it happened, as stated."),
    "onset": (Type.STATED, "When the adverse event began."),
    "open": (Type.BOOLEAN, "Whether the adverse event is open: without an end, of somebody alive."),
    "open_adverse_events": (Type.INTEGER, "Adverse events that are open."),
    "org": (Type.TEXT, "The organisation of who did it."),
    "outcome": (Type.TEXT, "Outcome of the adverse event."),
    "person": (Type.TEXT, "The person's pseudonym."),
    "person_days": (Type.INTEGER, "Person-days within the window."),
    "planned": (Type.DAY, "The day that was planned."),
    "population": (Type.TEXT, "Which subjects are counted: SAFETY or COMPLETERS."),
    "provenance": (Type.JSON, "Where an imported or simulated record is from."),
    "pt": (Type.TEXT, "Preferred term (MedDRA); null in the row of a class as a whole."),
    "randomized": (Type.STATED, "When the subject was randomized."),
    "rate_per_100_person_years": (Type.NUMBER, "Events per 100 person-years."),
    "reason": (Type.TEXT, "Why."),
    "recorded_at": (Type.INSTANT, "When it was recorded."),
    "role": (Type.TEXT, "In which role."),
    "rule": (Type.TEXT, "The rule, by its name; null where a person reported it."),
    "screened": (Type.STATED, "When the subject was screened."),
    "sealed_done": (Type.WORDS, "Entries of the sealed book that show it done."),
    "sealed_events": (Type.WORDS, _SEALED),
    "seq": (Type.INTEGER, "The entry, by its number in its book."),
    "serious": (Type.BOOLEAN, "Whether the adverse event is serious."),
    "severity": (Type.TEXT, "Severity of the adverse event."),
    "signed_book": (Type.TEXT, "The book of the entry that was signed."),
    "signed_seq": (Type.INTEGER, "The entry that was signed, or up to which."),
    "signed_type": (Type.TEXT, "The type of the entry that was signed; null of what is more than one entry."),
    "since": (Type.STATED, "Since when the subject has had the status."),
    "site": (Type.TEXT, "The site."),
    "soc": (Type.TEXT, "System organ class (MedDRA)."),
    "source": (Type.TEXT, "Where the law says so."),
    "stage": (Type.TEXT, "The stage that was reached."),
    "state": (Type.TEXT, "DUE or OVERDUE."),
    "status": (Type.TEXT, "The subject's status."),
    "stratum": (Type.TEXT, "The stratum."),
    "subject": (Type.TEXT, "The subject, by its pseudonym."),
    "subjects": (Type.INTEGER, "Subjects counted."),
    "survival": (Type.NUMBER, "Estimated probability of surviving beyond that day (Kaplan-Meier)."),
    "target_seq": (Type.INTEGER, "The entry that it is about."),
    "target_type": (Type.TEXT, "The type of the entry that it is about."),
    "term": (Type.TEXT, "The term."),
    "time": (Type.INTEGER, "Days since randomization."),
    "title": (Type.TEXT, "What has to be done."),
    "to": (Type.WORDS, "Who has to be told."),
    "trigger": (Type.TEXT, "What raised it."),
    "type": (Type.TEXT, "The type of the event."),
    "unit": (Type.TEXT, "The unit."),
    "until": (Type.DAY, "The last day of the window."),
    "verbatim": (Type.TEXT, "The wording as written; null in the row of a term as a whole."),
    "visit": (Type.TEXT, "The visit."),
    "voided_by": (Type.INTEGER, "The entry that voided it."),
    "voided_in": (Type.TEXT, "The book of the entry that voided it, where it is another."),
    "what": (Type.TEXT, "What happened, in words."),
    "who": (Type.TEXT, "Who did it (pseudonym)."),
    "why": (Type.TEXT, "The reason that was given."),
    "words": (Type.TEXT, "What the signer wrote with it."),
}
_OF_VIEW: Final[Mapping[tuple[str, str], Described]] = {
    ("ae-rate", "category"): (Type.TEXT, "Which events: ALL, SERIOUS, …"),
    ("ae-rate", "events"): (Type.INTEGER, "Adverse events within the window."),
    ("ae-rate", "subjects"): (Type.INTEGER, "Subjects with an event."),
    ("allocation", "due"): (Type.INTEGER, "The index that was next, of a draw out of turn."),
    ("censoring", "group"): (Type.TEXT, "The group in whose curve the subject is: an arm's label, or Total."),
    ("consort", "detail"): (Type.TEXT, "Part of the stage; null of all of it."),
    ("disposition", "category"): (Type.TEXT, "DISPOSITION EVENT, VISIT, or another category of CDISC DS."),
    ("duties", "late"): (Type.BOOLEAN, "Whether it was done after the last day."),
    ("duties", "rule"): (Type.TEXT, "The rule, as docs/duties.md has it."),
    ("duties", "since"): (Type.DAY, "The day from which the clock runs."),
    ("duties", "status"): (Type.TEXT, "DONE, DUE, OVERDUE or NOT-YET."),
    ("enrolment", "site"): (Type.TEXT, "The site; null of all sites together."),
    ("enrolment", "subjects"): (Type.INTEGER, "Subjects who reached the stage, randomized or not."),
    ("signatures", "book"): (Type.TEXT, "The book of the signature: open or sealed."),
    ("signatures", "recorded_at"): (Type.INSTANT, "When it was signed."),
    ("signatures", "seq"): (Type.INTEGER, "The signature, by its number in its book."),
    ("signatures", "state"): (
        Type.TEXT,
        "CURRENT, or what has changed since: CORRECTED, VOIDED, ADDED; null of a book, which always goes on.",
    ),
    ("survival", "events"): (Type.INTEGER, "Deaths on that day."),
    ("unblinding", "since"): (Type.INSTANT, "Since when the person has known it, as recorded."),
    ("unblinding", "status"): (Type.TEXT, "KNOWS, REQUESTED, CLAIMED or MASKED."),
    ("unblinding", "subject"): (Type.TEXT, "Whose arm; null: all arms."),
}

_SUBJECTS: Final = (Type.INTEGER, "Randomized subjects of the arm.")
CELLS: Final[Mapping[str, Mapping[str, Described]]] = {
    "adverse-events": {
        "subjects": (Type.INTEGER, "Randomized subjects of the arm with such an event."),
        "events": (Type.INTEGER, "Such events in the arm."),
    },
    "disposition": {"subjects": _SUBJECTS},
    "enrolment": {"subjects": _SUBJECTS},
    "exposure": {
        "n": (Type.INTEGER, "Subjects of the arm who are summarised."),
        "mean": (Type.NUMBER, "Mean."),
        "sd": (Type.NUMBER, "Standard deviation."),
        "median": (Type.NUMBER, "Median."),
        "min": (Type.NUMBER, "Least."),
        "max": (Type.NUMBER, "Greatest."),
    },
}


def described(view: str, column: str) -> Described:
    """Type and meaning of a view's column. Raises KeyError, naming both, where nothing is said of it."""
    found = _OF_VIEW.get((view, column)) or _BY_NAME.get(column)
    if found is None:
        raise KeyError(f"view {view}: nothing is said of its column {column} in projections/sql/columns.py")
    return found
