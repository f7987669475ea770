"""Which claims give which role in which trial: one file (TOML), read strictly at the start.

1. A `[[right]]` gives a role in a trial, with the own sites, to whoever has a value in a claim. A claim is a name, or a
   list of names that leads into nested objects, such as `["realm_access", "roles"]`.
   `trial = "*"` stands for all trials of the server, those found later among them.
2. Nobody has two roles in a trial: such a token is refused whole, for two roles together could know what neither may.
   The same role by several rights is one, with the sites of all.
3. `[person]` says which claims hold pseudonym, organisation and printed name. Pseudonym and organisation have to fit
   an entry of the ledger; a printed name that does not fit is none.
4. What the file may not hold is refused, with the name of the file, the number of the table (from 1) and the field.
"""

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from api.server.identity.tokens import Claims
from api.server.person import Person, Right
from api.server.problems import Problem
from api.server.settings import SettingsError
from ledger.domain.decisions.base import CommandId
from ledger.domain.events.base import Name
from ledger.domain.vocabulary import Role

Path_ = tuple[str, ...]
"""Where a claim is found: names, from the outside in."""

EVERY: Final = "*"
"""In the place of a trial: all of them."""
_ID: Final = TypeAdapter[str](CommandId)
_NAME: Final = TypeAdapter[str](Name)
_SITE: Final = re.compile(r"[!-~]{1,128}")
_RIGHT: Final = frozenset({"claim", "value", "trial", "role", "sites", "sites_claim"})
_PERSON: Final = frozenset({"id", "name", "org_claim", "org"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One `[[right]]`."""

    claim: Path_
    value: str
    trial: str
    role: Role
    sites: frozenset[str] = frozenset()
    sites_claim: Path_ | None = None


@dataclass(frozen=True, slots=True)
class Rights:
    """The whole file. `org`: the organisation of whoever's token names none. `trials`: of the server."""

    rules: tuple[Rule, ...]
    id: Path_ = ("sub",)
    name: Path_ = ("name",)
    org_claim: Path_ | None = None
    org: str | None = None
    trials: Collection[str] = ()

    def person(self, claims: Claims, session: str, *, until: int | None = None, csrf: str | None = None) -> Person:
        """Whom these claims are of. `until`: when that ends, if not with the token. Raises Problem (403)."""
        values = claims.values
        organisation = None if self.org_claim is None else _claim(values, self.org_claim)
        return Person(
            id=_fits(_ID, _claim(values, self.id), self.id, "1 to 128 printable ASCII characters without spaces"),
            org=_fits(
                _NAME,
                self.org if organisation is None else organisation,
                self.org_claim or ("org",),
                "1 to 200 characters, none of them a control character",
            ),
            rights=self.of(values),
            session=session,
            authenticated_at=claims.authenticated_at,
            expires_at=claims.expires_at if until is None else until,
            name=_printed(_claim(values, self.name)),
            csrf=csrf,
        )

    def of(self, values: Mapping[str, Any]) -> dict[str, Right]:
        """The rights by trial. Raises Problem (403): two roles in one trial."""
        found: dict[str, Right] = {}
        for rule in self.rules:
            if rule.value not in _texts(_claim(values, rule.claim)):
                continue
            sites = rule.sites
            if rule.sites_claim is not None:
                sites |= {site for site in _texts(_claim(values, rule.sites_claim)) if _SITE.fullmatch(site)}
            for trial in self.trials if rule.trial == EVERY else (rule.trial,):
                earlier = found.get(trial)
                if earlier is not None and earlier.role is not rule.role:
                    raise Problem("two-roles", f"the token gives two roles in the trial {trial}; nobody may have two")
                found[trial] = Right(rule.role, sites if earlier is None else earlier.sites | sites)
        return found


def load(path: Path, trials: Collection[str]) -> Rights:
    """The rights of a file, on a server of these trials. Raises SettingsError."""
    try:
        return parsed(path.read_text("utf-8"), str(path), trials)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: must be UTF-8") from None


def parsed(text: str, where: str, trials: Collection[str]) -> Rights:
    """The same, of a text that was read at `where`."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{where}: is no TOML: {error}") from None
    for name in tables.keys() - {"right", "person"}:
        raise SettingsError(f"{where}: {name}: there are [person] and [[right]], and nothing else")
    rules = tables.get("right", [])
    if not isinstance(rules, list) or not rules or not all(isinstance(one, dict) for one in rules):
        raise SettingsError(f"{where}: right: must be one or more tables, [[right]]")
    read = tuple(_rule(_Table(one, f"{where}: right {n}", _RIGHT), trials) for n, one in enumerate(rules, 1))
    given: dict[tuple[Path_, str, str], tuple[int, Role]] = {}
    for n, rule in enumerate(read, 1):
        first, role = given.setdefault((rule.claim, rule.value, rule.trial), (n, rule.role))
        if role is not rule.role:
            raise SettingsError(f"{where}: right {n}: role: right {first} gives the same people another in that trial")
    person = tables.get("person", {})
    if not isinstance(person, dict):
        raise SettingsError(f"{where}: person: must be a table, [person]")
    return _with_person(read, _Table(person, f"{where}: person", _PERSON), trials)


@dataclass(frozen=True, slots=True)
class _Table:
    values: Mapping[str, Any]
    where: str
    fields: frozenset[str]

    def __post_init__(self) -> None:
        for name in sorted(self.values.keys() - self.fields):
            raise SettingsError(f"{self.where}: {name}: there is no such field; there are {', '.join(self.fields)}")

    def fault(self, field: str, rule: str) -> SettingsError:
        return SettingsError(f"{self.where}: {field}: {rule}")

    def text(self, field: str) -> str:
        value = self.values.get(field)
        if not isinstance(value, str) or not value:
            raise self.fault(field, "must be there, as a text that is not empty")
        return value

    def path(self, field: str) -> Path_:
        value = self.values.get(field)
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, list) or not names or not all(isinstance(one, str) and one for one in names):
            raise self.fault(field, "must be the name of a claim, or a list of names that leads to it")
        return tuple(names)

    def sites(self, field: str) -> frozenset[str]:
        value = self.values.get(field, [])
        if not isinstance(value, list) or not all(isinstance(one, str) and _SITE.fullmatch(one) for one in value):
            raise self.fault(field, "must be a list of ids of sites")
        return frozenset(value)


def _rule(table: _Table, trials: Collection[str]) -> Rule:
    trial, role = table.text("trial"), table.text("role")
    if trial != EVERY and getattr(trials, "complete", True) and trial not in trials:
        raise table.fault("trial", f"this server has no trial {trial!r}; it has {', '.join(sorted(trials)) or 'none'}")
    if role not in set(Role):
        raise table.fault("role", f"there is no role {role!r}; there are {', '.join(Role)}")
    sites_claim = table.path("sites_claim") if "sites_claim" in table.values else None
    if sites_claim is not None and "sites" in table.values:
        raise table.fault("sites", "stands beside sites_claim; one of them says which they are")
    return Rule(table.path("claim"), table.text("value"), trial, Role(role), table.sites("sites"), sites_claim)


def _with_person(rules: tuple[Rule, ...], table: _Table, trials: Collection[str]) -> Rights:
    found = {field: table.path(field) for field in ("id", "name", "org_claim") if field in table.values}
    org = table.text("org") if "org" in table.values else None
    if org is None and "org_claim" not in found:
        raise table.fault("org", "must be there, or org_claim: an entry names the organisation of whoever acts")
    try:
        org = None if org is None else _NAME.validate_python(org)
    except ValidationError:
        raise table.fault("org", "must have 1 to 200 characters, none of them a control character") from None
    return Rights(rules, org=org, trials=trials, **found)


def _claim(values: Any, path: Path_) -> Any:
    for name in path:
        values = values.get(name) if isinstance(values, Mapping) else None
    return values


def _texts(value: Any) -> frozenset[str]:
    """The values of a claim: a text, or the texts of a list."""
    given = value if isinstance(value, list) else [value]
    return frozenset(one for one in given if isinstance(one, str))


def _fits(form: TypeAdapter[str], value: Any, path: Path_, rule: str) -> str:
    try:
        return form.validate_python(value, strict=True)
    except ValidationError:
        raise Problem("token-claim", f"claim {'.'.join(path)}: must be there, and have {rule}") from None


def _printed(value: Any) -> str | None:
    try:
        return _NAME.validate_python(value, strict=True)
    except ValidationError:
        return None
