"""Capabilities that a program may need, judged by the calls that it makes (capabilities(7)): a superset. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pytrust.policy.profiles.names import CAPABILITIES, DEFAULT_CAPABILITIES, Capability, Syscall

_COMMON: Final = ("SETUID", "SETGID", "CHOWN", "DAC_OVERRIDE", "NET_BIND_SERVICE", "KILL", "FOWNER")
_ALWAYS: Final = ("DAC_OVERRIDE",)  # opening a file is enough
_BY_CALL: Final = {
    "CHOWN": "chown fchown lchown fchownat chown32 fchown32 lchown32",
    "FOWNER": "chmod fchmod fchmodat fchmodat2 utime utimes utimensat futimesat unlink unlinkat rename renameat "
    "renameat2 rmdir setxattr fsetxattr lsetxattr",
    "FSETID": "chmod fchmod fchmodat fchmodat2 write",
    "KILL": "kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_send_signal",
    "SETGID": "setgid setregid setresgid setfsgid setgroups setgid32 setregid32 setresgid32 setgroups32",
    "SETUID": "setuid setreuid setresuid setfsuid setuid32 setreuid32 setresuid32",
    "SETPCAP": "capset prctl",
    "SETFCAP": "setxattr fsetxattr lsetxattr",
    "NET_BIND_SERVICE": "bind",
    "NET_RAW": "socket",
    "NET_ADMIN": "setsockopt ioctl",
    "SYS_CHROOT": "chroot",
    "MKNOD": "mknod mknodat",
    "AUDIT_WRITE": "sendto sendmsg",
    "IPC_LOCK": "mlock mlock2 mlockall shmctl",
    "SYS_NICE": "setpriority sched_setscheduler sched_setparam sched_setattr sched_setaffinity ioprio_set mbind "
    "set_mempolicy migrate_pages move_pages",
    "SYS_RESOURCE": "setrlimit prlimit64",
    "SYS_PTRACE": "ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd process_madvise",
    "SYS_TIME": "settimeofday clock_settime clock_adjtime adjtimex stime",
    "SYS_BOOT": "reboot kexec_load kexec_file_load",
    "SYS_MODULE": "init_module finit_module delete_module",
    "SYS_PACCT": "acct",
    "SYS_RAWIO": "iopl ioperm",
    "SYSLOG": "syslog",
    "DAC_READ_SEARCH": "open_by_handle_at",
    "SYS_ADMIN": "mount umount umount2 pivot_root setns unshare sethostname setdomainname swapon swapoff quotactl "
    "fsopen fsconfig fsmount fspick move_mount open_tree mount_setattr",
}


def likely_first(capabilities: Iterable[Capability]) -> tuple[Capability, ...]:
    """In the order in which programs are known to need them, then by number."""
    return tuple(sorted(set(capabilities), key=_place))


def candidates(calls: Iterable[Syscall]) -> tuple[Capability, ...]:
    """What these calls may need: those of Docker's set, and beyond it only what they point to."""
    seen = frozenset(calls)
    pointed = {Capability(name) for name, words in _BY_CALL.items() if not seen.isdisjoint(words.split())}
    rare = pointed - DEFAULT_CAPABILITIES - _NOISY
    return likely_first(pointed & DEFAULT_CAPABILITIES | set(map(Capability, _ALWAYS)) | rare)


_NOISY: Final = frozenset(map(Capability, ("NET_ADMIN", "SYS_RESOURCE", "IPC_LOCK", "SYS_NICE")))
"""Their calls are made by everybody, and rarely fail without them."""


def _place(capability: Capability) -> tuple[int, int]:
    common = _COMMON.index(capability) if capability in _COMMON else len(_COMMON)
    return common, CAPABILITIES.index(capability)
