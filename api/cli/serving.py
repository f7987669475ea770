"""`serve`: the process. Reads the settings, listens, serves, and ends with 0 when it was told to end.

1. Settings that cannot be used, a ledger that is none, a port that is taken: a sentence on stderr, and 3.
2. The address goes to stdout once connections are taken, so that whoever started it can wait for that line. The log
   goes to stderr (`operation/logs.py`).
"""

import gc
import resource
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from api.cli.output import errors_named, fail, print_json, tell

if TYPE_CHECKING:
    from api.server.settings import Settings

_MOST: Final = 4096
"""Connections at a time."""
_TOLD: Final = 20
"""Trials that are named when it begins."""
_FILES: Final = 512
"""File descriptors that are for other things than connections."""


@errors_named()
def serve(
    ledgers: list[Path],
    settings_file: Path | None,
    host: str | None,
    port: int | None,
    development: bool,
    as_json: bool,
) -> None:
    """Serve until SIGTERM or SIGINT."""
    from api.server.composing import Server, named
    from api.server.operation.connections import address_of, listen
    from api.server.operation.connections import serve as run
    from api.server.operation.logs import set_up
    from api.server.settings import Settings, SettingsError
    from api.workers import use

    given: dict[str, Any] = {}
    if host is not None:
        given["host"] = host
    if port is not None:
        given["port"] = port
    if development:
        given["development"] = True
    try:
        settings = Settings.load(settings_file, given)
        if ledgers:
            settings = Settings.load(settings_file, given | {"trials": {**settings.trials, **named(ledgers)}})
        with listen(settings.host, settings.port) as listening:
            set_up(settings.log_level)
            use(settings.workers)
            url = address_of(listening, settings.host)
            server = Server(settings, address=url)
            try:
                server.start()
                gc.collect()
                gc.freeze()  # what lives as long as the process is not looked through again while others wait
                run(
                    server.app,
                    listening,
                    most=_connections(),
                    stop_seconds=settings.stop_seconds,
                    stopping=server.stopping,
                    lifespan="on",
                    trusted_proxies=settings.trusted_proxies,
                    log_level=settings.log_level,
                    end_at_once=True,
                    ready=partial(_say, settings, sorted(server.trials.names), url, as_json),
                )
            finally:
                server.close()
    except SettingsError as error:
        fail(str(error))


def _say(settings: "Settings", trials: list[str], url: str, as_json: bool) -> None:
    """Say where it listens."""
    if as_json:
        print_json({"url": url, "trials": trials, "development": settings.development})
        return
    told = ", ".join(trials[:_TOLD]) + (f" and {len(trials) - _TOLD} more" if len(trials) > _TOLD else "")
    tell(f"{told or 'no trials yet'}: at {settings.public_url or url}")
    if settings.development:
        tell("Development: whoever can reach this address can sign in as anybody.")


def _connections() -> int:
    """How many connections there may be: as many files as the system lets this process open, but for some."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST + _FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _MOST if soft == resource.RLIM_INFINITY else max(64, min(_MOST, soft - _FILES))
