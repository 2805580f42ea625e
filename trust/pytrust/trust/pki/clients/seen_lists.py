"""Which list of each CA was the newest that this host has seen. Pure.

Whoever can put an old ``crl.pem`` back lets everybody in who was locked out since; restoring a backup does it by
accident. Numbers only rise (RFC 5280, 5.2.3), so a lower one is refused.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, Self

from pytrust.trust.canonical import encode_json, parse_json
from pytrust.trust.errors import BadMetadata, Damaged, Rollback
from pytrust.trust.pki.clients.cas import ClientCa

FILE_MAX_BYTES: Final = 64 * 1024
CAS_MAX: Final = 256  # that are remembered; a host sees a new one every few years
_ISSUER: Final = re.compile(r"[0-9a-f]{64}")
_NUMBER: Final = re.compile(r"[0-9a-f]{1,40}")  # 20 octets, RFC 5280, 5.2.3; too large for a JSON number


@dataclass(frozen=True, slots=True)
class SeenLists:
    """``numbers`` holds the highest list number by ``ClientCa.issuer_id``, the CA that was seen last at the end."""

    numbers: tuple[tuple[str, int], ...] = ()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read what ``encode`` wrote; raises ``Damaged``."""
        try:
            pairs = parse_json(data, what="the memory of revocation lists", max_bytes=FILE_MAX_BYTES)["numbers"]
            return cls(tuple((_match(_ISSUER, issuer), int(_match(_NUMBER, number), 16)) for issuer, number in pairs))
        except (BadMetadata, KeyError, TypeError, ValueError) as error:
            raise Damaged(
                "the memory of revocation lists cannot be read",
                hint="make sure that crl.pem is the newest, then remove the file",
            ) from error

    def encode(self) -> bytes:
        """As the content of a file."""
        return encode_json({"numbers": [[issuer, f"{number:x}"] for issuer, number in self.numbers]}) + b"\n"

    def check(self, cas: Collection[ClientCa]) -> None:
        """Raises ``Rollback`` where the list of one of ``cas`` is older than one seen before."""
        seen, names = dict(self.numbers), {ca.issuer_id: ca.name for ca in cas}
        for issuer, number in _numbers(cas).items():
            if number < (newest := seen.get(issuer, 0)):
                raise Rollback(
                    f"the revocation list of {names[issuer]} has number {number}, and {newest} was seen before",
                    hint="somebody put an old crl.pem back: write a new one with pytrust ca crl",
                )

    def add(self, cas: Iterable[ClientCa]) -> Self:
        """The same, and the lists of ``cas``."""
        seen = dict(self.numbers)
        new = {issuer: max(number, seen.get(issuer, 0)) for issuer, number in _numbers(cas).items()}
        kept = [(issuer, number) for issuer, number in self.numbers if issuer not in new]
        return type(self)((*kept, *new.items())[-CAS_MAX:])


def _numbers(cas: Iterable[ClientCa]) -> dict[str, int]:
    """The highest number of each issuer, which may have several certificates."""
    lists = ((ca.issuer_id, ca.revoked.number) for ca in cas if ca.revoked is not None)
    return dict(sorted(lists, key=lambda each: each[1]))


def _match(pattern: re.Pattern[str], text: str) -> str:
    if not pattern.fullmatch(text):
        raise ValueError(text)
    return text
