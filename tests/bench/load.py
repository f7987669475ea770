"""A client that asks a server as fast as it answers, over connections that stay open; and what it measured."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import quantiles


@dataclass(frozen=True)
class Measured:
    """What came of a load. Latencies in microseconds."""

    latencies: Sequence[float]
    seconds: float
    statuses: dict[int, int]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    @property
    def p50(self) -> float:
        return quantiles(self.latencies, n=100)[49]

    @property
    def p99(self) -> float:
        return quantiles(self.latencies, n=100)[98]


def request(method: str, path: str, who: str, body: bytes | None = None, **headers: str) -> bytes:
    """A request as bytes."""
    said = {"host": "bench", "authorization": f"Bearer {who}", **headers}
    if body is not None:
        said |= {"content-type": "application/json", "content-length": str(len(body))}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in said.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + (body or b"")


def load(port: int, make: Callable[[int], bytes], *, clients: int, requests: int) -> Measured:
    """So many requests by so many clients; `make` gives the n-th."""
    with ThreadPoolExecutor(1) as own:  # a loop of its own, whatever loop the caller's thread is in
        return own.submit(asyncio.run, _load(port, make, clients, requests)).result()


async def _load(port: int, make: Callable[[int], bytes], clients: int, requests: int) -> Measured:
    latencies: list[float] = []
    statuses: dict[int, int] = {}
    numbers = iter(range(requests))

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 26)
        for number in numbers:
            sent = make(number)
            begun = time.perf_counter()
            writer.write(sent)
            status, _ = await answered(reader)
            latencies.append((time.perf_counter() - begun) * 1e6)
            statuses[status] = statuses.get(status, 0) + 1
        writer.close()

    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return Measured(latencies, time.perf_counter() - begun, statuses)


async def answered(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body of one answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    lowered = head.lower()
    if status == 304:
        return status, b""
    if b"transfer-encoding: chunked" in lowered:
        body = bytearray()
        while size := int((await reader.readline()).strip(), 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
        return status, bytes(body)
    _, _, rest = lowered.partition(b"content-length:")
    length = int(rest.partition(b"\r\n")[0]) if rest else 0
    return status, await reader.readexactly(length)
