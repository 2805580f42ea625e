"""Calls, and arguments of calls, that more than others led out of containers or into the kernel. Pure data.

Examples are from the CVE list, for the kind of fault, not for completeness: ordinary calls had theirs, too (``waitid``,
CVE-2017-5123). A call that an image needs may be open; ``lint.audit`` asks for the evidence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from pytrust.policy.profiles.names import Syscall


class Danger(NamedTuple):
    """Why something is dangerous, in some words, and faults that were found there."""

    why: str
    examples: tuple[str, ...] = ()


class Flag(NamedTuple):
    """A first argument that makes a call dangerous: a value, or a bit of it, and its name in the kernel's headers."""

    name: str
    value: int


def _calls(names: str, why: str, examples: str = "") -> dict[Syscall, Danger]:
    return dict.fromkeys(map(Syscall, names.split()), Danger(why, tuple(examples.split())))


CALLS: Final[Mapping[Syscall, Danger]] = {
    **_calls("bpf", "programs in the kernel, let in by a verifier with faults", "CVE-2021-3490 CVE-2022-23222"),
    **_calls(
        "io_uring_setup io_uring_enter io_uring_register",
        "a second way into the kernel, whose operations no seccomp filter sees",
        "CVE-2021-41073 CVE-2022-29582 CVE-2023-2598",
    ),
    **_calls("userfaultfd", "stops the kernel in the middle of a copy, to win races", "CVE-2018-18397"),
    **_calls("keyctl add_key request_key", "keys of the kernel have no namespace", "CVE-2016-0728"),
    **_calls("ptrace", "code in other processes; credentials were mixed up", "CVE-2019-13272"),
    **_calls("process_vm_readv process_vm_writev process_madvise pidfd_getfd kcmp", "reaches into other processes"),
    **_calls("unshare", "a user namespace opens code that is for root", "CVE-2022-0492 CVE-2022-0185"),
    **_calls("clone3", "makes namespaces, and no filter sees its flags", "CVE-2022-0185"),
    **_calls(
        "fsopen fsconfig fsmount fspick move_mount open_tree open_tree_attr mount_setattr",
        "mounts, through newer code",
        "CVE-2022-0185",
    ),
    **_calls("mount umount umount2 pivot_root", "mounts over what protects", "CVE-2021-3493 CVE-2023-0386"),
    **_calls("chroot", "with a descriptor outside, a way out of the root"),
    **_calls("setns", "enters other namespaces"),
    **_calls("open_by_handle_at name_to_handle_at", "files of the host by number, past its mounts"),
    **_calls("perf_event_open", "kernel memory written and read", "CVE-2013-2094 CVE-2022-1729"),
    **_calls(
        "init_module finit_module delete_module create_module kexec_load kexec_file_load", "code for the kernel itself"
    ),
    **_calls("iopl ioperm", "hardware ports"),
    **_calls("modify_ldt", "segments, and faults in the code that enters the kernel", "CVE-2015-3290 CVE-2017-17053"),
    **_calls(
        "move_pages mbind migrate_pages set_mempolicy set_mempolicy_home_node",
        "kernel memory read, and races",
        "CVE-2010-0415 CVE-2017-7616",
    ),
    **_calls("vmsplice splice tee", "writes where only reading was allowed, in the page cache", "CVE-2022-0847"),
    **_calls("msgsnd", "fills the kernel's heap as an attack wants it", "CVE-2021-22555"),
    **_calls("socketcall", "sockets of every family: no filter sees behind its pointer"),
    **_calls(
        "reboot swapon swapoff acct settimeofday clock_settime clock_settime64 stime adjtimex clock_adjtime "
        "clock_adjtime64 syslog quotactl quotactl_fd",
        "changes or shows the whole host",
    ),
    **_calls("uselib ustat sysfs lookup_dcookie nfsservctl _sysctl", "left over: nothing of today needs it"),
}
"""Dangerous with any arguments."""

SOCKETS: Final[Mapping[Flag, Danger]] = {
    Flag("AF_NETLINK", 16): Danger("configures the kernel; filters of packets", ("CVE-2022-32250", "CVE-2024-1086")),
    Flag("AF_PACKET", 17): Danger("raw frames", ("CVE-2017-7308", "CVE-2020-14386")),
    Flag("AF_RDS", 21): Danger("seldom used, seldom looked at", ("CVE-2010-3904",)),
    Flag("AF_TIPC", 30): Danger("seldom used, seldom looked at", ("CVE-2022-0435",)),
    Flag("AF_ALG", 38): Danger("the kernel's cryptography: Docker's default shuts it since 2026"),
    Flag("AF_VSOCK", 40): Danger("talks to the hypervisor, past network namespaces"),
}
"""Families of ``socket``."""

NAMESPACES: Final[Mapping[Flag, Danger]] = {
    Flag("CLONE_NEWNS", 0x00020000): Danger("mounts of its own"),
    Flag("CLONE_NEWCGROUP", 0x02000000): Danger("control groups of its own"),
    Flag("CLONE_NEWUTS", 0x04000000): Danger("a name of its own"),
    Flag("CLONE_NEWIPC", 0x08000000): Danger("System V IPC of its own"),
    Flag("CLONE_NEWUSER", 0x10000000): Danger("opens code that is for root", ("CVE-2022-0492", "CVE-2022-0185")),
    Flag("CLONE_NEWPID", 0x20000000): Danger("process numbers of its own"),
    Flag("CLONE_NEWNET", 0x40000000): Danger("a network of its own, with all its code"),
}
"""Flags of ``clone``."""

PERSONALITIES: Final[Mapping[Flag, Danger]] = {
    Flag("ADDR_NO_RANDOMIZE", 0x0040000): Danger("addresses are no longer random"),
    Flag("MMAP_PAGE_ZERO", 0x0100000): Danger("memory at address 0", ("CVE-2009-1895",)),
    Flag("ADDR_COMPAT_LAYOUT", 0x0200000): Danger("addresses are less random"),
    Flag("READ_IMPLIES_EXEC", 0x0400000): Danger("all memory can be executed"),
}
"""Bits of ``personality``."""

BY_ARGUMENT: Final[Mapping[Syscall, Mapping[Flag, Danger]]] = {
    Syscall("socket"): SOCKETS,
    Syscall("clone"): NAMESPACES,
    Syscall("personality"): PERSONALITIES,
}
"""Dangerous with some first arguments."""

TOGETHER: Final[Mapping[tuple[Syscall, Syscall], Danger]] = {
    (Syscall("memfd_create"), Syscall("execveat")): Danger("runs a program that is in no file: AppArmor sees no path"),
}
"""Dangerous when both are open."""
