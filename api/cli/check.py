"""`verify` and `entry`."""

from pathlib import Path

from api.cli.output import VERIFICATION_FAILED, errors_named, fail, print_bytes, print_json, progress, tell


@errors_named()
def verify(ledger: Path, as_json: bool) -> None:
    """Print the report; end with 0 if everything holds, with 1 if not."""
    from ledger.proof.__main__ import in_words
    from ledger.proof.verify import verify_ledger

    with progress("verify", None, shown=not as_json) as step:
        report = verify_ledger(ledger, progress=step.reach)
    if as_json:
        print_json(report.to_json())
    else:
        tell(in_words(report))
    if not report.ok:
        raise SystemExit(VERIFICATION_FAILED)


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
