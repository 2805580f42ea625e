"""The roots of a Notary v1 collection: from the one that the pin covers to the newest.

Each is signed by its own keys and by those of the root before it. Only the newest needs certificates that are in time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from pytrust.trust.anchor import covers_notary, untrusted
from pytrust.trust.client.look import Look, nothing_signed
from pytrust.trust.client.source import NOTARY, rotated_too_often
from pytrust.trust.collection.model import ROOT
from pytrust.trust.errors import BadMetadata, Stale
from pytrust.trust.formats.notary.certificates import parse_bundle
from pytrust.trust.formats.notary.checks import require_fresh, require_root, root_keys
from pytrust.trust.formats.notary.files import RootFile, read_root
from pytrust.trust.limits import ROOT_ROTATIONS_MAX
from pytrust.trust.names import CollectionName


class Chain(NamedTuple):
    """Root files, oldest first; ``newest`` is the last of them."""

    files: tuple[bytes, ...]
    newest: RootFile

    def cached(self) -> dict[str, bytes]:
        """The files by the names of the cache."""
        first = self.newest.version - len(self.files) + 1
        return {f"root_history/{number}.root.json": data for number, data in enumerate(self.files, first)}


def open_chain(look: Look) -> Chain:
    """The chain from the first known root that the pin covers, else from what the source has.

    Raises:
        Unsigned: the source has no root.
        UntrustedRoot: the pin covers none.
        BadMetadata, BadSignature, Stale: the chain is broken, or its end is over.
    """
    known = look.known.roots
    start = next((index for index, data in enumerate(known) if _covered(look, data)), None)
    roots = known[start:] if start is not None else _fetched(look)
    chain = Chain((roots[0],), read_root(roots[0]))
    for data in roots[1:]:
        chain = _longer(look.name, chain, data)
    return follow(look, chain)


def follow(look: Look, chain: Chain) -> Chain:
    """Add what the source has since; the last root has to be good now."""
    walked = 0
    while (data := look.fetch(f"{NOTARY}{chain.newest.version + 1}.root.json")) is not None:
        walked += 1
        if walked >= ROOT_ROTATIONS_MAX:
            raise rotated_too_often(look.name)
        chain = _longer(look.name, chain, data)
    _require_current(look.name, chain.newest, look.when.now)
    return chain


def ends(name: CollectionName, root: RootFile) -> datetime:
    """When the root file, or the certificates of too many of its keys, are over."""
    leaves = [parse_bundle(key.public)[0] for key in root_keys(name, root, None)]
    kept = sorted((leaf.not_valid_after_utc for leaf in leaves), reverse=True)
    return min(root.expires, kept[min(root.roles[ROOT].threshold, len(kept)) - 1])


def _longer(name: CollectionName, chain: Chain, data: bytes) -> Chain:
    root = read_root(data)
    require_root(name, root, chain.newest, None)
    return Chain((*chain.files, data), root)


def _covered(look: Look, data: bytes) -> bool:
    return covers_notary(look.pin, look.name, read_root(data), look.when.now)


def _fetched(look: Look) -> list[bytes]:
    """The current root if the pin covers it, else the first that it covers."""
    data = look.fetch(f"{NOTARY}root.json")
    if data is None:
        raise nothing_signed(look.name)
    candidates = _older(look, read_root(data).version)
    found = data if _covered(look, data) else next((older for older in candidates if _covered(look, older)), None)
    if found is None:
        raise untrusted(look.pin, look.name)
    return [found]


def _older(look: Look, version: int) -> Iterator[bytes]:
    for number in range(1, min(version, ROOT_ROTATIONS_MAX)):
        data = look.fetch(f"{NOTARY}{number}.root.json")
        if data is None:
            return
        if read_root(data).version != number:
            raise BadMetadata(f"{number}.root.json of {look.name} is another version of the root")
        yield data


def _require_current(name: CollectionName, root: RootFile, now: datetime) -> None:
    """A root that is good, but for the time of its certificates, is stale."""
    require_root(name, root, None, None)
    require_fresh(name, ROOT, root, now)
    if (end := ends(name, root)) <= now:
        raise Stale(
            f"the certificates of the root keys of {name} ended {end:%Y-%m-%d %H:%M} UTC",
            hint=f"who holds its root key has to give it another: notary key rotate {name} root",
        )
    require_root(name, root, None, now)
