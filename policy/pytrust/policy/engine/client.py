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
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

from pytrust.policy.engine.address import EngineAddress, TlsFiles
from pytrust.trust.errors import (
    AccessDenied,
    BadContent,
    DigestMismatch,
    InvalidName,
    NotFound,
    PytrustError,
    Refused,
    ServerError,
    TooSlow,
    Unreachable,
    UsageError,
)
from pytrust.trust.limits import CHUNK_BYTES, CONNECT_TIMEOUT, ERROR_BODY_MAX_BYTES
from pytrust.trust.names import Digest, ImageRef

ANSWER_MAX_BYTES: Final = 4 * 1024 * 1024  # the description of one image; honest ones are below 100 KiB
LINE_MAX_BYTES: Final = 64 * 1024  # one progress line; honest ones are below 1 KiB
ANSWER_TIMEOUT: Final = 30.0  # seconds without a byte, where the engine only looks something up
IDLE_TIMEOUT: Final = 60.0  # seconds between two progress lines; the engine reports several times a second
_MESSAGE_MAX_CHARS: Final = 500

_OK: Final = 200
_ERRORS_FROM: Final = 400
_SERVER_ERRORS_FROM: Final = 500
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]*(?:/[A-Za-z0-9][A-Za-z0-9._:@-]*)*")
_NO_AUTH = base64.urlsafe_b64encode(b"{}").decode()  # engines before 23.0 refuse a push without the header
_DENIED = ("unauthorized", "access denied", "resource is denied", "authentication required", "no basic auth")
_ABSENT = ("manifest unknown", "not found", "no such image", "does not exist")

Progress = Callable[[str], None]
"""Takes one line of progress: printable, without a line end."""


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
            with self._call("GET", f"/images/{_in_path(name)}/json") as answer:
                return self._image(self._read(answer))
        except NotFound:
            return None

    def tag(self, source: str, ref: ImageRef) -> None:
        """Give the image ``source`` (a name or id) the name and tag of ``ref``; a digest in ``ref`` does not count."""
        query = {"repo": str(ref.collection), "tag": _tag(ref)}
        with self._call("POST", f"/images/{_in_path(source)}/tag", query) as answer:
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
                _report(line, on_progress)

    def push(self, ref: ImageRef, auth: str | None, on_progress: Progress) -> Digest | None:
        """Make the engine push the tag of ``ref``; gives the digest the engine says it pushed, if it says one."""
        digest = None
        path = f"/images/{_in_path(str(ref.collection))}/push"
        with self._call("POST", path, {"tag": _tag(ref)}, auth=auth or _NO_AUTH, idle=IDLE_TIMEOUT) as answer:
            for line in self._lines(answer):
                _report(line, on_progress)
                digest = _pushed(line) or digest
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
                wrong = _message(answer.read(ERROR_BODY_MAX_BYTES)) if answer.status >= _ERRORS_FROM else ""
            if wrong:
                raise _failure(answer.status, wrong)
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
            raise Unreachable(f"{self.address}: {_reason(error)}", hint="try: docker info") from error

    def _connect(self, idle: float) -> http.client.HTTPConnection:
        try:
            return _connection(self.address, idle)
        except PermissionError as error:
            hint = "join the group docker (sudo usermod -aG docker $USER, then log in again), or be root"
            raise AccessDenied(f"no permission to talk to the engine at {self.address}", hint=hint) from error
        except OSError as error:
            hint = f"is the engine running? docker -H {self.address} info"
            raise Unreachable(f"no engine answers at {self.address}: {_reason(error)}", hint=hint) from error

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
                    id=id_, repo_digests=_strings(more.get("RepoDigests")), repo_tags=_strings(more.get("RepoTags"))
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


def _connection(address: EngineAddress, idle: float) -> http.client.HTTPConnection:
    """A connection that is open already: what goes wrong here happened before anything was sent."""
    wire = _socket(address)
    try:
        if address.tls is not None:
            wire = _tls_context(address.tls).wrap_socket(wire, server_hostname=address.host)
        wire.settimeout(idle)
    except BaseException:
        wire.close()
        raise
    connection = http.client.HTTPConnection(address.host or "docker", address.port or None)
    connection.sock = wire
    return connection


def _socket(address: EngineAddress) -> socket.socket:
    if address.socket is None:
        return socket.create_connection((address.host, address.port), timeout=CONNECT_TIMEOUT)
    wire = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    wire.settimeout(CONNECT_TIMEOUT)
    try:
        wire.connect(str(address.socket))
    except BaseException:
        wire.close()
        raise
    return wire


def _tls_context(files: TlsFiles) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=files.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if files.cert is not None and files.key is not None:
            context.load_cert_chain(files.cert, files.key)
    except OSError as error:
        hint = "DOCKER_CERT_PATH holds ca.pem, cert.pem and key.pem"
        raise UsageError(f"TLS files in {files.ca.parent}: {_reason(error)}", hint=hint) from error
    return context


def _in_path(name: str) -> str:
    """A name that stays one name in a URL path: no empty, ``.`` or ``..`` part leads to another route."""
    if not _NAME.fullmatch(name):
        raise InvalidName(f"{name[:300]!r} is not the name or id of an image")
    return quote(name, safe="/:@")


def _tag(ref: ImageRef) -> str:
    if ref.tag is None:
        raise UsageError(f"{ref} has no tag", hint="write NAME:TAG")
    return ref.tag


def _strings(value: object) -> tuple[str, ...]:
    """Engines write ``null`` for an empty list."""
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _report(line: dict[str, Any], on_progress: Progress) -> None:
    if (error := line.get("error")) is not None:
        detail = line.get("errorDetail")
        code = detail.get("code") if isinstance(detail, dict) else None
        raise _failure(code if isinstance(code, int) else _SERVER_ERRORS_FROM, _one_line(str(error)))
    parts = [line.get("status"), line.get("progress"), line.get("stream")]
    text = _one_line(" ".join(part for part in parts if isinstance(part, str)))
    layer = line.get("id")
    if text:
        on_progress(f"{_one_line(layer)}: {text}" if isinstance(layer, str) and layer else text)


def _pushed(line: dict[str, Any]) -> Digest | None:
    match line:
        case {"aux": {"Digest": str(digest)}}:
            with suppress(InvalidName):  # another algorithm than sha256: as good as none
                return Digest.parse(digest)
    return None


def _message(body: bytes) -> str:
    """The engine's own words; proxies in front of it may answer in plain text."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    text = value.get("message") if isinstance(value, dict) else None
    return _one_line(text if isinstance(text, str) else body.decode("utf-8", "replace")) or "no reason given"


def _failure(status: int, message: str) -> PytrustError:
    """By the words first: registries' refusals reach us as 500, or as a line without a code."""
    words = message.lower()
    said = f"the engine says: {message}"
    if "verification failed for digest" in words:
        return DigestMismatch(said)
    if status in {401, 403} or any(word in words for word in _DENIED):
        return AccessDenied(said, hint="" if status == 403 else "try: docker login REGISTRY")  # noqa: PLR2004
    if status == 404 or any(word in words for word in _ABSENT):  # noqa: PLR2004
        return NotFound(said)
    return ServerError(said) if status >= _SERVER_ERRORS_FROM else Refused(said)


def _one_line(text: str) -> str:
    """What others wrote, safe to print: no line ends, no terminal sequences."""
    words = "".join(mark if mark.isprintable() else " " for mark in text[: 4 * _MESSAGE_MAX_CHARS]).split()
    return " ".join(words)[:_MESSAGE_MAX_CHARS]


def _reason(error: Exception) -> str:
    if isinstance(error, http.client.HTTPException):
        return "the answer breaks off" if isinstance(error, http.client.IncompleteRead) else "the answer is not HTTP"
    if isinstance(error, ssl.SSLError):
        return _one_line(f"TLS: {getattr(error, 'verify_message', '') or error.reason or error}").lower()
    return _one_line(getattr(error, "strerror", "") or str(error)).lower() or type(error).__name__
