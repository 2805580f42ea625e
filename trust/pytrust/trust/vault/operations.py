"""What can be asked of an open vault, and its answers: values, the same in one process and between two. Pure.

Every operation goes through ``desk.Desk``, which checks who asks and writes the audit. Errors are raised there as
``pytrust.trust.errors``; between processes they travel as ``Failure``.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from pytrust.trust.vault.model import Reader, Secret, VersionNumber
from pytrust.trust.vault.names import SecretName

ANY: Final = -1
"""``Put.expect``: whatever is there."""
ABSENT: Final = 0
"""``Put.expect``: only where there is no such secret."""


class Put(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Keep ``value`` as the next version. Answer: ``Done``.

    Attributes:
        name: of the secret; made where there is none.
        value: 1 to ``SECRET_MAX_BYTES`` bytes.
        expect: check-and-set: the number of the version that is there now, ``ABSENT`` or ``ANY``; else ``Conflict``.
        labels: instead of those there are; so the next three.
        readers: see ``Terms``.
        expires: see ``Terms``.
        keep: see ``Terms``.
    """

    name: SecretName
    value: bytes
    expect: int = ANY
    labels: dict[str, str] | UnsetType = UNSET
    readers: tuple[Reader, ...] | UnsetType = UNSET
    expires: int | UnsetType | None = UNSET
    keep: int | UnsetType = UNSET

    def __repr__(self) -> str:
        return f"Put({self.name!r}, {len(self.value)} bytes)"


class PutMany(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Several at once: all or none. Answer: ``Done`` of the last."""

    puts: tuple[Put, ...]


class Amend(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Change what holds for a secret, as ``Put`` does, without a new value. Answer: ``Done``."""

    name: SecretName
    labels: dict[str, str] | UnsetType = UNSET
    readers: tuple[Reader, ...] | UnsetType = UNSET
    expires: int | UnsetType | None = UNSET
    keep: int | UnsetType = UNSET


class Get(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Read a value: the current version, or ``number``. ``purpose`` is for the audit. Answer: ``Value``."""

    name: SecretName
    number: int | None = None
    purpose: str = ""


class Find(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """What is known of one secret, without its value. Answer: ``Page`` with one secret; ``NoSuchSecret``."""

    name: SecretName


class List(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Secrets by name, those that begin with ``prefix`` and come after ``after``. Answer: ``Page``.

    Own secrets are listed only by a prefix that begins with ``pytrust/``.
    """

    prefix: str = ""
    after: str = ""
    limit: int = 1000


class Rollback(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Make the value of version ``number`` the next version again; nobody sees it. Answer: ``Done``."""

    name: SecretName
    number: int
    expect: int = ANY


class Remove(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Forget a secret with all its versions, or one version that is not the current one. Answer: ``Done``."""

    name: SecretName
    number: int | None = None


class Audit(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Who read what: the newest ``limit`` entries, of ``name`` if it is given. Answer: ``Trail``."""

    name: SecretName | None = None
    limit: int = 100


Operation = Put | PutMany | Amend | Get | Find | List | Rollback | Remove | Audit


class Done(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """It is on the disk: the current version now (0: none), and the generation of the vault."""

    number: VersionNumber
    generation: int


class Value(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """A value, in the clear."""

    number: VersionNumber
    value: bytes

    def __repr__(self) -> str:
        return f"Value(number={self.number}, {len(self.value)} bytes)"


class Page(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Secrets by name; ``more``: there are further ones."""

    secrets: tuple[Secret, ...]
    more: bool = False


class Read(msgspec.Struct, frozen=True, array_like=True):
    """One entry of the audit; ``refused`` is the code of the error, or empty."""

    at: int
    caller: str
    purpose: str
    name: str
    number: int
    refused: str = ""


class Trail(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Entries of the audit, oldest first."""

    reads: tuple[Read, ...]


class Failure(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """An error on its way to another process: ``code`` as in ``pytrust.trust.errors``."""

    code: str
    text: str
    hint: str = ""


Answer = Done | Value | Page | Trail | Failure
