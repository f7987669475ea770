"""Bundles as they are made: for each role what it may see, no byte of it by chance, and on the record."""

import base64
import json
import re
import shutil
import sqlite3
import subprocess
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

import pytest

from api.access import Session, viewer_of
from api.acting import Who, command_of
from api.bootstrap import DeniedError, open_trial, rebuild_all
from api.bundle import contents, writing
from api.bundle.contents import DOCUMENTS, Making, contents_of
from api.bundle.handed import Handed, forms_of
from api.bundle.walked import consistency
from api.bundle.writing import BundleWriteError, export_bundle
from api.bundle.zipped import write_zip
from api.erasure import erase
from api.evidence.making import make_checkpoint
from ledger.domain.events import CATALOGUE
from ledger.domain.roles import ROLES, Sight, Viewer
from ledger.domain.vocabulary import Book, Role
from ledger.keys.file import KeysError, load_keys
from ledger.proof.bundle import MANIFEST, SUMS, Manifest, digest_of
from ledger.proof.bundle_reader import BundleBooks
from ledger.proof.data_keys import HeldKeys
from ledger.proof.evidence import Evidence
from ledger.proof.ledger_file import LedgerFileError
from ledger.proof.sections import PLAIN, unpack
from ledger.proof.tree import consistency_proof, leaf_hash, verify_consistency
from ledger.proof.verify import verify_books, verify_ledger
from ledger.recording.reader import AsOfError, LedgerReader, Position
from tests.projections.whole_trial import ARM_WORDS, NAMES, SUBJECTS, protocol_masking, whole_trial
from tests.proof.bundle_parts import Files, frames, head_of, lines, read, verified
from tests.recording.ledgers import KEYS, append, new_ledger, open_books
from tests.shared_data import ROOT
from tests.trials import SITE, Trial
from tests.two_worlds.looking import masked_people
from tests.two_worlds.protocols import NO_INTERVENTION
from tests.two_worlds.scenes import story
from tests.two_worlds.worlds import two_worlds

MASKABLE: Final = ("PARTICIPANT", "CARE_PROVIDER", "INVESTIGATOR", "OUTCOMES_ASSESSOR")
UNMASKED: Final = {"pharmacist", "statistician", "dmc", "safety-physician", "archive", "auditor"}
"""Who has arms in sight in the trial below: those who always have, the archive, and an auditor by a grant."""


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    """A trial that is masked four ways, with grants to an auditor (all) and an inspector (names). Not to be changed."""
    masked = protocol_masking("QUADRUPLE", MASKABLE)
    settings = masked.model_dump(mode="json")["settings"] | {"anchor_every": 8}
    return whole_trial(tmp_path_factory.mktemp("trial"), masked.amended({"settings": settings}))


@pytest.fixture
def mine(trial: Trial, tmp_path: Path) -> Path:
    """A copy of it, with its keys and its evidence."""
    for beside in ("", ".keys", ".evidence"):
        source = Path(f"{trial.path}{beside}")
        if source.is_dir():
            shutil.copytree(source, tmp_path / f"trial.db{beside}")
        elif source.exists():
            shutil.copyfile(source, tmp_path / f"trial.db{beside}")
    return tmp_path / "trial.db"


def viewer(role: str, *, sites: bool = True) -> Viewer:
    own = frozenset({SITE}) if sites and ROLES[Role(role)].identity else frozenset[str]()
    return viewer_of(f"{role}-1", role, "FJD", own)


def made(ledger: Path, role: str, at: str | None = None, *, name: str = "", sites: bool = True) -> Path:
    """The bundle of a role."""
    output = ledger.with_name(f"{name or role}.zip")
    return export_bundle(Session(ledger, viewer(role, sites=sites)), output, at).path


def there(ledger: Path) -> list[str]:
    """What lies in the folder of a ledger, without what SQLite keeps beside an open file."""
    return sorted(path.name for path in ledger.parent.iterdir() if not path.name.endswith(("-wal", "-shm")))


def end_of_command(ledger: Path, at_least: int) -> str:
    """The first position from there on with which a command ends."""
    with LedgerReader(ledger, books=frozenset({Book.OPEN}), classes=frozenset()) as reader:
        for seq, raw, _ in reader.stored(Book.OPEN, at_least, reader.head().open):
            command = json.loads(raw)["command"]
            if command["n"] == command["of"] - 1:
                return str(seq)
    raise AssertionError(f"no command ends after {at_least}")


def facts(ledger: Path, book: Book) -> list[Any]:
    with closing(load_keys(ledger)) as keys:
        reader = LedgerReader(ledger, books=frozenset({book}), classes=frozenset({"plain", "arm"}), keys=keys)
        with closing(reader), reader:
            return list(reader.facts())


# -- who is given what -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_each_role_is_given_what_it_may_see_and_it_verifies(mine: Path, role: Role) -> None:
    path = made(mine, role.value)
    files, arms = read(path), role.value in UNMASKED
    names = role.value in {"investigator", "care-provider", "monitor", "auditor", "inspector"}
    with BundleBooks(path) as books:
        report = verify_books(books)
        assert books.manifest.role == role
    assert report.ok, report.findings
    assert (books.books == {"open", "sealed"}) is arms
    assert ("sealed/entries" in files) is arms
    assert ("keys/data-keys.ndjson" in files) is (role is Role.ARCHIVE)
    told = b"".join(data for name, data in files.items() if not name.startswith(("docs/", "schemas/")))
    # The protocol names arms; who is in which, products and lots do not stand in it.
    readable = role is not Role.ARCHIVE
    assert any(word.encode() in told for word in (*ARM_WORDS[4:],)) is (arms and readable)
    assert all(name.encode() in told for name in NAMES) is names
    assert any(name.encode() in told for name in NAMES) is names
    assert report.opened.keys() >= ({"arm", "header"} if arms and readable else set())
    assert ("identity" in report.opened) is names


@pytest.mark.parametrize("role", [role for role in ROLES if role.value not in UNMASKED])
def test_a_masked_role_is_given_no_ciphertext(mine: Path, role: Role) -> None:
    files = read(made(mine, role.value))
    kinds = set()
    for raw, stored in zip(lines(files), frames(files), strict=True):
        for part, section in zip(json.loads(raw)["parts"], unpack(stored, raw.count(b'"commit"')), strict=True):
            assert section.ciphertext is None
            kinds.add((part["class"], section.withheld))
    assert ("anchor", True) in kinds
    assert ("anchor", False) not in kinds


def test_names_are_given_of_the_own_sites_alone(mine: Path) -> None:
    with_site, without = read(made(mine, "monitor")), read(made(mine, "monitor", name="none", sites=False))
    assert Manifest.parse(with_site[MANIFEST]).sections["identity"] == "partly"
    assert Manifest.parse(with_site[MANIFEST]).sites == (SITE,)
    assert Manifest.parse(without[MANIFEST]).sections["identity"] == "withheld"
    assert Manifest.parse(without[MANIFEST]).sites == ()
    assert NAMES[0].encode() in with_site["open/sections"]
    assert NAMES[0].encode() not in without["open/sections"]


def test_who_has_no_right_to_names_is_refused_a_bundle_with_them_and_that_is_recorded(mine: Path) -> None:
    asking = viewer_of("sponsor-1", "sponsor", "FJD", frozenset({SITE}))
    with pytest.raises(DeniedError, match="may not see names"):
        export_bundle(Session(mine, asking), mine.with_name("x.zip"))
    assert not mine.with_name("x.zip").exists()
    assert facts(mine, Book.OPEN)[-1].type == "access.refused/1"


def test_an_erased_name_is_withheld_and_the_event_says_why(mine: Path) -> None:
    who = Who("data-manager-1", "FJD", "data-manager")
    with closing(open_trial(mine)) as ledger:
        erase(ledger, command_of("erase-identity", {"subject": SUBJECTS[0], "reason": "asked for"}, who), rebuild_all)
    for role in ("investigator", "inspector"):  # one of his own site's, one of all
        path = made(mine, role)
        report, told = verified(path), read(path)
        assert report.ok
        assert report.notes == []
        assert report.closed["identity"] >= 1
        assert NAMES[0].encode() not in told["open/sections"]
        assert NAMES[1].encode() in told["open/sections"]
        assert b"identity.erased/1" in told["open/entries"]


def test_the_archive_has_everything_but_what_opens_it(mine: Path) -> None:
    path = made(mine, "archive")
    files = read(path)
    with LedgerReader(mine, books=frozenset(Book), classes=frozenset()) as reader:
        for book in Book:
            size = len(lines(files, book.value))
            stored = list(reader.stored(book, 0, size))
            assert [raw for _, raw, _ in stored] == lines(files, book.value)
            assert [sections for _, _, sections in stored] == frames(files, book.value)
    keys = [json.loads(line) for line in files["keys/data-keys.ndjson"].splitlines()]
    assert [key["name"] for key in keys] == sorted(key["name"] for key in keys)
    assert f"section/identity/subject/{SUBJECTS[0]}" in {key["name"] for key in keys}
    secrets = [file.read_bytes().strip() for file in Path(f"{mine}.keys").iterdir() if file.suffix == ".kek"]
    assert len(secrets) == 2
    assert not any(secret in path.read_bytes() for secret in secrets)


def test_with_data_keys_an_archive_is_opened_as_the_ledger_is(mine: Path) -> None:
    path = made(mine, "archive")
    with closing(load_keys(mine)) as keys, BundleBooks(path) as books:
        report = verify_books(books, keys=keys)
        assert report.ok, report.findings
        assert not report.closed
        assert report.marks[1] == 0
        assert report.opened["arm"] > 0
    wrong = HeldKeys(None, {("header", ""): bytes(32)})
    with BundleBooks(path) as books:
        assert {one.code for one in verify_books(books, keys=wrong).findings} == {"sealed"}


def test_a_destroyed_key_is_a_tombstone_in_the_archive(mine: Path) -> None:
    who = Who("data-manager-1", "FJD", "data-manager")
    with closing(open_trial(mine)) as ledger:
        erase(ledger, command_of("erase-identity", {"subject": SUBJECTS[0], "reason": "asked for"}, who), rebuild_all)
    keys = [json.loads(line) for line in read(made(mine, "archive"))["keys/data-keys.ndjson"].splitlines()]
    dead = [key["name"] for key in keys if key["wrapped"] is None]
    assert dead == [f"section/identity/subject/{SUBJECTS[0]}"]
    assert all(len(base64.b64decode(key["wrapped"])) >= 60 for key in keys if key["wrapped"] is not None)


# -- the same bytes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["sponsor", "investigator", "statistician", "archive"])
def test_the_same_position_gives_the_same_bytes(mine: Path, role: str) -> None:
    at = end_of_command(mine, 20)
    first = made(mine, role, at, name="first").read_bytes()
    assert made(mine, role, at, name="second").read_bytes() == first
    other = made(mine, role, end_of_command(mine, int(at) + 1), name="other").read_bytes()
    assert other != first


def test_nothing_in_a_bundle_says_when_or_by_whom_it_was_made(mine: Path) -> None:
    at = end_of_command(mine, 20)
    one = export_bundle(Session(mine, viewer_of("a-1", "sponsor", "FJD")), mine.with_name("1.zip"), at).path
    other = export_bundle(Session(mine, viewer_of("b-2", "sponsor", "elsewhere")), mine.with_name("2.zip"), at).path
    assert one.read_bytes() == other.read_bytes()


# -- positions --------------------------------------------------------------------------------------------------------


def test_without_a_position_a_checkpoint_of_just_that_size_is_in_it(mine: Path) -> None:
    path = made(mine, "sponsor")
    with BundleBooks(path) as books:
        report, evidence = verify_books(books), books.evidence()
        newest = evidence.checkpoints[-1].checkpoint
        assert (newest.size, newest.root) == (report.size, report.root)
        assert books.log_keys.decode().startswith(newest.origin)
        assert dict(books.consistency) == {}


def test_who_knows_arms_leaves_no_checkpoint_beside_the_ledger(mine: Path) -> None:
    def held() -> list[str]:
        return sorted(path.name for path in Path(f"{mine}.evidence").glob("*/*"))

    before = held()
    path = made(mine, "statistician")
    assert held() == before
    with BundleBooks(path) as books:
        assert books.evidence().checkpoints[-1].checkpoint.size == books.manifest.books["open"].size
    made(mine, "sponsor")  # the control
    assert held() != before


@pytest.mark.parametrize("role", ["sponsor", "statistician"])
def test_at_an_earlier_position_a_later_checkpoint_comes_with_what_ties_it_to_the_bundle(mine: Path, role: str) -> None:
    later = make_checkpoint(mine).checkpoint
    for seq in (int(end_of_command(mine, least)) for least in (0, 7, 20)):
        path = made(mine, role, str(seq), name=f"at-{seq}")
        with BundleBooks(path) as books:
            report = verify_books(books)
            assert report.ok, report.findings
            assert report.size == seq + 1
            (size, proof), *_ = books.consistency.items()
            verify_consistency(report.size, size, report.root, _root_at(books.evidence(), size), proof)
            assert size <= later.size
        protocol = json.loads(read(path)["protocol.json"])
        assert protocol["registration"]["nct_number"]


def _root_at(evidence: Evidence, size: int) -> bytes:
    return next(one.checkpoint.root for one in evidence.checkpoints if one.checkpoint.size == size)


def test_the_sealed_entries_of_a_position_are_those_that_name_an_open_entry_up_to_it(mine: Path) -> None:
    for seq in (int(end_of_command(mine, least)) for least in (10, 20, 30)):
        files = read(made(mine, "statistician", str(seq), name=f"at-{seq}"))
        heads = [json.loads(raw)["open_head"]["seq"] for raw in lines(files, "sealed")]
        assert all(head <= seq for head in heads)
        following = len(heads)
        everything = facts(mine, Book.SEALED)
        assert following == len(everything) or everything[following].open_seq > seq


def test_an_exact_position_takes_in_just_so_many_sealed_entries(mine: Path) -> None:
    head = len(facts(mine, Book.OPEN)) - 1
    path = made(mine, "statistician", f"{head}/{len(facts(mine, Book.SEALED)) - 1}", name="exact")
    report = verified(path)
    assert report.ok, report.findings
    assert report.size == head + 1
    with pytest.raises(AsOfError, match="the anchor at"):
        made(mine, "statistician", f"{head}/0", name="less")


def test_a_position_that_nobody_can_be_given_is_refused_before_anything_is_recorded(mine: Path) -> None:
    within = _within(mine)
    before = [len(facts(mine, book)) for book in Book]
    for role, at, words in (
        ("statistician", "999999", "ends at position"),
        ("statistician", "soon", "neither a position"),
        ("sponsor", "20/3", "no position in the sealed book"),
        ("sponsor", str(within), "lies within a command"),
    ):
        with pytest.raises(AsOfError, match=words):
            made(mine, role, at, name="refused")
    assert [len(facts(mine, book)) for book in Book] == before
    assert not mine.with_name("refused.zip").exists()


def _within(ledger: Path) -> int:
    """The seq of an entry that is not the last of its command."""
    with LedgerReader(ledger, books=frozenset({Book.OPEN}), classes=frozenset()) as reader:
        for seq, raw, _ in reader.stored(Book.OPEN, 0, reader.head().open):
            command = json.loads(raw)["command"]
            if command["n"] < command["of"] - 1:
                return seq
    raise AssertionError("no command has two events")


def test_the_proof_of_consistency_that_is_made_while_reading_is_that_of_the_tree(mine: Path) -> None:
    with LedgerReader(mine, books=frozenset({Book.OPEN}), classes=frozenset()) as reader:
        leaves = [leaf_hash(raw) for _, raw, _ in reader.stored(Book.OPEN, 0, reader.head().open)]
        for size in range(1, len(leaves)):
            for larger in (size + 1, len(leaves)):
                assert consistency(reader, size, larger) == consistency_proof(leaves, size, larger)


# -- on the record ----------------------------------------------------------------------------------------------------


def test_who_is_given_arms_is_recorded_before_and_the_file_after_in_the_sealed_book(mine: Path) -> None:
    opened, sealed = facts(mine, Book.OPEN), facts(mine, Book.SEALED)
    path = made(mine, "statistician")
    looked, exported = facts(mine, Book.SEALED)[len(sealed) :]
    assert (looked.type, looked.data["what"], looked.actor.id) == ("arm.accessed/1", "bundle", "statistician-1")
    assert exported.type == "sealed-export.made/1"
    assert exported.data["sha256"] == digest_of(path.read_bytes()).hex()
    assert len(lines(read(path), "sealed")) == len(sealed) + 1  # the look is in it, the export is not
    assert facts(mine, Book.OPEN) == opened


def test_who_is_given_names_is_recorded_and_an_export_without_either_is_no_look(mine: Path) -> None:
    monitor, sponsor = viewer("monitor"), viewer("sponsor")
    for who, types in ((monitor, ["identity.accessed/1", "export.made/1"]), (sponsor, ["export.made/1"])):
        before = len(facts(mine, Book.OPEN))
        path = export_bundle(Session(mine, who), mine.with_name(f"{who.id}.zip")).path
        new = [fact for fact in facts(mine, Book.OPEN)[before:] if fact.actor.id == who.id]
        assert [fact.type for fact in new] == types
        assert new[-1].data["sha256"] == digest_of(path.read_bytes()).hex()
        assert (new[-1].data["kind"], new[-1].data["classes"][-1]) == ("bundle", "plain")


def test_who_knows_an_arm_leaves_no_trace_in_the_open_book(mine: Path) -> None:
    opened, sealed = facts(mine, Book.OPEN), len(facts(mine, Book.SEALED))
    made(mine, "investigator")  # who broke a code
    assert facts(mine, Book.OPEN) == opened
    types = [fact.type for fact in facts(mine, Book.SEALED)[sealed:]]
    assert types == ["sealed-identity.accessed/1", "sealed-export.made/1"]


def test_what_cannot_be_recorded_is_not_made(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise DeniedError("it cannot be recorded")

    monkeypatch.setattr(Session, "exported", refuses)
    before = there(mine)
    with pytest.raises(DeniedError):
        made(mine, "sponsor", end_of_command(mine, 20))
    assert there(mine) == before
    monkeypatch.undo()
    assert made(mine, "sponsor", end_of_command(mine, 20)).exists()  # the control


def test_without_keys_nothing_is_handed_out(mine: Path) -> None:
    shutil.rmtree(f"{mine}.keys")
    for role in ("sponsor", "statistician", "archive"):
        with pytest.raises((DeniedError, KeysError)):
            made(mine, role)
        assert not mine.with_name(f"{role}.zip").exists()


def test_a_file_that_is_there_is_left_as_it_is(mine: Path) -> None:
    taken = mine.with_name("sponsor.zip")
    taken.write_bytes(b"mine")
    before = len(facts(mine, Book.OPEN))
    with pytest.raises(BundleWriteError, match="exists already"):
        made(mine, "sponsor")
    with pytest.raises(BundleWriteError, match="no folder"):
        export_bundle(Session(mine, viewer("sponsor")), mine.parent / "none" / "x.zip")
    assert taken.read_bytes() == b"mine"
    assert len(facts(mine, Book.OPEN)) == before


def test_a_file_that_comes_in_between_is_left_as_it_is(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[..., str] = Session.exported  # type: ignore[assignment]
    output = mine.with_name("x.zip")

    def slow(self: Session, *said: Any) -> None:
        real(self, *said)
        output.write_bytes(b"mine")

    monkeypatch.setattr(Session, "exported", slow)
    with pytest.raises(BundleWriteError, match="exists already"):
        export_bundle(Session(mine, viewer("sponsor")), output, end_of_command(mine, 20))
    assert output.read_bytes() == b"mine"
    assert not list(mine.parent.glob(".*.new"))


def test_an_interruption_leaves_nothing_behind(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stops(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(writing, "write_zip", stops)
    before = there(mine)
    with pytest.raises(KeyboardInterrupt):
        made(mine, "sponsor", end_of_command(mine, 20))
    assert there(mine) == before


def test_a_bundle_is_for_its_owner_alone(mine: Path) -> None:
    assert made(mine, "sponsor").stat().st_mode & 0o777 == 0o600


def test_of_a_ledger_that_was_tampered_with_there_is_no_bundle(mine: Path) -> None:
    with closing(sqlite3.connect(mine)) as connection, connection:
        connection.execute("DROP TRIGGER open_entry_no_update")
        (raw,) = connection.execute("SELECT entry FROM open_entry WHERE seq = 9").fetchone()
        other = raw.replace(b'"org":"', b'"org":"X', 1)
        connection.execute("UPDATE open_entry SET entry = ? WHERE seq = 9", (other,))
    with pytest.raises(LedgerFileError, match="run verify"):
        made(mine, "sponsor", end_of_command(mine, 20))


# -- the blind ---------------------------------------------------------------------------------------------------------


def test_bundles_for_masked_people_are_the_same_in_both_worlds_but_for_the_anchors_commitments(tmp_path: Path) -> None:
    steps = story(NO_INTERVENTION, [])
    seen: list[dict[str, Files]] = []
    with two_worlds(tmp_path, NO_INTERVENTION, steps) as worlds:
        assert worlds[0].arm_of("P1") != worlds[1].arm_of("P1")
        for world in worlds:
            with world.at_the_desk():
                people = masked_people(world)
                at = end_of_command(world.path, len(facts(world.path, Book.OPEN)) - 9)
                seen.append({})
                for person in people:
                    for number, where in enumerate((None, at)):
                        output = world.path.with_name(f"{person.id}-{number}.zip")
                        session = Session(world.path, person, clock=world.clock)
                        path = export_bundle(session, output, where, clock=world.clock).path
                        seen[-1][output.name] = read(path)
    one, other = seen
    assert len(one) > 10
    assert one.keys() == other.keys()
    different = set()
    for name, files in one.items():
        assert list(files) == list(other[name])
        for file, data in files.items():
            assert len(data) == len(other[name][file]), (name, file)
            if data != other[name][file]:
                different.add(file.partition("/")[0])
                assert _unhashed(file, data) == _unhashed(file, other[name][file]), (name, file)
    assert different <= {"open", "manifest.json", "SHA256SUMS", "index.html", "evidence", "consistency", "keys"}
    assert {"open", "manifest.json"} <= different  # the worlds do differ


_ANCHOR: Final = re.compile(rb'(\{"class":"anchor","commit":)"[0-9a-f]{64}"')
_PREV: Final = re.compile(rb'"prev":"[0-9a-f]{64}"')
_EXPORT: Final = b'"type":"export.made/1"'


def _unhashed(file: str, data: bytes) -> bytes:
    """A file without the anchors' commitments, and without what follows from them: hashes, signatures."""
    if file == "open/entries":
        entries = [_ANCHOR.sub(rb"\1", _PREV.sub(b"", raw)) for raw in data.splitlines()]
        # The digest of a bundle that was made before follows from the commitments in it, as `prev` does.
        return b"".join(re.sub(rb'"commit":"[0-9a-f]{64}"', b"", raw) if _EXPORT in raw else raw for raw in entries)
    if file.startswith("open/"):
        return re.sub(rb'"sha256":"[0-9a-f]{64}"', b"", data)
    if file.startswith("evidence/"):
        return re.sub(rb"(?m)^(\xe2\x80\x94 \S+ )?[A-Za-z0-9+/]{40,}=*$", rb"\1", data)
    return re.sub(rb"[0-9a-f]{64,}|[A-Za-z0-9+/]{43}=", b"", data)


# -- what is in it, for people ----------------------------------------------------------------------------------------


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_says_what_it_is_needs_nothing_from_elsewhere_and_claims_no_verification(mine: Path) -> None:
    files = read(made(mine, "investigator"))
    text = files["index.html"].decode()
    page = _Page(text)
    assert not {tag for tag, _ in page.tags} & {"script", "img", "link", "iframe", "object", "form"}
    (policy,) = [at["content"] for tag, at in page.tags if at.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    manifest = Manifest.parse(files[MANIFEST])
    for said in (manifest.origin, manifest.books["open"].head.hex(), "has verified nothing", "python -m ledger.proof"):
        assert said in text
    links = [at["href"] for tag, at in page.tags if tag == "a"]
    assert all(link in files or (link or "").startswith("#") for link in links)
    for name in files:
        assert name in (MANIFEST, SUMS, "index.html") or name in text
    assert text.count("<tr><td>open</td>") > len(lines(files))  # each event, and the types


def test_what_somebody_wrote_into_a_record_is_text_on_the_page(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    evil = '<script>alert("x")</script>&\u202egnp'
    said = {"recommendation": "CONTINUE", "text": evil}
    trial.do("record-dmc-recommendation", said, actor={"id": "sponsor-1", "role": "sponsor", "org": "<b>"})
    text = read(made(trial.path, "sponsor"))["index.html"].decode()
    assert "<script>" not in text
    assert "<b>" not in text
    assert "\u202e" not in text
    assert "&lt;script&gt;" in text


def test_a_long_book_is_shown_by_its_newest_entries(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "MOST_ROWS", 7)
    files = read(made(mine, "statistician"))
    text = files["index.html"].decode()
    total = len(lines(files)) + len(lines(files, "sealed"))
    assert f"The newest 7 of {total} events" in text
    rows = re.findall(r'<tr><td>(open|sealed)</td><td class="num">(\d+)</td><td class="code">2', text)
    assert len(rows) == 7
    last_open, last_sealed = len(lines(files)) - 1, len(lines(files, "sealed")) - 1
    assert ("sealed", str(last_sealed)) in rows or ("open", str(last_open)) in rows


def test_the_documents_and_schemas_are_those_of_the_project(mine: Path) -> None:
    files = read(made(mine, "sponsor"))
    for name in DOCUMENTS:
        assert files[f"docs/{name}"] == (ROOT / "docs" / name).read_bytes()
    schemas = {name: json.loads(data) for name, data in files.items() if name.startswith("schemas/")}
    assert len(schemas) == len(CATALOGUE)
    assert all(schema["type"] == "object" for schema in schemas.values())


def test_sha256sum_agrees(mine: Path, tmp_path: Path) -> None:
    program = shutil.which("sha256sum")
    if program is None:
        pytest.skip("there is no sha256sum here")
    out = tmp_path / "out"
    with zipfile.ZipFile(made(mine, "auditor")) as archive:
        archive.extractall(out)
    done = subprocess.run([program, "--strict", "-c", SUMS], cwd=out, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout


# -- length -----------------------------------------------------------------------------------------------------------


def test_memory_does_not_grow_with_the_books_neither_writing_nor_reading(tmp_path: Path) -> None:
    peaks = []
    for commands in (40, 650):
        folder = tmp_path / str(commands)
        folder.mkdir()
        path = _long(folder, commands)
        reader = LedgerReader(path, books=frozenset(Book), classes=frozenset({PLAIN}), keys=KEYS)
        sight = Sight(frozenset(Book), frozenset({"plain", "arm"}))
        forms = forms_of(sight, archive=False)
        output = folder / "x.zip"
        tracemalloc.start()
        with closing(reader), reader, output.open("wb") as file:
            position = Position(*reader.head())
            handed = Handed(forms, KEYS, lambda _: False)
            making = Making(reader, position, handed, "statistician", (), forms, Evidence(), b"", b"")
            write_zip(file, contents_of(making))
        written = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        report = verified(output)
        peaks.append((written, tracemalloc.get_traced_memory()[1]))
        tracemalloc.stop()
        assert report.ok, report.findings
        assert report.size == position.open
    assert position.open + (position.sealed or 0) > 9_500
    for small, large in zip(*peaks, strict=True):
        assert large < small + (8 << 20)


def _long(folder: Path, commands: int) -> Path:
    """A ledger of commands of ten open and five sealed events."""
    path = new_ledger(folder)
    books = open_books(path, every=64)
    for number in range(commands):
        first = number % 4 * 10
        events = [(f"subject/{number // 4}", first + version) for version in range(1, 11)]
        books.append(append(books, f"command-{number}", events, [f"dose/{number // 4}"] * 5))
    books.close()
    assert verify_ledger(path, keys=KEYS).ok
    return path


def test_the_head_in_the_manifest_is_that_of_the_entries(mine: Path) -> None:
    files = read(made(mine, "archive"))
    for book, head in Manifest.parse(files[MANIFEST]).books.items():
        assert head == head_of(lines(files, book))
