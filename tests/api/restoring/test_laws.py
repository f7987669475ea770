"""Ledger, bundle, ledger: whatever the position and the role, the same heads and roots, and a file that verifies."""

import tempfile
from contextlib import closing, nullcontext
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from api.diff.comparing import compare
from api.restoring.making import restore
from ledger.domain.roles import ROLES
from ledger.keys.file import keys_folder, load_keys
from ledger.proof.assess import Trusted
from ledger.proof.bundle_reader import BundleBooks
from ledger.proof.checking import check
from ledger.recording.engine import fetch, open_reading
from tests.api.bundle.making import end_of_command, made
from tests.api.restoring.looking import heads
from tests.trials import Trial

ALL = sorted(role.value for role in ROLES)


@given(role=st.sampled_from(ALL), at=st.integers(0, 47), sites=st.booleans())
@example(role="archive", at=0, sites=True)
@example(role="dmc", at=0, sites=False)
@example(role="sponsor", at=0, sites=False)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_restored_ledger_has_the_heads_of_its_bundle(mine: Path, role: str, at: int, sites: bool) -> None:
    with tempfile.TemporaryDirectory(dir=mine.parent) as folder:
        bundle = made(mine, role, end_of_command(mine, at), name=Path(folder).name, sites=sites)
        archive = role == "archive"
        done = restore(bundle, Path(folder) / "again.db", keys=[keys_folder(mine)] if archive else ())
        with BundleBooks(bundle) as books:
            stated = books.manifest.books
        found = heads(done.path)
        assert {book: row[1:] for book, row in found.items()} == {
            book: (head.size, head.head, head.frontier) for book, head in stated.items()
        }
        with closing(load_keys(done.path)) if keys_folder(done.path).exists() else nullcontext() as keys:
            report = check(done.path, Trusted(), keys=keys)
        assert report.ok, report.findings
        assert report.open.root == stated["open"].root
        for other in (bundle, mine):
            diff = compare(done.path, other)
            assert diff.same
            assert diff.books[0].common == stated["open"].size
            assert diff.books[0].root == stated["open"].root


def test_the_law_is_about_something(trial: Trial) -> None:
    """The ledger has anchors, names and a sealed book, of which the roles above see more or less."""
    with closing(open_reading(trial.path)) as connection:
        for name in ("anchor", "identity"):
            held = fetch(
                connection,
                "SELECT count(*) FROM open_entry WHERE instr(entry, CAST(? AS BLOB))",
                (f'"class":"{name}"',),
            )
            assert held[0][0] > 2
        assert fetch(connection, "SELECT size FROM head WHERE book = 'sealed'")[0][0] > 10


@pytest.mark.parametrize("role", ["archive", "sponsor"])
def test_an_empty_sealed_book_is_restored_too(mine: Path, tmp_path: Path, role: str) -> None:
    bundle = made(mine, role, "0")
    done = restore(bundle, tmp_path / "first.db")
    assert done.report.size == 1
    assert done.report.sealed.size == 0
    assert done.report.ok
