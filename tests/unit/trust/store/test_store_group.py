"""Sharing commits, on a database that only counts: who takes turns, who commits, and what happens when that fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from tests.contract.store_suite import in_threads

from pytrust.trust.errors import Busy, PytrustError, Unsound
from pytrust.trust.limits import STORE_BATCH_MAX
from pytrust.trust.store import group
from pytrust.trust.store.group import GroupCommit


class Counting:
    """A database in memory: ``committed`` holds what ``add`` was told within a transaction that was committed."""

    def __init__(self) -> None:
        self.committed: list[list[object]] = []
        self.in_transaction = False
        self.fail_begin: list[PytrustError] = []
        self.fail_commit: list[BaseException] = []
        self.slow = 0.0
        self._open: list[object] = []

    def begin(self) -> None:
        if self.fail_begin:
            raise self.fail_begin.pop()
        assert not self.in_transaction
        self.in_transaction, self._open = True, []

    def add(self, what: object) -> None:
        assert self.in_transaction
        self._open.append(what)

    def commit(self) -> None:
        time.sleep(self.slow)
        was, self.in_transaction = self.in_transaction, False
        if self.fail_commit:
            raise self.fail_commit.pop()
        if not was:
            raise Unsound("rolled back")
        self.committed.append(self._open)


@pytest.fixture
def database() -> Counting:
    return Counting()


@pytest.fixture
def shared(database: Counting) -> GroupCommit:
    return GroupCommit("the store", database)


def waiting(shared: GroupCommit, count: int) -> None:
    """Wait until that many threads wait for their turn."""
    while len(shared._turns._waiting) < count:
        time.sleep(0.001)


def behind(shared: GroupCommit, database: Counting, *works: Callable[[], object], first: object = "first") -> None:
    """Run ``works`` in threads that queue, in order, behind a block that adds ``first``."""
    threads = [threading.Thread(target=work) for work in works]
    with shared.block(5):
        database.add(first)
        for number, thread in enumerate(threads, 1):
            thread.start()
            waiting(shared, number)
    for thread in threads:
        thread.join()


def adding(shared: GroupCommit, database: Counting, what: object) -> Callable[[], None]:
    def add() -> None:
        with shared.block(5):
            database.add(what)

    return add


def test_one_alone(shared: GroupCommit, database: Counting) -> None:
    for what in "ab":
        adding(shared, database, what)()
    assert database.committed == [["a"], ["b"]]


def test_who_waits_shares_the_commit_in_the_order_of_asking(shared: GroupCommit, database: Counting) -> None:
    behind(shared, database, *[adding(shared, database, number) for number in range(10)])
    assert database.committed == [["first", *range(10)]]


def test_nobody_returns_before_the_commit(shared: GroupCommit, database: Counting) -> None:
    database.slow = 0.02
    early: list[object] = []

    def add(what: object) -> None:
        adding(shared, database, what)()
        if not any(what in batch for batch in database.committed):
            early.append(what)

    in_threads(*[lambda what=what: add(what) for what in range(20)])
    assert early == []
    assert {what for batch in database.committed for what in batch} == set(range(20))


def test_a_batch_is_bounded_in_number(shared: GroupCommit, database: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "STORE_BATCH_MAX", 4)
    monkeypatch.setattr(group, "STORE_BATCH_SECONDS", 60)
    behind(shared, database, *[adding(shared, database, number) for number in range(10)])
    assert [len(batch) for batch in database.committed] == [4, 4, 3]
    assert STORE_BATCH_MAX > 4


def test_a_batch_is_bounded_in_time(shared: GroupCommit, database: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "STORE_BATCH_SECONDS", 0.0)
    behind(shared, database, *[adding(shared, database, number) for number in range(5)])
    assert [len(batch) for batch in database.committed] == [1] * 6


def test_a_block_that_raises_does_not_disturb_the_others(shared: GroupCommit, database: Counting) -> None:
    def fail() -> None:
        with pytest.raises(RuntimeError), shared.block(5):
            raise RuntimeError

    behind(shared, database, adding(shared, database, "a"), fail, adding(shared, database, "b"), fail)
    assert database.committed == [["first", "a", "b"]]


def test_a_commit_that_fails_fails_for_all(shared: GroupCommit, database: Counting) -> None:
    database.fail_commit = [Unsound("no space", hint="free some")]
    told: list[tuple[str, str]] = []

    def add(what: object) -> None:
        with pytest.raises(Unsound) as caught:
            adding(shared, database, what)()
        told.append((str(caught.value), caught.value.hint))

    with pytest.raises(Unsound, match="no space"):
        behind(shared, database, lambda: add("a"), lambda: add("b"))
    while len(told) < 2:
        time.sleep(0.001)
    assert told == [("no space", "free some")] * 2
    assert database.committed == []
    adding(shared, database, "c")()
    assert database.committed == [["c"]]


def test_a_commit_that_is_interrupted_leaves_nobody_waiting(shared: GroupCommit, database: Counting) -> None:
    """The error goes up where it came up; the others are told, and the turn is given back."""
    database.fail_commit = [KeyboardInterrupt()]
    outcomes: list[str] = []

    def add(what: object) -> None:
        try:
            adding(shared, database, what)()
        except (KeyboardInterrupt, Unsound) as error:
            outcomes.append(type(error).__name__)

    with pytest.raises(Unsound, match="interrupted"):
        behind(shared, database, lambda: add("a"), lambda: add("b"))
    while len(outcomes) < 2:
        time.sleep(0.001)
    assert sorted(outcomes) == ["KeyboardInterrupt", "Unsound"]
    adding(shared, database, "c")()
    assert database.committed == [["c"]]


def test_a_transaction_that_the_database_gave_up_takes_nobody_else_in(shared: GroupCommit, database: Counting) -> None:
    """After a full disk, say: who comes next begins anew."""

    def give_up() -> None:
        with pytest.raises(Unsound, match="rolled back"), shared.block(5):
            database.in_transaction = False

    with pytest.raises(Unsound, match="rolled back"):
        behind(shared, database, give_up, adding(shared, database, "after"))
    while not database.committed:
        time.sleep(0.001)
    assert database.committed == [["after"]]


def test_a_beginning_that_fails_hands_the_turn_on(shared: GroupCommit, database: Counting) -> None:
    database.fail_begin = [Busy("locked")]
    with pytest.raises(Busy, match="locked"), shared.block(5):
        pytest.fail("never begun")
    adding(shared, database, "a")()
    assert database.committed == [["a"]]


def test_waiting_has_an_end(shared: GroupCommit, database: Counting) -> None:
    with shared.block(5), pytest.raises(Busy, match="the store is locked"), shared.block(0.02):
        pytest.fail("two at once")
    adding(shared, database, "a")()
    assert database.committed == [[], ["a"]]


def test_who_gave_up_waiting_is_not_waited_for(shared: GroupCommit, database: Counting) -> None:
    """Nor is a turn lost that came at the very moment of giving up."""
    outcomes: list[str] = []

    def impatient() -> None:
        try:
            with shared.block(0.0005):
                database.add("x")
        except Busy:
            outcomes.append("busy")
        else:
            outcomes.append("done")

    def work() -> None:
        for _ in range(200):
            impatient()

    in_threads(*[work] * 6)
    assert len(outcomes) == 1200
    assert sum(map(len, database.committed)) == outcomes.count("done")
    adding(shared, database, "last")()
    assert database.committed[-1] == ["last"]
