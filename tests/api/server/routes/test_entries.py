"""Single entries, their parts and proofs, checkpoints and keys."""

import base64
import hashlib
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from api.evidence.making import make_checkpoint
from api.evidence.proving import inclusion_ranges, own_vkeys
from api.server import proofs
from api.server.proofs import Blocks, NotCoveredError
from ledger.domain.vocabulary import Book
from ledger.proof.checkpoint import open_checkpoint
from ledger.proof.evidence import stored_checkpoint
from ledger.proof.note import Note, VerifierKey
from ledger.proof.sections import commitment
from ledger.proof.tlog_proof import TlogProof
from ledger.proof.tree import Frontier, ProofError, inclusion_proof, leaf_hash, verify_inclusion
from ledger.recording.reader import LedgerReader
from tests.api.server.people import NAME, bearer, client_of
from tests.api.server.routes.test_views import MASKED, UNMASKED, visit

T = f"/v1/trials/{NAME}"


@pytest.fixture
def client(ledger: Path) -> TestClient:
    return client_of(ledger)


def stored(ledger: Path) -> list[bytes]:
    reader = LedgerReader(ledger, books=frozenset({Book.OPEN}), classes=frozenset())
    with reader:
        return [entry for _, entry, _ in reader.stored(Book.OPEN, 0, reader.head().open)]


def test_an_entry_is_sent_as_the_bytes_that_were_hashed(client: TestClient, ledger: Path) -> None:
    for seq, raw in enumerate(stored(ledger)):
        answer = client.get(f"{T}/entries/{seq}", headers=bearer(MASKED))
        assert answer.content == raw
        assert answer.headers["content-type"] == "application/json"
        digest = base64.b64encode(hashlib.sha256(raw).digest()).decode()
        assert answer.headers["content-digest"] == f"sha-256=:{digest}:"
        assert answer.headers["ledger-leaf-hash"] == leaf_hash(raw).hex()


def test_the_parts_that_are_shown_are_those_that_the_entry_commits_to(client: TestClient, ledger: Path) -> None:
    shown = withheld = 0
    for seq in range(len(stored(ledger))):
        for who in (MASKED, UNMASKED):
            entry = client.get(f"{T}/entries/{seq}", headers=bearer(who)).json()
            parts = client.get(f"{T}/entries/{seq}/parts", headers=bearer(who)).json()["parts"]
            assert [(one["class"], one["commit"]) for one in parts] == [
                (one["class"], one["commit"]) for one in entry["parts"]
            ]
            for part in parts:
                if part["payload"] is None:
                    withheld += 1
                    assert part["class"] != "plain"
                    assert part["salt"] is None
                else:
                    shown += 1
                    salt = bytes.fromhex(part["salt"])
                    assert commitment(salt, part["payload"].encode()).hex() == part["commit"]
    assert shown > 90
    assert withheld > 4


def test_a_proof_leads_from_the_entry_to_the_newest_checkpoint(client: TestClient, ledger: Path) -> None:
    note = client.get(f"{T}/checkpoint", headers=bearer(MASKED)).content
    lines = client.get(f"{T}/keys", headers=bearer(MASKED)).text.splitlines()
    keys = [VerifierKey.parse(line) for line in lines]
    assert keys == list(own_vkeys(ledger))
    new = open_checkpoint(note, keys).checkpoint
    for seq, raw in enumerate(stored(ledger)[: new.size]):
        answer = client.get(f"{T}/entries/{seq}/proof", headers=bearer(MASKED))
        proof = TlogProof.parse(answer.content)
        assert (proof.index, proof.checkpoint_note) == (seq, note)
        verify_inclusion(seq, new.size, leaf_hash(raw), proof.hashes, new.root)


def test_an_entry_that_no_checkpoint_covers_has_no_proof_yet_and_asking_signs_nothing(
    client: TestClient, ledger: Path
) -> None:
    visit(ledger, number="9")  # years after the last one, so that a checkpoint is due
    visit(ledger, number="10")
    last = len(stored(ledger)) - 1
    before = client.get(f"{T}/checkpoint", headers=bearer(MASKED)).content
    answer = client.get(f"{T}/entries/{last}/proof", headers=bearer(MASKED))
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")
    assert client.get(f"{T}/checkpoint", headers=bearer(MASKED)).content == before
    made = make_checkpoint(ledger)
    assert client.get(f"{T}/entries/{last}/proof", headers=bearer(MASKED)).status_code == 200
    of_size = client.get(f"{T}/checkpoints/{made.checkpoint.size}", headers=bearer(MASKED))
    assert of_size.content == made.data
    assert client.get(f"{T}/checkpoints/1", headers=bearer(MASKED)).status_code == 404


class Stored:
    """A book of entries in memory."""

    def __init__(self, count: int) -> None:
        self.raw = [f"entry {number}".encode() for number in range(count)]

    def entries(self, start: int, stop: int) -> list[tuple[int, bytes]]:
        return list(enumerate(self.raw))[start:stop]


@settings(max_examples=200, deadline=None)
@given(st.data(), st.integers(1, 70), st.sampled_from([1, 2, 4, 8]))
def test_a_path_made_from_blocks_is_the_path(data: st.DataObject, size: int, block: int) -> None:
    book, seq = Stored(size), data.draw(st.integers(0, size - 1))
    leaves = [leaf_hash(raw) for raw in book.raw]
    before, proofs.BLOCK = proofs.BLOCK, block  # type: ignore[misc]
    try:
        roots = Blocks(Path("none"))._up_to(book, size)  # type: ignore[arg-type]
        path = [proofs._root(book, roots, *span) for span in inclusion_ranges(seq, size)]  # type: ignore[arg-type]
    finally:
        proofs.BLOCK = before  # type: ignore[misc]
    assert path == inclusion_proof(leaves, seq)


def test_a_proof_out_of_a_stale_cache_is_made_anew_and_one_of_another_book_is_refused(ledger: Path) -> None:
    before, proofs.BLOCK = proofs.BLOCK, 8  # type: ignore[misc]
    try:
        newest = proofs.newest_checkpoint(ledger)
        assert newest is not None
        blocks = Blocks(ledger)
        wanted = blocks.prove(3)
        blocks._roots[-1] = bytes(32)
        assert blocks.prove(3) == wanted
        Path(f"{ledger}.views").mkdir(exist_ok=True)
        assert Blocks(ledger).prove(3) == wanted
        kept = blocks.file.read_bytes()
        assert len(kept) == newest.checkpoint.size // 8 * 32
        for spoilt in (bytes(len(kept)), kept[:-7], b"x", kept * 2):
            blocks.file.write_bytes(spoilt)
            assert Blocks(ledger).prove(3) == wanted
        with pytest.raises(NotCoveredError):
            blocks.prove(10_000)
        tree = Frontier()
        tree.extend([bytes(32)] * newest.checkpoint.size)
        other = type(newest.checkpoint)(newest.checkpoint.origin, newest.checkpoint.size, tree.root())
        forged = stored_checkpoint(newest.name, Note(other.text(), newest.note.signatures).encode())
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(proofs, "newest_checkpoint", lambda _: forged)
            with pytest.raises(ProofError):
                blocks.prove(3)
    finally:
        proofs.BLOCK = before  # type: ignore[misc]


def test_the_sealed_book_is_shut_alike_whether_there_is_such_an_entry_or_not(client: TestClient) -> None:
    for path in ("sealed-entries/{}", "sealed-entries/{}/content"):
        answers = [client.get(f"{T}/{path.format(seq)}", headers=bearer("sponsor-1")) for seq in (0, 11, 999_999)]
        assert {answer.status_code for answer in answers} == {403}
        assert len({answer.content for answer in answers}) == 1
        assert len({tuple(sorted(answer.headers.items())) for answer in answers}) == 1


def test_who_has_arms_in_sight_may_have_a_sealed_entry_and_the_look_is_recorded_first(client: TestClient) -> None:
    def looks() -> list[object]:
        rows = client.get(f"{T}/views/access", headers=bearer("archive-1")).json()["rows"]
        return [row["who"] for row in rows if (row["what"], row["classes"]) == ("LOOK", ["arm"])]

    looks()
    before = looks().count(UNMASKED)
    answer = client.get(f"{T}/sealed-entries/1", headers=bearer(UNMASKED))
    assert answer.headers["ledger-leaf-hash"] == leaf_hash(answer.content).hex()
    content = client.get(f"{T}/sealed-entries/1/content", headers=bearer(UNMASKED)).json()
    assert (content["seq"], content["type"]) == (1, "arm.assigned/1")
    assert content["data"]["arm"] in ("QUINCE", "MEDLAR")
    assert looks().count(UNMASKED) == before + 1
    assert client.get(f"{T}/sealed-entries/999999", headers=bearer(UNMASKED)).status_code == 404


NO_POSITIONS = (
    "-1", "+1", "1_0", "01", "1.0", "1e3", "", "%00", "%2e%2e", "%2e%2e%2f", "9" * 17, "9" * 3000, "%D9%A1",
    "%EF%BC%91", "0x1", "%201", "1%20", "1%0a", "..%2f..%2f", "1%00", "%ff", "NaN", "null", "1;2", "%F0%9D%9F%8F",
)  # fmt: skip


@pytest.mark.parametrize("route", ["entries/{}", "entries/{}/proof", "sealed-entries/{}", "checkpoints/{}"])
def test_a_position_that_is_none_is_refused(client: TestClient, route: str) -> None:
    for seq in NO_POSITIONS:
        answer = client.get(f"{T}/{route.format(seq)}", headers=bearer(UNMASKED), follow_redirects=False)
        assert answer.status_code in (400, 404), seq
        assert answer.headers["content-type"] == "application/problem+json"
