"""YAML 1.2 from outside, read strictly and within bounds, with the line of every key and item. Pure.

Two readers that understand one file differently are an attack, and a policy that means something else than it seems
to say is a hole. So whatever has more than one reading is refused: duplicate keys, anchors and aliases, merge keys,
tags, directives, a second document, numbers that are not plain whole or decimal ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from pytrust.trust.errors import UsageError

MAX_BYTES: Final = 1024 * 1024  # some 5,000 image rules
MAX_LINE_CHARS: Final = 10_000  # the scanner's time grows with the square of one token
MAX_DEPTH: Final = 16  # nesting; deepest honest file: 6
MAX_EVENTS: Final = 50_000  # values, keys, starts and ends: about a second

_HINT = "it is YAML 1.2: indent with spaces, and put text with special characters in quotes"
_WORDS: Final[Mapping[str, bool | None]] = {  # YAML 1.2.2, section 10.3.2, as are numbers
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_HALF = re.compile("[\ud800-\udfff]")
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")  # fits 64 bits
_DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,5})\.[0-9]{1,9}")  # 15 digits: a float's shortest spelling is as written
_NUMBER = re.compile(
    r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)

Path = tuple[str | int, ...]


class Tree(NamedTuple):
    """``value``: dict, list, str, int, float, bool or None; ``lines`` (from 1) of every key and item by its path."""

    value: Any
    lines: Mapping[Path, int]


def parse_yaml(data: bytes, *, what: str) -> Tree:
    """Read one document.

    Args:
        data: UTF-8 text.
        what: names the file in errors, which read ``<what>:<line>: <reason>``.

    Raises:
        UsageError: too large, too deep, not UTF-8, not YAML, or with more than one reading.
    """
    text = _decode(data, what)
    reader = _Reader(text, what)
    try:
        return Tree(reader.document(), reader.lines)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else reader.line
        raise UsageError(f"{what}:{line}: not YAML: {error.problem or error.context}", hint=_HINT) from error
    except (YAMLError, ValueError, OverflowError) as error:  # characters and escapes that are none
        reason = str(error).partition("\n")[0]
        raise UsageError(f"{what}:{reader.line}: not YAML: {reason[:200]}", hint=_HINT) from error


def _decode(data: bytes, what: str) -> str:
    if len(data) > MAX_BYTES:
        raise UsageError(f"{what} is larger than {MAX_BYTES} bytes", hint="write fewer rules, with wider patterns")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{what}: byte {error.start} is not UTF-8", hint="save it as UTF-8") from error
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line) > MAX_LINE_CHARS:
            raise UsageError(f"{what}:{number}: longer than {MAX_LINE_CHARS} characters", hint="break the line")
    return text


class _Reader:
    """Walks the events of one document; ``line`` is where it stands."""

    def __init__(self, text: str, what: str) -> None:
        self._events: Iterator[Event] = YAML(typ="safe", pure=True).parse(text)
        self._what = what
        self._left = MAX_EVENTS
        self.line = 1
        self.lines: dict[Path, int] = {}

    def document(self) -> Any:  # noqa: ANN401 - any document
        self._next()
        start = self._next()
        if isinstance(start, StreamEndEvent):
            raise self._error("the file is empty", "begin with: version: 1")
        if start.version is not None or start.tags:
            raise self._error("directives (%) are not accepted", "leave the line out")
        value = self._value(self._next(), ())
        self._next()
        if not isinstance(self._next(), StreamEndEvent):
            raise self._error("a second document begins", "keep everything in one, without ---")
        return value

    def _value(self, event: Event, path: Path) -> Any:  # noqa: ANN401 - any value
        self.lines.setdefault(path, self.line)
        if len(path) > MAX_DEPTH:
            raise self._error(f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(path)
        return self._scalar(event)

    def _mapping(self, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        while not isinstance(event := self._next(), MappingEndEvent):
            key = self._key(event, result)
            self.lines[*path, key] = self.line
            result[key] = self._value(self._next(), (*path, key))
        return result

    def _sequence(self, path: Path) -> list[Any]:
        result: list[Any] = []
        while not isinstance(event := self._next(), SequenceEndEvent):
            result.append(self._value(event, (*path, len(result))))
        return result

    def _key(self, event: Event, known: Mapping[str, Any]) -> str:
        key = self._scalar(event) if isinstance(event, ScalarEvent) else None
        if not isinstance(key, str):
            raise self._error("a key is not text", "put it in quotes")
        if key == "<<":
            raise self._error("merge keys (<<) are not accepted", "write the keys out")
        if key in known:
            raise self._error(f"the key {key[:60]!r} stands twice", "keep one of them")
        return key

    def _scalar(self, event: Any) -> str | float | bool | None:  # noqa: ANN401 - a scalar event; the library has no types
        text: str = event.value
        if not text.isascii() and _HALF.search(text):  # two escapes of JSON for one character are two here
            raise self._error("half a character stands alone", "write \\U and eight digits, or the character itself")
        if event.style is not None:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            return int(text)
        if _DECIMAL.fullmatch(text):
            return float(text)
        if _NUMBER.fullmatch(text):
            raise self._error(f"{text[:60]} is not a plain number", "write it so, or put it in quotes as text")
        return text

    def _next(self) -> Any:  # noqa: ANN401 - the library's events have no types
        event = next(self._events)
        self.line = event.start_mark.line + 1
        self._left -= 1
        if self._left < 0:
            raise self._error(f"more than {MAX_EVENTS} keys and values", "write fewer rules, with wider patterns")
        if getattr(event, "anchor", None) is not None:
            raise self._error("anchors and aliases (& and *) are not accepted", "write the value out, or quote it")
        if getattr(event, "tag", None) is not None:
            raise self._error("tags (!) are not accepted", "leave the tag out, or put the value in quotes")
        return event

    def _error(self, text: str, hint: str = "") -> UsageError:
        return UsageError(f"{self._what}:{self.line}: {text}", hint=hint or _HINT)
