"""Sections 1 and 2: the engine, by what it says of itself. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pytrust.policy.audit.check import Check, Outcome, Section, bad, flag, manual, ok, skipped, unread
from pytrust.policy.audit.checks_containers import has_option
from pytrust.policy.audit.inventory import Inventory
from pytrust.scanner.sheet import Mark

MAINTAINED: Final = 28  # versions before it get no fixes any more
_LOCAL_LOGS: Final = frozenset({"json-file", "local", "none", "journald"})
_ICC: Final = "com.docker.network.bridge.enable_icc"


def _version(inventory: Inventory) -> Iterable[Outcome]:
    """That a version is old needs no network to know; that it is the newest does."""
    text = inventory.info.server_version
    found = re.match(r"(\d{1,4})\.", text or "")
    if not found:
        return [unread("its version")]
    if int(found[1]) < MAINTAINED:
        why = f"version {text} gets no fixes, but for those of a distribution that keeps it"
        return [bad(why, mark=Mark.WARN)]
    return [Outcome(Mark.MANUAL, why=f"version {text}; whether a newer one mends something, its releases tell")]


def _rootless(inventory: Inventory) -> Iterable[Outcome]:
    found = has_option(inventory, "rootless")
    return flag(found, "whether it is rootless", "rootless", "it runs as root", mark=Mark.WARN)


def _icc(inventory: Inventory) -> Iterable[Outcome]:
    if inventory.networks is None:
        return [unread("its networks")]
    bridge = next((one for one in inventory.networks if one.name == "bridge"), None)
    if bridge is None:
        return [ok("there is no default bridge")]
    value = None if bridge.options is None else bridge.options.get(_ICC, "true")
    known = None if value is None else value == "false"
    return flag(known, "whether containers may talk", "they may not", "they may")


def _insecure(inventory: Inventory) -> Iterable[Outcome]:
    said = inventory.info.registries
    if said is None or said.insecure is None or said.indexes is None:
        return [unread("its registries")]
    wide = [text for text in said.insecure if not _is_loopback(text)]
    plain = [name for name, index in said.indexes.items() if index.secure is not True]
    return [bad("without TLS, or unchecked", name) for name in (*wide, *plain)] or [ok("none beyond loopback")]


def _is_loopback(text: str) -> bool:
    try:
        return ipaddress.ip_network(text, strict=False).is_loopback
    except ValueError:
        return False


def _aufs(inventory: Inventory) -> Iterable[Outcome]:
    driver = inventory.info.driver
    return flag(None if driver is None else driver != "aufs", "its storage driver", f"it is {driver}", "it is aufs")


def _tls(inventory: Inventory) -> Iterable[Outcome]:
    if inventory.reached == "tcp":
        return [bad("it was reached over TCP without TLS")]
    if inventory.reached == "tls":
        wrong = "it was reached over TLS, and lets in clients without a certificate"
        return flag(inventory.insists, "whether it insists on certificates", "only clients with a certificate", wrong)
    if inventory.proxied or inventory.host is None:
        return [Outcome(Mark.MANUAL, why="where else it listens than at this socket, it does not say")]
    if inventory.host.settings is None:
        return skipped(inventory.host.unsettled)
    return _listening(inventory.host.settings)


def _listening(settings: Mapping[str, Any]) -> list[Outcome]:
    said = settings.get("hosts", [])
    hosts = [str(text) for text in said] if isinstance(said, list) else [str(said)]
    if any(text.startswith("fd:") for text in hosts):
        return [Outcome(Mark.MANUAL, why="systemd gives it its sockets: systemctl cat docker.socket")]
    checked = settings.get("tlsverify") is True
    open_to_all = [text for text in hosts if not text.startswith("unix:") and not checked]
    wrong = [bad("it listens there without asking for certificates", text) for text in open_to_all]
    return wrong or [ok("clients need a certificate" if checked else "it listens at no TCP port")]


def _userns(inventory: Inventory) -> Iterable[Outcome]:
    found = [has_option(inventory, name) for name in ("userns", "rootless")]
    known = None if found[0] is None else any(found)
    return flag(known, "whether users are remapped", "users are remapped", "root in a container is root on the host")


def _authorization(inventory: Inventory) -> Iterable[Outcome]:
    if (said := inventory.info.plugins) is None or said.authorization is None:
        return [unread("its plugins")]
    if said.authorization:
        return [ok(", ".join(said.authorization))]
    if inventory.proxied:
        why = "requests through this proxy are judged; whoever reaches the engine's own socket is not"
        return [bad(why, mark=Mark.WARN)]
    return [bad("no authorization plugin: whoever reaches the engine may do anything")]


def _remote_logs(inventory: Inventory) -> Iterable[Outcome]:
    driver = inventory.info.logging_driver
    known = None if driver is None else driver not in _LOCAL_LOGS
    return flag(known, "its logging driver", f"{driver}", f"{driver} keeps logs on this host", mark=Mark.WARN)


def _no_new_privileges(inventory: Inventory) -> Iterable[Outcome]:
    found = has_option(inventory, "no-new-privileges")
    wrong = "containers may gain privileges unless each says no"
    return flag(found, "its security options", "for all containers", wrong)


def _live_restore(inventory: Inventory) -> Iterable[Outcome]:
    return flag(
        inventory.info.live_restore, "whether it is on", "on", "containers stop with the engine", mark=Mark.WARN
    )


def _seccomp(inventory: Inventory) -> Iterable[Outcome]:
    options = inventory.info.security_options
    if options is None:
        return [unread("its security options")]
    found = next((one for one in options if "name=seccomp" in one.split(",")), "")
    sound = bool(found) and "profile=unconfined" not in found.split(",")
    return flag(sound, "", found, "containers that ask for no profile have none")


def _experimental(inventory: Inventory) -> Iterable[Outcome]:
    value = inventory.info.experimental
    return flag(None if value is None else not value, "whether it is experimental", "off", "on", mark=Mark.WARN)


DAEMON: Final = (
    Check("1.2.1", "the host is hardened", Section.HOST, manual("by the benchmark of its distribution")),
    Check("1.2.2", "the engine still gets fixes", Section.HOST, _version, "install a maintained version"),
    Check("2.1", "the engine is rootless where that is possible", Section.DAEMON, _rootless, "docs.docker.com: rootless mode"),
    Check(
        "2.2", "containers on the default bridge cannot talk to each other", Section.DAEMON, _icc,
        "switch it off", 'daemon.json: "icc": false',
    ),
    Check("2.5", "no registry is spoken to without TLS", Section.DAEMON, _insecure, "give it a certificate",
          'daemon.json: remove it from "insecure-registries"'),
    Check("2.6", "aufs is not used", Section.DAEMON, _aufs, "use overlay2", 'daemon.json: "storage-driver": "overlay2"'),
    Check("2.7", "TCP clients need a certificate", Section.DAEMON, _tls, "pytrust ca init --engine",
          "pytrust engine setup"),
    Check("2.9", "users of containers are not those of the host", Section.DAEMON, _userns, "remap them",
          'daemon.json: "userns-remap": "default"'),
    Check("2.12", "requests are authorised", Section.DAEMON, _authorization, "let a plugin judge them",
          "pytrust authz-plugin --help"),
    Check("2.13", "logs leave the host", Section.DAEMON, _remote_logs, "send them elsewhere",
          'daemon.json: "log-driver": "syslog", or another that leaves the host'),
    Check("2.14", "processes cannot gain privileges", Section.DAEMON, _no_new_privileges, "say so for all",
          'daemon.json: "no-new-privileges": true'),
    Check("2.15", "containers outlive the engine", Section.DAEMON, _live_restore, "switch it on",
          'daemon.json: "live-restore": true'),
    Check("2.17", "a seccomp profile confines by default", Section.DAEMON, _seccomp, "leave it on",
          'daemon.json: remove "seccomp-profile"; see pytrust profile record'),
    Check("2.18", "experimental features are off", Section.DAEMON, _experimental, "switch them off",
          'daemon.json: "experimental": false'),
)  # fmt: skip
