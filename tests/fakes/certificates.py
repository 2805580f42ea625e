"""Certificates good and bad, made directly: authorities as the guide of docker's manual makes them, and every fault."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SERVER: Final = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT: Final = ExtendedKeyUsageOID.CLIENT_AUTH
ANY: Final = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
AnyKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Held:
    """A certificate, its key, and what is sent with it: ``chain`` below itself."""

    certificate: x509.Certificate
    key: AnyKey
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def pem(self) -> bytes:
        return b"".join(each.public_bytes(Encoding.PEM) for each in (self.certificate, *self.chain))

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def key_pem(self) -> bytes:
        return self.key_file(NoEncryption())

    @property
    def encrypted_key_pem(self) -> bytes:
        return self.key_file(BestAvailableEncryption(b"a passphrase"))

    def key_file(self, encryption: KeySerializationEncryption) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


@dataclass(frozen=True)
class Shape:
    """What to leave out of a certificate, or put in."""

    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    starts: timedelta = timedelta(hours=-1)  # against ``at``
    days: float = 90
    ca: bool | None = False  # None: no basicConstraints
    ca_critical: bool = True
    path_length: int | None = None
    usage: bool = True
    purposes: Sequence[x509.ObjectIdentifier] | None = None
    san: Sequence[str] = ()  # DNS names, addresses, URIs (with a colon and no digit first)
    permitted: Sequence[str] = ()
    excluded: Sequence[str] = ()
    key_ids: bool = True
    organization: str = ""
    key: AnyKey = field(default_factory=new_key)


def make(common: str, issuer: Held | None, shape: Shape) -> Held:
    """A certificate; self-signed without ``issuer``, in whose name and by whose key it is otherwise."""
    start = shape.at.replace(microsecond=0) + shape.starts
    subject = name(common, shape.organization)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(shape.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=shape.days))
    )
    signer = issuer.key if issuer else shape.key
    for value, critical in _extensions(shape, signer):
        builder = builder.add_extension(value, critical)
    return Held(builder.sign(signer, digest(signer)), shape.key)


def authority(name: str = "CA", issuer: Held | None = None, **shape: object) -> Held:
    """A CA that strict verifiers take, but for what ``shape`` says."""
    return make(name, issuer, Shape(**{"ca": True, "days": 1800 if issuer else 3650, **shape}))  # type: ignore[arg-type]


def guide_authority(name: str = "guide", **shape: object) -> Held:
    """As ``openssl req -new -x509 -sha256`` of the guide makes it: no keyUsage."""
    return authority(name, None, **{"usage": False, "days": 365, **shape})


def server(issuer: Held, *names: str, **shape: object) -> Held:
    """A server certificate for ``names``."""
    fields = {"san": names, "purposes": [SERVER], **shape}
    return make(names[0] if names else "server", issuer, Shape(**fields))  # type: ignore[arg-type]


def client(issuer: Held, name: str = "alice", **shape: object) -> Held:
    """A client certificate."""
    fields = {"purposes": [CLIENT], **shape}
    return make(name, issuer, Shape(**fields))  # type: ignore[arg-type]


def revocation_list(issuer: Held, *revoked: Held, starts: timedelta = timedelta(hours=-1), days: float = 30) -> bytes:
    """A list of ``issuer`` in PEM, counted from now."""
    start = datetime.now(UTC).replace(microsecond=0) + starts
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(start)
        .next_update(start + timedelta(days=days))
        .add_extension(x509.CRLNumber(1), critical=False)
    )
    for held in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(held.certificate.serial_number).revocation_date(start)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(issuer.key, digest(issuer.key)).public_bytes(Encoding.PEM)


def write_folder(folder: Path, ca: Held | bytes, held: Held, *, crl: bytes = b"", key_pem: bytes = b"") -> Path:
    """Docker's files, with the modes that they should have."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = {
        "ca.pem": ca if isinstance(ca, bytes) else ca.pem,
        "cert.pem": held.pem,
        "key.pem": key_pem or held.key_pem,
    }
    if crl:
        files["crl.pem"] = crl
    for name, data in files.items():
        descriptor = os.open(
            folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600 if name == "key.pem" else 0o644
        )
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600 if name == "key.pem" else 0o644)
            file.write(data)
    return folder


def general_name(text: str) -> x509.GeneralName:
    """A URI for what has a scheme, an address for what is one, else a DNS name."""
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.UniformResourceIdentifier(text) if ":" in text else x509.DNSName(text)


def digest(key: AnyKey) -> hashes.SHA256 | None:
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()


def name(common: str, organization: str = "") -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)] if organization else []
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _extensions(shape: Shape, signer: AnyKey) -> list[tuple[x509.ExtensionType, bool]]:
    found: list[tuple[x509.ExtensionType, bool]] = []
    if shape.ca is not None:
        found.append((x509.BasicConstraints(shape.ca, shape.path_length if shape.ca else None), shape.ca_critical))
    if shape.usage:
        found.append((usage(certificates=bool(shape.ca), lists=bool(shape.ca), anything_else=not shape.ca), True))
    if shape.purposes is not None:
        found.append((x509.ExtendedKeyUsage(shape.purposes), False))
    if shape.san:
        found.append((x509.SubjectAlternativeName(map(general_name, shape.san)), False))
    if shape.permitted or shape.excluded:
        subtrees = [list(map(_subtree, names)) or None for names in (shape.permitted, shape.excluded)]
        found.append((x509.NameConstraints(*subtrees), True))
    if shape.key_ids:
        found.append((x509.SubjectKeyIdentifier.from_public_key(shape.key.public_key()), False))
        found.append((x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False))
    return found


def _subtree(text: str) -> x509.GeneralName:
    return x509.IPAddress(ip_network(text)) if "/" in text else x509.DNSName(text)


def usage(*, certificates: bool, lists: bool, anything_else: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=anything_else,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=lists,
        encipher_only=False,
        decipher_only=False,
    )
