"""Which key of which token, through which module: a PKCS#11 URI (RFC 7512), read strictly. Pure.

    pkcs11:token=ops;object=vault?module-path=/usr/lib/softhsm/libsofthsm2.so

A PIN has no place in it: the URI lies in the vault's header, and in the history of shells.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from pytrust.trust.errors import UsageError
from pytrust.trust.limits import PKCS11_URI_MAX_CHARS

_SCHEME: Final = "pkcs11:"
_ATTRIBUTE: Final = re.compile(r"([a-z-]{1,16})=((?:[A-Za-z0-9_.~:\[\]@!$'()*+,=&/-]|%[0-9A-Fa-f]{2}){1,400})")
_TOKEN: Final = frozenset({"token", "serial", "model", "manufacturer"})
_KEY: Final = frozenset({"object", "id"})
_TYPES: Final = frozenset({"private", "secret-key"})
_EXAMPLE: Final = "pkcs11:token=NAME;object=KEY?module-path=/usr/lib/.../module.so"


class Target(NamedTuple):
    """A key in a token.

    Attributes:
        module: the shared library that speaks for the token; absolute.
        token: what is known of the token: ``token`` (its label), ``serial``, ``model``, ``manufacturer``.
        label: of the key, or None.
        id: of the key, or None; one of the two is there.
    """

    module: str
    token: Mapping[str, str]
    label: str | None
    id: bytes | None


def parse_uri(uri: str) -> Target:
    """Raises ``UsageError`` for what does not name one token, one key and one module."""
    if len(uri) > PKCS11_URI_MAX_CHARS or not uri.startswith(_SCHEME):
        raise _no_uri("does not begin with pkcs11:, or is too long")
    path, _, query = uri.removeprefix(_SCHEME).partition("?")
    found = _attributes(path.split(";"), _TOKEN | _KEY | {"type"})
    module = _text(_attributes(query.split("&") if query else [], {"module-path"}).get("module-path", b""))
    if not module.startswith("/"):
        raise _no_uri("names no module-path")
    if not _TOKEN & found.keys() or not _KEY & found.keys() or found.get("type", b"private").decode() not in _TYPES:
        raise _no_uri("does not name a token, and a key in it")
    token = {name: _text(found[name]) for name in sorted(_TOKEN & found.keys())}
    label = _text(found["object"]) if "object" in found else None
    return Target(module, token, label, found.get("id"))


def _attributes(words: list[str], known: frozenset[str] | set[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for word in words:
        match = _ATTRIBUTE.fullmatch(word)
        if match is None or match[1] not in known or match[1] in found:
            raise _no_uri(
                f"holds an attribute that is malformed, twice there, or not for this: {word.partition('=')[0][:20]!r}"
            )
        found[match[1]] = unquote_to_bytes(match[2])
    return found


def _text(value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        raise _no_uri("holds a name that is not UTF-8") from error
    if not text.isprintable():
        raise _no_uri("holds a name with control characters")
    return text


def _no_uri(why: str) -> UsageError:
    return UsageError(f"the PKCS#11 URI {why}", hint=_EXAMPLE)
