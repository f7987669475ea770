"""Books of many trials: a schema a book, `trial` first in every key; nothing in them is ever changed or taken away.

`open_book` and `sealed_book` have the tables; `trial_ledger` has the trials, and the functions by which alone it is
written. The views have the names and columns of the tables of a ledger file (`ledger/proof/schema.py`), of that trial
which the connection has chosen (the setting `trial_ledger.trial`), so that readers ask both in the same words.
"""

from typing import Final

from ledger.recording.postgres.migrations.running import run

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES: Final = """
CREATE TABLE trial_ledger.trial (
    trial integer PRIMARY KEY CHECK (trial > 0),
    name text NOT NULL UNIQUE CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$')
);
-- Where each book stands: `hash` is the leaf hash of entry size - 1, `frontier` the Merkle compact range, `at` the
-- recorded time of the last entry. Caches, checked by verify, never evidence. The row of the open book is the lock.
CREATE TABLE open_book.book (
    trial integer PRIMARY KEY REFERENCES trial_ledger.trial, origin text NOT NULL, size bigint NOT NULL,
    hash bytea NOT NULL, frontier bytea NOT NULL, at text NOT NULL, streams bigint NOT NULL, turn bigint NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE sealed_book.book (
    trial integer PRIMARY KEY REFERENCES trial_ledger.trial, origin text NOT NULL, size bigint NOT NULL,
    hash bytea NOT NULL, frontier bytea NOT NULL, at text NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE open_book.stream (
    trial integer NOT NULL, id bigint NOT NULL, name text COLLATE "C" NOT NULL,
    PRIMARY KEY (trial, id), UNIQUE (trial, name)
);
CREATE TABLE open_book.entry (
    trial integer NOT NULL, seq bigint NOT NULL, stream bigint NOT NULL, version bigint NOT NULL,
    command text COLLATE "C", entry bytea NOT NULL, sections bytea NOT NULL,
    PRIMARY KEY (trial, seq), UNIQUE (trial, stream, version)
);
CREATE UNIQUE INDEX entry_command ON open_book.entry (trial, command) WHERE command IS NOT NULL;
CREATE TABLE sealed_book.entry (
    trial integer NOT NULL, seq bigint NOT NULL, open_seq bigint NOT NULL, slot text COLLATE "C" NOT NULL,
    command text COLLATE "C" NOT NULL, entry bytea NOT NULL, sections bytea NOT NULL,
    PRIMARY KEY (trial, seq), UNIQUE (trial, slot)
);
CREATE INDEX entry_command ON sealed_book.entry (trial, command, seq);
CREATE INDEX entry_open_seq ON sealed_book.entry (trial, open_seq);
-- Neither is compressed: both are of random bytes to a great part, and are read far more often than written.
ALTER TABLE open_book.entry ALTER sections SET STORAGE EXTERNAL, ALTER entry SET STORAGE EXTERNAL;
ALTER TABLE sealed_book.entry ALTER sections SET STORAGE EXTERNAL, ALTER entry SET STORAGE EXTERNAL;
"""

_REFUSALS: Final = """
CREATE FUNCTION trial_ledger.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%.% is append-only', TG_TABLE_SCHEMA, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE FUNCTION trial_ledger.keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%.% only grows', TG_TABLE_SCHEMA, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
"""

_READING: Final = """
CREATE FUNCTION trial_ledger.chosen() RETURNS integer LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('trial_ledger.trial', true), '')::integer $$;
CREATE FUNCTION trial_ledger.instr(bytea, bytea) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT position($2 IN $1) > 0 $$;
CREATE FUNCTION trial_ledger.instr(bytea, text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT position(convert_to($2, 'UTF8') IN $1) > 0 $$;
CREATE VIEW open_book.open_stream AS SELECT id, name FROM open_book.stream WHERE trial = trial_ledger.chosen();
CREATE VIEW open_book.open_entry AS
    SELECT seq, stream, version, command, entry, sections FROM open_book.entry WHERE trial = trial_ledger.chosen();
CREATE VIEW open_book.open_event AS
    SELECT seq, convert_from(entry, 'UTF8')::json ->> 'at' AS at, convert_from(entry, 'UTF8')::json ->> 'type' AS type,
    s.name AS stream, version, e.command AS command, entry, sections
    FROM open_book.entry e JOIN open_book.stream s ON s.trial = e.trial AND s.id = e.stream
    WHERE e.trial = trial_ledger.chosen();
CREATE VIEW open_book.head AS SELECT 'open'::text AS book, origin, size, hash, frontier FROM open_book.book
    WHERE trial = trial_ledger.chosen();
CREATE VIEW sealed_book.sealed_entry AS
    SELECT seq, open_seq, slot, command, entry, sections FROM sealed_book.entry WHERE trial = trial_ledger.chosen();
CREATE VIEW sealed_book.head AS SELECT * FROM open_book.head
    UNION ALL SELECT 'sealed', origin, size, hash, frontier FROM sealed_book.book WHERE trial = trial_ledger.chosen();
"""


def upgrade() -> None:
    """Make schemas, tables, triggers and views; for the functions that write see revision 0002."""
    for schema in ("trial_ledger", "open_book", "sealed_book"):
        run(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    for text in (_TABLES, _REFUSALS, _READING):
        run(text)
    for table in ("open_book.stream", "open_book.entry", "sealed_book.entry"):
        run(
            f"CREATE TRIGGER no_change BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION trial_ledger.refuse()"
        )
    for table in ("open_book.book", "sealed_book.book"):
        run(
            f"CREATE TRIGGER kept BEFORE UPDATE ON {table} FOR EACH ROW WHEN (NEW.trial <> OLD.trial "
            "OR NEW.origin <> OLD.origin OR NEW.size < OLD.size) EXECUTE FUNCTION trial_ledger.keep()"
        )
        run(
            f"CREATE TRIGGER kept_whole BEFORE DELETE ON {table} FOR EACH ROW WHEN (OLD.size > 0) "
            "EXECUTE FUNCTION trial_ledger.keep()"
        )
    for table in ("open_book.stream", "open_book.entry", "sealed_book.entry", "open_book.book", "sealed_book.book"):
        run(
            f"CREATE TRIGGER no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION trial_ledger.refuse()"
        )


def downgrade() -> None:
    """There is no way back: what is recorded is kept."""
    raise NotImplementedError("a ledger's database is only ever upgraded")
