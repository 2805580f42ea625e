"""What every AppArmor profile of a container gets, whatever it is for: little to read, and what no rule may open. Pure.

The files are those that the loader and the C libraries (glibc, musl) and Go's runtime look at before a program's own
code runs, and the terminals of ``docker run -t`` and ``docker exec -t``, which are the container's own. ``/`` is what
the kernel calls memory in huge pages (``MAP_HUGETLB``): postgres asks for it.

The denials are Docker's (moby, ``profiles/apparmor/template.go``, and its masked paths) in patterns of our own: nothing
outside the directories of processes is written below /proc, nothing outside control groups below /sys. They beat every
rule of a profile.
"""

from __future__ import annotations

from typing import Final

from pytrust.policy.profiles.model import FileRule

_READ: Final = (
    "/dev/random",
    "/dev/urandom",
    "/etc/ld.so.cache",
    "/etc/ld.so.preload",
    "/etc/ld-musl-*.path",
    "/proc/[0-9]*/{,task/[0-9]*/}{auxv,cgroup,cmdline,comm,limits,maps,mountinfo,stat,statm,status}",
    "/proc/{cpuinfo,filesystems,loadavg,meminfo,stat,uptime,version}",
    "/proc/sys/kernel/{cap_last_cap,ngroups_max,osrelease,pid_max,version}",
    "/proc/sys/net/core/somaxconn",
    "/proc/sys/vm/{max_map_count,overcommit_memory}",
    "/sys/devices/system/cpu/{online,possible}",
    "/sys/fs/cgroup/{,**/}{cpu.max,memory.max,cpu.cfs_quota_us,cpu.cfs_period_us,memory.limit_in_bytes}",
    "/sys/kernel/mm/transparent_hugepage/{enabled,hpage_pmd_size}",
)
_WRITE: Final = ("/", "/dev/full", "/dev/null", "/dev/pts/[0-9]*", "/dev/tty", "/dev/zero")
_CGROUPS: Final = "fs/cgroup/"
_BESIDE_CGROUPS: Final = ",".join(f"{_CGROUPS[:at]}[^{_CGROUPS[at]}]**" for at in range(len(_CGROUPS)))

BASE_FILES: Final = (
    *(FileRule(path=path, modes="r") for path in _READ),
    *(FileRule(path=path, modes="rw") for path in _WRITE),
)
"""Allowed to every container."""

BASE_DENIALS: Final = (
    FileRule(path="/proc/[^0-9]**", modes="wlkm", transition="ix"),
    FileRule(path="/proc/{kcore,keys,kmsg,latency_stats,sched_debug,sysrq-trigger,timer_list}", modes="rwlkm"),
    FileRule(path=f"/sys/{{{_BESIDE_CGROUPS}}}", modes="wlkm", transition="ix"),
    FileRule(path="/sys/{firmware,devices/virtual/powercap,kernel/security}/{,**}", modes="rwlkm"),
)
"""Denied to every container; a transition stands for all ways to execute."""
