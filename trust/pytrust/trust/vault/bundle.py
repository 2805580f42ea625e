"""Secrets on their way from one vault to another, as one JSON document; age encrypts it. Pure.

    {"pytrust": 1, "secrets": [{"name", "value" (base64), "labels", "readers", "expires"}, ...]}

What is read is bounded, and refused where it has two readings. No error quotes it: what cannot be understood may be a
secret.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Final

import msgspec

from pytrust.trust.canonical import encode_json, parse_json
from pytrust.trust.errors import BadMetadata, UsageError
from pytrust.trust.limits import BUNDLE_MAX_BYTES, SECRET_MAX_BYTES
from pytrust.trust.vault.model import Reader, Terms, check_terms
from pytrust.trust.vault.names import SecretName, is_own, parse_secret_name

_FORMAT: Final = 1
_BASE64_MAX_CHARS: Final = (SECRET_MAX_BYTES + 2) // 3 * 4
_DEPTH: Final = 4


@dataclass(frozen=True, slots=True)
class Bundled:
    """One secret: its current value, and what holds for it but for how many versions are kept."""

    name: SecretName
    value: bytes = field(repr=False)
    terms: Terms


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    value: Annotated[str, msgspec.Meta(min_length=4, max_length=_BASE64_MAX_CHARS)]
    labels: dict[str, str]
    readers: tuple[str, ...]
    expires: int | None


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pytrust: int
    secrets: tuple[_Entry, ...]


def encode_bundle(secrets: Iterable[Bundled]) -> bytes:
    """The document; raises ``UsageError`` where it is too large."""
    entries = [_entry(secret) for secret in secrets]
    data = encode_json({"pytrust": _FORMAT, "secrets": entries}) + b"\n"
    if len(data) > BUNDLE_MAX_BYTES:
        raise UsageError(f"these secrets fill more than {BUNDLE_MAX_BYTES} bytes", hint="export fewer of them at once")
    return data


def decode_bundle(data: bytes) -> tuple[Bundled, ...]:
    """The secrets in a document, all of them, or none.

    Raises:
        BadMetadata: it is no such document.
        InvalidName: a name is none.
        UsageError: what shall hold for one of them has no meaning.
    """
    try:
        document = msgspec.convert(_parsed(data), _Document)
    except msgspec.ValidationError:
        raise _damaged("is no export of secrets") from None  # the error may hold a part of a secret
    if document.pytrust != _FORMAT:
        raise _damaged(f"is of format {document.pytrust}, which this pytrust does not know")
    found = tuple(_bundled(entry) for entry in document.secrets)
    for name, count in Counter(secret.name for secret in found).most_common(1):
        if count > 1:
            raise _damaged(f"holds {name} twice")
    return found


def is_bundle(data: bytes) -> bool:
    """Whether ``data`` wants to be one, and not a single value."""
    return data[:256].replace(b" ", b"").replace(b"\n", b"").startswith(b'{"pytrust":')


def _entry(secret: Bundled) -> dict[str, object]:
    return {
        "name": secret.name,
        "value": b64encode(secret.value).decode(),
        "labels": dict(secret.terms.labels),
        "readers": list(secret.terms.readers),
        "expires": secret.terms.expires,
    }


def _parsed(data: bytes) -> object:
    try:
        found: object = parse_json(data, what="the export", max_bytes=BUNDLE_MAX_BYTES, max_depth=_DEPTH)
    except BadMetadata:
        raise _damaged("is not strict JSON, or too large") from None
    return found


def _bundled(entry: _Entry) -> Bundled:
    name = parse_secret_name(entry.name)
    if is_own(name):
        raise _damaged(f"holds {name}, which is pytrust's own")
    readers = tuple(map(Reader, entry.readers))
    terms = check_terms(Terms(tuple(entry.labels.items()), readers, entry.expires))
    return Bundled(name, _value(entry), terms)


def _value(entry: _Entry) -> bytes:
    try:
        value = b64decode(entry.value, validate=True)
    except ValueError:
        value = b""
    if b64encode(value).decode() != entry.value or not 0 < len(value) <= SECRET_MAX_BYTES:
        raise _damaged(f"holds a value of {entry.name} that is none")
    return value


def _damaged(why: str) -> BadMetadata:
    return BadMetadata(f"the export {why}", hint="make it anew with: pytrust secret export")
