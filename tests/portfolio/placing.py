"""Small trials that lie in databases, placement files, and clients of a server that has both."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from fastapi.testclient import TestClient

from api.server.composing import Server
from api.server.person import Person, Right
from api.server.settings import Rates, Settings
from ledger.domain.vocabulary import Role
from ledger.recording.postgres.connecting import Address
from ledger.recording.postgres.creating import place_of
from ledger.recording.stores import InDatabase
from tests.api.server.people import People
from tests.trials import SITE, Trial


def trial_in(url: str, name: str, *, subjects: int = 2) -> Trial:
    """A trial in a database, with a site and so many subjects who were randomised; the last has a serious event."""
    path = place_of(Address(url, name))
    path.parent.mkdir(parents=True, exist_ok=True)
    return begun(Trial(path.parent, path=path, store=InDatabase(url, name)), subjects)


def trial_at(folder: Path, *, subjects: int = 2) -> Trial:
    """The same in a file."""
    folder.mkdir(parents=True, exist_ok=True)
    return begun(Trial(folder), subjects)


def begun(trial: Trial, subjects: int) -> Trial:
    trial.do("activate-site", {"site": SITE})
    for number in range(1, subjects + 1):
        trial.randomized(f"S-{number}")
    if subjects:
        serious_event(trial, f"S-{subjects}")
    return trial


def serious_event(trial: Trial, subject: str, ae: str = "AE1") -> None:
    data = {"subject": subject, "ae": ae, "term": "Fever", "severity": "SEVERE", "serious": True}
    onset = trial.clock.at.date().isoformat()
    trial.do("report-adverse-event", data | {"seriousness": ["HOSPITALIZATION"], "onset": onset})


def person_of(rights: Mapping[str, Role | Right], id: str = "sponsor-1") -> Person:
    """Somebody with a role in each of these trials."""
    held = {name: one if isinstance(one, Right) else Right(one) for name, one in rights.items()}
    return Person(id, "FJD", held, f"session-of-{id}", 1_700_000_000, 4_000_000_000, "A. Person")


@contextmanager
def served(
    folder: Path,
    people: Iterable[Person],
    *,
    trials: Mapping[str, Path | str] | None = None,
    placement: str | None = None,
    open_trials: int = 64,
) -> Iterator[tuple[Server, TestClient]]:
    """A server whose placement file holds that text, and a client to whom everybody of `people` is known."""
    path = None
    if placement is not None:
        path = folder / "placement.toml"
        path.write_text(placement)
    rates = Rates(**dict.fromkeys(Rates.model_fields, 10**9))
    settings = Settings(trials=dict(trials or {}), placement=path, rates=rates, open_trials=open_trials)
    server = Server(settings, identity=People(people))
    client = TestClient(server.app, raise_server_exceptions=False, client=("127.0.0.1", 50000))
    try:
        yield server, client
    finally:
        client.close()
        server.close()
