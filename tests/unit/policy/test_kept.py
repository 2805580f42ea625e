"""Files that change, fail, or do not answer: the last good value stays, and the newest good one is found."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from threading import Event

import pytest

from pytrust.policy import kept
from pytrust.policy.kept import Kept
from pytrust.trust.errors import Damaged, PytrustError, Unsound


class Files:
    """What a test says they are."""

    def __init__(self) -> None:
        self.identity: object = 1
        self.error: Exception | None = None
        self.reads = 0
        self.open = Event()
        self.open.set()

    def look(self) -> object:
        self.open.wait(10)
        return self.identity

    def read(self) -> int:
        self.reads += 1
        if self.error is not None:
            raise self.error
        return self.reads


def played(play: Callable[[Files, Kept[int]], Awaitable[None]]) -> None:
    async def inside() -> None:
        files = Files()
        await play(files, Kept(files.look, files.read))

    asyncio.run(inside())


def test_what_has_not_changed_is_not_read() -> None:
    async def play(files: Files, value: Kept[int]) -> None:
        assert not await value.look()
        assert (value.value, files.reads) == (1, 1)
        files.identity = 2
        assert await value.look() is True
        assert await value.look(anew=True) is True
        assert not await value.look()
        assert value.value == 3

    played(play)


@pytest.mark.parametrize("error", [Unsound("too many open files"), Damaged("half"), MemoryError(), RuntimeError()])
def test_a_failure_that_passes_is_found_out_though_nothing_changed(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a list that could not be read for a moment would not count until the next one comes."""

    async def play(files: Files, value: Kept[int]) -> None:
        files.identity, files.error = 2, error
        assert isinstance(await value.look(), PytrustError)
        monkeypatch.setattr(kept, "RETRY_SECONDS", 0.0)
        assert not isinstance(await value.look(), PytrustError)  # within the old time
        value._retry_at = 0.0
        assert await value.look() is False  # tried, failed, told before
        assert files.reads == 3
        files.error = None
        assert await value.look() is True
        assert value.value == 4

    played(play)


def test_a_failure_is_told_again_where_it_is_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "RETRY_SECONDS", 0.0)

    async def play(files: Files, value: Kept[int]) -> None:
        files.identity, files.error = 2, Damaged("one")
        assert isinstance(await value.look(), Damaged)
        assert await value.look() is False
        files.error = Damaged("another")
        assert isinstance(await value.look(), Damaged)
        files.identity = 3
        assert isinstance(await value.look(), Damaged)
        assert value.value == 1

    played(play)


def test_a_file_system_that_hangs_is_told_once_and_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "PATIENCE_SECONDS", 0.01)

    async def play(files: Files, value: Kept[int]) -> None:
        files.open.clear()
        files.identity = 2
        assert isinstance(await value.look(), Unsound)
        assert await value.look() is False
        files.open.set()
        monkeypatch.setattr(kept, "PATIENCE_SECONDS", 5.0)
        assert await value.look() is True
        assert value.value == 2

    played(play)
