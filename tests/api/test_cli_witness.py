"""`witness add`: real ledgers, and real witnesses on loopback as processes of their own."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path

import pytest

from api.bootstrap import open_trial
from api.evidence import store
from api.evidence.making import make_checkpoint
from api.witness.keys import cosigners
from api.witness.store import Recorded
from ledger.keys.file import keys_folder
from ledger.keys.signing import load_signing_keys
from ledger.proof.checkpoint import open_checkpoint
from ledger.proof.note import COSIGNATURE, ML_DSA_44
from ledger.proof.policy import Policy
from tests.api.cli_runs import here, recommendation
from tests.api.witnesses import Server, serving
from tests.trials import Trial


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    """A ledger with an event and a checkpoint."""
    made = Trial(tmp_path)
    make_checkpoint(made.path, clock=made.clock)
    return made


def record(trial: Trial, text: str) -> None:
    """Another event."""
    said = recommendation(0)
    trial.do(said["type"], said["data"] | {"text": text}, actor=said["actor"])


def grow(trial: Trial, text: str) -> None:
    """Another event, and a checkpoint that covers it."""
    record(trial, text)
    make_checkpoint(trial.path, clock=trial.clock)


def log_file(trial: Trial) -> Path:
    """The verifier keys of a ledger in a file, as `trial-ledger keys` prints them."""
    path = trial.path.with_name("logs")
    path.write_text("".join(f"{key.encode()}\n" for key in load_signing_keys(trial.path).vkeys))
    return path


def policy_file(trial: Trial, servers: list[Server], quorum: int, urls: list[str] | None = None) -> Path:
    """A policy: the ledger's keys, and of each witness both keys, any of which is enough."""
    lines = [f"log {key.encode()}" for key in load_signing_keys(trial.path).vkeys]
    for number, server in enumerate(servers):
        url = urls[number] if urls else server.url
        for kind, key in enumerate(server.keys):
            lines.append(f"witness w{number}-{kind} {key.encode()} {url}")
        lines.append(f"group w{number} any w{number}-0 w{number}-1")
    lines.append(f"group enough {quorum} " + " ".join(f"w{number}" for number in range(len(servers))))
    path = trial.path.with_name("policy")
    path.write_text("\n".join([*lines, "quorum enough", ""]))
    return path


@contextmanager
def three(trial: Trial) -> Iterator[list[Server]]:
    """Three witnesses for a ledger."""
    logs, folder = log_file(trial), trial.path.parent
    with (
        serving(folder / "w0", logs, "w0.example/w") as first,
        serving(folder / "w1", logs, "w1.example/w") as second,
        serving(folder / "w2", logs, "w2.example/w") as third,
    ):
        yield [first, second, third]


# -- witness add -------------------------------------------------------------------------------------------------------


def test_three_witnesses_cosign_and_go_on_cosigning_and_two_are_enough(trial: Trial) -> None:
    with three(trial) as servers:
        policy = policy_file(trial, servers, 2)
        done = here("witness", "add", trial.path, "--policy", policy, "--json")
        assert (done.code, done.json["cosigned"], done.json["listed"], done.json["quorum"]) == (0, 6, 6, True), done.err
        assert [one["outcome"] for one in done.json["witnesses"]] == ["cosigned"] * 3

        grow(trial, "first")
        servers[0].stop()
        done = here("witness", "add", trial.path, "--policy", policy, "--json")
        assert (done.code, done.json["cosigned"]) == (0, 4), done.err
        assert done.json["witnesses"][0]["outcome"] == "unreachable"

        newest = store.newest(trial.path)
        assert newest is not None
        rules = Policy.parse(policy.read_bytes())
        assert rules.open(newest.data).checkpoint.size == done.json["size"]

        grow(trial, "second")
        servers[1].stop()
        done = here("witness", "add", trial.path, "--policy", policy)
        assert done.code == 1
        assert "the quorum is NOT met" in done.out
        assert done.err.startswith("error: the quorum is not met: 2 of the 6")


def test_who_has_cosigned_is_not_asked_again(trial: Trial) -> None:
    with serving(trial.path.with_name("w"), log_file(trial), "w.example/w") as server:
        policy = policy_file(trial, [server], 1)
        assert here("witness", "add", trial.path, "--policy", policy).code == 0
        before = store.newest(trial.path)
        server.stop()
        assert "had cosigned it already" in here("witness", "add", trial.path, "--policy", policy).out
        assert store.newest(trial.path) == before


def test_a_fork_signed_with_the_stolen_key_is_not_cosigned_and_named_as_evidence(trial: Trial) -> None:
    elsewhere = trial.path.parent / "elsewhere"
    elsewhere.mkdir()
    thief = elsewhere / trial.path.name
    trial.ledger.close()
    shutil.copyfile(trial.path, thief)
    shutil.copytree(keys_folder(trial.path), keys_folder(thief))
    fork, honest = _reopened(trial, thief), _reopened(trial, trial.path)
    with serving(elsewhere / "w", log_file(honest), "w.example/w") as server:
        policy = policy_file(honest, [server], 1)
        grow(honest, "as it was")
        assert here("witness", "add", honest.path, "--policy", policy).code == 0
        record(fork, "as somebody wants it")
        grow(fork, "and more")
        done = here("witness", "add", fork.path, "--policy", policy, "--json")
        assert done.code == 1
        assert done.json["contradicted"] is True
        assert done.json["witnesses"][0]["outcome"] == "contradicted"
        assert "evidence of a fork or rollback" in done.err
        held = server.call("GET", f"/{Recorded.hash_of(done.json['origin'])}/checkpoint")[1]
        mine = store.newest(honest.path)
        assert mine is not None
        assert open_checkpoint(held, server.keys).checkpoint == mine.checkpoint


def test_a_ledger_put_back_from_an_older_copy_is_named_as_evidence_by_the_witness(trial: Trial) -> None:
    with serving(trial.path.with_name("w"), log_file(trial), "w.example/w") as server:
        policy = policy_file(trial, [server], 1)
        trial.ledger.close()
        backup = trial.path.with_name("backup.db")
        shutil.copyfile(trial.path, backup)
        shutil.copytree(f"{trial.path}.evidence", f"{backup}.evidence")
        trial = _reopened(trial, trial.path)
        grow(trial, "first")
        assert here("witness", "add", trial.path, "--policy", policy).code == 0
        done = here("witness", "add", backup, "--policy", policy)
        assert done.code == 1
        assert "more than we have a checkpoint of" in done.out
        assert "evidence of a fork or rollback" in done.err

        for path in backup.with_name("trial.db.evidence").glob("checkpoints/*"):
            shutil.copy(path, f"{backup}.evidence/checkpoints")
        done = here("witness", "add", backup, "--policy", policy)
        assert done.code == 1
        assert "is not the book that was signed" in done.err


def _reopened(trial: Trial, path: Path) -> Trial:
    """The ledger at another path, as the same people go on with it."""
    again = copy(trial)
    again.path = path
    again.ledger = open_trial(path, clock=trial.clock)
    return again


def test_what_is_wrong_with_the_input_is_said_in_one_sentence(trial: Trial, tmp_path: Path) -> None:
    log = load_signing_keys(trial.path).vkeys[0].encode()
    witness = cosigners("w.example/w", {COSIGNATURE: bytes(32), ML_DSA_44: bytes(32)})[0].key.encode()
    policies = {
        "good": f"log {log}\nwitness w {witness} http://127.0.0.1:9\nquorum w\n",
        "bad": "quorum nobody\n",
        "logless": f"witness w {witness} http://127.0.0.1:9\nquorum w\n",
        "urlless": f"log {log}\nwitness w {witness}\nquorum w\n",
    }
    for name, text in policies.items():
        (tmp_path / name).write_text(text)
    add = ("witness", "add", trial.path, "--policy")
    here(*add, tmp_path / "missing").refused_in_one_sentence("missing")
    here(*add, tmp_path / "bad").refused_in_one_sentence("bad", "line 1")
    here(*add, tmp_path / "logless").refused_in_one_sentence("known key", code=1)
    here(*add, tmp_path / "urlless").refused_in_one_sentence("no witness of the policy has a URL", code=1)
    here(*add, tmp_path / "good", "--checkpoint", tmp_path / "bad").refused_in_one_sentence("is no checkpoint")
    here("witness", "add", tmp_path / "bad", "--policy", tmp_path / "good").refused_in_one_sentence("not a ledger")
    shutil.rmtree(f"{trial.path}.evidence")
    here(*add, tmp_path / "good").refused_in_one_sentence("no checkpoint", "trial-ledger checkpoint")
