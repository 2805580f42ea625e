"""What the arguments of some calls are: pointers, whose targets no filter sees, and numbers of 32 bits. Pure data.

From the kernel's declarations (``include/linux/syscalls.h``). Only calls that rules with conditions are written for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pytrust.policy.profiles.names import Syscall


def _table(rows: str) -> Mapping[Syscall, frozenset[int]]:
    """``call 0,1`` pairs: the places of arguments."""
    words = rows.split()
    return {
        Syscall(name): frozenset(map(int, places.split(",")))
        for name, places in zip(words[::2], words[1::2], strict=True)
    }


POINTERS: Final = _table("""
accept 1,2 accept4 1,2 access 0 bind 1 bpf 1 chdir 0 chmod 0 chown 0 chroot 0 clone3 0 connect 1 creat 0
execve 0,1,2 execveat 1,2,3 faccessat 1 faccessat2 1 fchmodat 1 fchownat 1 finit_module 1 fsetxattr 1,2 futex 0,3,4
getsockname 1,2 getsockopt 3,4 init_module 0,2 ipc 4 link 0,1 linkat 1,3 lstat 0,1 mkdir 0 mkdirat 1 mknod 0 mknodat 1
mount 0,1,2,4 move_mount 1,3 name_to_handle_at 1,2,3 newfstatat 1,2 open 0 open_by_handle_at 1 open_tree 1 openat 1
openat2 1,2 perf_event_open 0 pipe 0 pipe2 0 pivot_root 0,1 read 1 readlink 0,1 readlinkat 1,2 recvfrom 1,4,5 recvmsg 1
rename 0,1 renameat 1,3 renameat2 1,3 request_key 0,1,2 rmdir 0 rt_sigaction 1,2 rt_sigprocmask 1,2 sendmsg 1 sendto 1,4
setsockopt 3 setxattr 0,1,2 socketcall 1 socketpair 3 stat 0,1 statx 1,4 swapon 0 swapoff 0 symlink 0,1 symlinkat 0,2
truncate 0 umount2 0 unlink 0 unlinkat 1 utimensat 1,2 write 1 writev 1
""")

NARROW: Final = _table("""
accept 0 accept4 0,3 bind 0 clock_settime 0 close 0 connect 0 dup 0 dup2 0,1 dup3 0,1,2 epoll_ctl 0,1,2 fchmod 0,1
fcntl 0,1 flock 0,1 futex 1,2 getpriority 0,1 ioctl 0,1 ioprio_set 0,1,2 kill 0,1 lseek 0,2 madvise 2 mkdir 1
mlockall 0 msgget 1 open 1,2 openat 0,2,3 personality 0 prctl 0 prlimit64 0,1 reboot 0,1,2 seccomp 0,1 semget 1,2
setns 0,1 setpriority 0,1,2 setsockopt 0,1,2,4 shmget 2 socket 0,1,2 socketpair 0,1,2 tgkill 0,1,2 timer_create 0
unlinkat 0,2 waitid 0,3 memfd_create 1 keyctl 0 bpf 0,2
""")
"""``int`` and the like: of a register's 64 bits, the kernel looks at the lower half, and a filter at all."""
