"""`init --from-bundle`: the work."""

from collections.abc import Sequence
from pathlib import Path

from api.cli.output import VERIFICATION_FAILED, errors_named, print_json, progress, say, tell

LACKS = {
    "identity": "names, and with them everything that is to be recorded, stay closed",
    "sealed": "the sealed book, the anchors, the marks and the secret of the list stay closed",
}


@errors_named()
def restore(
    bundle: Path, ledger: Path, keys: Sequence[Path], policy: Path | None, authorities: Sequence[Path], as_json: bool
) -> None:
    """Restore a ledger, and say what it is; end with 1 where the bundle does not verify."""
    from api.restoring.making import UnsoundBundleError
    from api.restoring.making import restore as make
    from api.restoring.mark import CONTINUE
    from ledger.keys.file import keys_folder
    from ledger.keys.kek import kek_file
    from ledger.proof.checking import load_trusted
    from ledger.proof.words import in_words

    trusted = load_trusted(policy, authorities, [])
    try:
        with progress("restore", None, shown=not as_json) as step:
            done = make(bundle, ledger, keys=keys, trusted=trusted, progress=step.reach)
    except UnsoundBundleError as error:
        if as_json:
            print_json({"ledger": None, "report": error.report.to_json()})
        else:
            tell(in_words(error.report))
        say(f"error: {error}")
        raise SystemExit(VERIFICATION_FAILED) from None
    report = done.report
    if as_json:
        print_json({
            "ledger": str(done.path), "role": done.role, "recording": done.recording, "checkpoints": done.checkpoints,
            "checkpoint_beyond": done.beyond, "missing_keys": list(done.missing), "report": report.to_json(),
        })  # fmt: skip
        return
    tell(f"{done.path}: restored from a bundle for the role {done.role}, with {done.checkpoints} checkpoints")
    tell(in_words(report))
    for kind in done.missing:
        say(f"Without {kek_file(keys_folder(done.path), kind)} {LACKS[kind]}; it can be put there later (mode 600).")
    if done.beyond is not None:
        say(f"The log is said to have signed {done.beyond} entries: what came after these is not in the bundle.")
    if done.recording == CONTINUE:
        say(f"Nothing is recorded before it goes on, on the record: trial-ledger continue {done.path} --reason …")
    else:
        say("It is for reading: the ledger's own keys are in archive bundles alone, and nothing can be recorded.")
