"""What was looked at when a profile was proven: values. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

_SHOWN: Final = 12  # names in one line

Answer = tuple[bool | None, str]
"""Whether it is good, None where that cannot be told; and one line."""


class Check(NamedTuple):
    """One thing that was looked at. ``good`` is None where it could not be, which ``note`` says why."""

    name: str
    good: bool | None
    note: str
    seconds: float


class Proof(NamedTuple):
    """All that was looked at, in order; running the image comes last."""

    checks: tuple[Check, ...]

    @property
    def good(self) -> bool:
        """Nothing that was looked at is bad, and the image was run."""
        return all(check.good is not False for check in self.checks) and self.checks[-1].good is True


def some(names: Sequence[str]) -> str:
    """The first few of them, and how many more there are."""
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
