"""A whole Docker engine, as far as the Engine API client can tell: images, a registry behind it, a unix socket.

Ordinary behaviour needs no script. A test makes it misbehave through ``script``: route -> raw bytes to send instead of
an answer, and what to do after them.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(slots=True)
class Scripted:
    """Raw bytes sent as the whole answer; then the connection is closed, or held open until the engine stops."""

    raw: bytes
    hold: bool = False


@dataclass(slots=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]


@dataclass(slots=True)
class FakeEngine:
    """``images`` maps an id to its names (``repo:tag`` and ``repo@digest``), ``remote`` a ``repo@digest`` to an id."""

    images: dict[str, set[str]] = field(default_factory=dict)
    remote: dict[str, str] = field(default_factory=dict)
    script: dict[str, Scripted] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    api_version: str = "1.41"
    stopped: threading.Event = field(default_factory=threading.Event)

    def find(self, name: str) -> str | None:
        return next((id_ for id_, names in self.images.items() if name == id_ or name in names), None)


def answer(status: int, value: object, *, headers: str = "") -> bytes:
    body = json.dumps(value).encode()
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def stream(*lines: object, end: bool = True) -> bytes:
    """A chunked progress stream, one chunk a line; bytes stand for themselves."""
    chunks = [line if isinstance(line, bytes) else json.dumps(line).encode() + b"\r\n" for line in lines]
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in chunks) + (b"0\r\n\r\n" if end else b"")


@contextmanager
def serve(engine: FakeEngine, path: Path) -> Iterator[FakeEngine]:
    """Listen on a unix socket at ``path``."""
    with _UnixServer(str(path), _handler(engine)) as server:
        server.daemon_threads = True
        yield from _running(engine, server)


@contextmanager
def serve_tcp(engine: FakeEngine, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Listen on a loopback port, with TLS if there is a context; gives the port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(engine)) as server:
        server.daemon_threads = True
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        for _ in _running(engine, server):
            yield server.server_address[1]


class _UnixServer(ThreadingUnixStreamServer):
    request_queue_size = 128  # many at once, as an engine takes them


def _running(engine: FakeEngine, server: ThreadingUnixStreamServer | ThreadingHTTPServer) -> Iterator[FakeEngine]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield engine
    finally:
        engine.stopped.set()
        server.shutdown()
        thread.join()


def _handler(fake: FakeEngine) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        engine = fake

    return Handler


class _Handler(BaseHTTPRequestHandler):
    engine: FakeEngine
    protocol_version = "HTTP/1.1"

    def address_string(self) -> str:
        return "a unix socket has no peer address"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:  # a client that goes away, or that does not trust our certificate
            self.close_connection = True

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
        asked = Asked(self.command, unquote(parts.path), query, {k.lower(): v for k, v in self.headers.items()})
        self.engine.asked.append(asked)
        scripted = self.engine.script.get(asked.path)
        self.wfile.write(scripted.raw if scripted else _ordinary(self.engine, asked))
        self.wfile.flush()
        if scripted and scripted.hold:
            self.engine.stopped.wait(10)
        self.close_connection = True


def _ordinary(engine: FakeEngine, asked: Asked) -> bytes:
    path = asked.path
    if path == "/_ping":
        return answer(200, "OK", headers=f"Api-Version: {engine.api_version}\r\n")
    if path == "/images/create":
        return _create(engine, asked.query)
    name, _, verb = path.removeprefix("/images/").rpartition("/")
    if verb == "push":
        return _push(engine, name, asked)
    id_ = engine.find(name)
    if id_ is None:
        return answer(404, {"message": f"No such image: {name}"})
    if verb == "tag":
        engine.images[id_].add(f"{asked.query['repo']}:{asked.query['tag']}")
        return answer(201, "")
    return answer(200, _described(id_, engine.images[id_]))


def _described(id_: str, names: set[str]) -> dict[str, object]:
    digests = sorted(name for name in names if "@" in name)
    tags = sorted(name for name in names if "@" not in name)
    return {"Id": id_, "RepoDigests": digests or None, "RepoTags": tags, "Size": 1}


def _create(engine: FakeEngine, query: dict[str, str]) -> bytes:
    wanted = f"{query['fromImage']}@{query['tag']}"
    id_ = engine.remote.get(wanted)
    if id_ is None:
        return answer(404, {"message": f"manifest for {wanted} not found: manifest unknown"})
    engine.images.setdefault(id_, set()).add(wanted)
    return stream(
        {"status": f"Pulling from {query['fromImage']}", "id": query["tag"]},
        {"status": "Downloading", "progressDetail": {"current": 1, "total": 2}, "progress": "[=> ] 1B/2B", "id": "a1"},
        {"status": f"Digest: {query['tag']}"},
    )


def _push(engine: FakeEngine, name: str, asked: Asked) -> bytes:
    if "x-registry-auth" not in asked.headers:
        return answer(400, {"message": "Bad parameters and missing X-Registry-Auth: EOF"})
    id_ = engine.find(f"{name}:{asked.query['tag']}")
    if id_ is None:
        return answer(404, {"message": f"An image does not exist locally with the tag: {name}"})
    digest = "sha256:" + id_.removeprefix("sha256:")[::-1]
    engine.remote[f"{name}@{digest}"] = id_
    aux = {"Tag": asked.query["tag"], "Digest": digest, "Size": 526}
    return stream({"status": "Pushed", "id": "a1"}, {"progressDetail": {}, "aux": aux})
