"""Electronic signatures for the pages that show them, made as the server makes them once somebody is authenticated."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path

from api.bootstrap import open_trial
from ledger.application.signing import Wanted
from ledger.domain.decisions import CommandActor
from ledger.domain.events.signature import Authentication
from ledger.domain.vocabulary import Book
from ledger.domain.when import recorded
from ledger.proof.sections import PLAIN
from ledger.recording.live import utc_now
from ledger.recording.reader import LedgerReader


def sign(ledger: Path, who: str, role: str, name: str, wanted: Wanted, *, arms: bool = False) -> None:
    """Have somebody sign; `name`: as it is printed."""
    how = Authentication(
        issuer="https://issuer.invalid",
        authenticated_at=recorded(utc_now() - timedelta(seconds=1)),
        methods=("pwd", "otp"),
        level="2",
        token_sha256="00" * 32,
    )
    signer = CommandActor.model_validate({"id": who, "role": role, "org": "FJD"}, strict=False)
    with closing(open_trial(ledger)) as trial:
        trial.signatures.sign(wanted, signer, name, how, arms=arms)


def stored(ledger: Path, seq: int) -> bytes:
    """The bytes of an entry of the open book."""
    reader = LedgerReader(ledger, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN}))
    with closing(reader), reader:
        return next(reader.stored(Book.OPEN, seq, seq + 1))[1]
