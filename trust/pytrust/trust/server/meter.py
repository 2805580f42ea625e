"""What the server counts, as one row of numbers. Pure.

Every process counts in a row of its own; the sum of the rows is what Prometheus is told. A row has a fixed layout, so
that it can lie in memory that processes share.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from enum import IntEnum
from math import inf
from typing import Final, Protocol

from pytrust.trust.server.routes import OPERATIONS

STATUSES: Final = (200, 301, 400, 401, 404, 405, 408, 500, 503)
BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, inf)
"""Upper ends, seconds."""
_STATUS_AT: Final = {status: place for place, status in enumerate(STATUSES)}
_WIDTH: Final = len(STATUSES) + len(BUCKETS) + 2
_BUCKET_AT: Final = len(STATUSES)
_SECONDS_AT: Final = _BUCKET_AT + len(BUCKETS)
_BYTES_AT: Final = _SECONDS_AT + 1
_OPERATION_AT: Final = {operation: place * _WIDTH for place, operation in enumerate(OPERATIONS)}
_REST_AT: Final = len(OPERATIONS) * _WIDTH


class Tally(IntEnum):
    """What is counted beside requests."""

    PUBLISHED = 0
    REFUSED = 1
    FAILED = 2
    TIMESTAMPS = 3
    TIMESTAMP_AGE = 4


ROW_LENGTH: Final = _REST_AT + len(Tally)


class Row(Protocol):
    """Numbers that can be changed in place: a list, or shared memory."""

    def __getitem__(self, place: int, /) -> float: ...

    def __setitem__(self, place: int, value: float, /) -> None: ...


class Meter:
    """Counts into a row of ``ROW_LENGTH`` numbers; one thread writes it."""

    def __init__(self, row: Row) -> None:
        self._row = row

    def request(self, operation: str, status: int, seconds: float, size: int) -> None:
        """One request, its answer's status and length, and how long it took."""
        start, row = _OPERATION_AT[operation], self._row
        row[start + _STATUS_AT.get(status, _STATUS_AT[500])] += 1
        row[start + _BUCKET_AT + bisect_left(BUCKETS, seconds)] += 1
        row[start + _SECONDS_AT] += seconds
        row[start + _BYTES_AT] += size

    def add(self, tally: Tally, amount: float = 1) -> None:
        """One of something else, or some of it."""
        self._row[_REST_AT + tally] += amount


class Counted:
    """A row that is only read: the sum of those of all processes."""

    def __init__(self, row: Sequence[float]) -> None:
        self._row = row

    def requests(self, operation: str) -> dict[int, int]:
        """How many, by status."""
        start = _OPERATION_AT[operation]
        return {status: int(self._row[start + place]) for status, place in _STATUS_AT.items()}

    def buckets(self, operation: str) -> list[int]:
        """How many took no longer than each of ``BUCKETS``."""
        start, total, found = _OPERATION_AT[operation] + _BUCKET_AT, 0, []
        for count in self._row[start : start + len(BUCKETS)]:
            total += int(count)
            found.append(total)
        return found

    def seconds(self, operation: str) -> float:
        """How long they took, all together."""
        return self._row[_OPERATION_AT[operation] + _SECONDS_AT]

    def size(self, operation: str) -> int:
        """The bytes of all answers."""
        return int(self._row[_OPERATION_AT[operation] + _BYTES_AT])

    def of(self, tally: Tally) -> float:
        """What else was counted."""
        return self._row[_REST_AT + tally]
