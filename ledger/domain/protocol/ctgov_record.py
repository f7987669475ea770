"""A registry record under a reader that remembers what was read, so that what was not read can be reported.

Rules: a path names a leaf as `protocolSection.armsInterventionsModule.armGroups[0].label`. Every leaf is
either taken (once it is in the protocol) or in `rest`, verbatim, with its path; there is no third way. A
value of another type than the schema's is a problem that names its path.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from ledger.domain.protocol.base import Problem
from ledger.proof.canonical import MAX_INTEGER, Json

_ABSENT: Final = object()


class Record:
    """The record, what was taken of it, and what is wrong with it."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        self._record = record
        self._taken: set[str] = set()
        self.problems: list[Problem] = []

    def text(self, path: str, *, required: bool = False) -> str | None:
        """A non-empty string; None where absent, which is a problem if it is required."""
        value = self._take(path, str, "a string", required)
        if isinstance(value, str) and not value.strip():
            self.problems.append(Problem(path, "must not be empty"))
        return value if isinstance(value, str) else None

    def term(self, path: str, terms: Sequence[str], *, required: bool = False) -> str | None:
        """One of the registry's terms."""
        value = self.text(path, required=required)
        if value is not None and value not in terms:
            self.problems.append(Problem(path, f"{value[:60]!r} is not one of {', '.join(terms)}"))
        return value

    def count(self, path: str, *, required: bool = False) -> int | None:
        """An integer from 0 to 2^53 - 1."""
        value = self._take(path, int, "an integer", required)
        if isinstance(value, int) and not 0 <= value <= MAX_INTEGER:
            self.problems.append(Problem(path, "must be an integer from 0 to 2^53 - 1"))
        return value if isinstance(value, int) else None

    def flag(self, path: str) -> bool | None:
        """True or false."""
        value = self._take(path, bool, "true or false", False)
        return value if isinstance(value, bool) else None

    def items(self, path: str) -> list[str]:
        """The paths of the items of a list; none where it is absent."""
        found = self._find(path)
        if found is _ABSENT or found is None:
            return []
        if not isinstance(found, list | tuple):
            self.problems.append(Problem(path, "must be a list"))
            return []
        return [f"{path}[{index}]" for index in range(len(found))]

    def texts(self, path: str) -> list[str]:
        """A list of strings."""
        return [text for item in self.items(path) if (text := self.text(item)) is not None]

    def peek(self, path: str) -> Any:
        """What stands at a path, without taking it; None where absent."""
        found = self._find(path)
        return None if found is _ABSENT else found

    def leave(self, path: str) -> None:
        """Give back a leaf that was taken and found no place after all."""
        self._taken.discard(path)

    def rest(self) -> dict[str, Json]:
        """Every leaf that was not taken, verbatim, by path. Numbers with a fraction become their digits."""
        return {path: _plain(leaf) for path, leaf in _leaves(self._record, "") if path not in self._taken}

    def _take(self, path: str, kind: type, name: str, required: bool) -> Any:
        found = self._find(path)
        if found is _ABSENT or found is None:  # a null says nothing; it stays in the rest
            if required:
                self.problems.append(Problem(path, "is required"))
            return None
        if type(found) is not kind:  # not isinstance: a bool is no count
            self.problems.append(Problem(path, f"must be {name}"))
            return None
        self._taken.add(path)
        return found

    def _find(self, path: str) -> Any:
        found: Any = self._record
        walked = ""
        for step in path.replace("[", ".[").split("."):
            if step.startswith("["):
                found = found[int(step[1:-1])]
                walked += step
                continue
            if not isinstance(found, Mapping):
                problem = Problem(walked or "$", "must be an object")
                if problem not in self.problems:
                    self.problems.append(problem)
                return _ABSENT
            if step not in found:
                return _ABSENT
            found = found[step]
            walked = f"{walked}.{step}" if walked else step
        return found


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, member in value.items():
            plain = isinstance(key, str) and key.isascii() and key.isidentifier()
            # A key that could be mistaken for a path is quoted; json.dumps keeps it ASCII and reversible.
            step = f"{'.' if path else ''}{key}" if plain else f"[{json.dumps(str(key))}]"
            yield from _leaves(member, path + step)
    elif isinstance(value, list | tuple) and value:
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}[{index}]")
    elif path:
        yield path, value


def _plain(leaf: Any) -> Json:
    if isinstance(leaf, Mapping):
        return {}
    if isinstance(leaf, list | tuple):
        return []
    if isinstance(leaf, Decimal):
        return format(leaf, "f")
    if isinstance(leaf, float) or (isinstance(leaf, int) and abs(leaf) > MAX_INTEGER):
        return repr(leaf)
    return leaf
