"""What the families of cases share: the case itself, good bundles, and places in them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from tests.interop.second_verifier import bundles
from tests.interop.second_verifier.bundles import Book, Key, Parts, Section, canonical

LOG_SEED: Final = bytes(range(32))
TIME: Final = 1_900_000_000


@dataclass(frozen=True, slots=True)
class Case:
    """What both programs are asked; `first` is false where more than one thing is wrong, `roots` if none is stated."""

    name: str
    bundle: bytes
    policy: str | None = None
    first: bool = True
    roots: bool = True


@dataclass(frozen=True, slots=True)
class Bases:
    """Good bundles: `masked` has the open book, `both` all but names, `archive` ciphertexts, `names` names."""

    masked: Parts
    both: Parts
    archive: Parts
    names: Parts


def mended(parts: Parts) -> bytes:
    parts.rechained()
    parts.headed()
    return parts.together()


def headed(parts: Parts) -> bytes:
    parts.headed()
    return parts.together()


def where(book: Book, wanted: Callable[[dict[str, Any]], bool], after: int = 0) -> int:
    return next(seq for seq in range(after, len(book.entries)) if wanted(book.entry(seq)))


def mid(book: Book) -> int:
    """An entry in the middle, alone in its command, with one readable section, not the last of its stream."""
    streams = [book.entry(seq)["stream"] for seq in range(len(book.entries))]

    def plain(told: dict[str, Any]) -> bool:
        alone = told["command"]["of"] == 1 and [one["class"] for one in told["parts"]] == ["plain"]
        return alone and told["type"] == "visit.recorded/1" and streams[told["seq"] + 1 :].count(told["stream"]) > 0

    return where(book, plain, len(book.entries) // 4)


def paired(book: Book) -> int:
    """The first entry of a command of two or more."""
    return where(book, lambda told: told["command"]["of"] >= 2, 10)


def appended(parts: Parts, event: str, payload: bytes, /, **members: Any) -> Parts:
    """One more event at the end of the open book."""
    book, seq = parts.open, len(parts.open.entries)
    body = bytes(32) + payload
    told = {
        "actor": {"id": "a", "org": "o", "role": "sponsor"},
        "at": book.entry(seq - 1)["at"],
        "command": {"digest": "0" * 64, "id": f"more-{seq}", "n": 0, "of": 1},
        "id": f"{seq:032x}",
        "origin": parts.origin,
        "parts": [{"class": "plain", "commit": Section(0, body).commit()}],
        "prev": "0" * 64,
        "seq": seq,
        "stream": f"more/{seq}",
        "type": event,
        "v": "1/sha-256",
        "version": 1,
    }
    book.entries.append(canonical(told | members))
    book.frames.append(bundles.frame(0, body))
    return parts


def raw(n: int = 0, of: int = 1, digest: str = "0" * 64) -> dict[str, Any]:
    return {"digest": digest, "id": "", "n": n, "of": of}


def shown(value: object) -> str:
    """A value in the name of a case."""
    text = str(value)
    return repr(text) if len(text) <= 40 else f"{text[:40]!r}… ({len(text)})"


def policy_of(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)


def witness(number: int) -> Key:
    return Key(f"witness.example/w{number}", bytes([number + 1] * 32), 4)
