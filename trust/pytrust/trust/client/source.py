"""Where metadata files come from: one method, three implementations, one bridge to python-tuf.

A file is named as TUF 1.0 publishes it: ``timestamp.json``, ``3.root.json``, ``7.releases.json``. Behind ``notary/`` it
is named as a Notary server does: ``root.json``, ``3.root.json``, ``targets/releases.<sha256>.json``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol
from urllib.parse import quote, unquote

from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import FetcherInterface

from pytrust.trust.collection.model import ROOT, TOP_LEVEL
from pytrust.trust.errors import AccessDenied, BadMetadata, ServerError
from pytrust.trust.formats import tuf
from pytrust.trust.formats.notary.envelope import max_bytes
from pytrust.trust.formats.notary.files import is_delegation
from pytrust.trust.http import Deadline, HttpClient, Response
from pytrust.trust.limits import ROOT_ROTATIONS_MAX
from pytrust.trust.names import CollectionName, Format, RoleName

if TYPE_CHECKING:
    from pytrust.trust.registry.session import Session
    from pytrust.trust.store.interface import Reader

NOTARY: Final = "notary/"
_FILE = re.compile(r"(?:([1-9][0-9]{0,17})\.)?([^/]{1,200})\.json")
_NOTARY_FILE = re.compile(r"notary/(?:([1-9][0-9]{0,17})\.)?([-a-z0-9_/]{1,255})(?:\.([0-9a-f]{64}))?\.json")
_NOT_FOUND = 404
_UNAUTHORIZED = 401


class Source(Protocol):
    """A place that serves metadata files."""

    def fetch(self, name: CollectionName, file: str, deadline: Deadline) -> bytes | None:
        """The bytes of ``file``, or None where there is none; raises ``Unknown`` where that cannot be told."""


class StoreSource:
    """Serves from a store on this machine."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def fetch(self, name: CollectionName, file: str, deadline: Deadline) -> bytes | None:
        """See ``Source``."""
        deadline.remaining(f"metadata of {name}")
        if not file.startswith(NOTARY):
            version, role = parse_file_name(file)
            return self._reader.read(name, role, version)
        wanted = parse_notary_name(file)
        if not wanted.sha256:
            return self._reader.read(name, wanted.role, wanted.version, form=Format.NOTARY)
        kept = self._reader.find(name, wanted.role, wanted.sha256, form=Format.NOTARY)
        return None if kept is None else kept.data


class HttpSource:
    """Serves from ``<url>/tuf/<collection>/<file>`` and ``<url>/v2/<collection>/_trust/tuf/<file>``.

    Args:
        url: of the trust server.
        http: connections to it.
        session: answers a server that asks who we are; None asks as nobody.
    """

    def __init__(self, url: str, http: HttpClient, session: Session | None = None) -> None:
        self._url = url.rstrip("/")
        self._http = http
        self._session = session
        self._guarded = False

    def fetch(self, name: CollectionName, file: str, deadline: Deadline) -> bytes | None:
        """See ``Source``; redirects are answers like any other, that is, not metadata."""
        folder = quote(name, safe="/:")
        if file.startswith(NOTARY):
            limit = max_bytes(parse_notary_name(file).role)
            path = f"/v2/{folder}/_trust/tuf/{file.removeprefix(NOTARY)}"
        else:
            limit = tuf.max_bytes(parse_file_name(file)[1])
            path = f"/tuf/{folder}/{quote(file, safe='')}"
        answer = self._ask(name, path, limit, deadline)
        match answer.status:
            case 200:
                return answer.body
            case 404 | 410:
                return None
            case 401 | 403:
                raise AccessDenied(
                    f"{self._url} does not serve metadata of {name} to us",
                    hint=f"log in (docker login {name.partition('/')[0]}), check the url, or say: format notary-v1",
                )
            case status:
                raise ServerError(f"{self._url} answered {status} for {file} of {name}", hint="try again later")

    def _ask(self, name: CollectionName, path: str, limit: int, deadline: Deadline) -> Response:
        """As nobody, until the server asks who we are; from then on with the login of the image's registry."""
        url = f"{self._url}{path}"
        if not self._guarded or self._session is None:
            answer = self._http.request("GET", url, deadline=deadline, max_bytes=limit)
            if answer.status != _UNAUTHORIZED or self._session is None:
                return answer
            self._guarded = True
        return self._session.ask(name, url, limit, deadline)


class CacheSource:
    """Serves what is cached already: looking up offline is asking oneself."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def fetch(self, name: CollectionName, file: str, deadline: Deadline) -> bytes | None:
        """See ``Source``."""
        deadline.remaining(f"metadata of {name}")
        if not file.startswith(NOTARY):
            version, role = parse_file_name(file)
        else:
            role, version, _ = parse_notary_name(file)
        return self._files.get(f"root_history/{version}.root.json" if role == ROOT else cached_name(role))


class Bridge(FetcherInterface):
    """Gives python-tuf's client the files of one collection, each read strictly before it is handed on."""

    BASE_URL = "collection:/"

    def __init__(self, source: Source, name: CollectionName, deadline: Deadline) -> None:
        self._source = source
        self._name = name
        self._deadline = deadline
        self._roots = 0
        self.expiries: dict[RoleName, datetime] = {}
        """When each file that was handed on expires."""

    def _fetch(self, url: str) -> Iterator[bytes]:
        file = url.removeprefix(self.BASE_URL)
        number, role = parse_file_name(file)
        data = self._source.fetch(self._name, file, self._deadline)
        if data is None:
            raise DownloadHTTPError(f"no {file}", _NOT_FOUND)
        self._count(role)
        self.expiries[role] = tuf.check(self._name, role, data)
        if role == ROOT and tuf.read_root(self._name, data).version != number:
            raise BadMetadata(f"{file} of {self._name} is another version of the root")
        return iter((data,))

    def _count(self, role: RoleName) -> None:
        """python-tuf stops walking roots at its limit and goes on with an old one; we say so instead."""
        self._roots += role == ROOT
        if self._roots >= ROOT_ROTATIONS_MAX:
            raise rotated_too_often(self._name)


def rotated_too_often(name: CollectionName) -> BadMetadata:
    """The error for a chain of more roots than are followed."""
    return BadMetadata(
        f"{name} rotated its root {ROOT_ROTATIONS_MAX} times or more since this host last looked",
        hint="compare its root key with the owner, then pin the new one",
    )


class NotaryName(NamedTuple):
    """Which Notary file is wanted: a version of the root, the one with this sha256 (hex), or the current one."""

    role: RoleName
    version: int | None
    sha256: str


def parse_notary_name(file: str) -> NotaryName:
    """Split ``notary/targets/releases.<sha256>.json``; raises ``BadMetadata`` for any other shape."""
    match = _NOTARY_FILE.fullmatch(file)
    if match is None or not (match[2] in TOP_LEVEL or is_delegation(match[2])):
        raise BadMetadata(f"{file[:100]!r} is not a metadata file name")
    return NotaryName(RoleName(match[2]), int(match[1]) if match[1] else None, match[3] or "")


def cached_name(role: str) -> str:
    """How the cache names the file of any role but root."""
    return f"{quote(role, safe='')}.json"


def parse_file_name(file: str) -> tuple[int | None, RoleName]:
    """Split ``7.releases.json`` into version and role; raises ``BadMetadata`` for any other shape."""
    match = _FILE.fullmatch(file)
    if match is None:
        raise BadMetadata(f"{file[:100]!r} is not a metadata file name")
    return (int(match[1]) if match[1] else None), RoleName(unquote(match[2]))
