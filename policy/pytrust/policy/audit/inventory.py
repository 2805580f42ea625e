"""What an engine says of itself and of what it holds, as far as it is looked at. Pure; nothing is taken for granted.

A field that an engine leaves out is None: a check then says that it could not be read, and never that all is well.
Source: Docker Engine API 1.41 to 1.51, ``/info``, ``/version``, ``/networks``, ``/containers/{id}/json``,
``/images/{name}/json``, ``/images/{name}/history``, ``/swarm``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from pytrust.trust.errors import BadContent


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

    name: str | None = None
    driver: str | None = None
    options: dict[str, str] | None = None


class Restart(_Said, frozen=True):
    """When the engine starts it again."""

    name: str | None = None
    most: int | None = msgspec.field(name="MaximumRetryCount", default=None)


class Binding(_Said, frozen=True):
    """A published port."""

    ip: str | None = msgspec.field(name="HostIp", default=None)
    port: str | None = msgspec.field(name="HostPort", default=None)


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

    type: str | None = None
    source: str | None = None
    destination: str | None = None
    propagation: str | None = None
    writable: bool | None = msgspec.field(name="RW", default=None)


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
        newest: the digest that the tag is signed as now, where that is another; empty where this is it.
        scanned: what its signed scan comes to under the policy, in words; empty where there is none.
        acceptable: None where nothing was judged.
    """

    signed: str = ""
    why: str = ""
    newest: str = ""
    scanned: str = ""
    acceptable: bool | None = None


@dataclass(frozen=True, slots=True)
class File:
    """A file of the host: owner and group by name, permission bits; None for a path that is not there."""

    path: str
    owner: str
    group: str
    mode: int
    kind: str = "file"


@dataclass(frozen=True, slots=True)
class Host:
    """What was seen on the engine's own host.

    ``settings`` are those of ``daemon.json`` and the daemon's arguments, ``audited`` the paths that the kernel's audit
    watches (None where that cannot be asked), ``separate``: the engine's data has a file system of its own.
    """

    files: Mapping[str, File | None] = field(default_factory=dict)
    certificates: tuple[File, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    audited: frozenset[str] | None = None
    separate: bool | None = None


@dataclass(frozen=True, slots=True)
class Inventory:
    """Everything that checks look at.

    Attributes:
        reached: ``unix``, ``tls`` or ``tcp``: how the engine was asked.
        proxied: the engine was asked through a proxy that enforces a policy.
        histories: by image id, how its layers were made, the oldest last.
        trust: by image id; an image that is missing was not looked up, and ``untrusted`` says why.
        host: None where the engine is elsewhere, or nobody may look.
        processes: by container id, command lines; a container that is missing was not looked at.
    """

    info: Info
    reached: str
    networks: tuple[Network, ...] | None = None
    containers: tuple[Container, ...] = ()
    images: Mapping[str, Image] = field(default_factory=dict)
    histories: Mapping[str, tuple[Layer, ...]] = field(default_factory=dict)
    trust: Mapping[str, Trust] = field(default_factory=dict)
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


T = TypeVar("T")


def read(data: bytes, kind: type[T], what: str) -> T:
    """An answer of the engine; raises ``BadContent`` where it is none."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise BadContent(f"the engine's {what} cannot be read: {str(error)[:200]}", hint="try: docker info") from error
