"""Names in certificates, parsed once: those that a server is dialled by, and the one that a client is known by. Pure.

Only subject alternative names count (RFC 6125, RFC 9525); a common name repeats one of them for people, and for
dockerd, whose authorization plugins are told nothing else of a client.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, NewType, Self
from urllib.parse import quote

import idna

from pytrust.trust.errors import InvalidName

DnsName = NewType("DnsName", str)
"""A DNS name in lower-case A-labels without a final dot, such as ``xn--bcher-kva.example``; may begin with ``*.``."""

ClientName = NewType("ClientName", str)
"""Who a client is, such as ``alice`` or ``ci-7@build``: its common name, and the end of its URI."""

CaName = NewType("CaName", str)
"""What an authority calls itself, the O of every subject."""

COMMON_NAME_MAX: Final = 64  # RFC 5280 appendix A, ub-common-name
CA_NAME_MAX: Final = 40  # leaves room for " server CA G999" within a common name
SERVER_NAMES_MAX: Final = 100  # of one certificate; a handshake carries them each time
_URI_PREFIX: Final = "pytrust:client:"
_CLIENT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
_CA: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9 ._-]{0,38}[A-Za-z0-9])?")
_LABELS: Final = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_DNS_MAX: Final = 253


@dataclass(frozen=True, slots=True)
class ServerNames:
    """What a server is dialled by; the first name is what people call it. Never empty, no name twice."""

    names: tuple[DnsName | IPv4Address | IPv6Address, ...]

    @classmethod
    def parse(cls, texts: list[str]) -> Self:
        """Read names and addresses; raises ``InvalidName`` for one that is neither, for none, and for too many."""
        names = tuple(dict.fromkeys(map(parse_server_name, texts)))
        if not names:
            raise InvalidName(
                "a server certificate needs a name", hint="give what clients dial: a DNS name or an address"
            )
        if len(names) > SERVER_NAMES_MAX:
            raise InvalidName(f"{len(names)} names are more than {SERVER_NAMES_MAX}", hint="use several certificates")
        return cls(names)

    @property
    def first(self) -> str:
        """The name that the server is listed under."""
        return str(self.names[0])

    @property
    def dns(self) -> tuple[DnsName, ...]:
        """The DNS names."""
        return tuple(name for name in self.names if isinstance(name, str))

    @property
    def addresses(self) -> tuple[IPv4Address | IPv6Address, ...]:
        """The IP addresses."""
        return tuple(name for name in self.names if not isinstance(name, str))


def parse_server_name(text: str) -> DnsName | IPv4Address | IPv6Address:
    """A DNS name (U-labels become A-labels, IDNA 2008) or an IP address, also in brackets; raises ``InvalidName``.

    An address has no zone: none stands in a certificate, and ``fe80::1%a`` must not pass for another than ``fe80::1``.
    """
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        address = ip_address(bare)
    except ValueError:
        return parse_dns_name(text)
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise InvalidName(f"{text[:80]!r} has a zone, which only one host knows", hint="give the address without %ZONE")
    return address


def parse_dns_name(text: str) -> DnsName:
    """A DNS name; raises ``InvalidName`` for what no resolver would take, or what looks like a broken address."""
    name = text.removesuffix(".").lower()
    wildcard, bare = ("*.", name[2:]) if name.startswith("*.") else ("", name)
    if not bare.isascii():
        try:
            bare = idna.encode(bare, uts46=True).decode()
        except (idna.IDNAError, UnicodeError) as error:
            raise _bad_dns(text) from error
    name = wildcard + bare
    last = bare.rpartition(".")[2]
    if len(name) > _DNS_MAX or not _LABELS.fullmatch(name) or last.isdigit() or (wildcard and "." not in bare):
        raise _bad_dns(text)
    return DnsName(name)


def parse_client_name(text: str) -> ClientName:
    """Who a client is: at most 64 of ``A-Z a-z 0-9 . _ @ + -``, beginning with one of the first three."""
    if not _CLIENT.fullmatch(text):
        raise InvalidName(
            f"{text[:80]!r} is not a client name",
            hint="1 to 64 letters, digits and . _ @ + -, such as alice or ci-7@build",
        )
    return ClientName(text)


def parse_ca_name(text: str) -> CaName:
    """What an authority calls itself: 1 to 40 letters, digits, spaces and ``. _ -``."""
    if not _CA.fullmatch(text):
        raise InvalidName(
            f"{text[:80]!r} is not a name for an authority", hint="1 to 40 letters, digits, spaces and . _ -"
        )
    return CaName(text)


def client_uri(name: ClientName) -> str:
    """The URI that stands for a client in its certificate."""
    return _URI_PREFIX + quote(name, safe="@+")


def _bad_dns(text: str) -> InvalidName:
    return InvalidName(
        f"{text[:80]!r} is not a DNS name or an IP address", hint="give what clients dial, such as docker1.example.com"
    )
