"""The proxy as a running thing: listeners, signals, the policy file, and an orderly end.

SIGTERM and SIGINT end it: nothing new is accepted, what runs gets a moment, streams are cut. SIGHUP, or a change of
the policy file, loads the policy anew; a bad file changes nothing, and is said aloud and journalled.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from pytrust.policy.core.rules import Policy
from pytrust.policy.proxy.answers import EngineFailed
from pytrust.policy.proxy.client import Client
from pytrust.policy.proxy.door import Door
from pytrust.policy.proxy.handler import Handler
from pytrust.policy.proxy.house import House
from pytrust.policy.proxy.judge import Judge
from pytrust.policy.proxy.limits import CONNECTIONS_MAX, DRAIN_TIMEOUT, SWEEP_INTERVAL
from pytrust.policy.proxy.listeners import BACKLOG, ListenAddress, listen
from pytrust.policy.proxy.tls import TlsLayer
from pytrust.trust.errors import PytrustError

_SPARE_FILES: Final = 256  # descriptors for everything but connections


class Parts(NamedTuple):
    """What a proxy is made of.

    ``load`` reads the policy file anew, raising ``PytrustError`` where it is bad; ``say`` tells the operator; ``door``
    is there when one of the addresses asks for TLS.
    """

    listen: Sequence[ListenAddress]
    handler: Handler
    judge: Judge
    door: Door | None
    policy_file: Path
    load: Callable[[], Policy]
    say: Callable[[str], None]


def run(parts: Parts) -> None:
    """Serve until a signal ends it; raises ``UsageError`` or ``Busy`` where it cannot listen."""
    import uvloop

    gc.freeze()  # what imports left lives as long as the process
    gc.enable()
    limit = _connection_limit()
    with ExitStack() as opened:
        sockets = [(opened.enter_context(_listening(address)), address.tls) for address in parts.listen]
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_Server(parts, limit).serve(sockets))


class _Server:
    def __init__(self, parts: Parts, limit: int) -> None:
        self._parts, self._limit = parts, limit
        self._over = asyncio.Event()
        self._seen = _identity(parts.policy_file)
        self._reload = False

    async def serve(self, sockets: Sequence[tuple[socket.socket, bool]]) -> None:
        """Accept, with TLS where it says so, until told to end."""
        loop, parts = asyncio.get_running_loop(), self._parts
        house = House(loop.time, self._limit)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._over.set)
        loop.add_signal_handler(signal.SIGHUP, self._ask_reload)
        await self._begin()
        servers = [await self._accept(listening, self._protocol(house, tls)) for listening, tls in sockets]
        sweeper = loop.create_task(self._sweep(house))
        await self._over.wait()
        for server in servers:
            server.close()
        await house.empty(DRAIN_TIMEOUT)
        sweeper.cancel()
        await parts.handler.end()
        self._note("stopped", "the proxy ends")

    async def _begin(self) -> None:
        parts = self._parts
        parts.judge.note("started", f"policy {parts.judge.policy.version[:12]}, mode {parts.judge.policy.mode}")
        try:
            await parts.handler.begin()
        except EngineFailed as error:
            parts.say(f"warning: {error}; requests are refused until it does")
        for address in parts.listen:
            parts.say(f"listening on {address}, in front of {parts.handler.engines.address}")

    def _protocol(self, house: House, tls: bool) -> Callable[[], asyncio.Protocol]:
        """What serves a connection."""
        handler, door = self._parts.handler, self._parts.door
        if not tls:
            return lambda: Client(house, handler)
        assert door is not None
        return lambda: TlsLayer(Client(house, handler, door.introduce), door.context, door.refused)

    @staticmethod
    async def _accept(listening: socket.socket, protocol: Callable[[], asyncio.Protocol]) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        listening.setblocking(False)
        if listening.family == socket.AF_UNIX:
            return await loop.create_unix_server(protocol, sock=listening, backlog=BACKLOG)
        return await loop.create_server(protocol, sock=listening, backlog=BACKLOG)

    async def _sweep(self, house: House) -> None:
        while True:
            await asyncio.sleep(SWEEP_INTERVAL)
            try:
                if self._parts.door is not None:
                    self._parts.door.look(self._note)
                house.sweep()
                self._parts.handler.barring.sweep()
                if self._reload or _identity(self._parts.policy_file) != self._seen:
                    self._load()
            except Exception as error:  # noqa: BLE001 - without clocks, nobody would ever be timed out again
                self._parts.say(f"error: internal: {type(error).__name__} while looking at clocks and the policy")

    def _ask_reload(self) -> None:
        self._reload = True

    def _load(self) -> None:
        parts = self._parts
        self._reload, self._seen = False, _identity(parts.policy_file)
        try:
            policy = parts.load()
        except PytrustError as error:
            parts.say(f"warning: the new policy is not used, the old one stays: {error}")
            self._note("policy-refused", str(error))
            return
        parts.judge.policy = policy
        parts.say(f"loaded policy {policy.version[:12]}, mode {policy.mode}")
        self._note("policy-loaded", f"policy {policy.version[:12]}, mode {policy.mode}")

    def _note(self, what: str, text: str) -> None:
        """Write down what happened; where that fails, requests will be refused for the same reason."""
        try:
            self._parts.judge.note(what, text)
        except PytrustError as error:
            self._parts.say(f"error: {error}")


@contextmanager
def _listening(address: ListenAddress) -> Iterator[socket.socket]:
    """Close and remove it in the end, unless somebody else listens there by then."""
    listening, path = listen(address), address.at.socket
    ours = path and _identity(path)
    try:
        yield listening
    finally:
        if path and _identity(path) == ours:
            path.unlink(missing_ok=True)
        listening.close()


def _identity(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file is replaced or rewritten; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _connection_limit() -> int:
    """As many connections as the limit on open files carries: each may need one to the engine."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return max(1, min(CONNECTIONS_MAX, (soft - _SPARE_FILES) // 2))
