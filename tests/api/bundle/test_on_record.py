"""A bundle is made on the record: before, of who is given arms or names; after, of the file. Or it is not made."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from api.access import Session
from api.bootstrap import DeniedError
from api.bundle import writing
from api.bundle.writing import BundleWriteError, export_bundle
from ledger.domain.vocabulary import Book
from ledger.keys.file import KeysError
from ledger.proof.bundle import digest_of
from ledger.proof.ledger_file import LedgerFileError
from tests.api.bundle.making import end_of_command, facts, made, there, viewer
from tests.proof.bundle_parts import lines, read


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
