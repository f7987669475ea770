"""`copy`: a ledger taken to where it is to lie from now on, and verified there."""

from contextlib import closing
from pathlib import Path

from api.cli.databases import require_driver
from api.cli.options import is_url, located
from api.cli.output import VERIFICATION_FAILED, errors_named, print_json, progress, say, tell
from ledger.proof.link import Link


@errors_named()
def copy(source: str, target: str, as_json: bool) -> None:
    """Copy a ledger, or go on with a copy that was interrupted; verify it; give it its name."""
    from ledger.proof.ledger_file import LedgerFileError
    from ledger.proof.words import in_words
    from ledger.recording.copying import copy_rows, origin_and_books, target_of
    from ledger.verifying.fast import verify_fast

    start = located(source)
    origin, books = origin_and_books(start)
    place, link = _place(target, origin)
    with closing(target_of(place, link, origin, books)) as made:
        with progress("copy", None, shown=not as_json) as step:
            heads = copy_rows(start, made, progress=step.reach)
        with progress("verify", None, shown=not as_json) as step:
            report = verify_fast(made.draft, progress=step.reach)
        if not report.ok:
            tell(in_words(report))
            say(f"error: the copy does not verify, and is left unfinished at {made.draft}")
            raise SystemExit(VERIFICATION_FAILED)
        if {str(book): size for book, (size, _) in heads.items()}["open"] != report.size:
            raise LedgerFileError(f"{made.draft}: the copy has not the size of its source")
        made.finish()
    if as_json:
        said = report.to_json()
        print_json({"copy": str(place), "origin": origin, **{name: said[name] for name in ("size", "root", "sealed")}})
        return
    tell(f"{place}: {report.size} open and {report.sealed.size} sealed entries, verified.")
    say(f"Record nothing in {start} any more. Its keys and its evidence belong to the copy now: move {start}.keys to")
    say(f"{place}.keys, and likewise .evidence and .outbox, where there are such.")


def _place(target: str, origin: str) -> "tuple[Path, Link | None]":
    if not is_url(target):
        return Path(target), None
    require_driver()
    from ledger.recording.postgres.connecting import Address
    from ledger.recording.postgres.creating import place_of

    asked = Address.parse(target)
    address = Address(asked.url, asked.trial or origin.split("/")[1])
    place = place_of(address)
    place.parent.mkdir(parents=True, exist_ok=True)
    return place, Link(address.url, address.trial, origin)
