"""A whole registry in this process: tags, manifests, a token service, and every way to misbehave.

    with FakeRegistry() as registry:
        digest = registry.put("foo/web", "v1", oci_manifest("v1"))
        registry.fail(Fault.SLOW_DRIP)                # from now on, for manifests
        registry.fail(Fault.ENDLESS_BODY, on="token")
        registry.behave()                             # honest again
        registry.seen                                 # what was asked, in order

It shares no code with ``pytrust``. It listens on 127.0.0.1, serves HTTP (or HTTPS with ``tls``), one thread a
connection, and writes each answer in one piece, so that Nagle's algorithm adds nothing to what is measured.
"""

from __future__ import annotations

import base64
import gzip
import json
import ssl
import threading
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import SHUT_RDWR, socket
from typing import Any, Literal, Self

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"
OTHER_DIGEST = "sha256:" + "0" * 64

Route = Literal["ping", "manifest", "referrers", "token"]
Headers = tuple[tuple[str, str], ...]


class Fault(Enum):
    """One misbehaviour; it changes the answers of the route it is set on, whatever they would have been."""

    WRONG_DIGEST = auto()  # Docker-Content-Digest names other bytes
    NO_DIGEST = auto()
    ODD_DIGEST = auto()  # Docker-Content-Digest is no digest
    HEAD_DIFFERS = auto()  # HEAD names another digest than GET
    OTHER_BYTES = auto()  # a valid manifest, but not the one; Docker-Content-Digest fits the bytes sent
    WRONG_TYPE = auto()  # an index served as a manifest, and the other way round
    NO_TYPE = auto()
    HTML = auto()  # 200 with a web page
    SCHEMA1 = auto()
    GZIP_BOMB = auto()  # Content-Encoding: gzip, 1 kB that grows to 1 MB
    DEEP_JSON = auto()
    TWICE = auto()  # a duplicate JSON key
    TRUNCATED = auto()  # the connection ends before Content-Length is reached
    RATE_LIMITED = auto()
    SERVER_ERROR = auto()
    FORBIDDEN = auto()
    UNAUTHORIZED = auto()  # 401 without a challenge
    REDIRECT = auto()  # to ``redirect_to``
    REDIRECT_LOOP = auto()
    ENDLESS_BODY = auto()
    ENDLESS_HEADERS = auto()
    SLOW_DRIP = auto()  # one byte of the body every 50 ms, for ever
    SLOW_DRIP_UNSIZED = auto()  # the same without Content-Length: only the end of the connection ends the body
    SLOW_HEADERS = auto()  # one byte of the head every 50 ms, for ever
    HANG = auto()  # no answer
    CLOSE = auto()  # no answer, and the connection ends
    GARBAGE = auto()  # not HTTP, with a terminal escape sequence


@dataclass(frozen=True)
class Auth:
    """What the registry asks for. ``realm`` None is this registry's own ``/token``."""

    scheme: Literal["Basic", "Bearer"]
    username: str = ""
    password: str = ""
    identity_token: str = ""
    anonymous: bool = False  # the token service also serves those who do not log in
    realm: str | None = None
    ping: bool = True  # whether ``/v2/`` asks too, or manifests only
    token_field: Literal["token", "access_token"] = "token"


@dataclass(frozen=True)
class Seen:
    """One request as it arrived; header names are in lower case, ``path`` includes the query."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def authorization(self) -> str:
        return self.headers.get("authorization", "")


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Headers = ()
    body: bytes = b""

    def header(self, name: str, value: str | None) -> Reply:
        """With ``name`` set, or taken away."""
        rest = tuple((key, old) for key, old in self.headers if key != name)
        return replace(self, headers=rest if value is None else (*rest, (name, value)))


@dataclass(frozen=True)
class Tls:
    """PEM files of a self-signed certificate; ``certificate`` is also the CA file a client should trust."""

    certificate: Path
    key: Path


@dataclass
class _State:
    manifests: dict[tuple[str, str], tuple[str, bytes]] = field(default_factory=dict)
    tags: dict[tuple[str, str], str] = field(default_factory=dict)
    referrers: dict[tuple[str, str], list[str]] = field(default_factory=dict)


class FakeRegistry:
    """See the head of this file.

    Attributes:
        host: ``127.0.0.1:PORT``.
        latency: seconds that each answer waits.
        redirect_to: where ``Fault.REDIRECT`` leads; the path asked for is appended if it ends without a slash.
        native_referrers: whether the referrers API exists; otherwise it is 404.
        page_size: referrers on one page.
        token_reply: the token service's body, instead of a valid one.
    """

    def __init__(self, *, auth: Auth | None = None, tls: Tls | None = None, latency: float = 0.0) -> None:
        self.auth = auth
        self.latency = latency
        self.redirect_to = ""
        self.native_referrers = True
        self.page_size = 100
        self.token_reply: bytes | None = None
        self.seen: list[Seen] = []
        self._faults: dict[Route, Fault] = {}
        self._generation = 0
        self._state = _State()
        self._server = _Server(self, tls)
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.port = int(self._server.server_address[1])
        self.url = f"{'https' if tls else 'http'}://{self.host}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.end_connections()
        self._server.server_close()

    def put(self, repository: str, tag: str | None, manifest: bytes, media_type: str = OCI_MANIFEST) -> str:
        """Store a manifest, under a tag if one is given; gives its digest. A ``subject`` in it is indexed."""
        digest = digest_of(manifest)
        self._state.manifests[repository, digest] = (media_type, manifest)
        if tag is not None:
            self._state.tags[repository, tag] = digest
        subject = json.loads(manifest).get("subject")
        if subject is not None:
            self._state.referrers.setdefault((repository, subject["digest"]), []).append(digest)
        return digest

    def list_referrer(self, repository: str, subject: str, digest: str) -> None:
        """List ``digest`` among the referrers of ``subject``, whether that is true or not."""
        self._state.referrers.setdefault((repository, subject), []).append(digest)

    def fail(self, fault: Fault, *, on: Route = "manifest") -> None:
        """Misbehave from now on."""
        self._faults[on] = fault

    def behave(self) -> None:
        """Be honest from now on."""
        self._faults.clear()

    def revoke_tokens(self) -> None:
        """Refuse every token given so far."""
        self._generation += 1

    def asked(self, part: str) -> list[Seen]:
        """The requests whose path holds ``part``."""
        return [seen for seen in self.seen if part in seen.path]

    # -- answers ----------------------------------------------------------------------------------------------------

    def answer(self, seen: Seen) -> tuple[Reply, Fault | None]:
        """The reply to a request, already falsified, and a fault for the one who writes it."""
        route, reply = self._route(seen)
        fault = None if route is None else self._faults.get(route)
        if fault is None:
            return reply, None
        return self._falsify(fault, seen, reply), fault

    def _route(self, seen: Seen) -> tuple[Route | None, Reply]:
        path = urllib.parse.urlsplit(seen.path).path
        repository, _, reference = path.removeprefix("/v2/").rpartition("/")
        if path == "/token":
            return "token", self._token(seen)
        if path == "/v2/":
            challenge = self._challenge(seen, "") if self.auth and self.auth.ping else None
            return "ping", challenge or _json(200, {})
        if repository.endswith("/manifests"):
            name = repository.removesuffix("/manifests")
            return "manifest", self._challenge(seen, name) or self._manifest(name, reference)
        if repository.endswith("/referrers") and self.native_referrers:
            name = repository.removesuffix("/referrers")
            return "referrers", self._challenge(seen, name) or self._referrers(name, reference, seen)
        return None, Reply(404, (("Content-Type", "text/plain"),), b"404 page not found\n")

    def _manifest(self, repository: str, reference: str) -> Reply:
        digest = self._state.tags.get((repository, reference), reference)
        found = self._state.manifests.get((repository, digest))
        if found is None:
            return _error(404, "MANIFEST_UNKNOWN")
        return Reply(200, (("Content-Type", found[0]), ("Docker-Content-Digest", digest)), found[1])

    def _referrers(self, repository: str, subject: str, seen: Seen) -> Reply:
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(seen.path).query)
        start = int(query.get("start", ["0"])[0])
        digests = self._state.referrers.get((repository, subject), [])
        page = [(digest, 1) for digest in digests[start : start + self.page_size]]
        reply = Reply(200, (("Content-Type", OCI_INDEX),), oci_index(page))
        following = start + self.page_size
        if following < len(digests):
            target = f"/v2/{repository}/referrers/{subject}?start={following}"
            reply = reply.header("Link", f'<{target}>; rel="next"')
        return reply

    # -- who may --------------------------------------------------------------------------------------------------

    def _challenge(self, seen: Seen, repository: str) -> Reply | None:
        """None when the request may pass."""
        auth = self.auth
        if auth is None:
            return None
        allowed = _basic(auth) if auth.scheme == "Basic" else f"Bearer {self._token_for(repository)}"
        if seen.authorization == allowed:
            return None
        if auth.scheme == "Basic":
            return _error(401, "UNAUTHORIZED").header("WWW-Authenticate", 'Basic realm="fake"')
        realm = auth.realm or f"{self.url}/token"
        scope = f',scope="repository:{repository}:pull"' if repository else ""
        text = f'Bearer realm="{realm}",service="fake"{scope}'
        return _error(401, "UNAUTHORIZED").header("WWW-Authenticate", text)

    def _token_for(self, repository: str) -> str:
        return f"token.{repository}.{self._generation}"

    def _token(self, seen: Seen) -> Reply:
        auth = self.auth or Auth("Bearer", anonymous=True)
        asked = seen.body.decode() if seen.method == "POST" else urllib.parse.urlsplit(seen.path).query
        given = {name: values[0] for name, values in urllib.parse.parse_qs(asked).items()}
        refreshed = bool(auth.identity_token) and given.get("refresh_token") == auth.identity_token
        known = refreshed or (bool(auth.username) and seen.authorization == _basic(auth))
        if not known and not (auth.anonymous and not seen.authorization):
            return _error(401, "UNAUTHORIZED")
        if self.token_reply is not None:
            return Reply(200, (("Content-Type", "application/json"),), self.token_reply)
        repository = given.get("scope", "").removeprefix("repository:").partition(":")[0]
        return _json(200, {auth.token_field: self._token_for(repository), "expires_in": 300})

    # -- misbehaviour ---------------------------------------------------------------------------------------------

    def _falsify(self, fault: Fault, seen: Seen, reply: Reply) -> Reply:
        if fault is Fault.HEAD_DIFFERS:
            return reply.header("Docker-Content-Digest", OTHER_DIGEST) if seen.method == "HEAD" else reply
        if fault is Fault.REDIRECT:
            path = "" if self.redirect_to.endswith("/") else seen.path
            return Reply(307, (("Location", self.redirect_to + path),))
        if fault is Fault.REDIRECT_LOOP:
            return Reply(302, (("Location", seen.path),))
        change = _CHANGES.get(fault)
        return reply if change is None else change(reply)


def oci_manifest(seed: str, *, subject: str | None = None, media_type: str = OCI_MANIFEST) -> bytes:
    """A small, valid image manifest; other seeds give other digests."""
    blob = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest_of(seed.encode()), "size": 2}
    layer = {**blob, "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip"}
    document: dict[str, Any] = {"schemaVersion": 2, "mediaType": media_type, "config": blob, "layers": [layer]}
    if subject is not None:
        document["subject"] = {"mediaType": OCI_MANIFEST, "digest": subject, "size": 1}
    return json.dumps(document).encode()


def oci_index(children: list[tuple[str, int]], *, media_type: str = OCI_INDEX) -> bytes:
    """An index of (digest, size); the children are for linux/amd64, linux/arm64/v8 and then nameless."""
    platforms = [
        {"os": "linux", "architecture": "amd64"},
        {"os": "linux", "architecture": "arm64", "variant": "v8"},
    ]
    entries: list[dict[str, Any]] = []
    for number, (digest, size) in enumerate(children):
        entry: dict[str, Any] = {"mediaType": OCI_MANIFEST, "digest": digest, "size": size}
        entries.append({**entry, "platform": platforms[number]} if number < len(platforms) else entry)
    return json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": entries}).encode()


def digest_of(data: bytes) -> str:
    return f"sha256:{sha256(data).hexdigest()}"


def make_tls(folder: Path, *names: str) -> Tls:
    """Write a self-signed certificate for 127.0.0.1 and ``names``."""
    import datetime as dt
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "fake registry")])
    now = dt.datetime.now(dt.UTC)
    alternatives = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), *(x509.DNSName(name) for name in names)]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    tls = Tls(folder / "fake.crt", folder / "fake.key")
    tls.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    tls.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return tls


def _basic(auth: Auth) -> str:
    return "Basic " + base64.b64encode(f"{auth.username}:{auth.password}".encode()).decode()


def _json(status: int, value: object) -> Reply:
    return Reply(status, (("Content-Type", "application/json"),), json.dumps(value).encode())


def _error(status: int, code: str) -> Reply:
    return _json(status, {"errors": [{"code": code, "message": "\x1b[31mfake"}]})


def _wrong_type(reply: Reply) -> Reply:
    served = dict(reply.headers).get("Content-Type")
    return reply.header("Content-Type", OCI_MANIFEST if served == OCI_INDEX else OCI_INDEX)


def _with_body(reply: Reply, body: bytes) -> Reply:
    return replace(reply, body=body).header("Docker-Content-Digest", digest_of(body))


def _schema1(reply: Reply) -> Reply:
    body = json.dumps({"schemaVersion": 1, "name": "foo/web", "tag": "v1", "fsLayers": [], "history": []}).encode()
    return _with_body(reply, body).header("Content-Type", SCHEMA1)


def _gzip_bomb(reply: Reply) -> Reply:
    return replace(reply, body=gzip.compress(b" " * 1_000_000)).header("Content-Encoding", "gzip")


def _twice(reply: Reply) -> Reply:
    return _with_body(reply, reply.body.replace(b"{", b'{"x": 1, "x": 2, ', 1))


_CHANGES: dict[Fault, Callable[[Reply], Reply]] = {
    Fault.WRONG_DIGEST: lambda reply: reply.header("Docker-Content-Digest", OTHER_DIGEST),
    Fault.NO_DIGEST: lambda reply: reply.header("Docker-Content-Digest", None),
    Fault.ODD_DIGEST: lambda reply: reply.header("Docker-Content-Digest", "md5:1234"),
    Fault.OTHER_BYTES: lambda reply: _with_body(reply, oci_manifest("something else")),
    Fault.WRONG_TYPE: _wrong_type,
    Fault.NO_TYPE: lambda reply: reply.header("Content-Type", None),
    Fault.HTML: lambda _: Reply(200, (("Content-Type", "text/html"),), b"<html>please log in</html>"),
    Fault.SCHEMA1: _schema1,
    Fault.GZIP_BOMB: _gzip_bomb,
    Fault.DEEP_JSON: lambda reply: _with_body(reply, b"[" * 100_000 + b"]" * 100_000),
    Fault.TWICE: _twice,
    Fault.RATE_LIMITED: lambda _: _error(429, "TOOMANYREQUESTS").header("Retry-After", "17"),
    Fault.SERVER_ERROR: lambda _: _error(500, "UNKNOWN"),
    Fault.FORBIDDEN: lambda _: _error(403, "DENIED"),
    Fault.UNAUTHORIZED: lambda _: _error(401, "UNAUTHORIZED"),
}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, registry: FakeRegistry, tls: Tls | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.registry = registry
        self.context: ssl.SSLContext | None = None
        if tls is not None:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(tls.certificate, tls.key)
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
        if self.server.context is not None:
            self.request = self.server.context.wrap_socket(self.request, server_side=True)
        self.server.opened(self.request)
        super().setup()

    def finish(self) -> None:
        self.server.closed(self.request)
        super().finish()
        self.request.close()

    def do_GET(self) -> None:
        registry = self.server.registry
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(self.command, self.path, headers, self.rfile.read(int(headers.get("content-length", "0"))))
        registry.seen.append(seen)
        time.sleep(registry.latency)
        reply, fault = registry.answer(seen)
        if fault in _WRITERS:
            self.close_connection = True
            _WRITERS[fault](self.request, reply)
        else:
            body = b"" if self.command == "HEAD" else reply.body
            self.wfile.write(_head(reply, len(reply.body)) + body)

    do_HEAD = do_POST = do_GET  # noqa: N815

    def log_message(self, *args: object) -> None:
        """Says nothing."""


def _head(reply: Reply, length: int) -> bytes:
    lines = [f"HTTP/1.1 {reply.status} Fake", *(f"{name}: {value}" for name, value in reply.headers)]
    return "\r\n".join([*lines, f"Content-Length: {length}", "\r\n"]).encode()


def _unsized(reply: Reply) -> bytes:
    return _head(reply, 0).replace(b"Content-Length: 0", b"Connection: close")


def _drip(connection: socket, first: bytes) -> None:
    connection.sendall(first)
    while True:
        time.sleep(0.05)
        connection.sendall(b"x")


def _endless(connection: socket, first: bytes, again: bytes) -> None:
    connection.sendall(first)
    while True:
        connection.sendall(again)


def _hang(connection: socket, reply: Reply) -> None:
    connection.recv(1)


_WRITERS: dict[Fault | None, Callable[[socket, Reply], None]] = {
    Fault.SLOW_DRIP: lambda connection, reply: _drip(connection, _head(reply, 1_000_000)),
    Fault.SLOW_HEADERS: lambda connection, _: _drip(connection, b"HTTP/1.1 200 OK\r\nX-Slow: "),
    Fault.SLOW_DRIP_UNSIZED: lambda connection, reply: _drip(connection, _unsized(reply)),
    Fault.ENDLESS_BODY: lambda connection, reply: _endless(connection, _unsized(reply), b" " * 65536),
    Fault.ENDLESS_HEADERS: lambda connection, _: _endless(
        connection, b"HTTP/1.1 200 OK\r\n", b"X-Long: " + b"x" * 8000 + b"\r\n"
    ),
    Fault.TRUNCATED: lambda connection, reply: connection.sendall(_head(reply, len(reply.body) + 10) + reply.body),
    Fault.HANG: _hang,
    Fault.CLOSE: lambda *_: None,
    Fault.GARBAGE: lambda connection, _: connection.sendall(b"SSH-2.0-\x1b[2Jfake\r\n"),
}
