"""The plugin as a running thing: its socket, its files, signals, and an orderly end.

SIGTERM and SIGINT end it, and from then on the engine refuses every call until it is started again. SIGHUP, or a change
of a file, loads CAs and lists anew.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from pytrust.policy.plugin.connection import Callers, Connection
from pytrust.policy.plugin.guard import Guard
from pytrust.policy.plugin.limits import BACKLOG, LOOK_INTERVAL
from pytrust.policy.plugin.watch import Note, Watch
from pytrust.trust.errors import UsageError
from pytrust.trust.files import PRIVATE, check_owned


class Parts(NamedTuple):
    """What a plugin is made of; ``note`` tells the operator of events."""

    socket: Path
    watch: Watch
    now: Callable[[], datetime]
    note: Note


def run(parts: Parts) -> None:
    """Serve until a signal ends it.

    Raises:
        UsageError: it cannot listen at the path.
        BadPermissions: others could put their own socket there.
    """
    import uvloop

    with ExitStack() as opened:
        listening = opened.enter_context(_listening(parts.socket))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(parts, listening))


async def _serve(parts: Parts, listening: socket.socket) -> None:
    loop, over, anew = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    loop.add_signal_handler(signal.SIGHUP, anew.set)
    guard = Guard(lambda: parts.watch.trust, parts.now, loop.time, parts.note)
    callers = Callers(loop.time)
    server = await loop.create_unix_server(lambda: Connection(callers, guard.answer), sock=listening, backlog=BACKLOG)
    parts.note("started", f"listening on {parts.socket}")
    tasks = (loop.create_task(_sweep(parts, guard, callers)), loop.create_task(_follow(parts, anew)))
    await over.wait()
    for task in tasks:
        task.cancel()
    server.close()
    callers.end()
    parts.note("stopped", "the plugin ends: the engine refuses every call until it is back")


async def _sweep(parts: Parts, guard: Guard, callers: Callers) -> None:
    while True:
        await asyncio.sleep(LOOK_INTERVAL)
        try:
            callers.sweep()
            guard.sweep()
        except Exception as error:  # noqa: BLE001 - else nobody would ever be timed out again
            parts.note("internal", f"error: internal: {type(error).__name__} while looking at clocks")


async def _follow(parts: Parts, anew: asyncio.Event) -> None:
    """Beside the clocks, which do not wait for a file system."""
    while True:
        with suppress(TimeoutError):
            await asyncio.wait_for(anew.wait(), LOOK_INTERVAL)
        asked = anew.is_set()
        anew.clear()
        try:
            await parts.watch.look(anew=asked)
        except Exception as error:  # noqa: BLE001 - else no new list would ever be read again
            parts.note("internal", f"error: internal: {type(error).__name__} while looking at files")


@contextmanager
def _listening(path: Path) -> Iterator[socket.socket]:
    """A socket for root alone; removed in the end, unless another has taken its place."""
    check_owned(path.parent)
    try:
        listening = _bind(path)
    except OSError as error:
        raise UsageError(f"cannot listen at {path}: {error.strerror or error}", hint="give another --socket") from error
    ours = _identity(path)
    try:
        yield listening
    finally:
        if _identity(path) == ours:
            path.unlink(missing_ok=True)
        listening.close()


def _bind(path: Path) -> socket.socket:
    """Take the place of a socket that is there in one step: dockerd finds the old one or the new one."""
    if path.exists() and not stat.S_ISSOCK(path.lstat().st_mode):
        raise UsageError(f"{path} exists and is no socket", hint="give another --socket")
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o777 & ~PRIVATE)
    try:
        listening.bind(str(temporary))
        listening.listen(BACKLOG)
        listening.setblocking(False)
        temporary.rename(path)
    except BaseException:
        listening.close()
        temporary.unlink(missing_ok=True)
        raise
    finally:
        os.umask(before)
    return listening


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
