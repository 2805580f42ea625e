"""The flags of dockerd that matter for where it listens and with what certificates. Pure.

dockerd reads flags as Go's pflag does: ``--host X``, ``--host=X``, ``-H X``, ``-HX``, ``-H=X``, and ``-DH X``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

TLS_FLAGS: Final = ("tls", "tlsverify", "tlscacert", "tlscert", "tlskey")
_LONG: Final = re.compile(r"--([a-z-]+)(?:=(.*))?", re.DOTALL)
_SHORT: Final = re.compile(r"-[Dv]*H=?(.*)", re.DOTALL)  # D and v take no value
_FD: Final = "fd://"


@dataclass(frozen=True, slots=True)
class Flags:
    """``hosts`` as written; ``config_file`` is empty where dockerd takes its default; ``tls`` are names of flags."""

    hosts: tuple[str, ...] = ()
    config_file: str = ""
    tls: tuple[str, ...] = ()


def read_flags(words: Sequence[str]) -> Flags:
    """The flags among the arguments of dockerd."""
    found = list(_pairs(words))
    return Flags(
        hosts=tuple(value for name, value in found if name == "host"),
        config_file=next((value for name, value in reversed(found) if name == "config-file"), ""),
        tls=tuple(dict.fromkeys(name for name, _ in found if name in TLS_FLAGS)),
    )


def by_socket(hosts: Sequence[str]) -> bool:
    """Whether dockerd takes its sockets from systemd."""
    return any(host.startswith(_FD) for host in hosts)


def _pairs(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Name and value of each flag; where the value is a word of its own, the next one."""
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        if long := _LONG.fullmatch(word):
            yield long[1], following if long[2] is None else long[2]
        elif short := _SHORT.fullmatch(word):
            yield "host", short[1] or following
