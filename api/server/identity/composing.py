"""The identity that a server's settings ask for, with the routes that belong to it.

1. Tokens come from the issuer of the settings, or from the development issuer that is part of this server; never from
   both, and a server without either does not start: nobody could come in.
2. Where there is no `client_id`, browsers have no sign-in, and everybody comes with a bearer token.
3. The development issuer is refused in production, and for any address but those of loopback, here as in the settings.
   Without a file of `roles` its people have their roles in every trial, and the names of its first site.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI

from api.bootstrap import trial_of
from api.server.identity import rights
from api.server.identity.browser import CALLBACK, Browser, Client, cookie_of
from api.server.identity.development import ALGORITHM, CLIENT, DevelopmentIssuer
from api.server.identity.development_pages import router_of
from api.server.identity.fetching import Fetch, Http
from api.server.identity.jwks import Issuer
from api.server.identity.rights import EVERY, Rights, Rule
from api.server.identity.sessions import Sessions
from api.server.identity.who import Forms, Who
from api.server.settings import Settings, SettingsError, is_loopback, secret_of
from api.server.signing import Signing
from ledger.domain.roles import ROLES
from ledger.domain.vocabulary import Role
from ledger.recording.live import utc_now


@dataclass(frozen=True, slots=True)
class Composed:
    """An identity with its routes. `development`: the built-in issuer, if that is what there is."""

    identity: Who
    routers: tuple[APIRouter, ...]
    development: DevelopmentIssuer | None = None

    def install(self, app: FastAPI) -> None:
        """Give an application, made with this identity, its routes and the reading of forms."""
        for router in self.routers:
            app.include_router(router)
        app.add_middleware(Forms, cookie=self.identity.cookie)

    def signing(self, settings: Settings) -> Signing | None:
        """How people are authenticated for signatures; None where no client is named for it."""
        client = CLIENT if self.development is not None else settings.signing_client or settings.client_id
        if client is None:
            return None
        return Signing(self.identity, client, settings.signing_seconds, settings.signing_levels)

    def development_token(self, person: str) -> str:
        """A bearer token of a made-up person, such as `investigator-1`. Raises SettingsError without `development`."""
        if self.development is None:
            raise SettingsError("development: is not set; the issuer of the settings gives tokens")
        return self.development.token(person)


def identity_of(
    settings: Settings,
    *,
    trials: Collection[str] | None = None,
    address: str | None = None,
    clock: Callable[[], datetime] = utc_now,
    ticks: Callable[[], float] = time.monotonic,
    fetch: Fetch | None = None,
    scope: str = "openid profile",
) -> Composed:
    """The identity of a server. Raises SettingsError.

    `address`: by which the server is reached, such as `http://127.0.0.1:8000`, where the settings do not say it (a
    port that the system chose). `trials`: the names of all trials of the server, as they are at the moment; without,
    those of the settings. `fetch`: how the issuer is asked. `scope`: what the sign-in asks it for.
    """
    public_url = settings.public_url or address or f"http://{_named(settings.host)}:{settings.port}"
    if settings.development:
        return _development(settings, settings.trials if trials is None else trials, public_url, clock, ticks)
    if settings.issuer is None or settings.roles is None:
        raise SettingsError("issuer, roles: must be set, or development (on the loopback address): nobody can come in")
    given = rights.load(settings.roles, settings.trials if trials is None else trials)
    issuer = Issuer(settings.issuer, settings.algorithms, fetch or Http(), ticks=ticks)
    who = Who(issuer, settings.audience, given, Sessions(ticks), cookie_of(public_url), clock)
    issuer.warm()
    if settings.client_id is None:
        return Composed(who, ())
    secret = None
    if settings.client_secret_file is not None:
        secret = secret_of(settings.client_secret_file, "client_secret_file")
    return Composed(who, (Browser(who, Client(public_url, settings.client_id, secret, scope)).router,))


def development_rights(trials: Mapping[str, Iterable[str]], all: Collection[str] = ()) -> Rights:
    """What the claim `role` of the development issuer gives: that role in every trial.

    `trials`: those whose sites are known, with them; `all`: the names of all, as they are at the moment.
    """
    rules = [
        Rule(("role",), role.value, trial, role, frozenset(sorted(sites)[:1] if ROLES[role].identity else ()))
        for trial, sites in trials.items()
        for role in Role
    ]
    if set(all) - trials.keys() or not getattr(all, "complete", True):
        rules += [Rule(("role",), role.value, EVERY, role) for role in Role]
    return Rights(tuple(rules), org_claim=("org",), trials=all)


def _development(
    settings: Settings,
    trials: Collection[str],
    public_url: str,
    clock: Callable[[], datetime],
    ticks: Callable[[], float],
) -> Composed:
    if settings.production:
        raise SettingsError("development: must not be set in production: it lets anybody in")
    if not is_loopback(settings.host) or not is_loopback(urlsplit(public_url).hostname or ""):
        raise SettingsError("development: host and public_url must be of the loopback address: it lets anybody in")
    if settings.roles is not None:
        given = rights.load(settings.roles, trials)
    else:
        # Of trials in databases, which need not answer now, nobody's own sites are known here.
        known = {name: _sites(where) for name, where in settings.trials.items() if isinstance(where, Path)}
        given = development_rights(known, trials)
    built_in = DevelopmentIssuer(public_url, settings.audience, public_url + CALLBACK, clock)
    issuer = Issuer(built_in.url, (ALGORITHM,), built_in, ticks=ticks)
    who = Who(issuer, settings.audience, given, Sessions(ticks), cookie_of(public_url), clock)
    browser = Browser(who, Client(public_url, CLIENT, one_host=True))
    return Composed(who, (browser.router, router_of(built_in)), built_in)


def _sites(path: Path) -> list[str]:
    trial = trial_of(path)
    known = {site.id for site in trial.protocol.sites} if trial.protocol is not None else set()
    return sorted(known | set(trial.sites))


def _named(host: str) -> str:
    """A host as it stands in an address."""
    return f"[{host}]" if ":" in host else host
