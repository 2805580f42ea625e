"""What the engine is sent: a call written anew from its parts and from the decision. Pure.

No byte of the client's gets through as it came: path, query and body are those that were understood and judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple
from urllib.parse import quote

from msgspec import UNSET
from msgspec.structs import replace

from pytrust.policy.core.decision import Allow, Injection, Pin
from pytrust.policy.core.request import Change, Create, Image, Pull, Rename, Request, TagImage
from pytrust.policy.engine import models
from pytrust.policy.engine.asking import RESERVED_PREFIX
from pytrust.policy.engine.body import Model, encode
from pytrust.policy.engine.call import Call
from pytrust.policy.engine.confining import confined
from pytrust.policy.engine.hardening import canonical_host, mutated
from pytrust.policy.engine.imagenames import as_written, sendable
from pytrust.policy.engine.models_host import HostConfig, Mount
from pytrust.policy.engine.names import container_name
from pytrust.policy.engine.pruning import PRUNE, spare_guarded
from pytrust.policy.engine.pulling import only
from pytrust.policy.engine.query import canonical_query, encode_query
from pytrust.policy.engine.secret_mount import with_secrets
from pytrust.policy.engine.shapes import Maybe, given

IMAGE_LABEL: Final = f"{RESERVED_PREFIX}image"
"""The label that says by which image a container was let in: name, tag and digest."""


class Outgoing(NamedTuple):
    """A request to the engine; ``body`` is that of ``model``, both None where there is none."""

    method: str
    target: str
    body: bytes | None
    model: Model | None


def rewrite(call: Call, model: Model | None, request: Request, allow: Allow, version: str) -> Outgoing:
    """The request to send on.

    Args:
        call: as it was read.
        model: its body, as it was read.
        request: what ``normalise`` made of both.
        allow: the decision on ``request``.
        version: of the API, such as ``1.41``.

    Raises:
        ValueError: the decision is not one on this request.
    """
    _require_pins(request, allow)
    sent = _body(model, request, allow)
    target = f"/v{version}{_path(call, allow)}{encode_query(_query(call, request, allow))}"
    return Outgoing(call.route.method, target, None if sent is None else encode(sent), sent)


def _require_pins(request: Request, allow: Allow) -> None:
    """Only learning mode leaves an image without a pin."""
    images = 1 + len(request.mounts) if isinstance(request, Create) else int(isinstance(request, Pull))
    if len(allow.pins) < images and not allow.overruled:
        raise ValueError("an image was allowed without a pin")


def _path(call: Call, allow: Allow) -> str:
    """A container stands there by its full id: its name could be another's by the time the engine looks."""
    params = dict(call.params)
    if call.route.template[0] == "containers" and "id" in params and allow.container:
        params["id"] = allow.container
    return "".join(f"/{_part(part, params)}" for part in call.route.template)


def _part(part: str, params: dict[str, str]) -> str:
    name = part.removeprefix("{").removesuffix("}")
    return part if part == name else quote(params[name], safe="/:@" if name == "image" else "")


def _query(call: Call, request: Request, allow: Allow) -> dict[str, tuple[str, ...]]:
    query = canonical_query(call)
    match request:
        case Pull():
            return _pull(request, allow) | {key: query[key] for key in ("platform",) if key in query}
        case TagImage(target=target):
            return {"repo": (target.collection,), "tag": (target.tag or "",)}
        case Rename(name=name) | Create(name=name) if name:
            return query | {"name": (name,)}
        case Change(what=what) if what == PRUNE:
            return query | {"filters": (spare_guarded(only(query, "filters")),)}
        case _:
            return query


def _pull(request: Pull, allow: Allow) -> dict[str, tuple[str, ...]]:
    """By digest where it is pinned: an engine that asks the registry for the tag again may get another answer."""
    ref = allow.pins[0].ref if allow.pins else request.ref
    tag = () if request.every_tag else (str(ref.digest or ref.tag),)
    return {"fromImage": (str(ref.collection),), "tag": tag}


def _body(model: Model | None, request: Request, allow: Allow) -> Model | None:
    match model:
        case models.ContainerCreate() if isinstance(request, Create):
            return _container(model, request, allow)
        case models.ContainerUpdate():
            return _update(model, allow)
        case models.ExecCreate():
            return replace(model, container=UNSET)
        case models.NetworkConnect() | models.NetworkDisconnect():
            return replace(model, container=allow.container or container_name(given(model.container) or ""))
        case _:
            return model


def _container(model: models.ContainerCreate, request: Create, allow: Allow) -> models.ContainerCreate:
    image, *mounted = _names((request.image, *request.mounts), allow.pins)
    host = canonical_host(given(model.host_config) or HostConfig())
    if allow.profile:
        host = confined(host, allow.profile)
    for mutation in allow.mutations:
        host = mutated(host, mutation)
    host = _with_images(host, iter(mounted))
    if allow.delivery:
        host = with_secrets(host, allow.delivery.folder)
    user = (allow.profile.user if allow.profile else "") or model.user
    return replace(model, image=image, user=user, host_config=host, labels=_labels(model, allow.pins))


def _names(images: tuple[Image, ...], pins: tuple[Pin, ...]) -> list[str]:
    """Pins belong to images by their places."""
    return [*(sendable(pin.ref) for pin in pins), *map(as_written, images[len(pins) :])]


def _with_images(host: HostConfig, references: Iterator[str]) -> HostConfig:
    def pinned(mount: Mount) -> Mount:
        return replace(mount, source=next(references)) if given(mount.type) == "image" else mount

    mounts = given(host.mounts)
    return host if mounts is None else replace(host, mounts=tuple(map(pinned, mounts)))


def _labels(model: models.ContainerCreate, pins: tuple[Pin, ...]) -> Maybe[dict[str, str]]:
    if not pins:
        return model.labels
    return (given(model.labels) or {}) | {IMAGE_LABEL: str(pins[0].ref)}


def _update(model: models.ContainerUpdate, allow: Allow) -> models.ContainerUpdate:
    """A limit on processes that is taken away is replaced; one that is not mentioned stays as it is."""
    limit = given(model.pids_limit)
    for mutation in allow.mutations:
        if mutation.injection is Injection.PIDS and limit is not None and limit <= 0:
            return replace(model, pids_limit=mutation.value)
    return model
