"""What somebody is answered whose command was recorded, or refused."""

from dataclasses import dataclass

from ledger.domain.decisions import Refusal
from ledger.domain.vocabulary import Book


class CommandRefusedError(Exception):
    """A command was refused; nothing of it was recorded. Carries the `Refusal`."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"{refusal.field}: {refusal.message} (rule {refusal.rule})")
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Answer:
    """Where a command's events stand: the first seq, the count and the types in `book`, and when they were recorded.

    The same for a command that comes again, but for `repeated`. A masked person's answer tells of the open book only;
    that of somebody unblinded for some subjects does not say where in the sealed book, nor when (`seq` and `at` are
    None), for that tells how much there is of others, and how late.
    """

    id: str
    book: Book
    seq: int | None
    count: int
    at: str | None
    types: tuple[str, ...]
    repeated: bool = False
