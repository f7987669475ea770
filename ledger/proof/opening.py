"""Sealed sections, opened as far as keys are held, and how many stayed closed. `docs/format.md` section 7, step 5.4.

A key that is not held is no fault of the ledger: the section stays *closed*, and only its digest was checked. A key
that is held must open its sections. Where keys and ledger disagree about erasures, that is told in notes: the keys lie
outside of the ledger, so that nothing there can make it less sound.

In a bundle, sections of these classes may be given opened, so that their commitments are checked without a key, or be
withheld, as its manifest says of each class. Those given count as opened, those withheld as closed.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from ledger.proof.bundle import PARTLY, READABLE, SEALED, UNERASED, WITHHELD
from ledger.proof.findings import MAX_FINDINGS, Note
from ledger.proof.sealing import BookKeys, key_stream, place, unseal
from ledger.proof.sections import ENCRYPTED, IDENTITY

ERASED_TYPE: Final = b"identity.erased/1"


class At(NamedTuple):
    """Where sections stand: the entry's seq, and what their ciphertexts are tied to."""

    seq: int
    origin: str
    stream: str
    version: int
    entry_id: str


class Opening:
    """Opens what there are keys for, and counts."""

    def __init__(self, keys: BookKeys | None, given: Mapping[str, str] | None = None) -> None:
        """`given`: class -> the form in which a bundle has its sections; None: as in a ledger file."""
        self._given = given
        self.marks = None if keys is None else keys.marks
        """The trial's key of slots and command marks, where it is held."""
        self._keys = keys
        self._opened = dict[str, int]()
        self._closed = dict[str, int]()
        self._held = dict[tuple[str, str], bytes | None]()
        self._names_opened = dict[str, int]()
        self._names_closed = dict[str, int]()
        self._erased = dict[str, int]()

    def open(self, at: At, index: int, section_class: str, commit: bytes, ciphertext: bytes) -> bytes | None:
        """The payload of a section; None where its key is not held. Raises SealError."""
        key = self._key(section_class, key_stream(section_class, at.stream))
        if key is None:
            self.leave(section_class)
            if section_class == IDENTITY:
                self._names_closed.setdefault(at.stream, at.seq)
            return None
        aad = place(at.origin, at.stream, at.version, at.entry_id, index, section_class, commit)
        payload = unseal(key, aad, commit, ciphertext)[1]
        self._opened[section_class] = self._opened.get(section_class, 0) + 1
        if section_class == IDENTITY:
            self._names_opened.setdefault(at.stream, at.seq)
        return payload

    def gives_readable(self, section_class: str) -> bool:
        """Whether sections of a sealed class may be given opened here."""
        return self._given is not None and self._given.get(section_class) in (READABLE, UNERASED, PARTLY)

    def gives_sealed(self, section_class: str) -> bool:
        """Whether sections of a sealed class may be given as they are stored."""
        return self._given is None or self._given.get(section_class) == SEALED

    def withheld(self, section_class: str, at: At | None) -> bool:
        """A section is withheld; whether it may be."""
        form = None if self._given is None else self._given.get(section_class)
        if form not in (WITHHELD, PARTLY, UNERASED):
            return False
        self.leave(section_class)
        if section_class == IDENTITY and form == UNERASED and at is not None:
            self._names_closed.setdefault(at.stream, at.seq)
        return True

    def handed(self, section_class: str, at: At | None) -> None:
        """A section was given opened, and is the one committed to."""
        self._opened[section_class] = self._opened.get(section_class, 0) + 1
        if section_class == IDENTITY and at is not None:
            self._names_opened.setdefault(at.stream, at.seq)

    def leave(self, section_class: str) -> None:
        """A section stays closed: its key is not held, or which one it needs cannot be told."""
        self._closed[section_class] = self._closed.get(section_class, 0) + 1

    def erased(self, stream: str, seq: int) -> None:
        """An event of the open book says that the identity of this stream was erased."""
        self._erased.setdefault(stream, seq)

    def counts(self) -> tuple[dict[str, int], dict[str, int]]:
        """(opened, closed): how many sections of each class."""
        return dict(sorted(self._opened.items())), dict(sorted(self._closed.items()))

    def notes(self) -> Sequence[Note]:
        """What keys and ledger say differently about erased identities; some of each, if there are very many."""
        return sorted([*self._unexplained(), *self._kept()], key=lambda note: note.seq)

    def _key(self, section_class: str, stream: str) -> bytes | None:
        if self._keys is None or section_class not in ENCRYPTED:
            return None
        which = section_class, stream
        if which not in self._held:
            self._held[which] = self._keys.section_key(section_class, stream)
        return self._held[which]

    def _unexplained(self) -> Iterator[Note]:
        """Only for who holds keys of other identities: who holds none is not told that each is missing."""
        if self._names_opened:
            streams = [stream for stream in self._names_closed if stream not in self._erased]
            for stream in streams[:MAX_FINDINGS]:
                message = "its key of identities is not held, though others are, and no event says that it was erased"
                yield Note("open", self._names_closed[stream], stream, message)

    def _kept(self) -> Iterator[Note]:
        streams = [stream for stream in self._erased if stream in self._names_opened]
        for stream in streams[:MAX_FINDINGS]:
            yield Note("open", self._erased[stream], stream, "its identity was erased, and the key is still held here")
