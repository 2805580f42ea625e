"""What ``HostConfig`` asks for, field by field; which fields are harmless, and why. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv6Address, ip_address
from typing import Final

from pytrust.policy.core.request import Ask, Field
from pytrust.policy.engine.asking import (
    Table,
    ask_each,
    ask_number,
    ask_pairs,
    ask_set,
    ask_text,
    ask_whether,
    asked,
)
from pytrust.policy.engine.asks_mounts import DEFAULT_DRIVER, bind_asks, mount_asks, tmpfs_asks, volumes_from_asks
from pytrust.policy.engine.call import Malformed
from pytrust.policy.engine.models_host import (
    DeviceMapping,
    DeviceRequest,
    HostConfig,
    LogConfig,
    PortBinding,
    RestartPolicy,
    ThrottleDevice,
    Ulimit,
    WeightDevice,
)
from pytrust.policy.engine.names import account, container_name
from pytrust.policy.engine.paths import absolute
from pytrust.policy.engine.securityopt import parse_security_options
from pytrust.policy.engine.shapes import given

_PORTS: Final = re.compile(r"(?:[0-9]{1,5}(?:-[0-9]{1,5})?)?", re.ASCII)
_CONTAINER: Final = "container:"
_THROTTLES: Final = (
    "blkio_weight_device", "blkio_device_read_bps", "blkio_device_write_bps", "blkio_device_read_iops",
    "blkio_device_write_iops",
)  # fmt: skip
_LOCAL_LOG_OPTIONS: Final = frozenset({
    "max-size", "max-file", "compress", "mode", "max-buffer-size", "tag",
    "labels", "labels-regex", "env", "env-regex",
})  # fmt: skip


def host_asks(host: HostConfig) -> Iterator[Ask]:
    """What departs from the safest default; raises ``Malformed`` where a value has no meaning."""
    return asked(HOST, host)


def capability(name: str) -> str:
    """``NET_ADMIN`` for every spelling of it that the engine takes."""
    return name.upper().removeprefix("CAP_")


def network_mode_asks(mode: str) -> Iterator[Ask]:
    """A network's name is asked for where it stands for no network of its own."""
    if mode == "host" or mode.startswith(_CONTAINER):
        yield from _namespace(Field.NETWORK_MODE, mode)


def restart_asks(policy: RestartPolicy) -> Iterator[Ask]:
    """Zero retries on failure are any number of them."""
    name = given(policy.name) or "no"
    if name == "on-failure":
        name = f"{name}:{given(policy.maximum_retry_count) or 0}"
    if name != "no":
        yield Ask(field=Field.RESTART, value=name)


def _namespace(field: Field, mode: str, *harmless: str) -> Iterator[Ask]:
    if mode.startswith(_CONTAINER):
        mode = _CONTAINER + container_name(mode.removeprefix(_CONTAINER))
    if mode not in {"", *harmless}:
        yield Ask(field=field, value=mode)


def _devices(devices: Iterable[DeviceMapping]) -> Iterator[Ask]:
    for device in devices:
        yield Ask(field=Field.DEVICE, value=absolute(given(device.path_on_host) or "", "the device"))


def _device_requests(requests: Iterable[DeviceRequest]) -> Iterator[Ask]:
    """Without a driver, the engine finds one by the capabilities: ``gpu`` is ``--gpus``."""
    for request in requests:
        wanted = sorted({word for words in given(request.capabilities) or () for word in words})
        yield Ask(field=Field.DEVICE_REQUEST, value=given(request.driver) or ",".join(wanted) or "any")


def _ulimits(ulimits: Iterable[Ulimit]) -> Iterator[Ask]:
    for limit in ulimits:
        text = f"{given(limit.name) or ''}={given(limit.soft) or 0}:{given(limit.hard) or 0}"
        yield Ask(field=Field.ULIMIT, value=text)


def _swap(limit: int) -> Iterator[Ask]:
    """Zero leaves the default, which is twice the memory."""
    if limit:
        yield Ask(field=Field.SWAP, value=str(limit) if limit > 0 else "unlimited")


def _oom_score(adjustment: int) -> Iterator[Ask]:
    if adjustment < 0:
        yield Ask(field=Field.OOM, value=str(adjustment))


def _log(config: LogConfig) -> Iterator[Ask]:
    """Options without a driver go to the engine's own, which may be one that sends logs to an address."""
    options = given(config.config) or {}
    if driver := given(config.type):
        yield Ask(field=Field.LOG_DRIVER, value=driver)
    elif options.keys() - _LOCAL_LOG_OPTIONS:
        yield Ask(field=Field.LOG_DRIVER, value="default")


def _ports(ports: Mapping[str, tuple[PortBinding, ...] | None]) -> Iterator[Ask]:
    for bindings in ports.values():
        for binding in bindings or ():
            port = given(binding.host_port) or ""
            if not _PORTS.fullmatch(port):
                raise Malformed(400, f"{port[:60]!r} is not a port")
            yield Ask(field=Field.PORT, value=f"{_address(given(binding.host_ip) or '')}:{port}")


def _address(text: str) -> str:
    """One spelling; what is no address is every address to the engine, so it is refused."""
    try:
        address = ip_address(text) if text else None
    except ValueError as error:
        raise Malformed(400, f"{text[:60]!r} is not an address to publish a port on") from error
    return f"[{address}]" if isinstance(address, IPv6Address) else str(address or "")


def _security(options: Iterable[str]) -> Iterator[Ask]:
    return parse_security_options(options).asks()


def _throttled(devices: Iterable[WeightDevice | ThrottleDevice]) -> Iterator[Ask]:
    """They slow the container down at devices that they give no access to; engines tell whether the path exists."""
    for device in devices:
        path = given(device.path) or ""
        if not absolute(path, "the device").startswith("/dev/"):
            raise Malformed(400, f"the device {path[:100]!r} is not below /dev")
    return iter(())


RESOURCES: Final = Table(
    asks={
        "memory": ask_number(Field.MEMORY),
        "memory_swap": _swap,
        "pids_limit": ask_number(Field.PIDS),
        "oom_kill_disable": ask_whether(Field.OOM, "kill-disabled"),
        "cpu_realtime_period": ask_whether(Field.CPU_REALTIME, "CpuRealtimePeriod"),
        "cpu_realtime_runtime": ask_whether(Field.CPU_REALTIME, "CpuRealtimeRuntime"),
        "cgroup_parent": ask_text(Field.CGROUP_PARENT),
        "devices": _devices,
        "device_cgroup_rules": ask_each(Field.DEVICE_RULE),
        "device_requests": _device_requests,
        "ulimits": _ulimits,
        **dict.fromkeys(_THROTTLES, _throttled),
    },
    harmless=frozenset({
        # a share of what the container's own control group may use
        "cpu_shares", "nano_cpus", "cpu_period", "cpu_quota", "cpuset_cpus", "cpuset_mems", "cpu_count", "cpu_percent",
        "blkio_weight", "io_maximum_iops", "io_maximum_bandwidth",
        # limits below the one on memory, and those that engines pass over by now
        "memory_reservation", "memory_swappiness", "kernel_memory", "kernel_memory_tcp", "disk_quota",
    }),
)  # fmt: skip

HOST: Final = Table(
    asks={
        **RESOURCES.asks,
        "privileged": ask_whether(Field.PRIVILEGED),
        "cap_add": ask_each(Field.CAPABILITY, capability),
        "security_opt": _security,
        "masked_paths": ask_set(Field.SYSTEM_PATHS, "masked"),
        "readonly_paths": ask_set(Field.SYSTEM_PATHS, "readonly"),
        "pid_mode": lambda mode: _namespace(Field.PID_MODE, mode),
        "ipc_mode": lambda mode: _namespace(Field.IPC_MODE, mode, "private", "none"),
        "uts_mode": ask_text(Field.UTS_MODE),
        "userns_mode": ask_text(Field.USERNS_MODE),
        "cgroupns_mode": ask_text(Field.CGROUPNS_MODE, "private"),
        "cgroup": ask_text(Field.CGROUP_PARENT),
        "network_mode": network_mode_asks,
        "port_bindings": _ports,
        "publish_all_ports": ask_whether(Field.PUBLISH_ALL),
        "binds": bind_asks,
        "mounts": mount_asks,
        "tmpfs": tmpfs_asks,
        "volumes_from": volumes_from_asks,
        "volume_driver": ask_text(Field.VOLUME_DRIVER, DEFAULT_DRIVER),
        "storage_opt": ask_pairs(Field.STORAGE_OPTION),
        "shm_size": ask_number(Field.SHM_SIZE),
        "group_add": ask_each(Field.GROUP, account),
        "sysctls": ask_each(Field.SYSCTL),
        "oom_score_adj": _oom_score,
        "runtime": ask_text(Field.RUNTIME),
        "isolation": lambda kind: [] if kind in {"", "default"} else [Ask(field=Field.WINDOWS, value="Isolation")],
        "annotations": ask_each(Field.ANNOTATION),
        "restart_policy": restart_asks,
        "log_config": _log,
    },
    harmless=RESOURCES.harmless
    | {
        "cap_drop", "readonly_rootfs", "init", "auto_remove",  # less for the container, or nothing
        "dns", "dns_options", "dns_search", "extra_hosts", "links",  # what names mean inside the container
        "console_size", "container_id_file",  # the client's own affair
    },
)  # fmt: skip
