"""How derived variables are derived, and what masked roles are told of what they are not told. For define.xml."""

from typing import Final

METHODS: Final = {
    "DTHFL": "Y where a death is recorded, or a vital status or disposition says that the subject is dead.",
    "DY": "Date minus RFSTDTC in days, plus 1 from RFSTDTC on; missing where one of the two days is not known.",
    "EPOCH": "The epoch of the element of SE that was the last to begin by then; missing where the day is not known.",
    "RFENDTC": "As the source has it where it was imported, else the date of death, or of the end of participation.",
    "RFPENDTC": "As the source has it where it was imported, else the date of death, or of the end of participation.",
    "RFSTDTC": "The date of randomization; as the source has it where it was imported and the arms are not withheld.",
    "RFX": "The first and the last date of a dose in EX; as the source has it where it was imported.",
    "SE": "Screening begins with the consent, treatment with the randomization, follow-up with the end of treatment.",
    "SEQ": "The source's number where it was imported, else counted within the subject in the order of recording.",
    "SOURCE": "As the source has it.",
    "SVPRESP": "Y where the protocol plans the visit.",
    "USUBJID": "STUDYID and the subject's pseudonym; as the source has it where it was imported.",
}
"""By the method's name in the table of variables."""

WITHHELD: Final = (
    "Withheld: these datasets are for a role that sees no arms, and are made without the book that tells arms, doses"
    " and actions taken with the product. Null here does not mean that there is no value, and no term of ARMNRS is"
    " used to say so; EX and SUPP-- of a source are left out for the same reason."
)

_WITHHELD: Final = {
    "DM": ("ARMCD", "ARM", "ACTARMCD", "ACTARM", "ARMNRS", "ACTARMUD", "RFXSTDTC", "RFXENDTC"),
    "AE": ("AEACN",),
    "SE": ("ETCD", "ELEMENT"),
    "TE": ("ETCD",),
}


def withheld(dataset: str, variable: str) -> bool:
    """Whether masked roles have no value of a variable, or another one in its place."""
    return variable in _WITHHELD.get(dataset, ())
