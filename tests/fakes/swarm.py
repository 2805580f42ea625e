"""A swarm of one manager, as far as the Engine API tells of it: dockerd 20.10.24's words, states and refusals."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

CLUSTER: Final = "kamm5rnc7dz9be7eelgpr5qwd"
LOCKED: Final = "Swarm is encrypted and needs to be unlocked before it can be used."


@dataclass(slots=True)
class FakeSwarm:
    """``broken`` maps a path to the status it fails with; ``before_update`` runs when an update arrives."""

    root: str
    state: str = "active"
    manager: bool = True
    autolock: bool = False
    version: int = 10
    round: int = 0
    cluster: str = CLUSTER
    secrets: list[dict[str, Any]] = field(default_factory=list)
    broken: dict[str, int] = field(default_factory=dict)
    spec: dict[str, Any] = field(
        default_factory=lambda: {"Name": "default", "Raft": {"ElectionTick": 10}, "Labels": {}}
    )
    asked: list[str] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    stranger: int = 0
    """As many updates by others come just before one of ours."""

    def key(self, kind: str) -> str:
        """The keys of this round: worker, manager or unlock."""
        if kind == "unlock":
            return f"SWMKEY-1-{'k' * 40}{self.round:03d}"
        return f"SWMTKN-1-{'r' * 50}-{kind[:1] * 22}{self.round:03d}"

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, Any]:
        path = urlsplit(target).path
        query = {key: values[0] for key, values in parse_qs(urlsplit(target).query).items()}
        self.asked.append(f"{method} {path}")
        if status := self.broken.get(f"{method} {path}"):
            return status, {"message": "rpc error: something broke"}
        match method, path:
            case "GET", "/info":
                return 200, {"Swarm": {"LocalNodeState": self.state, "ControlAvailable": self.manager}}
            case "POST", "/swarm/unlock":
                return self._unlock(json.loads(body)["UnlockKey"])
            case _ if self.state == "locked":
                return 503, {"message": LOCKED}
            case "GET", "/swarm":
                return 200, self._told()
            case "GET", "/swarm/unlockkey":
                return 200, {"UnlockKey": self.key("unlock") if self.autolock else ""}
            case "GET", "/secrets":
                return 200, self.secrets
            case "POST", "/swarm/update":
                return self._update(query, json.loads(body))
        return 404, {"message": "page not found"}

    def _told(self) -> dict[str, Any]:
        return {
            "ID": self.cluster,
            "Version": {"Index": self.version},
            "Spec": {**self.spec, "EncryptionConfig": {"AutoLockManagers": self.autolock}},
            "TLSInfo": {"TrustRoot": self.root},
            "RootRotationInProgress": False,
            "JoinTokens": {"Worker": self.key("worker"), "Manager": self.key("manager")},
        }

    def _update(self, query: dict[str, str], spec: dict[str, Any]) -> tuple[int, Any]:
        if self.stranger:
            self.stranger -= 1
            self.version += 1
        if query.pop("version") != str(self.version):
            return 500, {"message": "rpc error: code = Unknown desc = update out of sequence"}
        self.version += 1
        self.autolock = spec.pop("EncryptionConfig")["AutoLockManagers"]
        self.spec = spec
        if set(query.items()) == {
            (f"rotate{name}", "true") for name in ("WorkerToken", "ManagerToken", "ManagerUnlockKey")
        }:
            self.round += 1
        return 200, None

    def _unlock(self, key: str) -> tuple[int, Any]:
        self.tried.append(key)
        if self.state != "locked":
            return 409, {"message": "swarm is not locked"}
        if key != self.key("unlock"):
            return 401, {"message": "swarm could not be unlocked: invalid key provided"}
        self.state = "active"
        return 200, None


@contextmanager
def serve(swarm: FakeSwarm, path: Path) -> Iterator[FakeSwarm]:
    """Listen at ``path``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            status, value = swarm.answer(self.command, self.path, self.rfile.read(size))
            body = b"" if value is None else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

        def address_string(self) -> str:
            return ""

    with ThreadingUnixStreamServer(str(path), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield swarm
        finally:
            server.shutdown()
            thread.join()
