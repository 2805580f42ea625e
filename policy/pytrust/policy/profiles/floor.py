"""What the runtime itself calls after it has loaded a container's filter, and so needs below every profile. Pure.

The table is measured: every call was taken away in turn, and the runtime watched (profiles reference, section 3.3;
runc 1.1.5 on x86_64; for 1.4.2 the base profile that the Security Profiles Operator keeps). With no-new-privileges runc
loads the filter just before it begins the program, and needs much less. A profile without its floor does not just fail:
it can hold ``docker run`` for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from pytrust.policy.profiles.model import Resolved, Seccomp
from pytrust.policy.profiles.names import Action, Syscall

Floors = Mapping[tuple[str, bool], frozenset[Syscall]]
"""Floors that were measured on this host, by the version of runc, and whether with no-new-privileges."""

CLONE: Final = Syscall("clone")
LETS_THROUGH: Final = frozenset({Action.ALLOW, Action.LOG})


def _calls(names: str) -> frozenset[Syscall]:
    return frozenset(map(Syscall, names.split()))


GO: Final = _calls("""
brk clone epoll_ctl epoll_pwait exit exit_group futex getpid gettid madvise mmap mprotect munmap nanosleep
rt_sigaction rt_sigprocmask rt_sigreturn sched_yield sigaltstack tgkill
""")
"""What Go's scheduler, collector and signals call now and then: no single run shows all of it."""

_LAST_STEPS: Final = _calls("close execve fcntl fstatfs getdents64 openat read write")
_WITHOUT: Final = _calls("""
capget capset chdir faccessat2 fchown fstat getcwd getppid newfstatat prctl setgid setgroups setuid
""")
_NEWER: Final = _calls("arch_prctl close_range getuid openat2 recvfrom set_tid_address statx")

_TABLE: Final[Floors] = {
    ("1.1.5", True): _LAST_STEPS | GO,
    ("1.1.5", False): _LAST_STEPS | GO | _WITHOUT,
    ("1.4.2", False): _LAST_STEPS | GO | _WITHOUT | _NEWER,
}


def floor(runc: str, no_new_privileges: bool, measured: Floors | None = None) -> frozenset[Syscall]:
    """The calls that a profile must let through under a version of runc.

    What was measured on this host comes first, then the table, then everything that any version was seen to need.
    """
    if own := (measured or {}).get((runc, no_new_privileges)):
        return own | GO | _LAST_STEPS
    if known := _TABLE.get((runc, no_new_privileges)):
        return known
    return _LAST_STEPS | GO | _NEWER | (frozenset() if no_new_privileges else _WITHOUT)


def source_of(runc: str, no_new_privileges: bool, measured: Floors | None = None) -> str:
    """Where ``floor`` has it from: ``measured here``, ``known`` or ``of all known versions``."""
    key = (runc, no_new_privileges)
    return "measured here" if key in (measured or {}) else "known" if key in _TABLE else "of all known versions"


def missing_floor(
    seccomp: Seccomp | Resolved, runc: str, no_new_privileges: bool, measured: Floors | None = None
) -> tuple[Syscall, ...]:
    """The calls of the floor that a file does not let through, sorted."""
    return refused(seccomp, floor(runc, no_new_privileges, measured))


def refused(seccomp: Seccomp | Resolved, calls: Iterable[Syscall]) -> tuple[Syscall, ...]:
    """Those of ``calls`` that a file does not let through whatever their arguments are; sorted.

    A rule that is there for some capability or kernel only counts for nothing; one for some architectures is for those
    that have the call. Of ``clone``, the flags of threads are enough.
    """
    default = seccomp.default in LETS_THROUGH
    let, not_let = set[Syscall](), set[Syscall]()
    for rule in seccomp.rules:
        if rule.action not in LETS_THROUGH:
            not_let.update(() if rule.args else rule.names)
        elif not (rule.includes.caps or rule.includes.min_kernel):
            let.update(name for name in rule.names if not rule.args or name == CLONE)
    return tuple(sorted(name for name in calls if name in not_let or not (default or name in let)))
