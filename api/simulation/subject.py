"""One subject's life in the trial, told as the commands that the people of the site send.

Rules
- Whoever is masked writes all of this, so nothing in it depends on an arm. What the pharmacist does is a plan.
- Nothing is observed after the subject has died, has withdrawn from everything or was lost; records of it may come
  later, and with `LATE_ENTRIES` some come weeks later.
- Each record is written after what it builds on: a follow-up after the report, a correction after the record.
"""

import random
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from api.simulation.casting import RESTARTED, Part
from api.simulation.clinical import Course, courses
from api.simulation.follow_up import tell_ending, tell_visits, tell_vital_status
from api.simulation.safety import tell_adverse_events
from api.simulation.screening import eligible, failing
from api.simulation.steps import DAY, HOUR, MINUTE, Desk, Happening, TreatmentPlan, local
from api.simulation.teller import Ending, Teller, ending
from ledger.domain.protocol import Protocol

_RELATIONS: Final = ("daughter", "son", "wife", "husband", "brother", "sister")


def tell_subject(part: Part, desk: Desk, protocol: Protocol) -> list[Happening]:
    """All that is recorded, or planned for the pharmacist, about one subject."""
    teller = Teller(part, desk, random.Random(part.seed))
    consent = consent_data(teller.rng, part)
    _tell_consent(teller, consent)
    screened = _tell_screening(teller, consent)
    if part.opening == "FAILS":
        _tell_screen_failure(teller, screened)
        return teller.told
    begins = _tell_enrolment(teller, screened)
    settings = protocol.settings
    end = ending(teller, begins, settings.follow_up_days)
    events = courses(teller.rng, begins, end.until, end.died if part.fate == "DIED" else None)
    _tell_renewals(teller, consent, begins, end)
    tell_visits(teller, settings.visits, begins, end)
    tell_adverse_events(teller, events, end)
    tell_vital_status(teller, begins, end, settings.follow_up_days)
    tell_ending(teller, begins, end, events, settings.follow_up_days)
    _plan_treatment(teller, begins, end, events)
    if "PROCEDURE_DEVIATION" in part.traits:
        data = {"category": "PROCEDURE", "important": False, "detail": "Blood sample taken five hours late."}
        seen = begins + DAY
        teller.write(seen + 3 * HOUR, "report-deviation", "deviation", seen, data)
    return teller.told


def consent_data(rng: random.Random, part: Part) -> dict[str, Any]:
    """How consent was given: two of three verbally, by a family member, before a witness."""
    verbal = part.number % 3 != 0
    chance = rng.random()
    giver = "FAMILY_MEMBER" if verbal or chance < 0.5 else "PATIENT" if chance < 0.8 else "LEGAL_REPRESENTATIVE"
    data: dict[str, Any] = {
        "site": part.site.id,
        "form": "VERBAL" if verbal else "WRITTEN",
        "giver": giver,
        "witnessed": verbal,
        "document_version": document_version(part.consented),
        "subject_name": f"Simulated Subject {part.number}",
    }
    if giver == "FAMILY_MEMBER":
        data |= {"relation": rng.choice(_RELATIONS), "giver_name": f"Simulated Relative of {part.number}"}
    elif giver == "LEGAL_REPRESENTATIVE":
        data |= {"relation": "guardian", "giver_name": f"Simulated Guardian of {part.number}"}
    if verbal:
        data["witness_name"] = f"Simulated Witness {part.number}"
    return data


def document_version(at: datetime) -> str:
    """The consent document in force: amendment 2 brought 1.1."""
    return "1.1" if at >= RESTARTED else "1.0"


def _tell_consent(teller: Teller, consent: dict[str, Any]) -> None:
    consented = teller.part.consented
    mistyped = "CONSENT_MISTYPED" in teller.part.traits
    stated = consented - 6 * HOUR if mistyped else consented
    note = "verbal consent of a family member, witnessed" if consent["form"] == "VERBAL" else None
    written = teller.after(consented, 10 * MINUTE, 90 * MINUTE)
    record = teller.write(written, "record-consent", "consent", stated, consent, note=note)
    if mistyped:
        changed = teller.after(consented, DAY, 3 * DAY)
        correction = {
            "target": {"command": record, "n": 0},
            "changes": [{"field": "occurred_at", "new": local(consented)}],
            "reason": "Time of consent mistyped; the paper form says otherwise.",
        }
        name, note = "consent-corrected", "a mistyped time of consent is corrected"
        teller.write(changed, "correct-record", name, changed, correction, note=note)


def _tell_screening(teller: Teller, consent: dict[str, Any]) -> datetime:
    """Screening, once or twice; gives the time at which its last record was written."""
    part, rng = teller.part, teller.rng
    examined = teller.after(part.consented, 2 * HOUR, 4 * HOUR)
    values = eligible(rng, consent["form"], consent["giver"])
    if part.opening == "TESTED_BEFORE_CONSENT":
        seen, note = part.consented - 2 * HOUR, "examined before consent"
    else:
        seen, note = examined, None
    if part.opening in ("FAILS", "WAIVED") and part.fails is not None:
        values, note = failing(values, part.fails, seen), f"fails criterion {part.fails}"
    recorded = examined + 20 * MINUTE
    if part.opening != "INCOMPLETE":
        teller.write(recorded, "record-screening", "screening", seen, {"values": values}, note=note)
        return recorded
    partial = {name: value for name, value in values.items() if name != "pao2_fio2_mmhg"}
    note = "one value is missing"
    teller.write(recorded, "record-screening", "screening-incomplete", seen, {"values": partial}, note=note)
    tried = recorded + 30 * MINUTE
    note = "nobody is enrolled while eligibility is not established"
    teller.write(tried, "enrol-subject", "enrolment-early", tried, {}, note=note, expect="not-eligible")
    again = tried + 2 * HOUR
    teller.write(again + 10 * MINUTE, "record-screening", "screening", again, {"values": values})
    return again + 10 * MINUTE


def _tell_screen_failure(teller: Teller, screened: datetime) -> None:
    at = teller.after(screened, HOUR, DAY)
    data = {"epoch": "SCREENING", "term": "SCREEN FAILURE", "verbatim": f"Criterion {teller.part.fails}"}
    teller.write(at, "record-disposition", "screening-ended", at - 5 * MINUTE, data)


def _tell_enrolment(teller: Teller, screened: datetime) -> datetime:
    """Enrolment and randomization; gives the time of the latter."""
    if teller.part.opening == "WAIVED":
        waived = screened + 40 * MINUTE
        data = {
            "criterion": teller.part.fails,
            "reason": "Two nights of oxygen at home during this same illness.",
            "approved_by": "medical-monitor-1",
        }
        note = "a criterion is waived; whoever enrols on it leaves a deviation"
        teller.write(waived, "grant-waiver", "waiver", waived, data, note=note)
    enrolled = teller.after(screened, HOUR, 3 * HOUR)
    teller.write(enrolled, "enrol-subject", "enrolment", enrolled, {})
    randomized = enrolled + 15 * MINUTE
    teller.write(randomized, "randomize-subject", "randomization", randomized, {})
    return randomized


def _tell_renewals(teller: Teller, consent: dict[str, Any], begins: datetime, end: Ending) -> None:
    rng, consented = teller.rng, teller.part.consented
    # To be asked again after withdrawing, be it from the intervention alone, would be to take the withdrawal back.
    stop = end.until if end.withdrew is None else end.withdrew

    def renew(name: str, at: datetime, reason: str, by_patient: bool, note: str | None = None) -> None:
        if at + HOUR >= stop:
            return
        data = {"form": "WRITTEN", "giver": "PATIENT" if by_patient else consent["giver"], "reason": reason}
        data |= {"document_version": document_version(at)}
        if not by_patient:
            data |= {key: consent[key] for key in ("relation", "giver_name") if key in consent}
        teller.write(at + HOUR, "renew-consent", name, at, data, note=note)

    by_patient = consent["giver"] == "PATIENT"
    if consent["form"] == "VERBAL" and rng.random() < 0.6:
        at = teller.after(consented, DAY, 4 * DAY)
        renew("consent-in-writing", at, "WRITTEN_CONFIRMATION", by_patient, "a verbal consent is put in writing")
    regained = teller.after(begins, 9 * DAY, 22 * DAY)
    regains = not by_patient and rng.random() < 0.85
    if regains:
        renew("consent-by-patient", regained, "CAPACITY_REGAINED", True, "the patient confirms it")
    asked = teller.after(RESTARTED, DAY, 20 * DAY)
    if consented < RESTARTED and rng.random() < 0.4:
        renew("consent-to-version-1.1", asked, "NEW_DOCUMENT_VERSION", by_patient or (regains and regained < asked))


def _plan_treatment(teller: Teller, begins: datetime, end: Ending, events: list[Course]) -> None:
    part, rng = teller.part, teller.rng
    weight = Decimal(rng.randint(540, 1120)) / 10
    first = teller.after(begins, 4 * HOUR, 22 * HOUR)
    second = teller.after(begins + 3 * DAY, HOUR, 9 * HOUR)
    stop = end.until if end.withdrew is None else end.withdrew
    for number, start in enumerate((first, second), start=1):
        if start + 5 * HOUR < stop:
            plan = TreatmentPlan(start + 4 * HOUR, part.subject, part.site, "dose", start, number, weight)
            teller.plan(plan)
    seen = first + 5 * DAY
    teller.plan(TreatmentPlan(seen, part.subject, part.site, "check", seen, 1, weight))
    for event in events:
        if event.serious:
            doses = sum(start < event.onset for start in (first, second))
            decided = event.observed + HOUR
            written = max(decided + 20 * HOUR, first + 6 * HOUR)
            plan = TreatmentPlan(written, part.subject, part.site, "action-taken", decided, doses, weight, event.ae)
            teller.plan(plan)
