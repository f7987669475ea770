"""`diff`: the work."""

from pathlib import Path

from api.cli.output import VERIFICATION_FAILED, errors_named, print_json, progress, tell


@errors_named()
def diff(a: Path, b: Path, policy: Path | None, limit: int, as_json: bool) -> None:
    """Print the comparison; end with 1 where the two are not one history."""
    from api.diff.comparing import compare
    from api.diff.words import in_words
    from ledger.proof.checking import load_trusted

    trusted = load_trusted(policy).policy
    with progress("diff", None, shown=not as_json) as step:
        done = compare(a, b, policy=trusted, limit=limit, progress=step.reach)
    if as_json:
        print_json(done.to_json())
    else:
        tell(in_words(done))
        tell("Neither was verified here: `trial-ledger verify` says of each whether it is sound.")
    if not done.same:
        raise SystemExit(VERIFICATION_FAILED)
