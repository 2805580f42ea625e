"""Where trust starts: the root keys that this host accepts, per image name pattern. Pure.

There is no trust on first use: ``anchor`` accepts the first root file of a collection when pinned keys signed it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from pytrust.trust.errors import UntrustedRoot, UsageError
from pytrust.trust.names import CollectionName, KeyId

_PATTERNS_KEPT: Final = 1024  # compiled; a host's pins and policy have some dozens


@dataclass(frozen=True, slots=True)
class Pin:
    """``threshold`` of ``root_keys`` must have signed the first root of a collection that ``match`` fits."""

    match: str
    root_keys: frozenset[KeyId]
    threshold: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.threshold <= len(self.root_keys):
            raise UsageError(f"the pin for {self.match} wants {self.threshold} of {len(self.root_keys)} root keys")


def matches(pattern: str, name: str) -> bool:
    """Whether an image name fits: ``*`` stands for one path component or a part of it, ``**`` for any rest."""
    return _compiled(pattern).fullmatch(name) is not None


@lru_cache(_PATTERNS_KEPT)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*|\*)", pattern)
    return re.compile("".join({"**": ".*", "*": "[^/]*"}.get(part, re.escape(part)) for part in parts))


def find_pin(pins: Iterable[Pin], name: CollectionName) -> Pin:
    """The first pin that fits; raises ``UntrustedRoot`` where none does."""
    for pin in pins:
        if matches(pin.match, name):
            return pin
    raise UntrustedRoot(
        f"no root key is pinned for {name}", hint="add a [[pins]] entry to config.toml, or: pytrust join URL --root KEY"
    )
