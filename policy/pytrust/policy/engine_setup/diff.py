"""Changes as people read them: a unified diff. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Final

from pytrust.policy.engine_setup.found import Change, State

_TAB: Final = 4  # columns


def diff_lines(change: Change) -> Iterator[str]:
    """The lines of a unified diff, tabs shown as spaces; ``/dev/null`` stands for a file that is not there."""
    before, after = (change.path if state else "/dev/null" for state in (change.before, change.after))
    for line in difflib.unified_diff(_lines(change.before), _lines(change.after), before, after, lineterm=""):
        yield line.expandtabs(_TAB)


def _lines(state: State | None) -> list[str]:
    return state.data.decode("utf-8", "replace").splitlines() if state else []
