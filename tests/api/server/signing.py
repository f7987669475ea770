"""Signers, in tests: a server on which one can sign, and ID tokens of an issuer for each signature."""

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from fastapi.testclient import TestClient

from api.server.app import create_app
from api.server.person import Person
from api.server.signing import Signing
from api.server.trials import Trials
from ledger.domain.vocabulary import Role
from ledger.recording.live import utc_now
from tests.api.server.identity.making import ISSUER, P256, Published, Time, compact, composed
from tests.api.server.people import NAME, People, bearer, person
from tests.projections.whole_trial import ENTERED

CLIENT: Final = "signing"
EARLIER: Final = ("seen on site", ENTERED)
"""Words of the signatures that were in the trial before."""
PATH: Final = f"/v1/trials/{NAME}/signatures"


@dataclass
class Desk:
    """A server of one ledger, its client, and a clock that is the server's and the issuer's."""

    ledger: Path
    client: TestClient
    time: Time
    number: int = field(default=0)

    def post(self, who: str, body: Any) -> Any:
        """What a body is answered."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post(PATH, content=content, headers={**bearer(who), "content-type": "application/json"})

    def asked(self, who: str, of: dict[str, Any], **more: Any) -> dict[str, Any]:
        """A body that asks to sign: of a new id, a REVIEW, where `more` says nothing else."""
        self.number += 1
        return {"id": f"sign-{who}-{self.number}", "meaning": "REVIEW", "of": of, **more}

    def nonce(self, who: str, body: dict[str, Any]) -> str:
        """The nonce that the challenge asks for."""
        challenge = self.post(who, body)
        assert challenge.status_code == 401, challenge.text
        return str(challenge.json()["ask"]["nonce"])

    def token(self, who: str, made_for: str, /, **other: Any) -> str:
        """An ID token of the issuer for somebody, authenticated just now; of `other` claims, None takes one away."""
        now = int(self.time.seconds)
        given = {
            "iss": ISSUER, "aud": CLIENT, "sub": who, "org": "FJD", "name": f"Name of {who}", "nonce": made_for,
            "iat": now, "auth_time": now, "exp": now + 600, **other,
        }  # fmt: skip
        claims = {name: value for name, value in given.items() if value is not None}
        return compact({"alg": "ES256", "typ": "JWT", "kid": "p256"}, claims, P256)

    def sign(self, who: str, of: dict[str, Any], **more: Any) -> Any:
        """Ask, be authenticated a second later, and sign."""
        body = self.asked(who, of, **more)
        return self.signed(who, body)

    def signed(self, who: str, body: dict[str, Any], **claims: Any) -> Any:
        """The same for a body that is there; `claims` of the ID token."""
        self.time.seconds += 1
        token = self.token(who, self.nonce(who, body), **claims)
        return self.post(who, {**body, "authentication": token})

    def hash(self, seq: int, book: str = "open", who: str = "investigator-1") -> str:
        """The leaf hash of an entry, as a signer sees it."""
        entries = "entries" if book == "open" else "sealed-entries"
        shown = self.client.get(f"/v1/trials/{NAME}/{entries}/{seq}", headers=bearer(who))
        assert shown.status_code == 200, shown.text
        return str(shown.headers["ledger-leaf-hash"])

    def listed(self, who: str, query: str = "") -> list[dict[str, Any]]:
        """The signatures that somebody is shown, of those that were made here."""
        shown = self.client.get(f"{PATH}{query}", headers=bearer(who))
        assert shown.status_code == 200, shown.text
        return [row for row in shown.json()["signatures"] if row["words"] not in EARLIER]


def desk_of(ledger: Path, people: Iterable[Person] | None = None, *, clock: Any = None, **signing: Any) -> Desk:
    """A desk at which people sign (without: one person a role). `signing`: seconds, levels."""
    time = Time((clock or utc_now)().timestamp())
    known = [person(role) for role in Role] if people is None else list(people)
    app = create_app(Trials({NAME: ledger}, **({} if clock is None else {"clock": clock})), People(known))
    who = composed(ledger.parent, Published(), time).identity
    app.state.ledger.more["signing"] = Signing(who, CLIENT, **signing)
    return Desk(ledger, TestClient(app, raise_server_exceptions=False), time)


def claims_of(token: str) -> dict[str, Any]:
    """What a token says."""
    middle = token.split(".")[1]
    value: dict[str, Any] = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    return value
