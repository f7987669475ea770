"""Rows on their way into datasets, in files of their own: how many there are, and how long, is known at the end only.

1. A row is one line of JSON in the scratch file of its dataset, in the order in which it came.
2. Of each variable the longest value is remembered; of those with a codelist, which values there are, up to `MOST`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TextIO

from api.exports.sdtm.variables import Dataset, Variable, dataset_of

MOST: Final = 500
"""How many values of a variable a codelist may have."""


@dataclass(slots=True)
class Made:
    """A dataset as far as it is made. `widest`: variable -> how long its longest value is; `values`: see above."""

    dataset: Dataset
    path: Path
    rows: int = 0
    widest: dict[str, int] = field(default_factory=dict)
    values: dict[str, set[str]] = field(default_factory=dict)

    @property
    def variables(self) -> list[Variable]:
        """Its variables: all but those that need not be there and have no value."""
        return [one for one in self.dataset.variables if one.core != "Perm" or one.name in self.widest]

    def records(self) -> Iterator[dict[str, Any]]:
        """Its rows."""
        with self.path.open(encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)


class Scratch:
    """Takes rows, as a context manager that closes its files; they are removed by `remove`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, TextIO] = {}
        self.made: dict[str, Made] = {}

    def __enter__(self) -> Self:
        self._folder.mkdir()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for file in self._files.values():
            file.close()

    def add(self, name: str, row: Mapping[str, Any]) -> None:
        """A row of a dataset. Values that are None or empty are missing."""
        made = self._made(name)
        known = {variable.name: variable for variable in made.dataset.variables}
        given = {key: value for key, value in row.items() if value not in (None, "")}
        if strange := given.keys() - known.keys():
            raise KeyError(f"{name} has no variable {', '.join(sorted(strange))}")
        for key, value in given.items():
            text = str(value)
            made.widest[key] = max(made.widest.get(key, 0), len(text))
            if known[key].codelist not in ("", "AEDICT") and len(found := made.values.setdefault(key, set())) < MOST:
                found.add(text)
        made.rows += 1
        self._files[name].write(json.dumps(given, ensure_ascii=False, separators=(",", ":")) + "\n")

    def flush(self) -> None:
        """Everything is in the files."""
        for file in self._files.values():
            file.flush()

    def remove(self) -> None:
        """Remove the files."""
        for made in self.made.values():
            made.path.unlink(missing_ok=True)
        self._folder.rmdir()

    def _made(self, name: str) -> Made:
        if name not in self.made:
            path = self._folder / f"{name}.lines"
            self._files[name] = path.open("w", encoding="utf-8", newline="")
            self.made[name] = Made(dataset_of(name), path)
        return self.made[name]
