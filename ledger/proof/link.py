"""A link to a ledger that lies in PostgreSQL: a small file where a ledger file would be. `docs/postgresql.md`

    trial-ledger-link/1
    {"origin":...,"trial":...,"url":...}

1. What belongs to a ledger and not into its database (keys, evidence, read models) lies beside the link.
2. It holds no password: those are for a password file of libpq (`~/.pgpass`) or the environment (`PGPASSWORD`).
3. It names the origin of the ledger that it was made for: a database in which another one lies is not taken for it.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MAGIC: Final = b"trial-ledger-link/1\n"
_LONGEST: Final = 8192


class LinkError(ValueError):
    """The file begins as a link does, and is none."""


@dataclass(frozen=True, slots=True)
class Link:
    """Where a ledger lies: the URL of a database (without a password), its name there, and its origin."""

    url: str
    trial: str
    origin: str

    def encode(self) -> bytes:
        """What the file holds."""
        value = {"origin": self.origin, "trial": self.trial, "url": self.url}
        return MAGIC + json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"

    @classmethod
    def decode(cls, data: bytes) -> "Link":
        """Raises LinkError for anything else than what `encode` gives."""
        try:
            value = json.loads(data.removeprefix(MAGIC))
            link = cls(value["url"], value["trial"], value["origin"])
            if link.encode() != data:
                raise LinkError
        except (ValueError, KeyError, TypeError):
            raise LinkError("is no link to a ledger, though it begins as one") from None
        return link


def is_link(path: Path) -> bool:
    """Whether a file begins as a link does; False for what cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except (OSError, ValueError):
        return False


def read_link(path: Path) -> Link | None:
    """The link that a file is; None where it is none. Raises LinkError, OSError."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            return None
        return Link.decode(MAGIC + file.read(_LONGEST))
