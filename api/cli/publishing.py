"""`publish`: the work."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from api.cli.acting import who
from api.cli.output import USAGE, errors_named, fail, print_json, progress, say, tell

if TYPE_CHECKING:
    from api.publishing.making import Publisher
    from api.publishing.target import Target


@errors_named()
def publish(
    ledger: Path,
    target: str,
    role: str,
    follow: int | None,
    take_over: bool,
    same_server: bool,
    actor: str | None,
    org: str,
    as_json: bool,
) -> None:
    """Publish, and say where it stands; then again and again, if that is asked for."""
    from pydantic import ValidationError

    from api.access import viewer_of
    from api.bootstrap import DeniedError
    from api.exports.making import ExportError
    from api.publishing.making import Publisher
    from api.publishing.publication import PublishError, TargetUnavailableError
    from api.publishing.target import target_of

    by = who(actor, org, role)
    try:
        viewer = viewer_of(by.id, by.role, by.org)
    except ValidationError:
        fail("--actor, --org: a pseudonym of printable ASCII without spaces, and an organisation in one line", USAGE)
    try:
        publisher = Publisher(ledger, viewer, take_over=take_over)
        place = target_of(target, publisher.audience, same_server=same_server)
        place.prepare()
        _once(publisher, place, as_json)
        while follow is not None:
            time.sleep(follow)
            try:
                _once(publisher, place, as_json, quiet=True)
            except TargetUnavailableError as error:  # a database that is started again is no reason to end
                say(f"not refreshed: {error}")
    except (DeniedError, ExportError, PublishError) as error:
        fail(str(error))


def _once(publisher: "Publisher", target: "Target", as_json: bool, *, quiet: bool = False) -> None:
    with progress("publish", None, shown=not as_json) as step:
        made = publisher.refresh(target, step.reach)
    if made is None:
        if not quiet:
            said = {"target": target.name, "audience": publisher.audience.value, "changed": False}
            print_json(said) if as_json else tell(f"{target.name}: is up to date ({publisher.audience.value})")
        return
    place = made.place
    if as_json:
        print_json(
            {
                "target": target.name,
                "audience": publisher.audience.value,
                "changed": True,
                "trial": made.trial,
                "seq": place.seq,
                "recorded_at": place.recorded_at,
                "relations": [relation.table for relation in made.relations],
            }
        )
        return
    tell(
        f"{target.name}: {made.trial}, {len(made.relations)} relations ({publisher.audience.value}) "
        f"as of entry {place.seq}, recorded {place.recorded_at}"
    )
