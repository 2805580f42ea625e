"""The bodies of the Engine API that are read: one frozen value for each, as strict as their description.

All fields of API 1.24 to 1.51 (moby, ``api/types``). A key that is missing here is refused, at every level. Command
lines are lists, as the API describes them; that engines take a single text as well is not relied on by any client.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from pytrust.policy.engine.models_host import HostConfig, Resources, RestartPolicy
from pytrust.policy.engine.shapes import ITEMS_MAX, PORTS_MAX, Maybe, Name, Names, Pairs, Part, Unsigned, Words


class Nothing(Part, frozen=True, kw_only=True):
    """The value of each entry in a set of ports or of paths."""


PortSet = Annotated[dict[Name, Nothing], Meta(max_length=PORTS_MAX)]
PathSet = Annotated[dict[Name, Nothing], Meta(max_length=ITEMS_MAX)]


class Healthcheck(Part, frozen=True, kw_only=True):
    """``HealthConfig``; durations are in nanoseconds."""

    test: Maybe[Words] = UNSET
    interval: Maybe[int] = UNSET
    timeout: Maybe[int] = UNSET
    start_period: Maybe[int] = UNSET
    start_interval: Maybe[int] = UNSET
    retries: Maybe[int] = UNSET


class EndpointIpam(Part, frozen=True, kw_only=True):
    """Addresses of a container's own choice."""

    ipv4_address: Maybe[Name] = UNSET
    ipv6_address: Maybe[Name] = UNSET
    link_local_ips: Maybe[Names] = UNSET


class Endpoint(Part, frozen=True, kw_only=True):
    """``EndpointSettings``: one container on one network."""

    ipam_config: Maybe[EndpointIpam] = UNSET
    links: Maybe[Names] = UNSET
    aliases: Maybe[Names] = UNSET
    mac_address: Maybe[Name] = UNSET
    driver_opts: Maybe[Pairs] = UNSET
    gw_priority: Maybe[int] = UNSET
    network_id: Maybe[Name] = UNSET
    endpoint_id: Maybe[Name] = UNSET
    gateway: Maybe[Name] = UNSET
    ip_address: Maybe[Name] = UNSET
    ip_prefix_len: Maybe[int] = UNSET
    ipv6_gateway: Maybe[Name] = UNSET
    global_ipv6_address: Maybe[Name] = UNSET
    global_ipv6_prefix_len: Maybe[int] = UNSET
    dns_names: Maybe[Names] = UNSET


Endpoints = Annotated[dict[Name, Endpoint | None], Meta(max_length=ITEMS_MAX)]


class Networking(Part, frozen=True, kw_only=True):
    """``NetworkingConfig``."""

    endpoints_config: Maybe[Endpoints] = UNSET


class ContainerCreate(Part, frozen=True, kw_only=True):
    """``POST /containers/create``: the fields of ``Config``, and two objects beside them.

    Engines before 27 also take every key of ``HostConfig`` here, at the root; none of those is accepted.
    """

    hostname: Maybe[Name] = UNSET
    domainname: Maybe[Name] = UNSET
    user: Maybe[Name] = UNSET
    attach_stdin: Maybe[bool] = UNSET
    attach_stdout: Maybe[bool] = UNSET
    attach_stderr: Maybe[bool] = UNSET
    exposed_ports: Maybe[PortSet] = UNSET
    tty: Maybe[bool] = UNSET
    open_stdin: Maybe[bool] = UNSET
    stdin_once: Maybe[bool] = UNSET
    env: Maybe[Words] = UNSET
    cmd: Maybe[Words] = UNSET
    healthcheck: Maybe[Healthcheck] = UNSET
    args_escaped: Maybe[bool] = UNSET
    image: Maybe[Name] = UNSET
    volumes: Maybe[PathSet] = UNSET
    working_dir: Maybe[Name] = UNSET
    entrypoint: Maybe[Words] = UNSET
    network_disabled: Maybe[bool] = UNSET
    mac_address: Maybe[Name] = UNSET
    on_build: Maybe[Words] = UNSET
    labels: Maybe[Pairs] = UNSET
    stop_signal: Maybe[Name] = UNSET
    stop_timeout: Maybe[int] = UNSET
    shell: Maybe[Words] = UNSET
    host_config: Maybe[HostConfig] = UNSET
    networking_config: Maybe[Networking] = UNSET


class ContainerUpdate(Resources, frozen=True, kw_only=True):
    """``POST /containers/{id}/update``."""

    restart_policy: Maybe[RestartPolicy] = UNSET


class ExecCreate(Part, frozen=True, kw_only=True):
    """``POST /containers/{id}/exec``; ``container`` is what some libraries repeat there, and engines pass over."""

    user: Maybe[Name] = UNSET
    privileged: Maybe[bool] = UNSET
    tty: Maybe[bool] = UNSET
    console_size: Maybe[tuple[Unsigned, Unsigned]] = UNSET
    attach_stdin: Maybe[bool] = UNSET
    attach_stderr: Maybe[bool] = UNSET
    attach_stdout: Maybe[bool] = UNSET
    detach: Maybe[bool] = UNSET
    detach_keys: Maybe[Name] = UNSET
    env: Maybe[Words] = UNSET
    working_dir: Maybe[Name] = UNSET
    cmd: Maybe[Words] = UNSET
    container: Maybe[Name] = UNSET


class ExecStart(Part, frozen=True, kw_only=True):
    """``POST /exec/{id}/start``."""

    detach: Maybe[bool] = UNSET
    tty: Maybe[bool] = UNSET
    console_size: Maybe[tuple[Unsigned, Unsigned]] = UNSET

    @property
    def detached(self) -> bool:
        """The engine answers such a start without taking over the connection."""
        return self.detach is True


class IpamPool(Part, frozen=True, kw_only=True):
    """One range of addresses."""

    subnet: Maybe[Name] = UNSET
    ip_range: Maybe[Name] = UNSET
    gateway: Maybe[Name] = UNSET
    auxiliary_addresses: Maybe[Pairs] = UNSET


class Ipam(Part, frozen=True, kw_only=True):
    """Where a network's addresses come from."""

    driver: Maybe[Name] = UNSET
    options: Maybe[Pairs] = UNSET
    config: Maybe[Annotated[tuple[IpamPool, ...], Meta(max_length=ITEMS_MAX)]] = UNSET


class ConfigReference(Part, frozen=True, kw_only=True):
    """A network whose configuration is taken."""

    network: Maybe[Name] = UNSET


class NetworkCreate(Part, frozen=True, kw_only=True):
    """``POST /networks/create``."""

    name: Maybe[Name] = UNSET
    check_duplicate: Maybe[bool] = UNSET
    driver: Maybe[Name] = UNSET
    scope: Maybe[Name] = UNSET
    enable_ipv4: Maybe[bool] = UNSET
    enable_ipv6: Maybe[bool] = UNSET
    ipam: Maybe[Ipam] = UNSET
    internal: Maybe[bool] = UNSET
    attachable: Maybe[bool] = UNSET
    ingress: Maybe[bool] = UNSET
    config_only: Maybe[bool] = UNSET
    config_from: Maybe[ConfigReference] = UNSET
    options: Maybe[Pairs] = UNSET
    labels: Maybe[Pairs] = UNSET


class NetworkConnect(Part, frozen=True, kw_only=True):
    """``POST /networks/{id}/connect``."""

    container: Maybe[Name] = UNSET
    endpoint_config: Maybe[Endpoint] = UNSET


class NetworkDisconnect(Part, frozen=True, kw_only=True):
    """``POST /networks/{id}/disconnect``."""

    container: Maybe[Name] = UNSET
    force: Maybe[bool] = UNSET


class VolumeCreate(Part, frozen=True, kw_only=True):
    """``POST /volumes/create``; cluster volumes belong to swarm, which is closed, so they may only be null."""

    name: Maybe[Name] = UNSET
    driver: Maybe[Name] = UNSET
    driver_opts: Maybe[Pairs] = UNSET
    labels: Maybe[Pairs] = UNSET
    cluster_volume_spec: UnsetType | None = UNSET
