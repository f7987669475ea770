"""Asking a witness: what each of its answers is taken for, and what it cannot do to its client."""

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from api.witness import asking
from api.witness.asking import Answer, AskError, Outcome, ask, check_url, post
from api.witness.core import SIZE
from ledger.proof.tree import consistency_proof
from tests.api.witnesses import HISTORY, KEYS, LOG, OTHER, SIGNERS, InMemory
from tests.witness_soak.log import NOW, leaves


class Service:
    """A witness without a network, and the requests that it was sent."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self.answers, self.sent = list(answers), list[bytes]()
        self.tested = InMemory()

    def __call__(self, url: str, body: bytes) -> Answer:
        assert url == "https://w.example/sub/add-checkpoint"
        self.sent.append(body)
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        real = self.tested.witness.add_checkpoint(body)
        return Answer(real.status, real.content_type, real.body)


def _ask(service: Service, history: list[bytes], known: int = 0, newest: int | None = None) -> Outcome:
    asked = ask(
        "https://w.example/sub/",
        KEYS,
        LOG.note(history),
        (known, len(history) if newest is None else newest),
        lambda old: consistency_proof(history, old, len(history)),
        service,
    )
    assert bool(asked.signatures) == (asked.outcome is Outcome.COSIGNED)
    return asked.outcome


def test_the_client_goes_on_from_the_size_that_the_witness_names() -> None:
    service = Service()
    for size in (5, 5, 9, 40):
        assert _ask(service, HISTORY[:size]) is Outcome.COSIGNED
    assert len(service.sent) == 1 + 2 + 2 + 2
    assert _ask(service, HISTORY, known=40) is Outcome.COSIGNED
    assert len(service.sent) == 8


def test_a_witness_of_another_history_is_evidence() -> None:
    service = Service()
    _ask(service, leaves(20, "other"))
    assert _ask(service, HISTORY[:30]) is Outcome.CONTRADICTED
    assert _ask(service, HISTORY[:20]) is Outcome.CONTRADICTED
    assert _ask(service, HISTORY[:10]) is Outcome.CONTRADICTED, "it has cosigned more than there is"


def test_a_witness_that_has_cosigned_a_later_checkpoint_of_ours_contradicts_nothing() -> None:
    service = Service()
    _ask(service, HISTORY)
    assert _ask(service, HISTORY[:10], newest=40) is Outcome.REFUSED


_TEXT = "text/plain; charset=utf-8"
_STRANGER = "".join(one.sign(LOG.checkpoint(HISTORY), NOW).encode() for one in OTHER.signers).encode()
_WRONG = "".join(one.sign(LOG.checkpoint(HISTORY, 3), NOW).encode() for one in SIGNERS).encode()
_TIMELESS = SIGNERS[1].sign(LOG.checkpoint(HISTORY), 0).encode().encode()


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer(200, _TEXT, b""), Outcome.UNUSABLE),
        (Answer(200, _TEXT, b"\xff\xfe\n"), Outcome.UNUSABLE),
        (Answer(200, _TEXT, b"<html>\n"), Outcome.UNUSABLE),
        (Answer(200, _TEXT, _STRANGER), Outcome.UNUSABLE),
        (Answer(200, _TEXT, _WRONG), Outcome.UNUSABLE),
        (Answer(200, _TEXT, _TIMELESS), Outcome.UNUSABLE),
        (Answer(409, SIZE, b"many\n"), Outcome.UNUSABLE),
        (Answer(409, SIZE, b"007\n"), Outcome.UNUSABLE),
        (Answer(409, _TEXT, b"7\n"), Outcome.UNUSABLE),
        (Answer(409, SIZE, b"41\n"), Outcome.CONTRADICTED),
        (Answer(422, _TEXT, b"no\n"), Outcome.CONTRADICTED),
        (Answer(301, _TEXT, b""), Outcome.REFUSED),
        (Answer(404, _TEXT, b"unknown\n"), Outcome.REFUSED),
        (Answer(503, _TEXT, b"\x1b[2J\n"), Outcome.REFUSED),
        (AskError("it cannot be reached"), Outcome.UNREACHABLE),
    ],
)
def test_each_answer_is_taken_for_what_it_is(answer: Answer | Exception, outcome: Outcome) -> None:
    assert _ask(Service(answer), HISTORY) is outcome


def test_cosignatures_of_unknown_keys_are_ignored_beside_good_ones() -> None:
    good = "".join(one.sign(LOG.checkpoint(HISTORY), NOW).encode() for one in SIGNERS).encode()
    assert _ask(Service(Answer(200, _TEXT, _STRANGER + good)), HISTORY) is Outcome.COSIGNED


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://w.example", "https://", "w.example", "http://w:x", "http://a@w", "http://w?q"]
)
def test_a_url_that_is_not_http_is_not_asked(url: str) -> None:
    with pytest.raises(AskError):
        check_url(url)


# -- on the wire -------------------------------------------------------------------------------------------------------


class _Answers(BaseHTTPRequestHandler):
    """What a witness must not be able to do to its client."""

    asked: list[str] = []  # noqa: RUF012

    def do_POST(self) -> None:
        self.asked.append(self.path)
        match self.path:
            case "/redirect":
                self.send_response(307)
                self.send_header("Location", "/followed")
                self.end_headers()
            case "/big":
                self.send_response(200)
                self.end_headers()
                self.wfile.write(bytes(1 << 20))
            case "/drip":
                self.send_response(200)
                self.end_headers()
                for _ in range(100):
                    self.wfile.write(b"x")
                    time.sleep(0.05)
            case "/silent":
                time.sleep(1.5)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def hostile() -> Iterator[str]:
    """A server that plays the tricks of `_Answers`."""
    _Answers.asked.clear()
    server = HTTPServer(("127.0.0.1", 0), _Answers)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_redirects_are_not_followed(hostile: str) -> None:
    assert post(f"{hostile}/redirect", b"old 0\n").status == 307
    assert _Answers.asked == ["/redirect"]


@pytest.mark.parametrize(
    ("path", "why"), [("big", "more than 65,536 bytes"), ("drip", "longer than"), ("silent", "nothing for")]
)
def test_an_answer_is_bounded_in_size_and_time(
    hostile: str, path: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "SILENCE_SECONDS", 0.5)
    monkeypatch.setattr(asking, "TOTAL_SECONDS", 1.0)
    with pytest.raises(AskError, match=why):
        post(f"{hostile}/{path}", b"old 0\n")


def test_a_port_where_nobody_listens_is_a_named_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(AskError, match="refused"):
        post(f"http://127.0.0.1:{port}", b"")
