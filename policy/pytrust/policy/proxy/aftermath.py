"""What follows when the engine has said yes: the new container is compared with what was allowed, a pulled image gets
its tag, and what was let in is remembered.

A container counts only once it is in the list of admissions. Until then whoever wants to start it waits; killed before
that, the proxy leaves a container that cannot be started: nothing has to be undone.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Final, NamedTuple, TypeVar

import msgspec

from pytrust.policy.admissions import Admissions
from pytrust.policy.core.decision import Allow, Pin
from pytrust.policy.core.facts import Admission, Delivery
from pytrust.policy.engine.compare import differences
from pytrust.policy.engine.emit import serialise_head
from pytrust.policy.engine.models import ContainerCreate
from pytrust.policy.execs import Execs
from pytrust.policy.probation import Probation
from pytrust.policy.proxy.answers import EngineFailed, Reply
from pytrust.policy.proxy.delivering import Delivering
from pytrust.policy.proxy.judge import Judge
from pytrust.policy.proxy.upstream import Engines
from pytrust.trust.errors import PytrustError

_CREATED: Final = 201
_OK: Final = 200
_NOT_FOUND: Final = 404

T = TypeVar("T")


class _Made(msgspec.Struct):
    """What the engine answers to a creation."""

    id: str = msgspec.field(name="Id")


class Memory(NamedTuple):
    """What was let in."""

    admissions: Admissions
    probation: Probation
    execs: Execs


class Aftermath:
    """The work after an allowed request of one of four kinds."""

    def __init__(self, engines: Engines, judge: Judge, memory: Memory, delivering: Delivering) -> None:
        self._engines, self._judge, self._delivering = engines, judge, delivering
        self._admissions, self._probation, self._execs = memory

    def created(self, reply: Reply, allow: Allow, sent: ContainerCreate, policy: str) -> Reply:
        """Have a new container compared with what was sent, and then admitted or removed."""
        if reply.status != _CREATED:
            self._undeliver(allow.delivery)
            return reply
        container, told = _made(reply.body), Reply(reply.status, _with_warnings(reply.body, allow))
        if allow.overruled:
            return told
        pin = allow.pins[0]
        admission = Admission(
            ref=pin.ref, image_id=pin.image_id, policy=policy, delivery=allow.delivery, profile=allow.profile
        )
        self._probation.begin(container, self._check(container, sent, admission))
        return told

    def exec_made(self, reply: Reply, container: str) -> Reply:
        """Remember an exec instance."""
        if reply.status == _CREATED:
            self._execs.add(_made(reply.body), container)
        return reply

    def removed(self, reply: Reply, container: str) -> Reply:
        """Forget a container that is no more."""
        if reply.status in {204, _NOT_FOUND}:
            admission = self._admissions.find(container)
            self._undeliver(admission.delivery if admission else None)
            self._admissions.forget(container)
        return reply

    async def tidy(self) -> None:
        """Forget the containers that were removed while nobody looked; raises ``EngineFailed``."""
        answer, body = await self._engines.ask(serialise_head("GET", "/containers/json?all=1", [], b""))
        if answer.status == _OK:
            self._admissions.retain(item.id for item in _decoded(body, list[_Made]))

    async def tag(self, pin: Pin, version: str, *, erred: bool) -> bytes:
        """Give a pulled image its tag, so that ``docker images`` shows it; gives the last lines of the stream."""
        ref = pin.ref
        if erred or ref.tag is None or ref.digest is None:
            return b""
        source = f"{ref.collection}@{ref.digest}"
        target = f"/v{version}/images/{source}/tag?repo={ref.collection}&tag={ref.tag}"
        try:
            answer, body = await self._engines.ask(serialise_head("POST", target, [], b""))
        except EngineFailed as error:
            return _error_line(f"pytrust: {source} has no tag yet: {error}")
        if answer.status != _CREATED:
            return _error_line(f"pytrust: {source} has no tag yet: {_said(body)}")
        return _line({"status": f"pytrust: {ref.collection}:{ref.tag} is {ref.digest}"})

    async def over(self) -> None:
        """Wait for the comparisons that run."""
        await self._probation.over()

    async def _check(self, container: str, sent: ContainerCreate, admission: Admission) -> None:
        try:
            if wrong := await self._compare(container, sent, admission.image_id):
                self._undeliver(admission.delivery)
                await self._remove(container, wrong)
                return
            self._admissions.admit(container, admission)
            if admission.delivery:
                self._delivering.settled(admission.delivery)
        except (EngineFailed, PytrustError) as error:
            self._undeliver(admission.delivery)
            with suppress(PytrustError):
                self._judge.note("container-not-admitted", f"{container[:12]}: {error}")

    def _undeliver(self, delivery: Delivery | None) -> None:
        if delivery:
            self._delivering.discard(delivery)

    async def _compare(self, container: str, sent: ContainerCreate, image_id: str) -> tuple[str, ...]:
        request = serialise_head("GET", f"/containers/{container}/json", [], b"")
        answer, data = await self._engines.ask(request)
        if answer.status != _OK:
            return (f"the engine does not show it: {answer.status}",)
        return differences(sent, data, image_id)

    async def _remove(self, container: str, wrong: tuple[str, ...]) -> None:
        text = f"the engine made {container[:12]} otherwise than was allowed: {'; '.join(wrong)}"
        request = serialise_head("DELETE", f"/containers/{container}?force=1&v=1", [], b"")
        await self._engines.ask(request)
        self._judge.note("container-removed", text)


def _made(body: bytes) -> str:
    """The id in an answer of 201; raises ``EngineFailed``."""
    return _decoded(body, _Made).id


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise EngineFailed("its answer is not what an engine says") from error


def _with_warnings(body: bytes, allow: Allow) -> bytes:
    """Tell the client what learning mode passed over, and what a rule only warns of; docker prints it."""
    told = [
        *(f"pytrust would refuse: {item.text}" for item in allow.overruled),
        *(f"pytrust: {item.text}" for item in allow.warnings),
    ]
    if not told:
        return body
    answer = json.loads(body)
    answer["Warnings"] = [*(answer.get("Warnings") or []), *told]
    return json.dumps(answer).encode()


def _said(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])[:300]
    except (ValueError, LookupError, TypeError):
        return "no reason given"


def _line(value: object) -> bytes:
    return json.dumps(value).encode() + b"\r\n"


def _error_line(text: str) -> bytes:
    return _line({"errorDetail": {"message": text}, "error": text})
