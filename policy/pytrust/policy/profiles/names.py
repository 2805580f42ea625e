"""The words of profiles: kinds of text that must not be mixed."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NewType

Syscall = NewType("Syscall", str)
"""A system call by its name in libseccomp's tables: ``openat``, ``clone3``."""

Capability = NewType("Capability", str)
"""Upper case without ``CAP_``: ``NET_BIND_SERVICE``."""

Arch = NewType("Arch", str)
"""An architecture as seccomp files of Docker and OCI spell it: ``SCMP_ARCH_X86_64``."""

GoArch = NewType("GoArch", str)
"""An architecture as Docker's conditions and image platforms spell it: ``amd64``."""

X86_64: Final = Arch("SCMP_ARCH_X86_64")
AARCH64: Final = Arch("SCMP_ARCH_AARCH64")

CAPABILITIES: Final = tuple(
    map(
        Capability,
        (
            "CHOWN",
            "DAC_OVERRIDE",
            "DAC_READ_SEARCH",
            "FOWNER",
            "FSETID",
            "KILL",
            "SETGID",
            "SETUID",
            "SETPCAP",
            "LINUX_IMMUTABLE",
            "NET_BIND_SERVICE",
            "NET_BROADCAST",
            "NET_ADMIN",
            "NET_RAW",
            "IPC_LOCK",
            "IPC_OWNER",
            "SYS_MODULE",
            "SYS_RAWIO",
            "SYS_CHROOT",
            "SYS_PTRACE",
            "SYS_PACCT",
            "SYS_ADMIN",
            "SYS_BOOT",
            "SYS_NICE",
            "SYS_RESOURCE",
            "SYS_TIME",
            "SYS_TTY_CONFIG",
            "MKNOD",
            "LEASE",
            "AUDIT_WRITE",
            "AUDIT_CONTROL",
            "SETFCAP",
            "MAC_OVERRIDE",
            "MAC_ADMIN",
            "SYSLOG",
            "WAKE_ALARM",
            "BLOCK_SUSPEND",
            "AUDIT_READ",
            "PERFMON",
            "BPF",
            "CHECKPOINT_RESTORE",
        ),
    )
)
"""By their numbers (``linux/capability.h``)."""

DEFAULT_CAPABILITIES: Final = frozenset(
    map(
        Capability,
        (
            "CHOWN",
            "DAC_OVERRIDE",
            "FSETID",
            "FOWNER",
            "MKNOD",
            "NET_RAW",
            "SETGID",
            "SETUID",
            "SETFCAP",
            "SETPCAP",
            "NET_BIND_SERVICE",
            "SYS_CHROOT",
            "KILL",
            "AUDIT_WRITE",
        ),
    )
)
"""What Docker gives a container that asks for nothing."""


class Action(StrEnum):
    """What the kernel does with a call (OCI runtime specification, ``linux.seccomp``; ``KILL`` is ``KILL_THREAD``)."""

    KILL = "SCMP_ACT_KILL"
    KILL_PROCESS = "SCMP_ACT_KILL_PROCESS"
    KILL_THREAD = "SCMP_ACT_KILL_THREAD"
    TRAP = "SCMP_ACT_TRAP"
    ERRNO = "SCMP_ACT_ERRNO"
    TRACE = "SCMP_ACT_TRACE"
    ALLOW = "SCMP_ACT_ALLOW"
    LOG = "SCMP_ACT_LOG"
    NOTIFY = "SCMP_ACT_NOTIFY"


class Op(StrEnum):
    """How an argument is compared; with ``MASKED_EQ`` the value is the mask and the second value what must remain."""

    NE = "SCMP_CMP_NE"
    LT = "SCMP_CMP_LT"
    LE = "SCMP_CMP_LE"
    EQ = "SCMP_CMP_EQ"
    GE = "SCMP_CMP_GE"
    GT = "SCMP_CMP_GT"
    MASKED_EQ = "SCMP_CMP_MASKED_EQ"


class Generation(StrEnum):
    """What an engine makes of a seccomp file (profiles reference: its struct before 23 knows four keys)."""

    BEFORE_23 = "before-23"
    """Drops ``defaultErrnoRet``, ``flags``, ``listenerPath`` and ``listenerMetadata`` without a word."""
    FROM_23 = "from-23"
