"""What is known of a secret without its value. Pure.

Times are whole seconds since 1970, UTC. Everything here lies encrypted in the manifest.
"""

from __future__ import annotations

import re
from typing import Final, NewType

import msgspec

from pytrust.trust.errors import UsageError
from pytrust.trust.limits import SECRET_LABEL_MAX_CHARS, SECRET_LABELS_MAX, SECRET_READERS_MAX, SECRET_VERSIONS_MAX
from pytrust.trust.vault.names import SecretName

VersionNumber = NewType("VersionNumber", int)
"""Versions of one secret count from 1 and are never used twice."""

Reader = NewType("Reader", str)
"""Who may read besides the vault's owner: ``uid:N``, ``gid:N``, ``image:PATTERN`` or ``service:PATTERN``.

A pattern is one of ``pytrust.trust.pins.matches``; images are spelled in full, such as ``image:docker.io/foo/web``.
"""

KEPT_VERSIONS: Final = 10
"""Versions kept of a secret, unless its terms say otherwise."""

_WILDCARDS_MAX: Final = 3  # see ``policy.pattern``: the time of a match grows with their number
_TIME_MAX: Final = 253_402_300_799  # the end of 9999
_READER: Final = re.compile(r"(?:uid|gid):(?:0|[1-9][0-9]{0,9})|(?:image|service):[\x21-\x7e]{1,240}")
_WILDCARD: Final = re.compile(r"\*\*|\*")
_LABEL: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_./-]{0,126}[A-Za-z0-9])?")


class Version(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One value of a secret: what is bound to it when it is sealed.

    Attributes:
        number: see ``VersionNumber``.
        created: when.
        author: who put it, such as ``uid:0``.
        size: of the value, bytes.
        record: the file of the value: 32 hex digits, random.
        wrapped: its data key, under the vault's wrapping key.
        algorithm: how the value is sealed.
    """

    number: VersionNumber
    created: int
    author: str
    size: int
    record: str
    wrapped: bytes
    algorithm: str


class Terms(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What holds for a secret, and may be changed without touching its values.

    Attributes:
        labels: for people and for ``ls``; sorted pairs.
        readers: sorted.
        expires: from when on it is not served any more; None: never.
        keep: how many versions are kept, the newest among them.
    """

    labels: tuple[tuple[str, str], ...] = ()
    readers: tuple[Reader, ...] = ()
    expires: int | None = None
    keep: int = KEPT_VERSIONS


class Secret(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A secret: its versions, oldest first, never none; ``last`` is the highest number that was ever used."""

    name: SecretName
    versions: tuple[Version, ...]
    terms: Terms
    last: VersionNumber

    @property
    def current(self) -> Version:
        """The version that is served."""
        return self.versions[-1]


def parse_reader(text: str) -> Reader:
    """Raises ``UsageError`` for what is no reader."""
    if not _READER.fullmatch(text) or "***" in text or len(_WILDCARD.findall(text)) > _WILDCARDS_MAX:
        raise UsageError(
            f"{text[:80]!r} is no reader of secrets",
            hint="uid:1000, gid:50, image:docker.io/foo/web (or foo/**), service:web-*",
        )
    return Reader(text)


def check_terms(terms: Terms) -> Terms:
    """The terms, in order; raises ``UsageError`` for what is too much, or has no meaning."""
    labels = tuple(sorted(dict(terms.labels).items()))
    readers = tuple(sorted(set(map(parse_reader, terms.readers))))
    if len(labels) > SECRET_LABELS_MAX or len(readers) > SECRET_READERS_MAX:
        raise UsageError(f"a secret has at most {SECRET_LABELS_MAX} labels and {SECRET_READERS_MAX} readers")
    for key, value in labels:
        if not _LABEL.fullmatch(key) or len(value) > SECRET_LABEL_MAX_CHARS or not value.isprintable():
            raise UsageError(f"{key[:60]!r} is no label, or its value is not", hint="KEY=VALUE, printable")
    if not 1 <= terms.keep <= SECRET_VERSIONS_MAX:
        raise UsageError(f"between 1 and {SECRET_VERSIONS_MAX} versions can be kept")
    if terms.expires is not None and not 0 <= terms.expires <= _TIME_MAX:
        raise UsageError("the date of expiry is out of range")
    return Terms(labels, readers, terms.expires, terms.keep)
