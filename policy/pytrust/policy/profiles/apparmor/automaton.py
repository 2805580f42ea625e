"""What globs match, decided exactly: automata over bytes. Pure.

Whether one glob takes in another is decided by walking both at once (subset construction), within a bound: what is too
large to be decided is answered with no.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from pytrust.policy.profiles.apparmor.glob import NOT_SLASH, Byte, Choice, Glob, Many, OneOf, parse_glob
from pytrust.trust.limits import APPARMOR_STEPS_MAX

_States = frozenset[int]
_NOTHING: Final[_States] = frozenset()


class Automaton(NamedTuple):
    """States by number: where each goes with a byte of a set, and where without any."""

    arcs: tuple[tuple[tuple[int, int], ...], ...]
    free: tuple[tuple[int, ...], ...]
    start: int
    final: int

    def closure(self, states: Iterable[int]) -> _States:
        """These, and all that are reached from them without a byte."""
        found, todo = set[int](), list(states)
        while todo:
            state = todo.pop()
            if state not in found:
                found.add(state)
                todo += self.free[state]
        return frozenset(found)

    def begin(self) -> _States:
        """Where it is before the first byte."""
        return self.closure((self.start,))

    def step(self, states: _States, mask: int) -> _States:
        """Where the bytes of ``mask`` lead, which no arc tells apart."""
        return self.closure(goal for state in states for bits, goal in self.arcs[state] if bits & mask)


@lru_cache(maxsize=2048)
def automaton(globs: tuple[str, ...]) -> Automaton:
    """What any of the globs matches; raises ``BadContent`` where one has no reading."""
    builder = _Builder()
    start, final = builder.state(), builder.state()
    for glob in globs:
        builder.free[builder.chain(parse_glob(glob), start)].append(final)
    return Automaton(tuple(map(tuple, builder.arcs)), tuple(map(tuple, builder.free)), start, final)


def matches(glob: str, path: bytes) -> bool:
    """Whether the glob covers the path; raises ``BadContent`` where it has no reading."""
    machine = automaton((glob,))
    states = machine.begin()
    for byte in path:
        states = machine.step(states, 1 << byte)
        if not states:
            return False
    return machine.final in states


def includes(wide: tuple[str, ...], narrow: str) -> bool:
    """Whether every path that ``narrow`` covers is covered by one of ``wide``.

    A no may be wrong, where it takes too long to find out; a yes is not. Raises ``BadContent`` for a glob without a
    reading.
    """
    inner, outer = automaton((narrow,)), automaton(wide)
    todo = [(state, outer.begin()) for state in inner.begin()]
    seen, work = set(todo), 0
    while todo:
        state, states = todo.pop()
        work += len(states)
        if (state == inner.final and outer.final not in states) or work > APPARMOR_STEPS_MAX:
            return False
        found = {pair for pair in _next(inner, outer, state, states) if pair not in seen}
        seen |= found
        todo += found
    return True


def overlap(one: str, other: str) -> bool:
    """Whether some path is covered by both; a yes may be wrong, where it takes too long to find out, a no is not.

    Raises ``BadContent`` for a glob without a reading.
    """
    inner, outer = automaton((one,)), automaton((other,))
    todo = [(state, outer.begin()) for state in inner.begin()]
    seen, work = set(todo), 0
    while todo and work <= APPARMOR_STEPS_MAX:
        state, states = todo.pop()
        work += len(states)
        if state == inner.final and outer.final in states:
            return True
        found = {pair for pair in _next(inner, outer, state, states) if pair[1] and pair not in seen}
        seen |= found
        todo += found
    return bool(todo)


def _next(inner: Automaton, outer: Automaton, state: int, states: _States) -> Iterator[tuple[int, _States]]:
    for mask, goal in inner.arcs[state]:
        for block in _blocks(mask, outer, states):
            after = outer.step(states, block)
            yield from ((reached, after) for reached in inner.closure((goal,)))


def _blocks(mask: int, outer: Automaton, states: _States) -> list[int]:
    """``mask`` in parts that no arc of ``states`` tells apart."""
    blocks = [mask]
    for bits in {bits for state in states for bits, _ in outer.arcs[state]}:
        blocks = [part for block in blocks for part in (block & bits, block & ~bits) if part]
    return blocks


class _Builder:
    """Thompson's construction."""

    __slots__ = ("arcs", "free")

    def __init__(self) -> None:
        self.arcs: list[list[tuple[int, int]]] = []
        self.free: list[list[int]] = []

    def state(self) -> int:
        self.arcs.append([])
        self.free.append([])
        return len(self.arcs) - 1

    def arc(self, source: int, mask: int) -> int:
        goal = self.state()
        self.arcs[source].append((mask, goal))
        return goal

    def chain(self, nodes: Glob, source: int) -> int:
        """The nodes one after the other, from ``source``; returns where they end."""
        for node in nodes:
            match node:
                case Byte(value):
                    source = self.arc(source, 1 << value)
                case OneOf(mask):
                    source = self.arc(source, mask)
                case Many(mask, least):
                    source = self.many(source, mask, least)
                case Choice(options):
                    source = self.choice(source, options)
        return source

    def many(self, source: int, mask: int, least: int) -> int:
        if least:  # the byte that makes a component of it is no slash, even of **
            source = self.arc(source, mask & NOT_SLASH)
        loop = self.state()
        self.free[source].append(loop)
        self.arcs[loop].append((mask, loop))
        return loop

    def choice(self, source: int, options: tuple[Glob, ...]) -> int:
        end = self.state()
        for option in options:
            self.free[self.chain(option, source)].append(end)
        return end
