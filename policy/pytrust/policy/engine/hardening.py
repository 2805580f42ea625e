"""What is written into ``HostConfig`` before it is sent on: one spelling of it, and the decision's mutations. Pure.

Defaults that an engine chooses by the version of the API are written out, so that no client can choose them by an old
version in its path.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar, assert_never

from msgspec import UnsetType
from msgspec.structs import replace

from pytrust.policy.core.decision import Injection, Mutation
from pytrust.policy.engine.binds import parse_bind
from pytrust.policy.engine.models_host import DeviceMapping, HostConfig, Mount, TmpfsOptions
from pytrust.policy.engine.paths import absolute
from pytrust.policy.engine.securityopt import parse_security_options
from pytrust.policy.engine.shapes import Maybe, given

_TMPFS_SAFE: Final = ("noexec", "nosuid", "nodev")
_TMPFS_UNSAFE: Final = frozenset({"exec", "suid", "dev"})

T = TypeVar("T")


def canonical_host(host: HostConfig) -> HostConfig:
    """The same with clean paths, each security option once, and a private IPC namespace written out.

    Raises:
        Malformed: a value has no meaning.
    """
    return replace(
        _private_ipc(host),
        binds=_each(host.binds, lambda text: str(parse_bind(text))),
        mounts=_each(host.mounts, _clean_mount),
        devices=_each(host.devices, _clean_device),
        security_opt=_whole(host.security_opt, lambda options: parse_security_options(options).texts()),
    )


def mutated(host: HostConfig, mutation: Mutation) -> HostConfig:
    """With one thing written in; there is no mutation for what the client chose, and was let."""
    match mutation.injection:
        case Injection.DROP_CAPABILITIES:
            host = replace(host, cap_drop=("ALL",))
        case Injection.NO_NEW_PRIVILEGES:
            host = _no_new_privileges(host)
        case Injection.PIDS:
            host = replace(host, pids_limit=mutation.value)
        case Injection.MEMORY:
            host = replace(host, memory=mutation.value)
        case Injection.PRIVATE_IPC:
            host = _private_ipc(host)
        case Injection.PRIVATE_CGROUPNS:
            host = replace(host, cgroupns_mode=given(host.cgroupns_mode) or "private")
        case Injection.TMPFS_FLAGS:
            host = _safe_tmpfs(host)
        case _:
            assert_never(mutation.injection)
    return host


def _private_ipc(host: HostConfig) -> HostConfig:
    return replace(host, ipc_mode=given(host.ipc_mode) or "private")


def _no_new_privileges(host: HostConfig) -> HostConfig:
    """Last, so that it holds whatever stands before."""
    options = parse_security_options((*(given(host.security_opt) or ()), "no-new-privileges"))
    return replace(host, security_opt=options.texts())


def _safe_tmpfs(host: HostConfig) -> HostConfig:
    return replace(
        host,
        tmpfs=_whole(host.tmpfs, lambda mounts: {path: _safe_words(words) for path, words in mounts.items()}),
        mounts=_each(host.mounts, _safe_mount),
    )


def _safe_words(words: str) -> str:
    kept = (word for word in words.split(",") if word and word not in _TMPFS_UNSAFE | set(_TMPFS_SAFE))
    return ",".join((*kept, *_TMPFS_SAFE))


def _safe_mount(mount: Mount) -> Mount:
    return replace(mount, tmpfs_options=_whole(mount.tmpfs_options, _safe_options))


def _safe_options(options: TmpfsOptions) -> TmpfsOptions:
    """Mounts of this kind are safe unless told otherwise, and engines take no word for that but ``noexec``."""
    kept = _whole(options.options, lambda all_: tuple(each for each in all_ if _TMPFS_UNSAFE.isdisjoint(each[:1])))
    return replace(options, options=kept)


def _clean_mount(mount: Mount) -> Mount:
    if given(mount.type) != "bind":
        return mount
    return replace(mount, source=absolute(given(mount.source) or "", "the source of a mount"))


def _clean_device(device: DeviceMapping) -> DeviceMapping:
    return replace(device, path_on_host=absolute(given(device.path_on_host) or "", "the device"))


def _each(values: Maybe[tuple[T, ...]], change: Callable[[T], T]) -> Maybe[tuple[T, ...]]:
    return _whole(values, lambda there: tuple(map(change, there)))


def _whole(value: Maybe[T], change: Callable[[T], T]) -> Maybe[T]:
    """Changed where it is there; absent and null stay what they are."""
    return value if value is None or isinstance(value, UnsetType) else change(value)
