"""What each kind of certificate carries: subject, extensions and kinds of keys (pki reference, 3.1). Pure.

Strict verifiers (OpenSSL's ``-x509_strict``, Python since 3.13, ``cryptography``) ask for what stands here; lax ones
accept it too.
"""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pytrust.trust.errors import UsageError
from pytrust.trust.keys.private import RSA_EXPONENT
from pytrust.trust.keys.public import UNSUPPORTED, PublicKey
from pytrust.trust.pki.foreign import extension, name_text
from pytrust.trust.pki.mint.constraints import Permitted
from pytrust.trust.pki.model import ISSUER_OF, CaKind, Kind, LeafKind, kind_text
from pytrust.trust.pki.names import COMMON_NAME_MAX, ClientName, ServerNames, client_uri

CertPublicKey = EllipticCurvePublicKey | Ed25519PublicKey | RSAPublicKey
Extensions = tuple[tuple[x509.ExtensionType, bool], ...]
"""Each with whether it is critical."""

RSA_BITS_MAX: Final = 4096  # longer ones make every handshake slow, for both sides
_PATH_LENGTH: Final[dict[CaKind, int]] = {Kind.ROOT: 1, Kind.SERVER_CA: 0, Kind.CLIENT_CA: 0}
PURPOSE: Final[dict[Kind, x509.ObjectIdentifier]] = {
    Kind.SERVER_CA: ExtendedKeyUsageOID.SERVER_AUTH,
    Kind.SERVER: ExtendedKeyUsageOID.SERVER_AUTH,
    Kind.CLIENT_CA: ExtendedKeyUsageOID.CLIENT_AUTH,
    Kind.CLIENT: ExtendedKeyUsageOID.CLIENT_AUTH,
}
_ANYTHING: Final = Permitted()
_COPIED: Final = (
    x509.BasicConstraints,
    x509.KeyUsage,
    x509.ExtendedKeyUsage,
    x509.SubjectKeyIdentifier,
    x509.NameConstraints,
)


def check_public_key(key: object, what: str = "the key") -> CertPublicKey:
    """Let pass what certificates are issued for: P-256, P-384, Ed25519, and RSA of 2048 to 4096 bits.

    Raises:
        UsageError: a key of another kind, or RSA with an exponent other than 65537.
    """
    if isinstance(key, CertPublicKey) and PublicKey.of(key).kind != UNSUPPORTED and _usual(key):
        return key
    raise UsageError(
        f"{what} is of a kind that no certificate is issued for",
        hint="use ecdsa-p256, ecdsa-p384, ed25519, or rsa of 2048 to 4096 bits with the exponent 65537",
    )


def ca_subject(name: str, kind: CaKind, generation: int) -> x509.Name:
    """``O=<name>, CN=<name> server CA G<generation>``: a name that no other key ever has."""
    return _name(name, f"{name} {kind_text(kind)} G{generation}")


def leaf_subject(issuer: x509.Certificate, common_name: str) -> x509.Name:
    """The issuer's O, and a common name where there is one that fits."""
    return _name(organization_of(issuer), common_name if len(common_name) <= COMMON_NAME_MAX else "")


def server_names(names: ServerNames) -> x509.SubjectAlternativeName:
    """All names of a server, DNS names first."""
    return x509.SubjectAlternativeName([*map(x509.DNSName, names.dns), *map(x509.IPAddress, names.addresses)])


def client_names(name: ClientName) -> x509.SubjectAlternativeName:
    """The URI of a client."""
    return x509.SubjectAlternativeName([x509.UniformResourceIdentifier(client_uri(name))])


def ca_extensions(kind: CaKind, key: CertPublicKey, permitted: Permitted = _ANYTHING) -> Extensions:
    """Those of an authority, which may issue for what is ``permitted``."""
    constraints = permitted.extension
    return (
        (x509.BasicConstraints(ca=True, path_length=_PATH_LENGTH[kind]), True),
        (_key_usage(signs_certificates=True, encipherment=False), True),
        *(((x509.ExtendedKeyUsage([PURPOSE[kind]]), False),) if kind in PURPOSE else ()),
        *(((constraints, True),) if constraints else ()),
        (x509.SubjectKeyIdentifier.from_public_key(key), False),
    )


def leaf_extensions(kind: LeafKind, key: CertPublicKey, names: x509.SubjectAlternativeName) -> Extensions:
    """Those of a server or a client. Encipherment is for RSA key exchange alone (RFC 8446 and ECDHE never use it)."""
    return (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_key_usage(signs_certificates=False, encipherment=isinstance(key, RSAPublicKey)), True),
        (x509.ExtendedKeyUsage([PURPOSE[kind]]), False),
        (names, False),
        (x509.SubjectKeyIdentifier.from_public_key(key), False),
    )


def copied_extensions(existing: x509.Certificate) -> Extensions:
    """What an authority's certificate says of the authority, and not of who signed it."""
    return tuple((one.value, one.critical) for one in existing.extensions if isinstance(one.value, _COPIED))


def authority_kind(certificate: x509.Certificate) -> CaKind | None:
    """Which of our three authorities a certificate is for, by what it may do; None for a leaf or a foreign CA."""
    constraints = extension(certificate, x509.BasicConstraints)
    if constraints is None or not constraints.ca:
        return None
    purposes = extension(certificate, x509.ExtendedKeyUsage)
    if purposes is None:
        return Kind.ROOT
    return next((kind for kind in ISSUER_OF.values() if list(purposes) == [PURPOSE[kind]]), None)


def key_id_of(authority: x509.Certificate) -> bytes:
    """The subject key identifier; made from the key where the certificate of a foreign CA has none."""
    identifier = extension(authority, x509.SubjectKeyIdentifier)
    return (identifier or x509.SubjectKeyIdentifier.from_public_key(authority.public_key())).digest


def name_of(certificate: x509.Certificate) -> str:
    """What people call it: the common name, or else the whole subject."""
    return name_text(certificate.subject)


def organization_of(certificate: x509.Certificate) -> str:
    """What the authority of a certificate of ours calls itself."""
    return str(certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value)


def _usual(key: CertPublicKey) -> bool:
    return not isinstance(key, RSAPublicKey) or (
        key.key_size <= RSA_BITS_MAX and key.public_numbers().e == RSA_EXPONENT
    )


def _name(organization: str, common_name: str) -> x509.Name:
    common = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization), *common])


def _key_usage(*, signs_certificates: bool, encipherment: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
