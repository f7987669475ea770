"""Electronic signatures of persons: who signed what, when, and meaning what. 21 CFR 11.50, 11.70; ICH E6(R3) 4.2.2.

1. What is signed stands in the signature as the position and leaf hash of an entry. The hash is of that entry alone,
   and names through `prev` every entry before it: so the signature can be moved to no other entry, and what is signed
   up to a position cannot change. `verify` compares each with the book (`docs/format.md` section 7.4).
2. A signature is an event of its own, in the chain like any other: cut off, it is missing.
3. Who signed is the actor of the entry, when is its time of recording. The printed name lies in a section of class
   `identity`; how the person was authenticated for this one signature is told beside it.
4. Signatures are recorded by the ledger itself: no command makes one, for a file cannot show who held a password.
   Nobody corrects or voids one either. Whose signature was a mistake signs again.
5. What is sealed is signed in the sealed book, and so is what somebody signs who knows the arm that it is about.
"""

from enum import StrEnum
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, StringConstraints

from ledger.domain.events.base import Event, Facts, InSection, Name, SubjectId, Text
from ledger.domain.vocabulary import Book
from ledger.domain.when import When
from ledger.proof.sections import IDENTITY

SIGNERS: Final = "signer/"
"""What the streams of signatures begin with: one for each person who signs, by the pseudonym."""
SEALED_SIGNERS: Final = "sealed-signer/"
"""The same in the sealed book, under other keys."""

LeafHash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Seq = Annotated[int, Field(ge=0, le=2**53 - 1)]


class Meaning(StrEnum):
    """What a signature means (21 CFR 11.50(a)(3))."""

    AUTHORSHIP = "AUTHORSHIP"
    REVIEW = "REVIEW"
    APPROVAL = "APPROVAL"
    RESPONSIBILITY = "RESPONSIBILITY"


class Extent(StrEnum):
    """What is signed: one entry; the record of a subject up to an entry; a whole book up to an entry."""

    ENTRY = "ENTRY"
    SUBJECT = "SUBJECT"
    BOOK = "BOOK"


class Signed(Facts):
    """What is signed. `signed_type`, `command` and `n` say which record an ENTRY is; `subject` whom it is about."""

    extent: Extent
    signed_book: Book
    signed_seq: Seq
    signed_hash: LeafHash
    signed_type: Name | None = None
    command: Name | None = None
    n: int | None = None
    subject: SubjectId | None = None


class Authentication(Facts):
    """How a person was authenticated for one signature: by whom and when; `methods` and `level` as the issuer says.

    `token_sha256`: of what the issuer signed about it, by which its own log can be asked. The token is kept nowhere.
    """

    issuer: Name
    authenticated_at: When
    methods: tuple[Name, ...] = ()
    level: Name | None = None
    token_sha256: LeafHash


class Signature(Signed, Authentication):
    """A signature: what it means and is of, the words that were signed with it, and the name as it is printed."""

    signer: Annotated[str, StringConstraints(pattern=r"^[!-~]{1,128}$")]
    meaning: Meaning
    words: Text | None = None
    printed_name: Annotated[Name, InSection(IDENTITY)]


class SignatureMade(Signature, Event):
    """A person signed an entry of the open book, or what stands in it up to one."""

    type: ClassVar[str] = "signature.made/1"
    title: ClassVar[str] = "Signed"

    signed_book: Literal[Book.OPEN]

    @property
    def stream(self) -> str:
        return SIGNERS + self.signer


class SealedSignatureMade(Signature, Event):
    """A person signed what is sealed, or what is about an arm that the person knows."""

    type: ClassVar[str] = "sealed-signature.made/1"
    title: ClassVar[str] = "Signed, by who knows arms"
    book: ClassVar[Book] = Book.SEALED

    @property
    def stream(self) -> str:
        return SEALED_SIGNERS + self.signer
