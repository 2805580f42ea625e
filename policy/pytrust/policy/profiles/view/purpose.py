"""What system calls are for, in the words of those who use them. Pure.

Names of 32-bit kernels (``chown32``, ``fstat64``, ``futex_time64``) are for what their newer forms are for.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Final

from pytrust.policy.profiles.names import Syscall


class Purpose(StrEnum):
    """Groups of calls, in the order in which they are shown."""

    FILES = "files"
    FOLDERS = "names and folders"
    OWNERS = "owners and rights of files"
    NETWORK = "network"
    PROCESSES = "processes and threads"
    SIGNALS = "signals"
    MEMORY = "memory"
    WAITING = "waiting for events"
    TIME = "time and timers"
    MESSAGES = "messages between processes"
    IDENTITY = "users, groups, limits"
    INFORMATION = "information"
    CONFINEMENT = "confinement"
    OTHERS = "other processes"
    KERNEL = "the host and its kernel"
    REST = "other"


_WORDS: Final[Mapping[Purpose, str]] = {
    Purpose.FILES: """
        open openat openat2 creat close close_range read write readv writev pread64 pwrite64 preadv pwritev preadv2
        pwritev2 lseek _llseek dup dup2 dup3 fcntl ioctl flock fsync fdatasync sync syncfs sync_file_range
        sync_file_range2 arm_sync_file_range truncate ftruncate fallocate fadvise64 fadvise64_64 arm_fadvise64_64
        readahead sendfile splice tee vmsplice copy_file_range pipe pipe2 memfd_create memfd_secret io_setup io_submit
        io_getevents io_pgetevents io_cancel io_destroy io_uring_setup io_uring_enter io_uring_register cachestat""",
    Purpose.FOLDERS: """
        stat lstat fstat newfstatat fstatat64 statx statfs fstatfs ustat oldstat oldfstat oldlstat access faccessat
        faccessat2 mkdir mkdirat rmdir rename renameat renameat2 link linkat unlink unlinkat symlink symlinkat readlink
        readlinkat mknod mknodat getdents readdir getcwd chdir fchdir name_to_handle_at open_by_handle_at
        inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_init fanotify_mark lookup_dcookie""",
    Purpose.OWNERS: """
        chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat umask utime utimes utimensat futimesat
        setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr removexattr
        lremovexattr fremovexattr setxattrat getxattrat listxattrat removexattrat file_getattr file_setattr""",
    Purpose.NETWORK: """
        socket socketpair socketcall bind listen accept accept4 connect getsockname getpeername setsockopt getsockopt
        send sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg shutdown""",
    Purpose.PROCESSES: """
        execve execveat fork vfork clone clone3 exit exit_group wait4 waitid waitpid getpid getppid gettid getpgid
        getpgrp setpgid getsid setsid set_tid_address set_robust_list get_robust_list futex futex_wait futex_wake
        futex_waitv futex_requeue rseq rseq_slice_yield membarrier arch_prctl prctl set_thread_area get_thread_area
        set_tls pidfd_open sched_yield sched_getaffinity sched_setaffinity sched_getattr sched_setattr sched_getparam
        sched_setparam sched_getscheduler sched_setscheduler sched_get_priority_max sched_get_priority_min
        sched_rr_get_interval getpriority setpriority nice ioprio_get ioprio_set getcpu restart_syscall personality
        modify_ldt uretprobe uprobe""",
    Purpose.SIGNALS: """
        kill tkill tgkill pidfd_send_signal rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigsuspend
        rt_sigtimedwait rt_sigqueueinfo rt_tgsigqueueinfo sigaltstack sigaction sigprocmask sigreturn sigpending
        sigsuspend signal sgetmask ssetmask signalfd signalfd4 pause""",
    Purpose.MEMORY: """
        brk mmap mmap2 munmap mremap mprotect madvise mincore msync mlock mlock2 munlock mlockall munlockall mseal
        pkey_alloc pkey_free pkey_mprotect remap_file_pages map_shadow_stack mbind get_mempolicy set_mempolicy
        set_mempolicy_home_node migrate_pages move_pages userfaultfd cacheflush process_mrelease""",
    Purpose.WAITING: """
        poll ppoll select pselect6 _newselect epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2
        epoll_ctl_old epoll_wait_old eventfd eventfd2""",
    Purpose.TIME: """
        time gettimeofday clock_gettime clock_getres clock_nanosleep nanosleep times alarm getitimer setitimer
        timer_create timer_delete timer_gettime timer_settime timer_getoverrun timerfd_create timerfd_gettime
        timerfd_settime clock_settime settimeofday stime adjtimex clock_adjtime""",
    Purpose.MESSAGES: """
        msgget msgsnd msgrcv msgctl semget semop semtimedop semctl shmget shmat shmdt shmctl ipc mq_open mq_unlink
        mq_timedsend mq_timedreceive mq_notify mq_getsetattr""",
    Purpose.IDENTITY: """
        getuid geteuid getgid getegid getgroups setgroups setuid setgid setreuid setregid setresuid setresgid getresuid
        getresgid setfsuid setfsgid capget capset getrlimit setrlimit ugetrlimit prlimit64 getrusage""",
    Purpose.INFORMATION: "uname olduname oldolduname sysinfo sysfs getrandom statmount listmount listns",
    Purpose.CONFINEMENT: """
        seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self lsm_get_self_attr lsm_set_self_attr
        lsm_list_modules chroot pivot_root unshare setns""",
    Purpose.OTHERS: """
        ptrace process_vm_readv process_vm_writev process_madvise pidfd_getfd kcmp perf_event_open""",
    Purpose.KERNEL: """
        mount umount umount2 fsopen fsconfig fsmount fspick move_mount open_tree open_tree_attr mount_setattr swapon
        swapoff quotactl quotactl_fd acct reboot sethostname setdomainname syslog init_module finit_module delete_module
        create_module get_kernel_syms query_module kexec_load kexec_file_load bpf add_key request_key keyctl iopl ioperm
        vhangup uselib _sysctl nfsservctl vm86 vm86old bdflush vserver""",
}
_ENDINGS: Final = ("_time64", "64", "32", "_time32")


def purpose(call: Syscall) -> Purpose:
    """What a call is for."""
    known = _table()
    for ending in ("", *_ENDINGS):
        found = known.get(call.removesuffix(ending) if ending else call)
        if found is not None:
            return found
    return Purpose.REST


@cache
def _table() -> Mapping[str, Purpose]:
    return {word: group for group, words in _WORDS.items() for word in words.split()}
