"""`verify.js` by node: the published vectors, and proofs that were made here, altered bit by bit."""

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

import api.pages
from ledger.proof.checkpoint import Checkpoint
from ledger.proof.note import COSIGNATURE, ED25519, ML_DSA_44, VerifierKey
from ledger.proof.tlog_proof import TlogProof
from ledger.proof.tree import inclusion_proof, leaf_hash, root
from tests.proof.signers import NOW, TestSigner, signed
from tests.shared_data import shared_data

SCRIPT: Final = Path(str(api.pages.__file__)).with_name("static") / "verify.js"
VECTORS: Final = Path(__file__).parents[2] / "vectors"
ENTRIES: Final = [f'{{"seq":{seq},"who":"ñandú"}}'.encode() for seq in range(21)]
_RUN: Final = """
const tlog = require(process.argv[1]);
const raw = (text) => Uint8Array.from(Buffer.from(text, "base64"));
const plain = (_, value) => typeof value === "bigint" ? String(value)
  : value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value;
const does = {
  climb: async (c) => ({ holds: tlog.same(
    (await tlog.climb(BigInt(c.leafIdx), BigInt(c.treeSize), raw(c.leafHash), (c.proof || []).map(raw))).root,
    raw(c.root)) }),
  signatures: async (c) =>
    tlog.signaturesOf(tlog.parseCheckpoint(c.note), await Promise.all(c.keys.map(tlog.parseKey))),
  check: (c) => tlog.check(c),
  key: (c) => tlog.parseKey(c.key),
};
(async () => {
  const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
  const answers = [];
  for (const one of cases) {
    try { answers.push(await does[one.do](one)); }
    catch (error) { if (!(error instanceof tlog.Fault)) throw error; answers.push({ fault: error.message }); }
  }
  process.stdout.write(JSON.stringify(answers, plain));
})();
"""


def run(*cases: dict[str, Any]) -> list[Any]:
    """What the script says of each case; skips where there is no node."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is absent")
    done = subprocess.run(
        [node, "-e", _RUN, str(SCRIPT)], input=json.dumps(cases).encode(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    answers: list[Any] = json.loads(done.stdout)
    return answers


LOG: Final = TestSigner("log.example/trial/1", ED25519)
LATER: Final = TestSigner("log.example/trial/1", ML_DSA_44)
WITNESS: Final = TestSigner("witness.example/w1", COSIGNATURE)


def checkpoint(size: int, *signers: TestSigner, entries: list[bytes] = ENTRIES, origin: str = LOG.name) -> str:
    """A checkpoint of the first entries."""
    made = Checkpoint(origin, size, root([leaf_hash(one) for one in entries[:size]]))
    return signed(made.text(), *(signers or (LOG,))).decode()


def case(seq: int, size: int, **other: str) -> dict[str, Any]:
    """What the fields of the page hold for an entry."""
    leaves = [leaf_hash(one) for one in ENTRIES[:size]]
    proof = TlogProof(seq, tuple(inclusion_proof(leaves, seq)), checkpoint(size, LOG, LATER, WITNESS).encode())
    keys = "\n".join(one.key.encode() for one in (LOG, LATER, WITNESS))
    entry, text = ENTRIES[seq].decode(), proof.encode().decode()
    return {"do": "check", "entry": entry, "proof": text, "checkpoint": "", "keys": keys, **other}


def test_the_published_inclusion_vectors_of_rfc_6962() -> None:
    folder = shared_data("vectors/rfc6962/inclusion")
    read = [json.loads(file.read_bytes()) for file in sorted(folder.rglob("*.json"))]
    whole = [each for each in read if each["leafIdx"] >= 0 and each["treeSize"] >= 0]  # other numbers it never reads
    answers = run(*({"do": "climb", **each} for each in whole))
    assert len(whole) >= 90
    assert any(each["wantErr"] for each in whole)
    assert not all(each["wantErr"] for each in whole)
    for each, answer in zip(whole, answers, strict=True):
        assert ("fault" in answer or not answer["holds"]) == each["wantErr"], each["desc"]


def test_the_notes_that_others_signed() -> None:
    notes = json.loads((VECTORS / "notes.json").read_bytes())["notes"]
    answers = run(*({"do": "signatures", **one} for one in notes))
    for note, answer in zip(notes, answers, strict=True):
        types = [VerifierKey.parse(key).type for key in note["keys"]]
        assert [one["type"] for one in answer] == types
        assert {one["verdict"] for one in answer if one["type"] != ML_DSA_44} <= {"good"}
        assert {one["verdict"] for one in answer if one["type"] == ML_DSA_44} <= {"cannot"}
        times = [one.get("time") for one in answer if one["type"] == COSIGNATURE]
        known = [str(time) for kind, time in zip(types, note["timestamps"], strict=True) if kind == COSIGNATURE]
        assert times == known


def test_every_entry_of_every_tree_up_to_21_leaves_holds() -> None:
    cases = [case(seq, size) for size in range(1, len(ENTRIES) + 1) for seq in range(size)]
    for asked, answer in zip(cases, run(*cases), strict=True):
        assert answer["ok"], asked
        assert answer["leaf"] == leaf_hash(asked["entry"].encode()).hex()
        assert [one["verdict"] for one in answer["signatures"]] == ["good", "cannot", "good"]
        assert answer["signatures"][2]["time"] == str(NOW)


def test_one_digit_of_anything_is_enough_for_it_not_to_hold() -> None:
    """The control."""
    whole = case(11, 21)
    altered = [{**whole, "entry": whole["entry"].replace("11", "12")}]
    head, _, note = whole["proof"].partition("\n\n")
    lines = head.split("\n")
    for place in range(2, len(lines)):
        flipped = bytearray(base64.b64decode(lines[place]))
        flipped[7] ^= 1
        other = [*lines[:place], base64.b64encode(flipped).decode(), *lines[place + 1 :]]
        altered.append({**whole, "proof": "\n".join(other) + "\n\n" + note})
    altered += [{**whole, "proof": whole["proof"].replace("index 11", f"index {seq}")} for seq in (0, 10, 12, 20)]
    altered.append({**whole, "proof": whole["proof"].replace("\n21\n", "\n20\n")})
    for answer in run(*altered):
        assert "fault" in answer or not answer["ok"]
    assert run(whole)[0]["ok"]


def test_a_signature_that_was_altered_is_told() -> None:
    whole = case(3, 8)
    line = next(one for one in whole["proof"].split("\n") if one.startswith("\u2014 witness"))
    body = bytearray(base64.b64decode(line.split(" ")[2]))
    body[-1] ^= 1
    forged = whole["proof"].replace(line.split(" ")[2], base64.b64encode(body).decode())
    (answer,) = run({**whole, "proof": forged})
    assert (answer["holds"], answer["forged"], answer["ok"]) == (True, True, False)


@pytest.mark.parametrize(
    ("other", "said", "ok"),
    [
        (checkpoint(8), "same", True),
        (checkpoint(8, entries=[*ENTRIES[:7], b"another"]), "root", False),
        (checkpoint(9), "size", False),
        (checkpoint(8, TestSigner("other.example/x", ED25519), origin="other.example/x"), "origin", False),
    ],
)
def test_the_checkpoint_from_elsewhere_is_what_it_is_held_against(other: str, said: str, ok: bool) -> None:
    (answer,) = run(case(3, 8, checkpoint=other, keys=LOG.key.encode()))
    assert (answer["other"], answer["ok"]) == (said, ok)


@pytest.mark.parametrize(
    "change",
    [
        {"proof": ""},
        {"proof": "c2sp.org/tlog-proof@v2\nindex 3\n\n"},
        {"proof": case(3, 8)["proof"].replace("index 3", "index 03")},
        {"proof": case(3, 8)["proof"].replace("index 3", "index 9223372036854775808")},
        {"proof": case(3, 8)["proof"].replace("=\n", "\n", 1)},
        {"proof": case(3, 8)["proof"].rstrip("\n")},
        {"checkpoint": "log.example/trial/1\n8\n"},
        {"checkpoint": "log.example/trial/1\n-8\n" + checkpoint(8).split("\n", 2)[2]},
        {"keys": "no key"},
        {"keys": LOG.key.encode().replace("+", "+00", 1)},
        {"keys": f"{LOG.name}+00000000+{LOG.key.encode().split('+', 2)[2]}"},
    ],
)
def test_what_is_malformed_is_refused_with_the_rule(change: dict[str, str]) -> None:
    (answer,) = run(case(3, 8, **change))
    assert answer.get("fault")


def test_numbers_beyond_2_to_the_53_are_read_exactly() -> None:
    note = checkpoint(8).replace("\n8\n", "\n9007199254740993\n")
    (answer,) = run({"do": "check", "entry": "", "proof": f"c2sp.org/tlog-proof@v1\nindex 9007199254740992\n\n{note}"})
    assert "fewer than the path of leaf 9007199254740992" in answer["fault"]
