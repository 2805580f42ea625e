"""Where trust starts: what this host accepts as the first root, per image name pattern. Pure.

There is no trust on first use, unless a pin says so aloud: ``anchor`` accepts a first root file when pinned keys signed
it, or a pinned certificate, or one that a pinned authority issued. Exactly one of these counts for a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from pytrust.trust.errors import UntrustedRoot, UsageError
from pytrust.trust.names import CollectionName, Format

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_ODD: Final = re.compile(r"[\\?#\s%@]")
_PATTERNS_KEPT: Final = 1024  # compiled; a host's pins and policy have some dozens


@dataclass(frozen=True, slots=True)
class Pin:
    """What the first root of a collection that ``match`` fits must have.

    Attributes:
        root_keys: ``threshold`` of them have signed it. Each is a ``KeyId``, or what Notary calls the key: the id of
            the bare key, or of its certificate.
        server: https URL of the trust server; None asks where this host asks anyway.
        form: the only wire format that is believed; None takes TUF 1.0 where there is such a side, else Notary v1.
        certificates: Notary's ids of certificates, one of which has signed it.
        ca: PEM of authorities; one of them issued the certificate that signed it.
        first_use: whatever is seen first is believed, and holds from then on.
    """

    match: str
    root_keys: frozenset[str] = frozenset()
    threshold: int = 1
    server: str | None = None
    form: Format | None = None
    certificates: frozenset[str] = frozenset()
    ca: bytes = b""
    first_use: bool = False

    def __post_init__(self) -> None:
        carried = bool(self.certificates or self.ca)
        if [bool(self.root_keys), bool(self.certificates), bool(self.ca), self.first_use].count(True) > 1:
            raise UsageError(
                f"the pin for {self.match} says in two ways where trust starts",
                hint="give one of root_keys, certificates, ca and first_use; write one pin a pattern",
            )
        if not 1 <= self.threshold <= (1 if carried or self.first_use else len(self.root_keys)):
            raise UsageError(f"the pin for {self.match} wants {self.threshold} of {len(self.root_keys)} root keys")
        if self.server is not None:
            check_server(self.server)
        if carried and self.form is Format.TUF:
            raise UsageError(
                f"the pin for {self.match}: certificates are of Notary v1, not of TUF", hint="pin root_keys"
            )

    @property
    def formats(self) -> frozenset[Format]:
        """The wire formats that can be believed."""
        if self.form is not None:
            return frozenset({self.form})
        return frozenset({Format.NOTARY} if self.certificates or self.ca else Format)


def check_server(url: str) -> str:
    """The url of a trust server: https, or (on loopback) http, without user, query or fragment.

    Raises:
        UsageError: any other, or one with two readings.
    """
    try:
        parts = urlsplit(url) if url.isascii() and url.isprintable() and not _ODD.search(url) else None
        host, port = (parts.hostname, parts.port) if parts else (None, None)
    except ValueError:
        parts = host = port = None
    secure = parts is not None and parts.scheme == "https" and bool(host)
    local = parts is not None and parts.scheme == "http" and host in _LOOPBACK
    if parts is None or parts.username is not None or port == 0 or not (secure or local):
        raise UsageError(f"{url[:200]!r} is not a trust server", hint="give https://HOST[:PORT][/PATH]")
    return url


def matches(pattern: str, name: str) -> bool:
    """Whether an image name fits: ``*`` stands for one path component or a part of it, ``**`` for any rest."""
    return _compiled(pattern).fullmatch(name) is not None


@lru_cache(_PATTERNS_KEPT)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*|\*)", pattern)
    return re.compile("".join({"**": ".*", "*": "[^/]*"}.get(part, re.escape(part)) for part in parts))


def find_pin(pins: Iterable[Pin], name: CollectionName) -> Pin:
    """The first pin that fits; raises ``UntrustedRoot`` where none does."""
    for pin in pins:
        if matches(pin.match, name):
            return pin
    raise UntrustedRoot(
        f"no root key is pinned for {name}", hint="add a [[pins]] entry to config.toml, or: pytrust join URL --root KEY"
    )
