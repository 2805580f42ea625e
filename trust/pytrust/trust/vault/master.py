"""The master key, and what is derived from it. Pure.

HKDF-SHA-256 (RFC 5869) gives each purpose a key of its own; the store and the epoch are part of the purpose, so that
no key serves two vaults, or two epochs of one.
"""

from __future__ import annotations

import builtins
import secrets
from typing import Final, Literal, Self

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES: Final = 32
_FORMAT: Final = "pytrust vault 1"
_LENGTHS: Final = {"header": 32, "manifest": 32, "audit": 32, "wrap": 64, "slots": 64, "lineage": 32}

Purpose = Literal["header", "manifest", "audit", "wrap", "slots", "lineage"]


class Master:
    """The key that opens a vault; of one epoch."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes | bytearray) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a master key has {KEY_BYTES} bytes")
        self._key = bytearray(key)

    @classmethod
    def new(cls) -> Self:
        """A random one."""
        return cls(secrets.token_bytes(KEY_BYTES))

    def bytes(self) -> builtins.bytes:
        """The key itself, to be sealed or handed to the agent."""
        return bytes(self._key)

    def derive(self, purpose: Purpose, store: str, epoch: int) -> builtins.bytes:
        """The key of one purpose: 32 bytes, or 64 for ``wrap`` and ``slots`` (AES-256-SIV takes two)."""
        info = bound(_FORMAT, purpose, store, epoch)
        return HKDF(hashes.SHA256(), _LENGTHS[purpose], salt=None, info=info).derive(self.bytes())

    def wipe(self) -> None:
        """Overwrite the key here; copies that Python or a library made stay until their memory is used again."""
        self._key[:] = bytes(KEY_BYTES)

    def __repr__(self) -> str:
        return "Master()"


def bound(*parts: str | int | bytes) -> bytes:
    """``parts`` in one injective encoding (MessagePack: each has its type and length), for what is authenticated."""
    return msgspec.msgpack.encode(parts)
