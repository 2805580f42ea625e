"""How a trial's container is asked for: the body of ``POST /containers/create`` (Engine API). Pure.

What could be read in two ways, or would leave something behind, is refused: a named volume, a range of ports.
"""

from __future__ import annotations

import re
from typing import Any, Final

from pytrust.policy.observe.trial import Confinement, RunOptions
from pytrust.trust.errors import UsageError

LABEL: Final = "pytrust.trial"
"""Every container of a trial has it."""

_PORT_MAX: Final = 65535
_PUBLISHED: Final = re.compile(
    r"(?:(?:(?P<ip>[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[[0-9A-Fa-f:]+\]):)?(?P<host>[1-9][0-9]{0,4})?:)?"
    r"(?P<inside>[1-9][0-9]{0,4})(?:/(?P<kind>tcp|udp|sctp))?"
)
_MOUNT: Final = re.compile(r"/[^:\0]*:/[^:\0]*(?::(?:ro|rw))?")
_TMPFS: Final = re.compile(r"(?P<path>/[^:\0]*)(?::(?P<options>[A-Za-z0-9=,._-]*))?")
_VARIABLE: Final = re.compile(r"[^=\0]+(?:=[^\0]*)?")


def create_body(image: str, options: RunOptions, confinement: Confinement) -> dict[str, Any]:
    """The body; raises ``UsageError`` for an option that is not one."""
    ports = dict(map(_published, options.publish))
    body: dict[str, Any] = {
        "Image": image,
        "Env": [_checked(_VARIABLE, text, "NAME=value") for text in options.environment],
        "Labels": {LABEL: "true"},
        "ExposedPorts": {port: {} for port in ports},
        "HostConfig": {
            "Binds": [_checked(_MOUNT, text, "/host:/container or /host:/container:ro") for text in options.mounts],
            "Tmpfs": dict(map(_tmpfs, options.tmpfs)),
            "PortBindings": ports,
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}},
            **_confined(confinement),
        },
    }
    body |= {key: value for key, value in _given(options).items() if value}
    if options.network:
        body["HostConfig"]["NetworkMode"] = options.network
    return body


def _given(options: RunOptions) -> dict[str, Any]:
    """What is the image's own where nothing is said."""
    return {
        "Entrypoint": list(options.entrypoint),
        "Cmd": list(options.command),
        "User": options.user,
        "Hostname": options.hostname,
    }


def _confined(confinement: Confinement) -> dict[str, Any]:
    named = {"seccomp": confinement.seccomp, "apparmor": confinement.apparmor}
    security = [f"{key}={value}" for key, value in named.items() if value]
    security += ["no-new-privileges"] if confinement.no_new_privileges else []
    host: dict[str, Any] = {"SecurityOpt": security, "ReadonlyRootfs": confinement.read_only}
    if confinement.capabilities is not None:
        host |= {"CapDrop": ["ALL"], "CapAdd": list(confinement.capabilities)}
    return host


def _published(text: str) -> tuple[str, list[dict[str, str]]]:
    found = _PUBLISHED.fullmatch(text)
    if found is None or int(found["inside"]) > _PORT_MAX or int(found["host"] or 0) > _PORT_MAX:
        raise UsageError(f"{text[:100]!r} publishes no port", hint="write [IP:][PORT:]PORT[/tcp]")
    binding = {"HostIp": (found["ip"] or "").strip("[]"), "HostPort": found["host"] or ""}
    return f"{found['inside']}/{found['kind'] or 'tcp'}", [binding]


def _tmpfs(text: str) -> tuple[str, str]:
    _checked(_TMPFS, text, "/path or /path:size=64m,mode=1777")
    path, _, options = text.partition(":")
    return path, options


def _checked(form: re.Pattern[str], text: str, shape: str) -> str:
    if not form.fullmatch(text):
        raise UsageError(f"{text[:100]!r} cannot be used in a trial", hint=f"write {shape}")
    return text
