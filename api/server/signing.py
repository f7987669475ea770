"""Electronic signatures over HTTP: an authentication made for each one, at the issuer. 21 CFR 11.200(a), RFC 9470.

1. Whoever signs is authenticated anew for this one signature, by all components that the issuer asks for: the server
   never sees a password, nor takes a session's word for it. (11.200(a)(1)(i) would let further signings of a session
   do with one component; so would it be with an issuer that asks for one. We ask for a new authentication each time.)
2. What shows it is an ID token of the issuer for the client that is set, with `nonce` = base64url of the SHA-256 over
   what is signed (`Bound.digest`), and `auth_time` not more than `seconds` ago. So it is good for this signature alone:
   of this person, this id, this meaning, this entry. `auth_time` has to be there: when a token was made shows nothing.
3. It is of the same person as the bearer token. The printed name is the issuer's; without one nothing is signed.
4. No two signatures are made upon one authentication (`ledger/domain/decisions/signing.py` rule 5).
5. Where it is missing or does not do, the answer is a challenge (401): what is to be signed, the nonce, and how fresh
   an authentication has to be. A signature that was made is answered again without one.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

from pydantic import TypeAdapter, ValidationError

from api.server.commanding import busy_or, forbidden
from api.server.identity.tokens import IDENTITY, Claims, Expected, TokenError
from api.server.identity.who import Who
from api.server.person import Person
from api.server.problems import Problem
from api.server.state import Asking, State
from ledger.application import Answer, CommandRefusedError
from ledger.application.signing import Bound, Wanted
from ledger.application.signing import Signing as Signatures
from ledger.domain.decisions import CommandActor, Refusal
from ledger.domain.decisions.signing import check_role
from ledger.domain.events.base import Name
from ledger.domain.events.signature import Authentication
from ledger.domain.vocabulary import Book
from ledger.domain.when import recorded
from ledger.proof.sections import ARM

SECONDS: Final = 300
"""How long ago an authentication may be: time enough to come back from the issuer."""
_NAME: Final = TypeAdapter[str](Name)
_MOST_METHODS: Final = 10


@dataclass(frozen=True, slots=True)
class Signing:
    """How people are authenticated for signatures. `client`: for whom the issuer makes the ID tokens.

    `levels`: the values of `acr` of which one is demanded; none, if it is empty.
    """

    who: Who
    client: str
    seconds: int = SECONDS
    levels: tuple[str, ...] = ()

    def authentication(self, token: str, person: Person, nonce: str) -> tuple[str, Authentication]:
        """The printed name, and how somebody was authenticated. Raises TokenError, and Problem (403, 503)."""
        claims = self.who.checked(token, Expected(self.client, IDENTITY, alone=True))
        values = claims.values
        if values.get("nonce") != nonce:
            raise TokenError("nonce", "is not that of what is signed")
        if "auth_time" not in values:
            raise TokenError("auth_time", "must be there: when the person was authenticated")
        if claims.authenticated_at < self.who.clock().timestamp() - self.seconds:
            raise TokenError("auth_time", f"is more than {self.seconds} seconds ago")
        level = values.get("acr")
        if self.levels and level not in self.levels:
            raise TokenError("acr", f"must be one of {', '.join(self.levels)}")
        signer = self.who.rights.person(claims, person.session)
        if (signer.id, signer.org) != (person.id, person.org):
            raise TokenError("sub", "is another person than the bearer of the request")
        name = signer.name or person.name
        if name is None:
            raise TokenError("name", "must be there: a signature has a printed name")
        return name, self._told(claims, level)

    def _told(self, claims: Claims, level: object) -> Authentication:
        methods = claims.values.get("amr")
        listed = methods if isinstance(methods, list) else []
        return Authentication(
            issuer=self.who.issuer.url[:200],
            authenticated_at=recorded(datetime.fromtimestamp(claims.authenticated_at, UTC)),
            methods=tuple(one for one in listed if _is_name(one))[:_MOST_METHODS],
            level=str(level) if _is_name(level) else None,
            token_sha256=claims.fingerprint,
        )


def signing_of(state: State) -> Signing:
    """How people are authenticated for signatures on this server. Raises Problem (503) where nothing is set."""
    found: Signing | None = state.more.get("signing")
    if found is None:
        raise Problem("not-ready", "nothing is set by which a signer would be authenticated anew, so nobody can sign")
    return found


def sign(ask: Asking, wanted: Wanted, token: str | None, signing: Signing) -> tuple[Answer, Bound]:
    """Sign, or say what is needed for it. Raises Problem (401 with the challenge, 403, 409, 503) and DeniedError."""
    signer = CommandActor.model_validate(
        {"id": ask.person.id, "role": ask.session.viewer.role, "org": ask.person.org}, strict=False
    )
    try:
        check_role(signer.role)
    except Refusal as refusal:
        raise forbidden(refusal) from None
    arms = ask.session.sight.arms
    if wanted.book is Book.SEALED or arms:
        ask.session.admit(ARM, "a signature")
    with ask.served.recording() as ledger:
        return _signed(ask, wanted, token, signing, ledger.signatures, signer)


def _signed(
    ask: Asking, wanted: Wanted, token: str | None, signing: Signing, signatures: Signatures, signer: CommandActor
) -> tuple[Answer, Bound]:
    arms = ask.session.sight.arms
    bound = signatures.bound(wanted, signer)
    earlier = signatures.earlier(bound, arms=arms)
    if earlier is not None:
        return earlier, bound
    nonce = nonce_of(bound)
    if token is None:
        _challenge(bound, signing, "authentication: is needed for each signature; here is what to ask the issuer for")
    try:
        name, by = signing.authentication(token, ask.person, nonce)
    except TokenError as error:
        _challenge(bound, signing, f"authentication: {error}", error.rule)
    try:
        return signatures.sign(wanted, signer, name, by, arms=arms), bound
    except CommandRefusedError as error:
        if error.refusal.rule == "authentication-used":
            _challenge(bound, signing, f"authentication: {error.refusal.message}", error.refusal.rule)
        raise busy_or(error) from None


def nonce_of(bound: Bound) -> str:
    """The nonce by which an authentication is bound to what is signed."""
    return base64.urlsafe_b64encode(bound.digest).rstrip(b"=").decode()


def _challenge(bound: Bound, signing: Signing, detail: str, rule: str | None = None) -> NoReturn:
    asked: dict[str, Any] = {"nonce": nonce_of(bound), "max_age": signing.seconds, "client_id": signing.client}
    levels = " ".join(signing.levels)
    if levels:
        asked["acr_values"] = levels
    header = 'Bearer error="insufficient_user_authentication", error_description="authenticate for this signature", '
    header += f"max_age={signing.seconds}" + (f', acr_values="{levels}"' if levels else "")
    more: Mapping[str, Any] = {} if rule is None else {"rule": rule}
    raise Problem("authentication", detail, headers={"www-authenticate": header}, ask=asked, signed=bound.said, **more)


def _is_name(value: object) -> bool:
    try:
        _NAME.validate_python(value, strict=True)
    except ValidationError:
        return False
    return True
