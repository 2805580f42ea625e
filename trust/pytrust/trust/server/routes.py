"""From method and path to what is asked for: one reading of every path, or none. Pure.

Source: Notary v1, ``server/server.go`` and ``server/handlers``; its routes 1 to 13, TUF 1.0 of the same collections
and our own page. Where stock servers guess (a name that contains ``/_trust/``, leading zeros of a version, bytes that
are not UTF-8), there is nothing here.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import ClassVar, Final
from urllib.parse import quote, unquote_to_bytes

from pytrust.trust.limits import NOTARY_ROLE_MAX_BYTES, PATH_MAX_BYTES
from pytrust.trust.server.auth import TOKEN_PATH
from pytrust.trust.server.gun import is_gun

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE"})
_ENCODED: Final = re.compile(rb"(?:[!-$&-~]|%[0-9a-fA-F]{2})+")
_ROLE: Final = rf"(?=[^.]{{1,{NOTARY_ROLE_MAX_BYTES - 1}}}\.)(root|snapshot|timestamp|targets(?:/[-a-z0-9_]+)*)"
_BY_CHECKSUM: Final = re.compile(rf"tuf/{_ROLE}\.([0-9a-f]{{64}})\.json")
_BY_VERSION: Final = re.compile(rf"tuf/([1-9][0-9]{{0,17}})\.{_ROLE}\.json")
_CURRENT: Final = re.compile(rf"tuf/{_ROLE}\.json")
_KEY: Final = re.compile(r"tuf/(snapshot|timestamp)\.key")


@dataclass(frozen=True, slots=True)
class _Route:
    operation: ClassVar[str]
    """What the metrics call it: notary-server's word where it has one."""


@dataclass(frozen=True, slots=True)
class Ping(_Route):
    """Clients learn from its challenge how to log in."""

    operation = "Ping"


@dataclass(frozen=True, slots=True)
class Publish(_Route):
    """New files of a collection."""

    operation = "UpdateTUF"
    gun: str


@dataclass(frozen=True, slots=True)
class ByChecksum(_Route):
    """One file, by its content."""

    operation = "GetRoleByHash"
    gun: str
    role: str
    sha256: str


@dataclass(frozen=True, slots=True)
class ByVersion(_Route):
    """One file, by its version."""

    operation = "GetRoleByVersion"
    gun: str
    role: str
    version: int


@dataclass(frozen=True, slots=True)
class Current(_Route):
    """The newest file of a role."""

    operation = "GetRole"
    gun: str
    role: str


@dataclass(frozen=True, slots=True)
class GetKey(_Route):
    """The public key that the server holds for a role."""

    operation = "GetKey"
    gun: str
    role: str


@dataclass(frozen=True, slots=True)
class RotateKey(_Route):
    """Another key for a role."""

    operation = "RotateKey"
    gun: str
    role: str


@dataclass(frozen=True, slots=True)
class Delete(_Route):
    """The end of a collection."""

    operation = "DeleteTUF"
    gun: str


@dataclass(frozen=True, slots=True)
class Feed(_Route):
    """What changed, in one collection or (None) in all."""

    operation = "Changefeed"
    gun: str | None


@dataclass(frozen=True, slots=True)
class TufFile(_Route):
    """A TUF 1.0 file."""

    operation = "GetTUF1"
    name: str
    file: str


@dataclass(frozen=True, slots=True)
class Token(_Route):
    """A token for a password."""

    operation = "Token"


@dataclass(frozen=True, slots=True)
class Health(_Route):
    """Whether the server is well."""

    operation = "Health"


@dataclass(frozen=True, slots=True)
class Metrics(_Route):
    """Counters, for Prometheus."""

    operation = "Metrics"


@dataclass(frozen=True, slots=True)
class Page(_Route):
    """The collections, for people."""

    operation = "Page"


@dataclass(frozen=True, slots=True)
class BadName(_Route):
    """A name that no collection here can have; ``publish`` is whether something was to be published there."""

    operation = "Other"
    publish: bool


@dataclass(frozen=True, slots=True)
class Moved(_Route):
    """The same without double slashes and dots; ``location`` is percent-encoded."""

    operation = "Other"
    location: str


@dataclass(frozen=True, slots=True)
class Nowhere(_Route):
    """Nothing is there."""

    operation = "Other"


@dataclass(frozen=True, slots=True)
class NoSuchMethod(_Route):
    """A verb that is never answered."""

    operation = "Other"


Read = Current | ByChecksum | ByVersion | TufFile | Feed | Health | Page
Write = Publish | GetKey | RotateKey | Delete
Simple = Ping | Metrics | BadName | Moved | Nowhere | NoSuchMethod
Route = Read | Write | Token | Simple
NOWHERE: Final = Nowhere()
OPERATIONS: Final = (
    *("UpdateTUF", "GetRole", "GetRoleByHash", "GetRoleByVersion", "GetKey", "RotateKey", "DeleteTUF", "Changefeed"),
    *("GetTUF1", "Token", "Ping", "Health", "Metrics", "Page", "Other"),
)
_FIXED: Final[dict[tuple[str, str], Route]] = {
    ("GET", "/v2/"): Ping(),
    ("GET", "/v2/_trust/changefeed"): Feed(None),
    ("GET", TOKEN_PATH): Token(),
    ("POST", TOKEN_PATH): Token(),
    ("GET", "/_notary_server/health"): Health(),
    ("GET", "/metrics"): Metrics(),
    ("GET", "/"): Page(),
    ("HEAD", "/"): Page(),
}


def match(method: str, raw_path: bytes) -> Route:
    """What a request is for; ``raw_path`` is the path as it came, without the query."""
    if method not in _METHODS:
        return NoSuchMethod()
    path = _decode(raw_path)
    if path is None:
        return NOWHERE
    if (cleaned := _clean(path)) != path:
        return Moved(quote(cleaned, safe="/:@!$&'()*+,;=~"))
    return _FIXED.get((method, path)) or _below(method, path)


def _below(method: str, path: str) -> Route:
    if path.startswith("/tuf/") and method in {"GET", "HEAD"}:
        return _tuf_file(path.removeprefix("/tuf/"))
    gun, _, rest = path.removeprefix("/v2/").partition("/_trust/")
    route = _of_collection(method, gun, rest) if path.startswith("/v2/") else NOWHERE
    if isinstance(route, Nowhere) or is_gun(gun):
        return route
    return BadName(publish=isinstance(route, Publish))


def _of_collection(method: str, gun: str, rest: str) -> Route:
    match method:
        case "GET":
            return _read(gun, rest)
        case "POST" if rest == "tuf/":
            return Publish(gun)
        case "POST" if found := _KEY.fullmatch(rest):
            return RotateKey(gun, found[1])
        case "DELETE" if rest == "tuf/":
            return Delete(gun)
    return NOWHERE


def _read(gun: str, rest: str) -> Route:
    if found := _BY_CHECKSUM.fullmatch(rest):
        return ByChecksum(gun, found[1], found[2])
    if found := _CURRENT.fullmatch(rest):
        return Current(gun, found[1])
    if found := _BY_VERSION.fullmatch(rest):
        return ByVersion(gun, found[2], int(found[1]))
    if found := _KEY.fullmatch(rest):
        return GetKey(gun, found[1])
    return Feed(gun) if rest == "changefeed" else NOWHERE


def _tuf_file(rest: str) -> Route:
    name, _, file = rest.rpartition("/")
    return TufFile(name, file) if is_gun(name) and file else NOWHERE


def _decode(raw_path: bytes) -> str | None:
    """The path itself; None for one that is too long, badly encoded, or not UTF-8."""
    if len(raw_path) > PATH_MAX_BYTES or not _ENCODED.fullmatch(raw_path):
        return None
    try:
        path = unquote_to_bytes(raw_path).decode()
    except UnicodeDecodeError:
        return None
    return path if path.startswith("/") else None


def _clean(path: str) -> str:
    """As Go's router cleans it: single slashes, no dots, the last slash stays."""
    cleaned = "/" + posixpath.normpath(path).lstrip("/")
    return f"{cleaned}/" if path.endswith("/") and cleaned != "/" else cleaned
