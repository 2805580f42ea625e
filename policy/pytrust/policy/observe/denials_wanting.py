"""Calls that fail for want of a capability which Docker would have given. Pure.

A profile drops all capabilities but those that were proven to be needed; what is missing shows as EPERM from the kernel
itself (capabilities(7)). It also has other reasons to say so, such that this is a guess. Missing DAC_OVERRIDE and
NET_BIND_SERVICE show as EACCES, and FSETID not at all.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Final

from pytrust.policy.observe.denials_model import Confined, Refusal
from pytrust.policy.profiles.names import Action, Capability, Syscall
from pytrust.policy.profiles.seccomp.syscalls import names

_CALLS: Final = {
    "CHOWN": "chown fchown lchown fchownat chown32 fchown32 lchown32",
    "FOWNER": "chmod fchmod fchmodat fchmodat2 utimensat utimes utime futimesat",
    "KILL": "kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_send_signal",
    "SETGID": "setgid setregid setresgid setgroups setgid32 setregid32 setresgid32 setgroups32",
    "SETUID": "setuid setreuid setresuid setuid32 setreuid32 setresuid32",
    "SETPCAP": "capset",
    "SETFCAP": "setxattr lsetxattr fsetxattr",
    "NET_RAW": "socket",
    "SYS_CHROOT": "chroot",
    "MKNOD": "mknod mknodat",
    "AUDIT_WRITE": "sendto sendmsg",
}
_WANTED: Final[Mapping[Syscall, Capability]] = {
    Syscall(call): Capability(name) for name, calls in _CALLS.items() for call in calls.split()
}


def wanting(refusal: Refusal, confined: Confined) -> Capability | None:
    """The capability that a container lacks, where a call failed that needs one of Docker's."""
    if refusal.action is not Action.ERRNO or refusal.errno != errno.EPERM:
        return None
    name = names(refusal.arch).get(refusal.number)
    found = _WANTED.get(name) if name is not None else None
    return None if found is None or found in confined.capabilities else found
