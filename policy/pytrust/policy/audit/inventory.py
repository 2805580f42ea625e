"""Everything that checks look at: what the engine said, what is signed of it, what was seen on its host. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pytrust.policy.audit.said import Container, Image, Info, Layer, Network


@dataclass(frozen=True, slots=True)
class Trust:
    """What is signed of an image in use.

    Attributes:
        signed: under which name and digest; empty where it is not, and ``why`` says so.
        why: what was found instead.
        unknown: nobody could be asked, or what was found cannot be worked with; ``why`` says so.
        first_use: no pin of this host covers who signed it.
        scanned: what its signed scan comes to under the policy, in words; empty where there is none.
        acceptable: None where nothing was judged.
    """

    signed: str = ""
    why: str = ""
    unknown: bool = False
    first_use: bool = False
    scanned: str = ""
    acceptable: bool | None = None


@dataclass(frozen=True, slots=True)
class Current:
    """Whether a container's image is what its tag is signed as now; ``newest`` is None where that is not known."""

    newest: bool | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class File:
    """A file of the host: owner and group by name, permission bits."""

    path: str
    owner: str
    group: str
    mode: int


@dataclass(frozen=True, slots=True)
class Host:
    """What was seen on the engine's own host.

    Attributes:
        files: by path, or by what names the file; None for one that is not there.
        locked: those of them that may not be looked at.
        certificates: of registries.
        settings: of ``daemon.json`` and the daemon's arguments; None where they are not known, ``unsettled`` says why.
        audited: paths that the kernel's audit watches; None where that cannot be asked.
        separate: the engine's data has a file system of its own.
        members: who may use the engine without being root.
        swarm_listens: addresses at which something listens on the swarm's port.
    """

    files: Mapping[str, File | None] = field(default_factory=dict)
    locked: frozenset[str] = frozenset()
    certificates: tuple[File, ...] = ()
    settings: Mapping[str, Any] | None = None
    unsettled: str = ""
    audited: frozenset[str] | None = None
    separate: bool | None = None
    members: tuple[str, ...] | None = None
    swarm_listens: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Inventory:
    """Everything that checks look at.

    Attributes:
        reached: ``unix``, ``tls`` or ``tcp``: how the engine was asked; ``socket`` is the path of a unix socket.
        insists: over TLS, whether clients need a certificate; None where that is not known.
        unread: containers that the engine lists, and of which it says nothing that can be read.
        histories: by image id, how its layers were made, the oldest last.
        volumes: by name, the directory of the host that a volume really is; None where that is not known.
        trust: by image id; an image that is missing was not looked up, and ``untrusted`` says why.
        current: by container id; the same.
        host: None where the engine is elsewhere, or nobody may look; ``hidden`` says why.
        processes: by container id, command lines; a container that is missing was not looked at.
        proxied: the engine was asked through a proxy that judges requests.
    """

    info: Info
    reached: str
    socket: str = ""
    insists: bool | None = None
    networks: tuple[Network, ...] | None = None
    containers: tuple[Container, ...] = ()
    unread: tuple[str, ...] = ()
    images: Mapping[str, Image] = field(default_factory=dict)
    histories: Mapping[str, tuple[Layer, ...]] = field(default_factory=dict)
    volumes: Mapping[str, str] | None = None
    trust: Mapping[str, Trust] = field(default_factory=dict)
    current: Mapping[str, Current] = field(default_factory=dict)
    untrusted: str = ""
    host: Host | None = None
    hidden: str = "the engine is not on this host"
    processes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    proxied: bool = False

    @property
    def used(self) -> tuple[Image, ...]:
        """The images that containers were made from, each once."""
        ids = dict.fromkeys(container.image for container in self.containers if container.image)
        return tuple(self.images[one] for one in ids if one in self.images)
