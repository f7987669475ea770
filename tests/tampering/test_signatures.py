"""An electronic signature is cut off, moved, altered, or made of what it must not be of."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from api.bundle.contents import Making, contents_of
from api.bundle.handed import Handed, forms_of
from api.bundle.zipped import write_zip
from ledger.domain.events.signature import Extent, Meaning, SealedSignatureMade, SignatureMade
from ledger.domain.roles import Sight
from ledger.domain.vocabulary import Book
from ledger.proof import signatures
from ledger.proof.canonical import encode
from ledger.proof.evidence import Evidence
from ledger.proof.sections import ARM, IDENTITY, PLAIN
from ledger.proof.signatures import Signatures
from ledger.proof.tree import leaf_hash
from ledger.proof.verify import verify_ledger
from ledger.recording.drafts import Append, CommandMark
from ledger.recording.mapper import open_drafts, sealed_drafts
from ledger.recording.reader import LedgerReader, Position
from tests.proof.bundle_parts import verified
from tests.tampering.ledgers import (
    ACTOR,
    KEYS,
    ORIGIN,
    PHARMACIST,
    behind_its_back,
    entries,
    fill,
    found,
    found_without_keys,
    new_books,
    places,
    settle,
)
from tests.tampering.test_whoever_writes_the_chain import but_for_anchors, payload, rewrite

OPEN, SEALED = 6, 2
"""The entries that are signed in the honest ledger: one of each book."""
_NO_HASH: Final = "0" * 64


def signed(path: Path, *given: dict[str, Any]) -> Path:
    """The small ledger, and signatures after it: `sealed`, `book`, `seq`; `hash` where it is not the right one."""
    books = new_books(path, every=10**6)
    fill(books)
    for n, one in enumerate(given):
        of = one["book"]
        there = entries(path, of)
        right = leaf_hash(there[one["seq"]]).hex() if one["seq"] < len(there) else _NO_HASH
        sealed = one.get("sealed", False)
        cls = SealedSignatureMade if sealed else SignatureMade
        actor = PHARMACIST if sealed else ACTOR
        made = cls(
            occurred_at="2020-05-06",
            extent=Extent.ENTRY,
            signed_book=of,
            signed_seq=one["seq"],
            signed_hash=one.get("hash", right),
            signed_type="visit.done/1",
            issuer="https://login.example.org",
            authenticated_at=f"2020-05-06T09:{n:02d}:00Z",
            token_sha256="1" * 64,
            signer=actor.id,
            meaning=Meaning.REVIEW,
            printed_name="María Núñez",
        )
        mark = CommandMark(f"signature-{n}", f"{n:064x}")
        if sealed:
            books.append(Append(mark, (), sealed_drafts([made], {}, actor=actor)))
            continue
        versions = {made.stream: sum(not before.get("sealed", False) for before in given[:n])}
        drafts = open_drafts(
            [made], versions, origin=ORIGIN, actor=actor, command=mark, random=books.randomness.open, keys=KEYS
        )
        books.append(Append(mark, drafts))
    books.close()
    settle(path)
    return path


def of(book: str, seq: int, **more: Any) -> dict[str, Any]:
    return {"book": book, "seq": seq, **more}


@pytest.fixture
def honest(tmp_path: Path) -> Path:
    """An open entry signed in the open book, and both an open and a sealed one in the sealed book."""
    given = (of("open", OPEN), of("open", OPEN, sealed=True), of("sealed", SEALED, sealed=True), of("open", 3))
    return signed(tmp_path / "trial.db", *given)


def of_type(path: Path, type_: str) -> list[int]:
    """The seqs of open entries of a type."""
    return [seq for seq, raw in enumerate(entries(path, "open")) if json.loads(raw)["type"] == type_]


def changed(**members: Any) -> Callable[[bytes], bytes]:
    return lambda raw: encode({**json.loads(raw), **members})


def test_signatures_of_what_lies_there_hold_in_both_books(honest: Path) -> None:
    report = verify_ledger(honest, keys=KEYS)
    assert report.findings == []
    assert report.ok
    assert found_without_keys(honest) == []


def test_a_signature_that_is_cut_off_is_missing(honest: Path) -> None:
    first = of_type(honest, "signature.made/1")[0]
    with behind_its_back(honest) as connection:
        connection.execute("DELETE FROM open_entry WHERE seq = ?", (first,))
    assert ("missing", "open", first) in found(honest)


@pytest.mark.parametrize("to", [OPEN - 1, OPEN + 1, 0])
def test_a_signature_that_is_moved_to_another_entry_is_found(honest: Path, to: int) -> None:
    first = of_type(honest, "signature.made/1")[0]
    payload(honest, "open", first, PLAIN, changed(signed_seq=to))
    assert but_for_anchors(honest) == [("signed", "open", first)]


def test_a_sealed_signature_that_is_moved_is_found_by_who_has_the_keys(honest: Path) -> None:
    place = len(entries(honest, "sealed")) - 1
    payload(honest, "sealed", place, ARM, changed(signed_seq=SEALED - 1))
    assert but_for_anchors(honest) == [("signed", "sealed", place)]
    assert found_without_keys(honest) == []


def test_a_signature_of_another_hash_is_found(honest: Path) -> None:
    first = of_type(honest, "signature.made/1")[0]
    payload(honest, "open", first, PLAIN, changed(signed_hash="f" * 64))
    assert but_for_anchors(honest) == [("signed", "open", first)]


def test_a_signed_entry_that_is_rewritten_with_all_that_follows_it_is_found_through_its_signatures(
    honest: Path,
) -> None:
    """The chain, the tree, the heads and the ties are whole again: what somebody signed is not what lies there."""
    last = of_type(honest, "signature.made/1")[-1]
    rewrite(honest, "open", OPEN, lambda entry: entry["actor"].update(id="inv-99"))
    seen = but_for_anchors(honest)
    assert ("signed", "open", of_type(honest, "signature.made/1")[0]) in seen
    assert {(code, book) for code, book, _ in seen} == {("signed", "open"), ("signed", "sealed")}
    assert ("signed", "open", last) not in seen  # it is of an entry before the one that was rewritten


def test_of_a_signed_entry_that_is_altered_in_place_the_alteration_alone_is_told(honest: Path) -> None:
    raw = entries(honest, "open")[OPEN]
    with behind_its_back(honest) as connection:
        edited = raw.replace(b"investigator", b"sponsor", 1)
        connection.execute("UPDATE open_entry SET entry = ? WHERE seq = ?", (edited, OPEN))
    assert found(honest) == [("altered", "open", OPEN)]


def test_of_a_signed_entry_that_is_deleted_the_gap_alone_is_told(honest: Path) -> None:
    with behind_its_back(honest) as connection:
        connection.execute("DELETE FROM open_entry WHERE seq = ?", (OPEN,))
    assert found(honest) == [("missing", "open", OPEN)]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (of("open", OPEN, hash=_NO_HASH), "by another hash"),
        (of("open", 24, hash=_NO_HASH), "does not lie before it"),
        (of("open", 2_000), "does not lie before it"),
        (of("open", 2_000, sealed=True), "which is not there"),
        (of("sealed", 7, sealed=True, hash=_NO_HASH), "does not lie before it"),
        (of("sealed", 1, sealed=True, hash=_NO_HASH), "by another hash"),
    ],
)
def test_a_recorder_that_makes_a_signature_of_what_it_must_not_be_of_is_found(
    tmp_path: Path, given: dict[str, Any], words: str
) -> None:
    path = signed(tmp_path / "trial.db", given)
    report = verify_ledger(path, keys=KEYS)
    book = "sealed" if given.get("sealed") else "open"
    assert [(finding.code, finding.book) for finding in report.findings] == [("signed", book)]
    assert words in report.findings[0].message
    assert not report.ok


@pytest.mark.parametrize(
    "members",
    [
        {"signed_seq": None}, {"signed_seq": "6"}, {"signed_seq": True}, {"signed_seq": -1}, {"signed_book": "third"},
        {"signed_book": None}, {"signed_book": ["open"]}, {"signed_hash": "F" * 64}, {"signed_hash": 7},
        {"signed_hash": "f" * 63}, {"signed_hash": "f" * 64 + "\n"},
    ],
)  # fmt: skip
def test_a_signature_that_does_not_say_what_it_is_of_is_found(honest: Path, members: dict[str, Any]) -> None:
    first = of_type(honest, "signature.made/1")[0]
    payload(honest, "open", first, PLAIN, changed(**members))
    assert but_for_anchors(honest) == [("signed", "open", first)]


def test_a_signature_in_the_open_book_of_a_sealed_entry_is_found_whatever_it_says_of_it(honest: Path) -> None:
    first = of_type(honest, "signature.made/1")[0]
    right = leaf_hash(entries(honest, "sealed")[SEALED]).hex()
    payload(honest, "open", first, PLAIN, changed(signed_book="sealed", signed_seq=SEALED, signed_hash=right))
    assert but_for_anchors(honest) == [("signed", "open", first)]
    (finding,) = [one for one in verify_ledger(honest, keys=KEYS).findings if one.code == "signed"]
    assert "stands in the open book" in finding.message


def test_without_the_check_a_signature_that_was_moved_is_not_seen(
    honest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: nothing else holds it, once whoever writes the chain has made all whole again."""
    payload(honest, "open", of_type(honest, "signature.made/1")[0], PLAIN, changed(signed_seq=OPEN - 1))
    assert but_for_anchors(honest) != []
    monkeypatch.setattr(Signatures, "check", lambda *_: None)
    assert but_for_anchors(honest) == []


@pytest.mark.parametrize("gap", [0, 1, 5])
def test_signatures_are_found_wherever_what_they_are_of_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gap: int
) -> None:
    """Entries far apart are looked for, and near ones read in passing."""
    monkeypatch.setattr(signatures, "_GAP", gap)
    wrong = {4: "1" * 64, 15: "2" * 64}
    seqs = (15, 0, 0, 4, 5, 14, 4, 16)
    given = [of("open", seq, **({"hash": wrong[seq]} if seq in wrong else {})) for seq in seqs]
    path = signed(tmp_path / "trial.db", *given)
    made = of_type(path, "signature.made/1")
    assert found(path) == [("signed", "open", made[n]) for n, seq in enumerate(seqs) if seq in wrong]


# -- in a bundle ------------------------------------------------------------------------------------------------------


def bundle(path: Path, classes: Sequence[str]) -> Path:
    """What of a ledger somebody with these classes in sight is handed."""
    books = frozenset(Book) if ARM in classes else frozenset({Book.OPEN})
    reader = LedgerReader(path, books=books, classes=frozenset(classes), keys=KEYS)
    sight = Sight(books, frozenset(classes))
    forms = forms_of(sight, archive=False)
    output = path.with_suffix(".zip")
    with reader, output.open("wb") as file:
        position = Position(*reader.head())
        handed = Handed(forms, KEYS, lambda _: False)
        making = Making(reader, position, handed, "statistician", (), forms, Evidence(), b"", b"")
        write_zip(file, contents_of(making))
    reader.close()
    return output


@pytest.mark.parametrize("classes", [(PLAIN,), (PLAIN, IDENTITY), (PLAIN, ARM)])
def test_signatures_are_checked_in_a_bundle_too(honest: Path, classes: Sequence[str]) -> None:
    assert places(verified(bundle(honest, classes))) == []
    first = of_type(honest, "signature.made/1")[0]
    payload(honest, "open", first, PLAIN, changed(signed_seq=OPEN - 1))
    assert ("signed", "open", first) in places(verified(bundle(honest, classes)))


def test_sealed_signatures_are_checked_in_a_bundle_that_opens_them(honest: Path) -> None:
    place = len(entries(honest, "sealed")) - 1
    payload(honest, "sealed", place, ARM, changed(signed_seq=SEALED - 1))
    assert ("signed", "sealed", place) in places(verified(bundle(honest, (PLAIN, ARM))))
    assert not [one for one in places(verified(bundle(honest, (PLAIN,)))) if one[0] == "signed"]
