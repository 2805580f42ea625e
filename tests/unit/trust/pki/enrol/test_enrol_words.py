"""The words of enrolment: a renewal is proved by the old key alone, and for the very key and certificate it names."""

from __future__ import annotations

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from pytrust.trust.keys.private import PrivateKey, generate
from pytrust.trust.pki.enrol.words import AskEnrol, AskRenew, prove, proves
from pytrust.trust.pki.model import CertKeyKind

KINDS: tuple[CertKeyKind, ...] = ("ecdsa-p256", "ecdsa-p384", "ed25519", "rsa-3072")


@pytest.fixture(scope="module", params=KINDS)
def key(request: pytest.FixtureRequest) -> PrivateKey:
    return generate(request.param)


def public(key: PrivateKey) -> CertificatePublicKeyTypes:
    return key.public_key()


def test_a_proof_is_for_one_request(key: PrivateKey) -> None:
    proof = prove(key, "csr", "certificate")
    assert proves(proof, public(key), "csr", "certificate")
    assert not proves(proof, public(key), "csr2", "certificate")
    assert not proves(proof, public(key), "csr", "certificate2")
    assert not proves(proof, public(key), "certificate", "csr")
    assert not proves(proof, public(key), "csrcertificate", "")


def test_a_proof_by_another_key_is_none(key: PrivateKey) -> None:
    for kind in ("ecdsa-p256", "ed25519"):
        assert not proves(prove(generate(kind), "csr", "certificate"), public(key), "csr", "certificate")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"secret": "00", "names": [], "csr": ""}',
        b'{"secret": "' + b"0" * 32 + b'\\n", "names": [], "csr": ""}',
        b'{"secret": "' + b"0" * 32 + b'", "names": [1], "csr": ""}',
        b'{"secret": "' + b"0" * 32 + b'", "names": [], "csr": "", "lifetime": 1}',
        b'{"secret": "' + b"0" * 32 + b'", "names": [], "csr": "' + b"x" * 40_000 + b'"}',
        b'{"secret": "' + b"0" * 32 + b'", "names": ' + str(["a"] * 101).replace("'", '"').encode() + b', "csr": ""}',
        b'{"secret": "' + b"0" * 32 + b'", "names": ["' + b"a" * 301 + b'"], "csr": ""}',
        b"[" * 100_000,
        b"\xff",
    ],
)
def test_other_words_are_not_understood(body: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, RecursionError)):
        msgspec.json.decode(body, type=AskEnrol)


@pytest.mark.parametrize("proof", ["", "0", "00" * 15, "00" * 1025, "zz" * 20, "0" * 41])
def test_a_proof_has_a_shape(proof: str) -> None:
    body = msgspec.json.encode({"certificate": "", "csr": "", "proof": proof})
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(body, type=AskRenew)
