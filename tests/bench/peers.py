"""How fast other Python packages verify all that they have stored: `python peers.py PACKAGE COUNT FOLDER`.

It is run as a script, by a Python that has the package (`--peers`), and prints entries a second. Nothing of ours is
imported. Each stores events of 400 bytes in its own way, in SQLite where it can, and verifies all of them in its own;
pymerkle, which has no such thing, builds the tree of the stored entries anew and compares the roots.
"""

import asyncio
import contextlib
import importlib
import importlib.util
import io
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SIZE = 400


def _pymerkle(count: int, folder: Path) -> Callable[[], bool]:
    peer: Any = importlib.import_module("pymerkle")
    tree = peer.SqliteTree(str(folder / "pymerkle.db"))
    tree.append_entries([f"{number:0{SIZE}d}".encode() for number in range(count)])
    root = tree.get_root()
    tree.close()

    def verify() -> bool:
        connection = sqlite3.connect(folder / "pymerkle.db")
        stored = [entry for (entry,) in connection.execute("SELECT entry FROM leaf ORDER BY id")]
        connection.close()
        return bool(peer.InmemoryTree.init_from_entries(stored).get_root() == root)

    return verify


def _auditchain(count: int, folder: Path) -> Callable[[], bool]:
    backends: Any = importlib.import_module("auditchain.backends")
    peer: Any = importlib.import_module("auditchain.sync")
    log = peer.SyncAuditLog(backends.SqliteBackend(folder / "auditchain.db"))
    log.append_many([("nurse", "visit", "ES-001", {"text": f"{number:0{SIZE - 80}d}"}) for number in range(count)])
    return lambda: bool(log.verify(expected_count=count).ok)


def _signledger(count: int, _: Path) -> Callable[[], bool]:
    peer: Any = importlib.import_module("signledger")
    ledger = peer.Ledger(auto_verify=False)  # in memory: its SQLite backend cannot read entries without metadata
    for number in range(count):
        ledger.append({"actor": "nurse", "subject": "ES-001", "text": f"{number:0{SIZE - 60}d}"})
    return lambda: bool(ledger.verify_integrity())


def _nexuscone(count: int, folder: Path) -> Callable[[], bool]:
    peer: Any = importlib.import_module("nexuscone")

    async def write() -> None:
        async with peer.Ledger(folder / "nexuscone.db") as ledger:
            for number in range(count):
                await ledger.log(actor="nurse", action="visit", payload={"text": f"{number:0{SIZE - 60}d}"})

    async def verify() -> bool:
        async with peer.Ledger(folder / "nexuscone.db") as ledger:
            return bool(await ledger.verify_chain() == count)

    asyncio.run(write())
    return lambda: asyncio.run(verify())


PEERS: dict[str, Callable[[int, Path], Callable[[], bool]]] = {
    "pymerkle": _pymerkle,
    "auditchain": _auditchain,
    "nexuscone": _nexuscone,
    "signledger": _signledger,
}


def main(arguments: list[str]) -> None:
    """Print the rate, the best of three."""
    name, count, folder = arguments[0], int(arguments[1]), Path(arguments[2])
    if importlib.util.find_spec(name) is None:
        raise SystemExit(f"{name} is not installed there")
    verify = PEERS[name](count, folder)
    best: Any = 0.0
    for _ in range(3):
        begun = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            good = verify()
        best = max(best, count / (time.perf_counter() - begun))
        assert good, f"{name} does not verify what it wrote"
    print(best)


if __name__ == "__main__":
    main(sys.argv[1:])
