"""Messages between the agent and its clients. Pure.

A message is a length (4 bytes, big-endian) and so many bytes of MessagePack, in the one spelling that ``msgspec``
writes: anything else is refused, so that no message has two readings. Each request has one answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, assert_never

import msgspec

from pytrust.trust.errors import BadMetadata, PytrustError, Unsound, UsageError
from pytrust.trust.limits import AGENT_ANSWER_MAX_BYTES, AGENT_REQUEST_MAX_BYTES
from pytrust.trust.names import parse_collection
from pytrust.trust.vault.callers import Caller, ImageCaller, Owner, Peer, ServiceCaller
from pytrust.trust.vault.names import parse_secret_name
from pytrust.trust.vault.operations import Answer, Audit, Failure, List, Operation, PutMany

LENGTH_BYTES: Final = 4
_MASTER_BYTES: Final = 32
_TEXT_MAX_CHARS: Final = 4096  # of an error

_Id = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]
_Text = Annotated[str, msgspec.Meta(max_length=512)]


class AsOwner(msgspec.Struct, frozen=True, tag=True):
    """See ``callers.Owner``; so the next three."""

    who: _Text


class AsPeer(msgspec.Struct, frozen=True, tag=True):
    """``gids`` are sorted."""

    uid: _Id
    gids: Annotated[tuple[_Id, ...], msgspec.Meta(max_length=65536)]


class AsImage(msgspec.Struct, frozen=True, tag=True):
    """A container's image."""

    image: _Text


class AsService(msgspec.Struct, frozen=True, tag=True):
    """A service of the swarm."""

    service: _Text


As = AsOwner | AsPeer | AsImage | AsService


class Ask(msgspec.Struct, frozen=True, tag=True):
    """Carry out an operation, for ``caller`` where the owner asks on behalf of somebody. Answer: the operation's."""

    operation: Operation
    caller: As | None = None


class Unlock(msgspec.Struct, frozen=True, tag=True):
    """Open the vault with its master key. Answer: ``Standing``.

    Attributes:
        master: the key.
        idle: seconds without use after which it is closed; 0: never; None: as before.
    """

    master: Annotated[bytes, msgspec.Meta(min_length=_MASTER_BYTES, max_length=_MASTER_BYTES)]
    idle: Annotated[int, msgspec.Meta(ge=0, lt=2**31)] | None = None

    def __repr__(self) -> str:
        return "Unlock()"


class Lock(msgspec.Struct, frozen=True, tag=True):
    """Close the vault, and forget its key. Answer: ``Standing``."""


class Status(msgspec.Struct, frozen=True, tag=True):
    """How things are. Answer: ``Standing``."""


Request = Ask | Unlock | Lock | Status


class Standing(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """The agent, and the vault in its hands. Whoever is not the owner is told of ``open`` alone.

    Attributes:
        open: whether it is.
        lost: it was, until it got new keys that the agent does not have yet.
        store: the vault's id; empty where it is closed; so the next two.
        generation: how far the vault has come.
        since: since when it is open, seconds since 1970.
        idle: see ``Unlock``; 0: never.
        pid: of the agent.
        started: when it was, seconds since 1970.
        shared: whether other users may come.
        once: whether it ends when the vault is locked.
    """

    open: bool
    lost: bool = False
    store: str = ""
    generation: int = 0
    since: int = 0
    idle: int = 0
    pid: int = 0
    started: int = 0
    shared: bool = False
    once: bool = False


Reply = Answer | Standing

_requests: Final = msgspec.msgpack.Decoder(Request)
_replies: Final = msgspec.msgpack.Decoder(Reply)


def encode_request(request: Request) -> bytes:
    """A request with its length; raises ``UsageError`` for one that is too long."""
    body = msgspec.msgpack.encode(request)
    if len(body) > AGENT_REQUEST_MAX_BYTES:
        raise UsageError(f"that is more than {AGENT_REQUEST_MAX_BYTES} bytes in one step", hint="do it in several")
    return _framed(body)


def encode_reply(reply: Reply) -> bytes:
    """An answer with its length; one that is too long becomes an error."""
    body = msgspec.msgpack.encode(reply)
    if len(body) > AGENT_ANSWER_MAX_BYTES:
        failure = Failure(code=UsageError.code, text="the answer is too long", hint="ask for fewer secrets at once")
        body = msgspec.msgpack.encode(failure)
    return _framed(body)


def decode_request(body: bytes) -> Request:
    """Read a request.

    Raises:
        BadMetadata: it is none.
        InvalidName: it names what is no secret.
    """
    try:
        request = _requests.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadMetadata(f"that is no request to the agent: {str(error)[:200]}") from error
    if msgspec.msgpack.encode(request) != body:
        raise BadMetadata("that is no request to the agent: it is not in its one spelling")
    if isinstance(request, Ask):
        for name in _names(request.operation):
            parse_secret_name(name)
    return request


def decode_reply(body: bytes) -> Reply:
    """Read an answer; raises ``BadMetadata`` for what is none."""
    try:
        return _replies.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadMetadata("the agent's answer cannot be understood", hint="is it of another version?") from error


def spoken(caller: Caller | None) -> As | None:
    """A caller on its way to the agent."""
    match caller:
        case None:
            return None
        case Owner(who=who):
            return AsOwner(who)
        case Peer(uid=uid, gids=gids):
            return AsPeer(uid, tuple(sorted(gids)))
        case ImageCaller(image=image):
            return AsImage(image)
        case ServiceCaller(service=service):
            return AsService(service)
        case _:
            assert_never(caller)


def meant(said: As) -> Caller:
    """The caller again; raises ``InvalidName`` for an image that is none."""
    match said:
        case AsOwner(who=who):
            return Owner(who)
        case AsPeer(uid=uid, gids=gids):
            return Peer(uid, frozenset(gids))
        case AsImage(image=image):
            return ImageCaller(parse_collection(image))
        case AsService(service=service):
            return ServiceCaller(service)
        case _:
            assert_never(said)


def failure(error: PytrustError) -> Failure:
    """An error on its way to a client."""
    return Failure(code=error.code, text=str(error)[:_TEXT_MAX_CHARS], hint=error.hint[:_TEXT_MAX_CHARS])


def raised(failed: Failure) -> PytrustError:
    """The error again, as it was raised in the agent; ``Unsound`` where this version does not know its code."""
    found = (kind for code, kind in _by_code(PytrustError) if code == failed.code)
    return next(found, Unsound)(failed.text, hint=failed.hint)


def _by_code(family: type[PytrustError]) -> Iterator[tuple[str, type[PytrustError]]]:
    yield family.code, family
    for member in family.__subclasses__():
        yield from _by_code(member)


def _names(operation: Operation) -> Iterator[str]:
    match operation:
        case PutMany(puts=puts):
            yield from (put.name for put in puts)
        case Audit(name=name):
            yield from () if name is None else (name,)
        case List():
            return
        case _:
            yield operation.name


def _framed(body: bytes) -> bytes:
    return len(body).to_bytes(LENGTH_BYTES, "big") + body
