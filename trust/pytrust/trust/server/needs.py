"""What a request needs, in the words of Docker's token specification. Pure.

Source: Notary v1, ``server/server.go``. Files of TUF 1.0 are read as Notary's are; our page names every collection,
as the global changefeed does.
"""

from __future__ import annotations

from typing import assert_never

from pytrust.trust.server.auth import CATALOG, PING, Access
from pytrust.trust.server.routes import (
    BadName,
    ByChecksum,
    ByVersion,
    Current,
    Delete,
    Feed,
    GetKey,
    Health,
    Metrics,
    Moved,
    NoSuchMethod,
    Nowhere,
    Page,
    Ping,
    Publish,
    RotateKey,
    Route,
    Token,
    TufFile,
)


def access_of(route: Route) -> Access | None:
    """What a caller must be allowed to; None where nobody is asked."""
    match route:
        case ByChecksum(gun) | ByVersion(gun) | Current(gun) | TufFile(gun) | Feed(str(gun)):
            return Access("repository", gun, ("pull",))
        case Publish(gun) | GetKey(gun):
            return Access("repository", gun, ("push", "pull"))
        case RotateKey(gun) | Delete(gun):
            return Access("repository", gun, ("*",))
        case Ping():
            return PING
        case Feed() | Page() | Nowhere():
            return CATALOG
        case Token() | Health() | Metrics() | BadName() | Moved() | NoSuchMethod():
            return None
    assert_never(route)
