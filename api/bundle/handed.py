"""Sections as a bundle gives them to its receiver: opened, withheld, or, to the archive, as they are stored.

1. What is opened is given with its salt, so that its commitment holds without a key. What is withheld leaves nothing:
   no ciphertext, and no digest of one.
2. Names are given of subjects whose site is in sight, and who are not erased; which they are is a matter of today,
   whatever position is exported. Names on other streams (whose names somebody looked at) go with those of all sites.
3. A key of the sealed book that is not here is no reason to withhold: then there is no such bundle (KeysError).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from ledger.domain.roles import Sight
from ledger.domain.state import SubjectState
from ledger.keys.folder import KeysError
from ledger.proof.bundle import CLASSES, PARTLY, READABLE, SEALED, UNERASED, WITHHELD
from ledger.proof.entry import EntryError, Part, parse_open, parse_sealed
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.sealed import parse_header
from ledger.proof.sealing import BookKeys, SealError, key_stream, place, unseal
from ledger.proof.sections import HEADER, IDENTITY, PLAIN, Section, SectionError, pack, unpack
from ledger.recording.reader import LedgerReader

_SUBJECT: Final = "subject/"
_ERASED: Final = "identity.erased/1"
_ONE_PLAIN: Final = b'"parts":[{"class":"plain","commit":"'
_ONE_PLAIN_ENDS: Final = len(_ONE_PLAIN) + 64
_WITHHELD: Final = Section(b"", None)


def forms_of(sight: Sight, *, archive: bool) -> dict[str, str]:
    """Class -> the form in which its sections are given to somebody with this sight."""
    forms = {PLAIN: READABLE}
    for name in CLASSES["sealed" if sight.arms else "open"]:
        if name == PLAIN:
            continue
        if archive:
            forms[name] = SEALED
        elif name == IDENTITY:
            forms[name] = WITHHELD if not sight.names else UNERASED if sight.sites is None else PARTLY
        else:
            forms[name] = READABLE if sight.arms else WITHHELD
    return forms


class Names:
    """Of which streams names are given."""

    def __init__(self, sight: Sight, today: LedgerReader) -> None:
        self._sight = sight
        self._today = today
        self._known = dict[str, bool]()

    def __call__(self, stream: str) -> bool:
        if stream not in self._known:
            self._known[stream] = self._sight.names and self._given(stream)
        return self._known[stream]

    def _given(self, stream: str) -> bool:
        if not stream.startswith(_SUBJECT):
            return self._sight.sites is None
        facts = self._today.stream(stream)
        if any(fact.type == _ERASED for fact in facts):
            return False
        return self._sight.names_at(SubjectState.fold(facts).site)


class Handed:
    """The frames of rows as they are given. Raises LedgerFileError where a row cannot be read, and KeysError."""

    def __init__(self, forms: Mapping[str, str], keys: BookKeys | None, names: Callable[[str], bool]) -> None:
        self._as_stored = SEALED in forms.values()
        self._forms = forms
        self._keys = keys
        self._names = names

    def open_row(self, seq: int, raw: bytes, stored: bytes) -> bytes:
        """The frames of a row of the open book."""
        if self._as_stored or _is_plain(raw):
            return stored
        try:
            entry = parse_open(raw)
            return pack(self._sections(entry.parts, stored, entry.origin, entry.stream, entry.version, entry.id))
        except (EntryError, SectionError, SealError) as error:
            raise _damaged("open", seq, error) from None

    def sealed_row(self, seq: int, raw: bytes, stored: bytes) -> bytes:
        """The frames of a row of the sealed book."""
        if self._as_stored:
            return stored
        try:
            entry = parse_sealed(raw)
            frames = unpack(stored, len(entry.parts))
            numbers = [number for number, part in enumerate(entry.parts) if part.section_class == HEADER]
            if len(numbers) != 1:
                raise SectionError("it has no header")
            opened = self._opened(
                numbers[0], entry.parts[numbers[0]], frames[numbers[0]], entry.origin, "", 0, entry.id
            )
            if opened.payload is None:
                raise SectionError("its header has nothing in it")
            header = parse_header(opened.payload)
            return pack(self._sections(entry.parts, stored, entry.origin, header.stream, header.version, entry.id))
        except (EntryError, SectionError, SealError, ValueError) as error:
            raise _damaged("sealed", seq, error) from None

    def _sections(
        self, parts: Sequence[Part], stored: bytes, origin: str, stream: str, version: int,
        entry_id: str,
    ) -> list[Section]:  # fmt: skip
        given = []
        for number, (part, section) in enumerate(zip(parts, unpack(stored, len(parts)), strict=True)):
            form = self._forms.get(part.section_class, WITHHELD)
            if section.ciphertext is None:
                given.append(section)
            elif form == WITHHELD or (part.section_class == IDENTITY and not self._names(stream)):
                given.append(_WITHHELD)
            else:
                given.append(self._opened(number, part, section, origin, stream, version, entry_id))
        return given

    def _opened(
        self, number: int, part: Part, section: Section, origin: str, stream: str, version: int, entry_id: str
    ) -> Section:
        name = part.section_class
        if section.ciphertext is None:
            raise SectionError(f"its section of class {name} is not sealed")
        key = None if self._keys is None else self._keys.section_key(name, key_stream(name, stream))
        if key is None and name == IDENTITY:
            return _WITHHELD  # destroyed, and the event that says so is still to come
        if key is None:
            raise KeysError(f"the key of class {name} (stream {stream or 'all'}) is not with the keys of this ledger")
        aad = place(origin, stream, version, entry_id, number, name, part.commit)
        return Section(*unseal(key, aad, part.commit, section.ciphertext))


def _is_plain(raw: bytes) -> bool:
    """Whether an entry has one section, a plain one: the common case."""
    start = raw.find(_ONE_PLAIN)
    return start > 0 and raw[start + _ONE_PLAIN_ENDS : start + _ONE_PLAIN_ENDS + 3] == b'"}]'


def _damaged(book: str, seq: int, error: Exception) -> LedgerFileError:
    return LedgerFileError(f"entry {seq} of the {book} book cannot be read ({error}); run verify")
