"""Electronic signatures: who may sign what, and in which book a signature stands. 21 CFR 11.10(g), 11.50, 11.70.

1. Every role signs but participant (whose signature is on the consent) and archive (which is nobody).
2. AUTHORSHIP is for whoever the entry names as its actor. Nobody signs what the ledger itself recorded as its author.
3. What is sealed is signed by who has arms in sight. The signature is sealed too, and so is that of an open entry
   about a subject whose arm the signer knows, and, of what is about no subject, that of whoever knows any arm.
4. A subject's record is signed up to an entry of the open book, and the subject has to be known there.
5. One authentication signs once: it lies after the one that the person's last signature was made upon.
"""

from __future__ import annotations

from typing import Final

from ledger.domain.decisions.base import Refusal
from ledger.domain.decisions.routing import by_role
from ledger.domain.events.signature import Extent, Meaning, Signed
from ledger.domain.state import SubjectState, TrialState
from ledger.domain.vocabulary import Book, Role
from ledger.domain.when import compare

SIGNING_ROLES: Final = frozenset(Role) - {Role.PARTICIPANT, Role.ARCHIVE}


def check_role(role: Role) -> None:
    """Refuse a role that signs nothing (rule 1)."""
    if role not in SIGNING_ROLES:
        raise Refusal("role", "actor.role", f"{role} signs nothing here")


def check_signed(signed: Signed, meaning: Meaning, signer: str, author: str | None, state: SubjectState | None) -> None:
    """Refuse what the signer may not sign so. `author`: the actor of the entry; `state`: of the subject, if any."""
    if meaning is Meaning.AUTHORSHIP and signed.extent is not Extent.ENTRY:
        raise Refusal("not-author", "meaning", "authorship is signed of one entry")
    if meaning is Meaning.AUTHORSHIP and author != signer:
        raise Refusal("not-author", "meaning", "another is the author of this entry")
    if signed.extent is not Extent.SUBJECT:
        return
    if signed.signed_book is not Book.OPEN:
        raise Refusal("sealed-subject", "of.book", "a subject's record is signed up to an entry of the open book")
    if state is None or not state.known:
        raise Refusal("subject-unknown", "of.subject", "no consent of this subject is recorded")


def is_sealed(
    signed: Signed, signer: str, role: Role, trial: TrialState, state: SubjectState | None, some: bool
) -> bool:
    """Whether a signature belongs into the sealed book (rule 3). `some`: whether the signer knows any arm."""
    if signed.signed_book is Book.SEALED:
        return True
    if signed.subject is None:
        return some
    if by_role(role, trial, state) or trial.unblinded.of(signer, signed.subject) is not None:
        return True
    return state is not None and state.unblinded.of(signer, signed.subject) is not None


def check_authentication(authenticated_at: str, last: str | None) -> None:
    """Refuse an authentication that is no later than that of the signer's last signature (rule 5)."""
    if last is not None and compare(authenticated_at, last) <= 0:
        message = f"you have signed upon that of {last}: for each signature you are authenticated anew"
        raise Refusal("authentication-used", "authentication", message)
