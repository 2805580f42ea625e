"""Private keys in the vault: what they are called there, and how the files that held them say so.

A key lies there as PKCS#8 in PEM (RFC 5958), under a name that ends in the beginning of its id. So two keys never have
one name, a rotation moves none, and what a run put there before it was killed stands in the way of no other. The file
keeps the public half, and a line with the URI ``vault:NAME``; listing and verifying open nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Literal

from cryptography.hazmat.primitives import serialization

from pytrust.trust.errors import Conflict, Damaged, InvalidName, NoSuchSecret, NotSetUp, UsageError
from pytrust.trust.keys.private import PrivateKey, import_pem
from pytrust.trust.keys.public import PublicKey, read_public_pem
from pytrust.trust.vault.asking import Vaulted
from pytrust.trust.vault.names import SecretName, parse_secret_name
from pytrust.trust.vault.operations import ABSENT, Get, Put, Remove, Value

Opening = Callable[[], Vaulted]
"""Gives the open vault when a key is needed; raises ``VaultLocked`` where nobody can open it."""
Place = Literal["signing", "online", "ca", "server"]
"""Whose keys they are."""

SCHEME: Final = "vault:"
PREFIX: Final = "pytrust/key/"
PUBLIC_END: Final = b"-----END PUBLIC KEY-----\n"
_ID_DIGITS: Final = 12
_STEM_MAX: Final = 48  # a part of a name has at most 64 characters
_LINE: Final = re.compile(rb"URI: ([\x21-\x7e]{1,1024})\n")
_HINT: Final = "put the files back into the home that they came from, or its vault: pytrust vault restore"


def read_uri(line: bytes) -> str | None:
    """The URI of a line that says where a private key lives."""
    found = _LINE.fullmatch(line)
    return found[1].decode() if found else None


def write_uri(uri: str) -> bytes:
    """The line; raises ``UsageError`` for what ``read_uri`` would not read."""
    line = f"URI: {uri}\n".encode()
    if read_uri(line) is None:
        raise UsageError(f"{uri[:100]!r} is not a key URI", hint="for example hsm:2?label=release")
    return line


def write_reference(secret: SecretName) -> bytes:
    """The line for a key in the vault."""
    return write_uri(f"{SCHEME}{secret}")


def read_reference(data: bytes, place: Place, what: str) -> SecretName | None:
    """The secret that a file refers to, which may begin with a public key; None for a file that holds its key.

    Raises:
        Damaged: it refers to something that is no key of ``place``.
    """
    uri = read_uri(data.rpartition(PUBLIC_END)[2])
    if uri is None or not uri.startswith(SCHEME):
        return None
    try:
        secret = parse_secret_name(uri.removeprefix(SCHEME))
    except InvalidName as error:
        raise Damaged(f"{what} refers to {uri[:100]!r}, which is no secret") from error
    if not secret.startswith(f"{PREFIX}{place}/"):
        raise Damaged(f"{what} refers to {secret}, which is no key of its kind")
    return secret


def read_public(data: bytes, what: str) -> PublicKey:
    """The public half of a file that refers to the vault; raises ``UsageError`` for what is no key."""
    public, end, _ = data.partition(PUBLIC_END)
    return read_public_pem(public + end, what)


def private_pem(key: PrivateKey) -> bytes:
    """A private key as it lies in the vault, and nowhere else unless there is none."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def keep_key(vaulted: Vaulted, place: Place, stem: str, key: PrivateKey) -> SecretName:
    """Put a key into the vault, and see that it comes out again; the second time is nothing.

    Raises:
        Damaged: something else lies under its name.
    """
    public = PublicKey.of(key.public_key())
    secret = _named(place, stem, public.id)
    _put(vaulted, secret, private_pem(key))
    open_key(lambda: vaulted, secret, public, f"the key {stem}")
    return secret


def open_key(vault: Opening | None, secret: SecretName, public: PublicKey, what: str) -> PrivateKey:
    """Take a key out of the vault; raises what ``fetch`` does, and ``Damaged`` where it is not that of ``public``."""
    try:
        key = import_pem(fetch(vault, secret, what), None, what)
    except UsageError as error:
        raise Damaged(f"what the vault holds as {secret} is no private key") from error
    if PublicKey.of(key.public_key()) != public:
        raise Damaged(f"the two halves of {what} do not belong together", hint="restore it from a backup")
    return key


def keep_bytes(vaulted: Vaulted, place: Place, stem: str, value: bytes) -> SecretName:
    """As ``keep_key``, for a key that has no public half."""
    secret = _named(place, stem, hashlib.sha256(value).hexdigest())
    _put(vaulted, secret, value)
    if fetch(lambda: vaulted, secret, f"the key {stem}") != value:
        raise Damaged(f"something else lies in the vault as {secret}")
    return secret


def fetch(vault: Opening | None, secret: SecretName, what: str) -> bytes:
    """Take a value out of the vault; ``what`` names it in errors, and in the audit.

    Raises:
        NotSetUp: this home has no vault.
        VaultLocked: nobody can open it.
        Damaged: it holds no such key.
    """
    opening = there(vault, what)
    try:
        found = opening().ask(Get(name=secret, purpose=what))
    except NoSuchSecret as error:
        raise Damaged(f"{what} is not in the vault of this home", hint=_HINT) from error
    assert isinstance(found, Value)
    return found.value


def there(vault: Opening | None, what: str) -> Opening:
    """The vault of the home; raises ``NotSetUp`` where it has none, though a file refers to one."""
    if vault is None:
        raise NotSetUp(f"{what} lies in a vault, and there is none here", hint=f"{_HINT}; if all is lost, remove them")
    return vault


def forget(vaulted: Vaulted, secret: SecretName, public: PublicKey) -> None:
    """Remove a key from the vault, if it is there; raises ``Damaged`` where it is not called after ``public``."""
    if not secret.endswith(f"-{public.id[:_ID_DIGITS]}"):
        raise Damaged(f"{secret} is not the other half of the key whose file refers to it", hint=_HINT)
    with suppress(NoSuchSecret):
        vaulted.ask(Remove(name=secret))


def _named(place: Place, stem: str, identity: str) -> SecretName:
    return parse_secret_name(f"{PREFIX}{place}/{stem[:_STEM_MAX]}-{identity[:_ID_DIGITS]}")


def _put(vaulted: Vaulted, secret: SecretName, value: bytes) -> None:
    with suppress(Conflict):  # a run that ended before its file was written
        vaulted.ask(Put(name=secret, value=value, expect=ABSENT))
