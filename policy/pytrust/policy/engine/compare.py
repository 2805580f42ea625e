"""Is the new container what was sent? What the engine shows of it, held against the request. Pure.

Compared are the image, and the fields by which a container could get more of its host than was allowed. Engines fill
in defaults and have their own spelling of some values, so both sides are brought into one form first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from pytrust.policy.engine.asks_host import capability
from pytrust.policy.engine.body import Model
from pytrust.policy.engine.call import Malformed
from pytrust.policy.engine.models import ContainerCreate
from pytrust.policy.engine.securityopt import parse_security_options

_SHOWN_MAX_CHARS: Final = 100
_CONTAINER: Final = "container:"

Json: TypeAlias = Any
Object = dict[str, Any]


class _Shown(msgspec.Struct):
    """``GET /containers/{id}/json``, as far as it is looked at."""

    image: str = msgspec.field(name="Image")
    config: Object = msgspec.field(name="Config")
    host: Object = msgspec.field(name="HostConfig")


def differences(sent: Model, inspected: bytes, image_id: str) -> tuple[str, ...]:
    """How the new container differs from what was sent, in words; nothing where it does not.

    Args:
        sent: the body of the creation, as it was sent.
        inspected: the engine's description of the container.
        image_id: the id of the image that was judged.
    """
    assert isinstance(sent, ContainerCreate)
    try:
        shown = msgspec.json.decode(inspected, type=_Shown)
        return tuple(_differences(msgspec.to_builtins(sent), shown, image_id))
    except (msgspec.MsgspecError, Malformed, TypeError, AttributeError):
        return ("the engine's description of it cannot be read",)


def _differences(sent: Object, shown: _Shown, image_id: str) -> Iterator[str]:
    host = sent.get("HostConfig") or {}
    if shown.image != image_id:
        yield _words("the image", image_id, shown.image)
    yield from _unlike(_CONFIG, sent, shown.config)
    yield from _unlike(_HOST, host, shown.host)
    yield from _more(host, shown.host)
    yield from _security(host, shown.host)


def _unlike(forms: Mapping[str, Callable[[Json], Json]], sent: Object, shown: Object) -> Iterator[str]:
    for key, form in forms.items():
        one, other = form(sent.get(key)), form(shown.get(key))
        if one != other and (one or key not in _LEFT_OPEN):
            yield _words(key, one, other)


def _more(sent: Object, shown: Object) -> Iterator[str]:
    """Engines may put entries of these maps elsewhere, but never add any."""
    for key in ("Sysctls", "Annotations"):
        one, other = sent.get(key) or {}, shown.get(key) or {}
        if not other.items() <= one.items():
            yield _words(key, one, other)


def _security(sent: Object, shown: Object) -> Iterator[str]:
    """Engines add SELinux labels to a container that shares with the host or with another one."""
    one, other = sent.get("SecurityOpt") or (), shown.get("SecurityOpt") or ()
    first, second = parse_security_options(one), parse_security_options(other)
    labels = second.labels[: len(first.labels)] if _shares(sent) else second.labels
    if first.others != second.others or first.labels != labels:
        yield _words("SecurityOpt", list(one), list(other))


def _shares(host: Object) -> bool:
    spaces = {host.get("PidMode"), host.get("IpcMode")}
    return bool(host.get("Privileged")) or not spaces <= {None, "", "private", "none"}


def _words(what: str, sent: Json, shown: Json) -> str:
    return f"{what} is {str(shown)[:_SHOWN_MAX_CHARS]!r}, not {str(sent)[:_SHOWN_MAX_CHARS]!r}"


def _tidy(value: Json) -> Json:
    """Without what is empty, at every level: absent, null, zero, false and an empty list are one default."""
    if isinstance(value, dict):
        value = {key: kept for key, inner in value.items() if (kept := _tidy(inner))}
    elif isinstance(value, list | tuple):
        value = [_tidy(inner) for inner in value]
    return value or None


def _capabilities(names: Json) -> Json:
    return sorted({capability(name) for name in names or ()})


def _space(mode: Json) -> Json:
    """Whose namespace it is may be told by name or by id."""
    return _CONTAINER if mode and mode.startswith(_CONTAINER) else mode or ""


def _network(mode: Json) -> Json:
    """Which network it is may be told by name or by id; the default one has several names."""
    space = _space(mode)
    return space if space in {"host", "none", _CONTAINER} else "a network"


def _mounts(mounts: Json) -> Json:
    return [_tidy(_mount(mount)) for mount in mounts or ()]


def _mount(mount: Object) -> Object:
    return {
        **{key: mount.get(key) for key in ("Type", "Source", "Target", "ReadOnly")},
        "Propagation": (mount.get("BindOptions") or {}).get("Propagation"),
        "DriverConfig": (mount.get("VolumeOptions") or {}).get("DriverConfig"),
    }


def _log_driver(config: Json) -> Json:
    return (config or {}).get("Type") or ""


def _limit(number: Json) -> Json:
    """None, zero and less are no limit."""
    return max(number or 0, 0)


_SAME: Final = (
    "Privileged", "ReadonlyRootfs", "GroupAdd", "OomScoreAdj", "CpuRealtimePeriod", "CpuRealtimeRuntime",
    "UTSMode", "UsernsMode", "CgroupnsMode", "Cgroup", "CgroupParent", "Runtime",
    "Devices", "DeviceCgroupRules", "DeviceRequests", "StorageOpt",
    "Binds", "Tmpfs", "VolumesFrom", "VolumeDriver", "MaskedPaths", "ReadonlyPaths", "PublishAllPorts",
)  # fmt: skip
_CONFIG: Final[Mapping[str, Callable[[Json], Json]]] = {"Image": _tidy, "User": _tidy}
_HOST: Final[Mapping[str, Callable[[Json], Json]]] = {
    **dict.fromkeys(_SAME, _tidy),
    "CapAdd": _capabilities,
    "CapDrop": _capabilities,
    "PidMode": _space,
    "IpcMode": _space,
    "NetworkMode": _network,
    "Mounts": _mounts,
    "LogConfig": _log_driver,
    "PidsLimit": _limit,
}
_LEFT_OPEN: Final = frozenset(
    {"User", "CgroupnsMode", "PidsLimit", "Runtime", "MaskedPaths", "ReadonlyPaths", "LogConfig"}
)
"""Where nothing was sent, the image or the engine's configuration fills these in."""
