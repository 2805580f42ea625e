"""A request in one phrase, for the journal's readers and for messages: ``container create foo/web:v2``. Pure."""

from __future__ import annotations

from typing import assert_never

from pytrust.policy.core.request import (
    Attach,
    Change,
    Closed,
    Create,
    Exec,
    ExecUse,
    Held,
    Image,
    Look,
    Manage,
    Named,
    NetworkConnect,
    NetworkCreate,
    Pull,
    Rename,
    Request,
    Start,
    TagImage,
    Unrecognised,
    Update,
    VolumeCreate,
)


def describe(request: Request) -> str:  # noqa: C901, PLR0911, PLR0912 - one line for each member of the union
    """What is asked for. It holds what a client wrote, so it can hold control characters."""
    match request:
        case Look(what=what) | Change(what=what) | Closed(what=what):
            return what
        case Manage(what=what, container=name) | Start(what=what, container=name) | Attach(what=what, container=name):
            return f"{_with('container', what)} {name}"
        case Pull(ref=ref, every_tag=every_tag):
            return f"image pull {ref.collection} (every tag)" if every_tag else f"image pull {ref}"
        case TagImage(source=source, target=target):
            return f"image tag {source} as {target}"
        case Create(image=image, name=name):
            return f"container create {image_text(image)}{_as(name)}"
        case Update(container=container):
            return f"container update {container}"
        case Rename(container=container, name=name):
            return f"container rename {container}{_as(name)}"
        case Exec(container=container, program=program):
            return f"container exec {container}{f': {program}' if program else ''}"
        case ExecUse(what=what, exec_id=exec_id):
            return f"{_with('exec', what)} {exec_id}"
        case NetworkCreate(name=name):
            return f"network create {name}"
        case NetworkConnect(network=network, container=container):
            return f"network connect {container} to {network}"
        case VolumeCreate(name=name):
            return f"volume create {name}".rstrip()
        case Unrecognised(method=method, path=path):
            return f"{method} {path}"
        case _:
            assert_never(request)


def image_text(image: Image) -> str:
    """An image as it was asked for."""
    match image:
        case Named(ref=ref):
            return str(ref)
        case Held(text=text):
            return text
        case _:
            assert_never(image)


def _with(thing: str, what: str) -> str:
    return what if " " in what else f"{thing} {what}"


def _as(name: str) -> str:
    return f" as {name}" if name else ""
