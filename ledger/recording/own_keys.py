"""The keys of a ledger for writing in it: no second key is made where there is a section under a first one.

Keys that are older than the ledger (a backup was put in place) lack those that were made since. A new key in their
stead would seal what the right keys do not open, for good.
"""

from collections.abc import Callable

from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.sealing import DestroyedError
from ledger.recording.drafts import WritingKeys


class OldKeysError(LedgerFileError):
    """The keys that are here lack one that this ledger has sections under."""


class OwnKeys:
    """`keys`, which `sealed_under(class, stream)` keeps from making what there has to be already."""

    def __init__(self, keys: WritingKeys, sealed_under: Callable[[str, str], bool]) -> None:
        self._keys = keys
        self._sealed_under = sealed_under

    @property
    def marks(self) -> bytes | None:
        return self._keys.marks

    def section_key(self, section_class: str, stream: str) -> bytes | None:
        return self._keys.section_key(section_class, stream)

    def make_section_key(self, section_class: str, stream: str, random: Callable[[int], bytes]) -> bytes:
        """The data key. Raises OldKeysError, and what the keys themselves raise."""
        held = self._keys.section_key(section_class, stream)
        if held is not None:
            return held
        if not stream:
            raise OldKeysError(f"the keys of this ledger lack the one of class {section_class}")
        try:
            if self._sealed_under(section_class, stream):
                self._keys.make_section_key(section_class, stream, _nothing)
        except DestroyedError:
            raise
        except _NothingError:
            raise OldKeysError(
                f"the keys lack that of {stream} ({section_class}), under which this ledger has sections: they are "
                "older than the ledger, or another's; put the right ones in their place"
            ) from None
        return self._keys.make_section_key(section_class, stream, random)


class _NothingError(Exception):
    pass


def _nothing(_: int) -> bytes:
    raise _NothingError
