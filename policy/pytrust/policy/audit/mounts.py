"""What containers mount of the host. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from pytrust.policy.audit.check import Outcome, Wrong, bad, containers, unread
from pytrust.policy.audit.inventory import Inventory
from pytrust.policy.audit.said import Container, HostConfig, Mount
from pytrust.scanner.sheet import Mark

_SENSITIVE: Final = frozenset(
    {"/", "/boot", "/dev", "/etc", "/lib", "/proc", "/sys", "/usr", "/run", "/var/run", "/var/lib/docker", "/root"}
)
_HARMLESS: Final = frozenset({"/etc/localtime", "/etc/timezone", "/dev/null", "/dev/log", "/dev/shm"})  # noqa: S108 - names
_RUN: Final = ("/run", "/var/run")
_SOCKETS: Final = frozenset(
    f"{folder}/{name}" for folder in _RUN for name in ("docker.sock", "containerd/containerd.sock")
)
_ABOVE_SOCKETS: Final = frozenset({"/", "/var", *_RUN})


def _sources(one: Container, inventory: Inventory) -> Iterator[tuple[str, Mount]]:
    """Directories of the host; also those that come in the shape of a volume."""
    for mount in one.mounts or ():
        source = (inventory.volumes or {}).get(mount.name, "") if mount.type == "volume" else mount.source
        if source.startswith("/"):
            yield posixpath.normpath(source).replace("//", "/"), mount


def mounts(judge: Callable[[Container, Inventory], Wrong]) -> Callable[[Inventory], Iterable[Outcome]]:
    """``judge`` looks at what is mounted."""

    def run(inventory: Inventory) -> Iterable[Outcome]:
        def one_of(one: Container, _: HostConfig) -> Wrong:
            hides = inventory.volumes is None and any(mount.type == "volume" for mount in one.mounts or ())
            return judge(one, inventory) or (unread("what its volumes are", one.called) if hides else None)

        return containers(one_of, "mounts")(inventory)

    return run


def sensitive(one: Container, inventory: Inventory) -> Wrong:
    """5.6: directories that are the host's own, and what is below them."""
    found, below = [], []
    for source, mount in _sources(one, inventory):
        text = f"{source}{'' if mount.writable else ' (read-only)'}"
        if source in _SENSITIVE:
            found.append(text)
        elif source not in _HARMLESS and source.startswith(tuple(f"{path}/" for path in _SENSITIVE - {"/", *_RUN})):
            below.append(text)
    if found:
        return f"it mounts {', '.join(found)}"
    return bad(f"it mounts {', '.join(below)}", one.called, mark=Mark.WARN) if below else None


def sockets(one: Container, inventory: Inventory) -> Wrong:
    """A socket of the engine's; one of another name may be a proxy's."""
    engines, others = _SOCKETS | ({inventory.socket} if inventory.socket and not inventory.proxied else set()), []
    for source, _ in _sources(one, inventory):
        if source in engines:
            return f"it mounts {source}: it can do whatever the engine can"
        if source in _ABOVE_SOCKETS:
            return f"it mounts {source}, with the engine's socket in it"
        if source.endswith((".sock", ".socket")) and "docker" in source:
            others.append(source)
    why = f"it mounts {', '.join(others)}: it can do whatever is let through there"
    return bad(why, one.called, mark=Mark.WARN) if others else None
