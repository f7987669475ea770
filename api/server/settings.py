"""What an operator sets for a server: one TOML file, and environment variables that override it.

1. A field that there is not is refused, in the file and among the variables; so is a value of another form. The error
   names the file or variable, the field and the rule, and all faults at once.
2. `TRIAL_LEDGER_<FIELD>` overrides the file, `TRIAL_LEDGER_RATES__<FIELD>` one field of a table; options of the
   command line override both. Paths are taken from the folder of the file in which they stand. A ledger is a file or
   the URL of one in PostgreSQL; no database is asked for that.
3. No secret is a setting: settings name the files of secrets, which nobody but their owner can read. A secret is read
   once, at the start, and never printed.
4. `production` demands an issuer, an https `public_url` and `roles`, and excludes `development`.
5. `development`, which signs anybody in without a password, excludes every address but those of loopback.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from ledger.proof.ledger_file import LedgerFileError

if TYPE_CHECKING:
    from ledger.recording.postgres.connecting import Address

PREFIX: Final = "TRIAL_LEDGER_"
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What the name of a trial may be: it stands in addresses."""

# Variables that begin alike and are no settings: of the command line, of key stores, of databases, of the tests.
_OTHERS: Final = frozenset(
    {"ACTOR", "ORG", "PIN", "PIN_FILE", "SETTINGS", "SHARED_DATA", "KILLS", "CUTS", "HOME", "POOL"}
)
_OPEN_TO_OTHERS: Final = 0o077
_LONGEST_SECRET: Final = 1 << 14
_LOOPBACK_NAMES: Final = frozenset({"localhost"})
_SCHEMES: Final = ("postgresql://", "postgres://")

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
"""Signatures by a key pair (RFC 7518, 8037, 9864). `none`, and a secret shared with the issuer, are none of them."""


class SettingsError(Exception):
    """Settings that cannot be used; the message names where, which and why, one fault a line."""


class Rates(BaseModel):
    """How much of the server one person, and one address, may use. A request costs 1 to 20 (`operation/limits.py`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    person_per_minute: Annotated[int, Field(ge=1)] = 1200
    person_burst: Annotated[int, Field(ge=20)] = 300
    address_per_minute: Annotated[int, Field(ge=1)] = 6000
    address_burst: Annotated[int, Field(ge=20)] = 1500


class Settings(BaseSettings):
    """A server's settings. Made by `load`; made directly, it takes what it is given and looks nowhere else."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, validate_default=True
    )

    trials: dict[str, Path | str] = Field(default_factory=dict)
    """The ledger of each trial, by the name that stands in addresses: a file, or a URL (as text)."""
    placement: Path | None = None
    """The file (TOML) that says which trials lie in which databases."""
    open_trials: Annotated[int, Field(ge=1, le=10_000)] = 64
    """How many trials are held open at a time; of more, those are closed that were asked for longest ago."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """0: any that is free."""
    public_url: str | None = None
    """Scheme and host by which people reach the server, as in `https://ledger.example.org`; no path."""
    production: bool = False
    development: bool = False
    """The built-in issuer, that signs anybody in without a password."""

    issuer: str | None = None
    """The issuer of tokens, exactly as in its discovery document (OpenID Connect Discovery 1.0, section 3)."""
    audience: Annotated[str, Field(min_length=1)] = "trial-ledger"
    """What tokens have to be for (RFC 7519, section 4.1.3)."""
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = ("RS256", "PS256", "ES256", "EdDSA", "Ed25519")
    roles: Path | None = None
    """The file (TOML) that says which claims give which role in which trial."""
    client_id: str | None = None
    """Of the browser's sign-in; without it people come with bearer tokens alone."""
    client_secret_file: Path | None = None
    signing_client: str | None = None
    """For which client the issuer makes the ID tokens upon which people sign; without it, for `client_id`."""
    signing_seconds: Annotated[int, Field(ge=10, le=3600)] = 300
    """How long ago the authentication for an electronic signature may be."""
    signing_levels: tuple[str, ...] = ()
    """Values of the claim `acr`, of which one is demanded for a signature; none, where it is empty."""

    rates: Rates = Rates()
    metrics: Literal["loopback", "bearer", "off"] = "loopback"
    """Who may read `/metrics`: whoever asks from this machine, or whoever has the token, or nobody."""
    metrics_token_file: Path | None = None
    trusted_proxies: tuple[str, ...] = ()
    """Addresses whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed. None by default."""
    stop_seconds: Annotated[int, Field(ge=1, le=600)] = 10
    """How long requests under way may take at the end."""
    verify_minutes: Annotated[int, Field(ge=0, le=10080)] = 60
    """Between two verifications of a trial; 0: none is begun by the server itself."""
    policy: Path | None = None
    """Which logs and witnesses these verifications trust (C2SP tlog-policy); without, the badge names nobody."""
    authorities: tuple[Path, ...] = ()
    """Certificates (PEM) of the time-stamping authorities that they trust."""
    least_free_mib: Annotated[int, Field(ge=0)] = 256
    """Free room (MiB) beside a ledger, below which the server is not ready."""
    most_lag_seconds: Annotated[int, Field(ge=1)] = 120
    """How long kept views may lie behind the ledger before the server is not ready."""
    workers: Annotated[int, Field(ge=1, le=64)] | None = None
    """Processes that fold a long ledger for the first time; 1: its own alone; None: two, where there are cores."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @classmethod
    def settings_customise_sources(cls, *_: Any, **named: Any) -> Any:
        """What is given, and nothing else: `load` merges the sources, so that errors can name them."""
        return (named["init_settings"],)

    @classmethod
    def load(cls, path: Path | None = None, given: Mapping[str, Any] | None = None) -> Self:
        """The settings of a file, overridden by the environment, overridden by what is `given` (the command line).

        Raises SettingsError.
        """
        from_file = {} if path is None else _absolute(_parsed(path), path.parent)
        from_variables = _variables(cls)
        values = _merged(_merged(from_file, from_variables), dict(given or {}))
        try:
            return cls(**values)
        except ValidationError as error:
            where = str(path) if path is not None else "settings"
            faults = error.errors(include_url=False)
            raise SettingsError("\n".join(_fault(one, where, from_variables, given or {}) for one in faults)) from None

    @field_validator("trials")
    @classmethod
    def _names(cls, trials: dict[str, Path | str]) -> dict[str, Path | str]:
        if bad := sorted(name for name in trials if not NAME.fullmatch(name)):
            raise ValueError(f"{bad[0]!r}: a trial's name is 1 to 64 letters, digits, '.', '_' and '-'")
        return {name: _ledger(name, where) for name, where in trials.items()}

    @field_validator("public_url", "issuer")
    @classmethod
    def _url(cls, url: str | None, info: Any) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or "@" in url:
            raise ValueError("must be an http or https address without user, query and fragment")
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise ValueError("must be https, but on the loopback address")
        if info.field_name == "issuer":
            return url  # it is compared with the token's letter by letter
        if parts.path not in {"", "/"}:
            raise ValueError("must have no path: the server's addresses begin at the host")
        return f"{parts.scheme}://{parts.netloc}"

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            ip_address(proxy)  # a ValueError says what is wrong with it
        return proxies

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.production:
            if self.development:
                raise ValueError("development: must not be set in production: it lets anybody in")
            for name in ("issuer", "public_url", "roles"):
                if getattr(self, name) is None:
                    raise ValueError(f"{name}: must be set in production")
            assert self.issuer is not None
            assert self.public_url is not None
            for name, url in (("issuer", self.issuer), ("public_url", self.public_url)):
                if not url.startswith("https://"):
                    raise ValueError(f"{name}: must be https in production")
        if self.development and not is_loopback(self.host):
            raise ValueError(f"host: must be a loopback address with development, which lets anybody in; {self.host}")
        if self.development and self.issuer is not None:
            raise ValueError("development: has its own issuer; set one or the other")
        if self.issuer is not None and self.roles is None:
            raise ValueError("roles: must be set with an issuer: without it nobody has a role")
        if (self.client_secret_file is not None) and self.client_id is None:
            raise ValueError("client_id: must be set with client_secret_file")
        if self.client_id is not None and self.public_url is None:
            raise ValueError("public_url: must be set with client_id: the browser is sent back there")
        if (self.metrics == "bearer") != (self.metrics_token_file is not None):
            raise ValueError("metrics_token_file: must be set with metrics = 'bearer', and only then")
        return self


def located(text: str) -> "Address | None":
    """The address of a ledger in PostgreSQL; None for what is no such URL. Raises ValueError for one of no use."""
    if not text.startswith(_SCHEMES):
        return None
    try:
        from ledger.recording.postgres.connecting import Address
    except ImportError as error:
        raise ValueError(
            f"PostgreSQL needs more than is installed ({error.name}): pip install 'trial-ledger[postgres]'"
        ) from None
    try:
        return Address.parse(text)
    except LedgerFileError as error:
        raise ValueError(str(error)) from None


def _ledger(name: str, where: Path | str) -> Path | str:
    if isinstance(where, Path):
        return where
    try:
        return Path(where) if located(where) is None else where
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def is_loopback(host: str) -> bool:
    """Whether a host, as a name or an address, is this machine's own alone."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() in _LOOPBACK_NAMES


def secret_of(path: Path, field: str) -> str:
    """The secret that a file holds, without white space around it. Raises SettingsError: it never holds the secret.

    The file has to be a regular one that its owner alone can read (mode 600 or less), and not empty.
    """
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if mode & _OPEN_TO_OTHERS:
                raise SettingsError(f"{path}: {field}: others than the owner can read the file; set its mode to 600")
            secret = file.read(_LONGEST_SECRET + 1)
    except OSError as error:
        raise SettingsError(f"{path}: {field}: cannot be read ({error.strerror})") from None
    try:
        text = secret.decode("ascii").strip()
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: {field}: must be ASCII") from None
    if not text or len(secret) > _LONGEST_SECRET:
        raise SettingsError(f"{path}: {field}: must hold a secret of 1 to {_LONGEST_SECRET} bytes")
    return text


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: must be UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: is no TOML: {error}") from None


def _absolute(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The values, with paths taken from `folder`; what is no text is left for the check of its form."""

    def moved(value: Any) -> Any:
        if not isinstance(value, str) or value.startswith(_SCHEMES):
            return value
        return str(folder / value)

    found = {name: moved(value) if name in _PATHS else value for name, value in values.items()}
    if isinstance(found.get("trials"), dict):
        found["trials"] = {name: moved(value) for name, value in found["trials"].items()}
    if isinstance(found.get("authorities"), list):
        found["authorities"] = [moved(value) for value in found["authorities"]]
    return found


_PATHS: Final = frozenset({"roles", "placement", "client_secret_file", "metrics_token_file", "policy"})


def _variables(cls: type[Settings]) -> dict[str, Any]:
    known = {name.upper() for name in cls.model_fields}
    for variable in sorted(os.environ):
        name = variable.removeprefix(PREFIX)
        if name != variable and name not in _OTHERS and name.partition("__")[0] not in known:
            raise SettingsError(f"environment: {variable}: there is no such setting")
    try:
        return dict(EnvSettingsSource(cls, case_sensitive=False)())
    except ValueError as error:  # a dict or a list that is no JSON
        raise SettingsError(f"environment: {error}: must be JSON") from None


def _merged(low: dict[str, Any], high: dict[str, Any]) -> dict[str, Any]:
    merged = dict(low)
    for name, value in high.items():
        both = name == "rates" and isinstance(value, dict) and isinstance(low.get(name), dict)
        merged[name] = {**low[name], **value} if both else value
    return merged


def _fault(fault: ErrorDetails, file: str, variables: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    field = ".".join(map(str, fault["loc"]))
    rule = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        rule = "there is no such setting"
    if not field:  # of several fields: the rule begins with the name of the one
        field, _, rule = rule.partition(": ")
    first = field.partition(".")[0]
    if first in given:
        return f"--{first}: {rule}"
    if first in variables:
        name = field.upper().replace(".", "__") if first == "rates" else first.upper()
        return f"environment: {PREFIX}{name}: {rule}"
    return f"{file}: {field}: {rule}"
