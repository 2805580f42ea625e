"""Private key files of docker and notary: ``private/<canonical id>.key`` below ``~/.docker/trust`` and ``~/.notary``.

A file is one PEM block; its headers tell the role and, for keys of one image, the image name (notary calls it GUN).
Read are the form of notary 0.7 and docker 17.12 to 28, the traditional one of those before, and the layout of notary
0.1, which kept role and image in the path. Written is the first. The forms have no checksum, so that a passphrase is
believed only where a key comes out, and the one that the file's name promises.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, assert_never

from pytrust.trust.errors import Damaged, UsageError, WrongPassphrase
from pytrust.trust.keys.notary_id import canonical_id
from pytrust.trust.keys.notary_legacy import decrypt_legacy, is_encrypted
from pytrust.trust.keys.notary_pbes2 import KDF_ROUNDS, decrypt, encrypt, wrong_passphrase
from pytrust.trust.keys.notary_pem import Block, read_blocks, write_block
from pytrust.trust.keys.notary_pkcs8 import decode_pkcs8, encode_pkcs8, load_der, read_ed25519
from pytrust.trust.keys.private import PrivateKey
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.names import CollectionName, RoleName

SUFFIX: Final = ".key"
_PLACE = re.compile(r"(?:.*/)?(?P<id>[0-9a-f]{64})(?:_(?P<role>[^/]+?))?(?:\.key)?")
_GUN = re.compile(r"(?:.*/)?tuf_keys/(?P<gun>.+)/[^/]+")
_MARKS = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,64}PRIVATE KEY-----\r?\n(?:[^\n:]{1,64}:[^\n]*\n)*?(?:role|gun|path):")


class Kind(StrEnum):
    """What stands after ``BEGIN``."""

    ENCRYPTED = "ENCRYPTED PRIVATE KEY"
    PLAIN = "PRIVATE KEY"
    EC = "EC PRIVATE KEY"
    RSA = "RSA PRIVATE KEY"
    ED25519 = "ED25519 PRIVATE KEY"


@dataclass(frozen=True, slots=True)
class NotaryKeyFile:
    """One key file, closed.

    Args:
        role: as the file says: ``root``, ``targets``, ``snapshot``, a signer's name, ``targets/NAME``; may be empty.
        gun: the image that the key is for; empty for keys that serve any.
        ids: what the file's name and its ``path`` header say that the key's canonical id is.
    """

    role: str
    gun: str
    kind: Kind
    encrypted: bool
    ids: frozenset[str]
    block: Block = field(repr=False)

    @property
    def owner(self) -> str:
        """For whom it signs, in words: ``root``, ``targets of docker.io/foo/web``."""
        return f"{self.role} of {self.gun}" if self.gun else self.role


def is_notary_file(data: bytes, file_name: str) -> bool:
    """Whether docker or notary wrote it, rather than another tool that writes PEM."""
    return _MARKS.search(data) is not None or (b"PRIVATE KEY-----" in data and _PLACE.fullmatch(file_name) is not None)


def parse(data: bytes, file_name: str) -> NotaryKeyFile:
    """Read a file that holds one key; raises what ``parse_all`` does.

    Args:
        data: the file.
        file_name: its path, of which the last part, or in old layouts more, tells of the key; names it in errors.
    """
    found = parse_all(data, file_name)
    if len(found) > 1:
        raise UsageError(
            f"{file_name} holds {len(found)} keys", hint=f"import all of them: pytrust key import {file_name}"
        )
    return found[0]


def parse_all(data: bytes, file_name: str) -> tuple[NotaryKeyFile, ...]:
    """Read a file of one key or more, as ``notary key export`` writes them: each with a ``path`` header.

    Raises:
        UsageError: not PEM, or not of private keys.
        Damaged: headers that contradict themselves or the file's name.
    """
    return tuple(_file(block, file_name) for block in read_blocks(data, file_name))


def open_key(file: NotaryKeyFile, passphrase: bytes | None, what: str) -> PrivateKey:
    """Decrypt a key; ``what`` names it in errors.

    Raises:
        WrongPassphrase: there is none, or it does not open the key.
        Damaged: what came out is no key, or not the one that the file's name promises.
        UsageError: encrypted in another way, or of a kind that cannot sign here.
    """
    der = _clear(file, passphrase, what)
    try:
        key = _decode(file.kind, der, what)
    except Damaged as error:
        if file.encrypted:
            raise wrong_passphrase(what) from error
        raise
    if not file.ids <= {canonical_id(PublicKey.of(key.public_key()))}:
        raise Damaged(f"{what} holds another key than its name says", hint="restore the file from a backup")
    return key


def write_key(  # noqa: PLR0913 - the last two are for tests, and for those who carry a file elsewhere
    key: PrivateKey,
    passphrase: bytes,
    role: RoleName,
    gun: CollectionName | None,
    *,
    with_path: bool = False,
    rounds: int = KDF_ROUNDS,
) -> bytes:
    """A key file as docker and notary read it, to be called ``file_name(key)``.

    Args:
        key: any kind of key.
        passphrase: not empty.
        role: ``root``, ``targets``, ``snapshot`` or a signer's name.
        gun: for ``targets`` and ``snapshot``: the image that the key is for.
        with_path: name the key inside too: ``docker trust key load`` and ``notary key import`` silently skip an
            encrypted key without it.
        rounds: of PBKDF2.
    """
    path = canonical_id(PublicKey.of(key.public_key())) if with_path else ""
    headers = {"gun": gun or "", "path": path, "role": role}
    body = encrypt(encode_pkcs8(key), passphrase, rounds=rounds)
    return write_block(Block(Kind.ENCRYPTED, {name: value for name, value in headers.items() if value}, body))


def file_name(public: PublicKey) -> str:
    """What docker and notary call the file of a key: they look for it by this name."""
    return f"{canonical_id(public)}{SUFFIX}"


def _file(block: Block, name: str) -> NotaryKeyFile:
    if block.label not in set(Kind):
        raise UsageError(f"{name} holds a {block.label[:40].lower()}, not a private key of docker or notary")
    kind = Kind(block.label)
    legacy = is_encrypted(block, name)
    if legacy and kind in {Kind.ENCRYPTED, Kind.PLAIN}:
        raise Damaged(f"{name} is damaged: it is encrypted in two ways")
    places = [place for text in (name, block.headers.get("path", "")) if (place := _PLACE.fullmatch(text))]
    return NotaryKeyFile(
        role=_one(name, "role", [block.headers.get("role"), *(place["role"] for place in places)]),
        gun=_one(name, "gun", [block.headers.get("gun"), *(_gun_of(place.string) for place in places)]),
        kind=kind,
        encrypted=legacy or kind is Kind.ENCRYPTED,
        ids=frozenset(place["id"] for place in places),
        block=block,
    )


def _one(name: str, what: str, said: list[str | None]) -> str:
    values = {value for value in said if value}
    if len(values) > 1:
        raise Damaged(f"{name} tells of two values of {what}: {' and '.join(sorted(values))[:200]}")
    return values.pop() if values else ""


def _gun_of(path: str) -> str | None:
    found = _GUN.fullmatch(path)
    return found["gun"] if found else None


def _clear(file: NotaryKeyFile, passphrase: bytes | None, what: str) -> bytes:
    if not file.encrypted:
        return file.block.body
    if not passphrase:
        raise WrongPassphrase(f"{what} is encrypted", hint="give its passphrase with --old-passphrase-file")
    open_body = decrypt_legacy if file.kind is not Kind.ENCRYPTED else _decrypt_block
    return open_body(file.block, passphrase, what)


def _decrypt_block(block: Block, passphrase: bytes, what: str) -> bytes:
    return decrypt(block.body, passphrase, what)


def _decode(kind: Kind, der: bytes, what: str) -> PrivateKey:
    match kind:
        case Kind.ENCRYPTED | Kind.PLAIN:
            return decode_pkcs8(der, what)
        case Kind.EC | Kind.RSA:
            return load_der(der, what)
        case Kind.ED25519:
            return read_ed25519(der, what)
        case _:
            assert_never(kind)
