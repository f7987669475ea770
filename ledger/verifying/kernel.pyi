"""What `kernel.pyx` has, for mypy."""

from typing import Any

from ledger.verifying.plain_rows import Stand

class CommonRows:
    def __init__(self, names: dict[Any, str], origin: str) -> None: ...
    def take(
        self, rows: list[tuple[Any, ...]], hashes: list[bytes], commits: list[bytes], index: int, stand: Stand
    ) -> int: ...
