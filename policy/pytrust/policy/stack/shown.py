"""What changes in a Compose file, as people read it, without the values that leave it. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Final

from pytrust.policy.stack.edit import Edit, apply
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
    secrets = tree.find(tree.root, "secrets")
    for moved in found.moved:
        definition = tree.find(secrets, moved.key) if isinstance(secrets, Mapping) else None
        value = tree.find(definition, "content") if isinstance(definition, Mapping) else None
        if isinstance(moved.origin, Inline) and value is not None:
            yield Edit(value.start, value.end, _HIDDEN)
