"""Which architectures there are, and the numbers of their system calls. Pure.

Numbers are the kernel's ABI (``numbers``, Linux 7.2). Names are those of libseccomp's tables. Sources: libseccomp
``seccomp.h``, moby/profiles ``seccomp_linux.go`` (the names that conditions of Docker's files use), ``linux/audit.h``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from pytrust.policy.profiles.names import AARCH64, X86_64, Arch, GoArch, Syscall
from pytrust.policy.profiles.seccomp import numbers
from pytrust.trust.errors import UsageError

X86: Final = Arch("SCMP_ARCH_X86")
X32: Final = Arch("SCMP_ARCH_X32")
ARM: Final = Arch("SCMP_ARCH_ARM")
X32_BIT: Final = 1 << 30

_TABLES: Final = {
    X86_64: numbers.X86_64,
    X86: numbers.X86,
    X32: numbers.X32,
    AARCH64: numbers.AARCH64,
    ARM: numbers.ARM,
}
KNOWN_ARCHES: Final = tuple(_TABLES)
"""Those whose numbers we know; all have little-endian words."""

AUDIT_ARCHES: Final[Mapping[Arch, int]] = {
    X86_64: 0xC000003E,
    X86: 0x40000003,
    X32: 0xC000003E,  # the kernel tells x32 by a bit of the number
    AARCH64: 0xC00000B7,
    ARM: 0x40000028,
}
"""What the kernel calls them in ``seccomp_data.arch``."""

_WIDE: Final = frozenset({X86_64, AARCH64})

# Go's name: the one that conditions use, and libseccomp's.
_ARCHES: Final[Mapping[GoArch, tuple[GoArch, Arch]]] = {
    GoArch(go): (GoArch(native), Arch(f"SCMP_ARCH_{scmp}"))
    for go, native, scmp in (
        ("386", "x86", "X86"),
        ("amd64", "amd64", "X86_64"),
        ("arm", "arm", "ARM"),
        ("arm64", "arm64", "AARCH64"),
        ("loong64", "loongarch64", "LOONGARCH64"),
        ("mips64", "mips64", "MIPS64"),
        ("mips64le", "mipsel64", "MIPSEL64"),
        ("mipsle", "mipsel", "MIPSEL"),
        ("ppc64", "ppc64", "PPC64"),
        ("ppc64le", "ppc64le", "PPC64LE"),
        ("riscv64", "riscv64", "RISCV64"),
        ("s390x", "s390x", "S390X"),
    )
}
GO_ARCHES: Final = tuple(_ARCHES)
SPELLINGS: Final = frozenset(
    f"SCMP_ARCH_{name}"
    for name in (
        *("X86", "X86_64", "X32", "ARM", "AARCH64", "LOONGARCH64", "M68K", "RISCV64", "S390", "S390X", "SH", "SHEB"),
        *("MIPS", "MIPS64", "MIPS64N32", "MIPSEL", "MIPSEL64", "MIPSEL64N32"),
        *("PARISC", "PARISC64", "PPC", "PPC64", "PPC64LE"),
    )
)
"""All that the OCI runtime specification knows."""

MULTIPLEXED: Final[Mapping[Syscall, tuple[Syscall, int]]] = {
    Syscall(name): (Syscall(through), first + place)
    for through, first, row in (
        ("socketcall", 1, "socket bind connect listen accept getsockname getpeername socketpair send recv sendto"),
        ("socketcall", 12, "recvfrom shutdown setsockopt getsockopt sendmsg recvmsg accept4 recvmmsg sendmmsg"),
        ("ipc", 1, "semop semget semctl semtimedop"),
        ("ipc", 11, "msgsnd msgrcv msgget msgctl"),
        ("ipc", 21, "shmat shmdt shmget shmctl"),
    )
    for place, name in enumerate(row.split())
}
"""Calls that 32-bit x86 also makes through another, and its first argument then (``linux/net.h``, ``linux/ipc.h``)."""


@cache
def table(arch: Arch) -> Mapping[Syscall, int]:
    """The number of every call; those of x32 have its bit.

    Raises:
        UsageError: an architecture whose numbers we do not know.
    """
    if arch not in _TABLES:
        known = ", ".join(KNOWN_ARCHES)
        raise UsageError(f"the calls of {arch} are not known here", hint=f"there are tables for {known}")
    bit = X32_BIT if arch == X32 else 0
    return MappingProxyType({name: number | bit for name, number in _rows(_TABLES[arch])})


@cache
def names(arch: Arch) -> Mapping[int, Syscall]:
    """The name of every number.

    Raises:
        UsageError: as for ``table``.
    """
    return MappingProxyType({number: name for name, number in table(arch).items()})


def arch_of(arch: GoArch) -> Arch:
    """The name of an architecture in files of Docker and OCI.

    Raises:
        UsageError: Docker knows no such architecture.
    """
    return _both(arch)[1]


def native_of(arch: GoArch) -> GoArch:
    """The name of an architecture in conditions of Docker's files: ``386`` is ``x86`` there.

    Raises:
        UsageError: as for ``arch_of``.
    """
    return _both(arch)[0]


def is_wide(arch: Arch) -> bool:
    """Whether arguments have 64 bits; of the others, libseccomp compares the lower 32 alone."""
    return arch in _WIDE


def _both(arch: GoArch) -> tuple[GoArch, Arch]:
    if arch not in _ARCHES:
        raise UsageError(f"{arch} is no architecture that docker runs on", hint=f"one of {', '.join(GO_ARCHES)}")
    return _ARCHES[arch]


def _rows(text: str) -> Iterator[tuple[Syscall, int]]:
    number = 0
    for word in text.split():
        if word.isdigit():
            number = int(word)
        else:
            yield Syscall(word), number
            number += 1
