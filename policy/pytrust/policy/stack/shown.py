"""What changes in a Compose file, as people read it, without the values that leave it. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Final

from pytrust.policy.stack.edit import Edit, apply, line_end
from pytrust.policy.stack.found import Inline, Stack
from pytrust.policy.stack.tree import Mapping, Tree

_HIDDEN: Final = "(hidden)"
_TAB: Final = 4  # columns


def diff_lines(tree: Tree, found: Stack, after: bytes) -> Iterator[str]:
    """A unified diff of nothing but the lines that change: those around may hold values, too."""
    before = apply(tree.text, _hiding(tree, found)).splitlines()
    new = after.decode().splitlines()
    for line in difflib.unified_diff(before, new, tree.what, tree.what, lineterm="", n=0):
        yield line.expandtabs(_TAB)


def _hiding(tree: Tree, found: Stack) -> Iterator[Edit]:
    """Whole definitions, to the ends of their lines: a remark beside a value may hold an old one."""
    secrets = tree.find(tree.root, "secrets")
    entries = secrets.entries if isinstance(secrets, Mapping) else {}
    end = 0
    for entry in [entries[moved.key] for moved in found.moved if isinstance(moved.origin, Inline)]:
        if entry.start >= end:
            key = tree.text[entry.start :].partition(":")[0]
            end = line_end(tree, entry.value.end)
            yield Edit(entry.start, end, f"{key}: {_HIDDEN}\n")
