"""A reverse proxy between clients and a trust server that keeps what passes, and may meddle with it."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from tests.rig.throwaway import ServerFiles
from tests.rig.trust_server import connect

_PART: Final = re.compile(rb'Content-Disposition: form-data;[^\r\n]*filename="([^"\r\n]*)"')
_HOP: Final = frozenset({"connection", "transfer-encoding", "content-length", "keep-alive"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client gets; ``genuine`` if the server gave it."""

    status: int
    headers: dict[str, str]
    body: bytes
    genuine: bool = False


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request, and what was answered."""

    method: str
    target: str
    sent: bytes
    answer: Answer

    @property
    def parts(self) -> list[str]:
        """The file names of an upload, sorted: clients send them in any order."""
        return sorted(name.decode("latin-1") for name in _PART.findall(self.sent))


@dataclass(slots=True)
class Recorder:
    """Listens on ``port`` for the server on ``upstream``.

    ``meddle`` gives the answer in place of the server, or none to let it through; ``spoil`` changes the answer.
    """

    upstream: int
    files: ServerFiles
    port: int = 0
    meddle: Callable[[str, str], Answer | None] = field(default=lambda method, target: None)
    spoil: Callable[[str, Answer], Answer] = field(default=lambda target, answer: answer)
    down: bool = False
    _kept: list[Exchange] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def take(self) -> list[Exchange]:
        """What passed since the last time."""
        with self._lock:
            kept, self._kept = self._kept, []
        return kept

    def honest(self) -> None:
        """Be there, and meddle with nothing."""
        self.down, self.meddle, self.spoil = False, lambda method, target: None, lambda target, answer: answer

    def exchange(self, method: str, target: str, headers: list[tuple[str, str]], sent: bytes) -> Answer:
        """Ask the server for a client."""
        answer = self.meddle(method, target) or self.spoil(target, self._ask(method, target, headers, sent))
        with self._lock:
            self._kept.append(Exchange(method, target, sent, answer))
        return answer

    def _ask(self, method: str, target: str, headers: list[tuple[str, str]], sent: bytes) -> Answer:
        connection = connect(self.upstream, self.files, timeout=60)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            connection.endheaders(sent)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read(), genuine=True)
        except (OSError, http.client.HTTPException) as error:
            return Answer(502, {}, f"recorder: {error}\n".encode())
        finally:
            connection.close()


@contextmanager
def recording(upstream: int, files: ServerFiles) -> Iterator[Recorder]:
    """Stand before the server on the port ``upstream``, with the same certificate."""
    recorder = Recorder(upstream, files)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.cert, files.key)
    server = _Server(recorder, context)
    recorder.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield recorder
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, recorder: Recorder, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.recorder, self.context = recorder, context

    def finish_request(self, request: object, client_address: object) -> None:
        """TLS in the thread of the connection; one that is down hangs up before it."""
        assert isinstance(request, socket.socket)
        if self.recorder.down:
            return
        with suppress(OSError), self.context.wrap_socket(request, server_side=True) as wire:
            _Handler(wire, client_address, self)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    disable_nagle_algorithm = True

    def handle_one_request(self) -> None:
        """One request, whatever its method is."""
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        assert isinstance(self.server, _Server)
        sent = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        answer = self.server.recorder.exchange(self.command, self.path, self.headers.items(), sent)
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in _HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else answer.body)
