"""A relay before an engine that keeps what reaches it: the witness in tests of the proxy."""

from __future__ import annotations

import json
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

_CHUNK: Final = 65536
_FLUSH: Final = 0.3  # seconds in which the engine takes what was sent before the end, if it takes anything


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as the engine got it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def __str__(self) -> str:
        return f"{self.method} {self.target}"


@dataclass(slots=True)
class Recorder:
    """Listens at ``path``; ``cut()`` and ``heal()`` make the engine unreachable and bring it back.

    ``meddle`` may change what is on its way to the engine, as somebody between would.
    """

    path: Path
    engine: Path
    meddle: Callable[[bytes], bytes] = bytes
    _streams: list[bytearray] = field(default_factory=list)
    _open: set[socket.socket] = field(default_factory=set)
    _down: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def seen(self) -> list[Seen]:
        """Every whole request since the last ``forget()``, connection by connection."""
        with self._lock:
            return [request for stream in self._streams for request in _requests(bytes(stream))]

    def acted(self) -> list[Seen]:
        """Those that are not mere looking: everything but GET and HEAD."""
        return [request for request in self.seen() if request.method not in {"GET", "HEAD"}]

    def raw(self) -> bytes:
        """All bytes, whatever they are."""
        with self._lock:
            return b"".join(map(bytes, self._streams))

    def forget(self) -> None:
        with self._lock:
            for stream in self._streams:
                stream.clear()

    def open_connections(self) -> int:
        """How many connections to the engine are open."""
        with self._lock:
            return len(self._open)

    def cut(self) -> None:
        """Break every connection and refuse new ones, as an engine that is restarted does."""
        with self._lock:
            self._down = True
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def heal(self) -> None:
        self._down = False

    def _keep(self, stream: bytearray, data: bytes) -> bytes:
        with self._lock:
            stream += data
        return self.meddle(data)

    def _serve(self, client: socket.socket) -> None:
        if self._down:
            client.close()
            return
        stream = bytearray()
        with client, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as engine:
            engine.connect(str(self.engine))
            with self._lock:
                self._streams.append(stream)
                self._open.add(client)
            back = _running(_copy, engine, client, bytes)
            forth = _running(_copy, client, engine, partial(self._keep, stream))
            _await_end(client)
            forth.join(_FLUSH)
            with suppress(OSError):
                engine.shutdown(socket.SHUT_RDWR)
            forth.join()
            back.join()
            with self._lock:
                self._open.discard(client)


@contextmanager
def recording(path: Path, engine: Path) -> Iterator[Recorder]:
    """Listen at ``path`` for an engine at ``engine``."""
    recorder = Recorder(path, engine)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen(128)
        threading.Thread(target=_accept, args=(listener, recorder), daemon=True).start()
        yield recorder
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
    recorder.cut()


def _accept(listener: socket.socket, recorder: Recorder) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=recorder._serve, args=(client,), daemon=True).start()


def _copy(source: socket.socket, target: socket.socket, passing: Callable[[bytes], bytes]) -> None:
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(passing(data))
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _running(work: Callable[..., None], *parts: object) -> threading.Thread:
    thread = threading.Thread(target=work, args=parts, daemon=True)
    thread.start()
    return thread


def _await_end(peer: socket.socket) -> None:
    """Wait until the other side has closed both directions, not just its own."""
    poll = select.poll()
    poll.register(peer, 0)
    poll.poll()


def _requests(stream: bytes) -> Iterator[Seen]:
    """The proxy writes plainly: one head, one Content-Length; behind an upgrade nothing is HTTP."""
    while b"\r\n\r\n" in stream:
        head, _, rest = stream.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        yield Seen(method, target, headers, rest[:length])
        if "upgrade" in headers:
            return
        stream = rest[length:]
