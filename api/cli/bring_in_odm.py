"""`import odm-audit`."""

from dataclasses import dataclass
from pathlib import Path

from api.cli.output import errors_named, fail, print_json, progress, say


@dataclass(frozen=True, slots=True)
class Said:
    """What whoever imports says of the feed: OIDs to leave out, OIDs that tell no arm, whether nobody is masked."""

    leave_out: list[str]
    not_of_an_arm: list[str]
    open_label: bool


@errors_named()
def odm_audit(source: Path, ledger: Path, said: Said, as_json: bool) -> None:
    """Import the audit trail of an EDC system, all of it or nothing."""
    from api.odm import OdmError
    from api.odm.importing import import_feed

    try:
        with progress("importing", None, shown=not as_json) as step:
            done = import_feed(
                source,
                ledger,
                leave_out=frozenset(said.leave_out),
                not_of_an_arm=frozenset(said.not_of_an_arm),
                open_label=said.open_label,
                on_record=step,
            )
    except OdmError as error:
        fail(str(error))
    if as_json:
        print_json(done.as_dict())
        return
    for line in done.notes:
        say(line)
    kinds = ", ".join(f"{count} {kind}" for kind, count in done.transactions.items())
    say(
        f"{source}: {done.records} audit records ({kinds}) of {done.subjects} subjects by {done.users} users,"
        f" {done.with_reason} with a reason; {done.added} recorded in {ledger}"
    )
