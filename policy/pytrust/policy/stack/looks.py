"""Values in a Compose file that look like passwords, and stand there in clear: pointed out, never repeated. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pytrust.policy.stack.tree import Alias, Mapping, Node, Scalar, Sequence, Tree

_NAMES: Final = re.compile(
    r"(?i)(?:^|[_.-])(?:pass|passwd|password|passphrase|pwd|secret|token|credentials?|(?:api|access|private|secret)[_-]?key)$"
)
_IN_URL: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]*:([^/\s@]+)@")
_TRIFLES: Final = frozenset({"", "true", "false", "yes", "no", "null", "~"})
_NOTES_MAX: Final = 50


def find_plain(tree: Tree) -> tuple[str, ...]:
    """One sentence for each place, with its line; at most fifty."""
    notes = dict.fromkeys(
        f"line {tree.line(node)}: {name} holds what looks like a password" for name, node in _pairs(tree.root)
    )
    more = len(notes) - _NOTES_MAX
    shown = tuple(notes)[:_NOTES_MAX]
    return (*shown, f"{more} more places hold what looks like a password") if more > 0 else shown


def is_plain(name: str, value: str) -> bool:
    """Whether a setting is a password in clear: not a variable, and not the path of a file."""
    if value.lower() in _TRIFLES or value.startswith(("/", "./", "../")):
        return False
    inside = _IN_URL.search(value)
    return (bool(_NAMES.search(name)) and "$" not in value) or bool(inside and "$" not in inside[1])


def _pairs(node: Node) -> Iterator[tuple[str, Node]]:
    """Settings that are passwords, wherever they stand; what an alias stands for was seen at its anchor."""
    match node:
        case Mapping(entries=entries, merged=merged):
            for key, entry in entries.items():
                if isinstance(entry.value, Scalar) and is_plain(key, entry.value.text):
                    yield key[:60], entry.value
                yield from _pairs(entry.value)
            if merged is not None and not isinstance(merged, Alias):
                yield from _pairs(merged)
        case Sequence(items=items):
            for item in items:
                if isinstance(item, Scalar):
                    name, equals, value = item.text.partition("=")
                    if equals and is_plain(name, value):
                        yield name[:60], item
                yield from _pairs(item)
        case _:
            return
