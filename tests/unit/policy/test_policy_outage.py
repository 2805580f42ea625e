"""A source that goes silent: who is held up, who is told at once, when it is asked again; threads that hang."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from pytrust.policy.outage import REST, Sentinel
from pytrust.policy.threads import Threads, start
from pytrust.trust.errors import AccessDenied, BadContent, PytrustError, ServerError, TooSlow, Unreachable
from pytrust.trust.http import Deadline
from pytrust.trust.names import CollectionName

NAME = CollectionName("docker.io/foo/web")
FILE = "timestamp.json"


class Server:
    """Answers, fails, or says nothing until ``release``."""

    def __init__(self) -> None:
        self.asked = 0
        self.failure: PytrustError | None = None
        self.silent = False
        self.heard = threading.Event()
        self.released = threading.Event()

    def fetch(self, name: CollectionName, file: str, deadline: Deadline) -> bytes | None:
        self.asked += 1
        self.heard.set()
        if self.silent:
            self.released.wait(30)
        if self.failure is not None:
            raise self.failure
        return b"{}"


class Clock:
    """Stands still unless moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.released.set()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sentinel(server: Server, clock: Clock) -> Sentinel:
    return Sentinel(server, clock)


def fetch(sentinel: Sentinel, seconds: float = 5.0) -> bytes | None:
    return sentinel.fetch(NAME, FILE, Deadline(seconds))


def test_answers_pass(sentinel: Sentinel, server: Server) -> None:
    assert [fetch(sentinel) for _ in range(3)] == [b"{}"] * 3
    assert server.asked == 3
    assert sentinel.outage() is None


@pytest.mark.parametrize("failure", [Unreachable("nobody there", hint="look"), TooSlow("all too slow")])
def test_silence_is_remembered_for_a_while(
    sentinel: Sentinel, server: Server, clock: Clock, failure: PytrustError
) -> None:
    server.failure = failure
    for _ in range(10):
        with pytest.raises(type(failure), match=str(failure)) as caught:
            fetch(sentinel)
        assert caught.value.hint == failure.hint
    assert server.asked == 1
    assert sentinel.outage() is failure
    clock.now += REST - 0.001
    assert sentinel.outage() is failure
    clock.now += 0.001
    assert sentinel.outage() is None
    with pytest.raises(type(failure)):
        fetch(sentinel)
    assert server.asked == 2


def test_back_after_a_rest(sentinel: Sentinel, server: Server, clock: Clock) -> None:
    server.failure = Unreachable("nobody there")
    with pytest.raises(Unreachable):
        fetch(sentinel)
    server.failure = None
    with pytest.raises(Unreachable):
        fetch(sentinel)
    clock.now += REST
    assert [fetch(sentinel), fetch(sentinel)] == [b"{}"] * 2
    assert sentinel.outage() is None


@pytest.mark.parametrize("failure", [ServerError("500"), AccessDenied("403"), BadContent("endless")])
def test_an_answer_of_failure_is_no_outage(sentinel: Sentinel, server: Server, failure: PytrustError) -> None:
    """One collection that makes the server fail keeps nothing from the others."""
    server.failure = failure
    for _ in range(3):
        with pytest.raises(type(failure)):
            fetch(sentinel)
    assert server.asked == 3
    assert sentinel.outage() is None


def test_a_failure_after_a_rest_ends_the_outage(sentinel: Sentinel, server: Server, clock: Clock) -> None:
    server.failure = Unreachable("nobody there")
    with pytest.raises(Unreachable):
        fetch(sentinel)
    clock.now += REST
    server.failure = ServerError("500")
    for _ in range(2):
        with pytest.raises(ServerError):
            fetch(sentinel)


def test_after_a_rest_one_asks_and_the_others_do_not_wait(sentinel: Sentinel, server: Server, clock: Clock) -> None:
    server.failure = Unreachable("nobody there")
    with pytest.raises(Unreachable):
        fetch(sentinel)
    clock.now += REST
    server.silent = True
    server.heard.clear()
    with ThreadPoolExecutor(1) as pool:
        scout = pool.submit(fetch, sentinel)
        assert server.heard.wait(5)
        for _ in range(5):
            with pytest.raises(Unreachable):
                fetch(sentinel)
        assert server.asked == 2
        server.failure = None
        server.released.set()
        assert scout.result() == b"{}"
    assert fetch(sentinel) == b"{}"


def test_who_asks_leaves_in_time(sentinel: Sentinel, server: Server, clock: Clock) -> None:
    """Whatever hangs inside, such as a name server; and no second thread joins the first."""
    server.silent = True
    with pytest.raises(TooSlow, match="no answer in time"):
        fetch(sentinel, 0.05)
    clock.now += 10 * REST
    with pytest.raises(TooSlow):
        fetch(sentinel)
    assert server.asked == 1
    server.silent = False
    server.released.set()
    for thread in threading.enumerate():
        if thread.daemon and thread is not threading.current_thread():
            thread.join(1)
    assert fetch(sentinel) == b"{}"


def test_a_deadline_that_is_over_says_nothing_about_the_source(sentinel: Sentinel, server: Server) -> None:
    with pytest.raises(TooSlow):
        fetch(sentinel, 0.0)
    assert server.asked == 0
    assert sentinel.outage() is None


# -- threads ----------------------------------------------------------------------------------------------------------


def test_start_hands_on_results_and_errors() -> None:
    def fail() -> None:
        raise ValueError("mine")

    assert start(lambda: 7).result(5) == 7
    with pytest.raises(ValueError, match="mine"):
        start(fail).result(5)


def test_no_thread_keeps_the_process() -> None:
    assert start(lambda: threading.current_thread().daemon).result(5)


def test_never_more_threads_than_allowed() -> None:
    running, most, lock = 0, 0, threading.Lock()
    gate = threading.Event()

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        gate.wait(0.02)
        with lock:
            running -= 1

    async def many() -> None:
        threads = Threads(3)
        await asyncio.gather(*(threads.run(work) for _ in range(12)))

    asyncio.run(many())
    assert most == 3


def test_a_thread_that_hangs_is_counted_after_its_asker_left() -> None:
    """Otherwise every request would add one."""
    gate, begun = threading.Event(), 0

    def hang() -> None:
        nonlocal begun
        begun += 1
        gate.wait(10)

    async def scene() -> int:
        threads = Threads(2)
        for _ in range(5):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(threads.run(hang), 0.02)
        gate.set()
        return await asyncio.wait_for(threads.run(lambda: 7), 5)

    assert asyncio.run(scene()) == 7
    assert begun == 2


def test_a_failure_gives_its_thread_back() -> None:
    def fail() -> None:
        raise ValueError("mine")

    async def scene() -> None:
        threads = Threads(1)
        for _ in range(3):
            with pytest.raises(ValueError, match="mine"):
                await asyncio.wait_for(threads.run(fail), 5)

    asyncio.run(scene())
