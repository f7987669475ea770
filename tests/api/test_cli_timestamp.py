"""`trial-ledger timestamp`: what is asked of whom, kept, recorded, renewed; and that a bad answer leaves no trace."""

import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest

from api.bootstrap import knows_some_arm
from api.evidence.book import open_book
from api.evidence.making import make_checkpoint
from api.timestamps.client import ask
from ledger.domain.commands import COMMANDS
from ledger.domain.history import Fact
from ledger.domain.vocabulary import Book
from ledger.proof.evidence import TIMESTAMPS, as_signed, evidence_folder, read_evidence
from ledger.proof.renewal import EntriesDigest, Renewed, entries_digests, verify_record
from ledger.proof.sections import PLAIN
from ledger.proof.timestamps import Authorities, TimestampError, verify_token
from ledger.recording.reader import LedgerReader
from tests.api.cli_runs import Done, contents, here, ndjson, recommendation, size_of
from tests.trials import SITE, Trial
from tests.tsa import TestAuthority, openssl_accepts

NOT_VERIFIED = "Not verified: no --authorities were given."


@pytest.fixture
def tsa(tmp_path: Path) -> Iterator[TestAuthority]:
    with TestAuthority(tmp_path / "tsa") as served:
        yield served


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A new ledger with one checkpoint."""
    path = tmp_path / "trial.db"
    assert here("init", path).code == 0
    make_checkpoint(path)
    return path


def stamped(ledger: Path, *options: object) -> Done:
    return here("timestamp", ledger, "--actor", "sponsor-1", "--org", "IIS-FJD", *options)


def recorded(ledger: Path) -> list[Fact]:
    with LedgerReader(ledger, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN})) as reader:
        return [fact for fact in reader.facts() if fact.type == "checkpoint.timestamped/1"]


def message(ledger: Path) -> bytes:
    return as_signed(read_evidence(evidence_folder(ledger)).checkpoints[-1].note)


def tokens(ledger: Path) -> dict[str, bytes]:
    folder = evidence_folder(ledger) / TIMESTAMPS
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.tsr"))}


def trusting(*authorities: TestAuthority) -> Authorities:
    return Authorities.parse(*(one.roots_pem.read_bytes() for one in authorities))


# -- stamping ------------------------------------------------------------------------------------------------------


def test_the_newest_checkpoint_is_stamped_kept_and_recorded(ledger: Path, tsa: TestAuthority, tmp_path: Path) -> None:
    make_checkpoint(ledger)
    assert here("submit", "-", ledger, stdin=ndjson(recommendation(1))).code == 0
    newest = make_checkpoint(ledger)
    done = stamped(ledger, "--tsa", tsa.url, "--authorities", tsa.roots_pem, "--json")
    assert (done.code, done.err) == (0, "")
    [(name, token)] = tokens(ledger).items()
    assert name == f"{newest.stem}-00.tsr"
    assert openssl_accepts(token, message(ledger), tsa.roots_pem, tmp_path)
    held = verify_token(token, message(ledger), trusting(tsa))
    [told] = done.json["time_stamps"]
    assert told["verified"] is told["recorded"] is True
    assert told["sha256"] == hashlib.sha256(token).hexdigest()

    [fact] = recorded(ledger)
    assert (fact.stream, fact.actor.id, fact.actor.role) == ("trial", "sponsor-1", "sponsor")
    assert fact.seq == newest.checkpoint.size
    assert {name: fact.data[name] for name in ("checkpoint", "authority", "gen_time", "token_sha256")} == {
        "checkpoint": {
            "origin": newest.checkpoint.origin,
            "size": newest.checkpoint.size,
            "root": newest.checkpoint.root.hex(),
        },
        "authority": "CN=Test authority,O=Tests",
        "gen_time": f"{held.gen_time:%Y-%m-%dT%H:%M:%SZ}",
        "token_sha256": told["sha256"],
    }
    assert fact.at[:19] >= fact.data["gen_time"][:19]
    assert size_of(ledger) == newest.checkpoint.size + 1


def test_only_a_digest_is_sent_with_a_nonce_that_is_new_each_time(ledger: Path, tsa: TestAuthority) -> None:
    for _ in range(2):
        assert stamped(ledger, "--tsa", tsa.url).code == 0
    signed = message(ledger)
    assert len({len(asked) for asked in tsa.requests}) <= 2
    assert tsa.requests[0] != tsa.requests[1]
    for asked in tsa.requests:
        assert hashlib.sha256(signed).digest() in asked
        assert len(asked) < 100
        assert signed.split(b"/")[0] not in asked
    assert [name[-6:] for name in tokens(ledger)] == ["00.tsr", "01.tsr"]


def test_several_authorities_may_stamp_and_those_that_do_not_are_told(
    ledger: Path, tsa: TestAuthority, tmp_path: Path
) -> None:
    with TestAuthority(tmp_path / "second", name="Second", intermediate=True) as second:
        done = stamped(ledger, "--tsa", tsa.url, "--tsa", second.url, "--hash", "sha512")
        assert (done.code, len(done.out.splitlines())) == (0, 2)
        assert done.err.splitlines() == [NOT_VERIFIED]
        second.status = 503
        done = stamped(ledger, "--tsa", second.url, "--tsa", tsa.url)
        assert (done.code, len(done.out.splitlines())) == (1, 1)
        assert f"error: {second.url}: answered with status 503" in done.err
        unreachable = second.url
    first, other, third = tokens(ledger).values()
    both = trusting(tsa, second)
    assert verify_token(first, message(ledger), both).hash_algorithm == "sha512"
    assert verify_token(other, message(ledger), both).authority == "CN=Second,O=Tests"
    # One event a run, of the token with the latest time.
    assert [fact.data["token_sha256"] for fact in recorded(ledger)][1] == hashlib.sha256(third).hexdigest()
    done = stamped(ledger, "--tsa", unreachable, "--tsa", tsa.url, "--json")
    assert (done.code, len(done.json["time_stamps"]), len(done.json["failed"])) == (1, 1, 1)
    assert "does not answer" in done.json["failed"][0]


def bad_answers(tsa: TestAuthority, ledger: Path) -> dict[str, dict[str, Any]]:
    signed = message(ledger)
    return {
        "its nonce differs": {"answer": tsa.stamp(signed)},
        "another request": {"answer": tsa.made(signed, nonce=-7)},
        "is no time stamp": {"answer": b"<html>log in first</html>"},
        "no time stamp of RFC 3161": {"answer": b""},
        "did not grant": {"answer": tsa.made(signed, status=2)},
        "more than 65,536 bytes": {"answer": bytes(1 << 17)},
        "status 500": {"status": 500},
        "status 204": {"status": 204, "answer": b""},
        "a redirect is not followed": {"status": 302, "headers": {"Location": tsa.url}},
    }


def test_an_answer_that_is_not_to_the_question_leaves_nothing_behind(ledger: Path, tsa: TestAuthority) -> None:
    before = contents(ledger.parent)
    for words, fault in bad_answers(tsa, ledger).items():
        tsa.requests.clear()
        tsa.answer, tsa.status, tsa.headers = None, 200, {}
        for name, value in fault.items():
            setattr(tsa, name, value)
        done = stamped(ledger, "--tsa", tsa.url)
        assert (done.code, done.out) == (3, "")
        assert words in done.err, done.err
        assert "no authority gave a time stamp; nothing is stored, nothing recorded" in done.err
        assert len(tsa.requests) == 1
    assert changed(before, contents(ledger.parent), but=tsa.folder.name) == []
    tsa.answer, tsa.status, tsa.headers = None, 200, {}
    assert stamped(ledger, "--tsa", tsa.url).code == 0  # the control: the same with a good answer


def changed(before: dict[str, bytes | None], after: dict[str, bytes | None], but: str) -> list[str]:
    return sorted(
        name for name in before.keys() | after.keys()
        if before.get(name) != after.get(name) and not name.startswith((but, "trial.db.views", "trial.db.outbox"))
    )  # fmt: skip


def test_an_answer_by_an_authority_that_is_not_trusted_is_not_kept(
    ledger: Path, tsa: TestAuthority, tmp_path: Path
) -> None:
    other = TestAuthority(tmp_path / "other", name="Other")
    done = stamped(ledger, "--tsa", tsa.url, "--authorities", other.roots_pem)
    assert done.code == 3
    assert "no trusted authority made it (CN=Test authority,O=Tests)" in done.err
    assert (tokens(ledger), recorded(ledger)) == ({}, [])
    done = stamped(ledger, "--tsa", tsa.url, "--authorities", other.roots_pem, "--authorities", tsa.roots_pem)
    assert done.code == 0


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/x", "tsa.example", "http://", "http://[", ""])
def test_what_is_no_address_is_not_asked(ledger: Path, url: str) -> None:
    done = stamped(ledger, "--tsa", url)
    assert done.code == 3
    assert "is not an address" in done.err or "does not answer" in done.err


def test_an_authority_that_dawdles_is_given_up() -> None:
    """It sends a byte now and then, each well within any time-out of the connection."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with closing(connection), suppress(OSError):
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                while True:
                    connection.sendall(b"x")
                    time.sleep(0.1)

        threading.Thread(target=drip, daemon=True).start()
        started = time.monotonic()
        with pytest.raises(TimestampError, match="did not answer in time"):
            ask(f"http://127.0.0.1:{server.getsockname()[1]}/", b"x", "sha256", None, timeout=0.5)
        assert time.monotonic() - started < 5


# -- what keeps it from being done -----------------------------------------------------------------------------------


def test_without_a_checkpoint_there_is_nothing_to_stamp(tmp_path: Path, tsa: TestAuthority) -> None:
    path = tmp_path / "trial.db"
    assert here("init", path).code == 0
    for kept in evidence_folder(path).glob("checkpoints/*"):
        kept.unlink()
    stamped(path, "--tsa", tsa.url).refused_in_one_sentence("there is no checkpoint", "trial-ledger checkpoint")
    assert tsa.requests == []


def test_without_the_keys_nobody_is_asked(ledger: Path, tsa: TestAuthority) -> None:
    keys = ledger.with_name(f"{ledger.name}.keys")
    keys.rename(keys.with_name("elsewhere"))
    stamped(ledger, "--tsa", tsa.url).refused_in_one_sentence()
    assert (tsa.requests, tokens(ledger)) == ([], {})


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ((), 2, "--tsa URL is needed"),
        (("--due", "3", "--tsa", "http://x"), 2, "asks nobody"),
        (("--tsa", "http://x", "--role", "pharmacist"), 3, "stamped by sponsor, data-manager, auditor"),
        (("--tsa", "http://x", "--authorities", "/nowhere.pem"), 3, "/nowhere.pem"),
        (("--tsa", "http://x", "--authorities", __file__), 3, "--authorities: not a bundle"),
        (("--tsa", "http://x", "--hash", "sha1"), 2, "sha1"),
        (("--tsa", "http://x", "--actor", "a b"), 2, "--actor, --org"),
        (("--renew", "--tsa", "http://x"), 3, "there are no time stamps"),
    ],
)
def test_what_cannot_be_done_is_said(ledger: Path, options: tuple[str, ...], code: int, words: str) -> None:
    done = stamped(ledger, *options)
    assert done.code == code
    assert words in done.err
    assert "Traceback" not in done.err


def test_what_is_no_ledger_is_not_stamped(tmp_path: Path, tsa: TestAuthority) -> None:
    for options in (("--tsa", tsa.url), ("--renew", "--tsa", tsa.url), ("--due", "1")):
        stamped(tmp_path / "nothing.db", *options).refused_in_one_sentence()
    assert tsa.requests == []


def test_who_knows_an_arm_leaves_no_trace_in_the_open_book(tmp_path: Path, tsa: TestAuthority) -> None:
    trial = Trial(tmp_path)
    trial.do("activate-site", {"site": SITE})
    trial.randomized("S-1")
    trial.do("break-code", {"subject": "S-1", "reason": "anaphylaxis"})
    trial.ledger.close()
    make_checkpoint(trial.path)
    assert knows_some_arm(trial.path, "somebody")
    done = here("timestamp", trial.path, "--tsa", tsa.url, "--actor", "somebody")
    done.refused_in_one_sentence("--actor somebody", "leaves no trace in the open book")
    assert tsa.requests == []
    assert here("timestamp", trial.path, "--tsa", tsa.url, "--actor", "another").code == 0


def test_no_command_says_that_a_checkpoint_was_stamped(ledger: Path) -> None:
    for type_ in ("checkpoint.timestamped/1", "timestamp-checkpoint"):
        assert type_ not in COMMANDS
        forged = recommendation(1, type=type_, data={})
        assert here("submit", "-", ledger, stdin=ndjson(forged)).code == 3
    assert recorded(ledger) == []


def test_the_sealed_book_is_neither_read_nor_written(ledger: Path, tsa: TestAuthority) -> None:
    def sealed() -> list[Any]:
        with closing(apsw.Connection(str(ledger), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
            return list(connection.execute("SELECT * FROM head WHERE book = 'sealed'"))

    before = sealed()
    assert stamped(ledger, "--tsa", tsa.url).code == 0
    assert sealed() == before


# -- renewing ------------------------------------------------------------------------------------------------------


def digests(ledger: Path, size: int) -> EntriesDigest:
    with open_book(ledger) as book:
        stored = [entry for _, entry in book.entries()]
    return lambda algorithm: entries_digests(stored, [size], algorithm)[size]


def held(ledger: Path, path: Path, trusted: Authorities) -> Renewed:
    size = read_evidence(evidence_folder(ledger)).checkpoints[-1].checkpoint.size
    return verify_record(path.read_bytes(), message(ledger), trusted, entries=digests(ledger, size))


def records(ledger: Path) -> list[Path]:
    return sorted((evidence_folder(ledger) / TIMESTAMPS).glob("*.er"))


def test_time_stamps_are_due_before_their_certificate_runs_out_and_then_renewed(
    ledger: Path, tsa: TestAuthority, tmp_path: Path
) -> None:
    with TestAuthority(tmp_path / "short", name="Short", after=timedelta(days=20)) as short:
        assert stamped(ledger, "--tsa", short.url, "--tsa", tsa.url).code == 0
        assert stamped(ledger, "--due", "10").code == 0
        done = stamped(ledger, "--due", "30", "--json")
        assert done.code == 1
        [due] = done.json["due"]
        assert due["file"].endswith("-00.tsr")
        assert due["expires"] == f"{short.certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}"
        pems = ("--authorities", tsa.roots_pem, "--authorities", short.roots_pem)
        done = stamped(ledger, "--renew", "--due", "30", "--tsa", tsa.url, *pems)
        assert (done.code, done.err) == (0, "1 renewed, by one time stamp for all of them\n")
        [record] = records(ledger)
        assert record.name == due["file"].replace(".tsr", ".er")
        renewed = held(ledger, record, trusting(tsa, short))
        assert [one.authority for one in renewed.stamps] == ["CN=Short,O=Tests", "CN=Test authority,O=Tests"]
        assert renewed.expires == tsa.certificate.not_valid_after_utc
        done = stamped(ledger, "--due", "30")
        assert (done.code, done.out, done.err) == (0, "", "0 time stamps are due within 30 days\n")


def test_one_time_stamp_renews_all_and_a_stronger_hash_takes_in_the_entries(ledger: Path, tsa: TestAuthority) -> None:
    assert stamped(ledger, "--tsa", tsa.url, "--tsa", tsa.url, "--tsa", tsa.url).code == 0
    for algorithm in ("sha256", "sha512", "sha256"):
        asked = len(tsa.requests)
        done = stamped(ledger, "--renew", "--tsa", tsa.url, "--hash", algorithm, "--authorities", tsa.roots_pem)
        assert (done.code, len(tsa.requests)) == (0, asked + 1)
    assert len(records(ledger)) == 3
    for record in records(ledger):
        renewed = held(ledger, record, trusting(tsa))
        # What has the stronger hash keeps it.
        assert [one.hash_algorithm for one in renewed.stamps] == ["sha256", "sha256", "sha512", "sha512"]
        assert renewed.entries == renewed.stamps[2].gen_time
    # And the records that were stored before are the beginning of what is stored now: the tokens still are there.
    assert len(tokens(ledger)) == 3


def test_entries_that_are_not_those_of_the_checkpoint_are_not_given_a_stronger_hash(
    ledger: Path, tsa: TestAuthority
) -> None:
    assert stamped(ledger, "--tsa", tsa.url).code == 0
    with closing(apsw.Connection(str(ledger))) as connection:
        [(entry,)] = connection.execute("SELECT entry FROM open_entry WHERE seq = 0")
        for (name,) in list(connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")):
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute("UPDATE open_entry SET entry = ? WHERE seq = 0", (entry.replace(b"2", b"3", 1),))
    done = stamped(ledger, "--renew", "--tsa", tsa.url, "--hash", "sha512")
    assert done.code == 3
    assert "the entries are not those of its checkpoint" in done.err
    assert records(ledger) == []


def test_what_does_not_hold_is_not_renewed(ledger: Path, tsa: TestAuthority, tmp_path: Path) -> None:
    assert stamped(ledger, "--tsa", tsa.url, "--tsa", tsa.url).code == 0
    with TestAuthority(tmp_path / "other", name="Other") as other:
        done = stamped(ledger, "--renew", "--tsa", other.url, "--authorities", other.roots_pem)
        assert done.code == 3
        assert done.err.count("no trusted authority made it") == 2
    first = evidence_folder(ledger) / TIMESTAMPS / next(iter(tokens(ledger)))
    first.write_bytes(tsa.stamp(b"something else"))
    done = stamped(ledger, "--renew", "--tsa", tsa.url)
    assert (done.code, [path.stem[-2:] for path in records(ledger)]) == (1, ["01"])
    assert f"{first.name}: the time stamp is for another message" in done.err


def test_without_an_answer_the_records_stay_as_they_are(ledger: Path, tsa: TestAuthority) -> None:
    assert stamped(ledger, "--tsa", tsa.url).code == 0
    assert stamped(ledger, "--renew", "--tsa", tsa.url).code == 0
    [before] = [path.read_bytes() for path in records(ledger)]
    tsa.status = 500
    done = stamped(ledger, "--renew", "--tsa", tsa.url)
    assert done.code == 3
    assert "nothing was renewed" in done.err
    assert [path.read_bytes() for path in records(ledger)] == [before]
    assert datetime.now(UTC) > held(ledger, records(ledger)[0], trusting(tsa)).first.gen_time
