"""Reading the journal, also while the proxy writes it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Final, NamedTuple

from pytrust.policy.journal import file
from pytrust.policy.journal.coding import decode, names
from pytrust.policy.journal.documents import Shelf
from pytrust.policy.journal.entry import Entry
from pytrust.policy.journal.verify import Verified, verify
from pytrust.trust.chain import Row, broken
from pytrust.trust.database import guarded

_BATCH: Final = 100  # entries; no file stays open while they are looked at, so that the writer can clean up
_BATCH_MAX_BYTES: Final = 16 * 1024 * 1024  # of documents that are held meanwhile


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
        batches = chain.from_iterable(_batches(path, after, newest_first=newest_first) for path in files)
        return islice((_stored(row, batch.shelf) for batch in batches for row in batch.rows), limit)

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


class _Batch(NamedTuple):
    """Some entries of one file, and the documents that they need, as far as those are there."""

    rows: list[Row]
    shelf: Shelf


def _batches(path: Path, after: int, *, newest_first: bool) -> Iterator[_Batch]:
    """The rows of one file, none where it was deleted meanwhile."""
    before = file.END
    while (batch := _batch(path, after, before, newest_first=newest_first)).rows:
        yield batch
        edge = batch.rows[-1][0]
        after, before = (after, edge) if newest_first else (edge, before)


def _batch(path: Path, after: int, before: int, *, newest_first: bool) -> _Batch:
    with guarded(path):
        try:
            with file.reading(path) as opened:
                rows = opened.between(after, before, _BATCH, newest_first=newest_first)
                return _with_documents(opened, rows)
        except file.Gone:
            return _Batch([], Shelf())


def _with_documents(opened: file.ReadFile, rows: list[Row]) -> _Batch:
    """As many of the rows, and at least one, as have no more than ``_BATCH_MAX_BYTES`` of documents."""
    found: dict[str, bytes] = {}
    for number, (_, entry, _) in enumerate(rows):
        new = set(names(entry)) - found.keys() if isinstance(entry, bytes) else set()
        content = {name: data for name in new if (data := opened.document(name)) is not None}
        if number and sum(map(len, (found | content).values())) > _BATCH_MAX_BYTES:
            return _Batch(rows[:number], Shelf(found))
        found |= content
    return _Batch(rows, Shelf(found))


def _stored(row: Row, shelf: Shelf) -> Stored:
    seq, entry, digest = row
    if not (isinstance(seq, int) and isinstance(entry, bytes) and isinstance(digest, bytes)):
        raise broken(seq, "is not what was written")
    return Stored(seq, decode(entry, shelf), digest)
