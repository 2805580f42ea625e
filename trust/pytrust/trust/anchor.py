"""From a pin to a trusted root file, and along the chain of roots (TUF specification 5.3). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from pytrust.trust.collection.model import ROOT
from pytrust.trust.errors import BadSignature, UntrustedRoot
from pytrust.trust.formats import tuf
from pytrust.trust.names import CollectionName
from pytrust.trust.pins import Pin


@lru_cache(maxsize=64)
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
