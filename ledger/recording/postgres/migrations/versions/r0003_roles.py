"""Who may do what: group roles without a login, named after the database; a login is made a member of one of them.

    <database>_owner             has the tables and functions; nobody signs in as it
    <database>_writer            appends, by the functions alone; reads the open book, and of the sealed one nothing
    <database>_pharmacy_writer   the same, reads the sealed book, and may add to it alone
    <database>_projector         reads both books, and makes tables in the schema `projections`
    <database>_masked_reader     reads the open book; cannot even count the sealed one
    <database>_unmasked_reader   reads both books
    <database>_auditor           reads both books, the trials and the state of the database

Nobody has UPDATE, DELETE or TRUNCATE; the triggers of revision 0001 stand behind that. What the catalogue tells
everybody of a table (rows, size, activity) is closed to all but the owner, the auditor and those who monitor the server
(members of pg_monitor), where a superuser runs this.
"""

from typing import Final

from ledger.recording.postgres.migrations.running import run

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ROLES: Final = (
    "owner", "writer", "pharmacy_writer", "projector", "masked_reader", "unmasked_reader", "auditor",
)  # fmt: skip
_COUNTS: Final = ("relpages", "reltuples", "relallvisible", "relfilenode", "relfrozenxid", "relminmxid")
"""Columns of pg_class that tell how much a table holds, or how often it was written."""

# Sizes and statistics; the numbers of transactions, of the log and of objects, which move with every write; locks.
_TELLING: Final = """
SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace AND (
    p.proname ~ '^pg_(stat_get|relation_size|total_relation_size|table_size|indexes_size|database_size|tablespace_size)'
    OR p.proname ~ '^pg_(current_wal|current_xact|current_snapshot|last_|walfile|wal_lsn|snapshot|export_snapshot)'
    OR p.proname ~ '^pg_(xact_|control_|get_multixact|logical_emit|lock_status|blocking_pids|safe_snapshot)'
    OR p.proname ~ '^txid_' OR p.proname IN ('mxid_age', 'lo_creat', 'lo_create', 'lo_from_bytea')
    OR p.oid::regprocedure::text = 'age(xid)')
"""


def upgrade() -> None:
    """Make the roles, give them what they need, and take from everybody else what they have by default."""
    ((database, superuser),) = run("SELECT current_database(), rolsuper FROM pg_roles WHERE rolname = current_user")
    names = {role: f'"{database[:40]}_{role}"' for role in ROLES}
    for name in names.values():
        if not run(f"SELECT 1 FROM pg_roles WHERE quote_ident(rolname) IN ('{name}', trim('{name}', '\"'))"):
            run(f"CREATE ROLE {name} NOLOGIN")
    owner = names["owner"]
    quoted = '"' + database.replace('"', '""') + '"'
    run(f"REVOKE ALL ON DATABASE {quoted} FROM PUBLIC")
    run("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    run("CREATE SCHEMA IF NOT EXISTS projections")
    everybody = ", ".join(name for role, name in names.items() if role != "owner")
    run(f"GRANT CONNECT ON DATABASE {quoted} TO {everybody}")
    for schema in ("trial_ledger", "open_book", "sealed_book"):
        run(f"REVOKE ALL ON SCHEMA {schema} FROM PUBLIC")
        run(f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM PUBLIC")
        run(f"REVOKE ALL ON ALL FUNCTIONS IN SCHEMA {schema} FROM PUBLIC")
    _grant(names, everybody)
    if superuser:
        run(f"GRANT pg_read_all_stats TO {names['auditor']}")
        _close_the_catalogue(f"{owner}, {names['auditor']}, pg_monitor")
    _give_to(owner, quoted, superuser)


def _grant(names: dict[str, str], everybody: str) -> None:
    both = ", ".join(names[role] for role in ("pharmacy_writer", "projector", "unmasked_reader", "auditor"))
    writers = f"{names['writer']}, {names['pharmacy_writer']}"
    run(f"GRANT USAGE ON SCHEMA trial_ledger, open_book TO {everybody}")
    run(f"GRANT USAGE ON SCHEMA sealed_book TO {both}")
    run(f"GRANT SELECT (trial, name) ON trial_ledger.trial TO {everybody}")
    run(f"GRANT SELECT ON trial_ledger.version TO {everybody}")
    # By column: nobody reads the system columns, by whose transaction numbers appends to the other book could be told.
    run(f"GRANT SELECT (trial, seq, stream, version, command, entry, sections) ON open_book.entry TO {everybody}")
    run(f"GRANT SELECT (trial, id, name) ON open_book.stream TO {everybody}")
    run(f"GRANT SELECT (trial, origin, size, hash, frontier, at, streams) ON open_book.book TO {everybody}")
    for view in ("open_stream", "open_entry", "open_event", "head"):
        run(f"GRANT SELECT ON open_book.{view} TO {everybody}")
    for table in ("entry", "book", "sealed_entry", "head"):
        run(f"GRANT SELECT ON sealed_book.{table} TO {both}")
    for function in ("chosen()", "instr(bytea, bytea)", "instr(bytea, text)"):
        run(f"GRANT EXECUTE ON FUNCTION trial_ledger.{function} TO {everybody}")
    for function in (
        "append", "create_trial", "drop_empty", "heads", "hold", "taken", "sealed_of", "sealed_at", "sealed_hashes",
        "clock",
    ):  # fmt: skip
        run(f"GRANT EXECUTE ON FUNCTION trial_ledger.{function} TO {writers}")
    run(f"GRANT USAGE, CREATE ON SCHEMA projections TO {names['projector']}")


def _close_the_catalogue(who: str) -> None:
    """What tells the size and the activity of tables one may not read. Of this database alone."""
    columns = "SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute WHERE attrelid = 'pg_class'::regclass"
    columns += f" AND attnum > 0 AND NOT attisdropped AND attname <> ALL (ARRAY[{', '.join(map(repr, _COUNTS))}])"
    ((shown,),) = run(columns)
    run("REVOKE SELECT ON pg_catalog.pg_class FROM PUBLIC")
    run(f"GRANT SELECT ({shown}) ON pg_catalog.pg_class TO PUBLIC")
    run(f"GRANT SELECT ON pg_catalog.pg_class TO {who}")
    for (function,) in run(_TELLING):
        run(f"REVOKE EXECUTE ON FUNCTION pg_catalog.{function} FROM PUBLIC")
        run(f"GRANT EXECUTE ON FUNCTION pg_catalog.{function} TO {who}")


def _give_to(owner: str, database: str, superuser: bool) -> None:
    if not superuser:
        run(f"GRANT {owner} TO CURRENT_USER")
    run(f"GRANT CREATE ON DATABASE {database} TO {owner}")
    for schema in ("trial_ledger", "open_book", "sealed_book"):
        run(f"ALTER SCHEMA {schema} OWNER TO {owner}")
    rows = run(
        "SELECT format('ALTER TABLE %I.%I OWNER TO ', schemaname, tablename) FROM pg_tables "
        "WHERE schemaname IN ('trial_ledger', 'open_book', 'sealed_book') "
        "UNION ALL SELECT format('ALTER VIEW %I.%I OWNER TO ', schemaname, viewname) FROM pg_views "
        "WHERE schemaname IN ('trial_ledger', 'open_book', 'sealed_book') "
        "UNION ALL SELECT format('ALTER FUNCTION %s OWNER TO ', oid::regprocedure) FROM pg_proc "
        "WHERE pronamespace IN ('trial_ledger'::regnamespace) "
    )
    for (statement,) in rows:
        run(f"{statement}{owner}")


def downgrade() -> None:
    """There is no way back: what is recorded is kept."""
    raise NotImplementedError("a ledger's database is only ever upgraded")
