"""The composition root of the server: from settings to an application with its trials, people and background work.

Nothing of it runs before `start`, and after `close` nothing is open. `close` may be called twice.
"""

import logging
import os
import time
from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.types import ASGIApp

from api.server.app import create_app
from api.server.operation.connections import Stopping
from api.server.operation.edge import Edge, LimitedIdentity
from api.server.operation.following import Following
from api.server.operation.health import Health
from api.server.operation.limits import Buckets
from api.server.operation.logs import hashed
from api.server.operation.metrics import Metrics
from api.server.operation.routes import router_of
from api.server.operation.verifying import Verifications
from api.server.person import Identity
from api.server.placement import load, place_at
from api.server.settings import Settings, SettingsError, secret_of
from api.server.trials import Trials
from ledger.proof.ledger_file import check_ledger_file
from ledger.recording.live import utc_now

if TYPE_CHECKING:
    from api.server.identity.composing import Composed

MIB: Final = 1 << 20
_log: Final = logging.getLogger(__name__)


class Server:
    """A server that is put together: `app` answers, `start` begins what runs beside it, `close` ends all."""

    def __init__(
        self,
        settings: Settings,
        *,
        identity: Identity | None = None,
        address: str | None = None,
        clock: Callable[[], datetime] = utc_now,
        now: Callable[[], float] = time.monotonic,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """`identity`: who tells who asks, if not what the settings say. `address`: where it listens, such as
        `http://127.0.0.1:8000`, if not as in the settings. `now`: seconds that never run backwards.

        Raises SettingsError, LedgerFileError, KeysError, OSError.
        """
        if not settings.trials and settings.placement is None:
            raise SettingsError("trials: none is named; give a ledger, or [trials] or placement in the settings")
        if identity is None and settings.issuer is None and not settings.development:
            raise SettingsError("issuer: must be set, with roles; or development, on a loopback address")
        placement = None if settings.placement is None else load(settings.placement)
        places = {name: place_at(name, where) for name, where in settings.trials.items()}
        for place in places.values():
            if place.database is None:
                check_ledger_file(place.path)
        placed = {} if placement is None else placement.places()
        if both := sorted(placed.keys() & places.keys()):
            raise SettingsError(f"{settings.placement}: trials.{both[0]}: stands under [trials] of the settings too")
        self.trials = Trials(
            places | placed,
            clock=clock,
            whole=() if placement is None else placement.whole,
            most_open=settings.open_trials,
        )
        self.trials.look_for_more()
        token = None
        if settings.metrics_token_file is not None:
            token = secret_of(settings.metrics_token_file, "metrics_token_file")
        rates = settings.rates
        composed = None if identity is not None else _composed(settings, self.trials.names, address, clock)
        known = identity if composed is None else composed.identity
        assert known is not None
        self.stopping = Stopping()
        self.verifications = Verifications(
            self.trials.paths,
            every=settings.verify_minutes * 60.0,
            policy=settings.policy,
            authorities=settings.authorities,
            clock=clock,
        )
        more = None if self.trials.names.complete else self.trials.look_for_more
        self.following = Following(self.trials, () if placement is None else placement.databases.values(), more)
        self.health = Health(
            self.trials,
            self.verifications,
            self.following,
            least_free=settings.least_free_mib * MIB,
            most_lag=float(settings.most_lag_seconds),
            now=now,
        )
        metrics = None
        if settings.metrics != "off":
            metrics = Metrics(self.trials, self.verifications, self.following)
        app = create_app(self.trials, LimitedIdentity(known, Buckets(rates.person_per_minute, rates.person_burst, now)))
        app.state.ledger.more |= {
            "settings": settings,
            "verifications": self.verifications,
            "health": self.health,
            "stopping": self.stopping,
        }
        if composed is not None and (signing := composed.signing(settings)) is not None:
            app.state.ledger.more["signing"] = signing
        app.include_router(router_of(self.health, metrics, token))
        if composed is not None:
            composed.install(app)
        self.app: ASGIApp = Edge(
            app,
            self.trials,
            addresses=Buckets(rates.address_per_minute, rates.address_burst, now),
            metrics=metrics,
            stopping=self.stopping,
            hashed=hashed(random(32)),
            now=now,
            own_host_only=settings.development,
        )

    def start(self) -> None:
        """Begin to verify and to keep the views at the head."""
        self.following.start()
        self.verifications.start()

    def close(self) -> None:
        """End what runs, and let go of all files."""
        self.verifications.close()
        self.following.close()
        self.trials.close()


def _composed(
    settings: Settings, trials: Collection[str], address: str | None, clock: Callable[[], datetime]
) -> "Composed":
    from api.server.identity.composing import identity_of  # not where somebody else tells who asks

    return identity_of(settings, trials=trials, address=address, clock=clock)


def named(ledgers: list[Path]) -> dict[str, Path]:
    """The trials of ledgers that are given as files, named by their stems. Raises SettingsError."""
    found: dict[str, Path] = {}
    for path in ledgers:
        if path.stem in found:
            raise SettingsError(f"{path}: another ledger has the name {path.stem} too; name both under [trials]")
        found[path.stem] = path
    return found
