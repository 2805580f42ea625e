"""Where trust starts: the root keys that this host accepts, per image name pattern. Pure.

There is no trust on first use. The first root file of a collection is accepted when pinned keys signed it; from there
every later root is reached through the chain that TUF prescribes (specification 5.3).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pytrust.trust.collection.model import ROOT
from pytrust.trust.errors import BadSignature, UntrustedRoot, UsageError
from pytrust.trust.formats import tuf
from pytrust.trust.names import CollectionName, KeyId


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
    parts = re.split(r"(\*\*|\*)", pattern)
    expression = "".join({"**": ".*", "*": "[^/]*"}.get(part, re.escape(part)) for part in parts)
    return re.fullmatch(expression, name) is not None


def find_pin(pins: Iterable[Pin], name: CollectionName) -> Pin:
    """The first pin that fits; raises ``UntrustedRoot`` where none does."""
    for pin in pins:
        if matches(pin.match, name):
            return pin
    raise UntrustedRoot(
        f"no root key is pinned for {name}", hint="add a [[pins]] entry to config.toml, or: pytrust join URL --root KEY"
    )


@lru_cache(maxsize=1024)
def covers(pin: Pin, name: CollectionName, root: bytes) -> bool:
    """Whether a root file is signed by itself and by enough pinned keys; raises ``BadMetadata`` for a malformed one."""
    authority = tuf.read_root(name, root).authorities[ROOT]
    signers = tuf.signed_by(name, ROOT, root, authority)
    return len(signers) >= authority.threshold and len(signers & pin.root_keys) >= pin.threshold


def require_anchor(pin: Pin, name: CollectionName, roots: Sequence[bytes]) -> int:
    """The index of the first of ``roots`` (oldest first) that the pin covers; raises ``UntrustedRoot``."""
    for index, root in enumerate(roots):
        if covers(pin, name, root):
            return index
    wanted = ", ".join(sorted(key[:12] for key in pin.root_keys))
    raise UntrustedRoot(
        f"no root of {name} is signed by the keys pinned for {pin.match} ({wanted}...)",
        hint="compare with its owner's root key: pytrust key list; if it changed for good, change the pin",
    )


def walk_roots(name: CollectionName, roots: Sequence[bytes]) -> bytes:
    """Follow the chain from a trusted root to the last; raises ``BadSignature`` at the first broken link."""
    trusted = roots[0]
    for data in roots[1:]:
        old, new = tuf.read_root(name, trusted), tuf.read_root(name, data)
        for authority in (old.authorities[ROOT], new.authorities[ROOT]):
            if len(tuf.signed_by(name, ROOT, data, authority)) < authority.threshold:
                raise BadSignature(
                    f"root {new.version} of {name} is not signed by enough keys of its predecessor and itself"
                )
        if new.version != old.version + 1:
            raise BadSignature(f"root {old.version} of {name} is followed by {new.version}")
        trusted = data
    return trusted
