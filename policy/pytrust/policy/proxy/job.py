"""What is sent to the engine for a request that may pass. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from pytrust.policy.core.decision import Allow
from pytrust.policy.core.request import Request
from pytrust.policy.engine.call import Call
from pytrust.policy.engine.emit import serialise_head
from pytrust.policy.engine.normalise import normalise
from pytrust.policy.engine.rewrite import Outgoing, rewrite
from pytrust.policy.engine.routes import match
from pytrust.policy.engine.wire import RequestHead

_PLANS_MAX: Final = 1024  # of reading, remembered; clients that poll say the same again and again


class Plan(NamedTuple):
    """What reading comes to, whoever asks."""

    request: Request
    data: bytes


class Job(NamedTuple):
    """One allowed request."""

    head: RequestHead
    call: Call
    request: Request
    allow: Allow
    outgoing: Outgoing
    version: str
    policy: str

    def data(self, headers: list[tuple[str, str]]) -> bytes:
        """The bytes for the engine."""
        out = self.outgoing
        kind = [] if out.body is None else [("Content-Type", "application/json")]
        return serialise_head(out.method, out.target, [*headers, *kind], out.body or b"")


@lru_cache(_PLANS_MAX)
def look_plan(method: str, target: str, version: str) -> Plan:
    """The plan of a request that only looks, and has no body; raises ``Malformed``."""
    call = match(method, target)
    assert call is not None
    request = normalise(call, None)
    outgoing = rewrite(call, None, request, Allow(), version)
    return Plan(request, serialise_head(outgoing.method, outgoing.target, [], outgoing.body or b""))
