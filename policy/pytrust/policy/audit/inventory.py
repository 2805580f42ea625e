"""What an engine says of itself and of what it holds, as far as it is looked at. Pure; nothing is taken for granted.

A field that an engine leaves out, or writes in another shape, is None: a check then says that it could not be read,
and never that all is well.
Source: Docker Engine API 1.41 to 1.51, ``/info``, ``/version``, ``/networks``, ``/containers/{id}/json``,
``/images/{name}/json``, ``/images/{name}/history``, ``/swarm``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec


class _Said(msgspec.Struct, frozen=True, rename="pascal"):
    """A part of an answer; unknown keys are passed over."""


class Index(_Said, frozen=True):
    """A registry."""

    secure: bool | None = None


class Registries(_Said, frozen=True):
    """What ``/info`` says of registries."""

    insecure: list[str] | None = msgspec.field(name="InsecureRegistryCIDRs", default=None)
    indexes: dict[str, Index] | None = msgspec.field(name="IndexConfigs", default=None)


class Plugins(_Said, frozen=True):
    """Those of one kind."""

    authorization: list[str] | None = None


class Encryption(_Said, frozen=True):
    """Of a swarm."""

    auto_lock_managers: bool | None = None


class SwarmSpec(_Said, frozen=True):
    """Of a swarm."""

    encryption: Encryption | None = msgspec.field(name="EncryptionConfig", default=None)


class Cluster(_Said, frozen=True):
    """Of a swarm."""

    spec: SwarmSpec | None = None


class Swarm(_Said, frozen=True):
    """What ``/info`` says of it."""

    state: str | None = msgspec.field(name="LocalNodeState", default=None)
    managers: int | None = None
    nodes: int | None = None
    address: str | None = msgspec.field(name="NodeAddr", default=None)
    control: bool | None = msgspec.field(name="ControlAvailable", default=None)
    cluster: Cluster | None = None


class Info(_Said, frozen=True):
    """``/info``."""

    server_version: str | None = None
    name: str | None = None
    kernel_version: str | None = None
    driver: str | None = None
    logging_driver: str | None = None
    security_options: list[str] | None = None
    live_restore: bool | None = msgspec.field(name="LiveRestoreEnabled", default=None)
    experimental: bool | None = msgspec.field(name="ExperimentalBuild", default=None)
    registries: Registries | None = msgspec.field(name="RegistryConfig", default=None)
    plugins: Plugins | None = None
    swarm: Swarm | None = None
    containers: int | None = None
    containers_running: int | None = None
    images: int | None = None
    root: str | None = msgspec.field(name="DockerRootDir", default=None)


class Network(_Said, frozen=True):
    """One of ``/networks``."""

    name: str
    driver: str | None = None
    options: dict[str, str] | None = None


class Volume(_Said, frozen=True):
    """One of ``/volumes``."""

    name: str
    options: dict[str, str] | None = None


class Restart(_Said, frozen=True):
    """When the engine starts it again."""

    name: str
    most: int | None = msgspec.field(name="MaximumRetryCount", default=None)


class Binding(_Said, frozen=True):
    """A published port."""

    ip: str = msgspec.field(name="HostIp")
    port: str = msgspec.field(name="HostPort")


class HostConfig(_Said, frozen=True):
    """What a container has of the host."""

    privileged: bool | None = None
    cap_add: list[str] | None = None
    security_opt: list[str] | None = None
    network_mode: str | None = None
    pid_mode: str | None = None
    ipc_mode: str | None = None
    uts_mode: str | None = msgspec.field(name="UTSMode", default=None)
    userns_mode: str | None = None
    cgroup_parent: str | None = None
    memory: int | None = None
    cpu_shares: int | None = None
    nano_cpus: int | None = None
    cpu_quota: int | None = None
    pids_limit: int | None = None
    readonly_rootfs: bool | None = None
    restart_policy: Restart | None = None
    devices: list[dict[str, Any]] | None = None
    port_bindings: dict[str, list[Binding] | None] | None = None


class Mount(_Said, frozen=True):
    """One mount of a container."""

    type: str
    destination: str
    propagation: str
    source: str = ""
    writable: bool = msgspec.field(name="RW", default=True)
    name: str = ""


class Health(_Said, frozen=True):
    """By the container's own check."""

    status: str | None = None


class State(_Said, frozen=True):
    """Of a container."""

    running: bool | None = None
    health: Health | None = None


class Config(_Said, frozen=True):
    """What a container or an image runs."""

    user: str | None = None
    image: str | None = None
    env: list[str] | None = None
    healthcheck: dict[str, Any] | None = None


class Networks(_Said, frozen=True):
    """Those that a container is in."""

    networks: dict[str, Any] | None = None
    ports: dict[str, list[Binding] | None] | None = None


class Container(_Said, frozen=True):
    """``/containers/{id}/json``."""

    id: str
    name: str = ""
    image: str | None = None
    apparmor: str | None = msgspec.field(name="AppArmorProfile", default=None)
    host: HostConfig | None = msgspec.field(name="HostConfig", default=None)
    config: Config | None = None
    mounts: list[Mount] | None = None
    state: State | None = None
    network: Networks | None = msgspec.field(name="NetworkSettings", default=None)

    @property
    def called(self) -> str:
        """Its name, else the beginning of its id."""
        return self.name.removeprefix("/") or self.id[:12]


class Layer(_Said, frozen=True):
    """One line of an image's history."""

    created_by: str | None = None


class Image(_Said, frozen=True):
    """``/images/{name}/json``."""

    id: str
    tags: list[str] | None = msgspec.field(name="RepoTags", default=None)
    digests: list[str] | None = msgspec.field(name="RepoDigests", default=None)
    config: Config | None = None

    @property
    def called(self) -> str:
        """A name of it, else its id."""
        return next(iter([*(self.tags or ()), *(self.digests or ())]), self.id[:19])


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
