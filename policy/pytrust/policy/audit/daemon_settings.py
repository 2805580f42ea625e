"""Settings of dockerd: what its arguments and its daemon.json say together. Pure.

dockerd reads flags as Go's pflag does: one that is a yes or no takes no word after itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from pytrust.trust.errors import BadContent

FILE: Final = "/etc/docker/daemon.json"
_SWITCHES: Final = frozenset(
    """
    allow-direct-routing debug experimental help icc init ip-forward ip-forward-no-drop ip-masq ip6tables iptables ipv6
    live-restore no-new-privileges raw-logs rootless selinux-enabled tls tlsverify userland-proxy validate version
    """.split()  # noqa: SIM905 - a list of words
)
_SHORT: Final = {"D": "debug", "H": "host", "b": "bridge", "G": "group", "g": "graph", "l": "log-level",
                 "p": "pidfile", "s": "storage-driver", "v": "version"}  # fmt: skip
_LISTS: Final = {"host": "hosts", "storage-opt": "storage-opts", "default-ulimit": "default-ulimits"}
_BOOLEANS: Final = {
    word: value
    for value, words in ((True, "1 t T true TRUE True"), (False, "0 f F false FALSE False"))
    for word in words.split()
}


def read_arguments(words: Sequence[str]) -> Mapping[str, Any]:
    """By the names of daemon.json; a flag that may be given several times is a list."""
    found: dict[str, Any] = {}
    for name, value in _pairs(words):
        if name in _LISTS:
            found.setdefault(_LISTS[name], []).append(value)
        else:
            found[name] = _BOOLEANS.get(value, value) if name in _SWITCHES else value
    return found


def read_file(data: bytes, what: str) -> Mapping[str, Any]:
    """The object in daemon.json; raises ``BadContent`` where it is none."""
    try:
        return msgspec.json.decode(data, type=dict[str, Any]) if data.strip() else {}
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise BadContent(f"{what} cannot be read: {str(error)[:200]}") from error


def _pairs(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    rest = iter(words)
    for word in rest:
        if word.startswith("--"):
            name, given, value = word[2:].partition("=")
            yield name, value if given else "true" if name in _SWITCHES else next(rest, "")
        elif word.startswith("-"):
            yield from _short(word[1:], rest)


def _short(letters: str, rest: Iterator[str]) -> Iterator[tuple[str, str]]:
    """``-D``, ``-H X``, ``-HX``, ``-H=X``, ``-DH X``."""
    for place, letter in enumerate(letters, start=1):
        name = _SHORT.get(letter, letter)
        if name in _SWITCHES:
            yield name, "true"
            continue
        yield name, letters[place:].removeprefix("=") or next(rest, "")
        return
