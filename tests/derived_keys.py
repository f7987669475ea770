"""Keys for tests, derived from one secret and kept nowhere. None of them can be destroyed: no use elsewhere."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DerivedKeys:
    """The keys of a ledger as `ledger.proof.sealing.BookKeys` and the recorder want them."""

    marks: bytes

    def section_key(self, section_class: str, stream: str) -> bytes | None:
        return hmac.digest(self.marks, f"{section_class}\x00{stream}".encode(), "sha256")

    def make_section_key(self, section_class: str, stream: str, random: Callable[[int], bytes]) -> bytes:  # noqa: ARG002
        made = self.section_key(section_class, stream)
        assert made is not None
        return made
