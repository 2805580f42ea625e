"""What was found out a moment ago: a bounded memory whose entries end by themselves."""

from __future__ import annotations

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """At most ``size`` values, each for ``age`` seconds; the caller brings the time."""

    def __init__(self, *, size: int, age: float) -> None:
        self._size, self._age = size, age
        self._held: dict[K, tuple[float, V]] = {}

    def get(self, key: K, now: float) -> V | None:
        """The value, unless it is too old."""
        found = self._held.get(key)
        return None if found is None or now - found[0] > self._age else found[1]

    def put(self, key: K, value: V, now: float) -> V:
        """Remember ``value``; the oldest one makes room."""
        self._held.pop(key, None)
        while len(self._held) >= self._size:
            del self._held[next(iter(self._held))]
        self._held[key] = (now, value)
        return value
