"""The fast walk through a ledger in PostgreSQL says what the reference says, or nothing."""

from pathlib import Path

import psycopg
import pytest

from ledger.proof.link import read_link
from ledger.verifying.fast_postgres import try_fast_postgres
from ledger.verifying.postgres import verify_postgres
from tests.recording.conftest import database, in_postgres, server  # noqa: F401
from tests.recording.ledgers import KEYS, new_ledger
from tests.recording.test_postgres_books import play

pytestmark = pytest.mark.usefixtures("in_postgres")


@pytest.mark.parametrize("keys", [KEYS, None])
@pytest.mark.parametrize("compiled", [True, False])
def test_the_fast_walk_has_the_report_of_the_reference(tmp_path: Path, keys: object, compiled: bool) -> None:
    path = new_ledger(tmp_path)
    play(path, steps=150)
    told: list[tuple[int, int]] = []
    held = KEYS if keys is not None else None
    fast = try_fast_postgres(
        path, keys=held, sizes=(1, 7, 100), compiled=compiled, progress=lambda done, total: told.append((done, total))
    )
    assert fast is not None
    assert fast.to_json() == verify_postgres(path, keys=held, sizes=(1, 7, 100)).to_json()
    assert told


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE open_book.entry SET entry = convert_to(replace(convert_from(entry, 'UTF8'), 'a-17', 'a-18'), 'UTF8') "
        "WHERE seq = 9 AND trial = {trial}",
        "UPDATE open_book.entry SET version = version + 100 WHERE seq = 9 AND trial = {trial}",
        "UPDATE open_book.entry SET command = 'x' WHERE seq = 9 AND trial = {trial}",
        "UPDATE open_book.entry SET sections = sections || 'x' WHERE seq = 9 AND trial = {trial}",
        "DELETE FROM open_book.entry WHERE seq = 9 AND trial = {trial}",
        "UPDATE open_book.stream SET name = name || 'x' WHERE id = 2 AND trial = {trial}",
        "INSERT INTO open_book.stream VALUES ({trial}, 99, 'more')",
        "UPDATE sealed_book.entry SET open_seq = open_seq + 1 WHERE seq = 3 AND trial = {trial}",
        "UPDATE open_book.book SET frontier = hash WHERE trial = {trial}",
        "UPDATE open_book.book SET size = size - 1 WHERE trial = {trial}",
    ],
)
def test_of_what_is_wrong_the_fast_walk_says_nothing_and_the_reference_names_it(tmp_path: Path, change: str) -> None:
    path = new_ledger(tmp_path)
    play(path, steps=20)
    link = read_link(path)
    assert link is not None
    with psycopg.connect(link.url) as db:
        ((trial,),) = db.execute("SELECT trial FROM trial_ledger.trial WHERE name = %s", (link.trial,)).fetchall()
        db.execute("SET session_replication_role = replica")
        assert db.execute(change.format(trial=trial).encode()).rowcount == 1
    assert try_fast_postgres(path) is None
    assert not verify_postgres(path).ok
