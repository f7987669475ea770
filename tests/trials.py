"""Small trials for tests: a ledger of the reference trial, and commands for it."""

from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from api.bootstrap import create_trial
from api.cli.demo import SeededRandomness, SimulatedClock
from ledger.application import Answer, TrialLedger
from ledger.domain.allocation import default_parameters
from ledger.domain.commands import parse_command
from ledger.domain.protocol import Protocol, reference_protocol
from ledger.keys.allocation import keep_allocation
from ledger.keys.file import load_keys
from ledger.proof.allocation import Parameters, commitment
from ledger.proof.entry import Actor
from ledger.recording.stores import IN_FILE, Store
from tests.domain.test_criteria import GOOD

START = datetime(2020, 5, 6, 8, 0, tzinfo=UTC)
SITE = reference_protocol().sites[0].id
ROLES = {
    "activate-site": "sponsor",
    "commit-allocation": "statistician",
    "bind-allocation": "statistician",
    "halt-trial": "sponsor",
    "restart-trial": "sponsor",
    "record-treatment": "pharmacist",
    "correct-sealed-record": "pharmacist",
    "code-adverse-event": "data-manager",
}
ELIGIBLE: dict[str, Any] = {name: str(value) if isinstance(value, Decimal) else value for name, value in GOOD.items()}
"""Screening values by which a subject is eligible under the reference protocol."""


class Trial:
    """A ledger with a clock that moves a minute with each command, and short ways to command it."""

    def __init__(
        self,
        folder: Path,
        *,
        protocol: Protocol | None = None,
        seed: int = 1,
        keys: Callable[[int], bytes] | None = None,
        path: Path | None = None,
        store: Store = IN_FILE,
    ) -> None:
        """`store`: where its books lie, if not in the file at `path` (`trial.db` in the folder)."""
        self.path = path or folder / "trial.db"
        self.protocol = protocol or reference_protocol()
        self.clock = SimulatedClock(START)
        self.randomness = SeededRandomness(seed)
        self.ledger: TrialLedger = create_trial(
            self.path,
            self.protocol,
            actor=Actor("sponsor-1", "IIS-FJD", "sponsor"),
            host="test.invalid",
            clock=self.clock,
            randomness=self.randomness,
            random=keys or self.randomness.keys,
            store=store,
        )
        self._number = 0
        self._has_list = False

    def envelope(self, type_: str, data: dict[str, Any], **more: Any) -> dict[str, Any]:
        """A command as JSON-ready data, one minute after the last."""
        self._number += 1
        self.clock.at += timedelta(minutes=1)
        return {
            "id": f"command-{self._number}",
            "type": type_,
            "actor": {"id": "somebody", "role": ROLES.get(type_, "investigator"), "org": "FJD"},
            "occurred_at": self.clock.at.isoformat(timespec="minutes"),
            "data": data,
        } | more

    def do(self, type_: str, data: dict[str, Any], **more: Any) -> Answer:
        """Submit a command; raises what `TrialLedger.submit` raises."""
        return self.ledger.submit(parse_command(self.envelope(type_, data, **more)))

    def consent(self, subject: str) -> Answer:
        return self.do(
            "record-consent",
            {
                "subject": subject,
                "site": SITE,
                "form": "WRITTEN",
                "giver": "PATIENT",
                "document_version": "1.0",
                "subject_name": f"Name of {subject}",
            },
        )

    def with_list(self) -> None:
        """An allocation list: committed to, and bound to a value from outside."""
        if self._has_list:
            return
        self._has_list = True
        parameters, secret = default_parameters(self.protocol), self.randomness.keys(32)
        keys = load_keys(self.path)
        keep_allocation(keys, secret, parameters)
        keys.close()
        committed = commitment(secret, Parameters.from_value(parameters))
        self.do("commit-allocation", {"commitment": committed, "method": parameters["method"]})
        self.do("bind-allocation", {"kind": "BEACON", "value": b64encode(b"a value from outside").decode()})

    def randomized(self, subject: str) -> None:
        """A subject from consent to its place on the list."""
        self.with_list()
        self.consent(subject)
        self.do("record-screening", {"subject": subject, "values": ELIGIBLE})
        self.do("enrol-subject", {"subject": subject})
        self.do("randomize-subject", {"subject": subject})
