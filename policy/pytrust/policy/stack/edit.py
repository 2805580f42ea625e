"""Changes to a text by the places of its parts, so that all else stays as it is, to the byte. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pytrust.policy.stack.tree import Entry, Mapping, Node, Sequence, Tree


class Edit(NamedTuple):
    """What stands from ``start`` to before ``end`` becomes ``text``."""

    start: int
    end: int
    text: str = ""


def apply(text: str, edits: Iterable[Edit]) -> str:
    """All of them; they do not overlap."""
    for edit in sorted(edits, reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def newline(tree: Tree) -> str:
    """How its lines end."""
    return "\r\n" if "\r\n" in tree.text else "\n"


def indent(tree: Tree, place: int) -> str:
    """The spaces before the line's first word."""
    line = tree.text[_line_start(tree, place) :]
    return line[: len(line) - len(line.lstrip(" "))]


def lines(tree: Tree, part: Entry | Node, *, before: str = "") -> Edit:
    """The whole lines of ``part``, without replacement.

    Args:
        tree: the file.
        part: a key with its value, or an item of a list.
        before: what stands before it on its first line, spaces aside: ``-`` for an item.

    Raises:
        UsageError: it shares a line with something else.
    """
    start, stop = _line_start(tree, part.start), part.value.end if isinstance(part, Entry) else part.end
    end = line_end(tree, stop)
    beside = tree.text[stop:end].strip()
    if tree.text[start : part.start].strip() != before or (beside and not beside.startswith("#")):
        raise unclear(tree, part)
    return Edit(start, end)


def insert_line(tree: Tree, place: int, text: str) -> Edit:
    """A new line before the one of ``place``, indented as it is."""
    start = _line_start(tree, place)
    return Edit(start, start, f"{indent(tree, place)}{text}{newline(tree)}")


def insert_in_flow(node: Mapping | Sequence, text: str) -> Edit:
    """A new first part within braces or brackets."""
    place = node.start + 1
    filled = bool(node.items) if isinstance(node, Sequence) else bool(node.entries or node.merged)
    return Edit(place, place, f"{text}, " if filled else text)


def unclear(tree: Tree, part: Entry | Node) -> Exception:
    """Refuses a layout that no edit of ours fits."""
    return tree.error(part, "this cannot be rewritten as it is laid out", "give each key a line of its own")


def _line_start(tree: Tree, place: int) -> int:
    return tree.text.rfind("\n", 0, place) + 1


def line_end(tree: Tree, place: int) -> int:
    """After the end of the line of ``place``."""
    return tree.text.find("\n", place) + 1 or len(tree.text)
