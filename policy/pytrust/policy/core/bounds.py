"""Which values of a field are within bounds: the judges that the table of levels is made of.

A judge takes the value of an ``Ask`` in its canonical spelling, and the host's limits. What it cannot read is out of
bounds.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Final

from pytrust.policy.core.rules import Containers

Judge = Callable[[str, Containers], bool]

UNLIMITED: Final = -1  # as docker writes it
_ID_MAX: Final = 2**31 - 1  # the largest that runc takes for a number; beyond, it is looked up as a name
_PORT_MAX: Final = 65535
_PRIVILEGED_PORTS: Final = 1024  # below, ports are for root: CIS Docker Benchmark 5.8
_STORAGE_MAX_BYTES: Final = 100 * 1024**3  # one container's own layer; data belongs in volumes

_NUMBER = re.compile(r"[0-9]{1,19}")
_ID = re.compile(r"[1-9][0-9]{0,9}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_ULIMIT = re.compile(r"([a-z]+)=(-1|[0-9]{1,19}):(-1|[0-9]{1,19})")
_PORTS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
_SIZE = re.compile(r"size=([0-9]{1,15})([kmgtKMGT]?)(?:i?[bB])?")
_UNITS: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_STRONG_GROUPS: Final = frozenset({"root", "docker"})


def never(value: str, limits: Containers) -> bool:  # noqa: ARG001 - every judge has this shape
    """Nothing is."""
    return False


def always(value: str, limits: Containers) -> bool:  # noqa: ARG001
    """Anything is."""
    return True


def only(*values: str) -> Judge:
    """One of a list."""
    listed = frozenset(values)
    return lambda value, _: value in listed


def option(*keys: str) -> Judge:
    """``key=value`` with one of these keys."""
    listed = frozenset(keys)
    return lambda value, _: value.partition("=")[0] in listed


def fitting(pattern: str) -> Judge:
    """What this regular expression fits as a whole."""
    compiled = re.compile(pattern)
    return lambda value, _: compiled.fullmatch(value) is not None


def counted(value: str, limits: Containers) -> bool:  # noqa: ARG001
    """A number above zero."""
    return _number(value) > 0


def within_pids(value: str, limits: Containers) -> bool:
    """Processes: no more than a container gets that asks for none."""
    return 0 < _number(value) <= limits.pids


def within_memory(value: str, limits: Containers) -> bool:
    """Bytes: no more than a container gets that asks for none."""
    return 0 < _number(value) <= limits.memory


def within_swap(value: str, limits: Containers) -> bool:
    """Bytes of memory and swap together: no more than the engine adds to a container's memory by itself."""
    return 0 < _number(value) <= 2 * limits.memory


def within_storage(value: str, limits: Containers) -> bool:  # noqa: ARG001
    """``size=``, with docker's units."""
    found = _SIZE.fullmatch(value)
    return found is not None and int(found[1]) * 1024 ** _UNITS[found[2].lower()] <= _STORAGE_MAX_BYTES


def plain_user(value: str, limits: Containers) -> bool:  # noqa: ARG001
    """A number above zero: a name is looked up in the image, where it may stand for root."""
    return _ID.fullmatch(value) is not None and int(value) <= _ID_MAX


def plain_group(value: str, limits: Containers) -> bool:
    """A number above zero, or a name that is not known for what it opens."""
    return plain_user(value, limits) or (_NAME.fullmatch(value) is not None and value not in _STRONG_GROUPS)


def own_port(value: str, limits: Containers) -> bool:  # noqa: ARG001
    """``HOSTIP:HOSTPORT``: one address of the host, and ports that are not root's; none lets the engine choose."""
    host, _, ports = value.rpartition(":")
    if ports in {"", "0"}:
        return _one_address(host)
    found = _PORTS.fullmatch(ports)
    if found is None:
        return False
    first, last = int(found[1]), int(found[2] or found[1])
    return _PRIVILEGED_PORTS <= first <= last <= _PORT_MAX and _one_address(host)


def ulimits(highest: Mapping[str, int]) -> Judge:
    """``name=soft:hard`` up to the highest value by name; ``UNLIMITED`` takes any, and no other name is taken."""

    def judge(value: str, limits: Containers) -> bool:  # noqa: ARG001
        found = _ULIMIT.fullmatch(value)
        if found is None or found[1] not in highest:
            return False
        most = highest[found[1]]
        return most == UNLIMITED or all(0 <= int(number) <= most for number in found.group(2, 3))

    return judge


def _number(value: str) -> int:
    return int(value) if _NUMBER.fullmatch(value) else 0


def _one_address(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return not (mapped or address).is_unspecified
