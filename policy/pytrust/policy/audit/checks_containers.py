"""Section 5: containers, by what the engine says of them; running and stopped alike. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable
from typing import Final

from pytrust.policy.audit.check import (
    Check,
    Outcome,
    Section,
    Wrong,
    bad,
    containers,
    flag,
    manual,
    running,
    skipped,
    unread,
)
from pytrust.policy.audit.inventory import Inventory
from pytrust.policy.audit.mounts import mounts, sensitive, sockets
from pytrust.policy.audit.said import Binding, Container, HostConfig, State
from pytrust.scanner.sheet import Mark

_GRAVE: Final = frozenset(
    {"ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "DAC_READ_SEARCH", "SYS_RAWIO", "BPF", "NET_ADMIN", "SYS_BOOT"}
)
_RETRIES_MAX: Final = 5
_PRIVILEGED_BELOW: Final = 1024
_EVERYWHERE: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - what is looked for


def has_option(inventory: Inventory, name: str) -> bool | None:
    """A security option of the engine (``name=seccomp,profile=default``); None where none are said."""
    options = inventory.info.security_options
    return None if options is None else any(f"name={name}" in one.split(",") for one in options)


def _apparmor_run(inventory: Inventory) -> Iterable[Outcome]:
    if has_option(inventory, "apparmor") is False:
        return skipped("the engine's kernel has no AppArmor")
    judge = containers(
        lambda one, _: "no profile confines it" if one.apparmor in {"", "unconfined"} else None, "apparmor"
    )
    return judge(inventory)


def _selinux_run(inventory: Inventory) -> Iterable[Outcome]:
    used = has_option(inventory, "selinux")
    if used is None:
        return [unread("its security options")]
    if not used:
        return skipped("the engine does not use SELinux")
    judge = containers(
        lambda _, host: "label=disable" if _says(host, "label", "disable") or host.privileged else None,
        "security_opt",
        "privileged",
    )
    return judge(inventory)


def _says(host: HostConfig, key: str, value: str) -> bool:
    return any(text in {f"{key}={value}", f"{key}:{value}"} for text in host.security_opt or ())


def _capabilities(_: Container, host: HostConfig) -> Wrong:
    if host.privileged:
        return "it has all of them: it is privileged"
    added = [name.upper().removeprefix("CAP_") for name in host.cap_add or ()]
    grave = [name for name in added if name in _GRAVE]
    if grave:
        return f"it has {', '.join(grave)}, with which the host can be taken over"
    return f"it has more than docker gives: {', '.join(added)}" if added else None


def _ssh(inventory: Inventory, one: Container, _: State) -> Outcome | None:
    lines = inventory.processes.get(one.id)
    if lines is None:
        return unread("which processes run in it", one.called)
    found = next((line for line in lines if posixpath.basename(line.split(" ")[0]).rstrip(":") == "sshd"), None)
    return bad(f"it runs {found[:80]}", one.called) if found else None


def _published(judge: Callable[[dict[tuple[str, Binding], None]], Wrong]) -> Callable[[Container, HostConfig], Wrong]:
    """``judge`` looks at what a container asks for, and at what it got."""

    def run(one: Container, host: HostConfig) -> Wrong:
        if one.network is None or one.network.ports is None:
            return unread("which ports it has", one.called)
        said = [*(host.port_bindings or {}).items(), *one.network.ports.items()]
        return judge({(name, binding): None for name, bindings in said for binding in bindings or ()})

    return run


def _privileged_ports(published: Iterable[tuple[str, Binding]]) -> Wrong:
    ports = {
        binding.port: None
        for _, binding in published
        if binding.port.isdecimal() and 0 < int(binding.port[:6]) < _PRIVILEGED_BELOW
    }
    return f"it is published on port {', '.join(ports)}" if ports else None


def _everywhere(published: Iterable[tuple[str, Binding]]) -> Wrong:
    ports = {name: None for name, binding in published if binding.ip in _EVERYWHERE}
    return f"{', '.join(ports)} is published on every address of the host" if ports else None


def _restart(_: Container, host: HostConfig) -> Wrong:
    policy = host.restart_policy
    if policy is None or policy.name in {"", "no"}:
        return None
    if policy.name == "on-failure" and policy.most is not None and 0 < policy.most <= _RETRIES_MAX:
        return None
    return f"it is started again without end: {policy.name}"


def _propagation(one: Container, _: HostConfig) -> Wrong:
    found = [mount.destination for mount in one.mounts or () if mount.propagation in {"shared", "rshared"}]
    return f"what it mounts below {', '.join(found)} appears on the host" if found else None


def _seccomp_run(inventory: Inventory) -> Iterable[Outcome]:
    options = inventory.info.security_options
    if options is None:
        return [unread("its security options")]
    confines = any("name=seccomp" in one.split(",") and "profile=unconfined" not in one.split(",") for one in options)

    def judge(_: Container, host: HostConfig) -> Wrong:
        if host.privileged or _says(host, "seccomp", "unconfined"):
            return "no profile confines it"
        own = any(text.startswith(("seccomp=", "seccomp:")) for text in host.security_opt or ())
        return None if own or confines else "it asks for no profile, and the engine gives none"

    return containers(judge, "security_opt", "privileged")(inventory)


def _new_privileges(inventory: Inventory) -> Iterable[Outcome]:
    for_all = has_option(inventory, "no-new-privileges")
    sets = {"no-new-privileges", "no-new-privileges=true", "no-new-privileges:true"}
    drops = {"no-new-privileges=false", "no-new-privileges:false"}

    def judge(_: Container, host: HostConfig) -> Wrong:
        said = set(host.security_opt or ())
        return None if said & sets or (for_all and not said & drops) else "they may: it says nothing against it"

    return containers(judge, "security_opt")(inventory)


def _health(_: Inventory, one: Container, state: State) -> Outcome | None:
    if state.health is None or state.health.status in {None, "none"}:
        return bad("nobody looks whether it is well", one.called, mark=Mark.WARN)
    return bad("it says that it is not well", one.called) if state.health.status == "unhealthy" else None


def _bridge(one: Container, host: HostConfig) -> Wrong:
    named = one.network.networks if one.network else None
    on_it = "bridge" in named if named is not None else host.network_mode in {"default", "bridge"}
    return "it is on the default bridge, with every other that is" if on_it else None


def _cpu(_: Container, host: HostConfig) -> Wrong:
    return None if host.cpu_shares or host.nano_cpus or host.cpu_quota else "it may use all processors"


def _host_mode(mode: str | None, what: str) -> Wrong:
    return f"it has the host's {what}" if mode == "host" else None


def _devices(_: Container, host: HostConfig) -> Wrong:
    if host.privileged:
        return "it has all of them: it is privileged"
    return f"it has {len(host.devices)} of them" if host.devices else None


def _pids(_: Container, host: HostConfig) -> Wrong:
    return None if host.pids_limit and host.pids_limit > 0 else "it may start processes without end"


def _swarm_inactive(inventory: Inventory) -> Iterable[Outcome]:
    state = inventory.info.swarm.state if inventory.info.swarm else None
    known = None if state is None else state == "inactive"
    return flag(known, "whether it is in a swarm", "it is not", f"it is: {state}", mark=Mark.WARN)


CONTAINERS: Final = (
    Check("5.1", "swarm mode is off where nobody needs it", Section.CONTAINERS, _swarm_inactive, "docker swarm leave"),
    Check("5.2", "AppArmor confines containers", Section.CONTAINERS, _apparmor_run, "drop apparmor=unconfined",
          "docker run without --security-opt apparmor=unconfined"),
    Check("5.3", "SELinux confines containers", Section.CONTAINERS, _selinux_run, "drop label=disable",
          "docker run without --security-opt label=disable"),
    Check("5.4", "containers have few capabilities", Section.CONTAINERS, containers(_capabilities, "cap_add", "privileged"), "add none",
          "docker run --cap-drop ALL, and --cap-add of what is needed; pytrust profile record tells"),
    Check("5.5", "no container is privileged", Section.CONTAINERS,
          containers(lambda _, host: "it is privileged: it is the host" if host.privileged else None, "privileged"),
          "give it what it needs instead", "docker run without --privileged"),
    Check("5.6", "no container mounts the host's own directories", Section.CONTAINERS, mounts(sensitive),
          "mount what it needs", "docker run without -v of /, /etc, /usr, ..."),
    Check("5.7", "no container runs an SSH server", Section.CONTAINERS, running(_ssh), "use docker exec"),
    Check("5.8", "no container has a privileged port of the host", Section.CONTAINERS,
          containers(_published(_privileged_ports), "port_bindings", mark=Mark.WARN), "publish above 1023", "docker run -p 127.0.0.1:8080:80"),
    Check("5.9", "only needed ports are published", Section.CONTAINERS, manual("which are needed, their owners know")),
    Check("5.10", "no container has the host's network", Section.CONTAINERS,
          containers(lambda _, host: _host_mode(host.network_mode, "network"), "network_mode"), "publish ports instead",
          "docker run without --network host"),
    Check("5.11", "memory is limited", Section.CONTAINERS,
          containers(lambda _, host: None if host.memory else "it may use all memory", "memory"), "limit it", "docker run --memory 512m"),
    Check("5.12", "processor time is shared out", Section.CONTAINERS, containers(_cpu, "cpu_shares", mark=Mark.WARN), "share it out",
          "docker run --cpus 1"),
    Check("5.13", "root file systems are read-only", Section.CONTAINERS,
          containers(lambda _, host: None if host.readonly_rootfs else "it may change its programs", "readonly_rootfs"), "make it read-only",
          "docker run --read-only --tmpfs /tmp"),
    Check("5.14", "ports are published on chosen addresses", Section.CONTAINERS, containers(_published(_everywhere), "port_bindings"),
          "name the address", "docker run -p 127.0.0.1:8080:80"),
    Check("5.15", "a container that fails is not started without end", Section.CONTAINERS, containers(_restart, "restart_policy", mark=Mark.WARN),
          "limit it", "docker run --restart on-failure:5"),
    Check("5.16", "no container sees the host's processes", Section.CONTAINERS,
          containers(lambda _, host: _host_mode(host.pid_mode, "processes"), "pid_mode"), "drop it", "docker run without --pid host"),
    Check("5.17", "no container has the host's IPC", Section.CONTAINERS,
          containers(lambda _, host: _host_mode(host.ipc_mode, "IPC"), "ipc_mode"), "drop it", "docker run without --ipc host"),
    Check("5.18", "no container has devices of the host", Section.CONTAINERS,
          containers(_devices, "devices", "privileged"), "drop them",
          "docker run without --device"),
    Check("5.19", "ulimits are overridden only where needed", Section.CONTAINERS, manual("which are needed, their owners know")),
    Check("5.20", "mounts do not spread to the host", Section.CONTAINERS, containers(_propagation, "mounts"), "make them private",
          "docker run -v SOURCE:TARGET:rprivate"),
    Check("5.21", "no container has the host's name space of names", Section.CONTAINERS,
          containers(lambda _, host: _host_mode(host.uts_mode, "host name"), "uts_mode"), "drop it", "docker run without --uts host"),
    Check("5.22", "seccomp confines containers", Section.CONTAINERS, _seccomp_run, "drop seccomp=unconfined",
          "docker run without --security-opt seccomp=unconfined"),
    Check("5.23", "nobody runs privileged processes in containers", Section.CONTAINERS,
          manual("what was run in the past no engine tells; pytrust log does, of what went through the proxy")),
    Check("5.24", "nobody runs processes as root in containers", Section.CONTAINERS,
          manual("what was run in the past no engine tells; pytrust log does, of what went through the proxy")),
    Check("5.25", "containers are in the engine's own control group", Section.CONTAINERS,
          containers(lambda _, host: f"it is in {host.cgroup_parent}" if host.cgroup_parent else None, "cgroup_parent", mark=Mark.WARN),
          "drop it", "docker run without --cgroup-parent"),
    Check("5.26", "processes cannot gain privileges", Section.CONTAINERS, _new_privileges, "say so",
          "docker run --security-opt no-new-privileges"),
    Check("5.27", "somebody looks whether containers are well", Section.CONTAINERS, running(_health), "give it a health check",
          "HEALTHCHECK in its Dockerfile, or docker run --health-cmd"),
    Check("5.29", "the number of processes is limited", Section.CONTAINERS, containers(_pids), "limit it",
          "docker run --pids-limit 200"),
    Check("5.30", "nothing is on the default bridge", Section.CONTAINERS, containers(_bridge, "network_mode", mark=Mark.WARN),
          "use a network of its own", "docker network create NAME; docker run --network NAME"),
    Check("5.31", "no container has the host's users", Section.CONTAINERS,
          containers(lambda _, host: _host_mode(host.userns_mode, "users"), "userns_mode"), "drop it", "docker run without --userns host"),
    Check("5.32", "no container has the engine's socket", Section.CONTAINERS, mounts(sockets), "drop it",
          "mount the proxy's socket, if it has to be one: pytrust proxy"),
)  # fmt: skip
