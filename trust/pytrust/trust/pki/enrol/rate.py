"""How often somebody may do something. Pure: the time comes with the question."""

from __future__ import annotations

from collections import OrderedDict, deque
from ipaddress import IPv6Address, ip_address
from typing import Final

_KEYS_MAX: Final = 4096  # remembered at once; of more, those that were quiet longest are forgotten
_IPV6_NET_BITS: Final = 64  # one host has as many addresses as it likes below


class Rate:
    """At most ``most`` events per ``seconds`` for each key."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most, self._seconds = most, seconds
        self._events: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, key: str, now: float) -> float:
        """Seconds until the next event of ``key`` is allowed; 0 where it is now. ``now``: seconds, monotonic."""
        events = self._events.get(key)
        if events is None or len(events) < self._most:
            return 0.0
        return max(0.0, events[0] + self._seconds - now)

    def count(self, key: str, now: float) -> None:
        """One event happened."""
        self._events.setdefault(key, deque(maxlen=self._most)).append(now)
        self._events.move_to_end(key)
        if len(self._events) > _KEYS_MAX:
            self._events.popitem(last=False)


def neighbourhood(address: str) -> str:
    """What counts as one peer: an IPv4 address, or a network of IPv6 that one host may own whole."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(IPv6Address(int(found) >> _IPV6_NET_BITS << _IPV6_NET_BITS))
