"""The vault in the agent's hands: open or closed, and for how long. For one thread at a time."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, Protocol

from pytrust.trust.errors import AccessDenied, PytrustError, Unsound, VaultLocked
from pytrust.trust.vault.agent.visitor import Visitor
from pytrust.trust.vault.agent.wire import Ask, Lock, Reply, Request, Standing, Status, Unlock, failure, meant
from pytrust.trust.vault.asking import Vaulted
from pytrust.trust.vault.callers import Caller, Owner
from pytrust.trust.vault.operations import Find, Get


class Held(Vaulted, Protocol):
    """An open vault, as the agent holds it."""

    @property
    def store(self) -> str:
        """The vault's id."""

    @property
    def generation(self) -> int:
        """How far it has come."""

    def close(self) -> None:
        """Forget the key."""


Opener = Callable[[bytes], Held]
"""Opens the vault with its master key; raises a ``PytrustError``."""


class Clocks(NamedTuple):
    """The two that the agent looks at: ``now`` gives seconds since 1970, ``steady`` seconds that never go back."""

    now: Callable[[], int]
    steady: Callable[[], float]


class Terms(NamedTuple):
    """How an agent was started: see ``wire.Standing``; ``anew``: once it was locked, another is to take its place."""

    idle: int = 0
    shared: bool = False
    once: bool = False
    anew: bool = False


class Holder:
    """Answers requests; ``idle`` of ``terms`` holds until somebody who unlocks the vault says otherwise."""

    def __init__(self, opener: Opener, clocks: Clocks, terms: Terms) -> None:
        self._opener, self._clocks, self._idle, self.terms = opener, clocks, terms.idle, terms
        self._held: Held | None = None
        self.lost = False
        """Whether the vault was open until others gave it new keys; then whoever did that brings them."""
        self._since, self._used, self._started = 0, 0.0, clocks.now()

    @property
    def open(self) -> bool:
        """Whether the vault is open."""
        return self._held is not None

    def answer(self, request: Request, visitor: Visitor) -> Reply:
        """Never raises: whoever asked gets an answer, and the others go on."""
        try:
            return self._answer(request, visitor)
        except PytrustError as error:
            return failure(error)
        except Exception as error:  # noqa: BLE001 - a fault in one request must not end the agent
            return failure(Unsound(f"internal error of the agent: {type(error).__name__}"))

    def unlock(self, master: bytes) -> None:
        """Open the vault, or open it anew; raises a ``PytrustError``, and then nothing has changed."""
        held = self._opener(master)
        self.lock()
        self._held, self._since, self._used = held, self._clocks.now(), self._clocks.steady()

    def lock(self) -> None:
        """Close it."""
        held, self._held, self._since, self.lost = self._held, None, 0, False
        if held is not None:
            with suppress(PytrustError):  # closing is no time for a fault of the disk to be told
                held.close()

    def look(self) -> None:
        """Close the vault if nobody used it for long enough."""
        if self._idle and self._clocks.steady() - self._used >= self._idle:
            self.lock()

    def standing(self) -> Standing:
        """How things are."""
        return Standing(
            open=self.open,
            lost=self.lost,
            store=self._held.store if self._held else "",
            generation=self._held.generation if self._held else 0,
            since=self._since,
            idle=self._idle,
            pid=os.getpid(),
            started=self._started,
            shared=self.terms.shared,
            once=self.terms.once,
        )

    def _answer(self, request: Request, visitor: Visitor) -> Reply:
        if isinstance(request, Ask):
            return self._ask(request, _caller(request, visitor))
        if not visitor.owner:
            return self._tell(request)
        if isinstance(request, Unlock):
            self.unlock(request.master)
            self._idle = self._idle if request.idle is None else request.idle
        elif isinstance(request, Lock):
            self.lock()
        return self.standing()

    def _ask(self, request: Ask, caller: Caller) -> Reply:
        if self._held is None:
            raise VaultLocked("the vault has new keys" if self.lost else "the vault is locked")
        try:
            answer = self._held.ask(request.operation, caller=caller)
        except VaultLocked:
            self.lock()  # what we hold opens nothing any more
            self.lost = True
            raise
        self._used = self._clocks.steady()  # what is refused is no use: it would let anybody keep the vault open
        return answer

    def _tell(self, request: Request) -> Standing:
        """What everybody may know."""
        if not isinstance(request, Status):
            raise _not_yours()
        return Standing(open=self.open)


def _caller(request: Ask, visitor: Visitor) -> Caller:
    """For whom is asked; only the owner speaks for others."""
    if visitor.owner:
        return Owner(f"uid:{visitor.uid}") if request.caller is None else meant(request.caller)
    if request.caller is not None or not isinstance(request.operation, Get | Find):
        raise _not_yours()
    return visitor.peer


def _not_yours() -> AccessDenied:
    return AccessDenied("only the owner of the vault may do that", hint="run it as the vault's owner")
