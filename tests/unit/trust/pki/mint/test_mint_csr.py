"""Of a certificate request nothing but the key is taken over, and that only from who holds its private half."""

from __future__ import annotations

from base64 import encodebytes
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.der.decoder import decode  # type: ignore[import-untyped]
from pyasn1.codec.der.encoder import encode  # type: ignore[import-untyped]
from pyasn1_alt_modules import rfc2986  # type: ignore[import-untyped]
from tests.fakes.pki import KINDS, authorities, key, stamp

from pytrust.trust.errors import UsageError
from pytrust.trust.keys.private import PrivateKey
from pytrust.trust.pki.mint.build import digest_for, make_client
from pytrust.trust.pki.mint.csr import REQUEST_MAX_BYTES, SigningRequest
from pytrust.trust.pki.model import CertKeyKind
from pytrust.trust.pki.names import ClientName

SUBJECT_NAMES = bytes.fromhex("0603551d11")  # 2.5.29.17
ISSUER_NAMES = bytes.fromhex("0603551d12")
GREEDY: list[tuple[x509.ExtensionType, bool]] = [
    (x509.BasicConstraints(ca=True, path_length=None), True),
    (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]), True),
    (
        x509.SubjectAlternativeName(
            [x509.DNSName("bank.example"), x509.UniformResourceIdentifier("pytrust:client:root")]
        ),
        False,
    ),
    (x509.NameConstraints([x509.DNSName("example")], None), True),
]


def request(
    signing: PrivateKey, extensions: list[tuple[x509.ExtensionType, bool]] | None = None, subject: str = "root"
) -> x509.CertificateSigningRequest:
    builder = x509.CertificateSigningRequestBuilder()
    builder = builder.subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
    for value, critical in extensions or []:
        builder = builder.add_extension(value, critical)
    return builder.sign(signing, digest_for(signing))


def pem(made: x509.CertificateSigningRequest) -> bytes:
    return made.public_bytes(Encoding.PEM)


@pytest.mark.parametrize("kind", KINDS)
def test_the_key_is_given_out(kind: CertKeyKind) -> None:
    assert SigningRequest.read(pem(request(key("leaf", kind)))).public_key == key("leaf", kind).public_key()


def test_nothing_else_is_taken_over() -> None:
    read = SigningRequest.read(pem(request(key("leaf"), GREEDY)))
    found = make_client(authorities().client, ClientName("alice"), read.public_key, stamp())
    plain = make_client(
        authorities().client, ClientName("alice"), SigningRequest.read(pem(request(key("leaf")))).public_key, stamp()
    )
    assert [each.value for each in found.extensions] == [each.value for each in plain.extensions]
    assert found.subject == plain.subject


def test_names_are_text_for_who_asks() -> None:
    wanted = x509.SubjectAlternativeName(
        [
            x509.DNSName("B.example"),
            x509.IPAddress(ip_address("::1")),
            x509.RFC822Name("a@b.example"),
            x509.DNSName("evil name"),
        ]
    )
    assert SigningRequest.read(pem(request(key("leaf"), [(wanted, False)]))).names == ("B.example", "evil name", "::1")
    assert SigningRequest.read(pem(request(key("leaf")))).names == ()


def resigned(made: x509.CertificateSigningRequest, signature: bytes) -> bytes:
    """With another signature of the same length."""
    assert len(signature) == len(made.signature)
    return pem(x509.load_der_x509_csr(made.public_bytes(Encoding.DER).replace(made.signature, signature)))


def test_a_request_signed_by_another_key() -> None:
    honest, other = (request(key(who, "ed25519"), subject="alice") for who in ("leaf", "other"))
    with pytest.raises(UsageError, match="not signed by its own key"):
        SigningRequest.read(resigned(honest, other.signature))


def test_a_changed_request() -> None:
    der = request(key("leaf"), subject="alice").public_bytes(Encoding.DER).replace(b"alice", b"mallo")
    with pytest.raises(UsageError, match="not signed by its own key"):
        SigningRequest.read(pem(x509.load_der_x509_csr(der)))


WEAK: list[ec.EllipticCurvePrivateKey | ed448.Ed448PrivateKey | rsa.RSAPrivateKey] = [
    rsa.generate_private_key(65537, 1024),
    rsa.generate_private_key(3, 2048),
    ec.generate_private_key(ec.SECP521R1()),
    ed448.Ed448PrivateKey.generate(),
]


@pytest.mark.parametrize("weak", WEAK, ids=lambda weak: type(weak).__name__)
def test_keys_of_other_kinds(weak: ec.EllipticCurvePrivateKey | ed448.Ed448PrivateKey | rsa.RSAPrivateKey) -> None:
    digest = None if isinstance(weak, ed448.Ed448PrivateKey) else SHA256()
    made = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(weak, digest)
    with pytest.raises(UsageError, match="the key in the certificate request is of a kind"):
        SigningRequest.read(pem(made))


def test_a_huge_rsa_key_is_refused_unused() -> None:
    """Its signature is never looked at: with keys of such lengths that takes long."""
    decoded, _ = decode(request(key("leaf")).public_bytes(Encoding.DER), asn1Spec=rfc2986.CertificationRequest())
    huge = rsa.RSAPublicNumbers(65537, (1 << 16383) + 1).public_key()
    spki = huge.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    info = decoded["certificationRequestInfo"]
    info["subjectPKInfo"] = decode(spki, asn1Spec=info["subjectPKInfo"].clone())[0]
    with pytest.raises(UsageError, match="the key in the certificate request is of a kind"):
        SigningRequest.read(pem(x509.load_der_x509_csr(encode(decoded))))


def test_names_given_twice_are_given_to_nobody() -> None:
    names = [x509.DNSName("a.example")]
    twice: list[tuple[x509.ExtensionType, bool]] = [
        (x509.SubjectAlternativeName(names), False),
        (x509.IssuerAlternativeName(names), False),
    ]
    signing = key("leaf", "ed25519")
    assert isinstance(signing, Ed25519PrivateKey)
    made = request(signing, twice)
    body = made.tbs_certrequest_bytes.replace(ISSUER_NAMES, SUBJECT_NAMES)
    der = made.public_bytes(Encoding.DER).replace(made.tbs_certrequest_bytes, body)
    read = SigningRequest.read(pem(x509.load_der_x509_csr(der.replace(made.signature, signing.sign(body)))))
    assert read.public_key == signing.public_key()
    with pytest.raises(UsageError, match="the names in the certificate request cannot be read"):
        _ = read.names


GOOD = pem(request(key("leaf")))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"junk",
        GOOD + GOOD,
        b"junk\n" + GOOD,
        GOOD + b"junk",
        GOOD.replace(b"CERTIFICATE REQUEST", b"CERTIFICATE"),
        GOOD.replace(b"\nMI", b"\nAA"),
        GOOD + b"\n" * REQUEST_MAX_BYTES,
        request(key("leaf")).public_bytes(Encoding.DER),
    ],
)
def test_what_is_no_request(data: bytes) -> None:
    with pytest.raises(UsageError, match="certificate request"):
        SigningRequest.read(data)


@pytest.mark.filterwarnings("ignore")  # cryptography's, of odd names
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_a_changed_byte_gives_no_other_key(place: int, change: int) -> None:
    changed = bytearray(GOOD)
    changed[place] ^= change
    try:
        read = SigningRequest.read(bytes(changed))
    except UsageError:
        return
    assert read.public_key == key("leaf").public_key()


def test_a_version_that_does_not_exist() -> None:
    der = request(key("leaf")).public_bytes(Encoding.DER).replace(b"\x02\x01\x00", b"\x02\x01\x05", 1)
    armoured = b"-----BEGIN CERTIFICATE REQUEST-----\n" + encodebytes(der) + b"-----END CERTIFICATE REQUEST-----\n"
    with pytest.raises(UsageError, match="cannot be read"):
        SigningRequest.read(armoured)
