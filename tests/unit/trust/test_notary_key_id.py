"""The ids of Notary v1, against those that the real clients and server made."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed448
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from tests.shared_data import shared_data

from pytrust.trust.errors import UsageError
from pytrust.trust.keys.notary_id import canonical_id, key_id, key_type, public_bytes
from pytrust.trust.keys.private import KeyKind, generate
from pytrust.trust.keys.public import PublicKey

EDWARDS = "UqgXYcZb+DwqQhdwg2fd1EA/zpMZotBCiNmePEIxWlM="
CURVE = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEcG190Bul1WjEFPBQzSeA/qFMI9CNTDN3UQqxX2U8/B8l6JSfPAkOEJCd1R73sQ8rOjeyGeTVDhe4jnEFaD5rtw=="


def test_an_ed25519_key_is_named_by_its_raw_bytes() -> None:
    public = PublicKey.of(Ed25519PublicKey.from_public_bytes(base64.b64decode(EDWARDS)))
    assert canonical_id(public) == "46dd2b3f49cc1a1cd14ee8b4560dc01e8cc05c600a12e6065801abbadf63b233"


def test_an_ecdsa_key_is_named_by_its_spki() -> None:
    public = PublicKey.of(serialization.load_der_public_key(base64.b64decode(CURVE)))
    assert canonical_id(public) == "918dbb3e62a019a14123f084c9e7a7dae98ddf831a7acf8028fc8bc2b9564bd8"


@pytest.mark.parametrize(
    ("kind", "name", "size"), [("ecdsa-p256", "ecdsa", 91), ("ecdsa-p384", "ecdsa", 120), ("ed25519", "ed25519", 32)]
)
def test_types_and_bytes(kind: KeyKind, name: str, size: int) -> None:
    public = PublicKey.of(generate(kind).public_key())
    assert key_type(public) == name
    assert len(public_bytes(public)) == size


def test_a_kind_that_notary_does_not_know() -> None:
    with pytest.raises(UsageError, match="notary does not know"):
        canonical_id(PublicKey.of(ed448.Ed448PrivateKey.generate().public_key()))


def test_every_key_of_every_root_of_the_real_server() -> None:
    """Certificates too: their ids are over the PEM text."""
    kinds = set()
    for path in shared_data("notary-vectors").glob("*/root.json"):
        for wire_id, key in json.loads(path.read_bytes())["signed"]["keys"].items():
            assert key_id(key["keytype"], base64.b64decode(key["keyval"]["public"])) == wire_id
            kinds.add(key["keytype"])
    assert kinds >= {"ecdsa", "ecdsa-x509", "ed25519"}
