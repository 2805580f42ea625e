"""Calls that stand in for one that was seen: on another kernel or host, or from another build of a library. Pure.

A profile is made for an image by its digest, so its libraries do not change under it. What changes is the host: a call
that is missing there has a fallback, what the vDSO answered becomes a call, an interrupted sleep is taken up by
``restart_syscall``. Those are ``IN_PLACE_OF``. Where the libraries may change too, ``SPELLINGS`` say which calls do the
same thing to the same objects. No sibling can do more than the call it stands for: ``socket`` never follows from
``socketpair``, nor ``execveat`` (a file without a name) from ``execve``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from pytrust.policy.profiles.names import Syscall

# A call that was seen, and what comes in its place where the kernel, the clock or the moment is another.
_FALLBACKS: Final = """
clone3: clone
faccessat2: faccessat
fchmodat2: fchmodat
statx: newfstatat
close_range: close
epoll_pwait2: epoll_pwait
futex_waitv: futex
preadv2: preadv
pwritev2: pwritev
renameat2: renameat
copy_file_range: sendfile
openat2: openat
clock_gettime64: clock_gettime
clock_nanosleep: restart_syscall
nanosleep: restart_syscall
poll: restart_syscall
futex: restart_syscall
rt_sigaction: rt_sigreturn
set_robust_list: exit
"""

_VDSO: Final = "clock_gettime gettimeofday"  # calls where the host's clock cannot be read without one
_ALWAYS: Final = "exit_group"  # how every program ends, where nobody killed it

# The same thing, to the same objects.
_SPELLINGS: Final = """
open openat
stat lstat fstat newfstatat statx
access faccessat faccessat2
poll ppoll
select pselect6
epoll_wait epoll_pwait epoll_pwait2
epoll_create epoll_create1
eventfd eventfd2
signalfd signalfd4
inotify_init inotify_init1
pipe pipe2
dup2 dup3
accept accept4
fork vfork clone
getdents getdents64
mkdir mkdirat
rmdir unlinkat
unlink unlinkat
rename renameat renameat2
link linkat
symlink symlinkat
readlink readlinkat
chmod fchmodat fchmodat2
utime utimes utimensat futimesat
chown lchown fchownat
getrlimit prlimit64
setrlimit prlimit64
wait4 waitid
nanosleep clock_nanosleep
sendfile copy_file_range
preadv preadv2
pwritev pwritev2
getpgrp getpgid
"""

_STARTING: Final = "set_robust_list set_tid_address rseq arch_prctl getrandom prlimit64 mprotect"  # of C libraries


def _calls(words: str) -> tuple[Syscall, ...]:
    return tuple(map(Syscall, words.split()))


IN_PLACE_OF: Final[tuple[tuple[Syscall, Syscall], ...]] = tuple(
    (Syscall(seen), Syscall(instead.strip()))
    for seen, _, instead in (line.partition(":") for line in _FALLBACKS.split("\n") if line)
)
SPELLINGS: Final = tuple(_calls(line) for line in _SPELLINGS.split("\n") if line)


def siblings(seen: Iterable[Syscall], *, other_builds: bool = False) -> Mapping[Syscall, Syscall]:
    """What else a program may call that was seen to call ``seen``, with the call that each stands for.

    ``other_builds``: also what other builds of its libraries call.
    """
    names = frozenset(seen)
    found: dict[Syscall, Syscall] = {}
    if names:
        found |= dict.fromkeys(_calls(_VDSO), Syscall("vdso"))
        found |= dict.fromkeys(_calls(_ALWAYS), Syscall("exit_group"))
    found |= {instead: call for call, instead in IN_PLACE_OF if call in names}
    if other_builds and names:
        found |= dict.fromkeys(_calls(_STARTING), Syscall("execve"))
        found |= {other: call for group in SPELLINGS for call in group if call in names for other in group}
    return {call: stands for call, stands in found.items() if call not in names}
