"""Rotations of all three CAs under traffic: nobody is refused before the old one is dropped, and only the old after.

A real dockerd over TLS, which has to be restarted, and a real proxy, which reloads by itself; clients of each come all
the time, with copies of a folder that are as old as the rotation, or handed over when the command says so.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final

import pytest
from cryptography import x509
from tests.rig import dockerd
from tests.rig.dockerd import PrivateEngine, private_engine
from tests.rig.founding import found
from tests.rig.images import Docker
from tests.rig.needs import need
from tests.rig.ports import answers, free_port
from tests.rig.processes import environment, running
from tests.rig.proxy import installed
from tests.rig.tls import context, tls_env

from pytrust.trust.pki import folder as folders

_PASSPHRASE: Final = "a passphrase for tests"
_EVERY: Final = 0.05  # seconds between two polls of a client
_TURNS: Final = 12  # more than any rotation needs


def ping(port: int, name: str, folder: Path) -> str:
    """What comes of one connection: ``ok``, ``refused`` (by either side, in TLS or HTTP), or ``down``."""
    try:
        raw = socket.create_connection(("127.0.0.1", port), timeout=10)
        with context(folder).wrap_socket(raw, server_hostname=name) as wire:
            connection = http.client.HTTPConnection(name, timeout=10)
            connection.sock = wire
            connection.request("GET", "/_ping")
            status = connection.getresponse().status
            return {200: "ok", 401: "refused", 403: "refused"}.get(status, "down")
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
        return "down"
    except ssl.SSLError:
        return "refused"
    except (OSError, http.client.HTTPException):
        return "down"


@dataclass
class Host:
    """One that clients dial: a name in certificates, a port, and times at which it was being restarted."""

    name: str
    port: int
    pauses: list[tuple[float, float]] = field(default_factory=list)

    def paused(self, at: float) -> bool:
        return any(begin <= at <= end for begin, end in self.pauses)


@dataclass
class Client:
    """Somebody who comes all the time with the files of a folder."""

    host: Host
    folder: Path
    seen: list[tuple[float, str]] = field(default_factory=list)

    def bad(self, before: float = float("inf")) -> list[tuple[float, str]]:
        """Everything but a good answer, restarts of the engine left out."""
        return [(at, what) for at, what in self.seen if what != "ok" and at < before and not self.host.paused(at)]

    def poll(self, stop: Event) -> None:
        while not stop.wait(_EVERY):
            begun = time.monotonic()
            what = ping(self.host.port, self.host.name, self.folder)
            self.seen.append((begun, what))


@contextmanager
def coming(*clients: Client) -> Iterator[None]:
    stop = Event()
    threads = [Thread(target=client.poll, args=(stop,)) for client in clients]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


class Scene:
    """A home with a CA, a dockerd and a proxy that use its server folders."""

    def __init__(self, folder: Path, behind: PrivateEngine, stack: ExitStack) -> None:
        self.folder, self.home, self._behind, self._stack = folder, folder / "home", behind, stack
        self.dockerd = Host("engine.test", free_port())
        self.proxy = Host("proxy.test", free_port())
        self._running = ExitStack()
        stack.callback(self.stop_dockerd)

    def make(self) -> None:
        self.must("init")
        found(self.home, _PASSPHRASE)
        for host in (self.dockerd, self.proxy):
            self.must("ca", "server", host.name, "127.0.0.1")
        self.must("ca", "client", "alice")
        (self.home / "policy.yaml").write_text("version: 1\nimages: []\nmode: enforce\n")
        self.start_dockerd()
        listen = ["--listen", f"tls://127.0.0.1:{self.proxy.port}", "--tls", str(self.server(self.proxy))]
        command = [str(installed()), "proxy", *listen, "--engine", self._behind.host]
        ready = lambda: answers(self.proxy.port)  # noqa: E731
        self._stack.enter_context(running(command, log=self.folder / "proxy.log", ready=ready, env=self.settings()))

    def settings(self) -> dict[str, str]:
        return {"PYTRUST_HOME": str(self.home), "PYTRUST_PASSPHRASE": _PASSPHRASE, "HOME": str(self.folder)}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [str(installed()), *words]
        env = environment(self.settings())
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)

    def must(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout

    def rotate(self, *words: str) -> tuple[int, dict[str, Any]]:
        done = self.run("ca", "rotate", *words, "--json")
        assert done.returncode in {0, 1, 3}, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return done.returncode, found

    def start_dockerd(self) -> None:
        files = self.server(self.dockerd)
        flags = [f"--tlscacert={files}/ca.pem", f"--tlscert={files}/cert.pem", f"--tlskey={files}/key.pem"]
        listen = f"--host=tcp://127.0.0.1:{self.dockerd.port}"
        self._running.enter_context(private_engine(self.folder / "e", "--tlsverify", *flags, listen))

    def restart_dockerd(self) -> None:
        with self.unplugged():
            pass

    @contextmanager
    def unplugged(self) -> Iterator[None]:
        """While dockerd is off."""
        self.dockerd.pauses.append((time.monotonic() - 1, float("inf")))
        self.stop_dockerd()
        yield
        self.start_dockerd()
        self.dockerd.pauses[-1] = (self.dockerd.pauses[-1][0], time.monotonic())

    def stop_dockerd(self) -> None:
        self._running.close()
        self._running = ExitStack()

    def server(self, host: Host) -> Path:
        return self.home / "ca" / "servers" / host.name

    def copy(self, name: str) -> Path:
        """The client's files as they are now, as somebody else would have them."""
        target = self.folder / name
        target.mkdir(exist_ok=True, mode=0o700)
        for file, data in folders.read(self.home / "ca" / "clients" / "alice").items():
            fresh = target / f"{file}.new"
            fresh.write_bytes(data)
            fresh.chmod(0o600)
            fresh.replace(target / file)
        return target

    def issuing(self, kind: str) -> str:
        """The subject of the CA that issues now."""
        found: dict[str, Any] = json.loads(self.must("ca", "show", kind, "--json"))
        return str(found["subject"])

    def docker(self, folder: Path) -> bool:
        """Whether the stock client gets in."""
        client = Docker(f"tcp://127.0.0.1:{self.dockerd.port}", self.folder / "config")
        env = tls_env(folder)
        return client.attempt("version", env=env).returncode == 0


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, engine: PrivateEngine) -> Iterator[Scene]:
    """Shared: each test leaves a whole authority, and engines that use it."""
    need(dockerd.missing())
    with ExitStack() as stack:
        made = Scene(tmp_path_factory.mktemp("rotation"), engine, stack)
        made.make()
        yield made


def finish(scene: Scene, kind: str, user: str) -> float:
    """Rotate to the end; gives the moment at which the old one was about to be dropped."""
    dropping = float("inf")
    for answer in carry_on(scene, *begin(scene, kind), user):
        if answer["outcome"] == "asking":
            dropping = time.monotonic()
    time.sleep(0.3)  # some polls more
    return dropping


def issuer(host: Host) -> str:
    """Who issued the certificate that a host serves."""
    pem = ssl.get_server_certificate(("127.0.0.1", host.port))
    return x509.load_pem_x509_certificate(pem.encode()).issuer.rfc4514_string()


def begin(scene: Scene, kind: str) -> tuple[int, dict[str, Any]]:
    hosts = (scene.dockerd, scene.proxy)
    return scene.rotate(kind, *(f"--endpoint={host.name}=127.0.0.1:{host.port}" for host in hosts))


def lacking(found: dict[str, Any]) -> dict[str, str]:
    return {
        holder["name"]: holder["need"] for holder in found["holders"] if not holder["done"] and not holder["vouched"]
    }


def carry_on(scene: Scene, code: int, found: dict[str, Any], user: str) -> Iterator[dict[str, Any]]:
    """Do what the command asks for until it is done; gives each answer."""
    for _ in range(_TURNS):
        yield found
        if found["outcome"] == "done":
            assert code == 0
            return
        assert code == 1, found
        if found["outcome"] == "asking":
            scene.copy(user)
            code, found = scene.rotate("--continue", "--yes")
        else:
            assert lacking(found) == {scene.dockerd.name: "restart"}, found  # the proxy has reloaded
            scene.restart_dockerd()
            code, found = scene.rotate("--continue")
    raise AssertionError(f"it does not end: {found}")


def test_the_client_ca(scene: Scene) -> None:
    old, user = scene.copy("old"), scene.copy("user")
    stale = [Client(host, old) for host in (scene.dockerd, scene.proxy)]
    current = [Client(host, user) for host in (scene.dockerd, scene.proxy)]
    with coming(*stale, *current):
        dropping = finish(scene, "client-ca", "user")
    for client in current:
        assert client.bad() == []
        assert len(client.seen) > 20
    for client in stale:
        assert client.bad(before=dropping) == []
        assert client.seen[-1][1] == "refused"
    assert scene.rotate("--continue") == (0, {"outcome": "none", "rotation": None, "holders": [], "next": []})


def test_the_server_ca(scene: Scene) -> None:
    """Clients trust the root: not one of them notices anything."""
    clients = [Client(host, scene.copy("user")) for host in (scene.dockerd, scene.proxy)]
    before = issuer(scene.dockerd)
    with coming(*clients):
        finish(scene, "server-ca", "user")
    for client in clients:
        assert client.bad() == []
    for host in (scene.dockerd, scene.proxy):
        assert issuer(host) != before


def test_the_root(scene: Scene) -> None:
    """Until it is dropped the stock client gets in with the files of before, too: both chains are served."""
    old, user = scene.copy("old"), scene.copy("user")
    clients = [Client(host, user) for host in (scene.dockerd, scene.proxy)]
    with coming(*clients):
        for answer in carry_on(scene, *begin(scene, "root"), "user"):
            if not (answer["outcome"] == "done" or answer["rotation"]["phase"] in {"drop", "settle"}):
                assert scene.docker(old)
        scene.restart_dockerd()  # it serves both chains until it reads its files again
    for client in clients:
        assert client.bad() == []
    assert scene.docker(user)
    assert not scene.docker(old)


def test_abort_and_half_of_the_hosts_unreachable(scene: Scene) -> None:
    clients = [Client(host, scene.copy("user")) for host in (scene.dockerd, scene.proxy)]
    before = {kind: scene.issuing(kind) for kind in ("client-ca", "server-ca", "root")}
    with coming(*clients):
        for kind, subject in before.items():
            with scene.unplugged():
                code, found = begin(scene, kind)
                if kind != "root":  # whose first step is a question, since it is about clients
                    assert code == 3, found
                    assert lacking(found) == {scene.dockerd.name: "reach"}
                _, found = scene.rotate("--abort")
                assert found["rotation"]["aborting"]
            for _ in carry_on(scene, *scene.rotate("--continue"), "user"):
                pass
            assert scene.issuing(kind) == subject
    for client in clients:
        assert client.bad() == []
