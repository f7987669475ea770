"""After a rebuild no file of the views holds what was in them before: neither in free pages nor in the log."""

from pathlib import Path

import apsw
import pytest

from projections import store
from projections.base import Audience
from projections.runner import catch_up, rebuild
from projections.store import StoreUnavailableError
from tests.projections.building import MemoryLedger, consented, registered, visit

SECRET = "Ada Byron, as an older version kept her"


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def with_a_secret(folder: Path, audience: Audience, ledger: MemoryLedger) -> apsw.Connection:
    """Views that hold something which the ledger does not say (any more), in the file or in its log."""
    catch_up(ledger.reader(audience), audience, folder)
    connection = apsw.Connection(str(folder / audience.file_name))
    connection.execute("CREATE TABLE v_old (name TEXT)")
    connection.executemany("INSERT INTO v_old VALUES (?)", [(f"{SECRET} {number}",) for number in range(300)])
    connection.execute("UPDATE v_subjects SET site = ?", (SECRET,))
    return connection


def story() -> MemoryLedger:
    ledger = registered()
    for number in range(1, 20):
        ledger.append(consented(f"S{number}", subject_name="Ada Byron"))
        ledger.append(visit(f"S{number}", "DAY 3", "2020-05-15"))
    return ledger


@pytest.mark.parametrize("audience", Audience)
@pytest.mark.parametrize("checkpoint", ["PASSIVE", "TRUNCATE", None])
def test_a_rebuild_leaves_no_trace_of_what_was_there(
    tmp_path: Path, audience: Audience, checkpoint: str | None
) -> None:
    ledger = story()
    connection = with_a_secret(tmp_path, audience, ledger)
    if checkpoint is not None:
        connection.execute(f"PRAGMA wal_checkpoint({checkpoint})")
    assert SECRET.encode() in everything(tmp_path), "the control: it is there to be found"
    rebuild(ledger.reader(audience), audience, tmp_path)
    assert SECRET.encode() not in everything(tmp_path)
    assert b"Byron" not in everything(tmp_path)
    connection.close()
    assert SECRET.encode() not in everything(tmp_path)


def test_without_the_scrubbing_the_log_keeps_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = story()
    connection = with_a_secret(tmp_path, Audience.MASKED, ledger)
    monkeypatch.setattr(store.ViewStore, "scrub", lambda _: None)
    rebuild(ledger.reader(Audience.MASKED), Audience.MASKED, tmp_path)
    assert SECRET.encode() in everything(tmp_path)
    connection.close()


def test_while_somebody_reads_the_old_rows_a_rebuild_says_that_they_are_not_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = story()
    connection = with_a_secret(tmp_path, Audience.MASKED, ledger)
    monkeypatch.setattr(store, "_WAIT_MS", 20)
    connection.execute("BEGIN")
    assert connection.execute("SELECT count(*) FROM v_old").get == 300
    with pytest.raises(StoreUnavailableError, match="rebuild"):
        rebuild(ledger.reader(Audience.MASKED), Audience.MASKED, tmp_path)
    connection.execute("ROLLBACK")
    rebuild(ledger.reader(Audience.MASKED), Audience.MASKED, tmp_path)
    assert SECRET.encode() not in everything(tmp_path)
    connection.close()


def test_the_unmasked_file_and_its_log_are_for_their_owner_alone_whoever_made_them(tmp_path: Path) -> None:
    ledger = story()
    (tmp_path / "unmasked.db").touch(mode=0o644)
    (tmp_path / "unmasked.db").chmod(0o644)
    rebuild(ledger.reader(), Audience.UNMASKED, tmp_path)
    reading = apsw.Connection(str(tmp_path / "unmasked.db"))
    reading.execute("SELECT count(*) FROM v_subjects").fetchall()
    files = [path for path in tmp_path.iterdir() if path.name.startswith("unmasked")]
    assert len(files) > 1
    assert {path.stat().st_mode & 0o077 for path in files} == {0}
    reading.close()
