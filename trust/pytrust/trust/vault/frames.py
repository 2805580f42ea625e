"""A chain of sealed frames: a file that only grows, whose every byte is authenticated. Pure.

    frame = length of the rest (4 bytes, big-endian) | nonce (12) | ciphertext | tag (16)

AES-256-GCM (NIST SP 800-38D) with random nonces under one key, for at most 2**31 frames (section 8.3). A frame is bound
to what the chain is, to its place in it, and to the tag of the frame before, so none can be changed, moved, left out or
taken from another chain; how many there are says the vault's header.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pytrust.trust.errors import Damaged, Unsound
from pytrust.trust.limits import VAULT_FRAME_MAX_BYTES, VAULT_FRAMES_MAX
from pytrust.trust.vault.header import Head

_LENGTH_BYTES: Final = 4
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_LEAST: Final = _NONCE_BYTES + _TAG_BYTES


class Chain:
    """How far a chain has come.

    Args:
        key: 32 bytes.
        context: what the chain is, in an injective encoding.
        head: where to go on; of a new chain none.
    """

    __slots__ = ("_aead", "_context", "frames", "length", "tag")

    def __init__(self, key: bytes, context: bytes, head: Head | None = None) -> None:
        self._aead, self._context = AESGCM(key), context
        start = head or Head()
        self.length, self.frames, self.tag = start.length, start.frames, bytes.fromhex(start.tag)

    @property
    def head(self) -> Head:
        """For the header."""
        return Head(self.length, self.frames, self.tag.hex())

    def copy(self) -> Chain:
        """The same place."""
        other = object.__new__(Chain)
        other._aead, other._context = self._aead, self._context
        other.length, other.frames, other.tag = self.length, self.frames, self.tag
        return other

    def seal(self, body: bytes) -> bytes:
        """The next frame; the chain goes on behind it."""
        if self.frames >= VAULT_FRAMES_MAX:
            raise Unsound("the vault's key has sealed as much as it may", hint="pytrust vault rekey")
        if len(body) > VAULT_FRAME_MAX_BYTES - _LEAST:  # nobody could read it again
            raise Unsound("that is more than the vault can take in one step", hint="do it in smaller steps")
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + self._aead.encrypt(nonce, body, self._bound())
        frame = len(sealed).to_bytes(_LENGTH_BYTES) + sealed
        self._move(len(frame), sealed[-_TAG_BYTES:])
        return frame

    def read(self, data: bytes, what: str) -> Iterator[bytes]:
        """The bodies of the frames in ``data``, in which the chain goes on; raises ``Damaged`` at the first bad one."""
        view, at, end = memoryview(data), 0, len(data)
        while at < end:
            start = at + _LENGTH_BYTES
            size = int.from_bytes(view[at:start])
            at = start + size
            if not _LEAST <= size <= VAULT_FRAME_MAX_BYTES or at > end:
                raise Damaged(f"{what} is cut off, or was changed")
            try:
                nonce, sealed = view[start : start + _NONCE_BYTES], view[start + _NONCE_BYTES : at]
                body = self._aead.decrypt(nonce, sealed, self._bound())
            except InvalidTag as error:
                raise Damaged(f"{what} was changed by something that is not the vault") from error
            self._move(_LENGTH_BYTES + size, bytes(sealed[-_TAG_BYTES:]))
            yield body

    def skip(self, length: int, tag: bytes) -> None:
        """Go behind a frame that another process added, unopened: whoever reads the chain will check it."""
        self._move(length, tag)

    def _bound(self) -> bytes:
        """The last two parts have fixed lengths."""
        return self._context + self.frames.to_bytes(8) + self.tag

    def _move(self, length: int, tag: bytes) -> None:
        self.length += length
        self.frames += 1
        self.tag = tag
