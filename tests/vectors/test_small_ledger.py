"""A ledger made today is, byte for byte, the one that is kept as golden; the document's example is taken from it."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from tests.vectors.make import BEGIN, DOCUMENT, END, FILE, example, golden


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    vectors: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return vectors


def test_the_same_story_gives_the_golden_bytes(kept: dict[str, Any]) -> None:
    assert golden() == kept


def test_the_example_in_the_document_is_the_golden_ledger(kept: dict[str, Any]) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text[text.index(BEGIN) : text.index(END) + len(END)] == example(kept)


@pytest.mark.parametrize("book", ["open", "sealed"])
def test_the_golden_bytes_hold_by_the_document_alone(kept: dict[str, Any], book: str) -> None:
    """Written after docs/format.md with hashlib and hmac only, sharing no code with the project."""
    last, hashes = "0" * 64, []
    for seq, row in enumerate(kept[book]):
        entry = json.loads(row["entry"])
        assert json.dumps(entry, separators=(",", ":"), sort_keys=True, ensure_ascii=False) == row["entry"]
        assert (entry["seq"], entry["prev"], entry["v"]) == (seq, last, "1/sha-256")
        stored, position, payloads = bytes.fromhex(row["sections"]), 0, {}
        for part in entry["parts"]:
            kind, length = stored[position], int.from_bytes(stored[position + 1 : position + 5], "big")
            body = stored[position + 5 : position + 5 + length]
            position += 5 + length
            assert kind == 0
            assert hashlib.sha256(b"trial-ledger/section/v1\x00" + body).hexdigest() == part["commit"]
            payloads[part["class"]] = json.loads(body[32:])
        assert position == len(stored)
        if book == "sealed":
            header, key = payloads["header"], bytes.fromhex(kept["key"])
            place = f"slot\x00{header['stream']}\x00{header['version']}".encode()
            command = f"command\x00{header['command']['id']}".encode()
            assert hmac.new(key, place, "sha256").hexdigest() == entry["slot"]
            assert hmac.new(key, command, "sha256").hexdigest() == entry["command"]
            assert kept["open"][entry["open_head"]["seq"]]["hash"] == entry["open_head"]["hash"]
        digest = hashlib.sha256(b"\x00" + row["entry"].encode()).digest()
        hashes.append(digest)
        last = digest.hex()
        assert last == row["hash"]

    def root(leaves: list[bytes]) -> bytes:
        if len(leaves) == 1:
            return leaves[0]
        k = 1 << (len(leaves) - 1).bit_length() - 1
        return hashlib.sha256(b"\x01" + root(leaves[:k]) + root(leaves[k:])).digest()

    report = kept["report"] if book == "open" else kept["report"]["sealed"]
    assert base64.b64encode(root(hashes)).decode() == report["root"]
    assert kept["heads"][book]["hash"] == last == report["head"]
