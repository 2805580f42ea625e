"""Following the chain through all files: is the journal what was written?"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from pytrust.policy.journal import file
from pytrust.policy.journal.coding import decode, names
from pytrust.policy.journal.documents import is_document
from pytrust.policy.journal.entry import Event
from pytrust.trust.chain import ORIGIN, Link, broken, check_end, check_joint, follow
from pytrust.trust.database import guarded
from pytrust.trust.errors import Damaged
from pytrust.trust.names import Digest
from pytrust.trust.store.sqlite import failure

TRIMMED: Final = "journal-trimmed"
_EVENT: Final = b'{"type":"Event",'
_ATTEMPTS: Final = 3  # the proxy deletes a file about once a month, and never two in a row


class Verified(NamedTuple):
    """What a whole journal holds: the number of entries, the first and the last, and the hash over all of it.

    ``first`` is above 1 where the oldest files were deleted: what stood in them is known only by the next hash.
    """

    entries: int
    first: int
    last: int
    head: bytes


def trimmed_text(last: int) -> str:
    """What the event that announces the deletion of the oldest files says; ``last`` is their last entry."""
    return f"entries up to {last} are no longer kept"


def verify(folder: Path, noted: bytes | None = None) -> Verified:
    """See ``JournalReader.verify``."""
    for _ in range(_ATTEMPTS):
        try:
            return _verify(folder, noted)
        except file.Gone:
            continue
    raise Damaged(f"{folder}: files vanish while they are read", hint="look at what is in the folder")


def check_newest(path: Path) -> None:
    """Follow the chain through the newest file, before anything is added to it; raises ``Damaged``."""
    link = deque((link for link, _ in _places([path])), maxlen=1)[0]
    if file.is_sealed(path):
        raise broken(link.seq + 1, "is missing")


def _verify(folder: Path, noted: bytes | None) -> Verified:
    places = _places(file.paths(folder))
    start, _ = next(places)
    link, missing, unexplained = start, noted not in {None, start.hash}, start.seq > 0
    for link, entry in places:
        missing = missing and link.hash != noted
        unexplained = unexplained and not _announces(entry, start.seq)
    if unexplained:
        raise broken(start.seq, "and all before it are missing, and nothing says that they were deleted")
    if noted is not None and missing:
        raise _not_there(noted, start)
    _check_last(folder, link)
    return Verified(link.seq - start.seq, start.seq + 1, link.seq, link.hash)


def _places(paths: list[Path]) -> Iterator[tuple[Link, bytes]]:
    """What stands before the first entry, then the place of every entry with its bytes."""
    link = None
    for path in paths:
        with guarded(path), file.reading(path) as opened:
            begin = opened.origin
            if link is not None or begin.seq == 0:
                check_joint(link or ORIGIN, begin)
            if link is None:
                yield begin, b""
            link = begin
            sound = set[str]()
            for link, entry in _entries(path, opened, begin, sound):
                yield link, entry
            check_end(link, opened.given)
            if opened.document_count() != len(sound):
                raise Damaged(f"{path} holds a document that no entry names", hint=file.HINT)


def _entries(path: Path, opened: file.ReadFile, begin: Link, sound: set[str]) -> Iterator[tuple[Link, bytes]]:
    """The entries of one file; ``sound`` becomes the names of the documents that they need."""
    link = begin
    try:
        for link, entry in follow(begin, opened.rows()):
            if new := set(names(entry)) - sound:
                _check_documents(path, opened, link.seq, new)
                sound |= new
            yield link, entry
    except sqlite3.DatabaseError as error:
        if isinstance(failure(path, error), Damaged):
            raise broken(link.seq + 1, f"cannot be read ({error})") from error
        raise


def _check_documents(path: Path, opened: file.ReadFile, seq: int, wanted: Iterable[str]) -> None:
    for name in sorted(wanted):
        try:
            content = opened.document(name)
        except sqlite3.DatabaseError as error:
            if isinstance(failure(path, error), Damaged):
                raise broken(seq, f"needs the document {name[:64]}, which cannot be read ({error})") from error
            raise
        if content is None:
            raise broken(seq, f"needs the document {name[:64]}, which is missing")
        if not is_document(name, content):
            raise broken(seq, f"needs the document {name[:64]}, which is not what was written")


def _check_last(folder: Path, link: Link) -> None:
    """A sealed file has a later one, which is there before the file is sealed."""
    newest = file.paths(folder)[-1]
    if file.is_sealed(newest) and file.paths(folder)[-1] == newest:
        raise broken(link.seq + 1, "is missing")


def _announces(entry: bytes, last: int) -> bool:
    """Whether an entry is the event that says why everything up to ``last`` is not there."""
    event = decode(entry) if entry.startswith(_EVENT) else None
    return isinstance(event, Event) and (event.what, event.text) == (TRIMMED, trimmed_text(last))


def _not_there(noted: bytes, start: Link) -> Damaged:
    text = f"the journal does not lead through {Digest(noted.hex())}"
    if start.seq:
        return Damaged(text, hint=f"it may have stood before entry {start.seq + 1}: older ones are no longer kept")
    return Damaged(text, hint="it was replaced, or cut short: keep the folder as it is, and compare it with a copy")
