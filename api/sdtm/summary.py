"""TS, the trial summary, by parameter: what is taken is marked, so that the rest can be kept as it is."""

from collections.abc import Iterator, Mapping

from api.sdtm.dataset import Dataset, Row


def value_of(row: Row) -> tuple[str, str] | None:
    """A parameter and its value (TSVAL, and TSVAL1 to TSVALn where it is longer); None where it has none."""
    name = row.values.get("TSPARMCD")
    value = "".join(row.values.get(f"TSVAL{number or ''}", "") for number in range(100))
    return (name, value) if name and value else None


class Summary:
    """The parameters with their values, and what is to be noted of them."""

    def __init__(self, dataset: Dataset | None) -> None:
        self.values: dict[str, list[str]] = {}
        self.notes: list[str] = []
        self._taken: set[str] = set()
        for row in dataset.rows if dataset else ():
            if stated := value_of(row):
                self.values.setdefault(stated[0], []).append(stated[1])
            else:
                name, flavour = row.values.get("TSPARMCD", "no TSPARMCD"), row.values.get("TSVALNF", "no reason")
                self.notes.append(f"TS row {row.number}: {name} has no value ({flavour})")

    def all(self, name: str) -> list[str]:
        self._taken.add(name)
        return self.values.get(name, [])

    def one(self, name: str, otherwise: str) -> str | None:
        """The value of a parameter; where TS lacks it, what that means is noted."""
        found = self.all(name)
        if not found:
            self.notes.append(f"TS lacks {name}: {otherwise}")
        return found[0] if found else None

    def coded(self, name: str, terms: Mapping[str, str], otherwise: str) -> str | None:
        """The registry's word for a value; one that it has no word for stays in `registry_extra`."""
        value = self.one(name, otherwise)
        if value is None:
            return None
        if value.strip().upper() not in terms:
            self.notes.append(f"TS {name} is {value!r}, which has no word in the registry's list: {otherwise}")
            self._taken.discard(name)
            return None
        return terms[value.strip().upper()]

    def left(self) -> Iterator[tuple[str, list[str]]]:
        """The parameters that nothing was made of, and those with more values than the one that was taken."""
        for name in sorted(self.values):
            if name not in self._taken or (len(self.values[name]) > 1 and name not in ("INDIC", "REGID")):
                yield name, self.values[name]
