"""The badge repeats what a verification has found, as the viewer may see it."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from api.server.operation.verifying import Verifications, Verified
from tests.api.pages.hypertext import faults, get
from tests.api.server.people import NAME, client_of

_GOOD: Final = Verified(
    position=41,
    at="2026-01-02T03:04:05.000000Z",
    ok=True,
    root="aa",
    head="bb",
    level="witnessed 2 of 2",
    external=40,
    witnessed_by=("witness.example", "second.example"),
    findings=(),
)
_SEALED: Final[dict[str, Any]] = {
    "code": "commitment",
    "book": "sealed",
    "seq": 7,
    "stream": "subject/S-01-001",
    "message": "the arm does not match",
}


class _Said(Verifications):
    """Has given a verdict already."""

    def __init__(self, said: Verified) -> None:
        super().__init__({})
        self.said = said

    def newest(self, trial: str) -> Verified | None:
        return self.said if trial == NAME else None


def _badge(ledger: Path, said: Verified, who: str, language: str = "en") -> str:
    client = client_of(ledger)
    client.app.state.ledger.more["verifications"] = _Said(said)  # type: ignore[attr-defined]
    page = get(client, f"/t/{NAME}", who, **{"accept-language": language})
    assert faults(page) == []
    (badge,) = page.texts("//*[@id='badge']/p")
    return badge.replace("\N{NO-BREAK SPACE}", " ")


def test_what_was_verified_when_and_who_else_holds_it(ledger: Path) -> None:
    assert _badge(ledger, _GOOD, "sponsor-1").startswith(
        "Verified to entry 41 at 2 Jan 2026, 03:04:05 UTC; witnessed by witness.example, second.example to entry 39."
    )
    assert _badge(ledger, _GOOD, "sponsor-1", "es").startswith("Verificado hasta la entrada 41 el 2 ene 2026")


def test_a_record_that_nobody_outside_holds_is_said_to_be_so(ledger: Path) -> None:
    alone = replace(_GOOD, external=0, witnessed_by=(), level="consistent")
    assert "no witness outside this server" in _badge(ledger, alone, "sponsor-1")


@pytest.mark.parametrize("who", ["sponsor-1", "statistician-1"])
def test_a_failure_is_said_and_what_the_sealed_book_has_only_to_who_may_see_it(ledger: Path, who: str) -> None:
    badge = _badge(ledger, replace(_GOOD, ok=False, findings=(_SEALED,)), who)
    assert badge.startswith("Verification failed.")
    assert ("the arm does not match" in badge) is (who == "statistician-1")


def test_a_verdict_changes_the_page(ledger: Path) -> None:
    client = client_of(ledger)
    before = get(client, f"/t/{NAME}", "sponsor-1").answer.headers["etag"]
    client.app.state.ledger.more["verifications"] = _Said(_GOOD)  # type: ignore[attr-defined]
    after = get(client, f"/t/{NAME}", "sponsor-1", **{"if-none-match": before}).answer
    assert after.status_code == 200
