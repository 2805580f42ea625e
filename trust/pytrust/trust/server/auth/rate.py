"""How often somebody may be wrong: a bucket of tries for each key, which fills again slowly. Pure."""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address
from typing import Final

from pytrust.trust.limits import BUCKETS_MAX

_NET_BITS: Final = 64  # one host has as many IPv6 addresses as it likes below


class Buckets:
    """At most ``burst`` tries at once for each key, and ``per_second`` then. For one thread at a time."""

    def __init__(self, burst: int, per_second: float) -> None:
        self._burst, self._per_second = burst, per_second
        self._spent: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, key: str, now: float) -> float:
        """Seconds until there is a try for ``key``; 0 where there is one. ``now``: seconds, monotonic."""
        return max(0.0, (self._level(key, now) + 1 - self._burst) / self._per_second)

    def take(self, key: str, now: float) -> None:
        """Use one up."""
        self._set(key, min(self._level(key, now) + 1, self._burst), now)

    def give_back(self, key: str, now: float) -> None:
        """It was no failure."""
        self._set(key, max(self._level(key, now) - 1, 0.0), now)

    def _level(self, key: str, now: float) -> float:
        spent, since = self._spent.get(key, (0.0, now))
        return max(0.0, spent - (now - since) * self._per_second)

    def _set(self, key: str, spent: float, now: float) -> None:
        self._spent[key] = (spent, now)
        self._spent.move_to_end(key)
        if len(self._spent) > BUCKETS_MAX:
            self._spent.popitem(last=False)


def neighbourhood(address: str) -> str:
    """What counts as one peer: an IPv4 address, or a network of IPv6 that one host may own whole."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:100]
    if not isinstance(found, IPv6Address):
        return str(found)
    return str(found.ipv4_mapped or IPv6Address(int(found) >> _NET_BITS << _NET_BITS))
