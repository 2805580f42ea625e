"""Single flight: what many threads want at once is made by one of them, and kept for a while."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from time import monotonic
from typing import Final, Generic, TypeVar

from pytrust.trust.errors import PytrustError, TooSlow
from pytrust.trust.http import Deadline

K = TypeVar("K")
V = TypeVar("V")

KEPT_MAX: Final = 1024  # values; the oldest goes first


class _Flight(Generic[V]):
    def __init__(self) -> None:
        self.landed = threading.Event()
        self.value: list[V] = []  # empty until made, and when making failed
        self.error: PytrustError | None = None
        self.end = math.inf


class Once(Generic[K, V]):
    """Values by key, each made by one thread while the others wait; a failure is shared by those who waited only."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[K, _Flight[V]] = {}

    def get(self, key: K, make: Callable[[], tuple[V, float]], deadline: Deadline) -> V:
        """The value for ``key``.

        Args:
            key: names the value.
            make: makes it; gives the value and for how many seconds it may be used.
            deadline: of this caller; waiting for another thread ends with it.

        Raises:
            TooSlow: the deadline passed while waiting; besides whatever ``make`` raises.
        """
        while True:
            flight, mine = self._board(key)
            if mine:
                return self._fly(key, flight, make)
            if not flight.landed.wait(deadline.remaining("the registry")):
                continue
            if flight.value:
                return flight.value[0]
            if flight.error is not None:
                raise flight.error

    def forget(self, key: K, value: V) -> None:
        """Drop ``value``, unless another has taken its place already."""
        with self._lock:
            flight = self._flights.get(key)
            if flight is not None and flight.value == [value]:
                del self._flights[key]

    def _board(self, key: K) -> tuple[_Flight[V], bool]:
        with self._lock:
            flight = self._flights.pop(key, None)
            mine = flight is None or flight.end <= monotonic()
            if flight is None or mine:
                flight = _Flight()
                self._make_room()
            self._flights[key] = flight
            return flight, mine

    def _make_room(self) -> None:
        while len(self._flights) >= KEPT_MAX:
            del self._flights[next(iter(self._flights))]

    def _fly(self, key: K, flight: _Flight[V], make: Callable[[], tuple[V, float]]) -> V:
        try:
            value, seconds = make()
        except BaseException as error:
            # Our deadline is not theirs: after TooSlow, as after an interrupt, those who wait try for themselves.
            if isinstance(error, PytrustError) and not isinstance(error, TooSlow):
                flight.error = error
            with self._lock:
                if self._flights.get(key) is flight:
                    del self._flights[key]
            raise
        else:
            flight.end = monotonic() + seconds
            flight.value = [value]
            return value
        finally:
            flight.landed.set()
