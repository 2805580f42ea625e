"""Certificates for one run: a server on loopback with the CA that its clients believe, and those that signers show."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_SINCE: Final = timedelta(days=1500)  # tests begin in the past
_DAYS: Final = timedelta(days=400)  # clients warn in the last six months


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """PEM files: what a server shows and holds, and what its clients believe."""

    ca: Path
    cert: Path
    key: Path


def mint(folder: Path) -> ServerFiles:
    """A certificate for 127.0.0.1 and localhost, by a CA whose key nobody keeps."""
    folder.mkdir(parents=True, exist_ok=True)
    authority, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = _name("throw-away CA")
    ca = _builder(issuer, issuer, authority.public_key())
    ca = ca.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    leaf = _builder(_name("localhost"), issuer, key.public_key())
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    leaf = leaf.add_extension(x509.SubjectAlternativeName(names), critical=False)
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    leaf = leaf.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    files = ServerFiles(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
    files.ca.write_bytes(_signed(ca, authority))
    files.cert.write_bytes(_signed(leaf, authority))
    files.key.touch(0o600)
    files.key.write_bytes(private_pem(key))
    return files


def self_signed(name: str, key: Key) -> bytes:
    """A certificate as the key of a delegation is shown."""
    made = _builder(_name(name), _name(name), key.public_key())
    return _signed(made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True), key)


def private_pem(key: Key) -> bytes:
    """PKCS#8, not encrypted."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_pem(key: Key) -> bytes:
    """The bare public key."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    made = made.serial_number(x509.random_serial_number())
    return made.not_valid_before(now - _SINCE).not_valid_after(now + _DAYS)


def _signed(made: x509.CertificateBuilder, key: Key) -> bytes:
    return made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
