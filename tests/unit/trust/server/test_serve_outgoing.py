"""Large answers: in pieces, each when there is room, and not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from pytrust.trust.server import outgoing
from pytrust.trust.server.outgoing import Pieces

Message = MutableMapping[str, Any]


def sent(body: bytes, status: int = 200) -> list[Message]:
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    asyncio.run(Pieces(body, status)({"type": "http"}, _receive, send))
    return messages


async def _receive() -> Message:
    raise AssertionError("nobody asks")


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 131_072, 1_000_001])
def test_the_bytes_and_their_length_arrive(size: int) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    start, *pieces = sent(body[:size], 404)
    assert (start["type"], start["status"]) == ("http.response.start", 404)
    assert (b"content-length", str(size).encode()) in start["headers"]
    assert b"".join(piece["body"] for piece in pieces) == body[:size]
    assert all(len(piece["body"]) <= 65_536 for piece in pieces)
    assert [piece.get("more_body", False) for piece in pieces] == [True] * (len(pieces) - 1) + [False]


def test_a_peer_that_takes_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "ANSWER_GRACE", 0.05)
    monkeypatch.setattr(outgoing, "ANSWER_BYTES_PER_SECOND", 10_000_000)
    taken: list[Message] = []

    async def send(message: Message) -> None:
        taken.append(message)
        if len(taken) > 3:
            await asyncio.sleep(60)

    async def play() -> None:
        await asyncio.wait_for(Pieces(b"x" * 1_000_000)({"type": "http"}, _receive, send), 5)

    asyncio.run(play())
    assert len(taken) == 4


def test_a_slow_peer_is_given_time_for_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "ANSWER_GRACE", 0.05)
    monkeypatch.setattr(outgoing, "ANSWER_BYTES_PER_SECOND", 1_000_000)
    taken: list[Message] = []

    async def send(message: Message) -> None:
        await asyncio.sleep(0.02)
        taken.append(message)

    asyncio.run(Pieces(b"x" * 1_000_000)({"type": "http"}, _receive, send))
    assert not taken[-1]["more_body"]
