"""Which records of a feed may tell an arm: by the names under which they stand, by what they say, by who entered them.

1. Claims of a source lie in the open book (`events/source.py`). So whatever may tell an arm is refused where the
   protocol masks anybody, until whoever imports says of each OID that it is left out, or that it tells no arm. Where
   nobody is masked, nothing is suspected.
2. OIDs (of study event, form, group of items, item) are cut into words, and the words compared with what studies call
   arms, treatments, randomization, doses and exposure, kits and lots, unblinding, actions taken with the product.
   Concomitant and earlier treatments (CM, PR, MH, SU) are none of these.
3. Values, reasons, and what vendors add (queries, comments) are compared with the arms and interventions of the
   protocol. A value is suspect if it is the name of one, or has it in it; a text if it has it in it. Names of fewer
   than three characters, numbers, and (within a text) words of everybody such as `treatment` are not looked for: what a
   coded value means stands in a code list, which a feed does not have. What is coded is found by its OID, or not.
4. Of an OID that is suspect by its name, or whose values are, no record is taken if it is left out: that there is one
   may tell the arm. Of one in which a text alone is suspect, the records with such a text are left out. The values of
   an item that is left out and not suspect are left out, and its records stay: it names a person (`taking.py`).
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from ledger.domain.events.source import SourceRecord
from ledger.domain.protocol import Protocol

NO_OID: Final = "SubjectData"
"""What a record that stands under no OID is called."""
_PIECES: Final = re.compile(r"[A-Z]+[0-9]*(?![a-z])|[A-Z]?[a-z]+[0-9]*|[0-9]+")
_OTHERS: Final = r"(?!CM|PR|MH|SU|CON|AECON)"
_WORDS: Final = tuple(
    (what, re.compile(pattern))
    for what, pattern in (
        ("an arm", r"(?:ACT|ACTUAL|PLAN|PLANNED|STUDY|TRT|TREATMENT)?ARM(?:S|CD|CODE|N|NM|NAME|NRS|UD|DESC|TXT)?"),
        (
            "a treatment",
            rf"{_OTHERS}[A-Z]{{0,6}}(?:TRT|TREAT)[A-Z0-9]*|TX(?:ARM|GRP|GROUP|CD)?|STUDY(?:DRUG|MED)[A-Z]*",
        ),
        ("randomization", r"(?:RE)?RAND[A-Z0-9]*|RND(?:NO|NUM|CD)?|I[WVX]RS[A-Z0-9]*|IRT|RTSM"),
        ("a dose", rf"{_OTHERS}[A-Z]{{0,5}}DOS(?:E|I|A|U|T|F|R)[A-Z0-9]*|INFUS[A-Z]*"),
        # EX01 is an exclusion criterion, and EXAM, EXCL…, EXIT, EXPECTED, EXTERNAL are words of their own.
        ("exposure", r"EX(?!\d\d$|A[MC]|C[ELI]|ER|HA|I[ST]|P[ELI]|TE|TRA)[A-Z0-9]*"),
        ("exposure", r"EC(?:TRT|DOS|ST|EN|LOT|ADJ|OCCUR|PRESP|MOOD|ROUTE)[A-Z0-9]*|RFX?(?:ST|EN)DTC|RFX[A-Z]*"),
        (
            "a kit or lot",
            r"[A-Z]{0,5}KIT(?:S|NO|NUM|ID|CD)?\d*|(?:EX|EC|DA|IP)?LOT(?:S|NO|NUM|ID)?|BATCH[A-Z]*|VIAL[A-Z]*",
        ),
        ("the product", r"IMPS?|PLACEBO[A-Z]*|PBO|DISPENS[A-Z]*|DA(?:TESTCD|ORRES[A-Z]*|STRES[A-Z]*|REFID)"),
        ("unblinding", r"(?:UN|DE)?BLIND[A-Z]*|UNMASK[A-Z]*|CODEBR[A-Z]*"),
        ("an action taken with the product", r"AEACN[A-Z0-9]*|ACN[A-Z0-9]*|[A-Z]*TRTEM[A-Z]*"),
    )
)
_UNBLINDED: Final = re.compile(r"un-?_?(?:blind|mask)", re.IGNORECASE)
_NO_NAMES: Final = frozenset({"unknown", "other", "none", "not stated by the source", "not applicable", "yes", "no"})
_EVERYBODYS: Final = frozenset(
    {"treatment", "control", "active", "standard", "standard of care", "usual care", "no intervention", "observation",
     "arm", "group", "drug", "product", "intervention", "experimental"}
)  # fmt: skip
_LEAST: Final = 3


@dataclass(frozen=True, slots=True)
class Suspect:
    """An OID of which a record may tell an arm, and why. `whole`: so may every record of it."""

    oid: str
    why: str
    whole: bool = True


class Arms:
    """What may tell an arm in a trial with this protocol; of a feed without one, `None`, nothing is known but OIDs."""

    def __init__(self, protocol: Protocol | None, *, masked: bool) -> None:
        self.masked = masked
        named = [] if protocol is None else [
            *(name for arm in protocol.arms for name in (arm.code, arm.label)),
            *(one.name for one in protocol.interventions),
        ]  # fmt: skip
        plain = {_plain(name): name for name in named}
        self._names = {
            said: name
            for said, name in plain.items()
            if len(said) >= _LEAST and not said.replace(" ", "").isdigit() and said not in _NO_NAMES
        }
        self._within = {said: name for said, name in self._names.items() if said not in _EVERYBODYS}

    def suspects(self, record: SourceRecord) -> Iterator[Suspect]:
        """The OIDs by which a record may tell an arm."""
        if not self.masked:
            return
        for oid in oids_of(record):
            if (word := telling(oid)) is not None:
                yield Suspect(oid, f"its name speaks of {word[0]} ({word[1]})")
        own = next(reversed(oids_of(record)), NO_OID)
        for by in (record.claimed.user, record.claimed.location):
            if _UNBLINDED.search(by):
                yield Suspect(own, f"was entered by {by}, by that name somebody unblinded", whole=False)
        if record.value is not None and (name := self._named(record.value)) is not None:
            yield Suspect(own, f"has a value that names {name!r} of the protocol")
        for text in (record.claimed.reason, record.unit, *(one.value for one in record.extensions)):
            if text and self._within and (name := self._spoken_of(_plain(text))) is not None:
                yield Suspect(own, f"has a reason, remark or unit that names {name!r} of the protocol", whole=False)

    def _named(self, value: str) -> str | None:
        said = _plain(value) if self._names else ""
        return self._names.get(said) or self._spoken_of(said)

    def _spoken_of(self, said: str) -> str | None:
        padded = f" {said} "
        return next((name for known, name in self._within.items() if f" {known} " in padded), None)


@dataclass(frozen=True, slots=True)
class Choice:
    """What is left out of a feed, and what is said to tell no arm, by OIDs; `wholly`: of which no record is taken."""

    arms: Arms
    leave_out: frozenset[str] = frozenset()
    no_arm: frozenset[str] = frozenset()
    wholly: frozenset[str] = frozenset()

    @property
    def values(self) -> frozenset[str]:
        """Items of which the values alone are left out."""
        return self.leave_out - self.wholly

    def settled(self, items: Iterable[str], suspected: Iterable[str]) -> "Choice":
        """The same, when the items of the feed are known, and the OIDs of which every record is suspect."""
        persons = frozenset(items) - frozenset(suspected)
        return replace(self, wholly=self.leave_out - persons)

    def left(self, record: SourceRecord) -> str | None:
        """By which OID a record is left out whole; None if it is taken."""
        if not self.leave_out:
            return None
        for oid in oids_of(record):
            if oid in self.wholly:
                return oid
        return next((one.oid for one in self.arms.suspects(record) if one.oid in self.leave_out), None)

    def suspects(self, record: SourceRecord) -> Iterator[Suspect]:
        """Why a record that is taken may not be, for all that whoever imports has said."""
        return (one for one in self.arms.suspects(record) if one.oid not in self.no_arm)


def oids_of(record: SourceRecord) -> list[str]:
    """The OIDs under which a record stands, from the outermost on."""
    steps = (record.study_event, record.form, record.item_group, record.item)
    return [step for step in steps if step is not None] or [NO_OID]


@lru_cache(maxsize=4096)
def telling(oid: str) -> tuple[str, str] | None:
    """What an OID speaks of that may tell an arm, and by which word; None if it does not."""
    for piece in (*_PIECES.findall(oid), re.sub(r"[^A-Za-z0-9]", "", oid)):
        word = piece.upper()
        for what, pattern in _WORDS:
            if pattern.fullmatch(word):
                return what, word
    return None


def _plain(text: str) -> str:
    """Words in small letters, with single blanks between them and no marks."""
    spread = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.findall(r"[^\W_]+", spread))
