"""The real ``pytrust proxy`` before a real engine, with a witness between them, and a home that trusts one image.

``good:1`` is signed, ``good:2`` and ``evil:1`` are not; the engine and the registry hold all three.
"""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.rig.dockerd import PrivateEngine
from tests.rig.images import Docker
from tests.rig.ports import free_port
from tests.rig.processes import RigError, Running, environment, running
from tests.rig.recorder import Recorder, recording
from tests.rig.registry import Registry

PASSPHRASE: Final = "a passphrase for the stage"
API: Final = "v1.41"
_TIMEOUT: Final = 60.0


@dataclass(frozen=True, slots=True)
class Reply:
    """What a client got."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> str:
        """The error in it; empty if it is none."""
        with suppress(ValueError):
            answer = json.loads(self.body)
            return str(answer.get("message", "")) if isinstance(answer, dict) else ""
        return ""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running proxy."""

    path: Path
    port: int
    home: Path
    daemon: Running
    witness: Recorder
    tls_port: int = 0

    @property
    def host(self) -> str:
        """The value for ``DOCKER_HOST``."""
        return f"unix://{self.path}"

    def connect(self, timeout: float = _TIMEOUT) -> socket.socket:
        """A fresh connection; ``timeout`` is for what follows."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(str(self.path))
        connection.settimeout(timeout)
        return connection

    def send(self, data: bytes, *, timeout: float = _TIMEOUT, end: bool = False) -> bytes:
        """Send raw bytes and read until the proxy closes, or nothing comes for ``timeout`` seconds."""
        with self.connect(timeout) as connection:
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(data)
            if end:
                connection.shutdown(socket.SHUT_WR)
            return drain(connection)

    def ask(self, method: str, target: str, body: object = None, headers: Mapping[str, str] | None = None) -> Reply:
        """One request, as an ordinary client makes it; ``body`` is JSON, or bytes as they are."""
        return ask(self.path, method, target, body, headers)

    def create(self, image: str, name: str = "", **more: Any) -> Reply:
        """``POST /containers/create``; ``more`` are further keys of the body."""
        query = f"?name={name}" if name else ""
        return self.ask("POST", f"/{API}/containers/create{query}", {"Image": image, "Cmd": ["true"], **more})

    def reload(self, text: str) -> None:
        """Replace the policy file, and wait until the proxy has read it."""
        replace_policy(self.home, self.daemon.log, text)


@dataclass(slots=True)
class Stage:
    """The parts; ``good`` and ``evil`` are names without tag, ``digests`` those of ``good:1``, ``good:2``, ``evil:1``."""

    folder: Path
    engine: PrivateEngine
    registry: Registry
    docker: Docker
    digests: dict[str, str] = field(default_factory=dict)
    _count: int = 0

    @property
    def good(self) -> str:
        return f"{self.registry.host}/stage/good"

    @property
    def evil(self) -> str:
        return f"{self.registry.host}/stage/evil"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def pytrust(self, *words: str, home: Path | None = None, env: Mapping[str, str] | None = None) -> str:
        """Run a command that has to succeed; gives what it prints."""
        done = self.attempt(*words, home=home, env=env)
        if done.returncode:
            raise RigError(f"pytrust {' '.join(words)}: exit {done.returncode}: {done.stderr}{done.stdout}")
        return done.stdout

    def attempt(
        self, *words: str, home: Path | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command, however it ends."""
        return subprocess.run(
            [str(installed()), *words],
            env=environment({**self._settings(home or self.home), **(env or {})}),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            stdin=subprocess.DEVNULL,
        )

    def policy(self, isolation: str = "baseline", *, more: str = "", mode: str = "enforce") -> str:
        """A policy that trusts what the home's pins cover; ``more`` are further lines below ``containers``."""
        return f"version: 1\nimages:\n  - match: '**'\nmode: {mode}\ncontainers:\n  isolation: {isolation}\n{more}"

    @contextmanager
    def proxy(
        self,
        policy: str | None = None,
        *,
        home: Path | None = None,
        env: Mapping[str, str] | None = None,
        engine: Path | None = None,
        witnessed: bool = True,
        tls: Path | None = None,
        secrets: Path | None = None,
    ) -> Iterator[Proxy]:
        """Run a proxy with a copy of the home (or with ``home`` itself), on a socket and a port.

        Args:
            policy: the text of its policy file.
            env: what its environment has more.
            engine: the socket of another engine than the stage's.
            witnessed: a recorder stands between it and the engine; benchmarks go without.
            tls: the folder of certificates for one more port, with TLS.
            secrets: where it puts secrets, if not where every proxy does.
        """
        self._count += 1
        place = self.folder / f"p{self._count}"
        place.mkdir()
        if home is None:
            home = place / "home"
            shutil.copytree(self.home, home)
        (home / "policy.yaml").write_text(policy or self.policy())
        port, listen = free_port(), place / "docker.sock"
        with ExitStack() as opened:
            witness = opened.enter_context(recording(place / "engine.sock", engine or self.engine.socket))
            command: list[str | Path] = [
                installed(),
                "proxy",
                "--listen",
                f"unix://{listen}",
                "--listen",
                f"tcp://127.0.0.1:{port}",
            ]
            tls_port = free_port() if tls else 0
            if tls:
                command += ["--listen", f"tls://127.0.0.1:{tls_port}", "--tls", tls]
            if secrets:
                command += ["--secrets", secrets]
            behind = witness.path if witnessed else witness.engine
            command += ["--engine", f"unix://{behind}"]
            settings = {**self._settings(home), **(env or {})}
            daemon = opened.enter_context(
                running(command, log=place / "proxy.log", ready=lambda: answers_ping(listen), env=settings)
            )
            witness.forget()
            yield Proxy(listen, port, home, daemon, witness, tls_port)

    def direct(self, method: str, target: str, body: object = None) -> Reply:
        """Ask the engine itself, as its operator can: past every proxy and witness."""
        return ask(self.engine.socket, method, f"/{API}{target}", body)

    def client(self, proxy: Proxy) -> Docker:
        """The stock docker client, pointed at ``proxy``."""
        return Docker(proxy.host, self.docker.config)

    def _settings(self, home: Path) -> dict[str, str]:
        return {
            "PYTRUST_HOME": str(home),
            "PYTRUST_PASSPHRASE": PASSPHRASE,
            "DOCKER_HOST": self.engine.host,
            "DOCKER_CONFIG": str(self.docker.config),
            "HOME": str(self.folder),
        }


def make_stage(folder: Path, engine: PrivateEngine, registry: Registry, docker: Docker) -> Stage:
    """Push the three images, make the home, sign ``good:1``."""
    stage = Stage(folder, engine, registry, docker)
    for name in ("good:1", "good:2", "evil:1"):
        docker.make_image(f"{registry.host}/stage/{name}", content=name)
        stage.digests[name] = docker.push(f"{registry.host}/stage/{name}")
    stage.pytrust("init", "--signer", "alice")
    stage.pytrust("sign", f"{stage.good}:1")
    return stage


def installed() -> Path:
    """The command of this environment."""
    return Path(sys.executable).with_name("pytrust")


def replace_policy(home: Path, log: Path, text: str) -> None:
    """Write the policy file of a home anew, and wait until the proxy that writes ``log`` has read it."""
    seen = log.stat().st_size
    path = home / "policy.yaml"
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)
    end = time.monotonic() + 10
    while "policy" not in log.read_text()[seen:]:
        if time.monotonic() > end:
            raise RigError("the proxy does not read its policy")
        time.sleep(0.05)


def drain(connection: socket.socket) -> bytes:
    """Read until the end, a reset, or a silence as long as the time limit of the socket."""
    pieces = []
    with suppress(TimeoutError, ConnectionResetError):
        while piece := connection.recv(65536):
            pieces.append(piece)
    return b"".join(pieces)


class _Unix(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("docker", timeout=_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def ask(path: Path, method: str, target: str, body: object = None, headers: Mapping[str, str] | None = None) -> Reply:
    """One request to whoever listens at ``path``, proxy or engine; ``body`` is JSON, or bytes as they are."""
    connection = _Unix(path)
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    kind = {} if data is None else {"Content-Type": "application/json"}
    try:
        connection.request(method, target, body=data, headers={**kind, **(headers or {})})
        answer = connection.getresponse()
        return Reply(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read())
    finally:
        connection.close()


def answers_ping(path: Path) -> bool:
    """Whether an engine, or a proxy, answers at a unix socket."""
    connection = _Unix(path)
    try:
        connection.request("GET", "/_ping")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
