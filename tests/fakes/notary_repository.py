"""A whole Notary v1 repository in this process, honest or hostile: keys, certificates, files, history, web servers.

    web = FakeNotary("registry.example.com/foo/web")
    web.release("v2", digest, length)               # as docker trust sign: targets/releases, targets/alice
    web.forge("targets", lambda signed: signed.update(version=9), by=[new_key()])
    web.replay(web.record())

    source = FakeNotaryRepository(web)              # a ``Source``, in memory
    with NotaryServer(source) as server:            # the same over loopback HTTP, for every ``Trouble``
    with GuardedServer(source, "alice", "secret") as server:    # one that asks who we are

Files are JSON of any shape, signed by any key. ``forge`` makes all that stands above the forged file fit it again, as
a thief of the server's keys could.
"""

from __future__ import annotations

import json
import threading
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256, sha512
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from tests.fakes.repository import FakeRepository, MetadataServer, Trouble

from pytrust.trust.formats.notary.certificates import make_certificate
from pytrust.trust.formats.notary.envelope import sign, unsigned, write_envelope
from pytrust.trust.formats.notary.keys import WireId, WireKey
from pytrust.trust.http import Deadline
from pytrust.trust.keys.private import KeyKind, generate
from pytrust.trust.keys.signers import Signer, signer_of
from pytrust.trust.names import CollectionName, KeyId
from pytrust.trust.pins import Pin

TOP = ("root", "targets", "snapshot", "timestamp")
LIFE = timedelta(days=20)
RELEASES = "targets/releases"
Change = Callable[[dict[str, Any]], object]


def new_key(kind: KeyKind = "ecdsa-p256") -> Signer:
    """A key of nobody in particular."""
    return signer_of(generate(kind))


def certify(key: Signer, name: str, *, now: datetime | None = None, life: timedelta | None = None) -> bytes:
    """A root certificate as notary makes it; with ``life``, one that ends so long after ``now``."""
    assert key.private is not None
    moment = now or datetime.now(UTC)
    if life is None:
        return make_certificate(key.private, CollectionName(name), moment)
    return issue(key, name, key, name, moment - timedelta(hours=1), moment + life)


def issue(
    key: Signer, name: str, issuer: Signer, issuer_name: str, start: datetime, end: datetime, *, ca: bool = False
) -> bytes:
    """A certificate for ``key`` by ``issuer``, in PEM."""
    assert key.private is not None
    assert issuer.private is not None
    subject, above = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in (name, issuer_name))
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(above)
        .public_key(key.private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    made = builder.sign(issuer.private, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM)


def seal(signed: Mapping[str, Any], by: Iterable[tuple[WireId, Signer]]) -> bytes:
    """A file with ``signed`` as it is, however wrong, signed by keys under any ids."""
    envelope = unsigned(signed)
    for keyid, signer in by:
        envelope = sign(envelope, signer, keyid)
    return write_envelope(envelope)


def meta(data: bytes) -> dict[str, Any]:
    """As a snapshot lists a file."""
    made = {"sha256": sha256(data).digest(), "sha512": sha512(data).digest()}
    return {"hashes": {name: b64encode(raw).decode() for name, raw in made.items()}, "length": len(data)}


def stamp(moment: datetime) -> str:
    """As Go writes a time."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f").rstrip("0").rstrip(".") + "Z"


@dataclass
class Recorded:
    """All that a repository served at one moment."""

    files: dict[str, bytes]
    current: dict[str, bytes]
    state: dict[str, Any]


class FakeNotary:
    """The publisher of one collection, who may be anybody.

    Attributes:
        files: what is served, by file name; change it at will.
        current: the newest file of each role, by full name.
        keys: private keys by role; a delegation's are those of its people.
        certificates: PEM that carries a root key, by its material.
        says: tag to (digest, length), by role.
        threshold: of each role, 1 where it is not given.
    """

    def __init__(
        self,
        name: str,
        *,
        people: Sequence[str] = ("alice",),
        root_keys: Sequence[Signer] = (),
        threshold: Mapping[str, int] | None = None,
    ) -> None:
        self.name = CollectionName(name)
        self.people = list(people)
        self.keys: dict[str, list[Signer]] = {role: [new_key()] for role in TOP}
        self.keys["root"] = list(root_keys) or self.keys["root"]
        for person in people:
            self.keys[f"targets/{person}"] = [new_key()]
        if people:
            self.keys[RELEASES] = [key for person in people for key in self.keys[f"targets/{person}"]]
        self.certificates: dict[KeyId, bytes] = {}
        self.threshold = dict(threshold or {})
        self.says: dict[str, dict[str, tuple[str, int]]] = {}
        self.files: dict[str, bytes] = {}
        self.current: dict[str, bytes] = {}
        self.versions: dict[str, int] = {}
        self.expires: dict[str, datetime] = {}
        self.make("root")
        self.publish("targets")

    # -- honest -----------------------------------------------------------------------------------------------------

    @property
    def pin(self) -> Pin:
        """What a client that trusts this publisher pins."""
        return Pin("**", frozenset(key.public.id for key in self.keys["root"]), len(self.keys["root"]))

    def release(self, tag: str, digest: str, length: int, *roles: str) -> None:
        """Release a tag, as docker trust sign does (releases and every signer), or in these roles."""
        chosen = roles or (RELEASES, *(f"targets/{person}" for person in self.people))
        for role in chosen:
            self.says.setdefault(role, {})[tag] = (digest, length)
        self.publish(*chosen)

    def publish(self, *roles: str) -> None:
        """Say again what is to be said, under the next version, and make snapshot and timestamp."""
        for role in roles:
            self.make(role)
        self.settle()

    def make(self, role: str) -> bytes:
        """Write, sign and serve the next file of a role; nothing above it changes."""
        return self.put(role, seal(self.next(role), self.signing(role)))

    def settle(self) -> None:
        """A snapshot and a timestamp over what is current."""
        self.make("snapshot")
        self.make("timestamp")

    def rotate(self, role: str, *keys: Signer) -> None:
        """Give a top-level role new keys through the next root, which the old and the new root keys sign."""
        old = self.signing("root")
        self.keys[role] = list(keys) or [new_key()]
        self.put("root", seal(self.next("root"), [*old, *(self.signing("root") if role == "root" else ())]))
        self.publish(*(["targets"] if role == "targets" else []))

    def wire(self, role: str) -> list[WireKey]:
        """The public keys of a role as files list them."""
        if role != "root":
            return [WireKey.plain(key.public) for key in self.keys[role]]
        for key in self.keys["root"]:
            if key.public.id not in self.certificates:
                self.certificates[key.public.id] = certify(key, self.name)
        return [WireKey.carried(self.certificates[key.public.id]) for key in self.keys["root"]]

    def signing(self, role: str) -> list[tuple[WireId, Signer]]:
        """Those who sign a role when all is well."""
        return [(wire.id, key) for wire, key in zip(self.wire(role), self.keys[role], strict=True)]

    def next(self, role: str) -> dict[str, Any]:
        """The signed part of the next version."""
        kind = role.capitalize() if role in TOP and role != "targets" else "Targets"
        until = self.expires.get(role, datetime.now(UTC) + LIFE)
        header = {"_type": kind, "expires": stamp(until), "version": self.versions.get(role, 0) + 1}
        return header | self._body(role)

    # -- hostile ----------------------------------------------------------------------------------------------------

    def signed(self, role: str) -> dict[str, Any]:
        """A copy of the signed part of the newest file."""
        signed: dict[str, Any] = json.loads(self.current[role])["signed"]
        return signed

    def put(self, role: str, data: bytes, version: int | None = None) -> bytes:
        """Serve ``data`` as the newest file of ``role``, under its hash, and a root under its version, too."""
        self.versions[role] = version or int(json.loads(data)["signed"]["version"])
        self.current[role] = data
        self.files[f"{role}.json"] = data
        self.files[f"{role}.{sha256(data).hexdigest()}.json"] = data
        if role == "root":
            self.files[f"{self.versions[role]}.root.json"] = data
        return data

    def forge(
        self, role: str, change: Change, *, by: Sequence[tuple[WireId, Signer]] | None = None, bump: bool = True
    ) -> bytes:
        """Change the signed part, have it signed by anybody, and make what stands above it fit."""
        signed = self.signed(role)
        signed["version"] += bump
        change(signed)
        return self.plant(role, seal(signed, self.signing(role) if by is None else by))

    def plant(self, role: str, data: bytes) -> bytes:
        """Serve any bytes as the newest file of ``role``, and make what stands above it fit."""
        try:
            self.put(role, data)
        except (ValueError, KeyError, TypeError, RecursionError):
            self.put(role, data, self.versions[role] + 1)
        if role == "snapshot":
            self.make("timestamp")
        elif role != "timestamp":
            self.settle()
        return data

    def swap(self, role: str, data: bytes) -> None:
        """Serve ``data`` where the newest file of ``role`` is asked for, and let what lists it as it is."""
        current = self.current[role]
        for file in [file for file, held in self.files.items() if held == current]:
            self.files[file] = data

    def withhold(self, role: str) -> None:
        """Serve the newest file of ``role`` no more."""
        current = self.current[role]
        for file in [file for file, held in self.files.items() if held == current]:
            del self.files[file]

    def record(self) -> Recorded:
        """Remember what is served now."""
        state = {name: deepcopy(getattr(self, name)) for name in ("versions", "says", "threshold", "expires")}
        state["keys"] = {role: list(keys) for role, keys in self.keys.items()}
        return Recorded(dict(self.files), dict(self.current), state)

    def replay(self, recorded: Recorded) -> None:
        """Serve what was recorded."""
        self.files, self.current = dict(recorded.files), dict(recorded.current)
        for name, value in recorded.state.items():
            setattr(self, name, dict(value))

    # -- inside -----------------------------------------------------------------------------------------------------

    def _body(self, role: str) -> dict[str, Any]:
        if role == "root":
            keys = {key.id: key.document() for name in TOP for key in self.wire(name)}
            return {"consistent_snapshot": False, "keys": keys, "roles": {name: self._rule(name) for name in TOP}}
        if role == "timestamp":
            return {"meta": {"snapshot": meta(self.current["snapshot"])}}
        if role == "snapshot":
            others = {name: meta(data) for name, data in self.current.items() if name not in {"snapshot", "timestamp"}}
            return {"meta": others}
        said = self.says.get(role, {})
        targets = {
            tag: {
                "hashes": {"sha256": b64encode(bytes.fromhex(digest.removeprefix("sha256:"))).decode()},
                "length": size,
            }
            for tag, (digest, size) in said.items()
        }
        return {"delegations": self._delegations(role), "targets": targets}

    def _delegations(self, role: str) -> dict[str, Any]:
        below = [name for name in self.keys if role == "targets" and name.startswith("targets/")]
        keys = {key.id: key.document() for name in below for key in self.wire(name)}
        return {"keys": keys, "roles": [{**self._rule(name), "name": name, "paths": [""]} for name in below]}

    def _rule(self, role: str) -> dict[str, Any]:
        return {"keyids": [key.id for key in self.wire(role)] or None, "threshold": self.threshold.get(role, 1)}


class FakeNotaryRepository:
    """Many collections; what one of them serves may be served for another.

    Attributes:
        asked: (collection, file) in the order of the requests.
        instead: which collection's files are served under a name.
    """

    def __init__(self, *collections: FakeNotary) -> None:
        self.collections = {str(collection.name): collection for collection in collections}
        self.asked: list[tuple[str, str]] = []
        self.instead: dict[str, str] = {}

    def fetch(self, name: CollectionName, file: str, deadline: Deadline) -> bytes | None:
        """See ``pytrust.trust.client.source.Source``."""
        return self.look_up(name, file.removeprefix("notary/")) if file.startswith("notary/") else None

    def look_up(self, name: str, file: str) -> bytes | None:
        """The file, or None."""
        self.asked.append((name, file))
        found = self.collections.get(self.instead.get(name, name))
        return None if found is None else found.files.get(file)


class NotaryServer(MetadataServer):
    """Serves it at ``url`` as a Notary server does; a trouble is that of one role, or of all."""

    def __init__(self, notary: FakeNotaryRepository) -> None:
        super().__init__(FakeRepository())
        self.notary = notary

    def answer(self, path: str) -> tuple[bytes | None, Trouble | None]:
        self.requests.append(path)
        if path == "/v2/":
            return b"{}", None
        name, _, file = path.removeprefix("/v2/").partition("/_trust/tuf/")
        role = unquote(file).removesuffix(".json").split(".")
        found = next((part for part in role if not part.isdecimal()), "")
        return self.notary.look_up(unquote(name), unquote(file)), self._troubles.get(found, self._troubles.get(""))


class GuardedServer:
    """Serves a repository to those who bring a token, and gives tokens to those who know the password.

    Attributes:
        asked: (path, Authorization) in the order of the requests.
        scopes: what tokens were asked for.
        elsewhere: where those who bring a token are sent for files; empty for nowhere.
    """

    def __init__(self, repository: FakeNotaryRepository, user: str, password: str, *, basic: bool = False) -> None:
        self.repository, self.user, self.basic = repository, user, basic
        self.login = "Basic " + b64encode(f"{user}:{password}".encode()).decode()
        self.asked: list[tuple[str, str]] = []
        self.scopes: list[str] = []
        self.elsewhere = ""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Guard,), {"owner": self}))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, authorization: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        self.asked.append((path, authorization))
        parts = urlsplit(path)
        if parts.path == "/token":
            self.scopes.extend(parse_qs(parts.query)["scope"])
            return (200, {}, b'{"token":"t0ken"}') if authorization == self.login else (401, {}, b"{}")
        if authorization != (self.login if self.basic else "Bearer t0ken"):
            ask = 'Basic realm="x"' if self.basic else f'Bearer realm="{self.url}/token",service="notary"'
            return 401, {"WWW-Authenticate": ask}, b'{"errors":[{"code":"UNAUTHORIZED"}]}'
        name, _, file = parts.path.removeprefix("/v2/").partition("/_trust/tuf/")
        if file and self.elsewhere:
            return 302, {"Location": f"{self.elsewhere}{path}"}, b""
        found = self.repository.look_up(unquote(name), unquote(file)) if file else b"{}"
        return (404, {}, b"{}") if found is None else (200, {}, found)


class _Guard(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: GuardedServer

    def do_GET(self) -> None:
        status, headers, body = self.owner.answer(self.path, self.headers.get("Authorization", ""))
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body)), "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Says nothing."""
