"""Whether every path that one AppArmor glob matches is matched by one of others. Pure.

Globs are regular: both sides are read byte by byte at once, the first as single states of its automaton, the others as
the set of all states that they can be in. Where the first can end and none of the others can, there is a path that is
not covered. Bytes that take every state the same way are taken together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, TypeAlias

from pytrust.policy.profiles.apparmor.glob import ANY, NOT_SLASH, Byte, Choice, Glob, Many, Node, OneOf
from pytrust.trust.limits import GLOB_STATES_MAX

States: TypeAlias = frozenset[int]
_END: Final = 0


class _Place(NamedTuple):
    """How far a path was read: where the first glob is, and where all others can be."""

    state: int
    ours: States
    after_slash: bool


class Automaton:
    """States of globs. State 0 is where all of them end; an edge is a set of bytes (as bits) and where it leads."""

    __slots__ = ("edges", "empty")

    def __init__(self) -> None:
        self.edges: list[list[tuple[int, int]]] = [[]]
        self.empty: list[list[int]] = [[]]

    def add(self, glob: Glob, end: int = _END) -> int:
        """The state where ``glob`` begins."""
        for node in reversed(glob):
            end = self._node(node, end)
        return end

    def _node(self, node: Node, end: int) -> int:
        match node:
            case Byte(value):
                return self._state(edges=[(1 << value, end)])
            case OneOf(mask):
                return self._state(edges=[(mask, end)])
            case Many(mask, least):
                return self._many(mask, least, end)
            case Choice(options):
                return self._state(empty=[self.add(option, end) for option in options])

    def _many(self, mask: int, least: int, end: int) -> int:
        """A star that is a whole component does not begin with a slash, not even a double one."""
        loop = self._state(empty=[end])
        self.edges[loop].append((mask, loop))
        return self._state(edges=[(mask & NOT_SLASH, loop)]) if least else loop

    def _state(self, edges: list[tuple[int, int]] | None = None, empty: list[int] | None = None) -> int:
        self.edges.append(edges or [])
        self.empty.append(empty or [])
        return len(self.edges) - 1

    def closure(self, states: Iterable[int]) -> States:
        """These states, and where they lead without a byte."""
        seen, open_ = set(states), list(states)
        while open_:
            for state in self.empty[open_.pop()]:
                if state not in seen:
                    seen.add(state)
                    open_.append(state)
        return frozenset(seen)


class Cover:
    """Globs that together may cover others."""

    def __init__(self, globs: Iterable[Glob]) -> None:
        self._ours = Automaton()
        self._start = self._ours.closure([self._ours.add(glob) for glob in globs])
        self._moves: dict[tuple[States, int], States] = {}

    def covers(self, glob: Glob) -> bool:
        """Whether each path of ``glob`` is one of ours; no, where that would take too long to find out."""
        theirs = Automaton()
        first = {_Place(state, self._start, after_slash=False) for state in theirs.closure([theirs.add(glob)])}
        seen, open_ = set(first), list(first)
        while open_:
            place = open_.pop()
            if (place.state == _END and _END not in place.ours) or len(seen) > GLOB_STATES_MAX:
                return False
            following = set(self._following(theirs, place)) - seen
            seen |= following
            open_ += following
        return True

    def _following(self, theirs: Automaton, place: _Place) -> Iterator[_Place]:
        """The kernel makes no path with two slashes in a row."""
        for mask, target in theirs.edges[place.state]:
            for part in self._parts(mask & (NOT_SLASH if place.after_slash else ANY), place.ours):
                after = self._move(place.ours, part)
                slash = not part & NOT_SLASH
                yield from (_Place(reached, after, slash) for reached in theirs.closure([target]))

    def _parts(self, mask: int, ours: States) -> set[int]:
        """``mask`` in parts that no edge of ours divides."""
        parts = {piece for piece in (mask & NOT_SLASH, mask & ~NOT_SLASH) if piece}
        for edge, _ in {edge for state in ours for edge in self._ours.edges[state]}:
            parts = {piece for part in parts for piece in (part & edge, part & ~edge) if piece}
        return parts

    def _move(self, ours: States, part: int) -> States:
        if (ours, part) not in self._moves:
            targets = [target for state in ours for mask, target in self._ours.edges[state] if mask & part]
            self._moves[ours, part] = self._ours.closure(targets)
        return self._moves[ours, part]
