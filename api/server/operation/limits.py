"""Rate limits: token buckets, one for each address before anybody is known, and one for each person after.

1. A request costs what its class costs, by method and address alone: never by what is in a trial, or was found there.
   So masked and unmasked people are limited alike, whatever the sealed book holds.
2. Who has not enough left is answered 429 with `Retry-After`, in whole seconds, after which it will do.
3. Memory is bounded: of `MOST` buckets those go first that were used longest ago. A bucket that is full again is no
   different from one that was never there; where others are pushed out, an attacker with that many addresses has gained
   one burst with each.
4. An IPv6 address counts as its /64, which is what one household or host has.
5. Probes of health cost nothing. Whoever is refused pays nothing.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from math import ceil
from typing import Final

MOST: Final = 20_000
_FREE: Final = frozenset({"/healthz", "/readyz", "/metrics"})
_DEAR: Final = (("exports", 20), ("verification", 20), ("dossier", 20), ("portfolio", 5), ("audit", 2), ("events", 2))
_WRITE: Final = 2


def cost_of(method: str, path: str) -> int:
    """What a request costs (rule 1)."""
    if path in _FREE:
        return 0
    parts = path.split("/")
    dear = next((cost for word, cost in _DEAR if word in parts), 1)
    if method in {"GET", "HEAD", "OPTIONS"}:
        return 1 if "verification" in parts else dear
    return max(dear, _WRITE)


class Buckets:
    """Buckets of `burst` tokens that fill by `per_minute`. Safe for several threads."""

    def __init__(self, per_minute: int, burst: int, now: Callable[[], float], *, most: int = MOST) -> None:
        """`now`: seconds, that never run backwards."""
        self._rate = per_minute / 60
        self._burst = float(burst)
        self._now = now
        self._most = most
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._left)

    def take(self, key: str, cost: int) -> int:
        """Take `cost` tokens; 0 if they were there, else after how many seconds they will be (rule 2)."""
        if cost <= 0:
            return 0
        with self._lock:
            now = self._now()
            left, since = self._left.get(key, (self._burst, now))
            left = min(self._burst, left + (now - since) * self._rate)
            enough = left >= cost
            self._left[key] = (left - cost if enough else left, now)
            self._left.move_to_end(key)
            if len(self._left) > self._most:
                self._left.popitem(last=False)
            return 0 if enough else max(1, ceil((cost - left) / self._rate))


def household(address: str) -> str:
    """What counts as one address (rule 4)."""
    try:
        known = ip_address(address)
    except ValueError:
        return address[:64]
    if not isinstance(known, IPv6Address):
        return address
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return str(IPv6Address(int(known) >> 64 << 64))
