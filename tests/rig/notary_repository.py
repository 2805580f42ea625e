"""A collection signed in advance, and its uploads: what a client sends, without a client and without code under test.

Everything is ASCII, so that Python's JSON with sorted keys is the canonical form.
"""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.rig.processes import RigError
from tests.rig.throwaway import self_signed

_YEAR: Final = timedelta(days=365)
_PART: Final = (
    b'--edge\r\nContent-Disposition: form-data; name="files"; filename="%s"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n%s\r\n"
)
_FORM: Final = "multipart/form-data; boundary=edge"
PrivateKey = ec.EllipticCurvePrivateKey


@dataclass(slots=True)
class Repository:
    """The keys of one collection."""

    gun: str
    root_key: PrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    targets_key: PrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def base(self) -> str:
        """Where its files are."""
        return f"/v2/{self.gun}/_trust/tuf/"

    def root(self, timestamp: Mapping[str, Any], snapshot: Mapping[str, Any]) -> bytes:
        """The first root, with the server's keys as it told them."""
        carried = _key("ecdsa-x509", self_signed(self.gun, self.root_key))
        keys = {"root": carried, "targets": _plain(self.targets_key), "timestamp": timestamp, "snapshot": snapshot}
        signed = {
            "_type": "Root",
            "consistent_snapshot": False,
            "expires": _expiry(),
            "keys": {_id(key): _keyed(key) for key in keys.values()},
            "roles": {role: {"keyids": [_id(key)], "threshold": 1} for role, key in keys.items()},
            "version": 1,
        }
        return _file(signed, _id(carried), self.root_key)

    def targets(self, version: int, tags: Iterable[str]) -> bytes:
        """A version of the targets, with a digest of its own for each tag."""
        listed = {tag: _target(f"{self.gun} {version} {tag}") for tag in tags}
        signed = {
            "_type": "Targets",
            "delegations": {"keys": {}, "roles": []},
            "expires": _expiry(),
            "targets": listed,
            "version": version,
        }
        return _file(signed, _id(_plain(self.targets_key)), self.targets_key)

    def found(self, connection: http.client.HTTPConnection, tags: Iterable[str]) -> None:
        """Publish the first root and targets, these with version 2, as clients do."""
        keys = [json.loads(ask(connection, "GET", f"{self.base}{role}.key")) for role in ("timestamp", "snapshot")]
        self.upload(connection, {"root": self.root(*keys), "targets": self.targets(2, tags)})

    def upload(self, connection: http.client.HTTPConnection, files: Mapping[str, bytes]) -> None:
        """Publish; raises ``RigError`` unless it is acknowledged."""
        ask(connection, "POST", self.base, *multipart(files.items()))


def ask(connection: http.client.HTTPConnection, method: str, target: str, body: bytes = b"", kind: str = "") -> bytes:
    """One request on a kept-alive connection, which has to succeed."""
    connection.request(method, target, body or None, {"Content-Type": kind} if kind else {})
    answer = connection.getresponse()
    said = answer.read()
    if answer.status != 200:
        raise RigError(f"{method} {target}: status {answer.status}: {said[:300]!r}")
    return said


def multipart(parts: Iterable[tuple[str, bytes]]) -> tuple[bytes, str]:
    """An upload as clients make it, and its content type."""
    return b"".join(_PART % (name.encode(), data) for name, data in parts) + b"--edge--\r\n", _FORM


def _file(signed: Mapping[str, Any], keyid: str, key: PrivateKey) -> bytes:
    payload = _canonical(signed)
    r, s = decode_dss_signature(key.sign(payload, ec.ECDSA(hashes.SHA256())))
    made = _text(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    signature = f'{{"keyid":"{keyid}","method":"ecdsa","sig":"{made}"}}'
    return b'{"signed":' + payload + b',"signatures":[' + signature.encode() + b"]}"


def _target(content: str) -> dict[str, Any]:
    return {"hashes": {"sha256": _text(sha256(content.encode()).digest())}, "length": len(content)}


def _plain(key: PrivateKey) -> dict[str, Any]:
    return _key("ecdsa", key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _key(kind: str, public: bytes) -> dict[str, Any]:
    return _keyed({"keytype": kind, "keyval": {"public": _text(public)}})


def _keyed(key: Mapping[str, Any]) -> dict[str, Any]:
    return {"keytype": key["keytype"], "keyval": {"private": None, "public": key["keyval"]["public"]}}


def _id(key: Mapping[str, Any]) -> str:
    return sha256(_canonical(_keyed(key))).hexdigest()


def _canonical(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


def _expiry() -> str:
    return (datetime.now(UTC) + _YEAR).strftime("%Y-%m-%dT%H:%M:%SZ")


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
