"""A key that lives elsewhere signs certificates and lists; what it gives is believed only when it is right."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import ECDH, ECDSA
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.fakes.pki import NAME, NOW, key, public, stamp

from pytrust.trust.errors import ServerError, UsageError
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.keys.signers import Signer, signer_of
from pytrust.trust.pki.mint.build import SigningCa, make_client, make_client_ca, make_root
from pytrust.trust.pki.mint.crl import make_crl, read_crl
from pytrust.trust.pki.mint.remote import remote_key
from pytrust.trust.pki.model import CertKeyKind, Reason, Revocation, Serial
from pytrust.trust.pki.names import ClientName

if TYPE_CHECKING:
    from securesystemslib.signer import Signer as LibrarySigner


class Broken:
    """A service that fails as an SDK of its own kind does, or answers with the signature that it is given."""

    def __init__(self, signature: str | None) -> None:
        self.signature = signature

    def sign(self, payload: bytes) -> Broken:
        if self.signature is None:
            raise LookupError("token was pulled out\nat line 3")
        return self


def broken(signature: str | None) -> Signer:
    return Signer(PublicKey.of(key("far").public_key()), cast("LibrarySigner", Broken(signature)))


CURVES: list[CertKeyKind] = ["ecdsa-p256", "ecdsa-p384"]


@pytest.mark.parametrize("kind", CURVES)
def test_an_authority_with_its_keys_elsewhere(kind: CertKeyKind) -> None:
    far, near = remote_key(signer_of(key("far", kind)), "the root key"), key("near", kind)
    root = SigningCa(make_root(NAME, 1, far, stamp()), far)
    client_ca = make_client_ca(root, 1, public("near", kind), stamp())
    client_ca.verify_directly_issued_by(root.certificate)
    issuer = SigningCa(client_ca, remote_key(signer_of(near), "the client CA key"))
    leaf = make_client(issuer, ClientName("alice"), public("leaf"), stamp())
    leaf.verify_directly_issued_by(client_ca)
    serial = Serial(leaf.serial_number)
    crl = make_crl(issuer, {serial: Revocation(NOW, Reason.SUPERSEDED)}, number=1, now=NOW)
    assert serial in read_crl(crl.public_bytes(Encoding.DER), client_ca).revoked


@pytest.mark.parametrize("kind", ["ed25519", "rsa-3072"])
def test_other_kinds_of_keys_cannot_stay_there(kind: CertKeyKind) -> None:
    with pytest.raises(UsageError, match=f"the root key is {kind}, and .* only ECDSA ones"):
        remote_key(signer_of(key("far", kind)), "the root key")


def test_a_service_that_fails_is_one_sentence() -> None:
    with pytest.raises(ServerError, match="^the root key cannot sign: token was pulled out at line 3$"):
        make_root(NAME, 1, remote_key(broken(None), "the root key"), stamp())


@pytest.mark.parametrize("signature", ["", "00", "junk", "30060201010201" + "01"])
def test_what_is_no_signature_is_not_written_into_a_certificate(signature: str) -> None:
    with pytest.raises(ServerError, match="the root key"):
        make_root(NAME, 1, remote_key(broken(signature), "the root key"), stamp())


def test_a_signature_over_something_else_is_not_believed() -> None:
    far = remote_key(signer_of(key("far")), "the root key")
    stale = far.sign(b"something else", ECDSA(SHA256()))
    with pytest.raises(ServerError, match="not its own"):
        remote_key(broken(stale.hex()), "the root key").sign(b"this", ECDSA(SHA256()))


@pytest.mark.parametrize(
    ("kind", "wrong"), [("ecdsa-p256", SHA384()), ("ecdsa-p384", SHA256()), ("ecdsa-p256", SHA512())]
)
def test_the_service_has_one_hash_a_curve(kind: CertKeyKind, wrong: SHA256) -> None:
    with pytest.raises(UsageError, match=r"the root key signs with sha\d+ alone"):
        remote_key(signer_of(key("far", kind)), "the root key").sign(b"this", ECDSA(wrong))


def test_the_secret_is_not_to_be_had() -> None:
    far = remote_key(signer_of(key("far")), "the root key")
    assert (far.key_size, far.curve.name) == (256, "secp256r1")
    assert copy.copy(far) is copy.deepcopy(far) is far
    for take in (
        far.private_numbers,
        lambda: far.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        lambda: far.exchange(ECDH(), far.public_key()),
    ):
        with pytest.raises(UsageError, match="the root key lives in an HSM or KMS"):
            take()


def test_a_certificate_says_nothing_of_where_its_key_is() -> None:
    far, near = remote_key(signer_of(key("far")), "it"), key("far")
    one, other = (make_root(NAME, 1, each, stamp()) for each in (far, near))
    assert [each.value for each in one.extensions] == [each.value for each in other.extensions]
    assert isinstance(one.public_key(), type(other.public_key()))
    assert one.signature_algorithm_oid == other.signature_algorithm_oid
    assert x509.load_der_x509_certificate(one.public_bytes(Encoding.DER)) == one
