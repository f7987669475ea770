"""A ledger made today is, byte for byte, the one that is kept as golden; the document's example is taken from it."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

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
    """Written after docs/format.md with hashlib, hmac and AES-GCM-SIV only, sharing no code with the project."""
    last, hashes = "0" * 64, []

    def unsealed(entry: dict[str, Any], index: int, body: bytes, where: list[Any], stream: str) -> bytes:
        name, commit = entry["parts"][index]["class"], entry["parts"][index]["commit"]
        digest, ciphertext = body[:32], body[32:]
        assert len(ciphertext) % 256 == 16
        joined = b"trial-ledger/ciphertext/v1\x00" + bytes.fromhex(commit) + ciphertext
        assert hashlib.sha256(joined).digest() == digest
        place = ["trial-ledger/section/v1", entry["origin"], *where, index, name, commit]
        aad = json.dumps(place, separators=(",", ":"), ensure_ascii=False).encode()
        cipher = AESGCMSIV(bytes.fromhex(kept["keys"]["sections"][f"{name}/{stream}"]))
        plain = cipher.decrypt(bytes.fromhex(commit)[:12], ciphertext, aad)
        end = 36 + int.from_bytes(plain[:4], "big")
        assert not plain[end:].strip(b"\x00")
        return plain[4:end]

    for seq, row in enumerate(kept[book]):
        entry = json.loads(row["entry"])
        assert json.dumps(entry, separators=(",", ":"), sort_keys=True, ensure_ascii=False) == row["entry"]
        assert (entry["seq"], entry["prev"], entry["v"]) == (seq, last, "1/sha-256")
        stored, position, payloads, bodies = bytes.fromhex(row["sections"]), 0, {}, {}
        for part in entry["parts"]:
            kind, length = stored[position], int.from_bytes(stored[position + 1 : position + 5], "big")
            body = stored[position + 5 : position + 5 + length]
            position += 5 + length
            assert kind == (0 if part["class"] == "plain" else 1)
            bodies[part["class"]] = body
        assert position == len(stored)
        said = entry
        names = [part["class"] for part in entry["parts"]]
        for name in sorted(names, key=lambda name: name != "header"):
            index, body = names.index(name), bodies[name]
            if name == "header":
                body = unsealed(entry, index, body, [entry["id"]], "")
            elif name != "plain":
                stream = "" if name == "anchor" else said["stream"]
                body = unsealed(entry, index, body, [said["stream"], said["version"]], stream)
            assert hashlib.sha256(b"trial-ledger/section/v1\x00" + body).hexdigest() == entry["parts"][index]["commit"]
            payloads[name] = json.loads(body[32:])
            said = payloads["header"] if name == "header" else said
        if book == "sealed":
            header, key = payloads["header"], bytes.fromhex(kept["keys"]["marks"])
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
