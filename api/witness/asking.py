"""Asking one witness for cosignatures on a checkpoint: the client's part of C2SP tlog-witness.

1. A witness is not trusted with anything but its cosignature: its answer is bounded in size and time, redirects are not
   followed, and a cosignature counts once it verified under the key that the policy names.
2. Which size the witness has cosigned is its own to say (409); the proof is then made from there. A witness that has
   cosigned more than there is, or to which no proof leads from what it cosigned, has seen another history: that is
   evidence, not an error to be retried.
"""

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from api.witness.core import SIZE
from api.witness.request import encode
from ledger.proof.checkpoint import Checkpoint, parse_size, verify_signature
from ledger.proof.note import Note, NoteError, NoteSignature, VerifierKey

MAX_ANSWER_BYTES: Final = 1 << 16
SILENCE_SECONDS: Final = 10.0
"""How long a witness may say nothing."""
TOTAL_SECONDS: Final = 30.0
"""How long an answer may take altogether."""
_ATTEMPTS: Final = 3
"""Another client may move the witness on while the proof is made."""


class AskError(Exception):
    """There was no answer that could be used; the message says why."""


class Outcome(StrEnum):
    """What came of asking a witness."""

    COSIGNED = "cosigned"
    CONTRADICTED = "contradicted"
    """What it has cosigned before does not begin our history: a fork or a rollback, here or there."""
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    UNUSABLE = "unusable"
    """It answered with what is no cosignature of its keys on this checkpoint."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking a witness, in one sentence, and the cosignatures that verified."""

    outcome: Outcome
    sentence: str
    signatures: tuple[NoteSignature, ...] = ()
    keys: tuple[VerifierKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer over HTTP, read to its end."""

    status: int
    content_type: str
    body: bytes

    @property
    def words(self) -> str:
        """The first line, for people."""
        return self.body[:300].decode("utf-8", "replace").partition("\n")[0]


Post = Callable[[str, bytes], Answer]


def ask(
    url: str,
    keys: Sequence[VerifierKey],
    note: Note,
    sizes: tuple[int, int],
    prove: Callable[[int], Sequence[bytes]],
    post: Post,
) -> Asked:
    """Ask the witness at a submission prefix for cosignatures by any of `keys`.

    Of `sizes` the first is what the witness is believed to have cosigned last, the second that of the newest
    checkpoint we know of. `prove` gives the consistency proof from a size (above 0) to that of the checkpoint, `post`
    sends a body and returns the answer.
    """
    old, newest = sizes
    checkpoint = Checkpoint.parse(note.text)
    data = note.encode()
    for _ in range(_ATTEMPTS):
        proof = prove(old) if 0 < old < checkpoint.size else ()
        try:
            answer = post(f"{url.rstrip('/')}/add-checkpoint", encode(old, proof, data))
        except AskError as error:
            return Asked(Outcome.UNREACHABLE, str(error))
        if answer.status != 409:
            return _settled(answer, keys, note, checkpoint, old)
        try:
            old = parse_size("the size", answer.body.decode("ascii", "replace").removesuffix("\n"))
        except NoteError:
            return Asked(Outcome.UNUSABLE, "it answered 409 without saying which size it has cosigned")
        if answer.content_type.partition(";")[0].strip().lower() != SIZE:
            return Asked(Outcome.UNUSABLE, f"it answered 409 with a content type that is not {SIZE}")
        if checkpoint.size < old <= newest:
            return Asked(Outcome.REFUSED, f"it has cosigned {old:,} entries already; ask for a later checkpoint")
        if old > newest:
            return Asked(
                Outcome.CONTRADICTED, f"it has cosigned {old:,} entries of this log, more than we have a checkpoint of"
            )
    return Asked(Outcome.REFUSED, f"others asked at the same time: it went on {_ATTEMPTS} times while a proof was made")


def _settled(answer: Answer, keys: Sequence[VerifierKey], note: Note, checkpoint: Checkpoint, old: int) -> Asked:
    if answer.status == 422:
        return Asked(
            Outcome.CONTRADICTED,
            f"it holds another history: what it cosigned at {old:,} entries does not begin ours ({answer.words})",
        )
    if answer.status != 200:
        return Asked(Outcome.REFUSED, f"it answered {answer.status}: {answer.words}")
    try:
        offered = Note.parse(f"{note.text}\n".encode() + answer.body).signatures
    except NoteError as error:
        return Asked(Outcome.UNUSABLE, f"its answer is no signature lines ({error})")
    wanted = {(key.name, key.key_id): key for key in keys}
    good: dict[VerifierKey, NoteSignature] = {}
    for one in offered:
        key = wanted.get((one.name, one.key_id))
        if key is None:
            continue
        try:
            timestamp = verify_signature(key, one.signature, checkpoint)
        except NoteError as error:
            return Asked(Outcome.UNUSABLE, f"its cosignature cannot be used ({error})")
        if timestamp == 0:
            return Asked(Outcome.UNUSABLE, "its cosignature states no time")
        good.setdefault(key, one)
    if not good:
        return Asked(Outcome.UNUSABLE, "none of its cosignatures is by a key that the policy names")
    return Asked(Outcome.COSIGNED, f"size {checkpoint.size:,}", tuple(good.values()), tuple(good))


def check_url(url: str) -> None:
    """Refuse a submission prefix that is not an http or https URL. Raises AskError."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 0) >= 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or parts.username is not None:
        raise AskError("its URL is not one of http or https, with a host and without query")


def post(url: str, body: bytes) -> Answer:
    """Send a body by POST and read the answer, whatever its status. Raises AskError."""
    check_url(url)
    opener = urllib.request.OpenerDirector()  # with these handlers alone: no files, no redirects, no retries
    for handler in (urllib.request.ProxyHandler(), urllib.request.HTTPHandler(), urllib.request.HTTPSHandler()):
        opener.add_handler(handler)
    asking = urllib.request.Request(url, body, {"Content-Type": "text/plain; charset=utf-8"}, method="POST")
    deadline = time.monotonic() + TOTAL_SECONDS
    try:
        with opener.open(asking, timeout=SILENCE_SECONDS) as response:
            read = bytearray()
            while chunk := response.read1(4096):
                read += chunk
                if len(read) > MAX_ANSWER_BYTES:
                    raise AskError(f"its answer has more than {MAX_ANSWER_BYTES:,} bytes")
                if time.monotonic() > deadline:
                    raise AskError(f"its answer takes longer than {TOTAL_SECONDS:.0f} s")
            return Answer(response.status, response.headers.get("content-type") or "", bytes(read))
    except urllib.error.URLError as error:
        raise AskError(f"it cannot be reached ({error.reason})") from None
    except TimeoutError:
        raise AskError(f"it has said nothing for {SILENCE_SECONDS:.0f} s") from None
    except (http.client.HTTPException, OSError, ValueError) as error:
        raise AskError(f"the connection failed ({type(error).__name__}: {str(error)[:200]})") from None
