"""What each kind of body asks for: every way in which it departs from the safest default, and nothing else. Pure.

The values are in one spelling each, described at ``core.request.Field``; none of them is a secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_network
from typing import Final

from pytrust.policy.core.request import Ask, Field
from pytrust.policy.engine.asking import (
    Table,
    ask_pairs,
    ask_text,
    ask_whether,
    asked,
    reserved_labels,
    unique,
)
from pytrust.policy.engine.asks_host import RESOURCES, host_asks, network_mode_asks, restart_asks
from pytrust.policy.engine.asks_mounts import DEFAULT_DRIVER, volume_option_asks
from pytrust.policy.engine.call import Malformed
from pytrust.policy.engine.models import (
    ConfigReference,
    ContainerCreate,
    ContainerUpdate,
    Endpoint,
    ExecCreate,
    Ipam,
    IpamPool,
    NetworkConnect,
    NetworkCreate,
    Networking,
    VolumeCreate,
)
from pytrust.policy.engine.names import account
from pytrust.policy.engine.paths import among_processes, clean
from pytrust.policy.engine.shapes import given

_ROOT: Final = "0"


def container_asks(model: ContainerCreate) -> tuple[Ask, ...]:
    """Of a new container; raises ``Malformed`` where a value has no meaning."""
    return unique(asked(CONTAINER, model))


def update_asks(model: ContainerUpdate) -> tuple[Ask, ...]:
    """Of new limits; raises ``Malformed``."""
    return unique(asked(UPDATE, model))


def exec_asks(model: ExecCreate) -> tuple[Ask, ...]:
    """Of a process in a container."""
    return unique(asked(EXEC, model))


def network_asks(model: NetworkCreate) -> tuple[Ask, ...]:
    """Of a new network."""
    return unique(asked(NETWORK, model))


def connect_asks(network: str, model: NetworkConnect) -> tuple[Ask, ...]:
    """Of a container that joins a network."""
    return unique((*network_mode_asks(network), *asked(CONNECT, model)))


def volume_asks(model: VolumeCreate) -> tuple[Ask, ...]:
    """Of a new volume."""
    return unique(asked(VOLUME, model))


def _user(text: str) -> Iterator[Ask]:
    """``USER[:GROUP]``; engines pass over what follows, and take an empty user beside a group for root."""
    user, group, *_ = (*text.split(":"), "")
    if text:
        yield Ask(field=Field.USER, value=account(user or _ROOT))
    if group:
        yield Ask(field=Field.GROUP, value=account(group))


def _working_dir(directory: str) -> Iterator[Ask]:
    if among_processes(directory):
        yield Ask(field=Field.WORKING_DIR, value=clean(directory))


def _networking(networking: Networking) -> Iterator[Ask]:
    for network, endpoint in (given(networking.endpoints_config) or {}).items():
        yield from network_mode_asks(network)
        if endpoint is not None:
            yield from _endpoint(endpoint)


def _endpoint(endpoint: Endpoint) -> Iterator[Ask]:
    return asked(ENDPOINT, endpoint)


def _ipam(ipam: Ipam) -> Iterator[Ask]:
    return asked(IPAM, ipam)


def _ipam_driver(name: str) -> Iterator[Ask]:
    if name not in {"", "default"}:
        yield Ask(field=Field.NETWORK_OPTION, value=f"ipam-driver={name}")


def _pools(pools: Iterable[IpamPool]) -> Iterator[Ask]:
    """Addresses of the client's choice: the host gets one of them, and a route to the others."""
    for pool in pools:
        if subnet := given(pool.subnet):
            yield Ask(field=Field.NETWORK_OPTION, value=f"subnet={_subnet(subnet)}")
        elif given(pool.gateway) or given(pool.ip_range) or given(pool.auxiliary_addresses):
            raise Malformed(400, "a network with addresses of your choice needs a subnet that they are from")


def _subnet(text: str) -> str:
    try:
        return str(ip_network(text, strict=False))
    except ValueError as error:
        raise Malformed(400, f"{text[:60]!r} is not a subnet") from error


def _config_from(reference: ConfigReference) -> Iterator[Ask]:
    if given(reference.network):
        yield Ask(field=Field.NETWORK_SCOPE, value="config-from")


ENDPOINT: Final = Table(
    asks={"driver_opts": ask_pairs(Field.ENDPOINT_OPTION)},
    harmless=frozenset({
        "ipam_config", "links", "aliases", "mac_address", "gw_priority",  # its place on a network that it may join
        "network_id", "endpoint_id", "gateway", "ip_address", "ip_prefix_len", "ipv6_gateway", "global_ipv6_address",
        "global_ipv6_prefix_len", "dns_names",  # the engine's answers; it passes over them in a request
    }),
)  # fmt: skip
CONTAINER: Final = Table(
    asks={
        "user": _user,
        "working_dir": _working_dir,
        "labels": reserved_labels,
        "host_config": host_asks,
        "networking_config": _networking,
    },
    harmless=frozenset({
        "image",  # judged by itself
        "hostname", "domainname", "env", "cmd", "entrypoint", "shell", "args_escaped", "healthcheck", "on_build",
        "attach_stdin", "attach_stdout", "attach_stderr", "tty", "open_stdin", "stdin_once",
        "stop_signal", "stop_timeout",  # what happens inside the container
        "volumes", "exposed_ports",  # new volumes without a name; ports that are published by other fields
        "network_disabled", "mac_address",
    }),
)  # fmt: skip
UPDATE: Final = Table(asks={**RESOURCES.asks, "restart_policy": restart_asks}, harmless=RESOURCES.harmless)
EXEC: Final = Table(
    asks={"privileged": ask_whether(Field.PRIVILEGED), "user": _user, "working_dir": _working_dir},
    harmless=frozenset({
        "tty", "console_size", "attach_stdin", "attach_stderr", "attach_stdout", "detach", "detach_keys", "env", "cmd",
        "container",
    }),
)  # fmt: skip
IPAM: Final = Table(
    asks={"driver": _ipam_driver, "options": ask_pairs(Field.NETWORK_OPTION), "config": _pools}, harmless=frozenset()
)
NETWORK: Final = Table(
    asks={
        "driver": ask_text(Field.NETWORK_DRIVER, "bridge"),
        "options": ask_pairs(Field.NETWORK_OPTION),
        "scope": ask_text(Field.NETWORK_SCOPE, "local"),
        "ingress": ask_whether(Field.NETWORK_SCOPE, "ingress"),
        "config_only": ask_whether(Field.NETWORK_SCOPE, "config-only"),
        "config_from": _config_from,
        "ipam": _ipam,
        "labels": reserved_labels,
    },
    harmless=frozenset({"name", "check_duplicate", "enable_ipv4", "enable_ipv6", "internal", "attachable"}),
)
CONNECT: Final = Table(asks={"endpoint_config": _endpoint}, harmless=frozenset({"container"}))
VOLUME: Final = Table(
    asks={
        "driver": ask_text(Field.VOLUME_DRIVER, DEFAULT_DRIVER),
        "driver_opts": volume_option_asks,
        "labels": reserved_labels,
    },
    harmless=frozenset({"name", "cluster_volume_spec"}),
)
