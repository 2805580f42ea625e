"""A whole engine, as far as trials can tell: containers that are made, run, are told to stop, and are removed."""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

VERSION = {
    "Version": "20.10.24+dfsg1",
    "KernelVersion": "6.18.44-fc",
    "Arch": "amd64",
    "Components": [{"Name": "containerd", "Version": "1.6.20"}, {"Name": "runc", "Version": "1.1.5+ds1"}],
}


@dataclass(slots=True)
class FakeContainer:
    id: str
    asked: dict[str, Any]
    running: bool = False
    exit: int = 0
    ended: threading.Event = field(default_factory=threading.Event)


@dataclass(slots=True)
class TrialEngine:
    """How it behaves is said before it is asked.

    Attributes:
        images: what can be run.
        refuses: the words of a start that fails; empty: it does not.
        hangs: a start is not answered, nor a removal, until ``free`` is set.
        ends: the exit status with which containers end at once; None: they run.
        heeds: the signal that ends a container, with 0; another does nothing.
        says: what containers say.
        exits: what a command in a container ends with.
        undead: so many removals fail.
        removed: the names of those that were removed.
    """

    images: set[str] = field(default_factory=lambda: {"image"})
    refuses: str = ""
    hangs: bool = False
    ends: int | None = None
    heeds: str = "SIGTERM"
    stop_signal: str = ""
    says: str = "words\n"
    exits: int = 0
    undead: int = 0
    containers: dict[str, FakeContainer] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    commands: list[dict[str, Any]] = field(default_factory=list)
    free: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def made(self) -> FakeContainer:
        """The last one."""
        return list(self.containers.values())[-1]


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    block_on_close = False
    engine: TrialEngine

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever asked has gone."""


@contextmanager
def trial_engine(path: Path) -> Iterator[TrialEngine]:
    """Listen on a unix socket at ``path``."""
    with _Server(str(path), _Handler) as server:
        server.engine = TrialEngine()
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield server.engine
        finally:
            server.engine.free.set()
            server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *args: object) -> None:
        return

    def do_GET(self) -> None:
        self._route("GET")

    def do_POST(self) -> None:
        self._route("POST")

    def do_DELETE(self) -> None:
        self._route("DELETE")

    def _route(self, method: str) -> None:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        words = parts.path.strip("/").split("/")
        match method, words:
            case "GET", ["version"]:
                self._say(200, VERSION)
            case "GET", ["info"]:
                self._say(200, {"SecurityOptions": ["name=apparmor", "name=seccomp,profile=default"]})
            case "POST", ["containers", "create"]:
                self._create(query["name"], body)
            case "GET", ["exec", _, "json"]:
                self._say(200, {"ExitCode": self.server.engine.exits})
            case "POST", ["exec", _, "start"]:
                self._stream()
            case _, ["containers", name, *rest]:
                container = self.server.engine.containers.get(name)
                if container is None:
                    self._say(404, {"message": f"No such container: {name}"})
                else:
                    self._container(method, name, container, rest, query, body)

    def _create(self, name: str, body: dict[str, Any]) -> None:
        if body["Image"] not in self.server.engine.images:
            return self._say(404, {"message": f"No such image: {body['Image']}"})
        container = FakeContainer(f"{len(self.server.engine.containers) + 1:064x}", body)
        self.server.engine.containers[name] = container
        return self._say(201, {"Id": container.id, "Warnings": []})

    def _container(
        self, method: str, name: str, one: FakeContainer, rest: list[str], query: dict[str, str], body: Any
    ) -> None:
        engine = self.server.engine
        match method, rest:
            case "POST", ["start"]:
                self._start(one)
            case "GET", ["json"]:
                state = {"Running": one.running, "Pid": 1 if one.running else 0, "ExitCode": one.exit}
                config = {"StopSignal": engine.stop_signal} if engine.stop_signal else {}
                self._say(200, {"Id": one.id, "State": state, "Config": config})
            case "POST", ["kill"]:
                self._kill(one, query["signal"])
            case "POST", ["wait"]:
                if not one.running or one.ended.wait(20):
                    self._say(200, {"StatusCode": one.exit})
            case "POST", ["exec"]:
                engine.commands.append(body)
                self._say(201, {"Id": "e" * 64})
            case "GET", ["logs"]:
                self._stream()
            case "DELETE", []:
                self._remove(name)

    def _kill(self, one: FakeContainer, signal: str) -> None:
        if not one.running:
            return self._say(409, {"message": f"Container {one.id} is not running"})
        if signal == self.server.engine.heeds:
            one.running = False
            one.ended.set()
        return self._say(204, None)

    def _start(self, one: FakeContainer) -> None:
        engine = self.server.engine
        if engine.hangs:
            engine.free.wait(20)
        if engine.refuses:
            return self._say(500, {"message": engine.refuses})
        one.running, one.exit = engine.ends is None, engine.ends or 0
        return self._say(204, None)

    def _remove(self, name: str) -> None:
        engine = self.server.engine
        if engine.hangs and not engine.free.wait(20):
            return None
        with engine.lock:
            engine.undead -= 1
            if engine.undead >= 0:
                return self._say(500, {"message": "device or resource busy"})
            if engine.containers.pop(name, None) is None:
                return self._say(404, {"message": f"No such container: {name}"})
            engine.removed.append(name)
        return self._say(204, None)

    def _stream(self) -> None:
        """Both streams by turns, a line each, without a length."""
        lines = self.server.engine.says.encode().splitlines(keepends=True)
        data = b"".join(struct.pack(">BxxxL", 1 + at % 2, len(line)) + line for at, line in enumerate(lines))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(data)

    def _say(self, status: int, value: object) -> None:
        data = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
