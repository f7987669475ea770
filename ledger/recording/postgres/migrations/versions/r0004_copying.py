"""Taking in the entries of a ledger that was recorded elsewhere: `trial-ledger copy`.

They go into a trial that is called NAME.copying until all of it is there and verified. Entries come as they are; each
has to name the one before. Who may read both books may copy.
"""

from typing import Final

from ledger.recording.postgres.migrations.running import run

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_FUNCTIONS: Final = """
CREATE FUNCTION trial_ledger.copying(p_trial integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM trial_ledger.trial t WHERE t.trial = p_trial AND t.name LIKE '%.copying';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this trial is whole' USING ERRCODE = 'insufficient_privilege';
    END IF;
END $$;
CREATE FUNCTION trial_ledger.take_open(
    p_trial integer, p_streams text[], p_versions bigint[], p_commands text[], p_times text[], p_entries bytea[],
    p_sections bytea[]
) RETURNS void LANGUAGE plpgsql {safe} AS $$
#variable_conflict use_column
DECLARE
    o open_book.book%ROWTYPE;
    r record;
    follows bytea;
    key bigint;
BEGIN
    PERFORM trial_ledger.copying(p_trial);
    SELECT * INTO o FROM open_book.book b WHERE b.trial = p_trial FOR UPDATE;
    FOR r IN SELECT u.* FROM unnest(p_streams, p_versions, p_commands, p_times, p_entries, p_sections)
        WITH ORDINALITY AS u (stream, version, command, at, entry, sections, i)
    LOOP
        follows := convert_to('"prev":"' || encode(o.hash, 'hex') || '","seq":' || o.size || ',', 'UTF8');
        IF position(follows IN r.entry) = 0 THEN
            RAISE EXCEPTION 'entry % of the open book does not follow the one before', o.size USING ERRCODE = 'TL003';
        END IF;
        SELECT t.id INTO key FROM open_book.stream t WHERE t.trial = p_trial AND t.name = r.stream;
        IF key IS NULL THEN
            key := o.streams + 1;
            o.streams := key;
            INSERT INTO open_book.stream VALUES (p_trial, key, r.stream);
        END IF;
        INSERT INTO open_book.entry VALUES (p_trial, o.size, key, r.version, r.command, r.entry, r.sections);
        o.hash := sha256('\\x00'::bytea || r.entry);
        o.frontier := trial_ledger.grown(o.frontier, o.size, o.hash);
        o.size := o.size + 1;
        o.at := r.at;
    END LOOP;
    UPDATE open_book.book b SET size = o.size, hash = o.hash, frontier = o.frontier, at = o.at, streams = o.streams
        WHERE b.trial = p_trial;
END $$;
CREATE FUNCTION trial_ledger.take_sealed(
    p_trial integer, p_open_seqs bigint[], p_slots text[], p_commands text[], p_times text[], p_entries bytea[],
    p_sections bytea[]
) RETURNS void LANGUAGE plpgsql {safe} AS $$
#variable_conflict use_column
DECLARE
    s sealed_book.book%ROWTYPE;
    r record;
    follows bytea;
BEGIN
    PERFORM trial_ledger.copying(p_trial);
    SELECT * INTO s FROM sealed_book.book b WHERE b.trial = p_trial FOR UPDATE;
    FOR r IN SELECT u.* FROM unnest(p_open_seqs, p_slots, p_commands, p_times, p_entries, p_sections)
        WITH ORDINALITY AS u (open_seq, slot, command, at, entry, sections, i)
    LOOP
        follows := convert_to('"prev":"' || encode(s.hash, 'hex') || '","seq":' || s.size || ',', 'UTF8');
        IF position(follows IN r.entry) = 0 THEN
            RAISE EXCEPTION 'entry % of the sealed book does not follow the one before', s.size
                USING ERRCODE = 'TL003';
        END IF;
        INSERT INTO sealed_book.entry VALUES (p_trial, s.size, r.open_seq, r.slot, r.command, r.entry, r.sections);
        s.hash := sha256('\\x00'::bytea || r.entry);
        s.frontier := trial_ledger.grown(s.frontier, s.size, s.hash);
        s.size := s.size + 1;
        s.at := r.at;
    END LOOP;
    UPDATE sealed_book.book b SET size = s.size, hash = s.hash, frontier = s.frontier, at = s.at
        WHERE b.trial = p_trial;
END $$;
CREATE FUNCTION trial_ledger.finish_copy(p_trial integer) RETURNS void LANGUAGE plpgsql {safe} AS $$
BEGIN
    PERFORM trial_ledger.copying(p_trial);
    UPDATE trial_ledger.trial SET name = regexp_replace(name, '[.]copying$', '') WHERE trial = p_trial;
END $$;
""".replace("{safe}", "SECURITY DEFINER SET search_path = pg_catalog, pg_temp")
_TEXTS: Final = "integer, text[], bigint[], text[], text[], bytea[], bytea[]"
_SLOTS: Final = "integer, bigint[], text[], text[], text[], bytea[], bytea[]"


def upgrade() -> None:
    """Make the functions, and give them to those who may read and write both books."""
    run(_FUNCTIONS)
    ((owner,),) = run("SELECT quote_ident(pg_get_userbyid(nspowner)) FROM pg_namespace WHERE nspname = 'open_book'")
    # Those who may append and read the sealed book: the pharmacy writer, whatever the database is called now.
    writers = run(
        "SELECT quote_ident(r.rolname) FROM pg_proc p CROSS JOIN LATERAL aclexplode(p.proacl) a "
        "JOIN pg_roles r ON r.oid = a.grantee WHERE p.proname = 'append' AND a.grantee <> p.proowner "
        "AND p.pronamespace = 'trial_ledger'::regnamespace AND has_schema_privilege(r.oid, 'sealed_book', 'USAGE')"
    )
    for function in (
        "copying(integer)", f"take_open({_TEXTS})", f"take_sealed({_SLOTS})", "finish_copy(integer)",
    ):  # fmt: skip
        run(f"ALTER FUNCTION trial_ledger.{function} OWNER TO {owner}")
        run(f"REVOKE ALL ON FUNCTION trial_ledger.{function} FROM PUBLIC")
        for (writer,) in writers:
            run(f"GRANT EXECUTE ON FUNCTION trial_ledger.{function} TO {writer}")


def downgrade() -> None:
    """There is no way back: what is recorded is kept."""
    raise NotImplementedError("a ledger's database is only ever upgraded")
