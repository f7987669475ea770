"""Writes the golden bytes anew: `python -m tests.vectors.make`. Only a new format may change them."""

import json
import tempfile
from pathlib import Path
from typing import Any, Final

from ledger.proof.sections import unpack
from ledger.proof.tree import leaf_hash
from ledger.proof.verify import verify_ledger
from tests.tampering.ledgers import KEY, ORIGIN, build, rows

FILE: Final = Path(__file__).with_name("small-ledger.json")
DOCUMENT: Final = Path(__file__).parent.parent.parent / "docs" / "format.md"
BEGIN: Final = "<!-- example: written by `python -m tests.vectors.make` -->\n"
END: Final = "<!-- end of example -->\n"


def golden() -> dict[str, Any]:
    """A small ledger with set salts, ids, clock and key, as its bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = build(Path(folder) / "trial.db", commands=7)
        report = verify_ledger(path, key=KEY)
        assert report.ok
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
            "key": KEY.hex(),
            "streams": {str(row["id"]): row["name"] for row in rows(path, "open_stream")},
            **books,
            "heads": heads,
            "report": report.to_json(),
        }


def example(vectors: dict[str, Any]) -> str:
    """The worked example of `docs/format.md`."""
    first, second = vectors["open"][3], vectors["open"][4]
    sections = first["sections"]
    sealed = vectors["sealed"][0]
    header = unpack(bytes.fromhex(sealed["sections"]), 2)[1].payload or b""
    return "\n".join(
        [
            BEGIN + "Entry 3 of the open book (one line):", "", "```json", first["entry"], "```", "",
            "Its stored sections, in hex: kind, length, salt, payload:", "",
            "```", sections[:2], sections[2:10], sections[10:74], sections[74:], "```", "",
            "The payload is", "", "```json", bytes.fromhex(sections[74:]).decode(), "```", "",
            "and `commit` is SHA-256 over `trial-ledger/section/v1`, one zero byte, the salt and the payload. The leaf",
            "hash of the entry, which is `prev` of entry 4, is", "", "```", first["hash"], "```", "",
            "Entry 4:", "", "```json", second["entry"], "```", "",
            f"The first entry of the sealed book, whose key is `{vectors['key']}`:", "",
            "```json", sealed["entry"], "```", "",
            "and its section of class `header`:", "", "```json", header.decode(), "```", "",
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
