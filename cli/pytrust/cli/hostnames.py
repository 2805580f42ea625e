"""What this host is dialled by: its name, and the addresses of its interfaces.

Linux only: ``SIOCGIFADDR`` (netdevice(7)) and ``/proc/net/if_inet6``. Nothing is asked over the network but the
resolver, for the full name, and that for two seconds at most.
"""

from __future__ import annotations

import fcntl
import socket
import struct
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from threading import Thread
from typing import Final

from pytrust.trust.errors import InvalidName, UsageError
from pytrust.trust.pki.names import SERVER_NAMES_MAX, ServerNames, parse_dns_name

Address = IPv4Address | IPv6Address

_IF_INET6: Final = Path("/proc/net/if_inet6")
_SIOCGIFADDR: Final = 0x8915
_RESOLVER_SECONDS: Final = 2.0  # a resolver that is away must not hold up a certificate
_OWN_BRIDGES: Final = ("docker", "br-", "veth", "virbr", "cni", "flannel", "cali", "lo")  # nobody dials the host there
_GLOBAL: Final = 0x00  # IPV6_ADDR_SCOPE of if_inet6; link-local ones cannot be dialled without a zone
_FLEETING: Final = 0x01 | 0x08 | 0x20 | 0x40  # IFA_F_TEMPORARY, DADFAILED, DEPRECATED, TENTATIVE


def this_host() -> ServerNames:
    """The names and addresses of this host, the full name first.

    Raises:
        UsageError: its own name is not one that could be dialled.
    """
    host = socket.gethostname()
    return choose(host, _full_name(host), [*_ipv4(), *_ipv6()])


def choose(host: str, full: str, addresses: Iterable[Address]) -> ServerNames:
    """What a certificate should hold; names that no client could dial are left out. Pure.

    Raises:
        UsageError: neither name is one that could be dialled.
    """
    names = [name for name in map(_dialled, (full, host)) if name.partition(".")[0] not in {"", "localhost"}]
    if not names:
        raise UsageError(f"this host is called {host!r}, which no client can dial", hint="give its name or address")
    loopback = ["localhost", "127.0.0.1", "::1"]
    texts = dict.fromkeys([*names, *map(str, addresses)])
    return ServerNames.parse([*list(texts)[: SERVER_NAMES_MAX - len(loopback)], *loopback])


def global_addresses(if_inet6: str) -> Iterator[IPv6Address]:
    """The lasting global addresses in the text of ``/proc/net/if_inet6``. Pure."""
    for line in if_inet6.splitlines():
        digits, _, _, scope, flags, interface = line.split()
        if int(scope, 16) == _GLOBAL and not int(flags, 16) & _FLEETING and not _own_bridge(interface):
            yield IPv6Address(bytes.fromhex(digits))


def _dialled(name: str) -> str:
    try:
        return parse_dns_name(name)
    except InvalidName:
        return ""


def _own_bridge(interface: str) -> bool:
    return interface.startswith(_OWN_BRIDGES)


def _full_name(host: str) -> str:
    """What the resolver calls ``host``, if it says so in time."""
    answers = [host]
    thread = Thread(target=lambda: answers.append(socket.getfqdn(host)), daemon=True)
    thread.start()
    thread.join(_RESOLVER_SECONDS)
    return answers[-1]


def _ipv4() -> Iterator[IPv4Address]:
    """The first address of each interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for _, interface in socket.if_nameindex():
            if _own_bridge(interface):
                continue
            try:
                answer = fcntl.ioctl(asking, _SIOCGIFADDR, struct.pack("256s", interface.encode()[:15]))
            except OSError:  # an interface without an IPv4 address
                continue
            yield IPv4Address(answer[20:24])


def _ipv6() -> list[IPv6Address]:
    try:
        return list(global_addresses(_IF_INET6.read_text()))
    except FileNotFoundError:  # a kernel without IPv6
        return []
