"""The protocols of the two worlds: one with a control arm of no intervention, one with two active arms."""

from typing import Any, Final

from ledger.domain.allocation import default_parameters
from ledger.domain.protocol import Protocol, reference_protocol
from ledger.proof.allocation import MINIMISATION, PERMUTED_BLOCKS

_REFERENCE: Final = reference_protocol()
_VALUE: Final[dict[str, Any]] = _REFERENCE.model_dump(mode="json")
_OFTEN: Final[dict[str, Any]] = {
    "sites": [{"id": site, "name": f"Site {site}"} for site in ("S01", "S02")],
    "settings": _VALUE["settings"] | {"anchor_every": 8},
}

NO_INTERVENTION: Final[Protocol] = _REFERENCE.amended(_OFTEN)
TWO_ACTIVE: Final[Protocol] = _REFERENCE.amended(
    _OFTEN
    | {
        "arms": [
            {"code": "CONTROL", "label": "Comparator", "type": "ACTIVE_COMPARATOR", "doses_planned": 1},
            _VALUE["arms"][1],
        ],
        "interventions": [
            *_VALUE["interventions"],
            {"name": "Dexamethasone", "type": "DRUG", "arms": ["CONTROL"]},
        ],
        "dosing": [
            *_VALUE["dosing"],
            {
                "intervention": "Dexamethasone",
                "arm": "CONTROL",
                "doses": 1,
                "amount": "6",
                "unit": "mg",
                "per_kg": False,
                "route": "ORAL",
                "tolerance_percent": "10",
            },
        ],
    }
)


def parameters_of(protocol: Protocol) -> dict[str, Any]:
    """The parameters of the allocation list: permuted blocks for the one, minimisation for the other."""
    return default_parameters(protocol, MINIMISATION if protocol == TWO_ACTIVE else PERMUTED_BLOCKS)


PROTOCOLS: Final = {"no intervention": NO_INTERVENTION, "two active arms": TWO_ACTIVE}
SWAPPED: Final = {"CONTROL": "TREATMENT", "TREATMENT": "CONTROL"}
