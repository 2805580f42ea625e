"""From one call of the Engine API to one request of the core: what is asked, in the core's own words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, assert_never

from pytrust.policy.core.request import (
    Ask,
    Attach,
    Change,
    Closed,
    Create,
    Exec,
    ExecUse,
    Field,
    Image,
    Look,
    Manage,
    NetworkConnect,
    NetworkCreate,
    Rename,
    Request,
    Start,
    Update,
    VolumeCreate,
)
from pytrust.policy.engine import asks, models
from pytrust.policy.engine.asks_host import capability
from pytrust.policy.engine.body import Model
from pytrust.policy.engine.call import Call, Malformed, Verdict
from pytrust.policy.engine.confining import understood
from pytrust.policy.engine.imagenames import read_image
from pytrust.policy.engine.names import container_name, new_container_name, volume_name
from pytrust.policy.engine.pruning import PRUNE, read_prune
from pytrust.policy.engine.pulling import Query, only, read_pull, read_tag
from pytrust.policy.engine.query import canonical_query
from pytrust.policy.engine.secret_mount import read_secrets
from pytrust.policy.engine.securityopt import parse_security_options
from pytrust.policy.engine.shapes import given
from pytrust.policy.profiles.names import CAPABILITIES

PROGRAM_MAX_CHARS: Final = 200  # what the journal keeps of a command: its first word, or the beginning of a long one
_END_OF_PROGRAM: Final = re.compile(r"[\s=]")
"""Some write a whole command as one word, or a variable before it: what follows may be a secret."""
_BAD_REQUEST: Final = 400
_ALL: Final = "ALL"


def normalise(call: Call, model: Model | None) -> Request:
    """The request that a call makes; ``model`` is its body, of the kind that the route has.

    Raises:
        Malformed: a name, a reference or another value has no meaning.
    """
    query = canonical_query(call)
    match call.route.verdict:
        case Verdict.LOOK | Verdict.CHANGE | Verdict.CLOSED:
            return _of_route(call, query)
        case Verdict.PULL:
            return read_pull(call.query)
        case Verdict.TAG:
            return read_tag(call.params["image"], call.query)
        case Verdict.MANAGE | Verdict.START | Verdict.RENAME | Verdict.ATTACH | Verdict.EXEC_USE:
            return _of_one_thing(call, _thing(call, model))
        case Verdict.CREATE | Verdict.UPDATE | Verdict.EXEC:
            return _of_container_body(call, model)
        case Verdict.NETWORK_CREATE | Verdict.NETWORK_CONNECT | Verdict.VOLUME_CREATE:
            return _of_other_body(call, model)
        case _:
            assert_never(call.route.verdict)


def mounted_images(model: models.ContainerCreate) -> Iterator[Image]:
    """The images to be mounted in a new container, in order; raises ``Malformed``."""
    host = given(model.host_config)
    for mount in (given(host.mounts) if host else None) or ():
        if given(mount.type) == "image":
            yield read_image(given(mount.source) or "")


def _of_route(call: Call, query: Query) -> Request:
    what = call.route.what
    if call.route.verdict is Verdict.CLOSED:
        return Closed(what=what, hint=call.route.hint)
    if what == PRUNE:
        return read_prune(only(query, "filters"))
    return Look(what=what) if call.route.verdict is Verdict.LOOK else Change(what=what)


def _thing(call: Call, model: Model | None) -> str:
    """The name of the container that a call is about, or the id of the exec instance."""
    if isinstance(model, models.NetworkDisconnect):
        return container_name(given(model.container) or "")
    return call.params["id"]


def _of_one_thing(call: Call, name: str) -> Request:
    what = call.route.what
    match call.route.verdict:
        case Verdict.START:
            return Start(what=what, container=name, asks=_checkpoint(call))
        case Verdict.RENAME:
            return Rename(container=name, name=new_container_name(only(call.query, "name")))
        case Verdict.ATTACH:
            return Attach(what=what, container=name)
        case Verdict.EXEC_USE:
            return ExecUse(what=what, exec_id=name)
        case _:
            return Manage(what=what, container=name)


def _of_container_body(call: Call, model: Model | None) -> Request:
    match model:
        case models.ContainerCreate():
            return _create(call, model)
        case models.ContainerUpdate():
            return Update(container=call.params["id"], asks=asks.update_asks(model))
        case models.ExecCreate():
            return Exec(container=call.params["id"], program=_program(model), asks=asks.exec_asks(model))
        case _:
            raise _without_body(call)


def _program(model: models.ExecCreate) -> str:
    word, *_ = given(model.cmd) or ("",)
    return _END_OF_PROGRAM.split(word, maxsplit=1)[0][:PROGRAM_MAX_CHARS]


def _of_other_body(call: Call, model: Model | None) -> Request:
    match model:
        case models.NetworkCreate():
            return NetworkCreate(name=given(model.name) or "", asks=asks.network_asks(model))
        case models.NetworkConnect():
            network, container = call.params["id"], container_name(given(model.container) or "")
            return NetworkConnect(network=network, container=container, asks=asks.connect_asks(network, model))
        case models.VolumeCreate():
            return VolumeCreate(name=volume_name(given(model.name) or ""), asks=asks.volume_asks(model))
        case _:
            raise _without_body(call)


def _create(call: Call, model: models.ContainerCreate) -> Create:
    name = only(call.query, "name")
    return Create(
        image=read_image(given(model.image) or ""),
        name=new_container_name(name) if name else "",
        platform=only(call.query, "platform"),
        mounts=tuple(mounted_images(model)),
        asks=asks.container_asks(model),
        secrets=read_secrets(model),
        seccomp=_seccomp(model),
        drops=_drops(model),
    )


def _seccomp(model: models.ContainerCreate) -> str:
    host = given(model.host_config)
    text = parse_security_options((given(host.security_opt) if host else None) or ()).seccomp
    return understood(text) if text else ""


def _drops(model: models.ContainerCreate) -> tuple[str, ...]:
    """Of capabilities that there are: engines refuse other names."""
    host = given(model.host_config)
    named = {capability(name) for name in (given(host.cap_drop) if host else None) or ()}
    return tuple(sorted(named & {_ALL, *CAPABILITIES}))


def _checkpoint(call: Call) -> tuple[Ask, ...]:
    named = (only(call.query, key) for key in ("checkpoint", "checkpoint-dir"))
    return tuple(Ask(field=Field.CHECKPOINT, value=value) for value in named if value)


def _without_body(call: Call) -> Malformed:
    return Malformed(_BAD_REQUEST, f"{call.route.what} takes a body of another kind")
