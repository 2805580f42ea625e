"""Taking in uploads: slow peers, many at once, large ones; and what is done for a peer that is refused."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import suppress
from typing import Any

import pytest

from pytrust.trust.limits import UPLOAD_SHARE_BYTES, UPLOADS_SHARED_BYTES
from pytrust.trust.server.intake import Intake, Pot
from pytrust.trust.server.lane import Lane
from pytrust.trust.server.refusals import Code, Refusal

TYPE = b"multipart/form-data; boundary=x"
HEAD = b'--x\r\nContent-Disposition: form-data; name="files"; filename="targets"\r\n\r\n'
TAIL = b"\r\n--x--\r\n"


class Peer:
    """Sends pieces, with pauses before them; remembers how many were taken."""

    def __init__(self, pieces: Sequence[bytes], pause: float = 0) -> None:
        self.pieces, self.pause, self.taken = pieces, pause, 0

    async def body(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            await asyncio.sleep(self.pause)
            self.taken += 1
            yield piece


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 20))


async def take_in(intake: Intake, peer: Peer) -> dict[str, bytes]:
    async with intake.files(TYPE, peer.body()) as files:
        return dict(files)


async def code_of(work: Coroutine[Any, Any, object]) -> Code:
    with pytest.raises(Refusal) as caught:
        await work
    return caught.value.reason


def test_an_upload_in_pieces() -> None:
    async def play() -> None:
        assert await take_in(Intake(), Peer([HEAD, b"a" * 10, b"b", TAIL])) == {"targets": b"aaaaaaaaaab"}

    run(play())


def test_a_peer_that_drips_is_ended() -> None:
    async def play() -> None:
        peer = Peer([HEAD, *[b"a"] * 1000, TAIL], pause=0.01)
        assert await code_of(take_in(Intake(grace=0.2), peer)) is Code.TIMEOUT
        assert peer.taken < 100

    run(play())


def test_a_peer_that_sends_much_gets_the_time_it_needs() -> None:
    async def play() -> None:
        peer = Peer([HEAD, *[b"a" * 30_000] * 20, TAIL], pause=0.02)  # 0.44 s, and 600,000 bytes buy nine
        found = await take_in(Intake(grace=0.2), peer)
        assert len(found["targets"]) == 600_000

    run(play())


def test_what_is_refused_is_read_to_its_end() -> None:
    """A client that still writes when the connection ends reports a broken pipe, not the reason."""

    async def play() -> None:
        peer = Peer([b"nonsense", *[b"a" * 1000] * 50])
        assert await code_of(take_in(Intake(), peer)) is Code.MALFORMED_UPLOAD
        assert peer.taken == 51

    run(play())


def test_what_is_refused_is_not_read_for_ever() -> None:
    async def play() -> None:
        peer = Peer([b"nonsense", *[b"a" * 1_000_000] * 100])
        assert await code_of(take_in(Intake(), peer)) is Code.MALFORMED_UPLOAD
        assert peer.taken < 60
        slow = Peer([b"nonsense", *[b"a"] * 1000], pause=0.01)
        assert await code_of(take_in(Intake(grace=0.1), slow)) is Code.MALFORMED_UPLOAD
        assert slow.taken < 100

    run(play())


def test_places_are_waited_for_and_given_back() -> None:
    async def play() -> None:
        intake = Intake(places=1, wait=5)
        order: list[str] = []

        async def one(name: str) -> None:
            async with intake.place():
                order.append(f"{name} in")
                await asyncio.sleep(0.02)
                order.append(f"{name} out")

        await asyncio.gather(one("a"), one("b"))
        assert order == ["a in", "a out", "b in", "b out"]
        with suppress(RuntimeError):
            async with intake.place():
                raise RuntimeError
        async with intake.place():
            pass

    run(play())


def test_nobody_waits_for_ever_for_a_place() -> None:
    async def enter(intake: Intake) -> None:
        async with intake.place():
            pass

    async def play() -> None:
        intake = Intake(places=1, wait=0.05)
        async with intake.place():
            assert await code_of(enter(intake)) is Code.UNAVAILABLE
        await enter(intake)

    run(play())


def test_large_uploads_share_what_small_ones_do_not_need() -> None:
    async def play() -> None:
        intake = Intake()
        pieces = [HEAD, *[b"a" * 500_000] * 8, b"", TAIL]
        large = pieces[:-2]
        held = asyncio.Event()

        async def hold() -> AsyncIterator[bytes]:
            for piece in large:
                yield piece
            await held.wait()
            yield TAIL

        async def keep() -> None:
            async with intake.files(TYPE, hold()):
                pass

        fits = UPLOADS_SHARED_BYTES // (4_000_000 + len(HEAD) - UPLOAD_SHARE_BYTES)
        keeping = [asyncio.create_task(keep()) for _ in range(fits)]
        await asyncio.sleep(0.3)
        assert await code_of(take_in(intake, Peer(pieces))) is Code.UNAVAILABLE
        assert len(await take_in(intake, Peer([HEAD, b"a" * 200_000, TAIL]))) == 1
        held.set()
        await asyncio.gather(*keeping)
        assert len((await take_in(intake, Peer(pieces)))["targets"]) == 4_000_000

    run(play())


def test_a_pot_gives_no_more_than_it_holds() -> None:
    pot = Pot(10)
    pot.take(10)
    with pytest.raises(Refusal):
        pot.take(1)
    pot.give_back(4)
    pot.take(4)


def test_a_lane_is_bounded_and_finishes_what_it_began() -> None:
    async def play() -> None:
        lane, release = Lane("test", 2, 3), asyncio.Event()
        loop, done = asyncio.get_running_loop(), []

        def work() -> None:
            asyncio.run_coroutine_threadsafe(release.wait(), loop).result(5)
            done.append(1)

        waiting = [asyncio.create_task(lane.run(work)) for _ in range(3)]
        await asyncio.sleep(0.05)
        assert await code_of(lane.run(work)) is Code.UNAVAILABLE
        waiting[0].cancel()  # its caller went away; it works on
        release.set()
        await asyncio.gather(*waiting, return_exceptions=True)
        await asyncio.sleep(0.05)
        assert len(done) == 3
        await asyncio.gather(*(lane.run(work) for _ in range(3)))
        lane.close()
        assert len(done) == 6

    run(play())


def test_a_lane_ends_when_its_work_is_done() -> None:
    async def play() -> None:
        lane, done = Lane("test", 1, 2), list[int]()

        def work() -> None:
            time.sleep(0.2)
            done.append(1)

        waiting = [asyncio.create_task(lane.run(work)) for _ in range(2)]
        await asyncio.sleep(0.05)
        lane.close()
        assert len(done) == 2
        await asyncio.gather(*waiting)

    run(play())


def test_a_lane_hands_on_what_is_raised() -> None:
    async def play() -> None:
        lane = Lane("test", 1, 1)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await lane.run(lambda: 1 / 0)
        lane.close()

    run(play())
