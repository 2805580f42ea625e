"""Looking at the engine's own host: owners and modes of files, settings of the daemon, rules of the kernel's audit."""

from __future__ import annotations

import grp
import os
import pwd
import socket
import stat
import struct
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from pytrust.policy.audit.checks_host import AUDITED, FILES, PATHS
from pytrust.policy.audit.daemon_settings import FILE, read_arguments, read_file
from pytrust.policy.audit.inventory import File, Host
from pytrust.policy.audit.said import Info
from pytrust.trust.errors import PytrustError, UsageError
from pytrust.trust.files import read_bounded
from pytrust.trust.limits import CONNECT_TIMEOUT

_UNITS: Final = ("/etc/systemd/system", "/lib/systemd/system", "/usr/lib/systemd/system")
_CERTIFICATES: Final = Path("/etc/docker/certs.d")
_CERTIFICATES_MAX: Final = 1_000
_SETTINGS_MAX_BYTES: Final = 1024 * 1024
_AUDIT_TIMEOUT: Final = 10.0  # seconds
_GROUP: Final = "docker"
_LISTENS: Final = "0A"  # state of a line of /proc/net/tcp
_SWARM_PORT: Final = 2377
_Found = tuple[dict[str, File | None], set[str]]


def elsewhere(info: Info) -> str:
    """Why the engine that says this of itself is not on this host; empty if it is."""
    here = os.uname()
    if info.name is None or info.kernel_version is None:
        return "the engine does not say on which host it is"
    if (info.name, info.kernel_version) != (here.nodename, here.release):
        return f"the engine's host calls itself {info.name[:80]!r}, and this one {here.nodename!r}"
    return ""


def read_host(root: str | None, place: Path | None) -> Host:
    """What can be seen here; ``root`` is where the engine keeps its data, ``place`` the unix socket it was asked at."""
    settings, why = _settings(place)
    keys = {*(rule.key for rule in FILES), *(name for _, name in AUDITED)}
    files, locked = _files(keys, settings or {})
    certificates: tuple[File, ...] = ()
    try:
        certificates = tuple(_certificates())
    except OSError:
        locked.add("certs.d")
    return Host(
        files=files,
        locked=frozenset(locked),
        certificates=certificates,
        settings=settings,
        unsettled=why,
        audited=_audited(),
        separate=os.path.ismount(root) if root and Path(root).is_dir() else None,
        members=_members(),
        swarm_listens=tuple(_listening(_SWARM_PORT)),
    )


def _settings(place: Path | None) -> tuple[Mapping[str, Any] | None, str]:
    """Of the daemon that runs; None, and why, where that is not known."""
    try:
        pid = _daemon(place)
        arguments = read_arguments(_words(pid)[1:])
        file = arguments.get("config-file")
        return {**_written(pid, str(file or FILE), asked_for=bool(file)), **arguments}, ""
    except OSError as error:
        return None, f"the daemon's settings may not be read: {(error.strerror or str(error)).lower()}"
    except PytrustError as error:
        return None, str(error)


def _written(pid: int, path: str, *, asked_for: bool) -> Mapping[str, Any]:
    """daemon.json, as the daemon sees it: it may be in a mount namespace of its own."""
    seen = Path(f"/proc/{pid}/root{path}")
    if not asked_for and not seen.exists():
        return {}
    return read_file(read_bounded(seen, _SETTINGS_MAX_BYTES), path)


def _daemon(place: Path | None) -> int:
    """The process behind a socket, else the one dockerd of this host; raises ``UsageError`` where that is not known."""
    peer = _peer(place) if place else None
    if peer is not None and _is_daemon(peer):
        return peer
    found = [int(one.name) for one in Path("/proc").iterdir() if one.name.isdecimal() and _is_daemon(int(one.name))]
    if len(found) != 1:
        raise UsageError(
            f"of the daemon's settings nothing is known: {'several run here' if found else 'it is not seen here'}"
        )
    return found[0]


def _is_daemon(pid: int) -> bool:
    with suppress(OSError):
        return bool(words := _words(pid)) and Path(words[0]).name == "dockerd"
    return False


def _words(pid: int) -> list[str]:
    with Path(f"/proc/{pid}/cmdline").open("rb") as file:
        return file.read(_SETTINGS_MAX_BYTES).decode("utf-8", "replace").split("\0")[:-1]


def _peer(place: Path) -> int | None:
    """Who listens at a unix socket (SO_PEERCRED, unix(7))."""
    shape = struct.Struct("3i")
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wire:
        wire.settimeout(CONNECT_TIMEOUT)
        wire.connect(str(place))
        pid: int = shape.unpack(wire.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, shape.size))[0]
        return pid or None
    return None


def _files(keys: set[str], settings: Mapping[str, Any]) -> _Found:
    files: dict[str, File | None] = {}
    locked = set()
    for key in keys:
        try:
            files[key] = _find(key, settings)
        except OSError:
            locked.add(key)
    return files, locked


def _find(key: str, settings: Mapping[str, Any]) -> File | None:
    """Raises ``OSError`` where it may not be looked at."""
    if key in PATHS:
        place = settings.get(key)
        return _file(Path(place)) if isinstance(place, str) and place.startswith("/") else None
    if key.startswith("/"):
        return _file(Path(key))
    return next((found for folder in _UNITS if (found := _file(Path(folder) / key))), None)


def _certificates() -> Iterator[File]:
    """Of the first ``_CERTIFICATES_MAX``; raises ``OSError`` where they may not be looked at."""
    for folder in sorted(_CERTIFICATES.iterdir()) if _file(_CERTIFICATES) else ():
        for place in sorted(folder.iterdir())[:_CERTIFICATES_MAX] if folder.is_dir() else ():
            if found := _file(place):
                yield found


def _file(place: Path) -> File | None:
    try:
        seen = place.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return File(str(place), _user(seen.st_uid), _group(seen.st_gid), stat.S_IMODE(seen.st_mode))


def _user(number: int) -> str:
    with suppress(KeyError):
        return pwd.getpwuid(number).pw_name
    return str(number)


def _group(number: int) -> str:
    with suppress(KeyError):
        return grp.getgrgid(number).gr_name
    return str(number)


def _members() -> tuple[str, ...] | None:
    """Also those whose first group it is."""
    try:
        group = grp.getgrnam(_GROUP)
    except KeyError:
        return ()
    except OSError:
        return None
    first = [user.pw_name for user in pwd.getpwall() if user.pw_gid == group.gr_gid]
    return tuple(dict.fromkeys([*group.gr_mem, *first]))


def _listening(port: int) -> Iterator[str]:
    """Addresses by /proc/net/tcp (proc_net_tcp(5)): each 32 bits of one in the order of the host."""
    for family, name in ((socket.AF_INET, "tcp"), (socket.AF_INET6, "tcp6")):
        with suppress(OSError, ValueError), Path("/proc/net", name).open(encoding="ascii") as lines:
            for _, local, _, state, *_ in (line.split(maxsplit=4) for line in list(lines)[1:]):
                address, _, number = local.partition(":")
                if state == _LISTENS and int(number, 16) == port:
                    parts = [int(address[at : at + 8], 16) for at in range(0, len(address), 8)]
                    yield socket.inet_ntop(family, struct.pack(f"={len(parts)}I", *parts))


def _audited() -> frozenset[str] | None:
    """Paths of the kernel's audit rules; None where nobody may ask, or nobody can."""
    try:
        done = subprocess.run(
            ["auditctl", "-l"], capture_output=True, timeout=_AUDIT_TIMEOUT, check=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        return None
    words = done.stdout.decode("utf-8", "replace").split()
    return frozenset(word.removeprefix("path=").removeprefix("dir=") for word in words if "/" in word)
