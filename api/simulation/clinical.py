"""Adverse events of the critically ill as masked people see them: what happens, how bad, how it ends.

Rules
- Nothing here depends on an arm: it is all drawn from the subject's own random numbers.
- Terms have the form of MedDRA (system organ class, preferred term) and are labelled as simulated.
- The first event comes within two days, so that everybody has one; most come within 28 days, none after the end.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from api.simulation.steps import DAY, HOUR, MINUTE

DICTIONARY: Final = "MedDRA-like simulated"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of adverse event: as written down, preferred term, system organ class, usual severity, criterion."""

    term: str
    pt: str
    soc: str
    severity: str
    criterion: str | None = None


_BLOOD: Final = "Blood and lymphatic system disorders"
_CARDIAC: Final = "Cardiac disorders"
_GENERAL: Final = "General disorders and administration site conditions"
_INFECTIONS: Final = "Infections and infestations"
_LABORATORY: Final = "Investigations"
_METABOLISM: Final = "Metabolism and nutrition disorders"
_NERVOUS: Final = "Nervous system disorders"
_PSYCHIATRIC: Final = "Psychiatric disorders"
_RENAL: Final = "Renal and urinary disorders"
_LUNGS: Final = "Respiratory, thoracic and mediastinal disorders"
_VESSELS: Final = "Vascular disorders"

KINDS: Final = (
    Kind("ventilator-associated pneumonia", "Pneumonia", _INFECTIONS, "SEVERE", "LIFE_THREATENING"),
    Kind("bacteraemia, coagulase-negative staphylococcus", "Staphylococcal bacteraemia", _INFECTIONS, "MODERATE"),
    Kind("urinary infection, catheter", "Urinary tract infection", _INFECTIONS, "MILD"),
    Kind("acute kidney injury, KDIGO 2", "Acute kidney injury", _RENAL, "SEVERE", "HOSPITALIZATION"),
    Kind("oliguria", "Oliguria", _RENAL, "MODERATE"),
    Kind("new atrial fibrillation", "Atrial fibrillation", _CARDIAC, "MODERATE", "MEDICALLY_IMPORTANT"),
    Kind("sinus bradycardia", "Bradycardia", _CARDIAC, "MILD"),
    Kind("deep vein thrombosis, left leg", "Deep vein thrombosis", _VESSELS, "SEVERE", "MEDICALLY_IMPORTANT"),
    Kind("hypotension needing noradrenaline", "Hypotension", _VESSELS, "SEVERE", "LIFE_THREATENING"),
    Kind("pneumothorax after line placement", "Pneumothorax", _LUNGS, "SEVERE", "LIFE_THREATENING"),
    Kind("pulmonary embolism, segmental", "Pulmonary embolism", _LUNGS, "SEVERE", "LIFE_THREATENING"),
    Kind("anaemia", "Anaemia", _BLOOD, "MILD"),
    Kind("thrombocytopenia", "Thrombocytopenia", _BLOOD, "MODERATE"),
    Kind("hyperglycaemia on steroids", "Hyperglycaemia", _METABOLISM, "MILD"),
    Kind("hypokalaemia", "Hypokalaemia", _METABOLISM, "MILD"),
    Kind("fever, 38.9 C", "Pyrexia", _GENERAL, "MILD"),
    Kind("transaminases raised", "Transaminases increased", _LABORATORY, "MILD"),
    Kind("triglycerides raised, propofol", "Blood triglycerides increased", _LABORATORY, "MILD"),
    Kind("delirium on waking", "Delirium", _PSYCHIATRIC, "MODERATE"),
    Kind("ICU-acquired weakness", "Critical illness polyneuropathy", _NERVOUS, "SEVERE", "DISABILITY"),
)
FATAL: Final = (
    Kind("septic shock", "Septic shock", _INFECTIONS, "SEVERE", "LIFE_THREATENING"),
    Kind("multiple organ failure", "Multiple organ dysfunction syndrome", _GENERAL, "SEVERE", "LIFE_THREATENING"),
    Kind("refractory hypoxaemia", "Respiratory failure", _LUNGS, "SEVERE", "LIFE_THREATENING"),
    Kind("cardiac arrest", "Cardiac arrest", _CARDIAC, "SEVERE", "LIFE_THREATENING"),
)
_CAUSALITY: Final = ("NONE",) * 8 + ("REMOTE",) * 5 + ("NOT RELATED",) * 2 + ("POSSIBLE",) * 4 + ("PROBABLE",)


@dataclass(frozen=True, slots=True)
class Course:
    """One adverse event of one subject, from its onset to its end; `ended` is None while nobody knows of one."""

    ae: str
    kind: Kind
    onset: datetime
    observed: datetime
    severity: str
    criterion: str | None
    causality: str
    ended: datetime | None
    sequelae: bool = False
    fatal: bool = False

    @property
    def serious(self) -> bool:
        return self.criterion is not None


def courses(rng: random.Random, begins: datetime, until: datetime, killed: datetime | None) -> list[Course]:
    """The adverse events of a subject randomized at `begins` and observed `until`, in the order of their onset.

    With `killed`, there is a last one, of which the subject died then.
    """
    days = max(1, (until - begins) // DAY)
    onsets = [rng.randrange(2 * 24)]
    for _ in range(rng.choice((1, 2, 2, 3, 4))):
        onsets.append(rng.randrange(24, 24 * min(28, days) + 1) if rng.random() < 0.7 else rng.randrange(24 * days))
    kinds = rng.sample(KINDS, len(onsets))
    found: list[Course] = []
    for hours, kind in zip(sorted(onsets), kinds, strict=True):
        onset = begins + hours * HOUR + rng.randrange(120) * MINUTE
        observed = onset + rng.randrange(30, 600) * MINUTE
        if observed >= until - 12 * HOUR:
            continue
        found.append(_course(rng, str(len(found) + 1), kind, onset, observed, until))
    if killed is not None:
        onset = max(begins + 2 * HOUR, killed - rng.randrange(10, 70) * HOUR)
        kind, number = rng.choice(FATAL), str(len(found) + 1)
        causality = rng.choice(_CAUSALITY)
        found.append(
            Course(number, kind, onset, onset + 20 * MINUTE, "SEVERE", kind.criterion, causality, killed, fatal=True)
        )
    return found


def _course(rng: random.Random, ae: str, kind: Kind, onset: datetime, observed: datetime, until: datetime) -> Course:
    milder = {"SEVERE": "MODERATE", "MODERATE": "MILD", "MILD": "MILD"}
    severity = milder[kind.severity] if rng.random() < 0.3 else kind.severity
    criterion = kind.criterion if severity == kind.severity or rng.random() < 0.3 else None
    ended = observed + timedelta(hours=rng.randrange(20, 24 * 20))
    sequelae = severity == "SEVERE" and rng.random() < 0.2
    causality = rng.choice(_CAUSALITY)
    return Course(ae, kind, onset, observed, severity, criterion, causality, ended if ended < until else None, sequelae)
