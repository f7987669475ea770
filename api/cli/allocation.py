"""`allocation commit|bind|assign|open|check`. None of them ever says an arm, but `check` of one that does not fit."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.cli.acting import as_data, opened, refusals_named, who
from api.cli.output import VERIFICATION_FAILED, errors_named, fail, print_json, progress, say, tell

if TYPE_CHECKING:
    from ledger.domain.allocation import AllocationState

MAX_OUTSIDE = 16 * 1024
_SUBJECT = {"data.subject": "SUBJECT"}


@errors_named()
def commit(
    ledger: Path, method: str | None, sizes: tuple[int, ...], actor: str | None, org: str, role: str, as_json: bool
) -> None:
    """Draw the secret, keep it, commit to it."""
    from api.allocation import commit, parameters_for
    from api.bootstrap import protocol_of
    from ledger.keys.file import load_keys

    with refusals_named(), opened(ledger) as trial, closing(load_keys(ledger)) as keys:
        chosen = None
        if method is not None or sizes:
            chosen = parameters_for(protocol_of(ledger), method or "PERMUTED_BLOCKS", sizes)
        answer = commit(trial, keys, who(actor, org, role), chosen)
        commitment = _state(ledger).commitment
    if as_json:
        print_json(as_data(answer, commitment=commitment))
        return
    tell(f"committed at entry {answer.seq}, {answer.at}: {commitment}")
    say(f"The secret lies in {ledger}.keys. Next: `trial-ledger allocation bind {ledger} FILE`, with a value that")
    say("nobody could know before now: the next record of a public beacon, a time stamp over the commitment.")


@errors_named()
def bind(
    ledger: Path, source: Path, kind: str, note: str | None, actor: str | None, org: str, role: str, as_json: bool
) -> None:
    """Record the value from outside."""
    from api.allocation import bind

    with source.open("rb") as file:
        value = file.read(MAX_OUTSIDE + 1)
    if not 0 < len(value) <= MAX_OUTSIDE:
        fail(f"{source}: must hold 1 to {MAX_OUTSIDE} bytes")
    words = {"data.value": str(source), "data.note": "--note"}
    with refusals_named(words), opened(ledger) as trial:
        answer = bind(trial, who(actor, org, role), value, kind, note)
    if as_json:
        print_json(as_data(answer, kind=kind, bytes=len(value)))
    else:
        tell(f"bound at entry {answer.seq}, {answer.at}: {kind}, {len(value)} bytes. Subjects can be randomized now.")


@errors_named()
def assign(ledger: Path, subject: str, actor: str | None, org: str, role: str, as_json: bool) -> None:
    """Randomize a subject."""
    from api.acting import command_of

    with refusals_named(_SUBJECT), opened(ledger) as trial:
        answer = trial.submit(command_of("randomize-subject", {"subject": subject}, who(actor, org, role)))
    stratum, index = _place(ledger, subject)
    if as_json:
        print_json(as_data(answer, subject=subject, stratum=stratum, index=index))
    else:
        tell(f"{subject} is randomized: stratum {stratum}, index {index} (entry {answer.seq}, {answer.at})")


@errors_named()
def open_list(ledger: Path, reason: str, actor: str | None, org: str, role: str, as_json: bool) -> None:
    """Open the secret and the parameters to everybody."""
    from api.allocation import open_list
    from ledger.keys.file import load_keys

    with refusals_named(), opened(ledger) as trial, closing(load_keys(ledger)) as keys:
        answer = open_list(trial, keys, who(actor, org, role), reason)
    if as_json:
        print_json(as_data(answer))
    else:
        tell(f"opened at entry {answer.seq}, {answer.at}: anybody can derive the list now.")
        say(f"Next: trial-ledger allocation check {ledger}")


@errors_named()
def check(ledger: Path, as_json: bool) -> None:
    """Derive the list again; end with 1 if an allocation does not fit, or the ledger itself does not verify."""
    from api.cli.check import held_keys, held_list
    from ledger.proof.verify import allocation_report
    from ledger.proof.words import allocation_in_words

    with held_keys(ledger) as keys, progress("check", None, shown=not as_json) as step:
        kept = held_list(keys)
        report, whole = allocation_report(ledger, keys=keys, secret=kept, progress=step.reach)
    if report is None and whole.ok:
        fail(f"{ledger}: there is no allocation list, and nobody is randomized")
    if report is None:
        fail(f"{ledger}: no allocation is found in it, and it does not verify", VERIFICATION_FAILED)
    elsewhere = [finding for finding in whole.findings if finding.code != "allocation"]
    ok = report.ok and whole.ok
    by_secret = report.stage != "OPENED" and kept is not None
    if as_json:
        listed = [{"code": one.code, "subject": one.subject, "seq": one.seq, "message": one.message}
                  for one in report.findings]  # fmt: skip
        said: dict[str, Any] = report.to_json() | {"ok": ok, "findings": listed, "verified": whole.ok}
        print_json(said | {"with_secret_of_keys": by_secret})
    else:
        for one in report.findings:
            where = "" if one.seq is None else f" (entry {one.seq})"
            tell(f"{one.subject or 'list'}{where}: {one.message} [{one.code}]")
        tell(allocation_in_words(report))
        if report.stage != "OPENED":
            tell(_before_opening(report.stage, by_secret))
        if elsewhere:
            tell(f"The ledger itself does not verify: {len(elsewhere)} findings (trial-ledger verify {ledger}).")
    if not ok:
        raise SystemExit(VERIFICATION_FAILED)


def _before_opening(stage: str, by_secret: bool) -> str:
    if by_secret:
        return "The list is not opened: arms were compared by the secret that the keys beside the ledger hold."
    how = {"NONE": "there is no list", "COMMITTED": "it is not bound yet"}.get(stage, "its secret is not opened")
    return f"Only order and commitments were checked: {how}."


def _state(ledger: Path) -> "AllocationState":
    from api.allocation import trial_state

    return trial_state(ledger).allocation


def _place(ledger: Path, subject: str) -> tuple[str | None, int | None]:
    """Stratum and index of a subject, as the open book has them."""
    from api.allocation import subject_state

    state = subject_state(ledger, subject)
    return state.stratum, state.index
