"""The table of isolation: for each field, how it reads in a refusal and what each level lets through.

The levels are those of the Kubernetes Pod Security Standards, carried over to what a docker client can ask for; the
numbers in comments are sections of the CIS Docker Benchmark. Below, a value that a level's judge does not let through
is refused, unless the policy lifts the rule. The level ``privileged`` has no column: it lets everything through.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from pytrust.policy.core.bounds import (
    UNLIMITED,
    Judge,
    always,
    counted,
    fitting,
    never,
    only,
    option,
    own_port,
    plain_group,
    plain_user,
    ulimits,
    within_memory,
    within_pids,
    within_storage,
    within_swap,
)
from pytrust.policy.core.decision import Injection
from pytrust.policy.core.request import Field
from pytrust.policy.core.rules import Isolation


class Row(NamedTuple):
    """``text`` says what is refused and ``way`` what to do instead, with ``{value}`` for the value."""

    text: str
    way: str
    baseline: Judge = never
    restricted: Judge = never


# Pod Security "Capabilities": docker's defaults without NET_RAW.
_CAPABILITIES: Final = only(
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
)
# Pod Security "Sysctls": those that are namespaced.
_SYSCTLS: Final = only(
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_notsent_lowat",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_slow_start_after_idle",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
)
# Pod Security "SELinux": types for containers; user, role and level may not be chosen.
_SELINUX: Final = only("type:container_t", "type:container_init_t", "type:container_kvm_t", "type:container_engine_t")
# Limits that only narrow what a container without them has; nice, rtprio and rttime reach other processes.
_NARROWING: Final = dict.fromkeys(("as", "cpu", "data", "fsize", "locks", "rss"), UNLIMITED)
_BASELINE_ULIMITS: Final = {
    **_NARROWING,
    "core": UNLIMITED,
    "memlock": UNLIMITED,  # the container's memory limit bounds it
    "msgqueue": 819_200,  # bytes; the kernel's default
    "nofile": 1_048_576,  # the kernel's ceiling, fs.nr_open
    "nproc": UNLIMITED,  # the container's pids limit bounds it
    "sigpending": 65_536,
    "stack": UNLIMITED,
}
_RESTRICTED_ULIMITS: Final = {
    **_BASELINE_ULIMITS,
    "core": 0,  # a core file goes to a program of the host
    "memlock": 64 * 1024**2,  # bytes that cannot be swapped out
    "nofile": 65_536,
    "nproc": 65_536,  # counted over all containers of a user
    "stack": 64 * 1024**2,  # bytes
}
# Options of the bridge driver that do not reach an interface of the host.
_NETWORK_OPTIONS: Final = option(
    "com.docker.network.driver.mtu",
    "com.docker.network.bridge.enable_icc",
    "com.docker.network.bridge.enable_ip_masquerade",
)

TABLE: Final[Mapping[Field, Row]] = {
    Field.PRIVILEGED: Row("privileged containers are not allowed", "drop --privileged"),  # 5.5
    Field.CAPABILITY: Row(  # 5.4
        "the capability {value} may not be added", "drop --cap-add={value}", _CAPABILITIES, only("NET_BIND_SERVICE")
    ),
    Field.SECCOMP: Row(  # 5.22
        "the seccomp profile {value} is not allowed",
        "drop --security-opt seccomp=...",
        only("builtin"),
        only("builtin"),
    ),
    Field.APPARMOR: Row(  # 5.2
        "the AppArmor profile {value} is not allowed",
        "drop --security-opt apparmor={value}",
        only("docker-default"),
        only("docker-default"),
    ),
    Field.SELINUX: Row(  # 5.3
        "the SELinux label {value} is not allowed", "drop --security-opt label={value}", _SELINUX, _SELINUX
    ),
    Field.NEW_PRIVILEGES: Row(  # 5.26
        "no-new-privileges may not be switched off", "drop --security-opt no-new-privileges=false"
    ),
    Field.SYSTEM_PATHS: Row(
        "the {value} paths of the system may not be chosen", "drop --security-opt systempaths=unconfined"
    ),
    Field.SECURITY_OPTION: Row("the security option {value} is not allowed", "drop --security-opt {value}"),
    Field.PID_MODE: Row("the pid namespace of {value} may not be joined", "drop --pid={value}"),  # 5.16
    Field.IPC_MODE: Row("the ipc mode {value} is not allowed", "drop --ipc={value}"),  # 5.17
    Field.NETWORK_MODE: Row(  # 5.10
        "the network of {value} may not be joined", "drop --network={value}, or name a network"
    ),
    Field.UTS_MODE: Row("the uts namespace of {value} may not be joined", "drop --uts={value}"),  # 5.21
    Field.USERNS_MODE: Row("the user namespace of {value} may not be joined", "drop --userns={value}"),  # 5.31
    Field.CGROUPNS_MODE: Row("the cgroup namespace of {value} may not be joined", "drop --cgroupns={value}"),
    Field.CGROUP_PARENT: Row(  # 5.25
        "the parent cgroup {value} may not be chosen", "drop --cgroup-parent={value}"
    ),
    Field.DEVICE: Row("the device {value} may not be given to a container", "drop --device={value}"),  # 5.18
    Field.DEVICE_RULE: Row("the device rule {value} is not allowed", "drop --device-cgroup-rule"),  # 5.18
    Field.DEVICE_REQUEST: Row("devices of {value} may not be asked for", "drop --gpus and --device"),  # 5.18
    Field.BIND: Row(  # 5.6
        "the host path {value} may not be mounted", "use a named volume in place of -v {value}:..."
    ),
    Field.WRITABLE_BIND: Row(
        "the host path {value} may not be mounted writable", "mount it read-only, -v {value}:...:ro"
    ),
    Field.BIND_OPTION: Row("the mount option {value} is not allowed", "drop {value} from -v or --mount"),  # 5.20
    Field.VOLUME: Row("the volume {value} may not be mounted", "use a volume of the local driver without options"),
    Field.VOLUME_DRIVER: Row(
        "the volume driver {value} is not allowed", "drop --volume-driver, or --driver of docker volume create"
    ),
    Field.VOLUME_OPTION: Row("the volume option {value} is not allowed", "drop --opt and volume-opt"),
    Field.VOLUMES_FROM: Row("the volumes of {value} may not be taken", "drop --volumes-from, and name the volumes"),
    Field.MOUNT_TYPE: Row("mounts of type {value} are not allowed", "drop --mount type={value}"),
    Field.USER: Row(  # 4.1, 5.24
        "the user {value} is not allowed: it has to be a number above zero",
        "name one with --user UID:GID",
        always,
        plain_user,
    ),
    Field.GROUP: Row("the group {value} is not allowed", "drop --group-add={value}", always, plain_group),
    Field.SYSCTL: Row("the sysctl {value} is not allowed", "drop --sysctl {value}", _SYSCTLS, _SYSCTLS),
    Field.ULIMIT: Row(  # 5.19
        "the ulimit {value} is out of bounds",
        "lower or drop --ulimit {value}",
        ulimits(_BASELINE_ULIMITS),
        ulimits(_RESTRICTED_ULIMITS),
    ),
    Field.SHM_SIZE: Row(  # paid from the memory limit, so that more is of no use
        "{value} bytes of /dev/shm are above the memory limit of the policy",
        "lower or drop --shm-size",
        counted,
        within_memory,
    ),
    Field.STORAGE_OPTION: Row(
        "the storage option {value} is not allowed",
        "drop --storage-opt {value}",
        option("size"),
        within_storage,
    ),
    Field.PIDS: Row(  # 5.29
        "{value} processes are above the limit of the policy", "lower or drop --pids-limit", counted, within_pids
    ),
    Field.MEMORY: Row(  # 5.11
        "{value} bytes of memory are above the limit of the policy", "lower or drop --memory", counted, within_memory
    ),
    Field.SWAP: Row(
        "memory and swap of {value} are above twice the memory limit of the policy",
        "lower or drop --memory-swap",
        always,
        within_swap,
    ),
    Field.CPU_REALTIME: Row(
        "{value} is not allowed: real-time processes can starve the host", "drop --cpu-rt-runtime and --cpu-rt-period"
    ),
    Field.OOM: Row("out-of-memory handling may not be changed: {value}", "drop --oom-kill-disable and --oom-score-adj"),
    Field.RUNTIME: Row("the runtime {value} is not allowed", "drop --runtime={value}"),
    Field.WINDOWS: Row("{value} is not allowed", "drop --isolation, credentialspec and the like"),
    Field.ANNOTATION: Row("the annotation {value} is not allowed", "drop --annotation {value}"),
    Field.PORT: Row(  # 5.8, 5.14
        "publishing on {value} is not allowed: it takes one address of the host and a port from 1024 on",
        "write it like -p 127.0.0.1:8080:80",
        always,
        own_port,
    ),
    Field.PUBLISH_ALL: Row(
        "publishing all ports is not allowed", "drop -P, and write each like -p 127.0.0.1:8080:80", always
    ),
    Field.RESTART: Row(  # 5.15
        "the restart policy {value} is not allowed",
        "use --restart=on-failure:5, or fewer times",
        always,
        fitting("on-failure:[1-5]"),
    ),
    Field.LOG_DRIVER: Row(  # 2.13
        "the log driver {value} is not allowed",
        "use --log-driver=local or json-file",
        only("json-file", "local", "none"),
        only("json-file", "local"),
    ),
    Field.LABEL: Row("the label {value} is kept for pytrust itself", "drop --label {value}"),
    Field.WORKING_DIR: Row("the working directory {value} is not allowed", "drop --workdir {value}"),
    Field.NETWORK_DRIVER: Row("the network driver {value} is not allowed", "use docker network create --driver=bridge"),
    Field.NETWORK_OPTION: Row(
        "the network option {value} is not allowed",
        "drop --opt {value}, or --subnet",
        _NETWORK_OPTIONS,
        _NETWORK_OPTIONS,
    ),
    Field.NETWORK_SCOPE: Row(
        "networks of this kind are not allowed: {value}", "drop --scope, --ingress, --config-only and --config-from"
    ),
    Field.ENDPOINT_OPTION: Row("the endpoint option {value} is not allowed", "drop --driver-opt {value}"),
    Field.CHECKPOINT: Row("starting from the checkpoint {value} is not allowed", "drop --checkpoint"),
}

_EVERYWHERE: Final = (Injection.PIDS, Injection.PRIVATE_IPC, Injection.PRIVATE_CGROUPNS, Injection.TMPFS_FLAGS)
# What each level writes into a new container where it was left open.
INJECTED: Final[Mapping[Isolation, tuple[Injection, ...]]] = {
    Isolation.PRIVILEGED: (),
    Isolation.BASELINE: _EVERYWHERE,
    Isolation.RESTRICTED: (
        Injection.DROP_CAPABILITIES,
        Injection.NO_NEW_PRIVILEGES,
        Injection.MEMORY,
        *_EVERYWHERE,
    ),
}
# It was not left open where one of these was asked for, and let through.
CHOSEN: Final[Mapping[Injection, frozenset[Field]]] = {
    Injection.DROP_CAPABILITIES: frozenset(),
    Injection.NO_NEW_PRIVILEGES: frozenset({Field.NEW_PRIVILEGES}),
    Injection.PIDS: frozenset({Field.PIDS}),
    Injection.MEMORY: frozenset({Field.MEMORY}),
    Injection.PRIVATE_IPC: frozenset({Field.IPC_MODE}),
    Injection.PRIVATE_CGROUPNS: frozenset({Field.CGROUPNS_MODE}),
    Injection.TMPFS_FLAGS: frozenset(),
}
