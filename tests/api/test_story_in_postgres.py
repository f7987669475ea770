# ruff: noqa: F811  (fixtures that are brought in by their names)
"""The demo's story in a file and in a database: the same bytes, and the same views for everybody."""

import secrets
from pathlib import Path

import pytest

from api.bootstrap import DeniedError, viewing
from api.cli.demo import SeededRandomness, play
from ledger.keys.file import load_keys
from ledger.recording.postgres.connecting import close_pools
from ledger.recording.stores import IN_FILE, InDatabase
from ledger.verifying.fast import verify_fast
from projections.views import VIEWS
from tests.recording.conftest import database, server  # noqa: F401
from tests.recording.test_postgres_books import heads


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, database: str) -> tuple[Path, Path]:
    """The story in a file, and in a database."""
    folder = tmp_path_factory.mktemp("told")
    here, there = folder / "here.db", folder / "there.db"
    for path, store in ((here, IN_FILE), (there, InDatabase(database, f"story-{secrets.token_hex(4)}"))):
        play(path, 3, 8, SeededRandomness(3), store=store)
    return here, there


def test_the_books_are_the_same_to_the_byte(told: tuple[Path, Path]) -> None:
    here, there = told
    assert heads(here) == heads(there)
    reports = []
    for path in told:
        keys = load_keys(path)
        report = verify_fast(path, keys=keys)
        keys.close()
        assert report.ok, report.findings
        reports.append((report.size, report.root, report.sealed.root, report.watched))
    assert reports[0] == reports[1]
    assert reports[0][0] > 200


@pytest.mark.parametrize("role", ["monitor", "statistician"])
def test_every_view_is_the_same_now_and_as_known_at_any_time(told: tuple[Path, Path], role: str) -> None:
    seen = 0
    for view in VIEWS:
        for as_of in (None, "halt", "100"):
            shown: list[object] = []
            for path in told:
                try:
                    result = viewing(path, role).show(view, as_of, today="2026-01-01")
                    shown.append((result.columns, list(result.rows), result.as_of))
                except DeniedError as error:
                    shown.append(str(error))
            assert shown[0] == shown[1], (view, as_of)
            seen += isinstance(shown[0], tuple)
    close_pools()
    assert seen > 40
