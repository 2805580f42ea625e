"""The files of a server that asks for passwords, and a clock that is moved by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import bcrypt

from pytrust.trust.server.auth import Gate, TokenService, load_gate, parse_auth

_COST = 4  # the least: what is slow on purpose need not be slow here


def line(user: str, password: str) -> bytes:
    return user.encode() + b":" + bcrypt.hashpw(password.encode(), bcrypt.gensalt(_COST)) + b"\n"


@dataclass
class Clock:
    at: datetime = field(default_factory=lambda: datetime(2026, 11, 30, 12, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.at

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


@dataclass
class House:
    """A folder with the files that the settings name."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    table: dict[str, object] = field(default_factory=lambda: {"kind": "htpasswd", "htpasswd": "users"})

    def users(self, **passwords: str) -> None:
        path = self.folder / "users"
        path.write_bytes(b"".join(line(user, password) for user, password in passwords.items()))
        path.chmod(0o640)

    def open(self) -> tuple[Gate, TokenService]:
        gate, tokens = load_gate(parse_auth(self.table, self.folder, "server.toml"), self.clock)
        assert tokens is not None
        return gate, tokens
