"""The chain: every entry's hash covers its number, its bytes and the hash before it. Pure.

hash(n) = sha256(domain, hash(n-1), n as 8 bytes, bytes of entry n); before the first entry stands a hash of zeros.
The hash of the last entry therefore stands for the whole journal. Nothing in it is secret: whoever can write the
files can make a new chain, but not one that leads to a hash that somebody noted elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any, Final, NamedTuple

from pytrust.trust.errors import Damaged

_DOMAIN: Final = b"pytrust journal 1\n"
_HINT: Final = "somebody changed it, or the disk fails: keep the folder as it is, and compare it with a copy"


class Link(NamedTuple):
    """An entry's place: its number, and the hash over everything up to it."""

    seq: int
    hash: bytes


ORIGIN: Final = Link(0, bytes(32))
Row = tuple[Any, Any, Any]
"""Number, entry, hash as they lie in a file: they can be anything."""


def extend(link: Link, entry: bytes) -> Link:
    """The place of ``entry`` after ``link``."""
    seq = link.seq + 1
    return Link(seq, sha256(_DOMAIN + link.hash + seq.to_bytes(8, "big") + entry).digest())


def follow(link: Link, rows: Iterable[Row]) -> Iterator[tuple[Link, bytes]]:
    """Every place after ``link`` and its entry; raises ``Damaged`` at the first row that is not what was written."""
    for seq, entry, stored in rows:
        if seq != link.seq + 1:
            raise broken(link.seq + 1, "is missing")
        data = entry if isinstance(entry, bytes) else b""
        link = extend(link, data)
        if link.hash != stored:
            raise broken(link.seq, "is not what was written")
        yield link, data


def check_joint(link: Link, begin: Link) -> None:
    """What stands at the start of a file must be the end of the file before; raises ``Damaged``."""
    if begin.seq > link.seq:
        raise broken(link.seq + 1, "is missing")
    if begin != link:
        raise broken(begin.seq + 1, "does not follow from what stands before it")


def check_end(link: Link, given: int) -> None:
    """The greatest number ever given must be that of the last entry; raises ``Damaged``."""
    if given > link.seq:
        raise broken(link.seq + 1, "is missing")
    if given != link.seq:
        raise broken(link.seq, "was not added by its writer")


def broken(seq: int, how: str) -> Damaged:
    """The sentence for a journal that is not whole."""
    return Damaged(f"the journal is damaged: entry {seq} {how}", hint=_HINT)
