"""The commands of `docs/runbook.md`, and what runs them: a shell for most, our processes for those of containers.

1. A line that ends in `# exit N: TEXT` has to end with that code, and say that; every other one has to end well.
2. `docker compose exec -T NODE [node] …` and `run --rm -T NODE …` are run as the node's user, with its environment;
   `up`, `start`, `stop` and `kill` are done to the node's processes, and the cluster is waited for. PRIMARY is the
   primary.
3. A block below `<!-- yours -->` says what the tests say otherwise.
"""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.cluster.cluster import Cluster
from tests.cluster.processes import as_nobody

RUNBOOK: Final = Path(__file__).parents[2] / "docs" / "runbook.md"
_BLOCK: Final = re.compile(r"(<!-- yours -->\n)?```sh\n(.*?)```", re.DOTALL)
_ENDS: Final = re.compile(r"^(.*?)  # exit ([0-9]+): (.+)$")
_NODES: Final = ("node1", "node2", "node3")
_SECONDS: Final = 120


@dataclass(frozen=True, slots=True)
class Command:
    """A line of the runbook."""

    heading: str
    line: str
    code: int = 0
    says: str = ""


def commands(text: str) -> Iterator[Command]:
    """All commands, in their order, each with the heading that it stands below."""
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        heading = section.partition("\n")[0]
        for yours, block in _BLOCK.findall(section):
            for line in [] if yours else block.replace("\\\n", " ").splitlines():
                ends = _ENDS.match(line)
                yield Command(heading, *(ends[1], int(ends[2]), ends[3]) if ends else (line,))


def run(command: Command, on: Cluster, folder: Path, env: dict[str, str]) -> str:
    """Run one in a folder; what it said. Raises AssertionError where it did not end as it has to."""
    said = _compose(shlex.split(command.line), on) if command.line.startswith("docker compose ") else None
    if said is None:
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command.line], cwd=folder, env=env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=_SECONDS, check=False,
        )  # fmt: skip
        said = done.returncode, done.stdout
    code, text = said
    assert code == command.code, f"{command.line}: {code}\n{text}"
    assert command.says in text, f"{command.line}: said\n{text}"
    return text


def _compose(words: list[str], on: Cluster) -> tuple[int, str]:
    what, rest = words[2], words[3:]
    nodes = {node.name: node for node in on.nodes}
    if what in ("exec", "run"):
        rest = [word for word in rest if word not in ("-T", "--rm")]
        node, rest = on.primary() if rest[0] == "PRIMARY" else nodes[rest[0]], rest[1:]
        if what == "exec" and rest[0] == "node":
            rest = rest[1:]
        done = subprocess.run(
            as_nobody(rest), cwd="/", env=node.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=_SECONDS, check=False,
        )  # fmt: skip
        if "reinit" in rest or "switchover" in rest:
            on.settled(30)
        return done.returncode, done.stdout
    named = [nodes[name] for name in rest if name in nodes] or on.nodes
    for node in named:
        if what == "stop":
            node.stop()
        elif what == "kill":
            node.kill()
        elif node.patroni is None:
            node.start()
    if what == "kill":
        on.primary(90)
    elif what in ("up", "start"):
        on.settled(30, sum(node.patroni is not None for node in on.nodes) - 1)
    return 0, ""


def environment(on: Cluster, folder: Path) -> dict[str, str]:
    """What the tests say instead of the first block: the doors, where programs are, whose password it is."""
    binaries = on.nodes[0].env["PATRONI_POSTGRESQL_BIN_DIR"]
    home = folder / "home"
    host = f"127.0.0.1-{on.primary_port}"
    return {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "PATH": os.pathsep.join([str(folder / "bin"), binaries, os.environ.get("PATH", "")]),
        "ADMIN": f"postgresql://administrator@127.0.0.1:{on.primary_port}",
        "TRIALS": on.url("trials", "recorder"),
        "ELSEWHERE": on.url("trials_2", "recorder"),
        "TRIAL_LEDGER_HOME": str(home),
        "HOME_OF_TRIALS": str(home / f"{host}-trials"),
        "HOME_OF_ELSEWHERE": str(home / f"{host}-trials_2"),
    }
