"""A whole agent in a thread of the test, with a vault in memory."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.fakes.vaulted import FakeVaulted

from pytrust.trust.errors import WrongPassphrase
from pytrust.trust.vault.agent.holder import Clocks, Holder, Terms
from pytrust.trust.vault.agent.place import claimed
from pytrust.trust.vault.agent.server import Agent, Parts
from pytrust.trust.vault.asking import Vaulted
from pytrust.trust.vault.callers import Caller
from pytrust.trust.vault.operations import Done, Operation, Page, Trail, Value

KEY = bytes(range(32))
NOW = 1_800_000_000


class Kept:
    """A vault in memory as the agent holds it: closing it forgets nothing but the key."""

    store = "5" * 32

    def __init__(self, vaulted: Vaulted) -> None:
        self.vaulted, self.closed = vaulted, False

    @property
    def generation(self) -> int:
        return 7

    def ask(self, operation: Operation, *, caller: Caller | None = None) -> Done | Value | Page | Trail:
        assert not self.closed
        return self.vaulted.ask(operation, caller=caller)

    def close(self) -> None:
        self.closed = True


@dataclass
class World:
    """What a test may turn: the vault, and the clock that never goes back."""

    vaulted: Vaulted = field(default_factory=lambda: FakeVaulted(owner="uid:0"))
    steady: float = 0.0
    opened: list[Kept] = field(default_factory=list)
    told: list[bool] = field(default_factory=list)

    def open(self, master: bytes) -> Kept:
        if master != KEY:
            raise WrongPassphrase("that does not open the vault")
        self.opened.append(Kept(self.vaulted))
        return self.opened[-1]

    def holder(self, terms: Terms) -> Holder:
        return Holder(self.open, Clocks(lambda: NOW, lambda: self.steady), terms)


@contextmanager
def agent(path: Path, world: World, *, idle: int = 0, once: bool = False) -> Iterator[threading.Thread]:
    """Runs until the block is left; the thread ends earlier where the agent does."""
    started: list[tuple[asyncio.AbstractEventLoop, Agent]] = []

    async def serve() -> None:
        with claimed(path, shared=False) as claim:
            running = Agent(Parts(world.holder(Terms(idle, once=once)), world.told.append))
            started.append((asyncio.get_running_loop(), running))
            await running.serve(claim.listening)

    before = len(world.told)
    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        until(lambda: len(world.told) > before)
        yield thread
    finally:
        loop, running = started[0]
        if not loop.is_closed():
            loop.call_soon_threadsafe(running.end)
        thread.join(10)
        assert not thread.is_alive()


def until(holds: object, within: float = 10.0) -> None:
    """Wait until ``holds()``."""
    assert callable(holds)
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)
