"""dossier.json: the sections with the answers of their views, and which events each number comes from.

`sections` follow from the position alone; what the whole file says of itself, and what was recorded later, stand beside
them. It is written piece by piece.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, Any, Final

from api.dossier.changes import Changes, refs_of
from api.dossier.model import Grid, Section, listed

FORMAT: Final = "trial-ledger/dossier/1"


def head_of(**told: Any) -> dict[str, Any]:
    """What a dossier is of."""
    return {"format": FORMAT, **told}


class Machine:
    """Writes the file, member by member."""

    def __init__(self, file: IO[str], head: Mapping[str, Any]) -> None:
        self._file = file
        file.write("{\n")
        file.write(",\n".join(f"{_json(name)}: {_json(value)}" for name, value in head.items()))
        self._open = False

    def section(self, section: Section) -> None:
        """Add a section."""
        self._file.write(",\n" if self._open else ',\n"sections": {\n')
        self._open = True
        value = {"title": section.title, "said": list(section.said), **section.facts}
        self._file.write(f"{_json(section.name)}: {_json(value)[:-1]}, ")
        self._file.write('"views": {')
        for number, (name, view) in enumerate(section.views.items()):
            self._file.write(", " if number else "")
            self._view(name, view)
        self._file.write('}, "links": {')
        linked = [grid for grid in section.grids if grid.links]
        for number, grid in enumerate(linked):
            self._file.write(f"{', ' if number else ''}{_json(grid.name)}: ")
            self._array(_links(grid))
        self._file.write("}}")

    def end_sections(self) -> None:
        """No more sections come."""
        self._file.write("\n}")

    def changes(self, name: str, found: Changes) -> None:
        """Add what was recorded between two positions."""
        told = {"from": found.start.open, "to": found.stop.open - 1, "counts": found.counts, "unlisted": found.unlisted}
        self._file.write(f',\n{_json(name)}: {_json(told)[:-1]}, "events": ')
        self._array({**row, "events": listed(refs_of(row))} for row in found.rows())
        self._file.write("}")

    def member(self, name: str, value: Any) -> None:
        """Add a member."""
        self._file.write(f",\n{_json(name)}: {_json(value)}")

    def end(self) -> None:
        """Nothing more comes."""
        self._file.write("\n}\n")

    def _view(self, name: str, view: Mapping[str, Any]) -> None:
        rows: Sequence[Any] = view["rows"]
        rest = {key: value for key, value in view.items() if key != "rows"}
        self._file.write(f'{_json(name)}: {_json(rest)[:-1]}, "rows": ')
        self._array(rows)
        self._file.write("}")

    def _array(self, values: Iterable[Any]) -> None:
        self._file.write("[")
        for number, value in enumerate(values):
            self._file.write((",\n" if number else "\n") + _json(value))
        self._file.write("]")


def _links(grid: Grid) -> Iterator[dict[str, Any]]:
    """Number of the row in the table that people are shown, column, and the events behind that cell."""
    for (row, column), refs in grid.links.items():
        if refs:
            yield {"row": row, "column": column, "events": listed(refs)}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
