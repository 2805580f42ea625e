"""Families and types of sockets in AppArmor's words, by the kernel's numbers (``linux/socket.h``, ``linux/net.h``)."""

from __future__ import annotations

from typing import Final

# fmt: off
_NAMES: Final = (
    "", "unix", "inet", "ax25", "ipx", "appletalk", "netrom", "bridge", "atmpvc", "x25", "inet6", "rose", "", "netbeui",
    "security", "key", "netlink", "packet", "ash", "econet", "atmsvc", "rds", "sna", "irda", "pppox", "wanpipe", "llc",
    "ib", "mpls", "can", "tipc", "bluetooth", "iucv", "rxrpc", "isdn", "phonet", "ieee802154", "caif", "alg", "nfc",
    "vsock", "kcm", "qipcrtr", "smc", "xdp",
)
# fmt: on
FAMILIES: Final = {name: number for number, name in enumerate(_NAMES) if name}
"""As far as the feature set abi/3.0 knows them; 0 is none, and 12 was DECnet."""
KINDS: Final = {"stream": 1, "dgram": 2, "raw": 3, "rdm": 4, "seqpacket": 5, "packet": 10}
