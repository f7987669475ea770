"""Where one book stands, as the append lock's holder knows it."""

from ledger.proof.tree import Frontier, leaf_hash


class BookState:
    """Where one book stands, as the append lock's holder knows it."""

    __slots__ = ("anchored", "at", "frontier", "hash", "origin", "size", "versions")

    def __init__(self, origin: str, size: int, hash_: bytes, at: str, frontier: Frontier) -> None:
        self.origin = origin
        self.size = size
        self.hash = hash_
        self.at = at
        self.frontier = frontier
        self.anchored: int | None = None
        """The open size that the newest anchor closed (its seq + 1), where that has been looked up."""
        self.versions: dict[str, tuple[int, int]] = {}
        """stream -> (its integer key, its last version); key 0: no such stream yet. Of the sealed book: (0, last)."""

    def copy(self) -> "BookState":
        """One that goes on by itself from here."""
        other = BookState(self.origin, self.size, self.hash, self.at, self.frontier.copy())
        other.anchored, other.versions = self.anchored, dict(self.versions)
        return other

    def took(self, raw: bytes, at: str) -> None:
        self.hash = leaf_hash(raw)
        self.frontier.append(self.hash)
        self.size += 1
        self.at = at
