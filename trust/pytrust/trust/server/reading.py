"""Requests that read: what the backend remembers at once, the rest on threads."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime
from functools import partial
from http import HTTPStatus
from time import monotonic
from typing import TYPE_CHECKING, assert_never

from pytrust.trust.collection.model import TIMESTAMP
from pytrust.trust.limits import PAGE_ROWS_MAX, PAGE_SECONDS, READ_THREADS, READS_MAX
from pytrust.trust.server import answers
from pytrust.trust.server.feed import encode_changes, parse_window
from pytrust.trust.server.lane import Lane
from pytrust.trust.server.meter import Meter, Tally
from pytrust.trust.server.page import render_page
from pytrust.trust.server.routes import ByChecksum, ByVersion, Current, Feed, Health, Page, Read, TufFile

if TYPE_CHECKING:
    from starlette.responses import Response

    from pytrust.trust.server.backend import Backend


class Reading:
    """Answers to those who may read.

    Args:
        backend: what is read.
        meter: counts how old timestamps are.
        now: the clock, UTC.
    """

    def __init__(self, backend: Backend, meter: Meter, now: Callable[[], datetime]) -> None:
        self._backend = backend
        self._meter = meter
        self._now = now
        self._lane = Lane("read", READ_THREADS, READS_MAX)
        self._page: tuple[float, Response] | None = None
        self._drawing = asyncio.Lock()

    async def answer(self, route: Read, query: bytes) -> Response:
        """The answer; raises ``PytrustError``."""
        match route:
            case Current():
                answering = self._current(route)
            case ByChecksum():
                answering = self._by_checksum(route)
            case ByVersion():
                answering = self._by_version(route)
            case TufFile():
                answering = self._tuf_file(route)
            case Feed(gun):
                answering = self._changes(gun, query)
            case Health():
                answering = self._health()
            case Page():
                answering = self._draw_page()
            case _:
                assert_never(route)
        return await answering

    def close(self) -> None:
        """Wait for what was begun."""
        self._lane.close()

    async def _current(self, route: Current) -> Response:
        """The newest file of a role."""
        gun, role = route.gun, route.role
        served = self._backend.remembered(gun, role, None)
        if served is None:
            served = await self._lane.run(partial(self._backend.current, gun, role))
        if served is not None and role == TIMESTAMP:
            self._meter.add(Tally.TIMESTAMPS)
            self._meter.add(Tally.TIMESTAMP_AGE, max(0.0, (self._now() - served.published).total_seconds()))
        return answers.metadata(served, consistent=False)

    async def _by_checksum(self, route: ByChecksum) -> Response:
        """One file, by its content."""
        gun, role, sha256 = route.gun, route.role, route.sha256
        served = self._backend.remembered(gun, role, sha256)
        if served is None:
            served = await self._lane.run(partial(self._backend.by_checksum, gun, role, sha256))
        return answers.metadata(served, consistent=True)

    async def _by_version(self, route: ByVersion) -> Response:
        """One file, by its version."""
        read = partial(self._backend.at_version, route.gun, route.role, route.version)
        return answers.metadata(await self._lane.run(read), consistent=True)

    async def _tuf_file(self, route: TufFile) -> Response:
        """A TUF 1.0 file."""
        return answers.tuf_file(await self._lane.run(partial(self._backend.tuf_file, route.name, route.file)))

    async def _changes(self, gun: str | None, query: bytes) -> Response:
        """The changefeed."""
        window = parse_window(query)
        found = await self._lane.run(partial(self._backend.changes, gun, *window))
        return answers.document(encode_changes(found))

    async def _health(self) -> Response:
        """Whether the backend is well, by check."""
        wrong = await self._lane.run(self._backend.health)
        status = HTTPStatus.SERVICE_UNAVAILABLE if wrong else HTTPStatus.OK
        return answers.document(json.dumps(wrong).encode(), status=status)

    async def _draw_page(self) -> Response:
        """The page for people, made once for all who ask within half a minute."""
        async with self._drawing:
            if self._page is None or monotonic() >= self._page[0]:
                rows = await self._lane.run(partial(self._backend.overview, PAGE_ROWS_MAX + 1))
                page = answers.page(render_page(rows, PAGE_ROWS_MAX, self._now()))
                self._page = monotonic() + PAGE_SECONDS, page
            return self._page[1]
