"""What is found at screening: values for every variable of NCT04348461, and one way to fail each criterion.

The values are those of somebody eligible; a failure changes what its criterion asks for, and no more than that.
"""

import random
from datetime import datetime
from typing import Final, TypeAlias

from api.simulation.steps import DAY, local_day

Values: TypeAlias = dict[str, bool | int | str]

FAILURES: Final = ("I5", "E3", "E10", "I3", "E4", "E7", "E11", "I6", "E8", "E1", "I2", "I4", "E9", "E5")
"""The criteria that subjects fail, in the order in which they are dealt out; I3 fails E2 too, and I6 E6."""

_FAILED: Final[dict[str, Values]] = {
    "I2": {"age_years": 17},
    "I3": {"rt_pcr_result": "NEGATIVE"},
    "I4": {"intubated": False, "mechanical_ventilation": False},
    "I5": {"pao2_fio2_mmhg": "241.5"},
    "I6": {
        "sex": "F",
        "age_years": 36,
        "childbearing_potential": True,
        "effective_contraception": True,
        "urine_pregnancy_test": "POSITIVE",
        "pregnant": True,
    },
    "E1": {"other_ards_cause": True},
    "E3": {"failing_organs": 5},
    "E4": {"ecmo_needed": True},
    "E5": {"home_oxygen": "PRIOR"},
    "E7": {"active_tumour": True},
    "E8": {"prior_immunosuppression": True},
    "E9": {"product_hypersensitivity": True},
    "E10": {"last_dvt_pe_date": "2019-02"},
}


def eligible(rng: random.Random, form: str, giver: str) -> Values:
    """The screening values of somebody who meets every criterion, with consent of that form by that giver."""
    sex, age = ("F" if rng.random() < 0.35 else "M"), rng.randint(31, 79)
    fertile = sex == "F" and age < 50
    return {
        "sex": sex,
        "age_years": age,
        "rt_pcr_result": "POSITIVE",
        "rt_pcr_specimen": rng.choice(["NASOPHARYNGEAL_SWAB", "TRACHEAL_ASPIRATE", "BRONCHOALVEOLAR_LAVAGE"]),
        "intubated": True,
        "mechanical_ventilation": True,
        "failure_secondary_to_sars_cov_2": True,
        "bilateral_infiltrate": True,
        "lv_failure_excluded_by": rng.choice(["ULTRASOUND", "HAEMODYNAMICS"]),
        "sudden_onset": True,
        "pao2_fio2_mmhg": f"{rng.randint(62, 198)}.{rng.randint(0, 9)}",
        "childbearing_potential": fertile,
        "urine_pregnancy_test": "NEGATIVE" if fertile else "NOT_DONE",
        "consent_form": form,
        "consent_giver": giver,
        "other_ards_cause": False,
        "failing_organs": rng.randint(1, 3),
        "ecmo_needed": False,
        "copd_severity": "MILD" if rng.random() < 0.1 else "NONE",
        "home_oxygen": "NEVER",
        "pregnant": False,
        "lactating": False,
        "effective_contraception": fertile,
        "active_tumour": False,
        "prior_immunosuppression": False,
        "product_hypersensitivity": False,
        "last_dvt_pe_date": "2011-04" if rng.random() < 0.1 else "NEVER",
        "last_trial_participation_date": "2018" if rng.random() < 0.1 else "NEVER",
    }


def failing(values: Values, criterion: str, on: datetime) -> Values:
    """`values`, but failing `criterion`; `on` is the time of screening."""
    if criterion == "E11":
        return {**values, "last_trial_participation_date": local_day(on - 40 * DAY)}
    return {**values, **_FAILED[criterion]}
