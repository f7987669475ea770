"""The routes of the development issuer: its documents, its page, its tokens. For this machine alone."""

from collections.abc import Mapping
from html import escape
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from api.pages.headers import GUARDS
from api.server.identity.development import PATH, DevelopmentIssuer, GrantError, form_of, own_machine
from api.server.identity.plain import plain

_WARNING: Final = (
    "<p><strong>This is for development.</strong> These people are made up, and anybody on this machine can be any of "
    "them. Nothing here keeps anybody out, and no server that holds a real trial may have it.</p>"
)
_KEPT: Final = (
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
)

Form = Annotated[dict[str, str], Depends(form_of)]


def router_of(issuer: DevelopmentIssuer) -> APIRouter:
    """The routes of an issuer."""
    router = APIRouter(prefix=PATH, include_in_schema=False, dependencies=[Depends(own_machine)])

    @router.get("/.well-known/openid-configuration")
    def discovery() -> dict[str, Any]:
        return issuer.metadata()

    @router.get("/jwks")
    def jwks() -> dict[str, Any]:
        return issuer.jwks()

    @router.get("")
    def people() -> Response:
        rows = "\n".join(
            f"<tr><th scope='row'>{escape(one.id)}</th><td>{escape(one.name)}</td><td>{one.role.value}</td></tr>"
            for one in issuer.people.values()
        )
        body = (
            f"{_WARNING}\n<table><caption>The made-up people</caption>\n<thead><tr><th scope='col'>Pseudonym</th>"
            f"<th scope='col'>Name</th><th scope='col'>Role</th></tr></thead>\n<tbody>\n{rows}\n</tbody></table>\n"
            "<p>For a browser: <a href='/sign-in'>sign in</a>. For the command line, a bearer token:</p>\n"
            f"<pre>curl -d grant_type=client_credentials -d client_id=investigator-1 {escape(issuer.url)}/token</pre>"
        )
        return plain("Development issuer", body)

    @router.get("/authorize")
    def authorize(request: Request) -> Response:
        query = dict(request.query_params)
        try:
            issuer.asked(query)
        except GrantError as error:
            return _refused(error)
        hidden = "\n".join(
            f'<input type="hidden" name="{name}" value="{escape(query[name])}">' for name in _KEPT if name in query
        )
        buttons = "\n".join(
            f'<li><button name="person" value="{escape(one.id)}">{escape(one.name)}, {one.role.value}</button></li>'
            for one in issuer.people.values()
        )
        form = f'<form method="post" action="{PATH}/authorize">\n{hidden}\n<ul>\n{buttons}\n</ul>\n</form>'
        return plain("Sign in as a made-up person", f"{_WARNING}\n{form}")

    @router.post("/authorize")
    def authorized(form: Form) -> Response:
        try:
            back = issuer.authorized(form, form.get("person", ""))
        except GrantError as error:
            return _refused(error)
        headers = {**GUARDS, "cache-control": "no-store", "referrer-policy": "no-referrer"}
        return RedirectResponse(f"{form['redirect_uri']}?{urlencode(back)}", 303, headers)

    @router.post("/token")
    def token(form: Form) -> Response:
        try:
            return _unkept(issuer.granted(form), 200)
        except GrantError as error:
            return _unkept({"error": error.code, "error_description": str(error)}, 400)

    return router


def _refused(error: GrantError) -> Response:
    return plain("The sign-in cannot go on", f"<p>{escape(error.code)}: {escape(str(error))}</p>", 400)


def _unkept(value: Mapping[str, Any], status: int) -> Response:
    return JSONResponse(dict(value), status, {"cache-control": "no-store"})
