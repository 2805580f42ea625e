r"""AppArmor's globs: the part that has one reading, read strictly and written in one spelling. Pure.

A glob begins with ``/``. ``?`` is any byte but a slash, ``*`` any number of those, ``**`` any number of bytes,
``[a-z]`` and ``[^a-z]`` one byte (the latter also a slash), ``{a,b}`` one of several. A star that is a whole component
has at least one byte, so that ``/etc/*`` is not ``/etc/``. All else stands for its bytes in UTF-8; ``\ooo`` is a byte
in octal, and ``\*`` a star.

What apparmor_parser (``parser_regex.c``, ``lib.c``, 3.0) reads otherwise than it looks is refused: variables,
other escapes, a bracket or a dash that is not the first in a class, one alternative alone, double slashes, NUL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple, NoReturn, TypeAlias, Union

from pytrust.trust.errors import BadContent
from pytrust.trust.limits import APPARMOR_GLOB_MAX_CHARS, APPARMOR_GLOB_MAX_DEPTH

ANY: Final = (1 << 256) - 2
"""Every byte but NUL, as bits."""
NOT_SLASH: Final = ANY & ~(1 << ord("/"))
_SLASH: Final = ord("/")
_DASH: Final = ord("-")
_PLAIN: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+=:~% ")
_SPECIAL: Final = '*?[]{}^,"\\'
_OCTAL: Final = re.compile(r"[0-3][0-7]{2}")


class Byte(NamedTuple):
    """One byte."""

    value: int


class OneOf(NamedTuple):
    """One byte of those whose bits are set."""

    mask: int


class Many(NamedTuple):
    """Any number of bytes of a set, but not fewer than ``least``."""

    mask: int
    least: int


class Choice(NamedTuple):
    """One of several."""

    options: tuple[tuple[Node, ...], ...]


Node: TypeAlias = Union[Byte, OneOf, Many, Choice]  # noqa: UP007  (refers to itself, so that it is text)
Glob: TypeAlias = tuple[Node, ...]


@lru_cache(maxsize=4096)
def parse_glob(text: str) -> Glob:
    """Read a glob.

    Raises:
        BadContent: it has no reading, or two.
    """
    if len(text) > APPARMOR_GLOB_MAX_CHARS:
        raise _no_glob(text, f"it has more than {APPARMOR_GLOB_MAX_CHARS} characters")
    if not text.startswith("/"):
        raise _no_glob(text, "it does not begin with /")
    reader = _Reader(text)
    nodes = reader.sequence(depth=0)
    if reader.at < len(text):
        reader.fail(f"{text[reader.at]} closes nothing")
    return nodes


def spell_glob(nodes: Glob) -> str:
    """Its one spelling, in ASCII without quotes, which reads the same between the quotes of apparmor_parser."""
    return "".join(_spell(node, nodes[index + 1 : index + 2]) for index, node in enumerate(nodes))


def spell_bytes(data: bytes) -> str:
    """A glob for exactly these bytes."""
    return "".join(chr(byte) if byte in _PLAIN else f"\\{byte:03o}" for byte in data)


def members(mask: int) -> Iterator[int]:
    """The bytes of a set, in order."""
    return (value for value in range(1, 256) if mask >> value & 1)


class _Reader:
    """Goes through the text once."""

    __slots__ = ("at", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def fail(self, why: str) -> NoReturn:
        raise _no_glob(self.text, why)

    def next(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self) -> str:
        taken = self.next()
        self.at += 1
        return taken

    def sequence(self, depth: int) -> Glob:
        nodes: list[Node] = []
        while (char := self.next()) and char not in (",}" if depth else "}"):
            self.at += 1
            for node in self.node(char, nodes[-1:], depth):
                if node == Byte(_SLASH) and nodes[-1:] == [node]:
                    self.fail("no path has two slashes in a row")
                nodes.append(node)
        return tuple(nodes)

    def node(self, char: str, before: list[Node], depth: int) -> Iterator[Node]:
        match char:
            case "*":
                yield self.star(before)
            case "?":
                yield OneOf(NOT_SLASH)
            case "[":
                yield _of_mask(self.of_class())
            case "{":
                yield self.choice(depth + 1)
            case "]":
                self.fail("] closes nothing")
            case "\\":
                yield Byte(self.escape())
            case _:
                yield from map(Byte, self.plain(char))

    def star(self, before: list[Node]) -> Many:
        double = self.next() == "*"
        rest = self.text[self.at :].lstrip("*")
        alone = before == [Byte(_SLASH)] and rest[:1] in {"", "/"}
        self.at += double
        return Many(ANY if double else NOT_SLASH, int(alone))

    def choice(self, depth: int) -> Choice:
        if depth > APPARMOR_GLOB_MAX_DEPTH:
            self.fail(f"braces lie more than {APPARMOR_GLOB_MAX_DEPTH} deep")
        if self.text[: self.at].endswith("@{"):
            self.fail("variables have no meaning here")
        options = [self.sequence(depth)]
        while (end := self.take()) == ",":
            options.append(self.sequence(depth))
        if end != "}" or len(options) == 1:
            self.fail("braces hold two or more alternatives, and are closed")
        return Choice(tuple(options))

    def of_class(self) -> int:
        negated = self.next() == "^"
        self.at += negated
        mask = 1 << _DASH if self.next() == "-" else 0
        self.at += mask > 0
        while self.next() != "]":
            mask |= self.of_range()
        self.at += 1
        if not mask:
            self.fail("a class holds at least one byte")
        return ANY & ~mask if negated else mask

    def of_range(self) -> int:
        low = high = self.of_member()
        if self.next() == "-":
            self.at += 1
            high = self.of_member()
        if high < low:
            self.fail("a range in a class ends before it begins")
        return sum(1 << value for value in range(low, high + 1))

    def of_member(self) -> int:
        char = self.take()
        if char == "\\":
            return self.escape()
        if not char or char in "[]-^*?{}@" or len(encoded := self.plain(char)) > 1:
            self.fail("a class is closed, and holds bytes; others than letters and digits are written in octal")
        return encoded[0]

    def escape(self) -> int:
        if self.next() and self.next() in _SPECIAL:
            return ord(self.take())
        octal = _OCTAL.match(self.text, self.at)
        value = int(octal[0], 8) if octal else 0
        if not value:
            self.fail("a backslash stands before three octal digits of a byte, or before what has a meaning")
        self.at += 3
        return value

    def plain(self, char: str) -> bytes:
        try:
            data = char.encode()
        except UnicodeEncodeError:
            self.fail("bytes that are no UTF-8 are written in octal")
        if data == b"\0":
            self.fail("no path has a NUL")
        return data


def _of_mask(mask: int) -> Node:
    """A class of one byte is that byte; but a star after ``[/]`` is not one after ``/``."""
    single = mask.bit_length() - 1
    return Byte(single) if mask == 1 << single and single != _SLASH else OneOf(mask)


def _no_glob(text: str, why: str) -> BadContent:
    shown = text if len(text) < 100 else f"{text[:97]}..."  # noqa: PLR2004
    return BadContent(f"{shown!r} is no pattern for paths: {why}", hint="see docs/profiles-apparmor.md, Patterns")


def _spell(node: Node, after: Glob) -> str:
    match node:
        case Byte(value):
            is_at = value == ord("@") and any(isinstance(following, Choice) for following in after)
            return "[\\100]" if is_at else spell_bytes(bytes((value,)))
        case OneOf(mask):
            return "?" if mask == NOT_SLASH else _spell_class(mask)
        case Many(mask):
            return "**" if mask == ANY else "*"
        case Choice(options):
            return "{" + ",".join(map(spell_glob, options)) + "}"


def _spell_class(mask: int) -> str:
    """Ranges. A dash is a member of its own and stands first; ``^`` does not, where it would turn the class round.

    A comma stands for itself: escaped, the parser takes the backslash for another member.
    """
    dash = "-" if mask >> _DASH & 1 else ""
    ranges = list(_ranges(mask & ~(1 << _DASH)))
    if not dash and ranges[0][0] == ord("^"):
        low, high = ranges.pop(0)
        ranges = [(high, high), (low, high - 1), *ranges] if low < high else [*ranges, (low, high)]
    return "[" + dash + "".join(_spell_range(*each) for each in ranges) + "]"


def _ranges(mask: int) -> Iterator[tuple[int, int]]:
    start = 0
    for value in range(1, 257):
        inside = mask >> value & 1
        if inside and not start:
            start = value
        elif not inside and start:
            yield start, value - 1
            start = 0


def _spell_range(low: int, high: int) -> str:
    first, last = ("," if value == ord(",") else spell_bytes(bytes((value,))) for value in (low, high))
    return first if low == high else f"{first}-{last}"
