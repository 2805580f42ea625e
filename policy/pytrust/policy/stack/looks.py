"""Values in a Compose file that look like passwords, and stand there in clear: pointed out, never repeated. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pytrust.policy.stack.found import Inline, Stack
from pytrust.policy.stack.tree import Alias, Mapping, Node, Scalar, Sequence, Tree

_NAMES: Final = re.compile(
    r"(?i)(?:^|[_.-])(?:pass|passwd|password|passphrase|pwd|secret|token|credentials?|(?:api|access|private|secret)[_-]?key)$"
)
_IN_URL: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]*:([^/\s@]+)@")
_TRIFLES: Final = frozenset({"", "true", "false", "yes", "no", "null", "~"})
_NOTES_MAX: Final = 50
_KEY_CHARS: Final = 60  # shown of a key
_TOLD_CHARS: Final = 4  # what is shorter stands anywhere by chance


def find_plain(tree: Tree) -> tuple[str, ...]:
    """One sentence for each place; at most fifty."""
    notes = tuple(dict.fromkeys(f"{place} holds what looks like a password" for place in _places(tree.root, "")))
    more = len(notes) - _NOTES_MAX
    return (*notes[:_NOTES_MAX], f"{more} more places hold what looks like a password") if more > 0 else notes


def find_left(found: Stack, after: str) -> tuple[str, ...]:
    """One sentence for each value that was moved, and stands in the new text as well: in a remark, in a variable."""
    lines = after.splitlines()
    notes = []
    for moved in found.moved:
        value = moved.origin.value.decode().strip() if isinstance(moved.origin, Inline) else ""
        first = value.partition("\n")[0]
        at = (
            [number for number, line in enumerate(lines, start=1) if first in line] if len(first) >= _TOLD_CHARS else []
        )
        if at:
            notes.append(f"the value of the secret {moved.key} stands in line {at[0]}, too")
    return tuple(notes)


def is_plain(name: str, value: str) -> bool:
    """Whether a setting is a password in clear: not a variable, and not the path of a file."""
    if value.lower() in _TRIFLES or value.startswith(("/", "./", "../")):
        return False
    inside = _IN_URL.search(value)
    return (bool(_NAMES.search(name)) and "$" not in value) or bool(inside and "$" not in inside[1])


def _places(node: Node, where: str) -> Iterator[str]:
    """Where passwords stand, as keys with dots; what an alias stands for was seen at its anchor."""
    match node:
        case Mapping(entries=entries, merged=merged):
            for key, entry in entries.items():
                yield from _setting(key, entry.value, where)
                yield from _places(entry.value, _below(where, key))
            if merged is not None and not isinstance(merged, Alias):
                yield from _places(merged, where)
        case Sequence(items=items):
            for item in items:
                name, equals, value = item.text.partition("=") if isinstance(item, Scalar) else ("", "", "")
                if equals and is_plain(name, value):
                    yield _below(where, name)
                yield from _places(item, where)
        case _:
            return


def _setting(key: str, value: Node, where: str) -> Iterator[str]:
    if isinstance(value, Scalar) and is_plain(key, value.text):
        yield _below(where, key)


def _below(where: str, key: str) -> str:
    return f"{where}.{key[:_KEY_CHARS]}" if where else key[:_KEY_CHARS]
