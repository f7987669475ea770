"""Writes the golden bytes anew: `python -m tests.vectors.make`. Only a new format may change them.

The vectors hold the data keys too, as a file of data keys does.
"""

import json
import tempfile
from pathlib import Path
from typing import Any, Final

from ledger.proof.data_keys import HeldKeys
from ledger.proof.sealing import STEP, place
from ledger.proof.tree import leaf_hash
from ledger.proof.verify import verify_ledger
from tests.tampering.ledgers import KEYS, ORIGIN, build, rows
from tests.tampering.sealed_parts import opened

FILE: Final = Path(__file__).with_name("small-ledger.json")
DOCUMENT: Final = Path(__file__).parent.parent.parent / "docs" / "format.md"
BEGIN: Final = "<!-- example: written by `python -m tests.vectors.make` -->\n"
END: Final = "<!-- end of example -->\n"


class Asked:
    """The keys of the small ledger, which remember what they were asked for."""

    def __init__(self) -> None:
        self.marks = KEYS.marks
        self.sections = dict[tuple[str, str], bytes]()

    def section_key(self, section_class: str, stream: str) -> bytes | None:
        key = KEYS.section_key(section_class, stream)
        assert key is not None
        self.sections[section_class, stream] = key
        return key


def golden() -> dict[str, Any]:
    """A small ledger with set salts, ids, clock and key, as its bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = build(Path(folder) / "trial.db", commands=7)
        keys = Asked()
        report = verify_ledger(path, keys=keys)
        assert report.ok
        assert not report.closed
        books = {
            book: [
                {
                    "entry": row["entry"].decode(),
                    "sections": row["sections"].hex(),
                    "hash": leaf_hash(row["entry"]).hex(),
                }
                for row in rows(path, f"{book}_entry")
            ]
            for book in ("open", "sealed")
        }
        heads = {
            row["book"]: {"size": row["size"], "hash": row["hash"].hex(), "frontier": row["frontier"].hex()}
            for row in rows(path, "head")
        }
        return {
            "origin": ORIGIN,
            "keys": json.loads(HeldKeys(keys.marks, keys.sections).to_bytes()),
            "streams": {str(row["id"]): row["name"] for row in rows(path, "open_stream")},
            **books,
            "heads": heads,
            "report": report.to_json(),
        }


def example(vectors: dict[str, Any]) -> str:
    """The worked example of `docs/format.md`."""
    first, second = vectors["open"][3], vectors["open"][4]
    sections = first["sections"]
    sealed, keys = vectors["sealed"][0], vectors["keys"]
    entry, frames = json.loads(sealed["entry"]), sealed["sections"]
    arm, header = opened(entry, bytes.fromhex(frames))
    said = json.loads(header.payload)
    commits = [bytes.fromhex(part["commit"]) for part in entry["parts"]]
    places = [
        place(entry["origin"], said["stream"], said["version"], entry["id"], index, name, commits[index]).decode()
        for index, name in enumerate(("arm", "header"))
    ]
    plain = len(arm.payload).to_bytes(4, "big") + arm.salt + arm.payload
    plain += bytes(-len(plain) % STEP)
    return "\n".join(
        [
            BEGIN + "Entry 3 of the open book (one line):", "", "```json", first["entry"], "```", "",
            "Its stored sections, in hex: kind, length, salt, payload:", "",
            "```", sections[:2], sections[2:10], sections[10:74], sections[74:], "```", "",
            "The payload is", "", "```json", bytes.fromhex(sections[74:]).decode(), "```", "",
            "and `commit` is SHA-256 over `trial-ledger/section/v1`, one zero byte, the salt and the payload. The leaf",
            "hash of the entry, which is `prev` of entry 4, is", "", "```", first["hash"], "```", "",
            "Entry 4:", "", "```json", second["entry"], "```", "",
            f"The first entry of the sealed book; the key of its marks is `{keys['marks']}`:", "",
            "```json", sealed["entry"], "```", "",
            "Its section of class `header` holds", "", "```json", header.payload.decode(), "```", "",
            "and is sealed under this key and for this place (AAD):", "",
            "```", keys["sections"]["header/"], places[1], "```", "",
            f"Its section of class `arm` is sealed under the key of `arm/{said['stream']}`, for the place", "",
            "```", keys["sections"][f"arm/{said['stream']}"], places[0], "```", "",
            "with this plaintext: length, salt, payload, zeros:", "",
            "```", plain[:4].hex(), arm.salt.hex(), arm.payload.hex(), plain[36 + len(arm.payload) :].hex(), "```", "",
            "and the nonce", "", "```", commits[0][:12].hex(), "```", "",
            "Stored: kind, length, digest, ciphertext, authentication tag:", "",
            "```", frames[:2], frames[2:10], frames[10:74], frames[74:586], frames[586:618], "```", "",
            f"The open book of {vectors['report']['size']} entries has this root (base64) and head (hex):", "",
            "```", vectors["report"]["root"], vectors["report"]["head"], "```", "", END,
        ]
    )  # fmt: skip


def main() -> None:
    vectors = golden()
    FILE.write_text(json.dumps(vectors, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    text = DOCUMENT.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    DOCUMENT.write_text(before + example(vectors) + after, encoding="utf-8")


if __name__ == "__main__":
    main()
