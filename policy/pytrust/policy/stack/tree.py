"""A Compose file as a tree that knows where each of its parts stands in the text. Pure.

Compose files have anchors, aliases, merge keys and tags, so they are read here (YAML 1.2; merge keys as YAML 1.1 has
them), but an alias stays one: nothing grows. What has two readings in any case, such as a key that stands twice, is
refused, as is what no honest file needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from pytrust.policy.strictyaml import MAX_BYTES, MAX_DEPTH, MAX_EVENTS, MAX_LINE_CHARS
from pytrust.trust.errors import UsageError

_MERGE: Final = "<<"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Any part: from ``start`` to before ``end``, in characters; ``marked`` where it has an anchor or a tag."""

    start: int
    end: int
    marked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar(Node):
    """A text, a number, or what stands for nothing; ``plain``: without quotes."""

    text: str = field(repr=False)
    plain: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias(Node):
    """The place where an anchor's part stands once more."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence(Node):
    """A list; ``flow``: in brackets."""

    items: tuple[Node, ...]
    flow: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A key with its value; ``start`` is where the key begins."""

    start: int
    value: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping(Node):
    """What stands under keys; ``flow``: in braces. ``merged`` is the value of its merge key."""

    entries: dict[str, Entry]
    merged: Node | None
    flow: bool


@dataclass(frozen=True, slots=True)
class Tree:
    """A whole file."""

    text: str = field(repr=False)
    root: Mapping
    anchors: dict[str, Node] = field(repr=False)
    what: str

    def line(self, node: Node | Entry) -> int:
        """From 1."""
        return self.text.count("\n", 0, node.start) + 1

    def real(self, node: Node | None) -> Node | None:
        """What an alias stands for; anything else itself."""
        while isinstance(node, Alias):
            node = self.anchors[node.name]
        return node

    def find(self, mapping: Mapping, key: str) -> Node | None:
        """The value under ``key``: its own, or one that is merged in."""
        entry = mapping.entries.get(key)
        return self.real(entry.value if entry else self._merged(mapping, key, set()))

    def error(self, node: Node | Entry, text: str, hint: str = "") -> UsageError:
        """For ``node``, with its line."""
        return UsageError(f"{self.what}:{self.line(node)}: {text}", hint=hint)

    def _merged(self, mapping: Mapping, key: str, seen: set[int]) -> Node | None:
        """Each mapping is looked at once, however often it is merged in."""
        source = self.real(mapping.merged)
        for part in map(self.real, source.items if isinstance(source, Sequence) else (source,)):
            if isinstance(part, Mapping) and part.start not in seen:
                seen.add(part.start)
                entry = part.entries.get(key)
                found = entry.value if entry else self._merged(part, key, seen)
                if found is not None:
                    return found
        return None


def read_tree(data: bytes, what: str) -> Tree:
    """Read one document.

    Args:
        data: UTF-8 text.
        what: names the file in errors, which read ``<what>:<line>: <reason>``.

    Raises:
        UsageError: too large, too deep, not UTF-8, not YAML, not a mapping, or with a key that stands twice.
    """
    text = _decode(data, what)
    reader = _Reader(text, what)
    try:
        root = reader.document()
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else reader.line
        raise UsageError(f"{what}:{line}: not YAML", hint="see what docker compose config says") from None
    except (YAMLError, ValueError, OverflowError):  # the reason may quote what stands there
        raise UsageError(f"{what}:{reader.line}: not YAML", hint="see what docker compose config says") from None
    return Tree(text, root, reader.anchors, what)


def _decode(data: bytes, what: str) -> str:
    if len(data) > MAX_BYTES:
        raise UsageError(f"{what} is larger than {MAX_BYTES} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{what}: byte {error.start} is not UTF-8", hint="save it as UTF-8") from None
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line) > MAX_LINE_CHARS:
            raise UsageError(f"{what}:{number}: longer than {MAX_LINE_CHARS} characters")
    return text


class _Reader:
    """Walks the events of one document; ``line`` is where it stands."""

    def __init__(self, text: str, what: str) -> None:
        self._events: Iterator[Any] = YAML(typ="safe", pure=True).parse(text)
        self._text, self._what = text, what
        self._left = MAX_EVENTS
        self.line = 1
        self.anchors: dict[str, Node] = {}

    def document(self) -> Mapping:
        self._next()
        if isinstance(self._next(), StreamEndEvent):
            raise self._error("the file is empty")
        root = self._node(self._next(), 0)
        if not isinstance(root, Mapping):
            raise self._error("there are no keys")
        self._next()
        if not isinstance(self._next(), StreamEndEvent):
            raise self._error("a second document begins", "keep each in a file of its own")
        return root

    def _node(self, event: Any, depth: int) -> Node:  # noqa: ANN401 - the library's events have no types
        if depth > MAX_DEPTH:
            raise self._error(f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, AliasEvent):
            if event.anchor not in self.anchors:
                raise self._error("an alias without its anchor, or within it")
            return Alias(start=event.start_mark.index, end=event.end_mark.index, name=event.anchor)
        node = self._whole(event, depth)
        if event.anchor is not None:
            if event.anchor in self.anchors:
                raise self._error("an anchor stands twice", "call one of them otherwise")
            self.anchors[event.anchor] = node
        return node

    def _whole(self, event: Any, depth: int) -> Node:  # noqa: ANN401 - as above
        marked = event.anchor is not None or event.tag is not None
        start = event.start_mark.index
        if isinstance(event, ScalarEvent):
            end = start + len(self._text[start : event.end_mark.index].rstrip())
            return Scalar(start=start, end=end, marked=marked, text=event.value, plain=event.style is None)
        if isinstance(event, MappingStartEvent):
            return self._mapping(event, marked, depth)
        return self._sequence(event, marked, depth)

    def _mapping(self, begin: Any, marked: bool, depth: int) -> Mapping:  # noqa: ANN401 - as above
        entries: dict[str, Entry] = {}
        merged: Node | None = None
        end = begin.end_mark.index
        while not isinstance(event := self._next(), MappingEndEvent):
            key, start = self._key(event, entries, merged), event.start_mark.index
            value = self._value(event, depth + 1)
            end = value.end
            if key == _MERGE:
                merged = value
            else:
                entries[key] = Entry(start=start, value=value)
        end = event.end_mark.index if begin.flow_style else end
        return Mapping(
            start=begin.start_mark.index,
            end=end,
            marked=marked,
            entries=entries,
            merged=merged,
            flow=bool(begin.flow_style),
        )

    def _value(self, key: Any, depth: int) -> Node:  # noqa: ANN401 - as above
        """What stands after ``key``; where that is nothing, it stands at the colon, not where the next part begins."""
        value = self._node(self._next(), depth)
        if value.end > value.start or isinstance(value, Mapping | Sequence):
            return value
        rest = self._text[key.end_mark.index :]
        if not rest.lstrip(" \t").startswith(":"):
            raise self._error("a key without a colon and a value", "write the colon out")
        place = key.end_mark.index + rest.index(":") + 1
        return replace(value, start=place, end=place)

    def _sequence(self, begin: Any, marked: bool, depth: int) -> Sequence:  # noqa: ANN401 - as above
        items: list[Node] = []
        while not isinstance(event := self._next(), SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        end = items[-1].end if items else begin.end_mark.index
        end = event.end_mark.index if begin.flow_style else end
        return Sequence(
            start=begin.start_mark.index, end=end, marked=marked, items=tuple(items), flow=bool(begin.flow_style)
        )

    def _key(self, event: Any, known: dict[str, Entry], merged: Node | None) -> str:  # noqa: ANN401 - as above
        if not isinstance(event, ScalarEvent):
            raise self._error("a key is not text", "put it in quotes")
        key: str = event.value
        if key in known or (key == _MERGE and merged is not None):
            raise self._error(f"the key {key[:60]!r} stands twice", "keep one of them")
        return key

    def _next(self) -> Any:  # noqa: ANN401 - as above
        event = next(self._events)
        self.line = event.start_mark.line + 1
        self._left -= 1
        if self._left < 0:
            raise self._error(f"more than {MAX_EVENTS} keys and values")
        return event

    def _error(self, text: str, hint: str = "") -> UsageError:
        return UsageError(f"{self._what}:{self.line}: {text}", hint=hint or "see what docker compose config says")
