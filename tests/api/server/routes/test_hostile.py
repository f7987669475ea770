"""Bodies and ids that are meant to break something: refused with a problem, and never with a failure."""

import gzip
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from fastapi.testclient import TestClient

from tests.api.server.people import NAME, bearer, client_of
from tests.api.server.routes.test_tail import serving

T = f"/v1/trials/{NAME}"
MIB: Final = 1 << 20
GOOD: Final = b'{"kind":"csv"}'
BODIES: Final[dict[str, bytes]] = {
    "empty": b"",
    "white space": b" \n ",
    "duplicate keys": b'{"kind":"csv","kind":"fhir"}',
    "duplicate keys, one escaped": b'{"kind":"csv","\\u006bind":"fhir"}',
    "NaN": b'{"kind":NaN}',
    "Infinity": b'{"kind":-Infinity}',
    "1e999": b'{"kind":1e999}',
    "a float": b'{"kind":1.5}',
    "an integer beyond 2^53": b'{"kind":9007199254740993}',
    "an integer of many digits": b'{"kind":' + b"9" * 10_000 + b"}",
    "a lone surrogate": b'{"kind":"\\ud800"}',
    "a surrogate in UTF-8": b'{"kind":"\xed\xa0\x80"}',
    "overlong UTF-8": b'{"kind":"\xc0\xaf"}',
    "a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "UTF-16 without a mark": GOOD.decode().encode("utf-16-be"),
    "UTF-32": GOOD.decode().encode("utf-32-le"),
    "depth 33": b"[" * 33 + b"]" * 33,
    "depth 100,000": b"[" * 100_000,
    "an object of depth 40": b'{"a":' * 40 + b"1" + b"}" * 40,
    "more than a MiB": b'{"kind":"' + b"x" * MIB + b'"}',
    "trailing garbage": GOOD + b"x",
    "two values": GOOD + GOOD,
    "a trailing comma": b'{"kind":"csv",}',
    "NUL": b'{"kind":"csv"}\x00',
    "NUL alone": b"\x00",
    "NUL within": b'{"kind":"c\x00sv"}',
    "NUL escaped": b'{"kind":"c\\u0000sv"}',
    "a comment": b'{"kind":"csv"/**/}',
    "single quotes": b"{'kind':'csv'}",
    "gzip": gzip.compress(GOOD),
    "a form": b"kind=csv",
    "a text": b'"csv"',
    "a list": b"[]",
    "null": b"null",
    "true": b"true",
    "a key that is none": b'{"kind":"csv","__proto__":{}}',
    "a text of many characters": b'{"kind":"' + b"x" * 100_000 + b'"}',
    "a path": b'{"kind":"../../etc/passwd"}',
}
TYPES: Final = ("text/plain", "", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data", "json")
IDS: Final = (
    "..", "%2e%2e", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "%00", "a%00b", "x" * 8000, "%F0%9D%94%B5almys", "balmy%D1%95",
    "BALMYS", "balmys%20", "%20balmys", "balmys.", "balmys%2f", "%ff%fe", "'%20OR%201=1--", "%7B%7B7*7%7D%7D", "*",
    "%25", "%0d%0aset-cookie:%20a=b", "-", "null", "%E2%80%AEsymlab", "subjects%00", "Subjects", "subject%D1%95",
)  # fmt: skip


@pytest.fixture
def client(ledger: Path) -> Iterator[TestClient]:
    with client_of(ledger) as made:
        yield made


def posts(client: TestClient) -> list[tuple[str, bool]]:
    """The paths of this server's POST routes under `/v1/trials`, and whether each takes a body."""
    paths: dict[str, dict[str, Any]] = client.get("/v1/openapi.json").json()["paths"]
    return [
        (path.format(trial=NAME, subject="S-01-001", id="x", command="x"), "requestBody" in found["post"])
        for path, found in paths.items()
        if "post" in found and path.startswith("/v1/trials/")
    ]


def is_problem(answer: Any) -> bool:
    media_type, value = answer.headers["content-type"], answer.json()
    return bool(media_type == "application/problem+json" and value["type"].startswith("/problems/"))


def test_every_route_that_takes_a_body_refuses_what_two_readers_could_read_differently(client: TestClient) -> None:
    assert len(posts(client)) >= 3
    for path, takes in posts(client):
        for name, body in BODIES.items():
            headers = {**bearer("sponsor-1"), "content-type": "application/json"}
            answer = client.post(path, headers=headers, content=body)
            if not takes and not body:
                assert answer.status_code == 202
                continue
            assert answer.status_code in (400, 413, 415, 422), (path, name, answer.status_code)
            assert is_problem(answer), (path, name)
            if len(body) > MIB:
                assert answer.status_code == 413, (path, name)


def test_every_route_that_takes_a_body_takes_json_alone(client: TestClient) -> None:
    for path, takes in posts(client):
        for media_type in TYPES if takes else ():
            answer = client.post(path, headers={**bearer("sponsor-1"), "content-type": media_type}, content=GOOD)
            assert (answer.status_code, is_problem(answer)) == (415, True), (path, media_type)
        for said in ("gzip", "br", "identity, gzip") if takes else ():
            headers = {**bearer("sponsor-1"), "content-type": "application/json", "content-encoding": said}
            answer = client.post(path, headers=headers, content=gzip.compress(GOOD))
            assert answer.status_code in (400, 415)
            assert is_problem(answer)


def test_a_body_in_chunks_is_measured_as_it_comes(client: TestClient) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"kind":"'
        for _ in range(64):
            yield b"x" * (MIB // 32)

    for path, _ in posts(client):
        headers = {**bearer("sponsor-1"), "content-type": "application/json"}
        answer = client.post(path, headers=headers, content=chunks())
        assert (answer.status_code, is_problem(answer)) == (413, True), path


def test_a_length_that_is_not_true_is_no_failure(ledger: Path) -> None:
    with serving(ledger) as (address, _):
        host, port = address.removeprefix("http://").split(":")
        for length in ("1000000000000", str(MIB + 1), "-1", "1x", "0x10", "٣", "1, 2", "5\r\ncontent-length: 6"):
            with socket.create_connection((host, int(port)), 5) as found:
                head = (
                    f"POST {T}/exports HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sponsor-1\r\n"
                    f"content-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
                )
                found.sendall(head.encode() + GOOD)
                status = found.recv(4096).split(b" ")[1]
                assert status in (b"400", b"413"), (length, status)


def test_an_id_that_is_none_is_not_found(client: TestClient) -> None:
    routes = (
        "/v1/trials/{}", "/v1/trials/{}/audit", T + "/views/{}", T + "/entries/{}", T + "/exports/{}",
        T + "/exports/{}/files/x", T + "/exports/x/files/{}", T + "/checkpoints/{}", T + "/{}", "/v1/{}",
    )  # fmt: skip
    for route in routes:
        for id in IDS:
            if id == "..":
                continue  # clients resolve it before it is sent
            answer = client.get(route.format(id), headers=bearer("sponsor-1"), follow_redirects=False)
            assert answer.status_code in (400, 404), (route, id, answer.status_code)
            assert is_problem(answer), (route, id)
            assert "set-cookie" not in answer.headers


def test_what_a_problem_repeats_of_the_asker_is_short(client: TestClient) -> None:
    for path in (
        f"{T}/views/subjects?{'x' * 3000}=1",
        f"{T}/audit?{'x' * 3000}=1",
        f"{T}/views/subjects?as_of={'9' * 3000}",
    ):
        answer = client.get(path, headers=bearer("sponsor-1"))
        assert answer.status_code == 400
        assert len(json.dumps(answer.json())) < 1500
