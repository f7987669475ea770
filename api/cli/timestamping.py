"""`timestamp`: stamping the newest checkpoint, renewing time stamps, and telling which are due."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from api.cli.acting import who
from api.cli.output import GOOD, INPUT, USAGE, VERIFICATION_FAILED, errors_named, fail, print_json, say, tell
from ledger.proof.timestamps import Authorities

MAX_PEM_BYTES = 1 << 22


@errors_named()
def timestamp(
    ledger: Path,
    urls: Sequence[str],
    algorithm: str,
    pems: Sequence[Path],
    actor: str | None,
    org: str,
    role: str,
    as_json: bool,
) -> None:
    """Have the newest checkpoint stamped, and record it."""
    from pydantic import ValidationError

    from api.timestamps.recording import stamp
    from ledger.proof.ledger_file import check_ledger_file

    check_ledger_file(ledger)
    trusted = _authorities(pems)
    by = who(actor, org, role)
    with _named():
        try:
            done = stamp(ledger, urls, algorithm, trusted, by)
        except ValidationError:
            fail(
                "--actor, --org: a pseudonym of printable ASCII without spaces, and an organisation in one line", USAGE
            )
    for sentence in done.failed:
        say(f"error: {sentence}")
    if not done.kept:
        fail("no authority gave a time stamp; nothing is stored, nothing recorded")
    if as_json:
        print_json({
            "checkpoint": {
                "origin": done.checkpoint.origin, "size": done.checkpoint.size, "root": done.checkpoint.root.hex(),
            },
            "time_stamps": [
                {
                    "file": str(one.path), "tsa": one.url, "authority": one.authority,
                    "gen_time": f"{one.token.gen_time:%Y-%m-%dT%H:%M:%SZ}", "hash_algorithm": one.token.hash_algorithm,
                    "sha256": one.sha256, "verified": trusted is not None, "recorded": one is done.recorded,
                }
                for one in done.kept
            ],
            "failed": list(done.failed),
        })  # fmt: skip
    else:
        for one in done.kept:
            tell(
                f"{one.path}: the first {done.checkpoint.size} entries existed on"
                f" {one.token.gen_time:%Y-%m-%dT%H:%M:%SZ}, says {one.authority}"
            )
        if trusted is None:
            say("Not verified: no --authorities were given.")
    raise SystemExit(VERIFICATION_FAILED if done.failed else GOOD)


@errors_named()
def renew(
    ledger: Path, urls: Sequence[str], algorithm: str, pems: Sequence[Path], within: int | None, as_json: bool
) -> None:
    """Renew the time stamps that are stored (those due within so many days)."""
    from api.timestamps.renewing import renew as renewed_by
    from ledger.proof.ledger_file import check_ledger_file

    check_ledger_file(ledger)
    trusted = _authorities(pems)
    with _named():
        done = renewed_by(ledger, urls, algorithm, trusted, within)
    for sentence in (*done.failed, *done.left):
        say(f"error: {sentence}")
    if done.url is None and done.wanted:
        fail("nothing was renewed")
    if as_json:
        print_json({
            "renewed": [str(path) for path in done.renewed], "tsa": done.url,
            "left": list(done.left), "failed": list(done.failed),
        })  # fmt: skip
    else:
        for path in done.renewed:
            tell(f"{path}: renewed by {done.url}")
        say(f"{len(done.renewed)} renewed, by one time stamp for all of them")
        if trusted is None and done.renewed:
            say("Not verified: no --authorities were given.")
    raise SystemExit(VERIFICATION_FAILED if done.left or done.failed else GOOD)


@errors_named()
def due(ledger: Path, days: int, as_json: bool) -> None:
    """List the time stamps whose certificate runs out within so many days."""
    from api.timestamps.renewing import due_within
    from ledger.proof.ledger_file import check_ledger_file

    check_ledger_file(ledger)
    with _named():
        found = due_within(ledger, days)
    if as_json:
        print_json({
            "days": days,
            "due": [
                {"file": one.name, "expires": None if one.expires is None else f"{one.expires:%Y-%m-%dT%H:%M:%SZ}"}
                for one in found
            ],
        })  # fmt: skip
    else:
        for one in found:
            when = "unknown, as it lacks its certificate" if one.expires is None else f"{one.expires:%Y-%m-%d}"
            tell(f"{one.name}: certificate runs out: {when}")
        say(f"{len(found)} time stamps are due within {days} days")
    raise SystemExit(VERIFICATION_FAILED if found else GOOD)


def _authorities(pems: Sequence[Path]) -> Authorities | None:
    from ledger.proof.timestamps import TimestampError

    if not pems:
        return None
    bundles = []
    for path in pems:
        with path.open("rb") as file:
            bundles.append(file.read(MAX_PEM_BYTES))
    try:
        return Authorities.parse(*bundles)
    except TimestampError as error:
        fail(f"--{error}")


@contextmanager
def _named() -> Iterator[None]:
    """What keeps all of it from being done, in one sentence."""
    from api.timestamps.recording import StampingError
    from ledger.proof.evidence import EvidenceError
    from ledger.proof.timestamps import TimestampError, TimestampsNotChecked

    try:
        yield
    except (StampingError, EvidenceError, TimestampError) as error:
        fail(str(error), INPUT)
    except TimestampsNotChecked as error:
        fail(f"{error}; time stamps are asked for with it too")
