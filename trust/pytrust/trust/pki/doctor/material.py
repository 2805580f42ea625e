"""What is in a PEM file: certificates, revocation lists, keys, and what cannot be used. Pure.

docker reads PEM alone. Private keys are looked at and let go: what stays of one is its public half.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from pytrust.trust.pki.finding import Finding, Severity
from pytrust.trust.pki.foreign import UNREADABLE, read_certificate, read_list

_BLOCKS_MAX: Final = 1000  # of one file; a system's whole bundle of authorities has 150
_BEGIN: Final = b"-----BEGIN "
_END: Final = b"-----END "
_DASHES: Final = b"-----"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A private key; ``public`` is its public half as SubjectPublicKeyInfo (DER), None while it is encrypted."""

    public: bytes | None

    @property
    def encrypted(self) -> bool:
        """Whether a passphrase is needed to use it."""
        return self.public is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """One file: ``name`` as findings call it, ``mode`` its permission bits."""

    name: str
    mode: int
    certificates: tuple[x509.Certificate, ...] = ()
    lists: tuple[x509.CertificateRevocationList, ...] = ()
    keys: tuple[Key, ...] = ()
    flaws: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """Files that belong together; ``mode`` is that of the folder, None where one file of it was named."""

    name: str
    mode: int | None
    files: tuple[Material, ...]

    def file(self, name: str) -> Material | None:
        """One of them."""
        return next((file for file in self.files if file.name == name), None)

    @property
    def certificates(self) -> tuple[x509.Certificate, ...]:
        """All of them."""
        return tuple(certificate for file in self.files for certificate in file.certificates)


def parse(name: str, mode: int, data: bytes) -> Material:
    """Read one file; what cannot be read is among its ``flaws``."""
    found = Material(name=name, mode=mode)
    blocks = list(_blocks(data))[: _BLOCKS_MAX + 1]
    if not blocks:
        return _flawed(found, "not-pem", "holds no pem, and docker reads nothing else", _convert_hint(name, data))
    if len(blocks) > _BLOCKS_MAX:
        return _flawed(found, "not-pem", f"holds more than {_BLOCKS_MAX} pem blocks")
    for kind, block in blocks:
        found = _with_block(found, kind, block)
    return found


def _with_block(found: Material, kind: bytes, block: bytes) -> Material:
    try:
        match kind:
            case b"CERTIFICATE":
                return replace(found, certificates=(*found.certificates, read_certificate(_der(block))))
            case b"X509 CRL":
                return replace(found, lists=(*found.lists, read_list(_der(block))))
            case b"TRUSTED CERTIFICATE":
                return _flawed(
                    found,
                    "not-pem",
                    "is a certificate in openssl's own form, which docker skips",
                    f"openssl x509 -in {found.name} -out {found.name}",
                )
            case _ if kind.endswith(b"PRIVATE KEY"):
                return replace(found, keys=(*found.keys, _key(kind, block)))
            case _:
                return found
    except UNREADABLE as error:
        reason = " ".join(str(error).split())[:200]
        what = kind.decode("ascii", "replace").lower()
        return _flawed(found, "unreadable", f"holds a {what} that cannot be read: {reason}", "make it again")


def _der(block: bytes) -> bytes:
    """What is between the first and the last line."""
    return b64decode(b"".join(block.splitlines()[1:-1]), validate=True)


def _key(kind: bytes, block: bytes) -> Key:
    if kind == b"ENCRYPTED PRIVATE KEY" or b"Proc-Type: 4,ENCRYPTED" in block:
        return Key(public=None)
    public = load_pem_private_key(block, None).public_key()
    return Key(public=public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _blocks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Labels and whole blocks; a block without its end is none."""
    kind, lines = b"", list[bytes]()
    for line in map(bytes.strip, data.splitlines()):
        if line.startswith(_BEGIN) and line.endswith(_DASHES):
            kind, lines = line[len(_BEGIN) : -len(_DASHES)], [line]
        elif kind:
            lines.append(line)
            if line == _END + kind + _DASHES:
                yield kind, b"\n".join(lines) + b"\n"
                kind = b""


def _convert_hint(name: str, data: bytes) -> str:
    try:
        read_certificate(data)
    except ValueError:
        return "put the right file here"
    return f"openssl x509 -inform DER -in {name} -out {name.rpartition('.')[0] or name}.pem"


def _flawed(found: Material, code: str, text: str, hint: str = "") -> Material:
    flaw = Finding(code=code, severity=Severity.ERROR, thing=found.name, text=text, hint=hint)
    return replace(found, flaws=(*found.flaws, flaw))
