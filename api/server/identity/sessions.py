"""Browsers that are signed in, and those about to be: in the memory of this process, and gone when it ends.

1. A session is known by 256 random bits that only the browser's cookie holds; here lies their SHA-256 alone. It is new
   at each sign-in, whatever the browser brought along, and the one it brought along ends: none can be set for somebody.
2. A session ends after `IDLE_SECONDS` without a request, and in any case `WHOLE_SECONDS` after the sign-in; what the
   issuer changes about a person is noticed at the next sign-in, so within that time.
3. A sign-in that was begun can be ended once, within `BEGUN_SECONDS`, by the browser that began it.
4. Of both there are so many at most; the oldest goes first.
"""

import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from api.server.person import Person

IDLE_SECONDS: Final = 30 * 60
WHOLE_SECONDS: Final = 8 * 60 * 60
BEGUN_SECONDS: Final = 10 * 60
MOST_SESSIONS: Final = 10_000
MOST_BEGUN: Final = 10_000


def random_text() -> str:
    """256 random bits, as 43 characters of base64url."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """SHA-256 in hex: by which a secret is known without being kept."""
    return hashlib.sha256(secret.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that was begun: of which browser, what the issuer has to send back, and where it leads."""

    browser: str
    nonce: str
    verifier: str
    to: str
    again: bool
    at: float
    """By the clock of tokens, in seconds since the epoch."""
    ticks: float


@dataclass(slots=True)
class _Session:
    person: Person
    since: float
    used: float


class Sessions:
    """All of a server. Safe for several threads. `ticks`: seconds of a clock that never runs backwards."""

    def __init__(self, ticks: Callable[[], float] = time.monotonic) -> None:
        self._ticks = ticks
        self._lock = threading.Lock()
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        self._begun: OrderedDict[str, Begun] = OrderedDict()

    def begin(self, browser: str, *, to: str, again: bool, now: float) -> tuple[str, Begun]:
        """Begin a sign-in in a browser, known by a random text in its cookie; the `state` of the request, and it."""
        state = random_text()
        begun = Begun(digest(browser), random_text(), random_text(), to, again, now, self._ticks())
        with self._lock:
            self._begun[digest(state)] = begun
            while len(self._begun) > MOST_BEGUN:
                self._begun.popitem(last=False)
        return state, begun

    def begun(self, state: str, browser: str) -> Begun | None:
        """The sign-in that this browser began with that `state`; never a second time."""
        with self._lock:
            found = self._begun.get(digest(state))
            if found is None or not hmac.compare_digest(found.browser, digest(browser)):
                return None
            del self._begun[digest(state)]
        return found if self._ticks() - found.ticks <= BEGUN_SECONDS else None

    def open(self, make: Callable[[str, str], Person], before: str | None) -> str:
        """A new session, of the person that `make` makes of its name and CSRF token; the secret of its cookie.

        `before`: the secret that the browser brought along.
        """
        secret = random_text()
        person = make(f"browser:{digest(secret)}", random_text())
        now = self._ticks()
        with self._lock:
            if before is not None:
                self._sessions.pop(digest(before), None)
            self._sessions[digest(secret)] = _Session(person, now, now)
            while len(self._sessions) > MOST_SESSIONS:
                self._sessions.popitem(last=False)
        return secret

    def person(self, secret: str) -> Person | None:
        """Whose session it is, if it has not ended."""
        now = self._ticks()
        with self._lock:
            found = self._sessions.get(digest(secret))
            if found is None:
                return None
            if now - found.used > IDLE_SECONDS or now - found.since > WHOLE_SECONDS:
                del self._sessions[digest(secret)]
                return None
            found.used = now
            return found.person

    def close(self, secret: str) -> None:
        """End a session."""
        with self._lock:
            self._sessions.pop(digest(secret), None)
