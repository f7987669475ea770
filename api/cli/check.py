"""`verify` and `entry`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from api.cli.output import VERIFICATION_FAILED, errors_named, fail, print_bytes, print_json, progress, tell

if TYPE_CHECKING:
    from ledger.keys.file import TrialKeys
    from ledger.proof.draws import Secret


@errors_named()
def verify(ledger: Path, with_keys: bool, as_json: bool) -> None:
    """Print the report; end with 0 if everything holds, with 1 if not."""
    from ledger.proof.verify import verify_ledger
    from ledger.proof.words import in_words

    with held_keys(ledger, wanted=with_keys) as keys, progress("verify", None, shown=not as_json) as step:
        report = verify_ledger(ledger, keys=keys, secret=held_list(keys), progress=step.reach)
    if as_json:
        print_json(report.to_json())
    else:
        if keys is not None:
            tell(f"Sealed sections are opened with the keys in {ledger}.keys (--no-keys: they stay closed).")
        tell(in_words(report))
    if not report.ok:
        raise SystemExit(VERIFICATION_FAILED)


@contextmanager
def held_keys(ledger: Path, *, wanted: bool = True) -> "Iterator[TrialKeys | None]":
    """The keys beside a ledger; None where there are none, they are not for us to read, or not wanted."""
    from api.bootstrap import origin_of
    from ledger.keys.file import KeysError, keys_folder, load_keys
    from ledger.keys.folder import require_own
    from ledger.proof.ledger_file import check_ledger_file

    check_ledger_file(ledger)  # what is no ledger has no keys to ask for
    effective = os.access in os.supports_effective_ids
    if not wanted or not os.access(keys_folder(ledger), os.R_OK | os.X_OK, effective_ids=effective):
        yield None
        return
    try:
        require_own(ledger, origin_of(ledger))
    except KeysError as error:
        tell(f"{error}: sealed sections stay closed.")
        yield None
        return
    keys = load_keys(ledger)
    try:
        yield keys
    finally:
        keys.close()


def held_list(keys: "TrialKeys | None") -> "Secret | None":
    """The secret of the allocation list and its parameters, where the keys hold them."""
    from ledger.keys.allocation import kept_allocation

    kept = None if keys is None else kept_allocation(keys)
    return None if kept is None else (kept[0], kept[1].to_value())


@errors_named()
def entry(ledger: Path, seq: int, sealed: bool) -> None:
    """Write the stored bytes of an entry."""
    import apsw

    from ledger.proof.ledger_file import check_ledger_file
    from ledger.recording.engine import fetch, open_reading, translated

    book = "sealed" if sealed else "open"
    check_ledger_file(ledger)
    connection = open_reading(ledger)
    try:
        size = fetch(connection, "SELECT size FROM head WHERE book = ?", (book,))[0][0]
        query = f"SELECT entry FROM {book}_entry WHERE seq = ?"
        rows = fetch(connection, query, (seq,)) if seq < 2**63 else []
    except apsw.Error as error:
        raise translated(error, ledger) from error
    finally:
        connection.close()
    if not rows:
        fail(f"{ledger}: the {book} book has no entry {seq}; it has {size}, counted from 0")
    print_bytes(rows[0][0])
