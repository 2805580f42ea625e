"""What the HTTP shell of the trust server asks of the party behind it.

The shell knows HTTP, authentication and limits; the backend knows metadata. Every call may block, is made from a
thread of a bounded pool, and from several threads at once; ``remembered`` alone is called on the event loop and never
waits. Names and roles that reach a backend were parsed by ``routes``.

Where nothing is there, the answer is None. A backend raises ``Refusal`` for what the caller must hear, and any other
``PytrustError`` for what is the server's own trouble: the caller hears 503 and no detail.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple, Protocol

from pytrust.trust.store.interface import Change


class Served(NamedTuple):
    """A file as it was published, and when (UTC)."""

    data: bytes
    published: datetime


class RoleRow(NamedTuple):
    """The newest file of one role."""

    role: str
    version: int
    expires: datetime


class CollectionRow(NamedTuple):
    """One collection, for people: what was published last, and who may release (names or key ids)."""

    name: str
    roles: tuple[RoleRow, ...]
    signers: tuple[str, ...]


class Backend(Protocol):
    """Notary v1 and TUF 1.0 metadata of all collections; ``gun`` is Notary's word for the name of one."""

    def current(self, gun: str, role: str) -> Served | None:
        """The newest Notary v1 file of a role; an expired timestamp is made anew first."""
        ...

    def at_version(self, gun: str, role: str, version: int) -> Served | None:
        """The Notary v1 file of that version."""
        ...

    def by_checksum(self, gun: str, role: str, sha256: str) -> Served | None:
        """The Notary v1 file of ``role`` whose bytes have this sha256 (lower-case hex)."""
        ...

    def remembered(self, gun: str, role: str, sha256: str | None) -> Served | None:
        """As ``by_checksum``, or ``current`` for None, if it is known without waiting; None says nothing."""
        ...

    def key(self, gun: str, role: str) -> bytes:
        """The public key that this server holds for ``snapshot`` or ``timestamp``, as JSON; made at the first call."""
        ...

    def rotate_key(self, gun: str, role: str) -> bytes:
        """A key that was not used yet, as ``key``."""
        ...

    def publish(self, gun: str, files: Mapping[str, bytes], user: str) -> None:
        """Publish Notary v1 files by role, all or nothing; what is no JSON of a role is refused here.

        Raises:
            Refusal: the update is not to be had, and why.
        """
        ...

    def delete(self, gun: str) -> None:
        """Drop a collection; nothing happens where there is none."""
        ...

    def changes(self, gun: str | None, change_id: int, records: int) -> list[Change]:
        """Entries of the change feed, oldest first.

        Args:
            gun: of one collection, or None: of all.
            change_id: 0 or above with ``records`` above 0; -1 is behind the newest.
            records: above 0: at most so many after ``change_id``; below 0: at most so many before it. Never 0.
        """
        ...

    def tuf_file(self, name: str, file: str) -> tuple[bytes, bool] | None:
        """A TUF 1.0 file by its name, and whether it never changes (the name has its version)."""
        ...

    def health(self) -> dict[str, str]:
        """What is wrong, by check; empty is healthy."""
        ...

    def overview(self, limit: int) -> list[CollectionRow]:
        """At most ``limit`` collections, sorted by name."""
        ...
