"""Where the tests make their ledgers: in files, or, with TRIAL_LEDGER_TEST_STORE=postgres, in a database.

Then a ledger file is a link to a trial in a server of the tests' own (`tests/postgres.py`); nothing else is another.
Tests of the file itself (`in_a_file`) are left out.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ledger.recording.postgres.connecting import close_pools
from ledger.recording.stores import InFile
from tests import postgres

IN_POSTGRES: Final = os.environ.get("TRIAL_LEDGER_TEST_STORE") == "postgres"


@contextmanager
def everything_in_postgres() -> Iterator[None]:
    """What would be made in a file is made in a database."""
    from tests.recording.conftest import Scattered

    kept = InFile.create, InFile.discard
    with postgres.server() as server, postgres.database(server, "all") as url:
        store = Scattered(url)

        def create(_: InFile, path: Path, origin: str) -> None:
            store.create(path, origin)

        def discard(_: InFile, path: Path) -> None:
            store.discard(path)

        InFile.create, InFile.discard = create, discard  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            InFile.create, InFile.discard = kept  # type: ignore[method-assign]
            close_pools()
