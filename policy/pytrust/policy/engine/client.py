"""A small client for the Docker Engine API: pull, push, tag, inspect.

The engine says 200 before it knows how a pull or push ends: what decides is the stream of JSON lines that follows,
where an ``error`` line, or an end in the middle of a chunk, is a failure. Paths carry no API version: the engine then
answers in its own, and nothing used here has changed since API 1.24.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from pytrust.policy.engine.address import EngineAddress
from pytrust.policy.engine.questions import image_in_path
from pytrust.policy.engine.transport import open_connection, reason_of
from pytrust.policy.engine.words import (
    ANSWER_MAX_BYTES,
    Progress,
    engine_message,
    failure,
    pushed_digest,
    report,
    strings,
)
from pytrust.trust.errors import (
    AccessDenied,
    BadContent,
    NotFound,
    TooSlow,
    Unreachable,
    UsageError,
)
from pytrust.trust.limits import CHUNK_BYTES, ERROR_BODY_MAX_BYTES
from pytrust.trust.names import Digest, ImageRef

LINE_MAX_BYTES: Final = 64 * 1024  # one progress line; honest ones are below 1 KiB
ANSWER_TIMEOUT: Final = 30.0  # seconds without a byte, where the engine only looks something up
IDLE_TIMEOUT: Final = 60.0  # seconds between two progress lines; the engine reports several times a second

_OK: Final = 200
_ERRORS_FROM: Final = 400
_NO_AUTH = base64.urlsafe_b64encode(b"{}").decode()  # engines before 23.0 refuse a push without the header


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInfo:
    """One image as the engine holds it.

    ``id`` is the engine's own, ``repo_digests`` read ``foo/web@sha256:...``, ``repo_tags`` ``foo/web:v2``, in docker's
    familiar spelling.
    """

    id: str
    repo_digests: tuple[str, ...]
    repo_tags: tuple[str, ...]


class Engine:
    """One engine; every call is a connection of its own, so threads may share it.

    Every call raises ``Unreachable`` where nobody answers, ``AccessDenied`` where we are not let in, ``TooSlow`` where
    the answer stops coming, ``BadContent`` where it is not an engine's, ``ServerError`` where the engine failed.
    """

    def __init__(self, address: EngineAddress) -> None:
        self.address = address

    def ping(self) -> str:
        """The engine's API version, such as ``1.41``."""
        with self._call("GET", "/_ping") as answer:
            self._read(answer)
            version = answer.headers.get("Api-Version", "")
        if not re.fullmatch(r"[0-9]{1,4}\.[0-9]{1,4}", version):
            raise BadContent(f"{self.address} does not answer like a Docker engine", hint="try: docker info")
        return version

    def inspect(self, name: str) -> ImageInfo | None:
        """What the engine holds under a name or id; ``None`` if nothing."""
        try:
            with self._call("GET", f"/images/{image_in_path(name)}/json") as answer:
                return self._image(self._read(answer))
        except NotFound:
            return None

    def look(self, path: str) -> bytes | None:
        """What the engine answers to a GET of ``path``, at most ``ANSWER_MAX_BYTES``; ``None`` for no such thing."""
        try:
            with self._call("GET", path) as answer:
                return self._read(answer)
        except NotFound:
            return None

    def tag(self, source: str, ref: ImageRef) -> None:
        """Give the image ``source`` (a name or id) the name and tag of ``ref``; a digest in ``ref`` does not count."""
        query = {"repo": str(ref.collection), "tag": _tag(ref)}
        with self._call("POST", f"/images/{image_in_path(source)}/tag", query) as answer:
            self._read(answer)

    def pull(self, ref: ImageRef, auth: str | None, on_progress: Progress) -> None:
        """Make the engine fetch exactly the content ``ref`` names by digest.

        Args:
            ref: with a digest; a tag in it does not count, and none is set.
            auth: the value of ``X-Registry-Auth`` (``pytrust.trust.registry.engine_auth``); ``None`` pulls as anybody.
            on_progress: called for each line.

        Raises:
            UsageError: ``ref`` has no digest.
            NotFound: the registry does not hold it.
            DigestMismatch: the registry served other content.
        """
        if ref.digest is None:
            raise UsageError(f"{ref} has no digest to pull", hint="resolve the tag first")
        query = {"fromImage": str(ref.collection), "tag": str(ref.digest)}
        with self._call("POST", "/images/create", query, auth=auth, idle=IDLE_TIMEOUT) as answer:
            for line in self._lines(answer):
                report(line, on_progress)

    def push(self, ref: ImageRef, auth: str | None, on_progress: Progress) -> Digest | None:
        """Make the engine push the tag of ``ref``; gives the digest the engine says it pushed, if it says one."""
        digest = None
        path = f"/images/{image_in_path(str(ref.collection))}/push"
        with self._call("POST", path, {"tag": _tag(ref)}, auth=auth or _NO_AUTH, idle=IDLE_TIMEOUT) as answer:
            for line in self._lines(answer):
                report(line, on_progress)
                digest = pushed_digest(line) or digest
        return digest

    @contextmanager
    def _call(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        *,
        auth: str | None = None,
        idle: float = ANSWER_TIMEOUT,
    ) -> Iterator[http.client.HTTPResponse]:
        """Send a request without a body and give the answer, unread; an error status is raised as an error of ours."""
        connection = self._connect(idle)
        headers = {} if auth is None else {"X-Registry-Auth": auth}
        try:
            with self._listening():
                connection.request(method, path if query is None else f"{path}?{urlencode(query)}", headers=headers)
                answer = connection.getresponse()
                wrong = engine_message(answer.read(ERROR_BODY_MAX_BYTES)) if answer.status >= _ERRORS_FROM else ""
            if wrong:
                raise failure(answer.status, wrong)
            yield answer
        finally:
            connection.close()

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Around every exchange with the engine, and around nothing else: a caller's errors stay the caller's."""
        try:
            yield
        except TimeoutError as error:
            raise TooSlow(f"{self.address}: the engine stopped answering", hint="try: docker info") from error
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{self.address}: {reason_of(error)}", hint="try: docker info") from error

    def _connect(self, idle: float) -> http.client.HTTPConnection:
        try:
            return open_connection(self.address, idle)
        except PermissionError as error:
            hint = "join the group docker (sudo usermod -aG docker $USER, then log in again), or be root"
            raise AccessDenied(f"no permission to talk to the engine at {self.address}", hint=hint) from error
        except (OSError, UnicodeError) as error:
            hint = f"is the engine running? docker -H {self.address} info"
            raise Unreachable(f"no engine answers at {self.address}: {reason_of(error)}", hint=hint) from error

    def _read(self, answer: http.client.HTTPResponse) -> bytes:
        with self._listening():
            data = answer.read(ANSWER_MAX_BYTES + 1)
        if len(data) > ANSWER_MAX_BYTES:
            raise BadContent(f"{self.address}: the answer is larger than {ANSWER_MAX_BYTES} bytes")
        return data

    def _image(self, data: bytes) -> ImageInfo:
        match self._object(data):
            case {"Id": str(id_), **more}:
                return ImageInfo(
                    id=id_, repo_digests=strings(more.get("RepoDigests")), repo_tags=strings(more.get("RepoTags"))
                )
        raise self._nonsense()

    def _lines(self, answer: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
        """The objects of a progress stream, up to its end or its error."""
        if answer.status != _OK:
            raise self._nonsense()
        rest = b""
        for chunk in self._chunks(answer):
            *lines, rest = (rest + chunk).split(b"\n")
            yield from (self._object(line) for line in lines if line.strip())
            if len(rest) > LINE_MAX_BYTES:
                raise BadContent(f"{self.address}: a progress line is longer than {LINE_MAX_BYTES} bytes")
        if rest.strip():
            yield self._object(rest)

    def _chunks(self, answer: http.client.HTTPResponse) -> Iterator[bytes]:
        """What arrives, up to an end that was meant: ``readline`` takes a lost connection for one."""
        while True:
            with self._listening():
                data = answer.read1(CHUNK_BYTES)
                if not data and answer.length:
                    raise http.client.IncompleteRead(b"", answer.length)
            if not data:
                return
            yield data

    def _object(self, data: bytes) -> dict[str, Any]:
        try:
            value = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise self._nonsense() from error
        if not isinstance(value, dict):
            raise self._nonsense()
        return value

    def _nonsense(self) -> BadContent:
        return BadContent(f"{self.address} does not answer like a Docker engine", hint="try: docker info")


def _tag(ref: ImageRef) -> str:
    if ref.tag is None:
        raise UsageError(f"{ref} has no tag", hint="write NAME:TAG")
    return ref.tag
