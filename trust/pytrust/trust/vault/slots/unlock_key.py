"""An unlock key: the seed itself, spelled so that it can be printed, kept and typed. Pure, but for ``make``.

``PTKEY-1-`` and 48 characters of base64 (RFC 4648, section 5): 32 bytes of seed and 4 of SHA-256 over prefix and seed.
Those tell a typing error from the key of another vault. The alphabet adds nothing to what the prefix has: letters,
digits, ``-`` and ``_`` need no quoting in a shell, and 36 bytes no padding, so that a key has one spelling.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

from pytrust.trust.errors import UsageError
from pytrust.trust.limits import UNLOCK_TEXT_MAX_BYTES
from pytrust.trust.vault.slots.made import SEED_BYTES, Made, NoParams, Params, read_params

KIND: Final = "unlock-key"
PREFIX: Final = "PTKEY-1-"
_CHECK_BYTES: Final = 4
_BODY_CHARS: Final = 48
_ALPHABET: Final = re.compile(r"[A-Za-z0-9_-]*")


def make() -> tuple[str, Made]:
    """A new unlock key, to be shown once, and its slot."""
    seed = secrets.token_bytes(SEED_BYTES)
    return spelled(seed), Made(seed, {})


def seed(params: Params, text: bytes) -> bytes:
    """The seed; raises ``UsageError`` for what is no unlock key, ``Damaged`` for parameters."""
    read_params(params, NoParams, KIND)
    return parse(text)


def spelled(seed: bytes) -> str:
    """The unlock key of a seed."""
    return PREFIX + urlsafe_b64encode(seed + _check(seed)).decode()


def parse(text: str | bytes) -> bytes:
    """The seed of an unlock key, with white space around it or without.

    Raises:
        UsageError: it is none; the message says what is wrong, and nothing of the key.
    """
    body = _body(_ascii(text).strip(" \t\r\n"))
    if len(body) != _BODY_CHARS:
        raise _no_key(f"has {len(PREFIX) + len(body)} characters, and not {len(PREFIX) + _BODY_CHARS}: is it whole?")
    found = urlsafe_b64decode(body)
    seed, check = found[:SEED_BYTES], found[SEED_BYTES:]
    if not hmac.compare_digest(check, _check(seed)):
        raise _no_key("has a typing error: its checksum does not fit")
    return seed


def _ascii(text: str | bytes) -> str:
    if len(text) > UNLOCK_TEXT_MAX_BYTES:
        raise _no_key(f"is longer than {UNLOCK_TEXT_MAX_BYTES} bytes")
    try:
        return text.encode("ascii").decode() if isinstance(text, str) else text.decode("ascii")
    except UnicodeError:
        raise _no_key("holds a character that no key has") from None  # the error holds the key


def _body(text: str) -> str:
    if not text:
        raise _no_key("is empty")
    if not text.startswith(PREFIX):
        lowered = text.startswith(PREFIX.lower())
        raise _no_key("lost its capital letters" if lowered else f"does not begin with {PREFIX}")
    body = text.removeprefix(PREFIX)
    if re.search(r"\s", body):
        raise _no_key("has white space within")
    if not _ALPHABET.fullmatch(body):
        raise _no_key("holds a character that no key has")
    return body


def _check(seed: bytes) -> bytes:
    return hashlib.sha256(PREFIX.encode() + seed).digest()[:_CHECK_BYTES]


def _no_key(why: str) -> UsageError:
    return UsageError(f"the unlock key {why}", hint=f"copy it again, all of {PREFIX}...")
