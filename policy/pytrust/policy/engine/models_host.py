"""``HostConfig``: what a container gets from its host, and the limits that ``container update`` can change as well.

All fields of Engine API 1.24 to 1.51 (moby, ``api/types/container/hostconfig.go``, ``api/types/mount/mount.go``);
types as in Go: what is a pointer, list or map there may be null here, and so may the rest, which Go then leaves alone.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta

from pytrust.policy.engine.shapes import (
    ITEMS_MAX,
    PORTS_MAX,
    Maybe,
    Name,
    Names,
    Pairs,
    Part,
    Unsigned,
    Unsigned16,
    Unsigned32,
    Words,
)


class WeightDevice(Part, frozen=True, kw_only=True):
    """A share of one device's time."""

    path: Maybe[Name] = UNSET
    weight: Maybe[Unsigned16] = UNSET


class ThrottleDevice(Part, frozen=True, kw_only=True):
    """Bytes or operations in a second, at one device."""

    path: Maybe[Name] = UNSET
    rate: Maybe[Unsigned] = UNSET


class DeviceMapping(Part, frozen=True, kw_only=True):
    """A device of the host, or a folder of them."""

    path_on_host: Maybe[Name] = UNSET
    path_in_container: Maybe[Name] = UNSET
    cgroup_permissions: Maybe[Name] = UNSET


class DeviceRequest(Part, frozen=True, kw_only=True):
    """Devices found by a driver."""

    driver: Maybe[Name] = UNSET
    count: Maybe[int] = UNSET
    device_ids: Maybe[Names] = UNSET
    capabilities: Maybe[Annotated[tuple[Names, ...], Meta(max_length=ITEMS_MAX)]] = UNSET
    options: Maybe[Pairs] = UNSET


class Ulimit(Part, frozen=True, kw_only=True):
    """A limit of ``setrlimit``; -1 is none."""

    name: Maybe[Name] = UNSET
    hard: Maybe[int] = UNSET
    soft: Maybe[int] = UNSET


class LogConfig(Part, frozen=True, kw_only=True):
    """Where logs go."""

    type: Maybe[Name] = UNSET
    config: Maybe[Pairs] = UNSET


class PortBinding(Part, frozen=True, kw_only=True):
    """One address and port of the host."""

    host_ip: Maybe[Name] = UNSET
    host_port: Maybe[Name] = UNSET


class RestartPolicy(Part, frozen=True, kw_only=True):
    """When a container is started again."""

    name: Maybe[Name] = UNSET
    maximum_retry_count: Maybe[int] = UNSET


class BindOptions(Part, frozen=True, kw_only=True):
    """Of a mount of the host's files."""

    propagation: Maybe[Name] = UNSET
    non_recursive: Maybe[bool] = UNSET
    create_mountpoint: Maybe[bool] = UNSET
    read_only_non_recursive: Maybe[bool] = UNSET
    read_only_force_recursive: Maybe[bool] = UNSET


class Driver(Part, frozen=True, kw_only=True):
    """The driver that makes a volume."""

    name: Maybe[Name] = UNSET
    options: Maybe[Pairs] = UNSET


class VolumeOptions(Part, frozen=True, kw_only=True):
    """Of a mounted volume."""

    no_copy: Maybe[bool] = UNSET
    labels: Maybe[Pairs] = UNSET
    subpath: Maybe[Name] = UNSET
    driver_config: Maybe[Driver] = UNSET


class ImageOptions(Part, frozen=True, kw_only=True):
    """Of a mounted image."""

    subpath: Maybe[Name] = UNSET


class TmpfsOptions(Part, frozen=True, kw_only=True):
    """Of a mount in memory; each option is a word, or a key and a value."""

    size_bytes: Maybe[int] = UNSET
    mode: Maybe[Unsigned32] = UNSET
    options: Maybe[Annotated[tuple[Names, ...], Meta(max_length=ITEMS_MAX)]] = UNSET


class ClusterOptions(Part, frozen=True, kw_only=True):
    """Empty in every version of the API."""


class Mount(Part, frozen=True, kw_only=True):
    """One mount, in the long grammar."""

    type: Maybe[Name] = UNSET
    source: Maybe[Name] = UNSET
    target: Maybe[Name] = UNSET
    read_only: Maybe[bool] = UNSET
    consistency: Maybe[Name] = UNSET
    bind_options: Maybe[BindOptions] = UNSET
    volume_options: Maybe[VolumeOptions] = UNSET
    image_options: Maybe[ImageOptions] = UNSET
    tmpfs_options: Maybe[TmpfsOptions] = UNSET
    cluster_options: Maybe[ClusterOptions] = UNSET


WeightDevices = Annotated[tuple[WeightDevice, ...], Meta(max_length=ITEMS_MAX)]
ThrottleDevices = Annotated[tuple[ThrottleDevice, ...], Meta(max_length=ITEMS_MAX)]
Devices = Annotated[tuple[DeviceMapping, ...], Meta(max_length=ITEMS_MAX)]
DeviceRequests = Annotated[tuple[DeviceRequest, ...], Meta(max_length=ITEMS_MAX)]
Ulimits = Annotated[tuple[Ulimit, ...], Meta(max_length=ITEMS_MAX)]
Mounts = Annotated[tuple[Mount, ...], Meta(max_length=ITEMS_MAX)]
PortBindings = Annotated[tuple[PortBinding, ...], Meta(max_length=PORTS_MAX)]
PortMap = Annotated[dict[Name, PortBindings | None], Meta(max_length=PORTS_MAX)]


class Resources(Part, frozen=True, kw_only=True):
    """Limits, and devices."""

    cpu_shares: Maybe[int] = UNSET
    memory: Maybe[int] = UNSET
    nano_cpus: Maybe[int] = UNSET
    cgroup_parent: Maybe[Name] = UNSET
    blkio_weight: Maybe[Unsigned16] = UNSET
    blkio_weight_device: Maybe[WeightDevices] = UNSET
    blkio_device_read_bps: Maybe[ThrottleDevices] = UNSET
    blkio_device_write_bps: Maybe[ThrottleDevices] = UNSET
    blkio_device_read_iops: Maybe[ThrottleDevices] = UNSET
    blkio_device_write_iops: Maybe[ThrottleDevices] = UNSET
    cpu_period: Maybe[int] = UNSET
    cpu_quota: Maybe[int] = UNSET
    cpu_realtime_period: Maybe[int] = UNSET
    cpu_realtime_runtime: Maybe[int] = UNSET
    cpuset_cpus: Maybe[Name] = UNSET
    cpuset_mems: Maybe[Name] = UNSET
    devices: Maybe[Devices] = UNSET
    device_cgroup_rules: Maybe[Names] = UNSET
    device_requests: Maybe[DeviceRequests] = UNSET
    disk_quota: Maybe[int] = UNSET  # until 1.30
    kernel_memory: Maybe[int] = UNSET
    kernel_memory_tcp: Maybe[int] = UNSET
    memory_reservation: Maybe[int] = UNSET
    memory_swap: Maybe[int] = UNSET
    memory_swappiness: Maybe[int] = UNSET
    oom_kill_disable: Maybe[bool] = UNSET
    pids_limit: Maybe[int] = UNSET
    ulimits: Maybe[Ulimits] = UNSET
    cpu_count: Maybe[int] = UNSET
    cpu_percent: Maybe[int] = UNSET
    io_maximum_iops: Maybe[Unsigned] = UNSET
    io_maximum_bandwidth: Maybe[Unsigned] = UNSET


class HostConfig(Resources, frozen=True, kw_only=True):
    """Everything about a container that depends on its host."""

    binds: Maybe[Names] = UNSET
    container_id_file: Maybe[Name] = UNSET
    log_config: Maybe[LogConfig] = UNSET
    network_mode: Maybe[Name] = UNSET
    port_bindings: Maybe[PortMap] = UNSET
    restart_policy: Maybe[RestartPolicy] = UNSET
    auto_remove: Maybe[bool] = UNSET
    volume_driver: Maybe[Name] = UNSET
    volumes_from: Maybe[Names] = UNSET
    console_size: Maybe[tuple[Unsigned, Unsigned]] = UNSET
    annotations: Maybe[Pairs] = UNSET
    cap_add: Maybe[Names] = UNSET
    cap_drop: Maybe[Names] = UNSET
    cgroupns_mode: Maybe[Name] = UNSET
    dns: Maybe[Names] = UNSET
    dns_options: Maybe[Names] = UNSET
    dns_search: Maybe[Names] = UNSET
    extra_hosts: Maybe[Names] = UNSET
    group_add: Maybe[Names] = UNSET
    ipc_mode: Maybe[Name] = UNSET
    cgroup: Maybe[Name] = UNSET
    links: Maybe[Names] = UNSET
    oom_score_adj: Maybe[int] = UNSET
    pid_mode: Maybe[Name] = UNSET
    privileged: Maybe[bool] = UNSET
    publish_all_ports: Maybe[bool] = UNSET
    readonly_rootfs: Maybe[bool] = UNSET
    security_opt: Maybe[Words] = UNSET
    storage_opt: Maybe[Pairs] = UNSET
    tmpfs: Maybe[Pairs] = UNSET
    uts_mode: Maybe[Name] = UNSET
    userns_mode: Maybe[Name] = UNSET
    shm_size: Maybe[int] = UNSET
    sysctls: Maybe[Pairs] = UNSET
    runtime: Maybe[Name] = UNSET
    isolation: Maybe[Name] = UNSET
    mounts: Maybe[Mounts] = UNSET
    masked_paths: Maybe[Names] = UNSET
    readonly_paths: Maybe[Names] = UNSET
    init: Maybe[bool] = UNSET
