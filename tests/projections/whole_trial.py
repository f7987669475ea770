"""A small real ledger with something of every class of data in it, and words by which each class is known.

Arms, lots and names have words of their own (`ARM_WORDS`, `NAME_WORDS`), which nothing open says by chance.
"""

import json
from collections.abc import Iterable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from api.access import Session
from api.bootstrap import open_trial, viewing
from ledger.application.signing import Wanted
from ledger.domain.decisions.base import CommandActor
from ledger.domain.events.signature import Authentication, Extent, Meaning
from ledger.domain.protocol import Protocol, reference_protocol
from ledger.domain.roles import Viewer
from ledger.domain.vocabulary import Book
from ledger.domain.when import recorded
from ledger.keys.allocation import kept_allocation
from ledger.keys.file import load_keys
from ledger.proof.sections import ARM, IDENTITY
from tests.trials import SITE, Trial

CODES: Final = {"CONTROL": "QUINCE", "TREATMENT": "MEDLAR"}
LABELS: Final = {"QUINCE": "Quince group", "MEDLAR": "Medlar group"}
LOTS: Final = ("LOT-7781-QX", "LOT-7782-QX")
GIVEN: Final = "Misgiven Placebo Mixture"
"""A product that the protocol does not have: in the clear, it would tell that it was given."""
ENTERED: Final = "an opinion formed after unblinding"
NAMES: Final = ("Ada Byron", "Mary Somerville", "Anne Milbanke", "Sophie Germain")
SIGNER: Final = "Emmy Noether"
"""The printed name of whoever signs."""
ARM_WORDS: Final = (*CODES.values(), *LABELS.values(), *LOTS, GIVEN, ENTERED, "view exposure")
SUBJECTS: Final = ("S-01-001", "S-01-002", "S-01-003", "S-01-004")


MASKABLE_TERMS: Final = ("PARTICIPANT", "CARE_PROVIDER", "INVESTIGATOR", "OUTCOMES_ASSESSOR")


def protocol_masking(masking: str, roles: Iterable[str] = ()) -> Protocol:
    """The reference protocol with arms of names that are found again, masked so."""
    reference = reference_protocol().model_dump(mode="json")
    text = json.dumps(reference)
    for old, new in CODES.items():
        text = text.replace(f'"{old}"', f'"{new}"')
    value = json.loads(text) | {"primary_purpose": reference["primary_purpose"]}
    for arm in value["arms"]:
        arm["label"] = LABELS[arm["code"]]
    return Protocol.from_value({**value, "masking": masking, "masked_roles": list(roles)})


def actor(role: str) -> dict[str, str]:
    return {"id": f"{role}-1", "role": role, "org": "FJD"}


def whole_trial(folder: Path, protocol: Protocol, *, opened: bool = False) -> Trial:
    """Four subjects at one site, with a code-break, grants, looks, signatures, and a dose against the allocation."""
    trial = Trial(folder, protocol=protocol)

    def do(role: str, type_: str, data: dict[str, Any]) -> None:
        trial.do(type_, data, actor=actor(role))

    do("sponsor", "activate-site", {"site": SITE})
    for subject in SUBJECTS:
        trial.randomized(subject)
        do("investigator", "record-visit", {"subject": subject, "visit": "DAY 3", "number": "3"})
        event: dict[str, Any] = {"subject": subject, "ae": "AE1", "term": "Fever", "severity": "MILD", "serious": False}
        if subject == SUBJECTS[-1]:
            event |= {"serious": True, "seriousness": ["HOSPITALIZATION"]}
        do("investigator", "report-adverse-event", event | {"onset": trial.clock.at.date().isoformat()})
    for name, subject in zip(NAMES, SUBJECTS, strict=True):
        given: dict[str, Any] = {
            "subject": subject,
            "form": "WRITTEN",
            "giver": "FAMILY_MEMBER",
            "document_version": "1.0",
        }
        do("investigator", "renew-consent", given | {"reason": "OTHER", "giver_name": name})
    deviation = {"subject": SUBJECTS[0], "category": "OTHER", "detail": "a visit that came late"}
    do("investigator", "report-deviation", deviation)
    for lot, subject in zip(LOTS, _in_arm(trial, "Medlar group"), strict=False):
        given = {"subject": subject, "dose_number": 1, "product": _product(protocol), "lot": lot, "weight_kg": "80"}
        now = trial.clock.at.isoformat(timespec="minutes")
        do("pharmacist", "record-treatment", given | {"given_amount": "80", "unit": "10^6 cells", "started_at": now})
    wrong = {"subject": _in_arm(trial, "Quince group")[0], "dose_number": 1, "product": GIVEN, "lot": LOTS[1]}
    now = trial.clock.at.isoformat(timespec="minutes")
    do("pharmacist", "record-treatment", wrong | {"given_amount": "80", "unit": "mg", "started_at": now})
    do("investigator", "break-code", {"subject": SUBJECTS[0], "reason": "bleeding"})
    do("investigator", "report-deviation", deviation | {"detail": ENTERED})
    for role, classes in (("auditor", [ARM, IDENTITY]), ("inspector", [IDENTITY])):
        granted = {"person": f"{role}-1", "role": role, "classes": classes, "reason": "inspection"}
        do("sponsor", "grant-access", granted)
    do("sponsor", "halt-trial", {"reason": "lack of money"})
    do("sponsor", "restart-trial", {"reason": "money"})
    sign(trial, "monitor", "seen on site")
    sign(trial, "statistician", ENTERED)
    trial.ledger.close()
    Session(trial.path, viewer("statistician"), clock=trial.clock).show("exposure")
    if opened:
        _open_list(trial)
    return trial


def sign(trial: Trial, role: str, words: str) -> None:
    """Somebody signs what stands in the open book so far: in the sealed one, if the role tells arms."""
    signer = CommandActor.model_validate(actor(role))
    trial.clock.at += timedelta(minutes=1)
    by = Authentication(
        issuer="https://login.invalid",
        authenticated_at=recorded(trial.clock.at),
        methods=("pwd",),
        token_sha256="0" * 64,
    )
    wanted = Wanted(f"sign-{role}", Meaning.REVIEW, Extent.BOOK, Book.OPEN, 3, words=words)
    trial.ledger.signatures.sign(wanted, signer, SIGNER, by, arms=role == "statistician")


def viewer(role: str, person: str | None = None) -> Viewer:
    """Somebody in a role, of the trial's one site."""
    return Viewer(person or f"{role}-1", role, "FJD", frozenset({SITE}))


def _in_arm(trial: Trial, label: str) -> list[str]:
    rows = viewing(trial.path, "statistician").show("subjects", None).rows
    return [row["subject"] for row in rows if row["arm"] == label]


def _product(protocol: Protocol) -> str:
    return protocol.dosing[0].intervention


def _open_list(trial: Trial) -> None:
    with closing(load_keys(trial.path)) as keys:
        kept = kept_allocation(keys)
    assert kept is not None
    secret, parameters = kept
    trial.ledger = open_trial(trial.path, clock=trial.clock)
    trial.do("halt-trial", {"reason": "no money"}, actor=actor("sponsor"))
    opening = {"secret": secret.hex(), "parameters": parameters.to_value(), "reason": "the end"}
    trial.do("open-allocation", opening, actor=actor("statistician"))
    trial.ledger.close()
