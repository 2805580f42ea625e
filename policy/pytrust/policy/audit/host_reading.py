"""Looking at the engine's own host: owners and modes of files, settings of the daemon, rules of the kernel's audit."""

from __future__ import annotations

import grp
import json
import os
import pwd
import stat
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from pytrust.policy.audit.checks_host import FILES
from pytrust.policy.audit.inventory import File, Host

_SETTINGS: Final = Path("/etc/docker/daemon.json")
_UNITS: Final = ("/etc/systemd/system", "/lib/systemd/system", "/usr/lib/systemd/system")
_CERTIFICATES: Final = Path("/etc/docker/certs.d")
_CERTIFICATES_MAX: Final = 1_000
_SETTINGS_MAX_BYTES: Final = 1024 * 1024
_PROCESSES_MAX: Final = 100_000
_AUDIT_TIMEOUT: Final = 10.0  # seconds
_PATHS: Final = frozenset({"tlscacert", "tlscert", "tlskey"})
_FLAGS: Final = frozenset({"icc", "iptables", "userland-proxy", "tlsverify", "live-restore", "no-new-privileges"})


def read_host(root: str | None) -> Host:
    """What can be seen here; ``root`` is where the engine keeps its data."""
    settings = {**_from_file(), **_from_process()}
    return Host(
        files={rule.key: _find(rule.key, settings) for rule in FILES},
        certificates=tuple(_certificates()),
        settings=settings,
        audited=_audited(),
        separate=os.path.ismount(root) if root and Path(root).is_dir() else None,
    )


def _from_file() -> Mapping[str, Any]:
    with suppress(OSError, ValueError, RecursionError):
        with _SETTINGS.open("rb") as file:
            value = json.loads(file.read(_SETTINGS_MAX_BYTES))
        return value if isinstance(value, dict) else {}
    return {}


def _from_process() -> Mapping[str, Any]:
    """The arguments of the one daemon that runs here; with several, it is not known whose is asked."""
    found = [words for words in _command_lines() if words and Path(words[0]).name == "dockerd"]
    return dict(_arguments(found[0][1:])) if len(found) == 1 else {}


def _command_lines() -> Iterator[list[str]]:
    for place in list(Path("/proc").iterdir())[:_PROCESSES_MAX]:
        if place.name.isdecimal():
            with suppress(OSError):
                yield (place / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")[:-1]


def _arguments(words: Iterable[str]) -> Iterator[tuple[str, Any]]:
    hosts: list[str] = []
    waiting = ""
    for word in words:
        if waiting:
            name, value, waiting = waiting, word, ""
        else:
            name, given, value = word.lstrip("-").partition("=")
            if not given and name not in _FLAGS:
                waiting = name
                continue
            value = value if given else "true"
        if name in {"H", "host"}:
            hosts.append(value)
        else:
            yield name, {"true": True, "false": False}.get(value, value)
    if hosts:
        yield "hosts", hosts


def _find(key: str, settings: Mapping[str, Any]) -> File | None:
    if key in _PATHS:
        place = settings.get(key)
        return _file(Path(place)) if isinstance(place, str) else None
    if key.startswith("/"):
        return _file(Path(key))
    return next((found for folder in _UNITS if (found := _file(Path(folder) / key))), None)


def _certificates() -> Iterator[File]:
    with suppress(OSError):
        for place in sorted(_CERTIFICATES.glob("*/*"))[:_CERTIFICATES_MAX]:
            if found := _file(place):
                yield found


def _file(place: Path) -> File | None:
    try:
        seen = place.stat()
    except OSError:
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
