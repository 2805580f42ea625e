# ruff: noqa: S608 - what is put together here are constants
"""Ids of the change feed that may be read: those below which nothing can appear any more.

PostgreSQL gives out ids when rows are written and shows rows when they are committed, in another order; whoever follows
the feed by id would miss the late ones. So a writer holds, from before it asks for an id until after its commit, a
shared lock whose number is the last id it saw. A reader notes the last id, then looks at these locks, then reads: an
id up to the first and below all of the second was committed before, if ever. Nobody waits for anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from pytrust.trust.store.reading import Rows

_CLASS: Final = 0x7079  # our part of the two-word advisory locks, of which no others are ours
_WORD: Final = 2**31  # the second word of a lock holds less than an id

ANNOUNCE: Final = (
    f"SELECT pg_advisory_xact_lock_shared({_CLASS}, ((last_value - 1) & {_WORD - 1})::int) FROM changes_id_seq"
)
"""What a writer does before it adds to the feed. Less one: a new sequence shows its first id before it is given."""

_LAST: Final = "SELECT last_value FROM changes_id_seq"
_ANNOUNCED: Final = (
    "SELECT l.objid::bigint FROM pg_locks l JOIN pg_database d ON d.oid=l.database"
    f" WHERE l.locktype='advisory' AND l.classid={_CLASS} AND l.objsubid=2 AND d.datname=current_database()"
)


def settled(ask: Callable[[str, Sequence[object]], Rows]) -> int:
    """The greatest id that may be read by a statement that begins after this; the order of the two questions counts."""
    last = int(ask(_LAST, ())[0][0])
    return min([last, *(_whole(word, last) for (word,) in ask(_ANNOUNCED, ()))])


def _whole(word: int, last: int) -> int:
    """The id of which a lock holds the lower bits: the greatest one up to ``last``."""
    number = last - last % _WORD + word
    return number if number <= last else number - _WORD
