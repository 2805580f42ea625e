"""A plugin as a running thing: its socket, what it answers, its files, signals, and an orderly end.

SIGTERM and SIGINT end it. SIGHUP, or a change of a file, makes it read its files anew.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from pytrust.policy.plugin.connection import Callers, Connection
from pytrust.policy.plugin.limits import BACKLOG, LOOK_INTERVAL
from pytrust.policy.plugin.listening import listening
from pytrust.policy.plugin.routes import Kind, Note, Routes


class Parts(NamedTuple):
    """What a plugin is made of; ``note`` tells the operator of events, ``body_max`` is the size of a call."""

    socket: Path
    kinds: tuple[Kind, ...]
    note: Note
    body_max: int


def run(parts: Parts) -> None:
    """Serve until a signal ends it.

    Raises:
        UsageError: it cannot listen at the path.
        BadPermissions: others could put their own socket there.
    """
    import uvloop

    with listening(parts.socket) as wire, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(parts, wire))


async def _serve(parts: Parts, wire: socket.socket) -> None:
    loop, over, anew = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    loop.add_signal_handler(signal.SIGHUP, anew.set)
    routes, callers = Routes(parts.kinds), Callers(loop.time)
    server = await loop.create_unix_server(
        lambda: Connection(callers, routes.answer, parts.body_max), sock=wire, backlog=BACKLOG
    )
    parts.note("started", f"listening on {parts.socket}")
    tasks = (loop.create_task(_sweep(parts, callers)), loop.create_task(_follow(parts, anew)))
    await over.wait()
    for task in tasks:
        task.cancel()
    server.close()
    callers.end()
    parts.note("stopped", f"the plugin ends: until it is back, {' and '.join(kind.down for kind in parts.kinds)}")


async def _sweep(parts: Parts, callers: Callers) -> None:
    while True:
        await asyncio.sleep(LOOK_INTERVAL)
        try:
            callers.sweep()
            for kind in parts.kinds:
                kind.sweep()
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
            for kind in parts.kinds:
                if kind.look is not None:
                    await kind.look(asked)
        except Exception as error:  # noqa: BLE001 - else no new list would ever be read again
            parts.note("internal", f"error: internal: {type(error).__name__} while looking at files")
