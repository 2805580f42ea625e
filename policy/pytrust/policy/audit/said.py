"""What an engine says of itself and of what it holds, as far as it is looked at. Pure.

A field that an engine leaves out, or writes in another shape, is None: a check then says that it could not be read,
and never that all is well.
Source: Docker Engine API 1.41 to 1.51, ``/info``, ``/networks``, ``/volumes``, ``/containers/{id}/json``,
``/images/{name}/json``, ``/images/{name}/history``.
"""

from __future__ import annotations

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
