"""How this host's engine comes to listen with TLS, with as few changes as possible. Pure.

TLS is always switched on before a port is opened: whoever stops half-way leaves an engine that nobody can reach without
a certificate. The socket drop-in is preferred, because it changes no command line: dockerd wraps each TCP socket that
systemd hands it in TLS when ``tlsverify`` is set, and leaves the unix one as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pytrust.policy.engine_setup.conflict import Conflicting
from pytrust.policy.engine_setup.daemon_json import HOSTS, DaemonJson, Value, check_tls, merge, tls_settings
from pytrust.policy.engine_setup.flags import Flags, by_socket, read_flags
from pytrust.policy.engine_setup.found import Change, Found, Plan, Way
from pytrust.policy.engine_setup.units import command_line, command_words, environment, values

UNIX_HOST: Final = "unix:///var/run/docker.sock"
_EVERYWHERE: Final = "tcp://0.0.0.0"
_LISTENS: Final = re.compile(r"(?:tcp://[^/]*:|(?:[^/]*:)?)([0-9]+)/?")  # -H tcp://[::]:2376, ListenStream=0.0.0.0:2376
_TCP: Final = "tcp://"
_HEADER: Final = "# made by: pytrust engine setup; taken back by: pytrust engine rollback\n"


def make_plan(found: Found, folder: str, port: int) -> Plan:
    """Plan the set-up.

    Args:
        found: what the host has.
        folder: absolute path of the server folder.
        port: where clients connect.

    Raises:
        Conflicting: the host's settings contradict it, or dockerd would not start.
        Damaged: daemon.json, or a unit, is not what it should be.
    """
    file = DaemonJson.parse(found.daemon_json.data, found.daemon_json.path)
    flags = dockerd_flags(found)
    settings = tls_settings(folder)
    check_tls(file, settings)
    _check_flags(file, flags)
    way = _choose(found, file, flags, port)
    changes = _changes(found, file, settings, way, port)
    return Plan(
        way=way,
        changes=changes,
        commands=tuple(_commands(found, way)) if changes else (),
        notes=tuple(_notes(found, file, flags, port)),
    )


def dockerd_flags(found: Found) -> Flags:
    """The flags that systemd starts dockerd with; none where there is no docker.service.

    Raises:
        Conflicting: the service starts another program, whose flags cannot be seen.
        Damaged: its command line cannot be read.
    """
    words = command_words(command_line(found.service), environment(found.service, found.environment_files))
    if words and words[0].rpartition("/")[2] != "dockerd":
        raise Conflicting(
            f"docker.service starts {words[0][:200]}, so the flags of dockerd cannot be seen",
            hint="add the TLS keys and hosts to daemon.json by hand: docs/engine.md",
        )
    return read_flags(words)


def _check_flags(file: DaemonJson, flags: Flags) -> None:
    if flags.tls:
        raise Conflicting(
            f"docker.service starts dockerd with --{flags.tls[0]}, which must not stand in {file.what} too",
            hint="take the TLS flags out (systemctl edit --full docker.service), then run this again",
        )
    if flags.hosts and HOSTS in file.members:
        raise Conflicting(
            f"{file.what} has hosts, and docker.service starts dockerd with -H {flags.hosts[0]}: with both, dockerd "
            "does not start",
            hint=f"take hosts out of {file.what}, then run this again",
        )


def _choose(found: Found, file: DaemonJson, flags: Flags, port: int) -> Way:
    hosts = flags.hosts or file.hosts
    activated = bool(found.socket) and by_socket(hosts)
    sockets = values(found.socket, "Socket", "ListenStream") if activated else ()
    if any(_listens(place, port) for place in (*hosts, *sockets)):
        return Way.ALREADY
    if activated:
        return Way.SOCKET
    return Way.SERVICE if flags.hosts else Way.HOSTS


def _changes(found: Found, file: DaemonJson, settings: dict[str, Value], way: Way, port: int) -> tuple[Change, ...]:
    if way is Way.HOSTS:
        hosts = [*(file.hosts or (UNIX_HOST,)), f"{_EVERYWHERE}:{port}"]
        return found.daemon_json.become(merge(file, {**settings, HOSTS: hosts}))
    first = found.daemon_json.become(merge(file, settings))
    match way:
        case Way.ALREADY:
            return first
        case Way.SOCKET:
            return (*first, *found.socket_drop_in.become(_drop_in("Socket", f"ListenStream={port}")))
        case Way.SERVICE:
            line = f"{command_line(found.service)} -H {_EVERYWHERE}:{port}"
            return (*first, *found.service_drop_in.become(_drop_in("Service", "ExecStart=", f"ExecStart={line}")))


def _drop_in(section: str, *lines: str) -> bytes:
    """An empty ``ExecStart=`` has to come before the new one: a service has one only."""
    return (_HEADER + "\n".join((f"[{section}]", *lines)) + "\n").encode()


def _commands(found: Found, way: Way) -> Iterator[str]:
    if way in {Way.SOCKET, Way.SERVICE}:
        yield "systemctl daemon-reload"
    if way is Way.SOCKET:  # systemd starts no socket whose service runs
        yield "systemctl stop docker.service docker.socket"
        yield "systemctl start docker.socket docker.service"
    elif found.service:
        yield "systemctl restart docker.service"
    else:
        yield "restart dockerd"
    yield "pytrust engine check"


def _notes(found: Found, file: DaemonJson, flags: Flags, port: int) -> Iterator[str]:
    yield "dockerd reads certificates at its start only: restart it now and after each renewal, a reload is not enough"
    if file.get("live-restore") is not True:
        yield 'containers stop with it, unless daemon.json has "live-restore": true (not for swarm)'
    for place in flags.hosts or file.hosts:
        if place.startswith(_TCP) and not _listens(place, port):
            yield f"{place} will speak TLS too"
    if not found.service:
        yield "there is no docker.service: dockerd must be started without -H flags"
    yield f"port {port} is open on every address of this host: let the firewall narrow it"
    yield "dockerd does not look at revocations: pytrust authz-plugin does, and pytrust proxy in front of it"


def _listens(place: str, port: int) -> bool:
    match = _LISTENS.fullmatch(place.strip())
    return match is not None and int(match[1]) == port
