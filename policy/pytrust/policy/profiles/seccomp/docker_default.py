"""What Docker gives a container that asks for no seccomp profile, as facts in our own form. Pure.

The facts are those of moby/profiles, ``seccomp/default_linux.go`` as of June 2026, which engine 29 carries: 33 rules,
361 calls open to everybody, sockets of every family but AF_ALG (38) and AF_VSOCK (40). Older engines open more: those
of 20.10 let ``io_uring_setup`` and both families through. A later state of that file lists the families one by one.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from pytrust.policy.profiles.model import ArchMap, Arg, Condition, Rule, Seccomp
from pytrust.policy.profiles.names import Action, Arch, Capability, GoArch, Op, Syscall

EPERM: Final = 1
ENOSYS: Final = 38
NAMESPACE_FLAGS: Final = 0x7E020000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET (linux/sched.h)

_OPEN: Final = """
accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown chown32 clock_adjtime
clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64
close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old
epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2
fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64
fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync
ftruncate ftruncate64 futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake futimesat getcpu getcwd
getdents getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getitimer getpeername
getpgid getpgrp getpid getppid getpriority getrandom getresgid getresgid32 getresuid getresuid32 getrlimit
get_robust_list getrusage getsid getsockname getsockopt get_thread_area gettid gettimeofday getuid getuid32 getxattr
getxattrat inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel ioctl io_destroy io_getevents
io_pgetevents io_pgetevents_time64 ioprio_get ioprio_set io_setup io_submit ipc kill landlock_add_rule
landlock_create_ruleset landlock_restrict_self lchown lchown32 lgetxattr link linkat listen listmount listxattr
listxattrat llistxattr _llseek lremovexattr lseek lsetxattr lstat lstat64 madvise map_shadow_stack membarrier
memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 mprotect mq_getsetattr
mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal msgctl
msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep newfstatat _newselect open openat
openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl
pread64 preadv preadv2 prlimit64 process_mrelease pselect6 pselect6_time64 pwrite64 pwritev pwritev2 read readahead
readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages removexattr removexattrat
rename renameat renameat2 restart_syscall riscv_hwprobe rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask
rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_getaffinity
sched_getattr sched_getparam sched_get_priority_max sched_get_priority_min sched_getscheduler sched_rr_get_interval
sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp
select semctl semget semop semtimedop semtimedop_time64 send sendfile sendfile64 sendmmsg sendmsg sendto setfsgid
setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid setpriority setregid setregid32
setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit set_robust_list setsid setsockopt
set_thread_area set_tid_address setuid setuid32 setxattr setxattrat shmat shmctl shmdt shmget shutdown sigaltstack
signalfd signalfd4 sigprocmask sigreturn socketcall socketpair splice stat stat64 statfs statfs64 statmount statx
symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete timer_getoverrun
timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64
timerfd_settime timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink unlinkat uretprobe utime
utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write writev
"""
_ADMINISTRATION: Final = """
bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr lsm_list_modules
lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname
sethostname setns syslog umount umount2 unshare
"""
_BY_CAPABILITY: Final = (
    ("DAC_READ_SEARCH", "open_by_handle_at"),
    ("SYS_ADMIN", _ADMINISTRATION),
    ("SYS_BOOT", "reboot"),
    ("SYS_CHROOT", "chroot"),
    ("SYS_MODULE", "delete_module init_module finit_module"),
    ("SYS_PACCT", "acct"),
    ("SYS_PTRACE", "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace"),
    ("SYS_RAWIO", "iopl ioperm"),
    ("SYS_TIME", "settimeofday stime clock_settime clock_settime64"),
    ("SYS_TTY_CONFIG", "vhangup"),
    ("SYS_NICE", "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"),
    ("SYSLOG", "syslog"),
    ("BPF", "bpf"),
    ("PERFMON", "perf_event_open"),
)
_BY_ARCH: Final = (
    ("ppc64le", "sync_file_range2 swapcontext"),
    ("arm arm64", "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls"),
    ("amd64 x32", "arch_prctl"),
    ("amd64 x32 x86", "modify_ldt"),
    ("s390 s390x", "s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr"),
    ("riscv64", "riscv_flush_icache"),
)
_ARCHES: Final = (
    ("X86_64", "X86 X32"),
    ("AARCH64", "ARM"),
    ("MIPS64", "MIPS MIPS64N32"),
    ("MIPS64N32", "MIPS MIPS64"),
    ("MIPSEL64", "MIPSEL MIPSEL64N32"),
    ("MIPSEL64N32", "MIPSEL MIPSEL64"),
    ("S390X", "S390"),
    ("RISCV64", ""),
    ("LOONGARCH64", ""),
)
_SOCKETS: Final = ((Op.LT, 38), (Op.EQ, 39), (Op.GT, 40))
_PERSONALITIES: Final = (0, 0x0008, 0x20000, 0x20008, 0xFFFFFFFF)  # PER_LINUX32, UNAME26, both; the last only asks
_S390: Final = (GoArch("s390"), GoArch("s390x"))
_ALWAYS: Final = Condition()
_ADMIN: Final = (Capability("SYS_ADMIN"),)


@cache
def docker_default() -> Seccomp:
    """The profile that stands behind ``seccomp=builtin``."""
    rules = (
        _allow(_OPEN),
        _allow("process_vm_readv process_vm_writev ptrace", includes=Condition(min_kernel="4.8")),
        *(_allow("socket", Arg(index=0, op=op, value=family)) for op, family in _SOCKETS),
        *(_allow("personality", Arg(index=0, op=Op.EQ, value=value)) for value in _PERSONALITIES),
        *(_allow(names, includes=Condition(arches=_arches(arches))) for arches, names in _BY_ARCH),
        *(_allow(names, includes=Condition(caps=(Capability(cap),))) for cap, names in _BY_CAPABILITY),
        *_threads(),
    )
    return Seccomp(default=Action.ERRNO, default_errno=EPERM, arch_map=tuple(_arch_maps()), rules=rules)


def _threads() -> tuple[Rule, ...]:
    """New threads and processes in the namespaces of their parent; on s390 the flags are the second argument."""
    here = Condition(caps=_ADMIN, arches=_S390)
    there = Condition(caps=_ADMIN)
    return (
        _allow("clone", _no_namespace(0), excludes=here),
        _allow("clone", _no_namespace(1), includes=Condition(arches=_S390), excludes=there),
        Rule(names=(Syscall("clone3"),), action=Action.ERRNO, errno=ENOSYS, excludes=there),
    )


def _no_namespace(index: int) -> Arg:
    return Arg(index=index, op=Op.MASKED_EQ, value=NAMESPACE_FLAGS, second=0)


def _allow(names: str, *args: Arg, includes: Condition = _ALWAYS, excludes: Condition = _ALWAYS) -> Rule:
    calls = tuple(map(Syscall, names.split()))
    return Rule(names=calls, action=Action.ALLOW, args=args, includes=includes, excludes=excludes)


def _arches(names: str) -> tuple[GoArch, ...]:
    return tuple(map(GoArch, names.split()))


def _arch_maps() -> list[ArchMap]:
    return [ArchMap(architecture=_arch(one), also=tuple(map(_arch, also.split()))) for one, also in _ARCHES]


def _arch(name: str) -> Arch:
    return Arch(f"SCMP_ARCH_{name}")
