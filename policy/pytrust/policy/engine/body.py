"""JSON bodies: bytes to models, so strictly that every engine reads the same, and models to bytes. Pure.

Go's decoder folds case, merges duplicate keys, skips unknown ones and takes lone surrogates; each of these has been
used to show a checker another request than the engine. None of it gets through here.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from pytrust.policy.engine.call import Body, Malformed
from pytrust.policy.engine.models import (
    ContainerCreate,
    ContainerUpdate,
    ExecCreate,
    ExecStart,
    NetworkConnect,
    NetworkCreate,
    NetworkDisconnect,
    VolumeCreate,
)
from pytrust.policy.engine.target import API_MAX
from pytrust.trust.canonical import parse_json
from pytrust.trust.errors import BadMetadata

BODY_MAX_BYTES: Final = 4 * 1024 * 1024  # what dockerd shows to its authorization plugins, and refuses beyond
BODY_MAX_DEPTH: Final = 16  # nesting; deepest honest body: 7
_BAD_REQUEST: Final = 400
_NEWEST: Final = ".".join(map(str, API_MAX))
_REASON_MAX_CHARS: Final = 300

Model = (
    ContainerCreate
    | ContainerUpdate
    | ExecCreate
    | ExecStart
    | NetworkCreate
    | NetworkConnect
    | NetworkDisconnect
    | VolumeCreate
)

_MODELS: Final[dict[Body, type[Model]]] = {
    Body.CONTAINER: ContainerCreate,
    Body.UPDATE: ContainerUpdate,
    Body.EXEC: ExecCreate,
    Body.EXEC_START: ExecStart,
    Body.NETWORK: NetworkCreate,
    Body.NETWORK_CONNECT: NetworkConnect,
    Body.NETWORK_DISCONNECT: NetworkDisconnect,
    Body.VOLUME: VolumeCreate,
}
_MAY_BE_EMPTY: Final = {Body.EXEC_START, Body.VOLUME}
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")  # an even number of backslashes before it belongs to the text


def decode(kind: Body, data: bytes) -> Model | None:
    """Read a body; None where the route has none.

    Raises:
        Malformed: 400, with the JSON path of the fault where it is known.
    """
    if kind not in _MODELS:
        if data:
            raise Malformed(_BAD_REQUEST, "this call takes no body")
        return None
    if not data and kind not in _MAY_BE_EMPTY:
        raise Malformed(_BAD_REQUEST, "the body is missing")
    try:
        return msgspec.convert(_parse(data or b"{}"), _MODELS[kind])
    except BadMetadata as error:
        raise Malformed(_BAD_REQUEST, str(error)) from error
    except msgspec.ValidationError as error:
        reason = str(error)[:_REASON_MAX_CHARS]
        text = f"the body is none of Engine API {_NEWEST}: {reason[0].lower()}{reason[1:]}"
        raise Malformed(_BAD_REQUEST, text) from error


def encode(model: Model) -> bytes:
    """Write a body: every key once, in one spelling; what was absent stays absent, and null stays null."""
    return msgspec.json.encode(model)


def _parse(data: bytes) -> Any:  # noqa: ANN401
    value = parse_json(data, what="the body", max_bytes=BODY_MAX_BYTES, max_depth=BODY_MAX_DEPTH)
    if _NUL.search(data):
        raise BadMetadata("the body has a NUL character in a text")
    return value
