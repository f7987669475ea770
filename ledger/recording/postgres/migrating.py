"""Bringing a database to the revision that this version needs. Apart from start-up, which only looks at the revision.

All steps are one transaction, under a lock: two who migrate at the same time take turns. Whoever migrates has to own
the database, and to be allowed to make roles; a superuser can besides close the catalogue's statistics (revision 0003).
"""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from eventsourcing.persistence import OperationalError
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from ledger.proof.ledger_file import LedgerFileError
from ledger.recording.postgres.connecting import OLDEST, REVISION, Address

_HERE: Final = Path(__file__).parent / "migrations"
_LOCK: Final = 0x544C4447


def migrate(address: Address) -> tuple[str | None, str]:
    """Bring the database to `REVISION`; gives the revision before (None: it had none) and after.

    Raises LedgerFileError (the database cannot be used), OperationalError (it cannot be reached, or refuses).
    """
    engine = create_engine("postgresql+psycopg://", creator=address.connect_dbapi, poolclass=NullPool)
    try:
        with engine.begin() as db:
            _check_server(db)
            db.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            db.execute(text("CREATE SCHEMA IF NOT EXISTS trial_ledger"))
            before = MigrationContext.configure(
                db, opts={"version_table": "version", "version_table_schema": "trial_ledger"}
            ).get_current_revision()
            if before is not None and before > REVISION:
                raise LedgerFileError(f"{address}: has revision {before}; this version knows up to {REVISION}")
            config = Config()
            config.set_main_option("script_location", str(_HERE))
            config.set_main_option("version_path_separator", "os")
            config.attributes["connection"] = db
            command.upgrade(config, "head")
    except SQLAlchemyError as error:
        raise OperationalError(f"{address}: {str(error).partition(chr(10))[0]}") from None
    finally:
        engine.dispose()
    return before, REVISION


def _check_server(db: Connection) -> None:
    version, encoding = db.execute(
        text(
            "SELECT current_setting('server_version_num')::int, current_setting('server_encoding')".replace(
                "::", "\\:\\:"
            )
        )
    ).one()
    if version < OLDEST:
        raise LedgerFileError(f"PostgreSQL {version // 10_000} is too old: {OLDEST // 10_000} is needed")
    if encoding != "UTF8":
        raise LedgerFileError(f"the database has the encoding {encoding}, and needs UTF8")
