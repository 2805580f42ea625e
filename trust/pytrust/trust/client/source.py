"""Where metadata files come from: one method, three implementations, one bridge to python-tuf.

A file is named as TUF 1.0 publishes it: ``timestamp.json``, ``3.root.json``, ``7.releases.json``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote, unquote

from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import FetcherInterface

from pytrust.trust.collection.model import ROOT
from pytrust.trust.errors import AccessDenied, BadMetadata, ServerError
from pytrust.trust.formats import tuf
from pytrust.trust.http import Deadline, HttpClient
from pytrust.trust.limits import ROOT_ROTATIONS_MAX
from pytrust.trust.names import CollectionName, RoleName

if TYPE_CHECKING:
    from pytrust.trust.store.interface import Reader

_FILE = re.compile(r"(?:([1-9][0-9]{0,17})\.)?([^/]{1,200})\.json")
_NOT_FOUND = 404


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
        version, role = parse_file_name(file)
        return self._reader.read(name, role, version)


class HttpSource:
    """Serves from ``<url>/tuf/<collection>/<file>``."""

    def __init__(self, url: str, http: HttpClient) -> None:
        self._url = url.rstrip("/")
        self._http = http

    def fetch(self, name: CollectionName, file: str, deadline: Deadline) -> bytes | None:
        """See ``Source``; redirects are answers like any other, that is, not metadata."""
        url = f"{self._url}/tuf/{quote(name, safe='/:')}/{quote(file, safe='')}"
        limit = tuf.max_bytes(parse_file_name(file)[1])
        answer = self._http.request("GET", url, deadline=deadline, max_bytes=limit)
        match answer.status:
            case 200:
                return answer.body
            case 404 | 410:
                return None
            case 401 | 403:
                raise AccessDenied(f"{self._url} does not serve metadata of {name} to us", hint="check the trust url")
            case status:
                raise ServerError(f"{self._url} answered {status} for {file} of {name}", hint="try again later")


class CacheSource:
    """Serves what is cached already: looking up offline is asking oneself."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def fetch(self, name: CollectionName, file: str, deadline: Deadline) -> bytes | None:
        """See ``Source``."""
        deadline.remaining(f"metadata of {name}")
        version, role = parse_file_name(file)
        return self._files.get(f"root_history/{version}.root.json" if role == ROOT else f"{quote(role, safe='')}.json")


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
            raise BadMetadata(
                f"{self._name} rotated its root {ROOT_ROTATIONS_MAX} times or more since this host last looked",
                hint="compare its root key with the owner, then pin the new one",
            )


def parse_file_name(file: str) -> tuple[int | None, RoleName]:
    """Split ``7.releases.json`` into version and role; raises ``BadMetadata`` for any other shape."""
    match = _FILE.fullmatch(file)
    if match is None:
        raise BadMetadata(f"{file[:100]!r} is not a metadata file name")
    return (int(match[1]) if match[1] else None), RoleName(unquote(match[2]))
