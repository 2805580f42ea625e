"""What only the engine's host tells: sections 1.1 and 3, and settings that no answer of the engine has. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from pytrust.policy.audit.check import Check, Outcome, Run, Section, bad, flag, ok
from pytrust.policy.audit.inventory import File, Host, Inventory
from pytrust.scanner.sheet import Mark

AUDITED: Final = (
    ("1.1.3", "/usr/bin/dockerd"),
    ("1.1.4", "/run/containerd"),
    ("1.1.5", "/var/lib/docker"),
    ("1.1.6", "/etc/docker"),
    ("1.1.7", "docker.service"),
    ("1.1.8", "containerd.sock"),
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
"""What the kernel's audit is to watch, by number."""


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


def _on_host(judge: Callable[[Host], Iterable[Outcome]]) -> Run:
    def run(inventory: Inventory) -> Iterable[Outcome]:
        if inventory.host is None:
            return [Outcome(Mark.SKIPPED, why=inventory.hidden)]
        return judge(inventory.host)

    return run


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
    count = len(_files(host, key))
    return [ok(f"{count} looked at")] if count else [Outcome(Mark.SKIPPED, why="there is no such file here")]


def _watched(name: str) -> Run:
    def judge(host: Host) -> Iterable[Outcome]:
        if host.audited is None:
            return [Outcome(Mark.SKIPPED, why="the kernel's audit rules cannot be read here: auditctl -l, as root")]
        there = any(path == name or path.endswith(f"/{name}") for path in host.audited)
        return flag(there, "", "watched", f"{name} is not watched", mark=Mark.WARN)

    return _on_host(judge)


def _partition(host: Host) -> Iterable[Outcome]:
    return flag(
        host.separate, "where its data lies", "a file system of its own", "on the root file system", mark=Mark.WARN
    )


def _log_level(host: Host) -> Iterable[Outcome]:
    level = host.settings.get("log-level", "info")
    return [ok(str(level)) if level == "info" else bad(f"it is {level}", mark=Mark.WARN)]


def _iptables(host: Host) -> Iterable[Outcome]:
    return flag(host.settings.get("iptables", True) is not False, "", "on", "the engine guards no network")


def _ulimits(host: Host) -> Iterable[Outcome]:
    return flag("default-ulimits" in host.settings, "", "set", "containers have those of the daemon", mark=Mark.WARN)


def _userland(host: Host) -> Iterable[Outcome]:
    off = host.settings.get("userland-proxy", True) is False
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
    *(
        Check(number, f"changes to {name} are written down", Section.HOST, _watched(name), "watch it", f"auditctl -w PATH -k docker ({name})")
        for number, name in AUDITED
    ),
    Check("2.3", "the log level is info", Section.DAEMON, _on_host(_log_level), "set it", 'daemon.json: "log-level": "info"'),
    Check("2.4", "the engine may set firewall rules", Section.DAEMON, _on_host(_iptables), "let it", 'daemon.json: remove "iptables": false'),
    Check("2.8", "default ulimits are set", Section.DAEMON, _on_host(_ulimits), "set them",
          'daemon.json: "default-ulimits": {"nofile": {"Name": "nofile", "Soft": 1024, "Hard": 2048}}'),
    Check("2.16", "the userland proxy is off", Section.DAEMON, _on_host(_userland), "switch it off", 'daemon.json: "userland-proxy": false'),
    *_file_checks(),
)  # fmt: skip
