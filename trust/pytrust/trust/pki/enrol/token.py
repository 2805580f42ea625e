"""Enrolment tokens: one word that a host needs to get its first certificate from the right authority. Pure.

    PTCA-1-<which authority>-<secret>-<checksum>
           50 characters     25       6          of 0-9 a-z

The first part is the SHA-256 of the whole root bundle, so that whoever stands in between can neither put another
bundle in its place nor append a root to it; the second is 128 random bits, of which the authority keeps a hash. It is
the shape of docker swarm's join tokens, with a checksum, so that a slip of the hand is told apart from a wrong token.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Final, NewType, Self

from pytrust.trust.errors import UsageError

SecretHash = NewType("SecretHash", bytes)
"""SHA-256 of a secret: all that an authority keeps of a token. 128 random bits need no slow hash."""

TOKEN_MAX_CHARS: Final = 200  # 90 are needed; the rest is what an editor adds
SECRET_BYTES: Final = 16
_DIGEST_BYTES: Final = 32
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_DIGEST_CHARS: Final = 50  # 36^50 > 2^256
_SECRET_CHARS: Final = 25  # 36^25 > 2^128
_CHECK_CHARS: Final = 6  # one slip in two thousand million goes unnoticed, and is refused as a wrong token then
_PREFIX: Final = "ptca-1-"
_SHAPE: Final = re.compile(
    rf"{_PREFIX}(?P<digest>[0-9a-z]{{{_DIGEST_CHARS}}})-(?P<secret>[0-9a-z]{{{_SECRET_CHARS}}})"
    rf"-(?P<check>[0-9a-z]{{{_CHECK_CHARS}}})"
)
_HINT: Final = "copy it again, whole, as pytrust ca token printed it"


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says; ``digest`` is that of the root bundle. Nothing of the secret shows in its ``repr``."""

    digest: bytes
    secret: bytes = field(repr=False)

    @classmethod
    def make(cls, roots: bytes, secret: bytes) -> Self:
        """One for the authority whose root bundle is ``roots``, the very bytes that it serves.

        ``secret``: ``SECRET_BYTES`` fresh random bytes.
        """
        return cls(bundle_digest(roots), secret)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a token; case and white space around it do not matter.

        Raises:
            UsageError: it is no token, or one with a typing error. The message shows nothing of it.
        """
        word = text.strip().lower() if len(text) <= TOKEN_MAX_CHARS else ""
        if not (found := _SHAPE.fullmatch(word)):
            raise UsageError("that is not an enrolment token: PTCA-1-...-...-...", hint=_HINT)
        if found["check"] != _checksum(word.rpartition("-")[0]):
            raise _mistyped()
        return cls(_bytes(found["digest"], _DIGEST_BYTES), _bytes(found["secret"], SECRET_BYTES))

    def reveal(self) -> str:
        """The token as its holder needs it: a secret. There is no ``str()``, so that no message shows it by mistake."""
        body = f"{_PREFIX}{_text(self.digest, _DIGEST_CHARS)}-{_text(self.secret, _SECRET_CHARS)}"
        return f"PTCA{body.removeprefix('ptca')}-{_checksum(body)}"

    @property
    def hash(self) -> SecretHash:
        """What the authority knows it by."""
        return hash_secret(self.secret)

    def fits(self, roots: bytes) -> bool:
        """Whether ``roots`` is the root bundle that it was made for, byte for byte."""
        return compare_digest(self.digest, bundle_digest(roots))


def bundle_digest(roots: bytes) -> bytes:
    """The SHA-256 of a root bundle."""
    return hashlib.sha256(roots).digest()


def hash_secret(secret: bytes) -> SecretHash:
    """What is kept of a secret."""
    return SecretHash(hashlib.sha256(b"pytrust enrolment secret\0" + secret).digest())


def _checksum(body: str) -> str:
    number = int.from_bytes(hashlib.sha256(body.encode()).digest()) % len(_DIGITS) ** _CHECK_CHARS
    return _digits(number).rjust(_CHECK_CHARS, "0")


def _text(data: bytes, width: int) -> str:
    return _digits(int.from_bytes(data)).rjust(width, "0")


def _digits(number: int) -> str:
    found = ""
    while number:
        number, digit = divmod(number, len(_DIGITS))
        found = _DIGITS[digit] + found
    return found


def _bytes(text: str, size: int) -> bytes:
    try:
        return int(text, len(_DIGITS)).to_bytes(size)
    except OverflowError:  # beyond 2^256 or 2^128: no token of ours, whatever its checksum says
        raise _mistyped() from None


def _mistyped() -> UsageError:
    return UsageError("the enrolment token has a typing error: its checksum does not fit", hint=_HINT)
