"""Metadata of a store over plain HTTP, read-only: ``GET /tuf/<collection>/<file>``.

One write per response (two cost 40 ms each on a kept-alive connection: Nagle and delayed acknowledgement), a bounded
number of connections, and nothing but the store is ever read.
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import unquote

from pytrust.trust.client.source import parse_file_name
from pytrust.trust.errors import PytrustError
from pytrust.trust.names import parse_collection
from pytrust.trust.store.interface import Reader

_PREFIX: Final = "/tuf/"
_CONNECTIONS_MAX: Final = 256
_IDLE_SECONDS: Final = 30
_FOREVER = "public, max-age=31536000, immutable"
_NEVER = "no-cache"


def look_up(reader: Reader, path: str) -> tuple[bytes, bool] | None:
    """The file at a URL path, and whether it may be cached for ever (its name has its version); None where none is."""
    collection, _, file = path.removeprefix(_PREFIX).rpartition("/")
    if not path.startswith(_PREFIX):
        return None
    try:
        name = parse_collection(unquote(collection))
        version, role = parse_file_name(unquote(file))
    except PytrustError:
        return None
    if name != unquote(collection) or (version is None and role != "timestamp"):
        return None
    data = reader.read(name, role, version)
    return None if data is None else (data, version is not None)


class StaticServer(ThreadingHTTPServer):
    """Serves ``reader`` on ``address``."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], reader: Reader) -> None:
        self.reader = reader
        self._places = threading.BoundedSemaphore(_CONNECTIONS_MAX)
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Answer in a thread of its own; beyond the bound, not at all."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Give the place back when the connection ends."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Say nothing: a peer that hangs up is no fault of ours."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    server: StaticServer

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        try:
            found = look_up(self.server.reader, self.path.partition("?")[0])
            status, (data, immutable) = ("200 OK", found) if found else ("404 Not Found", (b"", False))
        except PytrustError:
            status, data, immutable = "503 Service Unavailable", b"", False
        head = (
            f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n"
            f"Cache-Control: {_FOREVER if immutable else _NEVER}\r\nX-Content-Type-Options: nosniff\r\n\r\n"
        )
        self.wfile.write(head.encode() + (data if body else b""))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: an access log is a web server's business."""
