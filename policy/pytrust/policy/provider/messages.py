"""The words of swarm's secret provider protocol. Pure.

The engine posts who wants which secret: names, labels and ids (swarmkit, ``manager/drivers/secrets.go``; seen with
dockerd 20.10.24). What the vault does not need is not looked at, so that engines may say more. ``DoNotReuse`` in an
answer makes swarm ask anew for every task, so that a rotated value reaches the next.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

import msgspec

from pytrust.policy.provider.limits import CALL_MAX_BYTES, CALL_MAX_DEPTH
from pytrust.trust.canonical import parse_json
from pytrust.trust.errors import BadMetadata, InvalidName, NoSuchSecret, PytrustError

GET: Final = "/SecretProvider.GetSecret"
LABEL: Final = "pytrust.secret"
"""A label of docker's secret: what the vault calls it, where that is not docker's name."""

_TEXT_MAX_CHARS: Final = 200  # of what others wrote, in an error
_WHAT: Final = "the call of dockerd"
_SHAPE: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,126}[A-Za-z0-9])?")

_Name = Annotated[str, msgspec.Meta(pattern=rf"^{_SHAPE.pattern}\Z")]
_Id = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9]{0,64}\Z")]


class Request(msgspec.Struct, frozen=True, rename="pascal"):
    """Which secret is wanted, and for which task of which service."""

    secret_name: _Name
    service_name: _Name
    labels: dict[str, str] | None = msgspec.field(name="SecretLabels", default=None)
    task: _Id = msgspec.field(name="TaskID", default="")
    node: _Id = msgspec.field(name="NodeID", default="")

    @property
    def wanted(self) -> str:
        """What the vault should call it."""
        return (self.labels or {}).get(LABEL, self.secret_name)

    @property
    def purpose(self) -> str:
        """For the vault's audit."""
        return f"service {self.service_name} task {self.task} node {self.node}"


def read_request(body: bytes) -> Request:
    """Read a call; raises ``BadMetadata``."""
    value = parse_json(body, what=_WHAT, max_bytes=CALL_MAX_BYTES, max_depth=CALL_MAX_DEPTH)
    try:
        return msgspec.convert(value, Request)
    except msgspec.ValidationError as error:
        raise BadMetadata(f"{_WHAT} cannot be understood: {str(error)[:_TEXT_MAX_CHARS]}") from error


def explain(request: Request, error: PytrustError) -> str:
    """Why there is no value; whether there is a secret that is not for this service, it does not tell."""
    if isinstance(error, NoSuchSecret | InvalidName):
        name = request.wanted[:_TEXT_MAX_CHARS]
        way = f"pytrust secret put NAME, pytrust secret allow NAME service:{request.service_name}"
        return f"the vault has no secret {name!r} for the service {request.service_name} (hint: {way})"
    return f"{error} (hint: {error.hint})" if error.hint else str(error)


def answer(value: bytes) -> bytes:
    """The answer with a value."""
    return msgspec.json.encode({"Value": value, "Err": "", "DoNotReuse": True})


def refusal(text: str) -> bytes:
    """The answer without one."""
    return msgspec.json.encode({"Err": text, "DoNotReuse": True})
