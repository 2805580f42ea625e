"""Reading the journal, also while the proxy writes it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Final, NamedTuple

from pytrust.policy.journal import file
from pytrust.policy.journal.entry import Entry, decode
from pytrust.policy.journal.verify import Verified, verify
from pytrust.trust.chain import Row, broken
from pytrust.trust.database import guarded

_BATCH: Final = 100  # entries; no file stays open while they are looked at, so that the writer can clean up


class Stored(NamedTuple):
    """An entry, its number (from 1), and the hash over everything up to it."""

    seq: int
    entry: Entry
    hash: bytes


class JournalReader:
    """The journal in ``folder``. Every method raises ``NotSetUp`` where there is none, ``Damaged`` for what is none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def entries(self, after: int = 0, limit: int | None = None, *, newest_first: bool = False) -> Iterator[Stored]:
        """The entries with numbers above ``after``, at most ``limit``. Hashes are not checked, see ``verify``."""
        found = file.paths(self._folder)
        ends = [file.first_of(later) for _, later in pairwise(found)] + [file.END]
        wanted = [path for path, end in zip(found, ends, strict=True) if end > after + 1]
        files = reversed(wanted) if newest_first else wanted
        rows = chain.from_iterable(_rows(path, after, newest_first=newest_first) for path in files)
        return map(_stored, islice(rows, limit))

    def entry(self, seq: int) -> Stored | None:
        """One entry, or None where it is not there (yet, or any more)."""
        found = next(self.entries(seq - 1, 1), None)
        return found if found is not None and found.seq == seq else None

    def verify(self, noted: bytes | None = None) -> Verified:
        """Follow the whole chain; ``noted`` is a hash that must be in it.

        Raises:
            Damaged: an entry is not what was written; the sentence names the first. Or ``noted`` is not there.
        """
        return verify(self._folder, noted)


def _rows(path: Path, after: int, *, newest_first: bool) -> Iterator[Row]:
    """The rows of one file, none where it was deleted meanwhile."""
    before = file.END
    while rows := _batch(path, after, before, newest_first=newest_first):
        yield from rows
        edge = rows[-1][0]
        after, before = (after, edge) if newest_first else (edge, before)


def _batch(path: Path, after: int, before: int, *, newest_first: bool) -> list[Row]:
    with guarded(path):
        try:
            with file.reading(path) as opened:
                return opened.between(after, before, _BATCH, newest_first=newest_first)
        except file.Gone:
            return []


def _stored(row: Row) -> Stored:
    seq, entry, digest = row
    if not (isinstance(seq, int) and isinstance(entry, bytes) and isinstance(digest, bytes)):
        raise broken(seq, "is not what was written")
    return Stored(seq, decode(entry), digest)
