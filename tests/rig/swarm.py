"""A real swarm of one manager, a vault with its agent, and the provider between them.

The engine has a network namespace of its own besides what ``dockerd`` gives it: swarm makes bridges, and listens.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.rig import dockerd, images
from tests.rig.dockerd import PrivateEngine, private_engine
from tests.rig.images import Docker
from tests.rig.processes import RigError, Running, environment, running
from tests.rig.proxy import Reply, ask, installed

from pytrust.trust.vault.header import NewSlot
from pytrust.trust.vault.slots import unlock_key
from pytrust.trust.vault.vault import create_vault

IMAGE: Final = "local/web:1"
_NEW_NETWORK: Final = 0x40000000  # CLONE_NEWNET, sched.h
_SET_FLAGS: Final = 0x8914  # SIOCSIFFLAGS, netdevice(7)
_UP_AND_LOOPBACK: Final = 0x1 | 0x8
_PATIENCE: Final = 30.0
_libc: Final = ctypes.CDLL(None, use_errno=True)


def missing() -> str:
    """Why no swarm can run here, as a sentence; empty if one can."""
    return dockerd.missing() or images.missing()


class Network:
    """A network namespace with a loopback that is up."""

    def __init__(self) -> None:
        self._outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        _check(_libc.unshare(_NEW_NETWORK))
        try:
            self._inside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
            with socket.socket() as any_socket:
                fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sH14x", b"lo", _UP_AND_LOOPBACK))
        finally:
            _check(_libc.setns(self._outside, 0))

    @contextmanager
    def entered(self) -> Iterator[None]:
        """What this thread starts meanwhile is in it."""
        _check(_libc.setns(self._inside, 0))
        try:
            yield
        finally:
            _check(_libc.setns(self._outside, 0))

    def close(self) -> None:
        os.close(self._inside)
        os.close(self._outside)


def _check(result: int) -> None:
    if result:
        raise RigError(f"a network namespace: {os.strerror(ctypes.get_errno())}")


@dataclass
class Swarm:
    """The parts; the engine's data outlive it, so that it can be started again."""

    folder: Path
    network: Network = field(default_factory=Network)
    engine: PrivateEngine = field(init=False)
    docker: Docker = field(init=False)

    def __post_init__(self) -> None:
        text, made = unlock_key.make()
        self.key = self.folder / "unlock-key"
        self.key.write_text(text)
        self.key.chmod(0o600)
        self.home.mkdir(0o700)
        slot = NewSlot(unlock_key.KIND, "", made.seed, made.params)
        create_vault(self.home / "vault", self.folder / "home.anchor", [slot], now=int(time.time())).close()

    def close(self) -> None:
        """Leave nothing behind, once the engine has ended."""
        self.network.close()
        shutil.rmtree(self.folder / "data")

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def socket(self) -> Path:
        return self.folder / "engine" / "plugins" / "pytrust.sock"

    @contextmanager
    def engine_running(self, *flags: str) -> Iterator[None]:
        """Run the engine, for the first time or again."""
        started = private_engine(self.folder / "engine", f"--data-root={self.folder / 'data'}", *flags)
        with self.network.entered():
            self.engine = started.__enter__()
        try:
            self.docker = Docker(self.engine.host, self.folder / "config")
            yield
        finally:
            started.__exit__(None, None, None)

    @contextmanager
    def agent(self) -> Iterator[Running]:
        """Run the vault's agent, open."""
        log = self.folder / f"agent-{time.monotonic_ns()}.log"
        words: list[str | Path] = [installed(), "--home", self.home, "--unlock-file", self.key, "vault", "agent"]
        with running(words, log=log, ready=lambda: "the vault is open" in log.read_text()) as process:
            yield process

    @contextmanager
    def provider(self, *command: str | Path) -> Iterator[Running]:
        """Run the provider, or another ``command`` that is one."""
        self.socket.parent.mkdir(parents=True, exist_ok=True)
        log = self.folder / f"provider-{time.monotonic_ns()}.log"
        words: list[str | Path] = [
            installed(),
            "--home",
            self.home,
            *(command or ("swarm", "provider")),
            "--socket",
            self.socket,
        ]
        with running(words, log=log, ready=lambda: "listening on" in log.read_text()) as process:
            yield process

    def begin(self) -> None:
        """Make the swarm, and the image of its services."""
        self.docker.make_image(IMAGE)
        self.docker.run("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")

    def pytrust(self, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """A command of pytrust on this home and this engine, however it ends."""
        return subprocess.run(
            [installed(), "--home", self.home, *words],
            env=environment({"DOCKER_HOST": self.engine.host}),
            input=stdin,
            capture_output=True,
            check=False,
            timeout=60,
        )

    def put(self, name: str, value: bytes, *readers: str) -> None:
        """Keep a value."""
        options = [word for reader in readers for word in ("--reader", reader)]
        done = self.pytrust("secret", "put", name, *options, stdin=value)
        if done.returncode:
            raise RigError(f"secret put: {done.stderr.decode()}")

    def secret(self, name: str, *labels: str) -> None:
        """Make docker's secret ``name``, which the plugin gives."""
        options = [word for label in labels for word in ("--label", label)]
        self.docker.run("secret", "create", "--driver", "pytrust", *options, name)

    def service(self, name: str, *secrets: str, restart: str = "none") -> None:
        """Make a service that sleeps, and do not wait for it."""
        options = [word for secret in secrets for word in ("--secret", secret)]
        fixed = ["--detach", "--no-resolve-image", "--network", "host", "--stop-grace-period", "1s"]
        fixed += ["--restart-condition", restart, "--restart-delay", "1s"]
        command = ["busybox", "sleep", "10000"]
        self.docker.run("service", "create", *fixed, "--name", name, *options, IMAGE, *command)

    def tasks(self, service: str) -> list[dict[str, str]]:
        """What ``docker service ps`` tells, the newest first."""
        lines = self.docker.run("service", "ps", "--no-trunc", "--format", "{{json .}}", service).splitlines()
        return [json.loads(line) for line in lines]

    def wait_for(self, service: str, state: str, seconds: float = _PATIENCE) -> dict[str, str]:
        """The newest task of a service, once it is in ``state``."""
        return wait(
            lambda: next((each for each in self.tasks(service)[:1] if each["CurrentState"].startswith(state)), None),
            seconds,
        )

    def read(self, service: str, path: str) -> str:
        """A file of the running task of a service, read in its container."""
        return self.inside(service, "cat", path)

    def inside(self, service: str, *command: str) -> str:
        """What a command says in the container of the running task of a service."""
        self.wait_for(service, "Running")
        container = self.docker.run("ps", "--quiet", "--filter", f"label=com.docker.swarm.service.name={service}")
        return self.docker.run("exec", container, *command)

    def post(self, body: bytes) -> Reply:
        """A call, as dockerd makes them."""
        return ask(self.socket, "POST", "/SecretProvider.GetSecret", body)

    def api(self, target: str) -> Any:
        """What the engine answers."""
        return ask(self.engine.socket, "GET", target).json


def wait(found: Callable[[], dict[str, str] | None], seconds: float) -> dict[str, str]:
    """What ``found`` gives at last."""
    end = time.monotonic() + seconds
    while (result := found()) is None:
        if time.monotonic() > end:
            raise RigError("it did not happen in time")
        time.sleep(0.1)
    return result
