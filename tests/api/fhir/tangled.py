"""A ledger of four subjects in which much was corrected, voided, withdrawn, and entered after unblinding.

`whole_trial` is its beginning; what follows is about S-01-002 (corrections), S-01-003 (withdrawal from the
intervention, death), S-01-004 (withdrawal and return), S-01-009 (a consent recorded in error, and nothing else).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from api.bootstrap import open_trial
from tests.projections.whole_trial import GIVEN, LOTS, SUBJECTS, protocol_masking, whole_trial

UNUSUAL: Final = "a term with a\u00a0hard space, “quotes”, \\ and a\nline"
PARTIAL: Final = "2020-05"
GIVEN_AT: Final = "2020-05-06T08:30+00:00"


@contextmanager
def tangled(folder: Path) -> Iterator[Path]:
    trial = whole_trial(folder, protocol_masking("QUADRUPLE"))
    trial.ledger = open_trial(trial.path, clock=trial.clock)

    def do(role: str, type_: str, data: dict[str, Any]) -> str:
        answer = trial.do(type_, data, actor={"id": f"{role}-2", "role": role, "org": "FJD"})
        return answer.id

    first, second, third, fourth = SUBJECTS
    event = {"subject": second, "ae": "AE2", "term": UNUSUAL, "serious": True, "seriousness": ["HOSPITALIZATION"]}
    reported = do("investigator", "report-adverse-event", {**event, "severity": "MILD", "onset": PARTIAL})
    severe = {"changes": [{"field": "severity", "new": "SEVERE"}], "reason": "mistyped"}
    do("investigator", "correct-record", {"target": {"command": reported}, **severe})
    coding = {"subject": second, "ae": "AE2", "dictionary": "MedDRA", "dictionary_version": "23.0"}
    terms = {"lowest_level_term": "Pyrexia", "preferred_term": "Pyrexia", "system_organ_class": "General disorders"}
    do("data-manager", "code-adverse-event", {**coding, **terms})
    follow = {"subject": second, "ae": "AE2", "note": "It passed.", "outcome": "RECOVERED/RESOLVED"}
    do("investigator", "follow-up-adverse-event", {**follow, "ended": "2020-05-07", "causality": "POSSIBLE"})
    wrong = do("investigator", "report-adverse-event", {**event, "ae": "AE3", "term": "Somebody else's event"})
    do("investigator", "report-adverse-event", {**event, "ae": "AE4", "term": "Before", "onset": "2020-05-05"})
    void = {"target": {"command": wrong}, "reason": "of another patient"}
    do("investigator", "void-record", void)

    dose = {"subject": second, "dose_number": 2, "product": GIVEN, "lot": LOTS[0], "given_amount": "1", "unit": "mg"}
    do("pharmacist", "record-treatment", {**dose, "started_at": GIVEN_AT})
    do("pharmacist", "record-action-taken", {"subject": second, "ae": "AE2", "action": "DRUG WITHDRAWN"})
    assessed = {"subject": second, "ae": "AE2", "expectedness": "UNEXPECTED", "reference": "Investigator's Brochure"}
    do("safety-physician", "assess-expectedness", assessed)

    do("investigator", "withdraw-consent", {"subject": third, "giver": "PATIENT", "scope": "INTERVENTION"})
    do("investigator", "record-death", {"subject": third, "died": "2020-05-06", "cause": "respiratory failure"})
    do("investigator", "withdraw-consent", {"subject": fourth, "giver": "LEGAL_REPRESENTATIVE", "scope": "ALL"})
    again = {"subject": fourth, "form": "VERBAL", "giver": "PATIENT", "document_version": "1.0", "witnessed": True}
    do("investigator", "renew-consent", {**again, "reason": "CAPACITY_REGAINED"})
    twice = do("investigator", "renew-consent", {**again, "reason": "OTHER"})
    do("investigator", "void-record", {"target": {"command": twice}, "reason": "entered twice"})
    mistaken = trial.consent("S-01-009").id
    do("investigator", "void-record", {"target": {"command": mistaken}, "reason": "no such patient"})
    # Whoever broke the code of the first subject knows its arm: what they say of it lies in the sealed book.
    known = {"subject": first, "ae": "AE9", "term": "Seen after the code was broken", "serious": False}
    trial.do("report-adverse-event", known, actor={"id": "investigator-1", "role": "investigator", "org": "FJD"})
    trial.ledger.close()
    yield trial.path
