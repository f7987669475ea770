"""Ledgers in PostgreSQL: how a URL on the command line becomes a link here, and `database migrate`."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from api.cli.options import is_url
from api.cli.output import USAGE, errors_named, fail, print_json, say, tell

if TYPE_CHECKING:
    from ledger.recording.stores import Store

_NO_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+")


def require_driver() -> None:
    """End with one sentence where what PostgreSQL needs is not installed."""
    try:
        import alembic  # noqa: F401
        import psycopg_pool  # noqa: F401
    except ImportError as error:
        fail(f"PostgreSQL needs more than is installed ({error.name}): pip install 'trial-ledger[postgres]'")


@errors_named()
def link_of(url: str) -> Path:
    """The link to the ledger that a URL names; it is made where there is none here yet."""
    require_driver()
    from ledger.recording.postgres.connecting import Address
    from ledger.recording.postgres.creating import linked

    return linked(Address.parse(url))


def where_new(place: str, trial_id: str) -> "tuple[Path, Store]":
    """Where a new ledger is to lie, and where its books: a file, or a link to the database that a URL names."""
    from ledger.recording.stores import IN_FILE, InDatabase

    if not is_url(place):
        return Path(place), IN_FILE
    require_driver()
    from ledger.recording.postgres.connecting import Address
    from ledger.recording.postgres.creating import place_of

    asked = Address.parse(place)
    address = Address(asked.url, asked.trial or _NO_NAME.sub("-", trial_id).strip("-._")[:100])
    path = place_of(address)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path, InDatabase(address.url, address.trial)


@errors_named()
def migrate(url: str, as_json: bool) -> None:
    """Bring a database to what this version needs."""
    if not is_url(url):
        fail("URL: is to be postgresql://USER@HOST/DATABASE", USAGE)
    require_driver()
    from ledger.recording.postgres.connecting import Address
    from ledger.recording.postgres.migrating import migrate as bring

    before, after = bring(Address.parse(url))
    if as_json:
        print_json({"before": before, "revision": after})
    elif before == after:
        tell(f"The database has revision {after} already.")
    else:
        tell(f"The database has revision {after} now.")
        say("Make a login a member of one of its roles: see docs/postgresql.md.")
