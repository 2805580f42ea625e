"""One HTTP exchange with a party that may be hostile: bounded in size and in total time.

urllib3's own time-outs bound the gap between two reads, so one byte every few seconds keeps a reader for hours.
Here a watchdog shuts the socket when the deadline passes, whatever the peer was doing. Redirects are never followed:
where a redirect may lead is the caller's decision.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from socket import SHUT_RDWR, socket
from typing import TYPE_CHECKING, Any, NamedTuple

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from pytrust.trust.errors import BadContent, TooSlow, Unreachable
from pytrust.trust.limits import CHUNK_BYTES, CONNECT_TIMEOUT

if TYPE_CHECKING:
    from ssl import SSLContext


class Deadline:
    """The moment by which a whole piece of work must be done."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seconds = seconds
        self._end = clock() + seconds

    def remaining(self, what: str) -> float:
        """Seconds left; raises ``TooSlow`` naming ``what`` when there are none."""
        left = self._end - self._clock()
        if left <= 0:
            raise TooSlow(f"{what}: no complete answer within {self._seconds:g} s")
        return left


class Response(NamedTuple):
    """Status, headers with lower-case names, and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpClient:
    """Keeps connections alive; safe to share between threads.

    Args:
        ca_files: PEM files trusted besides the system's authorities; read at once, ``OSError`` where one is none.
        context: what TLS is done with, in place of the system's authorities and ``ca_files``.
    """

    def __init__(self, ca_files: tuple[Path, ...] = (), *, context: SSLContext | None = None) -> None:
        self._ca_files = ca_files
        self._pools = urllib3.PoolManager(maxsize=32, retries=False)
        self._pools.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
        if context is not None:
            self._pools.connection_pool_kw["ssl_context"] = context
        if ca_files:
            self._prepare_tls()

    def request(  # noqa: PLR0913
        self,
        method: str,
        url: str,
        *,
        deadline: Deadline,
        max_bytes: int,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Response:
        """Send one request and read the whole answer, whatever its status; redirects are returned, not followed.

        Raises:
            Unreachable: no connection, TLS that cannot be trusted, or an answer that is not HTTP.
            TooSlow: the deadline passed.
            BadContent: a body beyond ``max_bytes``.
        """
        shown = _shown(url)
        if url.startswith("https:"):
            self._prepare_tls()
        timeout = urllib3.Timeout(
            connect=min(CONNECT_TIMEOUT, deadline.remaining(shown)), read=deadline.remaining(shown)
        )
        try:
            with _watched(deadline, shown), _opened(self._pools, method, url, headers, body, timeout) as answer:
                data = _read(answer, shown, max_bytes)
                deadline.remaining(shown)  # what the watchdog cut off can look like a whole answer
                merged = {name.lower(): value for name, value in answer.headers.itermerged()}
                return Response(answer.status, merged, data)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            deadline.remaining(shown)
            raise Unreachable(f"{_origin(shown)}: {_reason(error)}") from error

    def _prepare_tls(self) -> None:
        """One TLS context for all connections, made when the first one needs it (it costs 20 ms)."""
        known = self._pools.connection_pool_kw
        if "ssl_context" not in known:
            import ssl

            context = ssl.create_default_context()
            for path in self._ca_files:
                context.load_verify_locations(path)
            known["ssl_context"] = context


@dataclass(slots=True)
class _Slot:
    """Where a request notes the socket that it runs on, so that the watchdog can find it.

    The connection forgets its socket as soon as the answer is the last one, while the answer is still being read.
    ``late`` is for a deadline that passes before there is a socket: while names are resolved, or TLS is agreed upon.
    """

    socket: socket | None = None
    late: bool = False


class _Current(threading.local):
    slot: _Slot | None = None


_current = _Current()


def _note(connection: HTTPConnection) -> None:
    if (slot := _current.slot) is not None:
        slot.socket = connection.sock
        if slot.late:
            _shut(slot)


class _Noting(HTTPConnection):
    """Notes the socket as soon as there is one, and again when a kept connection is used for the next request."""

    def connect(self) -> None:
        super().connect()
        _note(self)

    def request(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        _note(self)
        super().request(*args, **kwargs)


class _SecureNoting(_Noting, HTTPSConnection):
    """The same over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Noting


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureNoting


@contextmanager
def _watched(deadline: Deadline, shown: str) -> Iterator[None]:
    """Shut the socket of this thread's request when the deadline passes."""
    slot = _current.slot = _Slot()
    timer = threading.Timer(deadline.remaining(shown), _shut, (slot,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        _current.slot = None


def _shut(slot: _Slot) -> None:
    slot.late = True
    if slot.socket is not None:
        with suppress(OSError):
            slot.socket.shutdown(SHUT_RDWR)


@contextmanager
def _opened(  # noqa: PLR0913, PLR0917
    pools: urllib3.PoolManager,
    method: str,
    url: str,
    headers: Mapping[str, str] | None,
    body: bytes | None,
    timeout: urllib3.Timeout,
) -> Iterator[urllib3.BaseHTTPResponse]:
    answer = pools.urlopen(
        method,
        url,
        headers=dict(headers or {}),
        body=body,
        timeout=timeout,
        redirect=False,
        preload_content=False,
        decode_content=False,
    )
    try:
        yield answer
        answer.release_conn()
    finally:
        answer.close()


def _read(answer: urllib3.BaseHTTPResponse, shown: str, max_bytes: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while chunk := answer.read(min(CHUNK_BYTES, max_bytes + 1 - size)):
        size += len(chunk)
        if size > max_bytes:
            raise BadContent(f"{shown}: the answer is larger than {max_bytes} bytes")
        parts.append(chunk)
    return b"".join(parts)


def _shown(url: str) -> str:
    """The URL without user, password and query, any of which may be a secret."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("?")[0].partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def _origin(url: str) -> str:
    return "/".join(url.split("/")[:3])


def _reason(error: Exception) -> str:
    """The library's words without its object names, and without what a peer put into them to move a cursor."""
    text = str(error.__cause__ or error).rpartition(">: ")[2][:200] or type(error).__name__
    return "".join(char if char.isprintable() else "?" for char in text)
