"""Settings: where each comes from, and that what cannot be used is named with place, field and rule."""

import os
from pathlib import Path

import pytest

from api.server.composing import named
from api.server.settings import Settings, SettingsError, is_loopback, secret_of

PRODUCTION = {
    "production": True,
    "issuer": "https://idp.example/realms/x/",
    "public_url": "https://ledger.example/",
    "roles": "roles.toml",
}


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("TRIAL_LEDGER_")]:
        monkeypatch.delenv(name)


def _file(folder: Path, text: str) -> Path:
    path = folder / "server.toml"
    path.write_text(text)
    return path


def test_the_command_line_overrides_the_environment_and_that_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _file(tmp_path, 'host = "localhost"\nport = 1\nlog_level = "debug"\n[rates]\nperson_burst = 30')
    monkeypatch.setenv("TRIAL_LEDGER_PORT", "2")
    monkeypatch.setenv("TRIAL_LEDGER_LOG_LEVEL", "error")
    monkeypatch.setenv("TRIAL_LEDGER_RATES__ADDRESS_BURST", "40")
    found = Settings.load(path, {"port": 3})
    assert (found.host, found.port, found.log_level) == ("localhost", 3, "error")
    assert (found.rates.person_burst, found.rates.address_burst) == (30, 40)


def test_variables_of_the_databases_are_no_settings_and_are_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIAL_LEDGER_HOME", "/var/lib/trial-ledger")
    monkeypatch.setenv("TRIAL_LEDGER_POOL", "4")
    assert Settings.load().open_trials == 64
    monkeypatch.setenv("TRIAL_LEDGER_POOLS", "4")  # the control
    with pytest.raises(SettingsError, match="TRIAL_LEDGER_POOLS: there is no such setting"):
        Settings.load()


def test_paths_are_taken_from_the_folder_of_the_file(tmp_path: Path) -> None:
    path = _file(
        tmp_path, 'roles = "r.toml"\nauthorities = ["a.pem", "/b.pem"]\n[trials]\none = "data/one.db"\ntwo = "/two.db"'
    )
    found = Settings.load(path)
    assert found.trials == {"one": tmp_path / "data/one.db", "two": Path("/two.db")}
    assert found.roles == tmp_path / "r.toml"
    assert found.authorities == (tmp_path / "a.pem", Path("/b.pem"))


@pytest.mark.parametrize(
    ("text", "field", "rule"),
    [
        ("bogus = 1", "bogus", "no such setting"),
        ("[rates]\nbogus = 1", "rates.bogus", "no such setting"),
        ("port = 70000", "port", "65535"),
        ('port = "many"', "port", "integer"),
        ('algorithms = ["none"]', "algorithms", "RS256"),
        ('algorithms = ["HS256"]', "algorithms", "RS256"),
        ("algorithms = []", "algorithms", "at least 1"),
        ('[trials]\n"a/b" = "x.db"', "trials", "letters, digits"),
        ('public_url = "https://x.example/path"', "public_url", "no path"),
        ('public_url = "http://x.example"', "public_url", "https"),
        ('public_url = "https://u:p@x.example"', "public_url", "without user"),
        ('issuer = "ftp://x.example"', "issuer", "http"),
        ('issuer = "https://x.example"', "roles", "must be set with an issuer"),
        ('client_id = "x"', "public_url", "with client_id"),
        ('client_secret_file = "x"', "client_id", "with client_secret_file"),
        ('metrics = "bearer"', "metrics_token_file", "must be set"),
        ('metrics_token_file = "x"', "metrics_token_file", "only then"),
        ('trusted_proxies = ["everybody"]', "trusted_proxies", "IPv4"),
        ('development = true\nhost = "10.0.0.1"', "host", "loopback"),
        ('development = true\nissuer = "https://x.example"\nroles = "r"', "development", "one or the other"),
    ],
)
def test_a_fault_in_the_file_is_named_with_file_field_and_rule(
    tmp_path: Path, text: str, field: str, rule: str
) -> None:
    path = _file(tmp_path, text)
    with pytest.raises(SettingsError) as refused:
        Settings.load(path)
    assert str(refused.value).startswith(f"{path}: {field}")
    assert rule in str(refused.value)


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    path = _file(tmp_path, 'one = 1\ntwo = 2\nport = "x"')
    with pytest.raises(SettingsError) as refused:
        Settings.load(path)
    assert len(str(refused.value).splitlines()) == 3


@pytest.mark.parametrize(("content", "said"), [(b"port = ", "no TOML"), (b"\xff", "UTF-8"), (None, "cannot be read")])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "server.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=said) as refused:
        Settings.load(path)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("TRIAL_LEDGER_PRODUCTOIN", "1", "no such setting"),
        ("TRIAL_LEDGER_PORT", "x", "integer"),
        ("TRIAL_LEDGER_TRIALS", "x.db", "JSON"),
        ("TRIAL_LEDGER_RATES__PERSON_BURST", "1", "TRIAL_LEDGER_RATES__PERSON_BURST"),
    ],
)
def test_a_fault_in_the_environment_is_named_with_the_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=said) as refused:
        Settings.load()
    assert str(refused.value).startswith("environment: ")


def test_variables_of_the_command_line_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIAL_LEDGER_ACTOR", "jd")
    assert Settings.load().port == 8000


@pytest.mark.parametrize("missing", ["issuer", "public_url", "roles"])
def test_production_is_refused_without(missing: str) -> None:
    Settings.load(given=PRODUCTION)
    with pytest.raises(SettingsError, match=missing):
        Settings.load(given={name: value for name, value in PRODUCTION.items() if name != missing})


@pytest.mark.parametrize(
    "wrong", [{"development": True}, {"issuer": "http://127.0.0.1:9"}, {"public_url": "http://localhost"}]
)
def test_production_is_refused_with(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        Settings.load(given=PRODUCTION | wrong)


def test_the_issuer_stays_letter_by_letter_and_the_public_address_loses_its_slash() -> None:
    found = Settings.load(given=PRODUCTION)
    assert found.issuer == PRODUCTION["issuer"]
    assert found.public_url == "https://ledger.example"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_secret_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secret"
    path.write_text("  s3cret\n")
    path.chmod(0o600)
    assert secret_of(path, "client_secret_file") == "s3cret"
    path.chmod(mode)
    with pytest.raises(SettingsError, match="client_secret_file: others") as refused:
        secret_of(path, "client_secret_file")
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b" \n", "sécret".encode(), b"x" * 20_000])
def test_what_is_no_secret_is_refused_and_not_quoted(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(SettingsError, match="metrics_token_file") as refused:
        secret_of(path, "metrics_token_file")
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("host", "is_own"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("[::1]", True), ("localhost", True)]
    + [(host, False) for host in ("0.0.0.0", "::", "10.0.0.1", "localhost.example", "", "127.0.0.1.example")],
)
def test_loopback_is_this_machine_alone(host: str, is_own: bool) -> None:
    assert is_loopback(host) == is_own


def test_two_ledgers_of_one_name_are_refused() -> None:
    assert named([Path("a/one.db"), Path("two.db")]) == {"one": Path("a/one.db"), "two": Path("two.db")}
    with pytest.raises(SettingsError, match="another ledger has the name one"):
        named([Path("a/one.db"), Path("b/one.db")])
