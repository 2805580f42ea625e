"""Several threads' transactions in one commit, since a commit waits for the disk.

    thread 1   turn ─ block ─┐ hands on                   ┌─> returns
    thread 2     waits ──────┴ block ─┐ hands on          ├─> returns
    thread 3       waits ─────────────┴ block ─> commits ─┘

A thread waits for its turn, runs its block, and gives the turn to the next; who has none behind it, or fills the
batch, commits for all. Nobody returns before the commit that holds its block, and if that fails, it fails for all.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from pytrust.trust.errors import Busy, PytrustError, Unsound
from pytrust.trust.limits import STORE_BATCH_MAX, STORE_BATCH_SECONDS
from pytrust.trust.store.turns import Turns


class Database(Protocol):
    """What one batch is committed to; only the thread whose turn it is calls it."""

    def begin(self) -> None:
        """Open a transaction; raises ``PytrustError``."""

    def commit(self) -> None:
        """End it; raises ``PytrustError`` where nothing of it will be there."""

    @property
    def in_transaction(self) -> bool:
        """Whether the transaction is still open: after some failures a database rolls back all by itself."""


class GroupCommit:
    """Runs blocks one after another in transactions of ``database``, which is called ``name`` to people."""

    def __init__(self, name: str, database: Database) -> None:
        self._name = name
        self._database = database
        self._turns = Turns()
        self._batch: _Batch | None = None

    @contextmanager
    def block(self, timeout: float) -> Iterator[None]:
        """Run the block; it has been committed when this ends. What it raises, it must have undone.

        Raises:
            Busy: others took their turns for too long.
            PytrustError: nothing of the block will be there.
        """
        if not self._turns.take(timeout):
            raise Busy(f"{self._name} is locked by another publish", hint="try again")
        batch = self._join()
        try:
            yield
        finally:
            self._leave(batch)
        batch.wait()

    def _join(self) -> _Batch:
        try:
            if self._batch is None:
                self._database.begin()
                self._batch = _Batch()
        except BaseException:
            self._turns.give_back()
            raise
        self._batch.size += 1
        return self._batch

    def _leave(self, batch: _Batch) -> None:
        if self._database.in_transaction and not batch.full and self._turns.hand_on():
            return
        self._batch = None
        outcome: PytrustError | None = Unsound("the publish was interrupted", hint="look whether it is there")
        try:
            self._database.commit()
            outcome = None
        except PytrustError as error:
            outcome = error
        finally:
            batch.end(outcome)
            self._turns.give_back()


class _Batch:
    """Blocks that share one commit."""

    def __init__(self) -> None:
        self.size = 0
        self._until = time.monotonic() + STORE_BATCH_SECONDS
        self._ended = threading.Event()
        self._error: PytrustError | None = None

    @property
    def full(self) -> bool:
        return self.size >= STORE_BATCH_MAX or time.monotonic() >= self._until

    def end(self, error: PytrustError | None) -> None:
        self._error = error
        self._ended.set()

    def wait(self) -> None:
        self._ended.wait()
        if self._error is not None:  # each thread raises one of its own: a traceback belongs to one
            raise type(self._error)(str(self._error), hint=self._error.hint) from self._error
