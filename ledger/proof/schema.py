"""The file: one SQLite database, both books in it. `docs/format.md` section 5.

Every column beside `entry` is checked against it by `verify`; triggers refuse UPDATE and DELETE. Who can write the
file can drop the triggers: they keep accidents out, the chain finds intent. `verify` compares the schema with this text
too, so that a trigger or an index taken away shows.
"""

from typing import Final

APPLICATION_ID: Final = 0x544C4447
"""`PRAGMA application_id`: "TLDG"."""
FORMAT: Final = 1
"""`PRAGMA user_version`."""


def _no_replace(table: str, *taken: str) -> str:
    """REPLACE deletes without asking the trigger against DELETE, so what it would replace is looked for first."""
    found = " OR ".join(f"EXISTS (SELECT 1 FROM {table} WHERE {each})" for each in taken)
    return (
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN {found} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    )


def _refusals(table: str) -> list[str]:
    return [
        f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for verb in ("update", "delete")
    ]


STATEMENTS: Final = (
    # The newest position of each book: `hash` is the leaf hash of entry size - 1, `frontier` the Merkle compact
    # range (a cache, checked by verify, never evidence).
    "CREATE TABLE head (book TEXT PRIMARY KEY, origin TEXT NOT NULL, size INTEGER NOT NULL, hash BLOB NOT NULL, "
    "frontier BLOB NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE open_stream (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT",
    "CREATE TABLE open_entry (seq INTEGER PRIMARY KEY, stream INTEGER NOT NULL REFERENCES open_stream (id), "
    "version INTEGER NOT NULL, command TEXT, entry BLOB NOT NULL, sections BLOB NOT NULL) STRICT",
    "CREATE UNIQUE INDEX open_entry_version ON open_entry (stream, version)",
    "CREATE UNIQUE INDEX open_entry_command ON open_entry (command) WHERE command IS NOT NULL",
    "CREATE TABLE sealed_entry (seq INTEGER PRIMARY KEY, open_seq INTEGER NOT NULL, slot TEXT NOT NULL, "
    "command TEXT NOT NULL, entry BLOB NOT NULL, sections BLOB NOT NULL) STRICT",
    "CREATE UNIQUE INDEX sealed_entry_slot ON sealed_entry (slot)",
    "CREATE INDEX sealed_entry_command ON sealed_entry (command)",
    "CREATE INDEX sealed_entry_open_seq ON sealed_entry (open_seq)",
    # For reading by people and queries. A generated column would say the same, and be computed in each append.
    "CREATE VIEW open_event AS SELECT seq, json_extract(CAST(entry AS TEXT), '$.at') AS at, "
    "json_extract(CAST(entry AS TEXT), '$.type') AS type, name AS stream, version, open_entry.command AS command, "
    "entry, sections FROM open_entry JOIN open_stream ON open_entry.stream = open_stream.id",
    *_refusals("open_stream"),
    *_refusals("open_entry"),
    *_refusals("sealed_entry"),
    _no_replace("open_stream", "id = NEW.id", "name = NEW.name"),
    # Not for open_entry: it would take a third of the time of a bulk append. `verify` finds what was replaced.
    _no_replace("sealed_entry", "seq = NEW.seq", "slot = NEW.slot"),
    _no_replace("head", "book = NEW.book"),
    "CREATE TRIGGER head_no_delete BEFORE DELETE ON head BEGIN SELECT RAISE(ABORT, 'head is kept'); END",
    # Of these two columns only: a trigger on the others would run in each append, and take 3 % of its time.
    "CREATE TRIGGER head_keeps_its_origin BEFORE UPDATE OF book, origin ON head "
    "BEGIN SELECT RAISE(ABORT, 'the origin of a book is kept'); END",
)
