"""What bodies are made of: bounded texts and lists, and the difference between absent, null and empty.

To the engine, an absent key and ``null`` are mostly the same, but an empty list is not: ``"MaskedPaths": []`` masks
nothing. So all three are kept apart, and sent on as they came.
"""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, UnsetType

NAME_MAX_CHARS: Final = 4096  # PATH_MAX of Linux; what is asked for is shown in messages and kept in the journal
TEXT_MAX_CHARS: Final = 1024 * 1024  # an inline seccomp profile; Docker's default one is 14 kB
ITEMS_MAX: Final = 1000  # in one list or map of things that are judged one by one
PORTS_MAX: Final = 4096  # published ports; docker sends a range one by one

T = TypeVar("T")

Maybe: TypeAlias = T | UnsetType | None
"""Absent (``UNSET``), null (``None``) or there. Go reads null into any field as: leave the default."""

Name = Annotated[str, Meta(max_length=NAME_MAX_CHARS)]
Text = Annotated[str, Meta(max_length=TEXT_MAX_CHARS)]
Words = tuple[Text, ...]
"""Environment and command lines: as many as fit into a body."""
Names = Annotated[tuple[Name, ...], Meta(max_length=ITEMS_MAX)]
Pairs = Annotated[dict[Name, Text], Meta(max_length=ITEMS_MAX)]
Unsigned = Annotated[int, Meta(ge=0)]
Unsigned16 = Annotated[int, Meta(ge=0, le=2**16 - 1)]
Unsigned32 = Annotated[int, Meta(ge=0, le=2**32 - 1)]

_SPELLINGS: Final = {
    "blkio_device_read_iops": "BlkioDeviceReadIOps",
    "blkio_device_write_iops": "BlkioDeviceWriteIOps",
    "container_id_file": "ContainerIDFile",
    "device_ids": "DeviceIDs",
    "dns_names": "DNSNames",
    "enable_ipv4": "EnableIPv4",
    "enable_ipv6": "EnableIPv6",
    "endpoint_id": "EndpointID",
    "global_ipv6_address": "GlobalIPv6Address",
    "global_ipv6_prefix_len": "GlobalIPv6PrefixLen",
    "io_maximum_bandwidth": "IOMaximumBandwidth",
    "io_maximum_iops": "IOMaximumIOps",
    "ip_address": "IPAddress",
    "ip_prefix_len": "IPPrefixLen",
    "ip_range": "IPRange",
    "ipam": "IPAM",
    "ipam_config": "IPAMConfig",
    "ipv4_address": "IPv4Address",
    "ipv6_address": "IPv6Address",
    "ipv6_gateway": "IPv6Gateway",
    "kernel_memory_tcp": "KernelMemoryTCP",
    "link_local_ips": "LinkLocalIPs",
    "network_id": "NetworkID",
    "uts_mode": "UTSMode",
}


def wire_name(attribute: str) -> str:
    """The one spelling of a key that is accepted; Go would take any case, and more (``U+017F`` for an s)."""
    return _SPELLINGS.get(attribute) or "".join(map(str.capitalize, attribute.split("_")))


def given(value: Maybe[T]) -> T | None:
    """The value where there is one; absent and null alike are None."""
    return None if value is None or isinstance(value, UnsetType) else value


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename=wire_name):
    """Base of everything that is an object in a body. Fields are described in the Engine API's own reference."""
