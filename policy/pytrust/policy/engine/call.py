"""An Engine API call, read strictly: the words shared by the wire parser, the route table and what follows them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import NamedTuple


class Malformed(Exception):
    """The bytes have no single meaning, or are too many; answered with ``status`` and closed, never forwarded."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Verdict(Enum):
    """The class of a route: which request of the core it becomes."""

    LOOK = auto()
    CHANGE = auto()
    MANAGE = auto()
    PULL = auto()
    TAG = auto()
    CREATE = auto()
    START = auto()
    UPDATE = auto()
    RENAME = auto()
    EXEC = auto()
    EXEC_USE = auto()
    ATTACH = auto()
    NETWORK_CREATE = auto()
    NETWORK_CONNECT = auto()
    VOLUME_CREATE = auto()
    CLOSED = auto()


class Body(Enum):
    """What a route's body is; all but NONE are JSON objects, see ``body``."""

    NONE = auto()
    CONTAINER = auto()
    UPDATE = auto()
    EXEC = auto()
    EXEC_START = auto()
    NETWORK = auto()
    NETWORK_CONNECT = auto()
    NETWORK_DISCONNECT = auto()
    VOLUME = auto()
    CLOSED = auto()  # not read at all


class Upgrade(Enum):
    """How a route leaves HTTP."""

    NEVER = auto()
    TCP = auto()
    WEBSOCKET = auto()


class Route(NamedTuple):
    """One row of the table.

    ``template`` is split at slashes, ``{id}`` and the like stand for one name, ``{image}`` for a reference, slashes
    included. ``query`` are the keys a client may send, ``repeatable`` those it may send twice. ``what`` names the
    operation in messages and in the journal: ``container create``. ``hint`` is for closed routes.
    """

    method: str
    template: tuple[str, ...]
    what: str
    verdict: Verdict
    query: frozenset[str] = frozenset()
    repeatable: frozenset[str] = frozenset()
    body: Body = Body.NONE
    upgrade: Upgrade = Upgrade.NEVER
    hint: str = ""


class Call(NamedTuple):
    """One call: ``version`` is ``1.41``, or empty where the client left it to the engine."""

    route: Route
    version: str
    params: Mapping[str, str]
    query: Mapping[str, tuple[str, ...]]
