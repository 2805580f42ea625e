"""The decision log: append-only, hash-chained, in SQLite files of one folder.

``entry`` is what is written, ``documents`` its large parts, ``coding`` the bytes: all pure. ``file`` knows one file,
``reader`` and ``writer`` the folder, ``verify`` all of it.
"""

from pytrust.policy.journal.entry import Decided, Entry, Event
from pytrust.policy.journal.reader import JournalReader, Stored
from pytrust.policy.journal.verify import Verified
from pytrust.policy.journal.writer import Journal

__all__ = ["Decided", "Entry", "Event", "Journal", "JournalReader", "Stored", "Verified"]
