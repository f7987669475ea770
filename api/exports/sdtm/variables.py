"""The variables of the datasets, in the order and under the labels of SDTMIG 3.4: the one table of them.

Columns of the datasets, define.xml and what an import keeps of a source's row are all made from this table.

A line is `NAME|label|type|core|origin|codelist`.
- type: text, integer, float, or date: ISO 8601, as partial as it is known.
- core: Req, Exp, Perm. A Perm variable without a value in the whole dataset is left out of it.
- origin: C(ollected), D(erived) with the method, A(ssigned), P(rotocol).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from api.exports.sdtm.variable_lines import LINES

DataType = Literal["text", "integer", "float", "date"]


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable. `origin` is the word of Define-XML 2.1; `method` and `codelist` name one, or are empty."""

    name: str
    label: str
    type: DataType
    core: str
    origin: str
    method: str
    codelist: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """One dataset. `keys` are its sort keys; `reference`: it is about no subject."""

    name: str
    domain: str
    label: str
    kind: str
    structure: str
    keys: tuple[str, ...]
    variables: tuple[Variable, ...]

    @property
    def reference(self) -> bool:
        return self.kind == "TRIAL DESIGN"

    @property
    def sequence(self) -> str | None:
        """The name of its sequence number; None where it has none."""
        name = f"{self.domain}SEQ"
        return name if any(variable.name == name for variable in self.variables) else None


_ORIGINS: Final = {"C": "Collected", "D": "Derived", "A": "Assigned", "P": "Protocol"}
_TYPES: Final[dict[str, DataType]] = {"text": "text", "integer": "integer", "float": "float", "date": "date"}


def _variable(line: str) -> Variable:
    name, label, type_, core, origin, codelist = line.split("|")
    letter, _, method = origin.partition(":")
    return Variable(name, label, _TYPES[type_], core, _ORIGINS[letter], method, codelist)


def _datasets() -> Iterator[Dataset]:
    for block in LINES.strip().split("\n\n"):
        head, *lines = block.splitlines()
        name, label, kind, structure, keys = head.removeprefix("# ").split("|")
        yield Dataset(name, name, label, kind, structure, tuple(keys.split()), tuple(map(_variable, lines)))


DATASETS: Final[dict[str, Dataset]] = {dataset.name: dataset for dataset in _datasets()}
"""By name, in the order in which define.xml lists them. `SUPP` stands for the SUPP-- of any domain."""

SUPPLEMENT: Final = "SUPP"


def dataset_of(name: str) -> Dataset:
    """The dataset of that name, SUPPDM and its like too. Raises KeyError."""
    if name in DATASETS:
        return DATASETS[name]
    if not name.startswith(SUPPLEMENT):
        raise KeyError(name)
    pattern, about = DATASETS[SUPPLEMENT], name.removeprefix(SUPPLEMENT)
    return Dataset(name, about, f"{pattern.label} for {about}", pattern.kind, pattern.structure, pattern.keys,
                   pattern.variables)  # fmt: skip


def is_variable(domain: str, name: str) -> bool:
    """Whether SDTMIG has such a variable in the domain."""
    return domain in DATASETS and any(variable.name == name for variable in DATASETS[domain].variables)
