"""The processes of ``pytrust serve``: granian's, each with a backend of its own.

Processes are started anew, not forked: no connection, lock or thread of the parent is in them. They end with the
parent, whatever ends it; one that dies is replaced. A changed certificate, or SIGHUP, starts them afresh one by one.
What is under way when the server stops is finished first.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from pytrust.trust.errors import PytrustError, ServerError
from pytrust.trust.limits import CONNECTIONS_MAX, HEAD_MAX_BYTES, HEAD_TIMEOUT, STOP_TIMEOUT, TLS_LOOK_EVERY
from pytrust.trust.server.auth import AuthSettings, load_gate
from pytrust.trust.server.listening import allow_connections, check_free, end_unread
from pytrust.trust.server.pair import Pair, TlsFiles, place_pair, read_pair
from pytrust.trust.server.rows import Rows, make_rows

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from pytrust.trust.keys.pocket import Pocket
    from pytrust.trust.server.backend import Backend

_BACKLOG: Final = 1024
_MILLI: Final = 1000
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - the folder in it is ours alone
_LIBRARIES: Final = ("_granian", "python_multipart")


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a process needs to know; it is pickled, so functions in it are those of modules.

    Args:
        host: an address, v4 or v6.
        port: above 0.
        tls: None for plain HTTP.
        workers: processes.
        auth: settings of authentication.
        prefixes: collections are kept only under these; none means any.
        open_backend: entered once in each process, left when nothing is under way in it any more.
        note: takes a line of the log; raises nothing.
        vault: where keys lie whose files say so.
    """

    host: str
    port: int
    tls: TlsFiles | None
    workers: int
    auth: AuthSettings
    prefixes: tuple[str, ...]
    open_backend: Callable[[], AbstractContextManager[Backend]]
    note: Callable[[str], None]
    vault: Pocket | None = None


def check(plan: Plan) -> None:
    """Try all that can be tried before there are processes: the address, the certificate, authentication, the backend.

    Raises:
        PytrustError: something is not fit to serve with.
    """
    check_free(plan.host, plan.port)
    if plan.tls:
        read_pair(plan.tls)
    load_gate(plan.auth, utc_now, plan.vault)
    with plan.open_backend():
        pass


def run(plan: Plan) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        ServerError: the processes end as soon as they begin.
    """
    multiprocessing.set_start_method("spawn", force=True)
    allow_connections()
    with TemporaryDirectory(prefix="pytrust-serve-", dir=_MEMORY if _MEMORY.is_dir() else None) as name:
        folder = Path(name)
        make_rows(folder / "counters")
        pair = read_pair(plan.tls) if plan.tls else None
        server = _granian(plan, place_pair(pair, folder) if pair else None)
        _send_logs(plan.note)
        if plan.tls and pair:
            watch = _Watch(plan.tls, pair, folder, plan.note)
            server.on_reload(watch.take)
            watch.start()
        try:
            server.serve(target_loader=partial(load_app, plan, folder / "counters"), wrap_loader=False)
        except SystemExit as error:
            raise ServerError("a server process ended as soon as it began", hint="its lines above say why") from error


def load_app(plan: Plan, counters: Path) -> ASGIApp:
    """The application of one process; called in it."""
    from pytrust.trust.server.app import Door, make_app
    from pytrust.trust.server.desk import Parts

    _end_with_parent()
    _send_logs(plan.note)
    end_unread(plan.port)
    gate, tokens = load_gate(plan.auth, utc_now, plan.vault)
    opened = ExitStack()
    backend = opened.enter_context(plan.open_backend())
    parts = Parts(backend, tokens, Rows(counters), plan.note, utc_now)
    return make_app(Door(plan.auth, gate, plan.prefixes), parts, opened.close)


def utc_now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


class _Watch:
    """Sees a changed certificate, and has the processes started afresh with it."""

    def __init__(self, files: TlsFiles, pair: Pair, folder: Path, note: Callable[[str], None]) -> None:
        self._files, self._pair, self._folder, self._note = files, pair, folder, note

    def start(self) -> None:
        """Look now and then, for as long as the process lives."""
        threading.Thread(target=self._look, name="certificate", daemon=True).start()

    def take(self) -> None:
        """Let the next processes have what is there now, if it can be served with."""
        if found := self._read():
            place_pair(found, self._folder)
            self._pair = found

    def _look(self) -> None:
        pause = threading.Event()
        while not pause.wait(TLS_LOOK_EVERY):
            found = self._read()
            if found and found != self._pair:
                os.kill(os.getpid(), signal.SIGHUP)

    def _read(self) -> Pair | None:
        try:
            return read_pair(self._files)
        except PytrustError as error:
            self._note(f"error: the certificate stays as it is: {error}")
            return None


class _Lines(logging.Handler):
    """What libraries have to say, in our log."""

    def __init__(self, note: Callable[[str], None]) -> None:
        super().__init__(logging.ERROR)
        self._note = note

    def emit(self, record: logging.LogRecord) -> None:
        """One line; what stood around an exception is for debuggers."""
        why = f": {record.exc_info[1]!r}"[:300] if record.exc_info else ""
        self._note(f"error: {record.getMessage()[:300]}{why}")


def _send_logs(note: Callable[[str], None]) -> None:
    for name in _LIBRARIES:
        logger = logging.getLogger(name)
        logger.handlers = [_Lines(note)]
        logger.propagate = False


def _granian(plan: Plan, tls: TlsFiles | None) -> Any:  # noqa: ANN401 - one class or another, as the interpreter was built
    from granian.constants import HTTPModes, Interfaces, SSLProtocols
    from granian.http import HTTP1Settings
    from granian.log import LogLevels
    from granian.server import Server

    return Server(
        "pytrust",
        address=plan.host,
        port=plan.port,
        interface=Interfaces.ASGI,
        workers=plan.workers,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(int(HEAD_TIMEOUT * _MILLI), max_buffer_size=HEAD_MAX_BYTES),
        websockets=False,
        backlog=_BACKLOG,
        backpressure=CONNECTIONS_MAX,
        log_level=LogLevels.error,
        ssl_cert=tls.cert if tls else None,
        ssl_key=tls.key if tls else None,
        ssl_protocol_min=SSLProtocols.tls12,
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_TIMEOUT,
    )


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent", daemon=True).start()
