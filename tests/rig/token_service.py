"""An issuer of Docker registry tokens, of which a trust server knows the certificate and nothing else.

Everybody may pull, users may push, an administrator may do everything. Whoever shows a wrong password gets no token.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from tests.rig.throwaway import self_signed

SERVICE: Final = "trust.rig"
ISSUER: Final = "issuer.rig"
_LIFETIME: Final = 300  # seconds


@dataclass(slots=True)
class TokenService:
    """``users`` are passwords by name, ``admins`` names among them; ``certificate`` is for servers to believe."""

    users: Mapping[str, str]
    admins: frozenset[str]
    certificate: Path
    key: ec.EllipticCurvePrivateKey
    url: str = ""
    _asked: list[str] = field(default_factory=list)

    def take(self) -> list[str]:
        """Who asked for what, and what was granted, since the last time."""
        asked, self._asked = self._asked, []
        return asked

    def answer(self, query: Mapping[str, list[str]], authorization: str) -> dict[str, Any] | None:
        """A token; none for a wrong password."""
        user = self._user(authorization)
        asked = [scope for words in query.get("scope", []) for scope in words.split()]
        granted = [_access(scope, self._actions(user)) for scope in asked] if user is not None else None
        found = "refused" if granted is None else " ".join(str(sorted(item["actions"])) for item in granted)
        self._asked.append(f"token for {user or 'nobody'}: {' '.join(map(_plain, asked))}: {found}")
        return None if granted is None else {"token": self._sign(user or "", granted), "expires_in": _LIFETIME}

    def _user(self, authorization: str) -> str | None:
        """Empty for nobody, none for somebody who is not who they say."""
        if not authorization:
            return ""
        name, _, password = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        return name if self.users.get(name) == password else None

    def _actions(self, user: str | None) -> set[str]:
        if user in self.admins:
            return {"pull", "push", "*"}
        return {"pull", "push"} if user else {"pull"}

    def _sign(self, user: str, access: list[dict[str, Any]]) -> str:
        now = int(time.time())
        times = {"iat": now, "nbf": now - 10, "exp": now + _LIFETIME}
        claims = {"iss": ISSUER, "sub": user, "aud": SERVICE, "jti": f"{now}", "access": access, **times}
        certificate = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        shown = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
        signed = f"{_encoded({'typ': 'JWT', 'alg': 'ES256', 'x5c': [shown]})}.{_encoded(claims)}"
        r, s = decode_dss_signature(self.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_base64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


@contextmanager
def token_service(folder: Path, users: Mapping[str, str], admins: frozenset[str]) -> Iterator[TokenService]:
    """Run an issuer on loopback."""
    folder.mkdir(parents=True, exist_ok=True)
    key, certificate = ec.generate_private_key(ec.SECP256R1()), folder / "issuer.pem"
    certificate.write_bytes(self_signed(ISSUER, key))
    service = TokenService(users, admins, certificate, key)
    server = _Server(service)
    service.url = f"http://127.0.0.1:{server.server_address[1]}/token"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, service: TokenService) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.service = service


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        query = parse_qs(urlsplit(self.path).query)
        answer = self.server.service.answer(query, self.headers.get("Authorization", ""))
        body = json.dumps(answer or {"errors": []}).encode()
        self.send_response_only(200 if answer else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _access(scope: str, may: set[str]) -> dict[str, Any]:
    kind, _, rest = scope.partition(":")
    name, _, actions = rest.rpartition(":")
    return {"type": kind, "name": name, "actions": sorted(set(actions.split(",")) & may)}


def _plain(scope: str) -> str:
    """Clients list actions in any order."""
    before, _, actions = scope.rpartition(":")
    return f"{before}:{','.join(sorted(actions.split(',')))}"


def _encoded(value: Mapping[str, Any]) -> str:
    return _base64(json.dumps(value).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
