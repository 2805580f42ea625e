"""The few header lines of a client's request that go on to the engine. Pure."""

from __future__ import annotations

import re
from typing import Final

from pytrust.policy.engine.call import Malformed, Upgrade
from pytrust.policy.engine.wire import RequestHead
from pytrust.policy.proxy.limits import AUTH_MAX_CHARS

_BASE64: Final = re.compile(r"[A-Za-z0-9+/_=-]*")
_BAD_REQUEST: Final = 400
_PATH_SHOWN: Final = 200  # characters of a target; a client may send many


def is_last(head: RequestHead) -> bool:
    """Where an upgrade was asked for and not given, nobody knows how the client's next bytes are meant."""
    return not head.keep_alive or bool(head.upgrade)


def upgrade_headers(upgrade: Upgrade, head: RequestHead) -> list[tuple[str, str]]:
    """Docker's own clients may leave the upgrade out; the engine is always asked for it, so that it answers 101."""
    if upgrade is Upgrade.TCP:
        return [("Connection", "Upgrade"), ("Upgrade", "tcp")]
    if upgrade is Upgrade.WEBSOCKET and head.upgrade:
        words = [(name, value) for name, value in head.headers.items() if name.startswith("sec-websocket-")]
        return [("Connection", "Upgrade"), ("Upgrade", "websocket"), *words]
    return []


def registry_auth(head: RequestHead) -> list[tuple[str, str]]:
    """The client's login for its registry; raises ``Malformed``."""
    value = head.headers.get("x-registry-auth")
    if value is None:
        return []
    if len(value) > AUTH_MAX_CHARS or not _BASE64.fullmatch(value):
        raise Malformed(_BAD_REQUEST, "X-Registry-Auth is not base64url text")
    return [("X-Registry-Auth", value)]


def path_of(target: str) -> str:
    """A target for people: without its query, and not too long."""
    return target.partition("?")[0][:_PATH_SHOWN]
