"""Section 5: containers, by what the engine says of them; running and stopped alike. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from typing import Final

from pytrust.policy.audit.check import Check, Outcome, Section, bad, containers, flag, manual, ok, unread
from pytrust.policy.audit.inventory import Container, HostConfig, Inventory
from pytrust.scanner.sheet import Mark

_SENSITIVE: Final = frozenset(
    {"/", "/boot", "/dev", "/etc", "/lib", "/proc", "/sys", "/usr", "/run", "/var/run", "/root"}
)
_GRAVE: Final = frozenset(
    {"ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "DAC_READ_SEARCH", "SYS_RAWIO", "BPF", "NET_ADMIN", "SYS_BOOT"}
)
_RETRIES_MAX: Final = 5
_PRIVILEGED_BELOW: Final = 1024
_EVERYWHERE: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - what is looked for
_SOCKETS: Final = ("docker.sock", "containerd.sock")


def _apparmor(one: Container, _: HostConfig) -> str | None:
    if one.apparmor is None:
        return "the engine does not say its profile"
    return "no profile confines it" if one.apparmor in {"", "unconfined"} else None


def _apparmor_run(inventory: Inventory) -> Iterable[Outcome]:
    options = inventory.info.security_options
    if options is not None and not any("name=apparmor" in one.split(",") for one in options):
        return [Outcome(Mark.SKIPPED, why="the engine's kernel has no AppArmor")]
    return containers(_apparmor)(inventory)


def _selinux_run(inventory: Inventory) -> Iterable[Outcome]:
    options = inventory.info.security_options
    if options is None:
        return [unread("its security options")]
    if not any("name=selinux" in one.split(",") for one in options):
        return [Outcome(Mark.SKIPPED, why="the engine does not use SELinux")]
    return containers(lambda _, host: "label=disable" if _says(host, "label", "disable") else None)(inventory)


def _says(host: HostConfig, key: str, value: str) -> bool:
    return any(text in {f"{key}={value}", f"{key}:{value}"} for text in host.security_opt or ())


def _capabilities(_: Container, host: HostConfig) -> str | None:
    added = [name.upper().removeprefix("CAP_") for name in host.cap_add or ()]
    grave = [name for name in added if name in _GRAVE]
    if grave:
        return f"it has {', '.join(grave)}, with which the host can be taken over"
    return f"it has more than docker gives: {', '.join(added)}" if added else None


def _sensitive(one: Container, _: HostConfig) -> str | None:
    found = [
        f"{mount.source}{'' if mount.writable else ' (read-only)'}"
        for mount in one.mounts or ()
        if mount.type == "bind" and posixpath.normpath(mount.source or "") in _SENSITIVE
    ]
    return f"it mounts {', '.join(found)}" if found else None


def _sockets(one: Container, _: HostConfig) -> str | None:
    found = [mount.source for mount in one.mounts or () if (mount.source or "").endswith(_SOCKETS)]
    return f"it mounts {', '.join(map(str, found))}: it can do whatever the engine can" if found else None


def _ssh(inventory: Inventory) -> Iterable[Outcome]:
    running = [one for one in inventory.containers if one.state and one.state.running]
    hidden = [unread("which processes run in it", one.called) for one in running if one.id not in inventory.processes]
    found = [
        bad(f"it runs {line[:80]}", one.called)
        for one in running
        for line in inventory.processes.get(one.id, ())
        if posixpath.basename(line.split(" ")[0]).rstrip(":") == "sshd"
    ]
    if found or hidden:
        return [*found, *hidden]
    return [ok(f"{len(running)} looked at")] if running else [Outcome(Mark.SKIPPED, why="no container runs")]


def _privileged_ports(_: Container, host: HostConfig) -> str | None:
    ports = [
        binding.port
        for bindings in (host.port_bindings or {}).values()
        for binding in bindings or ()
        if binding.port and binding.port.isdecimal() and 0 < int(binding.port[:6]) < _PRIVILEGED_BELOW
    ]
    return f"it is published on port {', '.join(ports)}" if ports else None


def _everywhere(_: Container, host: HostConfig) -> str | None:
    ports = [
        name
        for name, bindings in (host.port_bindings or {}).items()
        for binding in bindings or ()
        if (binding.ip or "") in _EVERYWHERE
    ]
    return f"{', '.join(ports)} is published on every address of the host" if ports else None


def _restart(_: Container, host: HostConfig) -> str | None:
    policy = host.restart_policy
    if policy is None or policy.name in {None, "", "no"}:
        return None
    if policy.name == "on-failure" and policy.most is not None and 0 < policy.most <= _RETRIES_MAX:
        return None
    return f"it is started again without end: {policy.name}"


def _propagation(one: Container, _: HostConfig) -> str | None:
    found = [str(mount.destination) for mount in one.mounts or () if mount.propagation in {"shared", "rshared"}]
    return f"what it mounts below {', '.join(found)} appears on the host" if found else None


def _seccomp(_: Container, host: HostConfig) -> str | None:
    return "no profile confines it" if _says(host, "seccomp", "unconfined") or host.privileged else None


def _new_privileges(inventory: Inventory) -> Iterable[Outcome]:
    options = inventory.info.security_options or ()
    if any("name=no-new-privileges" in one.split(",") for one in options):
        return [ok("the engine says so for all")]

    def judge(_: Container, host: HostConfig) -> str | None:
        said = host.security_opt or ()
        return (
            None if {"no-new-privileges", "no-new-privileges=true", "no-new-privileges:true"} & set(said) else "not set"
        )

    return containers(judge)(inventory)


def _health(inventory: Inventory) -> Iterable[Outcome]:
    running = [one for one in inventory.containers if one.state and one.state.running]
    found = []
    for one in running:
        health = one.state.health if one.state else None
        if health is None:
            found.append(bad("nobody looks whether it is well", one.called, mark=Mark.WARN))
        elif health.status == "unhealthy":
            found.append(bad("it says that it is not well", one.called))
    if found:
        return found
    return [ok(f"{len(running)} looked at")] if running else [Outcome(Mark.SKIPPED, why="no container runs")]


def _bridge(one: Container, host: HostConfig) -> str | None:
    named = one.network.networks if one.network else None
    on_it = "bridge" in named if named is not None else host.network_mode in {"default", "bridge"}
    return "it is on the default bridge, with every other that is" if on_it else None


def _cpu(_: Container, host: HostConfig) -> str | None:
    return None if host.cpu_shares or host.nano_cpus or host.cpu_quota else "it may use all processors"


def _host_mode(mode: str | None, what: str) -> str | None:
    return f"it has the host's {what}" if mode == "host" else None


def _pids(_: Container, host: HostConfig) -> str | None:
    return None if host.pids_limit and host.pids_limit > 0 else "it may start processes without end"


def _swarm_inactive(inventory: Inventory) -> Iterable[Outcome]:
    state = inventory.info.swarm.state if inventory.info.swarm else None
    return flag(
        None if state is None else state == "inactive",
        "whether it is in a swarm",
        "it is not",
        f"it is: {state}",
        mark=Mark.WARN,
    )


CONTAINERS: Final = (
    Check("5.1", "swarm mode is off where nobody needs it", Section.CONTAINERS, _swarm_inactive, "docker swarm leave"),
    Check("5.2", "AppArmor confines containers", Section.CONTAINERS, _apparmor_run, "drop apparmor=unconfined",
          "docker run without --security-opt apparmor=unconfined"),
    Check("5.3", "SELinux confines containers", Section.CONTAINERS, _selinux_run, "drop label=disable",
          "docker run without --security-opt label=disable"),
    Check("5.4", "containers have few capabilities", Section.CONTAINERS, containers(_capabilities), "add none",
          "docker run --cap-drop ALL, and --cap-add of what is needed; pytrust profile record tells"),
    Check("5.5", "no container is privileged", Section.CONTAINERS,
          containers(lambda _, host: "it is privileged: it is the host" if host.privileged else None),
          "give it what it needs instead", "docker run without --privileged"),
    Check("5.6", "no container mounts the host's own directories", Section.CONTAINERS, containers(_sensitive),
          "mount what it needs", "docker run without -v of /, /etc, /usr, ..."),
    Check("5.7", "no container runs an SSH server", Section.CONTAINERS, _ssh, "use docker exec"),
    Check("5.8", "no container has a privileged port of the host", Section.CONTAINERS,
          containers(_privileged_ports, mark=Mark.WARN), "publish above 1023", "docker run -p 127.0.0.1:8080:80"),
    Check("5.9", "only needed ports are published", Section.CONTAINERS, manual("which are needed, their owners know")),
    Check("5.10", "no container has the host's network", Section.CONTAINERS,
          containers(lambda _, host: _host_mode(host.network_mode, "network")), "publish ports instead",
          "docker run without --network host"),
    Check("5.11", "memory is limited", Section.CONTAINERS,
          containers(lambda _, host: None if host.memory else "it may use all memory"), "limit it", "docker run --memory 512m"),
    Check("5.12", "processor time is shared out", Section.CONTAINERS, containers(_cpu, mark=Mark.WARN), "share it out",
          "docker run --cpus 1"),
    Check("5.13", "root file systems are read-only", Section.CONTAINERS,
          containers(lambda _, host: None if host.readonly_rootfs else "it may change its programs"), "make it read-only",
          "docker run --read-only --tmpfs /tmp"),
    Check("5.14", "ports are published on chosen addresses", Section.CONTAINERS, containers(_everywhere),
          "name the address", "docker run -p 127.0.0.1:8080:80"),
    Check("5.15", "a container that fails is not started without end", Section.CONTAINERS, containers(_restart, mark=Mark.WARN),
          "limit it", "docker run --restart on-failure:5"),
    Check("5.16", "no container sees the host's processes", Section.CONTAINERS,
          containers(lambda _, host: _host_mode(host.pid_mode, "processes")), "drop it", "docker run without --pid host"),
    Check("5.17", "no container has the host's IPC", Section.CONTAINERS,
          containers(lambda _, host: _host_mode(host.ipc_mode, "IPC")), "drop it", "docker run without --ipc host"),
    Check("5.18", "no container has devices of the host", Section.CONTAINERS,
          containers(lambda _, host: f"it has {len(host.devices)} of them" if host.devices else None), "drop them",
          "docker run without --device"),
    Check("5.19", "ulimits are overridden only where needed", Section.CONTAINERS, manual("which are needed, their owners know")),
    Check("5.20", "mounts do not spread to the host", Section.CONTAINERS, containers(_propagation), "make them private",
          "docker run -v SOURCE:TARGET:rprivate"),
    Check("5.21", "no container has the host's name space of names", Section.CONTAINERS,
          containers(lambda _, host: _host_mode(host.uts_mode, "host name")), "drop it", "docker run without --uts host"),
    Check("5.22", "seccomp confines containers", Section.CONTAINERS, containers(_seccomp), "drop seccomp=unconfined",
          "docker run without --security-opt seccomp=unconfined"),
    Check("5.23", "nobody runs privileged processes in containers", Section.CONTAINERS,
          manual("what was run in the past no engine tells; pytrust log does, of what went through the proxy")),
    Check("5.24", "nobody runs processes as root in containers", Section.CONTAINERS,
          manual("what was run in the past no engine tells; pytrust log does, of what went through the proxy")),
    Check("5.25", "containers are in the engine's own control group", Section.CONTAINERS,
          containers(lambda _, host: f"it is in {host.cgroup_parent}" if host.cgroup_parent else None, mark=Mark.WARN),
          "drop it", "docker run without --cgroup-parent"),
    Check("5.26", "processes cannot gain privileges", Section.CONTAINERS, _new_privileges, "say so",
          "docker run --security-opt no-new-privileges"),
    Check("5.27", "somebody looks whether containers are well", Section.CONTAINERS, _health, "give it a health check",
          "HEALTHCHECK in its Dockerfile, or docker run --health-cmd"),
    Check("5.29", "the number of processes is limited", Section.CONTAINERS, containers(_pids), "limit it",
          "docker run --pids-limit 200"),
    Check("5.30", "nothing is on the default bridge", Section.CONTAINERS, containers(_bridge, mark=Mark.WARN),
          "use a network of its own", "docker network create NAME; docker run --network NAME"),
    Check("5.31", "no container has the host's users", Section.CONTAINERS,
          containers(lambda _, host: _host_mode(host.userns_mode, "users")), "drop it", "docker run without --userns host"),
    Check("5.32", "no container has the engine's socket", Section.CONTAINERS, containers(_sockets), "drop it",
          "mount the proxy's socket, if it has to be one: pytrust proxy"),
)  # fmt: skip
