"""The sealed book's lookups and headers. `docs/format.md` section 3.2.

A sealed entry shows neither stream nor type nor actor. So that guards and retries have something to look up, it
shows two marks under the trial's key instead:

    slot    = HMAC-SHA-256(key, "slot"    || 0x00 || stream || 0x00 || version in decimal)
    command = HMAC-SHA-256(key, "command" || 0x00 || command id)

and its section of class `header` holds {"actor","command":{"digest","id","n","of"},"stream","type","version"}.
"""

import hmac
import re
from dataclasses import dataclass
from typing import Final

from ledger.proof.canonical import CanonicalError, members, parse
from ledger.proof.entry import Actor

_DIGEST: Final = re.compile("[0-9a-f]{64}")


def slot(key: bytes, stream: str, version: int) -> str:
    """The mark (hex) under which the entry of `stream` and `version` can be looked up."""
    return hmac.digest(key, b"slot\x00" + stream.encode() + b"\x00" + str(version).encode(), "sha256").hex()


def command_mark(key: bytes, command_id: str) -> str:
    """The mark (hex) under which the entries of a command can be looked up."""
    return hmac.digest(key, b"command\x00" + command_id.encode(), "sha256").hex()


def half_of(command_id: str) -> str:
    """The id under which the sealed half of an open command is kept: with a space in it, no command's own id."""
    return f"of {command_id}"


@dataclass(frozen=True, slots=True)
class Header:
    """What an open entry shows and a sealed one keeps in its header section."""

    actor: Actor
    command_digest: str
    command_id: str
    n: int
    of: int
    stream: str
    type: str
    version: int


def header_payload(actor: str, digest: str, command: str, n: int, of: int, stream: str, type_: str, version: int,
                   ) -> bytes:  # fmt: skip
    """The canonical bytes of a header; `actor`, `command`, `stream` and `type_` come as canonical JSON."""
    return (
        f'{{"actor":{actor},"command":{{"digest":"{digest}","id":{command},"n":{n},"of":{of}}},'
        f'"stream":{stream},"type":{type_},"version":{version}}}'
    ).encode()


def parse_header(payload: bytes) -> Header:
    """Read a header section. Raises CanonicalError."""
    value = members(parse(payload), "header", frozenset({"actor", "command", "stream", "type", "version"}))
    actor = members(value["actor"], "header.actor", frozenset({"id", "org", "role"}))
    command = members(value["command"], "header.command", frozenset({"digest", "id", "n", "of"}))
    texts = (
        actor["id"],
        actor["org"],
        actor["role"],
        command["digest"],
        command["id"],
        value["stream"],
        value["type"],
    )
    numbers = (command["n"], command["of"], value["version"])
    if not all(isinstance(text, str) for text in texts) or not all(type(number) is int for number in numbers):
        raise CanonicalError("header: a member has the wrong type")
    if not _DIGEST.fullmatch(command["digest"]):
        raise CanonicalError("header.command.digest: not 64 hex digits")
    if not command["id"]:
        raise CanonicalError("header.command.id: is empty, which only a raw event's may be")
    if min(numbers) < 0:
        raise CanonicalError("header: a number is negative")
    return Header(
        Actor(actor["id"], actor["org"], actor["role"]), command["digest"], command["id"], command["n"],
        command["of"], value["stream"], value["type"], value["version"],
    )  # fmt: skip
