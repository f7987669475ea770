"""Metrics in Prometheus' text format, of which nothing depends on the sealed book.

Whoever reads metrics may be masked. So they must be the same whatever the arms are, and whatever was recorded into the
sealed book. That is why
1. sizes, positions and lags are those of the open book and of masked people's views;
2. a request counts only if it says nothing of the sealed book that it was made, and how it ended. Not counted are those
   of people who have arms in sight (whether they are answered 200 or 304 says when the sealed book grew); what was done
   by a write, for such writes less what the open book grew by are the sealed ones; and whatever goes to the routes of a
   code-break. Counted are the reads of everybody else, and of all those every refusal;
3. there are none of the process, its files and its disk: memory, time, and bytes on the disk grow with both books;
4. latencies are of the requests that are counted.

What an operator needs to see of the rest stands in the log, which is for those who hold the keys as well.
"""

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

from api.server.operation.following import Following
from api.server.operation.verifying import Verifications
from api.server.trials import Served
from ledger.proof.ledger_file import LedgerFileError
from ledger.recording.engine import StorageError
from projections.base import Audience

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_UNTOLD: Final = ("code-break", "unblinding-requests", "envelopes")
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def counts(method: str, route: str, status: int, *, arms: bool) -> bool:
    """Whether a request may be counted (rule 2). `arms`: whoever made it has arms in sight."""
    if arms or any(word in route for word in _UNTOLD):
        return False
    return method in _READS or status >= 400


class Metrics:
    """What is counted, in a registry of its own."""

    def __init__(self, served: Iterable[Served], verifications: Verifications, following: Following | None) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # times of the first request of each kind
        self._served = served
        self._verifications = verifications
        self._following = following
        self.registry = registry = CollectorRegistry(auto_describe=False)
        labels = ("route", "method", "status")
        self._requests = Counter("trial_ledger_requests", "Requests, of those counted", labels, registry=registry)
        self._refusals = Counter("trial_ledger_refusals", "Refusals, by the rule", ("rule",), registry=registry)
        self._seconds = Histogram(
            "trial_ledger_request_seconds", "How long requests took", ("route",), buckets=_BUCKETS, registry=registry
        )
        trial = ("trial",)
        self._head = Gauge("trial_ledger_open_entries", "Entries of the open book", trial, registry=registry)
        self._lag = Gauge("trial_ledger_views_lag_entries", "Open entries not yet in views", trial, registry=registry)
        self._position = Gauge("trial_ledger_verified_position", "Last entry verified", trial, registry=registry)
        self._age = Gauge("trial_ledger_verified_age_seconds", "Since the verification", trial, registry=registry)
        self._holds = Gauge("trial_ledger_verified_holds", "1: all that was verified holds", trial, registry=registry)

    def observe(self, route: str, method: str, status: int, seconds: float | None, rule: str | None) -> None:
        """Count a request. What may be counted says `counts`. `seconds`: None of a stream."""
        self._requests.labels(route, method, str(status)).inc()
        if seconds is not None:
            self._seconds.labels(route).observe(seconds)
        if rule is not None:
            self._refusals.labels(rule).inc()

    def text(self, now: Callable[[], float] = time.time) -> bytes:
        """All of them as they are now. Reads the open books' heads."""
        for served in self._served:
            name = served.name
            try:
                with served.open_book() as reader:
                    self._head.labels(name).set(reader.head().open)
            except (LedgerFileError, StorageError, OSError):
                self._head.labels(name).set(float("nan"))
            if self._following is not None:
                lag = self._following.lag(name, Audience.MASKED).entries
                self._lag.labels(name).set(float("nan") if lag is None else lag)
            last = self._verifications.newest(name)
            if last is not None:
                began = datetime.fromisoformat(last.at.replace("Z", "+00:00")).astimezone(UTC).timestamp()
                self._position.labels(name).set(-1 if last.position is None else last.position)
                self._age.labels(name).set(max(0.0, now() - began))
                self._holds.labels(name).set(int(last.ok))
        return generate_latest(self.registry)
