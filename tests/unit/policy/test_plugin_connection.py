"""Connections of the plugin: bounded in number and in time, each call answered in its turn."""

from __future__ import annotations

import asyncio
import re
from typing import cast

from tests.fakes.transport import FakeTransport

from pytrust.policy.plugin import limits
from pytrust.policy.plugin.connection import Callers, Connection
from pytrust.policy.plugin.wire import Message

CALL = b"POST /x HTTP/1.1\r\nHost: \r\nContent-Length: 2\r\n\r\n{}"


class Scene:
    def __init__(self) -> None:
        self.seconds = 0.0
        self.callers = Callers(lambda: self.seconds)
        self.heard: list[Message] = []

    def connect(self) -> tuple[Connection, FakeTransport]:
        connection, wire = Connection(self.callers, self._answer, 1000), FakeTransport()
        connection.connection_made(cast(asyncio.Transport, wire))
        return connection, wire

    def _answer(self, message: Message) -> tuple[int, bytes]:
        self.heard.append(message)
        return 200, b"{}"


def test_calls_are_answered_in_turn() -> None:
    scene = Scene()
    connection, wire = scene.connect()
    connection.data_received(CALL + CALL[:20])
    assert len(scene.heard) == 1
    connection.data_received(CALL[20:])
    assert len(scene.heard) == 2
    assert wire.sent.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert wire.sent.endswith(b"Content-Length: 2\r\n\r\n{}")
    assert not wire.closed


def test_who_wants_to_close_is_closed() -> None:
    connection, wire = Scene().connect()
    connection.data_received(b"POST /x HTTP/1.1\r\nHost: \r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    assert b"Connection: close\r\n" in wire.sent
    assert wire.closed


def test_what_is_not_http_is_answered_and_closed() -> None:
    scene = Scene()
    connection, wire = scene.connect()
    connection.data_received(b"\x16\x03\x01")
    connection.data_received(CALL)
    assert wire.sent.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b'{"Err":"not HTTP' in wire.sent
    assert wire.closed
    assert not scene.heard


def test_a_call_has_its_time_and_silence_has_none() -> None:
    scene = Scene()
    (slow, slow_wire), (_, silent), (done, done_wire) = scene.connect(), scene.connect(), scene.connect()
    slow.data_received(CALL[:9])
    done.data_received(CALL)
    scene.seconds = limits.CALL_TIMEOUT - 1
    slow.data_received(CALL[9:12])  # more of it does not begin the time anew
    scene.callers.sweep()
    assert not slow_wire.aborted
    scene.seconds = limits.CALL_TIMEOUT + 1
    scene.callers.sweep()
    assert (slow_wire.aborted, silent.aborted, done_wire.aborted) == (True, False, False)
    assert len(scene.callers) == 2


def test_who_does_not_read_is_not_read_and_then_cut() -> None:
    scene = Scene()
    connection, wire = scene.connect()
    connection.pause_writing()
    assert wire.paused
    connection.resume_writing()
    assert not wire.paused
    connection.pause_writing()
    scene.seconds = limits.CALL_TIMEOUT + 1
    scene.callers.sweep()
    assert wire.aborted


def test_the_longest_silent_one_makes_room() -> None:
    scene = Scene()
    wires = [scene.connect() for _ in range(limits.CONNECTIONS_MAX)]
    wires[0][0].data_received(CALL)
    _, newest = scene.connect()
    assert [index for index, (_, wire) in enumerate(wires) if wire.aborted] == [1]
    assert not newest.aborted
    scene.callers.end()
    assert all(wire.aborted for _, wire in wires)
    assert len(scene.callers) == 0


# replies that take a while


class Slow(Scene):
    """Gives its replies when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()
        self.cancelled = False

    def connect(self) -> tuple[Connection, FakeTransport]:
        connection, wire = Connection(self.callers, self._slowly, 1000), FakeTransport()
        connection.connection_made(cast(asyncio.Transport, wire))
        return connection, wire

    async def _slowly(self, message: Message) -> tuple[int, bytes]:
        self.heard.append(message)
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return 200, message.path.encode()


def call(path: str, rest: str = "") -> bytes:
    return f"POST /{path} HTTP/1.1\r\nHost: \r\n{rest}Content-Length: 0\r\n\r\n".encode()


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_replies_keep_the_order_of_their_calls_and_hold_up_nobody_else() -> None:
    async def play() -> None:
        scene = Slow()
        (one, first), (two, second) = scene.connect(), scene.connect()
        one.data_received(call("a") + call("b"))
        two.data_received(call("c"))
        await turns()
        assert [message.path for message in scene.heard] == ["/a", "/c"]
        assert not first.sent + second.sent
        scene.go.set()
        await turns()
        assert re.findall(rb"\r\n\r\n(/.)", first.sent) == [b"/a", b"/b"]
        assert second.sent.endswith(b"/c")

    asyncio.run(play())


def test_who_goes_is_not_worked_for() -> None:
    async def play() -> None:
        scene = Slow()
        connection, wire = scene.connect()
        connection.data_received(call("a") + call("b"))
        await turns()
        connection.connection_lost(None)
        await turns()
        assert scene.cancelled
        assert len(scene.heard) == 1
        assert not wire.sent

    asyncio.run(play())


def test_calls_that_wait_are_few() -> None:
    async def play() -> None:
        scene = Slow()
        connection, wire = scene.connect()
        connection.data_received(call("a") * (limits.WAITING_MAX + 1))
        assert not wire.aborted
        connection.data_received(call("a"))
        assert wire.aborted
        connection.connection_lost(None)
        await turns()

    asyncio.run(play())


def test_nonsense_behind_a_call_is_not_answered_before_it() -> None:
    async def play() -> None:
        scene = Slow()
        connection, wire = scene.connect()
        connection.data_received(call("a"))
        connection.data_received(b"\x16\x03\x01")
        assert wire.aborted
        assert not wire.sent
        connection.connection_lost(None)
        await turns()

    asyncio.run(play())


def test_a_late_reply_ends_the_connection_that_wants_to_end() -> None:
    async def play() -> None:
        scene = Slow()
        connection, wire = scene.connect()
        connection.data_received(call("a", "Connection: close\r\n"))
        scene.go.set()
        await turns()
        assert wire.sent.endswith(b"/a")
        assert wire.closed

    asyncio.run(play())


def test_a_body_has_a_size() -> None:
    connection, wire = Scene().connect()
    connection.data_received(b"POST /x HTTP/1.1\r\nHost: \r\nContent-Length: 1001\r\n\r\n" + b"x" * 1001)
    assert wire.sent.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"larger than 1000 bytes" in wire.sent
    assert wire.closed
