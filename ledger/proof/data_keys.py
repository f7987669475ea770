"""A file of data keys, as one who holds the keys of a ledger hands some of them to an auditor.

    {"marks": "<64 hex digits>", "sections": {"<class>/<stream>": "<64 hex digits>", ...}}

Either member may be left out, and so may any section: what is not there stays closed. Headers and anchors have one key
each, "header/" and "anchor/"; other streams of theirs are refused. Whoever has this file opens what it names in every
copy of the ledger, so it is refused where others than its owner can read it, as the keys beside a ledger are.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ledger.proof.sections import ANCHOR, ENCRYPTED, HEADER

_KEY: Final = re.compile("[0-9a-f]{64}")
_MOST: Final = 1 << 28


class DataKeysError(Exception):
    """The file of data keys cannot be used; the message says why, in one sentence."""


@dataclass(frozen=True, slots=True, repr=False)
class HeldKeys:
    """Some of a ledger's keys. `sections`: (class, stream) -> data key."""

    marks: bytes | None = None
    sections: Mapping[tuple[str, str], bytes] = field(default_factory=dict)

    def section_key(self, section_class: str, stream: str) -> bytes | None:
        return self.sections.get((section_class, stream))

    def to_bytes(self) -> bytes:
        """The content of a file of these keys."""
        sections = {f"{name}/{stream}": key.hex() for (name, stream), key in self.sections.items()}
        marks = {} if self.marks is None else {"marks": self.marks.hex()}
        return json.dumps({**marks, "sections": sections}, indent=1, sort_keys=True).encode() + b"\n"


def load_data_keys(path: Path) -> HeldKeys:
    """Read a file of data keys. Raises DataKeysError."""
    try:
        with path.open("rb") as file:
            if os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o077:
                raise DataKeysError(f"{path}: others can read these keys; set the mode of the file to 600")
            content = file.read(_MOST)
    except OSError as error:
        raise DataKeysError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        return _held(content)
    except DataKeysError as error:
        raise DataKeysError(f"{path}: is no file of data keys: {error}") from None
    except (ValueError, RecursionError):
        raise DataKeysError(f"{path}: is no file of data keys: it is no JSON") from None


def _held(content: bytes) -> HeldKeys:
    told = json.loads(content)
    if not isinstance(told, dict):
        raise DataKeysError("it is no object")
    if unknown := told.keys() - {"marks", "sections"}:
        raise DataKeysError(f"{_shown(min(unknown))} is none of its members, which are marks and sections")
    listed = told.get("sections", {})
    if not isinstance(listed, dict):
        raise DataKeysError("sections is no object")
    sections = dict[tuple[str, str], bytes]()
    for name, key in listed.items():
        section_class, slash, stream = name.partition("/")
        if not slash or section_class not in ENCRYPTED:
            raise DataKeysError(f"{_shown(name)} is not <class>/<stream>, with one of {', '.join(sorted(ENCRYPTED))}")
        if stream and section_class in (HEADER, ANCHOR):
            raise DataKeysError(f"{_shown(name)}: there is one key of this class, {section_class}/")
        sections[section_class, stream] = _key(name, key)
    return HeldKeys(_key("marks", told["marks"]) if "marks" in told else None, sections)


def _key(name: str, text: object) -> bytes:
    if not isinstance(text, str) or not _KEY.fullmatch(text):  # the value is a key, or may hold one: never shown
        raise DataKeysError(f"{_shown(name)}: its key is not 64 hex digits in lower case")
    return bytes.fromhex(text)


def _shown(name: str) -> str:
    return json.dumps(name[:100])
