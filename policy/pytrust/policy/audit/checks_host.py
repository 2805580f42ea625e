"""What only the engine's host tells: sections 1.1 and 3, and settings that no answer of the engine has. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from pytrust.policy.audit.check import Check, Outcome, Run, Section, bad, flag, ok, skipped
from pytrust.policy.audit.inventory import File, Host, Inventory
from pytrust.scanner.sheet import Mark

AUDITED: Final = (
    ("1.1.3", "/usr/bin/dockerd"),
    ("1.1.4", "/run/containerd"),
    ("1.1.5", "/var/lib/docker"),
    ("1.1.6", "/etc/docker"),
    ("1.1.7", "docker.service"),
    ("1.1.8", "/run/containerd/containerd.sock"),
    ("1.1.9", "docker.socket"),
    ("1.1.10", "/etc/default/docker"),
    ("1.1.11", "/etc/docker/daemon.json"),
    ("1.1.12", "/etc/containerd/config.toml"),
    ("1.1.13", "/etc/sysconfig/docker"),
    ("1.1.14", "/usr/bin/containerd"),
    ("1.1.15", "/usr/bin/containerd-shim"),
    ("1.1.16", "/usr/bin/containerd-shim-runc-v1"),
    ("1.1.17", "/usr/bin/containerd-shim-runc-v2"),
    ("1.1.18", "/usr/bin/runc"),
)
"""What the kernel's audit is to watch, by number: a path, or the name of a unit."""


class Rule(NamedTuple):
    """Numbers for owner and mode; ``key`` is a path, a name of a unit, or a setting that holds a path."""

    owner: str
    mode: str
    key: str
    most: int
    group: str = "root"


FILES: Final = (
    Rule("3.1", "3.2", "docker.service", 0o644),
    Rule("3.3", "3.4", "docker.socket", 0o644),
    Rule("3.5", "3.6", "/etc/docker", 0o755),
    Rule("3.7", "3.8", "certs.d", 0o444),
    Rule("3.9", "3.10", "tlscacert", 0o444),
    Rule("3.11", "3.12", "tlscert", 0o444),
    Rule("3.13", "3.14", "tlskey", 0o400),
    Rule("3.15", "3.16", "/var/run/docker.sock", 0o660, "docker"),
    Rule("3.17", "3.18", "/etc/docker/daemon.json", 0o644),
    Rule("3.19", "3.20", "/etc/default/docker", 0o644),
    Rule("3.22", "3.21", "/etc/sysconfig/docker", 0o644),
    Rule("3.23", "3.24", "/run/containerd/containerd.sock", 0o660),
)
PATHS: Final = frozenset({"tlscacert", "tlscert", "tlskey"})
"""Keys of files that the daemon's settings name."""


def _on_host(judge: Callable[[Host], Iterable[Outcome]]) -> Run:
    def run(inventory: Inventory) -> Iterable[Outcome]:
        return skipped(inventory.hidden) if inventory.host is None else judge(inventory.host)

    return run


def _settled(judge: Callable[[Mapping[str, Any]], Iterable[Outcome]]) -> Run:
    """Settings have defaults: where they are not known, nothing is."""

    def run(host: Host) -> Iterable[Outcome]:
        return skipped(host.unsettled) if host.settings is None else judge(host.settings)

    return _on_host(run)


def _files(host: Host, key: str) -> list[File]:
    if key == "certs.d":
        return list(host.certificates)
    found = host.files.get(key)
    return [found] if found else []


def _owner(rule: Rule) -> Run:
    def judge(host: Host) -> Iterable[Outcome]:
        groups = {rule.group, "root"}
        found = [
            bad(f"it is {one.owner}:{one.group}'s", one.path)
            for one in _files(host, rule.key)
            if one.owner != "root" or one.group not in groups
        ]
        return found or _seen(host, rule.key)

    return _on_host(judge)


def _mode(rule: Rule) -> Run:
    def judge(host: Host) -> Iterable[Outcome]:
        found = [
            bad(f"its mode is {one.mode:04o}, and should be {rule.most:04o} at most", one.path)
            for one in _files(host, rule.key)
            if one.mode & ~rule.most
        ]
        return found or _seen(host, rule.key)

    return _on_host(judge)


def _seen(host: Host, key: str) -> list[Outcome]:
    if count := len(_files(host, key)):
        return [ok(f"{count} looked at")]
    if key in host.locked:
        return skipped("it may not be looked at: try as root")
    if key in PATHS and host.settings is None:
        return skipped(host.unsettled)
    return skipped("there is no such file here")


def _watched(name: str) -> Run:
    def judge(host: Host) -> Iterable[Outcome]:
        if (file := host.files.get(name)) is None:
            return _seen(host, name)
        if host.audited is None:
            return skipped("the kernel's audit rules cannot be read here: auditctl -l, as root")
        there = any(file.path == path or file.path.startswith(f"{path.rstrip('/')}/") for path in host.audited)
        return [ok("watched") if there else bad("it is not watched", file.path, mark=Mark.WARN)]

    return _on_host(judge)


def _partition(host: Host) -> Iterable[Outcome]:
    if host.separate is None:
        return skipped("the engine's data cannot be seen here")
    wrong = "it shares one with the rest of the host"
    return flag(host.separate, "", "a file system of its own", wrong, mark=Mark.WARN)


def _members(host: Host) -> Iterable[Outcome]:
    if host.members is None:
        return skipped("the group cannot be read here")
    if not host.members:
        return [ok("the group docker has no members")]
    return [Outcome(Mark.MANUAL, why=f"as good as root: {', '.join(host.members)[:500]}")]


def _log_level(settings: Mapping[str, Any]) -> Iterable[Outcome]:
    level = settings.get("log-level", "info")
    return [ok(str(level)) if level == "info" else bad(f"it is {level}", mark=Mark.WARN)]


def _iptables(settings: Mapping[str, Any]) -> Iterable[Outcome]:
    return flag(settings.get("iptables", True) is True, "", "on", "the engine guards no network")


def _ulimits(settings: Mapping[str, Any]) -> Iterable[Outcome]:
    return flag(bool(settings.get("default-ulimits")), "", "set", "containers have the daemon's own", mark=Mark.WARN)


def _cgroup(settings: Mapping[str, Any]) -> Iterable[Outcome]:
    parent = settings.get("cgroup-parent")
    return flag(not parent, "", "the engine's own", f"containers are put into {parent}", mark=Mark.WARN)


def _base_size(settings: Mapping[str, Any]) -> Iterable[Outcome]:
    changed = any("dm.basesize" in str(option) for option in settings.get("storage-opts") or ())
    return flag(not changed, "", "not changed", "it is changed: dm.basesize", mark=Mark.WARN)


def _userland(settings: Mapping[str, Any]) -> Iterable[Outcome]:
    off = settings.get("userland-proxy", True) is False
    return flag(off, "", "off", "a process of its own carries each published port", mark=Mark.WARN)


def _file_checks() -> Iterable[Check]:
    for rule in FILES:
        yield Check(
            rule.owner,
            f"{rule.key} is root's",
            Section.FILES,
            _owner(rule),
            "give it to root",
            f"chown root:{rule.group} FILE",
        )
        yield Check(
            rule.mode,
            f"{rule.key} is {rule.most:o} at most",
            Section.FILES,
            _mode(rule),
            "take rights away",
            f"chmod {rule.most:o} FILE",
        )


HOST: Final = (
    Check("1.1.1", "the engine's data has a file system of its own", Section.HOST, _on_host(_partition), "give it one"),
    Check("1.1.2", "only trusted users control the engine", Section.HOST, _on_host(_members)),
    *(
        Check(number, f"changes to {name} are written down", Section.HOST, _watched(name), "watch it", "auditctl -w FILE -k docker")
        for number, name in AUDITED
    ),
    Check("2.3", "the log level is info", Section.DAEMON, _settled(_log_level), "set it", 'daemon.json: "log-level": "info"'),
    Check("2.4", "the engine may set firewall rules", Section.DAEMON, _settled(_iptables), "let it", 'daemon.json: remove "iptables": false'),
    Check("2.8", "default ulimits are set", Section.DAEMON, _settled(_ulimits), "set them",
          'daemon.json: "default-ulimits": {"nofile": {"Name": "nofile", "Soft": 1024, "Hard": 2048}}'),
    Check("2.10", "containers are in the engine's own control group", Section.DAEMON, _settled(_cgroup), "leave it", 'daemon.json: remove "cgroup-parent"'),
    Check("2.11", "the base device's size is not changed", Section.DAEMON, _settled(_base_size), "leave it", 'daemon.json: remove "dm.basesize" from "storage-opts"'),
    Check("2.16", "the userland proxy is off", Section.DAEMON, _settled(_userland), "switch it off", 'daemon.json: "userland-proxy": false'),
    *_file_checks(),
)  # fmt: skip
