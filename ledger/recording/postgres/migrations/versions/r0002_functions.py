"""The functions by which alone the books are written: `append` completes, hashes and inserts under the lock.

A batch comes as a list of steps, those of one append (`n`) together, checks before writes:

    c   the command: `one` its id, `two` its mark in the sealed book, to be looked up anyway where `number` is 1
    g   a guard: the open stream `one` stands at version `number`
    h   a guard: the sealed slot `one` (none: NULL) is taken, `two`, the one after it, is not
    p   the version `number` is the next one of the open stream `one`
    q   as h; where `number` is 1, a slot that is taken is no conflict, but a version to be chosen anew
    t   all holds: the time is taken; `number`: 1 it has open entries, 2 sealed ones, 3 both
    O   an open entry: stream `one`, version `number`, command `two`, fragments f1 to f3, sections
    S   a sealed entry: slot `one`, command mark `two`, fragments f1 to f3, sections

Where a check of an append does not hold, its steps from there on are left out, and a row says so: the others of the
batch are recorded. SQLSTATE TL001: the books have moved on from where the caller has to know them; TL002: our clock
shows an earlier time than the last entry bears, which is to be noted; TL003: the books do not go on from what the
caller knows of them. Then nothing was recorded.
"""

from typing import Final

from ledger.recording.postgres.migrations.running import run

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SAFE: Final = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"

_SMALL: Final = """
-- Our clock: of the server, so that all who write share one.
CREATE FUNCTION trial_ledger.clock() RETURNS text LANGUAGE sql VOLATILE
    AS $$ SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') $$;

-- The Merkle compact range of `size` leaves with one more.
CREATE FUNCTION trial_ledger.grown(frontier bytea, size bigint, leaf bytea) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    WHILE size & 1 = 1 LOOP
        leaf := sha256('\\x01'::bytea || substr(frontier, length(frontier) - 31) || leaf);
        frontier := substr(frontier, 1, length(frontier) - 32);
        size := size >> 1;
    END LOOP;
    RETURN frontier || leaf;
END $$;

CREATE FUNCTION trial_ledger.create_trial(p_name text, p_origin text) RETURNS integer
LANGUAGE plpgsql {safe} AS $$
DECLARE key integer;
BEGIN
    LOCK TABLE trial_ledger.trial IN SHARE ROW EXCLUSIVE MODE;
    SELECT coalesce(max(trial), 0) + 1 INTO key FROM trial_ledger.trial;
    INSERT INTO trial_ledger.trial VALUES (key, p_name);
    INSERT INTO open_book.book VALUES (key, p_origin, 0, decode(repeat('00', 32), 'hex'), '', '', 0, 0);
    INSERT INTO sealed_book.book VALUES (key, p_origin || '/sealed', 0, decode(repeat('00', 32), 'hex'), '', '');
    RETURN key;
END $$;

-- Of a trial whose registration failed: nothing was ever recorded in it.
CREATE FUNCTION trial_ledger.drop_empty(p_trial integer) RETURNS void LANGUAGE sql {safe} AS $$
    DELETE FROM sealed_book.book WHERE trial = p_trial AND size = 0
        AND EXISTS (SELECT 1 FROM open_book.book o WHERE o.trial = p_trial AND o.size = 0);
    DELETE FROM open_book.book o WHERE trial = p_trial AND size = 0
        AND NOT EXISTS (SELECT 1 FROM sealed_book.book s WHERE s.trial = p_trial);
    DELETE FROM trial_ledger.trial t WHERE trial = p_trial
        AND NOT EXISTS (SELECT 1 FROM open_book.book o WHERE o.trial = p_trial);
$$;

-- Where both books stand. `hold` takes the lock, and writes: whoever commits after it knows that all before it is
-- decided, and as durable as that commit is.
CREATE FUNCTION trial_ledger.heads(p_trial integer)
RETURNS TABLE (book text, origin text, size bigint, hash bytea, frontier bytea, at text, clock text)
LANGUAGE sql {safe} AS $$
    SELECT 'open', origin, size, hash, frontier, at, trial_ledger.clock() FROM open_book.book WHERE trial = p_trial
    UNION ALL SELECT 'sealed', origin, size, hash, frontier, at, NULL FROM sealed_book.book WHERE trial = p_trial
$$;
CREATE FUNCTION trial_ledger.hold(p_trial integer)
RETURNS TABLE (book text, origin text, size bigint, hash bytea, frontier bytea, at text, clock text)
LANGUAGE plpgsql {safe} AS $$
BEGIN
    UPDATE open_book.book b SET turn = turn + 1 WHERE b.trial = p_trial;
    RETURN QUERY SELECT * FROM trial_ledger.heads(p_trial);
END $$;

-- For who holds the key of marks and may not read the book: whether slots are taken, what was recorded of a command.
CREATE FUNCTION trial_ledger.taken(p_trial integer, p_slots text[]) RETURNS text[] LANGUAGE sql STABLE {safe} AS $$
    SELECT coalesce(array_agg(slot), '{{}}') FROM sealed_book.entry WHERE trial = p_trial AND slot = ANY (p_slots)
$$;
CREATE FUNCTION trial_ledger.sealed_of(p_trial integer, p_command text)
RETURNS TABLE (seq bigint, entry bytea, sections bytea) LANGUAGE sql STABLE {safe} AS $$
    SELECT seq, entry, sections FROM sealed_book.entry WHERE trial = p_trial AND command = p_command ORDER BY seq
$$;
CREATE FUNCTION trial_ledger.sealed_at(p_trial integer, p_slot text)
RETURNS TABLE (seq bigint, entry bytea, sections bytea) LANGUAGE sql STABLE {safe} AS $$
    SELECT seq, entry, sections FROM sealed_book.entry WHERE trial = p_trial AND slot = p_slot
$$;
CREATE FUNCTION trial_ledger.sealed_hashes(p_trial integer, p_start bigint, p_stop bigint)
RETURNS TABLE (hash bytea) LANGUAGE sql STABLE {safe} AS $$
    SELECT sha256('\\x00'::bytea || entry) FROM sealed_book.entry
    WHERE trial = p_trial AND seq >= p_start AND seq < p_stop ORDER BY seq
$$;
""".replace("{safe}", _SAFE).replace("{{}}", "{}")

_APPEND: Final = """
CREATE FUNCTION trial_ledger.append(
    p_trial integer, p_open_size bigint, p_open_hash bytea, p_sealed_size bigint, p_sealed_hash bytea,
    p_exact boolean, p_before bigint, p_noted text, p_clocks text[],
    p_kind text[], p_n integer[], p_number bigint[], p_one text[], p_two text[],
    p_f1 text[], p_f2 text[], p_f3 text[], p_sections bytea[]
) RETURNS TABLE (what text, n integer, place bigint, at text, entry bytea, sections bytea)
LANGUAGE plpgsql {safe} AS $$
#variable_conflict use_column
DECLARE
    o open_book.book%ROWTYPE;
    s sealed_book.book%ROWTYPE;
    known bytea;
    step record;
    found_row record;
    skipped integer := -1;
    had boolean;
    shown text;
    time_open text;
    time_sealed text;
    stream text;
    key bigint;
    last bigint;
    sealed_size bigint;
    raw bytea;
    leaf bytea;
BEGIN
    SELECT * INTO o FROM open_book.book b WHERE b.trial = p_trial FOR UPDATE;
    SELECT * INTO s FROM sealed_book.book b WHERE b.trial = p_trial;
    IF o.trial IS NULL OR s.trial IS NULL THEN
        RAISE EXCEPTION 'there is no such trial' USING ERRCODE = 'TL004';
    END IF;
    IF p_open_size > 0 AND o.size <> p_open_size THEN
        SELECT sha256('\\x00'::bytea || e.entry) INTO known FROM open_book.entry e
            WHERE e.trial = p_trial AND e.seq = p_open_size - 1;
    ELSE
        known := CASE WHEN o.size = p_open_size THEN o.hash ELSE p_open_hash END;
    END IF;
    IF o.size < p_open_size OR known IS DISTINCT FROM p_open_hash THEN
        RAISE EXCEPTION 'the open book does not go on from entry %', p_open_size - 1 USING ERRCODE = 'TL003';
    END IF;
    IF p_sealed_size > 0 AND s.size <> p_sealed_size THEN
        SELECT sha256('\\x00'::bytea || e.entry) INTO known FROM sealed_book.entry e
            WHERE e.trial = p_trial AND e.seq = p_sealed_size - 1;
    ELSE
        known := CASE WHEN s.size = p_sealed_size THEN s.hash ELSE p_sealed_hash END;
    END IF;
    IF s.size < p_sealed_size OR known IS DISTINCT FROM p_sealed_hash THEN
        RAISE EXCEPTION 'the sealed book does not go on from what is known of it' USING ERRCODE = 'TL003';
    END IF;
    IF p_exact AND (o.size <> p_open_size OR s.size <> p_sealed_size) THEN
        RAISE EXCEPTION 'the books have moved on' USING ERRCODE = 'TL001';
    END IF;
    sealed_size := s.size;
    what := 'open'; n := 0; place := o.size; at := o.at; entry := o.hash; RETURN NEXT;
    what := 'sealed'; place := s.size; at := s.at; entry := s.hash; RETURN NEXT;
    entry := NULL;
    FOR step IN SELECT u.* FROM unnest(p_kind, p_n, p_number, p_one, p_two, p_f1, p_f2, p_f3, p_sections)
        WITH ORDINALITY AS u (kind, n, number, one, two, f1, f2, f3, sections, i)
    LOOP
        IF step.n = skipped THEN
            CONTINUE;
        ELSIF step.kind = 'O' THEN
            IF stream IS DISTINCT FROM step.one THEN
                stream := step.one;
                SELECT t.id INTO key FROM open_book.stream t WHERE t.trial = p_trial AND t.name = step.one;
            END IF;
            IF key IS NULL THEN
                key := o.streams + 1;
                o.streams := key;
                INSERT INTO open_book.stream VALUES (p_trial, key, step.one);
            END IF;
            raw := convert_to(
                step.f1 || time_open || step.f2 || encode(o.hash, 'hex') || '","seq":' || o.size || step.f3, 'UTF8');
            INSERT INTO open_book.entry VALUES (p_trial, o.size, key, step.number, step.two, raw, step.sections);
            leaf := sha256('\\x00'::bytea || raw);
            o.frontier := trial_ledger.grown(o.frontier, o.size, leaf);
            o.hash := leaf;
            o.size := o.size + 1;
            o.at := time_open;
            IF o.size >= p_before THEN
                RAISE EXCEPTION 'an anchor is due' USING ERRCODE = 'TL001';
            END IF;
        ELSIF step.kind = 'S' THEN
            raw := convert_to(
                '{"at":"' || time_sealed || step.f1 || encode(o.hash, 'hex') || '","seq":' || o.size - 1 || step.f2
                || encode(s.hash, 'hex') || '","seq":' || s.size || step.f3, 'UTF8');
            INSERT INTO sealed_book.entry VALUES (
                p_trial, s.size, o.size - 1, step.one, step.two, raw, step.sections);
            leaf := sha256('\\x00'::bytea || raw);
            s.frontier := trial_ledger.grown(s.frontier, s.size, leaf);
            s.hash := leaf;
            s.size := s.size + 1;
            s.at := time_sealed;
        ELSIF step.kind = 't' THEN
            IF step.number = 2 AND o.size = 0 THEN
                skipped := step.n;
                what := 'empty'; n := step.n; place := step.i; at := NULL; RETURN NEXT;
                CONTINUE;
            END IF;
            IF step.number = 2 AND NOT has_schema_privilege(session_user, 'sealed_book', 'USAGE') THEN
                RAISE EXCEPTION 'to add to the sealed book alone is for who may read it'
                    USING ERRCODE = 'insufficient_privilege';
            END IF;
            shown := coalesce(p_clocks[step.n + 1], trial_ledger.clock());
            IF shown COLLATE "C" < o.at AND step.number & 1 = 1 AND p_noted <> o.at THEN
                RAISE EXCEPTION 'the clock shows an earlier time' USING ERRCODE = 'TL002';
            END IF;
            time_open := CASE WHEN shown COLLATE "C" > o.at THEN shown ELSE o.at END;
            time_sealed := CASE WHEN time_open COLLATE "C" > s.at THEN time_open ELSE s.at END;
            what := 'done'; n := step.n; place := step.i; at := time_open; RETURN NEXT;
        ELSIF step.kind = 'c' THEN
            had := false;
            SELECT e.entry INTO raw FROM open_book.entry e WHERE e.trial = p_trial AND e.command = step.one;
            IF FOUND THEN
                had := true;
                what := 'repeated'; n := step.n; place := NULL; at := NULL; entry := raw; RETURN NEXT;
                entry := NULL;
            END IF;
            IF step.two IS NOT NULL AND (had OR step.number = 1) THEN
                FOR found_row IN SELECT e.seq, e.entry, e.sections FROM sealed_book.entry e
                    WHERE e.trial = p_trial AND e.command = step.two ORDER BY e.seq
                LOOP
                    had := true;
                    what := 'half'; n := step.n; place := found_row.seq; at := NULL; entry := found_row.entry;
                    sections := found_row.sections; RETURN NEXT;
                    entry := NULL; sections := NULL;
                END LOOP;
            END IF;
            IF had THEN
                skipped := step.n;
            END IF;
        ELSIF step.kind IN ('g', 'p') THEN
            stream := step.one;
            SELECT t.id, (SELECT max(e.version) FROM open_book.entry e WHERE e.trial = p_trial AND e.stream = t.id)
                INTO key, last FROM open_book.stream t WHERE t.trial = p_trial AND t.name = step.one;
            last := coalesce(last, -1);
            IF step.kind = 'g' AND greatest(last, 0) <> step.number
                OR step.kind = 'p' AND step.number <> last + 1 AND NOT (last = -1 AND step.number = 1)
            THEN
                skipped := step.n;
                what := 'conflict'; n := step.n; place := last; at := step.one; RETURN NEXT;
            END IF;
        ELSE
            IF EXISTS (SELECT 1 FROM sealed_book.entry e WHERE e.trial = p_trial AND e.slot = step.two)
                OR step.one IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM sealed_book.entry e WHERE e.trial = p_trial AND e.slot = step.one)
            THEN
                skipped := step.n;
                what := CASE WHEN step.kind = 'q' AND step.number = 1 THEN 'stale' ELSE 'conflict' END;
                n := step.n; place := NULL; at := NULL; RETURN NEXT;
            END IF;
        END IF;
    END LOOP;
    IF s.size > sealed_size THEN
        UPDATE sealed_book.book b SET size = s.size, hash = s.hash, frontier = s.frontier, at = s.at
            WHERE b.trial = p_trial;
    END IF;
    UPDATE open_book.book b
        SET size = o.size, hash = o.hash, frontier = o.frontier, at = o.at, streams = o.streams, turn = turn + 1
        WHERE b.trial = p_trial;
    what := 'open'; n := 1; place := o.size; at := o.at; entry := o.hash; sections := NULL; RETURN NEXT;
    what := 'sealed'; place := s.size; at := s.at; entry := s.hash; RETURN NEXT;
END $$;
""".replace("{safe}", _SAFE)


def upgrade() -> None:
    """Make the functions. Who may use them: revision 0003."""
    run(_SMALL)
    run(_APPEND)


def downgrade() -> None:
    """There is no way back: what is recorded is kept."""
    raise NotImplementedError("a ledger's database is only ever upgraded")
