"""What an engine says of images, containers, volumes and itself, as facts. Pure.

What is needed is read strictly, the rest is skipped; an answer of another shape is ``BadContent``. What a container's
description holds besides (environment, command line) is never kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Annotated, Final, NamedTuple, TypeVar

import msgspec

from pytrust.policy.core.facts import Container, EngineInfo, HeldImage, RepoDigest, Volume
from pytrust.policy.core.request import Ask, Field
from pytrust.policy.engine.asking import RESERVED_PREFIX
from pytrust.policy.engine.asks_mounts import path_asks
from pytrust.policy.profiles.names import GoArch
from pytrust.policy.profiles.parts import EngineParts
from pytrust.trust.errors import BadContent, InvalidName, Unsound
from pytrust.trust.names import ImageRef

GUARDED_LABEL: Final = f"{RESERVED_PREFIX}guarded"
"""A container that carries it with the value ``true`` is not to be touched through the proxy."""
_JOINED: Final = "container:"
_RUNC: Final = "runc"
_ALIVE: Final = frozenset({"running", "paused", "restarting"})
_IDS: Final = 2**32 - 1
_REMAPPED_IDS: Final = 65536  # of a user in /etc/subuid, as every distribution makes them
_RANGE: Final = re.compile(r"/.*/([0-9]{1,10})\.([0-9]{1,10})")
_SHOWN_OPTIONS: Final = frozenset({"type", "device"})  # ``o`` may hold the password of a network drive

_ImageId = Annotated[str, msgspec.Meta(pattern=r"\Asha256:[0-9a-f]{64}\Z")]
_ContainerId = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
S = TypeVar("S")


class _Said(msgspec.Struct, rename="pascal"):
    """An object of the engine's; engines write ``null`` for what is empty, and leave out what they do not know."""


class _ImageConfig(_Said):
    user: str | None = None


class _Image(_Said):
    id: _ImageId
    repo_digests: list[str] | None = None
    repo_tags: list[str] | None = None
    config: _ImageConfig | None = None


class _ContainerConfig(_Said):
    labels: dict[str, str] | None = None


class _Mount(_Said):
    type: str = ""
    source: str = ""
    writable: bool = msgspec.field(name="RW", default=True)


class _HostConfig(_Said):
    pid_mode: str | None = None
    ipc_mode: str | None = None
    network_mode: str | None = None


class _Container(_Said):
    id: _ContainerId
    image: _ImageId
    config: _ContainerConfig
    host_config: _HostConfig | None = None
    mounts: list[_Mount] | None = None


class _Listed(_Said):
    id: _ContainerId


class _Volume(_Said):
    driver: str
    options: dict[str, str] | None = None


class _Info(_Said):
    security_options: list[str] | None = None
    docker_root_dir: str | None = None
    default_runtime: str | None = None


class _Component(_Said):
    name: str
    version: str = ""


class _Version(_Said):
    version: str
    arch: str
    kernel_version: str | None = None
    components: list[_Component] | None = None


class _Status(_Said):
    status: str


class _State(_Said):
    state: _Status


class _Present(_Said):
    id: _ContainerId
    state: str


class _Actor(_Said):
    id: _ContainerId = msgspec.field(name="ID")


class _Event(_Said):
    actor: _Actor


def read_image(body: bytes) -> HeldImage:
    """``GET /images/{name}/json``; names that are none (``<none>@<none>``) are left out."""
    said = _read(body, _Image)
    found = {(ref.collection, ref.digest): None for ref in _refs(said.repo_digests)}
    digests = tuple(RepoDigest(collection=name, digest=digest) for name, digest in found if digest is not None)
    tags = tuple(ref for ref in _refs(said.repo_tags) if ref.tag is not None)
    user = said.config.user if said.config else None
    return HeldImage(id=said.id, repo_digests=digests, tags=tags, user=user or "")


def read_container(body: bytes) -> Container:
    """``GET /containers/{id}/json``; whether it was let in, the engine does not know."""
    said = _read(body, _Container)
    guarded = (said.config.labels or {}).get(GUARDED_LABEL) == "true"
    binds, joins = tuple(_binds(said.mounts or ())), tuple(_joins(said.host_config or _HostConfig()))
    return Container(id=said.id, image_id=said.image, guarded=guarded, binds=binds, joins=joins)


def _binds(mounts: Iterable[_Mount]) -> Iterable[Ask]:
    for mount in mounts:
        if mount.type == "bind":
            yield from path_asks(mount.source, mount.writable)


def _joins(host: _HostConfig) -> Iterable[Ask]:
    modes = {Field.PID_MODE: host.pid_mode, Field.IPC_MODE: host.ipc_mode, Field.NETWORK_MODE: host.network_mode}
    for field, mode in modes.items():
        if mode and mode.startswith(_JOINED):
            yield Ask(field=field, value=mode)


def read_any(body: bytes) -> bool:
    """``GET /containers/json``: whether there is one."""
    return bool(_read(body, list[_Listed]))


def read_volume(body: bytes) -> Volume:
    """``GET /volumes/{name}``."""
    said = _read(body, _Volume)
    shown = {key: value if key in _SHOWN_OPTIONS else "" for key, value in (said.options or {}).items()}
    return Volume(driver=said.driver, options=tuple(sorted(shown.items())))


def read_info(body: bytes) -> EngineInfo:
    """``GET /info``: security options read ``name=seccomp,profile=builtin``.

    A profile of the operator's own counts as one; ``unconfined``, and a kernel without seccomp, do not.
    """
    options = [dict(_pairs(option)) for option in _read(body, _Info).security_options or ()]
    profiles = [option.get("profile", "") for option in options if option.get("name") == "seccomp"]
    return EngineInfo(seccomp=bool(profiles) and not {"", "unconfined"} & set(profiles))


def read_parts(version: bytes, info: bytes) -> EngineParts:
    """``GET /version`` and ``GET /info``: what the engine is made of."""
    said, more = _read(version, _Version), _read(info, _Info)
    runc = next((part.version for part in said.components or () if part.name == _RUNC), "")
    return EngineParts(
        version=said.version,
        runc=runc if more.default_runtime in {None, _RUNC} else "",
        kernel=said.kernel_version or "",
        arch=GoArch(said.arch),
        apparmor="name=apparmor" in (more.security_options or ()),
    )


class Users(NamedTuple):
    """How the engine's containers count users: theirs begin at ``uid`` and ``gid`` of the host, and are ``ids``."""

    uid: int = 0
    gid: int = 0
    ids: int = _IDS


def read_users(body: bytes) -> Users:
    """``GET /info``; raises ``Unsound`` for an engine that is no root of its host.

    With ``userns-remap`` an engine tells the beginning of its range by the name of its folder: ``UID.GID``.
    """
    said = _read(body, _Info)
    options = {value for option in said.security_options or () for key, value in _pairs(option) if key == "name"}
    if "rootless" in options:
        raise Unsound("an engine without root takes no secrets", hint="use an engine that runs as root")
    if "userns" not in options:
        return Users()
    found = _RANGE.fullmatch(said.docker_root_dir or "")
    if found is None:
        raise BadContent("the engine does not say how its containers count users", hint="try: docker info")
    return Users(int(found[1]), int(found[2]), _REMAPPED_IDS)


def read_standing(body: bytes) -> bool:
    """``GET /containers/{id}/json``: whether it runs, or is about to be started again by the engine itself."""
    return _read(body, _State).state.status in _ALIVE


def read_present(body: bytes) -> Mapping[str, bool]:
    """``GET /containers/json?all=1``: the same of each, by id."""
    return {item.id: item.state in _ALIVE for item in _read(body, list[_Present])}


def read_ended(line: bytes) -> str:
    """One line of ``GET /events``: the id of the container that it is about."""
    return _read(line, _Event).actor.id


def _read(body: bytes, kind: type[S]) -> S:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise BadContent(f"this is no answer of a Docker engine: {error}", hint="try: docker info") from error


def _refs(names: Iterable[str] | None) -> list[ImageRef]:
    refs = []
    for name in names or ():
        with suppress(InvalidName):
            refs.append(ImageRef.parse(name))
    return refs


def _pairs(option: str) -> Iterable[tuple[str, str]]:
    for part in option.split(","):
        key, _, value = part.partition("=")
        yield key, value
