"""A whole TUF repository in this process, honest or hostile: keys, files, history, and a web server that misbehaves.

    web = FakeCollection("registry.example.com/foo/web")
    web.release("v2", digest, length)                  # an honest publish: releases, alice, snapshot, timestamp
    old = web.record()
    web.forge("releases", lambda signed: signed.update(version=9), by=[new_key()])
    web.replay(old)

    repository = FakeRepository(web)                   # a ``Source``, in memory
    with MetadataServer(repository) as server:         # the same over loopback HTTP
        server.fail(Trouble.SLOW_DRIP, "timestamp")

Honest files are made with ``pytrust.trust.formats.tuf``; hostile ones are JSON of any shape, signed by any key.
``forge`` makes all that stands above the forged file fit it again, as a thief of the online keys could.
"""

from __future__ import annotations

import gzip
import json
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, SO_SNDBUF, SOL_SOCKET, socket
from typing import Any, Self

from securesystemslib.formats import encode_canonical
from securesystemslib.signer import CryptoSigner

from pytrust.trust.collection.model import Authority, Delegation, Root, Target, Targets
from pytrust.trust.formats import tuf
from pytrust.trust.http import Deadline
from pytrust.trust.image import Platform
from pytrust.trust.keys.private import generate
from pytrust.trust.keys.signers import Signer, signer_of
from pytrust.trust.names import CollectionName, Digest, RoleName
from pytrust.trust.pins import Pin
from pytrust.trust.store.interface import RoleFile, Store

TOP = ("root", "targets", "snapshot", "timestamp")
ONLINE = ("snapshot", "timestamp")
LIFE = timedelta(days=20)
Change = Callable[[dict[str, Any]], object]


def new_key() -> Signer:
    """A key of nobody in particular."""
    return signer_of(generate("ed25519"))


def label(signer: Signer) -> str:
    """The key id that honest TUF files give this key."""
    assert isinstance(signer.library, CryptoSigner)
    return signer.library.public_key.keyid


def key_entry(signer: Signer) -> dict[str, Any]:
    """The key as it stands in ``keys`` of a root or of delegations."""
    assert isinstance(signer.library, CryptoSigner)
    return signer.library.public_key.to_dict()


def signature(signed: Mapping[str, Any], signer: Signer, key_id: str | None = None) -> dict[str, str]:
    """One entry of ``signatures``, under another key id if one is given."""
    payload = encode_canonical(dict(signed))
    assert payload is not None
    made = signer.library.sign(payload.encode())
    return {"keyid": key_id or made.keyid, "sig": made.signature}


def seal(signed: Mapping[str, Any], by: Iterable[Signer]) -> bytes:
    """A file with ``signed`` as it is, however wrong."""
    return envelope(signed, [signature(signed, signer) for signer in by])


def envelope(signed: Mapping[str, Any], signatures: Sequence[Mapping[str, str]]) -> bytes:
    """A file with any signatures."""
    return json.dumps({"signatures": list(signatures), "signed": signed}, separators=(",", ":")).encode()


def flip_bit(data: bytes, part: bytes = b'"signed":') -> bytes:
    """One bit of the version number changed: still JSON, still of the right shape."""
    at = data.index(b'"version":', data.index(part)) + len(b'"version":')
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@dataclass
class Recorded:
    """All that a collection served at one moment."""

    files: dict[str, bytes]
    current: dict[str, bytes]
    versions: dict[str, int]
    keys: dict[str, list[Signer]]
    released: dict[str, Target]
    vouched: dict[str, dict[str, Target]]


class FakeCollection:
    """The publisher of one collection, who may be anybody.

    Attributes:
        files: what is served, by file name; change it at will.
        current: the newest file of each role.
        keys: private keys by role; ``releases`` is signed with those of ``people``.
    """

    def __init__(
        self,
        name: str,
        *,
        people: Sequence[str] = ("alice",),
        threshold: int = 1,
        keys: Mapping[str, Sequence[Signer]] | None = None,
    ) -> None:
        self.name = CollectionName(name)
        self.people = tuple(people)
        self.threshold = threshold
        given = keys or {}
        self.keys: dict[str, list[Signer]] = {role: list(given.get(role, [new_key()])) for role in (*TOP, *people)}
        self.files: dict[str, bytes] = {}
        self.current: dict[str, bytes] = {}
        self.versions: dict[str, int] = {}
        self.released: dict[str, Target] = {}
        self.vouched: dict[str, dict[str, Target]] = {person: {} for person in people}
        for role in ("root", "targets", "releases", *people):
            self.make(role)
        self.settle()

    @property
    def pin(self) -> Pin:
        """What a client that trusts this publisher pins."""
        return Pin("**", frozenset(key.public.id for key in self.keys["root"]), len(self.keys["root"]))

    # -- honest -----------------------------------------------------------------------------------------------------

    def release(self, tag: str, digest: str, length: int, platforms: Sequence[tuple[str, int]] = ()) -> None:
        """Release a tag, vouched for by everybody; ``platforms`` are digests and sizes of an index's children."""
        children = tuple(
            Platform("linux", f"arch{number}", None, Digest.parse(child), size)
            for number, (child, size) in enumerate(platforms)
        )
        target = Target(tag, Digest.parse(digest), length, signed_at="2026-11-23T12:00:00Z")
        self.released[tag] = Target(tag, target.digest, length, platforms=children, signed_at=target.signed_at)
        for person in self.people:
            self.vouched[person][tag] = target
        self.publish("releases", *self.people)

    def publish(self, *roles: str) -> None:
        """Say again what is to be said, under the next version, and make snapshot and timestamp."""
        for role in roles:
            self.make(role)
        self.settle()

    def make(self, role: str, *, version: int | None = None, expires: datetime | None = None) -> bytes:
        """Write, sign and serve the next file of an offline role; snapshot and timestamp stay as they are."""
        number = version or self.versions.get(role, 0) + 1
        until = expires or _soon()
        name, typed = self.name, RoleName(role)
        if role == "root":
            unsigned = tuf.write_root(name, Root(number, until, self._top()))
        else:
            delegations = self._delegations() if role == "targets" else ()
            unsigned = tuf.write_targets(name, typed, Targets(number, until, self._says(role), delegations))
        return self.put(role, tuf.sign(name, typed, unsigned, self.signers(role)))

    def settle(self, *, snapshot_expires: datetime | None = None, timestamp_expires: datetime | None = None) -> None:
        """Make a snapshot and a timestamp over what is current."""
        until = snapshot_expires or _soon()
        listed = {
            RoleName(role): (self.versions[role], data)
            for role, data in self.current.items()
            if role not in {"root", *ONLINE}
        }
        number = self.versions.get("snapshot", 0) + 1
        unsigned = tuf.write_snapshot(self.name, number, until, listed)
        self.put("snapshot", tuf.sign(self.name, RoleName("snapshot"), unsigned, self.keys["snapshot"]))
        self.stamp(timestamp_expires)

    def stamp(self, expires: datetime | None = None) -> None:
        """Make a timestamp over the current snapshot."""
        number = self.versions.get("timestamp", 0) + 1
        snapshot = self.current["snapshot"]
        unsigned = tuf.write_timestamp(self.name, number, expires or _soon(), self.versions["snapshot"], snapshot)
        self.put("timestamp", tuf.sign(self.name, RoleName("timestamp"), unsigned, self.keys["timestamp"]))

    def rotate(self, role: str, *keys: Signer) -> None:
        """Give a top-level role new keys through the next root, which the old and the new root keys sign."""
        old = list(self.keys["root"])
        self.keys[role] = list(keys) or [new_key()]
        unsigned = self.make("root")
        self.put("root", tuf.sign(self.name, RoleName("root"), unsigned, [*old, *self.keys["root"]]))
        if role == "targets":
            self.make("targets")
        self.settle()

    def rotate_often(self, times: int) -> None:
        """So many new roots, each signed by the same keys; snapshot and timestamp are not touched."""
        for _ in range(times):
            self.make("root")

    def signers(self, role: str) -> list[Signer]:
        """Those who sign ``role`` when all is well."""
        if role == "releases":
            return [key for person in self.people for key in self.keys[person]]
        return self.keys[role]

    # -- hostile ----------------------------------------------------------------------------------------------------

    def signed(self, role: str) -> dict[str, Any]:
        """A copy of the signed part of the newest file."""
        signed: dict[str, Any] = json.loads(self.current[role])["signed"]
        return signed

    def put(self, role: str, data: bytes, *, version: int | None = None) -> bytes:
        """Serve ``data`` as the newest file of ``role``, under the version that it names."""
        number = version or int(json.loads(data)["signed"]["version"])
        self.versions[role] = number
        self.current[role] = data
        self.files["timestamp.json" if role == "timestamp" else f"{number}.{role}.json"] = data
        return data

    def forge(self, role: str, change: Change, *, by: Sequence[Signer] | None = None, bump: bool = True) -> bytes:
        """Change the signed part, have it signed by anybody, and make what stands above it fit."""
        signed = self.signed(role)
        if bump:
            signed["version"] += 1
        change(signed)
        return self.plant(role, seal(signed, self.signers(role) if by is None else by))

    def plant(self, role: str, data: bytes) -> bytes:
        """Serve any bytes as the newest file of ``role``, and make what stands above it fit."""
        try:
            self.put(role, data)
        except (ValueError, KeyError, TypeError, RecursionError):
            self.put(role, data, version=self.versions[role] + 1)
        if role not in {"root", *ONLINE}:
            self.settle()
        elif role == "snapshot":
            self.stamp()
        return data

    def fast_forward(self, *roles: str, version: int) -> None:
        """Let the versions of online roles jump."""
        if "snapshot" in roles:
            self.versions["snapshot"] = version - 1
            self.settle()
        if "timestamp" in roles:
            self.versions["timestamp"] = version - 1
            self.stamp()

    def record(self) -> Recorded:
        """Remember what is served now."""
        return Recorded(
            dict(self.files),
            dict(self.current),
            dict(self.versions),
            {role: list(keys) for role, keys in self.keys.items()},
            dict(self.released),
            deepcopy(self.vouched),
        )

    def replay(self, state: Recorded, *, only: Iterable[str] | None = None) -> None:
        """Serve what was recorded; with ``only``, for these files alone."""
        if only is not None:
            self.files.update({file: state.files[file] for file in only})
            return
        self.files, self.current, self.versions = dict(state.files), dict(state.current), dict(state.versions)
        self.keys = {role: list(keys) for role, keys in state.keys.items()}
        self.released, self.vouched = dict(state.released), deepcopy(state.vouched)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _says(self, role: str) -> dict[str, Target]:
        if role == "releases":
            return self.released
        return self.vouched.get(role, {})

    def _top(self) -> dict[RoleName, Authority]:
        return {RoleName(role): _authority(self.keys[role], len(self.keys[role])) for role in TOP}

    def _delegations(self) -> tuple[Delegation, ...]:
        releases = Delegation(RoleName("releases"), _authority(self.signers("releases"), self.threshold))
        return (releases, *(Delegation(RoleName(who), _authority(self.keys[who], 1)) for who in self.people))


class FakeRepository:
    """Many collections; what one of them serves may be served for another.

    Attributes:
        asked: (collection, file) in the order of the requests.
        instead: which collection's files are served under a name.
    """

    def __init__(self, *collections: FakeCollection) -> None:
        self.collections = {str(collection.name): collection for collection in collections}
        self.asked: list[tuple[str, str]] = []
        self.instead: dict[str, str] = {}

    def add(self, collection: FakeCollection) -> FakeCollection:
        """Host one more."""
        self.collections[collection.name] = collection
        return collection

    def fetch(self, name: CollectionName, file: str, deadline: Deadline) -> bytes | None:
        """See ``pytrust.trust.client.source.Source``."""
        return self.look_up(name, file)

    def look_up(self, name: str, file: str) -> bytes | None:
        """The file, or None."""
        self.asked.append((name, file))
        found = self.collections.get(self.instead.get(name, name))
        return None if found is None else found.files.get(file)

    def fill(self, store: Store) -> None:
        """Put everything into a store of pytrust, as its own publisher would have."""
        for collection in self.collections.values():
            with store.writing(collection.name) as transaction:
                transaction.put(collection.name, *_role_files(collection))


class Trouble(Enum):
    """One misbehaviour of the web server."""

    ENDLESS_BODY = auto()
    ENDLESS_CHUNKS = auto()
    ENDLESS_HEADERS = auto()
    ENDLESS_CONTINUE = auto()  # 100 Continue for ever
    SLOW_DRIP = auto()  # one byte of the body every 50 ms
    SLOW_DRIP_UNSIZED = auto()  # the same, without Content-Length
    SLOW_HEADERS = auto()
    WHOLE_THEN_DRIP = auto()  # the true file without Content-Length, then a space every 50 ms
    HANG = auto()
    CLOSE = auto()
    TRUNCATED = auto()
    GARBAGE = auto()
    GZIP_BOMB = auto()
    HUGE_HEADER = auto()
    MANY_HEADERS = auto()
    REDIRECT = auto()
    SERVER_ERROR = auto()
    FORBIDDEN = auto()
    NOT_FOUND = auto()
    EMPTY = auto()


@dataclass
class MetadataServer:
    """Serves a repository at ``url`` as ``/tuf/<collection>/<file>``, one write a response.

    Attributes:
        sent: bytes handed to the network so far.
        redirect_to: where ``Trouble.REDIRECT`` leads; the path is appended.
        requests: paths in the order of arrival.
    """

    repository: FakeRepository
    sent: int = 0
    redirect_to: str = ""
    requests: list[str] = field(default_factory=list)
    _troubles: dict[str, Trouble] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._server = _Server(self)
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.end_connections()
        self._server.server_close()

    def fail(self, trouble: Trouble, role: str = "") -> None:
        """Misbehave from now on, for one role or (empty) for all."""
        self._troubles[role] = trouble

    def behave(self) -> None:
        """Be honest from now on."""
        self._troubles.clear()

    def answer(self, path: str) -> tuple[bytes | None, Trouble | None]:
        """The body for a path, and what goes wrong with it."""
        self.requests.append(path)
        collection, _, file = path.removeprefix("/tuf/").rpartition("/")
        name, file = urllib.parse.unquote(collection), urllib.parse.unquote(file)
        role = file.removesuffix(".json").rpartition(".")[2]
        return self.repository.look_up(name, file), self._troubles.get(role, self._troubles.get(""))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, owner: MetadataServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.owner = owner
        self._open: set[socket] = set()
        self._lock = threading.Lock()

    def opened(self, connection: socket) -> None:
        with self._lock:
            self._open.add(connection)

    def closed(self, connection: socket) -> None:
        with self._lock:
            self._open.discard(connection)

    def end_connections(self) -> None:
        with self._lock:
            for connection in self._open:
                try:
                    connection.shutdown(SHUT_RDWR)
                except OSError:
                    continue

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is an ordinary thing."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        self.request.setsockopt(SOL_SOCKET, SO_SNDBUF, 16_384)  # what is sent is what is read, nearly
        self.server.opened(self.request)
        super().setup()

    def finish(self) -> None:
        self.server.closed(self.request)
        super().finish()
        self.request.close()

    def do_GET(self) -> None:
        body, trouble = self.server.owner.answer(self.path)
        if trouble is None:
            status = "404 Not Found" if body is None else "200 OK"
            self._send(_head(status, body or b"") + (body or b""))
            return
        for part in _PARTS[trouble](self, body or b"{}"):
            self._send(part)
        self.close_connection = True

    def _send(self, data: bytes) -> None:
        self.request.sendall(data)
        self.server.owner.sent += len(data)

    def log_message(self, *args: object) -> None:
        """Says nothing."""


def _authority(keys: Sequence[Signer], threshold: int) -> Authority:
    return Authority(tuple(key.public for key in keys), threshold)


def _soon() -> datetime:
    return datetime.now(UTC) + LIFE


def _role_files(collection: FakeCollection) -> Iterator[RoleFile]:
    named = [(file, file.removesuffix(".json").rpartition(".")) for file in collection.files]
    for file, (number, _, role) in sorted(named, key=lambda item: int(item[1][0] or 0)):
        data = collection.files[file]
        version, expires = tuf.read_header(collection.name, RoleName(role), data)
        assert not number or int(number) == version
        yield RoleFile(RoleName(role), version, expires, data)


def digest_of(data: bytes) -> str:
    return f"sha256:{sha256(data).hexdigest()}"


def _head(status: str, body: bytes, *more: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *more]
    return "\r\n".join([*lines, "\r\n"]).encode()


def _forever(first: bytes, again: bytes, pause: float = 0.0) -> Iterator[bytes]:
    yield first
    while True:
        time.sleep(pause)
        yield again


_UNSIZED = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
_BOMB = gzip.compress(b" " * 30_000_000)


def _hang(handler: _Handler, body: bytes) -> Iterator[bytes]:
    handler.request.recv(1)
    yield b""


def _redirect(handler: _Handler, body: bytes) -> Iterator[bytes]:
    yield _head("302 Found", b"", f"Location: {handler.server.owner.redirect_to}{handler.path}")


_PARTS: dict[Trouble, Callable[[_Handler, bytes], Iterable[bytes]]] = {
    Trouble.ENDLESS_BODY: lambda _, body: _forever(_UNSIZED, b" " * 16_384),
    Trouble.ENDLESS_CHUNKS: lambda _, body: _forever(_CHUNKED, b"4000\r\n" + b" " * 0x4000 + b"\r\n"),
    Trouble.ENDLESS_HEADERS: lambda _, body: _forever(b"HTTP/1.1 200 OK\r\n", b"X-Long: " + b"x" * 8000 + b"\r\n"),
    Trouble.ENDLESS_CONTINUE: lambda _, body: _forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.001),
    Trouble.SLOW_DRIP: lambda _, body: _forever(_head("200 OK", b" " * 1_000), b" ", 0.05),
    Trouble.SLOW_DRIP_UNSIZED: lambda _, body: _forever(_UNSIZED, b" ", 0.05),
    Trouble.SLOW_HEADERS: lambda _, body: _forever(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x", 0.05),
    Trouble.WHOLE_THEN_DRIP: lambda _, body: _forever(_UNSIZED + body, b" ", 0.05),
    Trouble.HANG: _hang,
    Trouble.CLOSE: lambda _, body: (),
    Trouble.TRUNCATED: lambda _, body: (_head("200 OK", body + b" ") + body,),
    Trouble.GARBAGE: lambda _, body: (b"SSH-2.0-\x1b[2Jfake\r\n",),
    Trouble.GZIP_BOMB: lambda _, body: (_head("200 OK", _BOMB, "Content-Encoding: gzip") + _BOMB,),
    Trouble.HUGE_HEADER: lambda _, body: (_head("200 OK", body, "X-Huge: " + "x" * 200_000) + body,),
    Trouble.MANY_HEADERS: lambda _, body: (_head("200 OK", body, *(f"X-{i}: y" for i in range(5000))) + body,),
    Trouble.REDIRECT: _redirect,
    Trouble.SERVER_ERROR: lambda _, body: (_head("500 Internal Server Error", b"oops") + b"oops",),
    Trouble.FORBIDDEN: lambda _, body: (_head("403 Forbidden", b""),),
    Trouble.NOT_FOUND: lambda _, body: (_head("404 Not Found", b""),),
    Trouble.EMPTY: lambda _, body: (_head("200 OK", b""),),
}
