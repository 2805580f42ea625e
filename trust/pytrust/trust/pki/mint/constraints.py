"""What a server CA may issue for, as name constraints (RFC 5280, 4.2.1.10). Pure.

Constraints bind one form of name at a time: a CA with permitted DNS names alone could still issue for any address.
So a form of which nothing is permitted is excluded as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final, Self

from cryptography import x509

from pytrust.trust.errors import InvalidName, Refused
from pytrust.trust.pki.foreign import extension
from pytrust.trust.pki.names import DnsName, ServerNames, parse_dns_name

Network = IPv4Network | IPv6Network
_Name = DnsName | IPv4Address | IPv6Address

PERMITTED_MAX: Final = 100  # of one CA; every handshake carries them, every verifier walks them
_EVERY_ADDRESS: Final = (IPv4Network("0.0.0.0/0"), IPv6Network("::/0"))
_EVERY_DNS_NAME: Final = DnsName("")


@dataclass(frozen=True, slots=True)
class Permitted:
    """Domains (each with all below it) and address ranges; when both are empty, everything is permitted."""

    domains: tuple[DnsName, ...] = ()
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Self:
        """Read domains, addresses and ranges such as ``10.0.0.0/8``; raises ``InvalidName``."""
        parsed = tuple(dict.fromkeys(map(_parse, texts)))
        if len(parsed) > PERMITTED_MAX:
            raise InvalidName(
                f"{len(parsed)} permitted names are more than {PERMITTED_MAX}", hint="permit whole domains and ranges"
            )
        domains = tuple(one for one in parsed if isinstance(one, str))
        return cls(domains, tuple(one for one in parsed if not isinstance(one, str)))

    @property
    def extension(self) -> x509.NameConstraints | None:
        """The extension that says so; None where everything is permitted."""
        if not self.domains and not self.networks:
            return None
        no_domains = () if self.domains else (_EVERY_DNS_NAME,)
        no_networks = () if self.networks else _EVERY_ADDRESS
        return x509.NameConstraints(_trees(self.domains, self.networks), _trees(no_domains, no_networks) or None)


def check_names(issuer: x509.Certificate, names: ServerNames) -> None:
    """Let pass what ``issuer`` may issue for; raises ``Refused``, which names what it may not."""
    constraints = extension(issuer, x509.NameConstraints)
    if constraints is None:
        return
    outside = [str(name) for name in names.names if not _allowed(constraints, name)]
    if outside:
        raise Refused(
            f"this authority may not issue for {', '.join(outside[:5])}",
            hint=f"it may for {_shown(constraints)}; a new server CA may have others: pytrust ca rotate server",
        )


def _trees(domains: tuple[DnsName, ...], networks: tuple[Network, ...]) -> list[x509.GeneralName]:
    return [*(x509.DNSName(one) for one in domains), *(x509.IPAddress(one) for one in networks)]


def _allowed(constraints: x509.NameConstraints, name: _Name) -> bool:
    form = str if isinstance(name, str) else (IPv4Network, IPv6Network)
    permitted = [tree.value for tree in constraints.permitted_subtrees or () if isinstance(tree.value, form)]
    excluded = [tree.value for tree in constraints.excluded_subtrees or () if isinstance(tree.value, form)]
    if any(_within(name, tree) for tree in excluded):
        return False
    return not permitted or any(_within(name, tree) for tree in permitted)


def _within(name: _Name, tree: str | Network) -> bool:
    if isinstance(tree, str):
        return isinstance(name, str) and f".{name}".endswith(f".{tree}" if tree else "")
    return not isinstance(name, str) and name in tree


def _parse(text: str) -> DnsName | Network:
    try:
        return ip_network(text)
    except ValueError:
        if "/" in text:
            raise _not_permittable(text) from None
    name = parse_dns_name(text)
    if name.startswith("*."):
        raise _not_permittable(text)
    return name


def _not_permittable(text: str) -> InvalidName:
    return InvalidName(
        f"{text[:80]!r} is not a domain or a range of addresses",
        hint="such as example.com (with all below it) or 10.0.0.0/8, whose host bits are zero",
    )


def _shown(constraints: x509.NameConstraints) -> str:
    return ", ".join(str(tree.value) for tree in constraints.permitted_subtrees or ())
