"""Argument values that stand for all others, so that two seccomp filters can be compared whole. Pure.

Conditions look at an argument in seven ways only. All values for which every condition of both filters has the same
truth form a region; no filter can tell two values of one region apart, so one of them answers for all. This module
gives one value of each region that has any:

- ``NE LT LE EQ GE GT`` change their truth only between v-1 and v, or between v and v+1. Cutting 0..2**bits there
  leaves intervals in which none of them changes.
- ``MASKED_EQ`` depends on single bits. Each interval is walked from the highest bit down, for all its values at once:
  of two beginnings that touch the interval's ends alike, and have contradicted the same masks, what can follow is the
  same, so one is kept. Where the walk ends, every set of masks that some value of the interval fulfils has a value.

Arguments are independent of each other: the regions of six are the products of each one's. The 32-bit halves that the
kernel's program compares are no regions of their own: it compares the number that they make. On architectures of 32
bits a condition's numbers are cut to their lower half by libseccomp; both readings are kept apart there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import pairwise, product
from math import prod
from typing import NamedTuple

from pytrust.policy.profiles.model import Arg
from pytrust.policy.profiles.names import Op
from pytrust.trust.limits import PROFILE_CASES_MAX


class Budget:
    """How much a comparison may still look at; one unit is about a microsecond."""

    __slots__ = ("_left",)

    def __init__(self, units: int) -> None:
        self._left = units

    def take(self, units: int) -> bool:
        """Whether that much was left; it is gone now."""
        self._left -= units
        return self._left >= 0


class _State(NamedTuple):
    """A beginning of numbers: whether it is still that of the lowest and highest, and which masks it fulfils so far."""

    low: bool
    high: bool
    alive: int


def cases(conditions: Collection[Arg], bits: int, budget: Budget) -> tuple[tuple[int, ...], ...] | None:
    """Six arguments for each combination of regions, or None where there are more than anybody can look at."""
    columns: list[tuple[int, ...]] = []
    for index in range(6):
        column = values([arg for arg in conditions if arg.index == index], bits, budget)
        if column is None:
            return None
        columns.append(column)
    if prod(map(len, columns)) > PROFILE_CASES_MAX:
        return None
    return tuple(product(*columns))


def values(conditions: Collection[Arg], bits: int, budget: Budget) -> tuple[int, ...] | None:
    """One value of each region that conditions on one argument make; None where there are too many."""
    if not conditions:
        return (0,)
    masks = tuple({(mask, datum) for mask, datum in _masks(conditions, 2**bits - 1) if mask})
    cuts = _cuts(conditions, 2**bits)
    if len(cuts) > PROFILE_CASES_MAX or not budget.take(len(cuts) * (len(masks) + 1)):
        return None
    found: list[int] = []
    for low, end in pairwise(cuts):
        inside = _walk(low, end - 1, masks, bits, budget) if masks else [low]
        if inside is None:
            return None
        found.extend(inside)
    return tuple(found)


def _cuts(conditions: Iterable[Arg], end: int) -> list[int]:
    """Where intervals begin, and the end of the last."""
    numbers = {number for arg in conditions if arg.op is not Op.MASKED_EQ for number in (arg.value, arg.value % end)}
    return sorted({0, end, *(cut for number in numbers for cut in (number, number + 1) if cut < end)})


def _masks(conditions: Iterable[Arg], top: int) -> Iterator[tuple[int, int]]:
    """Masks with what must remain. What lies outside the mask can never remain: it makes no region."""
    for arg in conditions:
        if arg.op is Op.MASKED_EQ:
            yield arg.value & top, arg.second & arg.value & top


def _walk(low: int, high: int, masks: tuple[tuple[int, int], ...], bits: int, budget: Budget) -> list[int] | None:
    if low == high:
        return [low]
    states = {_State(low=True, high=True, alive=2 ** len(masks) - 1): 0}
    for position in reversed(range(bits)):
        if not budget.take(6 * len(states) + 2 * len(masks)):
            return None
        keep = [_kept(masks, position, bit) for bit in (0, 1)]
        states = _step(states, (low >> position & 1, high >> position & 1), keep)
    return list({state.alive: value for state, value in states.items()}.values())


def _kept(masks: tuple[tuple[int, int], ...], position: int, bit: int) -> int:
    """The masks, as a set of bits, that a number with ``bit`` at ``position`` does not contradict."""
    return sum(
        1 << order
        for order, (mask, datum) in enumerate(masks)
        if not mask >> position & 1 or datum >> position & 1 == bit
    )


def _step(states: dict[_State, int], ends: tuple[int, int], keep: list[int]) -> dict[_State, int]:
    following: dict[_State, int] = {}
    for (low, high, alive), value in states.items():
        for bit in (0, 1):
            if (low and bit < ends[0]) or (high and bit > ends[1]):
                continue
            state = _State(low and bit == ends[0], high and bit == ends[1], alive & keep[bit])
            following.setdefault(state, value << 1 | bit)
    return following
