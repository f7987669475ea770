"""A good open book, checkpoints of it, and who signs them."""

from tests.interop.second_verifier import bundles
from tests.interop.second_verifier.bundles import Key, Parts
from tests.interop.second_verifier.making import (
    LOG_SEED,
    TIME,
    policy_of,
    witness,
)


class Scene:
    """A good open book, checkpoints of it, and who signs them."""

    def __init__(self, base: Parts) -> None:
        self.base, self.origin, self.leaves = base, base.origin, base.open.leaves()
        self.size = len(self.leaves)
        self.log = Key(self.origin, LOG_SEED)
        self.three = [witness(number) for number in range(3)]
        self.signed = policy_of(f"log {self.log.vkey}", "quorum none")
        self.text, self.small, self.smaller = (self.checkpoint(self.size // part) for part in (1, 2, 3))
        self.wrong = bundles.checkpoint_text(self.origin, [bytes(32), *self.leaves[1:]])
        self.wrong_small = bundles.checkpoint_text(self.origin, [bytes(32), *self.leaves[1 : self.size // 2]])
        self.own = self.log.line(self.text)
        self.cosigned = [one.line(self.text, TIME) for one in self.three]

    def checkpoint(self, size: int) -> str:
        return bundles.checkpoint_text(self.origin, self.leaves[:size])

    def quorum(self, least: int | str) -> str:
        witnesses = [f"witness w{number} {one.vkey}" for number, one in enumerate(self.three)]
        return policy_of(f"log {self.log.vkey}", *witnesses, f"group g {least} w0 w1 w2", "quorum g")

    def note(self, text: str, *lines: str) -> dict[str, bytes]:
        return {bundles.checkpoint_name(text): (text + "\n" + "".join(lines)).encode()}

    def logged(self, text: str, *more: str) -> dict[str, bytes]:
        """A checkpoint that the log has signed, with these signatures more."""
        return self.note(text, self.log.line(text), *more)

    def with_(self, *notes: dict[str, bytes], parts: Parts | None = None) -> bytes:
        """The bundle with these files for its evidence and proofs."""
        parts = self.base if parts is None else parts
        content = {
            name: value for name, value in parts.content().items() if not name.startswith(("evidence/", "consistency/"))
        }
        for one in notes:
            content |= one
        return parts.together(content)
