"""What verification reads: two books, in a ledger file (`file_reader.py`) or in a bundle (`bundle_reader.py`).

Neither is believed. Both hand out rows (seq, stream key, version, command, entry, sections) of the open book and
(seq, open seq, slot, command, entry, sections) of the sealed one, of types as they are stored; where there are no
columns (`columns` False) those between seq and entry are None.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from ledger.proof.file_reader import StoredHead
from ledger.proof.findings import Findings
from ledger.proof.repeats import Repeat


class Books(Protocol):
    """A snapshot of the books."""

    lost: dict[str, list[tuple[int, int]]]
    """Ranges of seq whose rows cannot be read, by book."""

    @property
    def books(self) -> frozenset[str]:
        """Which of `open` and `sealed` are here at all."""

    @property
    def columns(self) -> bool:
        """Whether there are columns beside the entries, which are to be compared with them."""

    @property
    def given(self) -> Mapping[str, str] | None:
        """In which form the sections of each class are given (`bundle.FORMS`); None: as a ledger file stores them."""

    def heads(self, findings: Findings) -> dict[str, StoredHead]:
        """The stated heads, by book; what is wrong with them is found."""

    def streams(self, findings: Findings) -> dict[int, bytes]:
        """The names of the open book's streams, by their key; none where there are no columns."""

    def last_seq(self, book: str) -> int | None:
        """The largest seq of the book's rows (or that of the last row); None where that cannot be told."""

    def entries(self, book: str, start: int = 0) -> Iterator[tuple[int, Any]]:
        """(seq, entry) of the rows from `start` on."""

    def rows(self, book: str, end: int) -> Iterator[tuple[Any, ...]]:
        """The rows of a book before `end`."""

    def repeats(self) -> Sequence[Repeat]:
        """Values that stand twice where they may stand once. To be asked after all rows were read."""

    def check_database(self, findings: Findings) -> None:
        """Whether what holds the books is whole."""

    def check_schema(self, findings: Findings) -> None:
        """Whether what holds the books is laid out as the format says."""
