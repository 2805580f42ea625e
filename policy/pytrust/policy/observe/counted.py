"""Calls by their numbers, counted, as what was seen. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final, NamedTuple

from pytrust.policy.profiles.names import X86_64, Arch, Syscall
from pytrust.policy.profiles.seccomp.syscalls import AUDIT_ARCHES, X32, X32_BIT, names

Call = tuple[int, int]
"""AUDIT_ARCH and number."""

_ARCHES: Final = {number: arch for arch, number in AUDIT_ARCHES.items() if arch != X32}


class Named(NamedTuple):
    """Counts by call and program; ``unnamed`` are numbers that nobody knows."""

    calls: Mapping[tuple[Syscall, str], int]
    arches: frozenset[Arch]
    unnamed: Mapping[tuple[Arch, int], int]


def named(counts: Mapping[tuple[Call, str], int]) -> Named:
    """Give the calls their names."""
    calls: Counter[tuple[Syscall, str]] = Counter()
    unnamed: Counter[tuple[Arch, int]] = Counter()
    arches = set()
    for (call, program), count in counts.items():
        arch, name = name_of(call)
        arches.add(arch)
        if name:
            calls[name, program] += count
        else:
            unnamed[arch, call[1]] += count
    return Named(calls, frozenset(arches), unnamed)


def name_of(call: Call) -> tuple[Arch, Syscall | None]:
    """The architecture, and the call's name there; None where nobody knows it."""
    number, arch = call[1], _ARCHES.get(call[0], Arch(f"{call[0]:#x}"))
    if arch == X86_64 and number & X32_BIT:
        arch = X32
    known = names(arch) if arch in AUDIT_ARCHES else {}
    return arch, known.get(number)
