"""Tokens of somebody else: what is believed, and every way to forge one."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.fakes.certificates import Held, authority, client, usage
from tests.fakes.certificates import name as cn
from tests.fakes.token_issuer import (
    ISSUER,
    KID,
    NAME,
    NOW,
    SERVICE,
    Key,
    TokenIssuer,
    b64url,
    claims,
    jwk,
    libtrust_id,
    number,
    seconds,
    signature,
    thumbprint,
    unsigned,
    with_secret,
    x5c,
)

from pytrust.trust.errors import NotSetUp, Unsound
from pytrust.trust.server.auth import CATALOG, PING, Access, Caller, Challenge, Gate, TokenAuth, load_gate
from pytrust.trust.server.auth.settings import Permission

PUSH = Access("repository", NAME, ("push", "pull"))
REALM = "https://auth.example.com/token"
P256_KEY = ec.generate_private_key(ec.SECP256R1())
P256 = TokenIssuer(P256_KEY)
FOREIGN = TokenIssuer()


def gate(folder: Path, *, key_set: bytes = b"", bundle: bytes = b"", **more: object) -> Gate:
    """A gate that trusts the keys in ``key_set``, and the certificates in ``bundle``."""
    for name, data in {"keys.json": key_set, "bundle.pem": bundle}.items():
        (folder / name).write_bytes(data)
        (folder / name).chmod(0o644)
    settings = TokenAuth(
        service=SERVICE,
        realm=REALM,
        issuer=ISSUER,
        jwks=folder / "keys.json" if key_set else None,
        certificates=folder / "bundle.pem" if bundle else None,
        **more,  # type: ignore[arg-type]
    )
    return load_gate(settings, lambda: NOW)[0]


def ask(at: Gate, token: str, access: Access = PUSH) -> Caller | Challenge:
    return at.judge(f"Bearer {token}", access, REALM)


@pytest.fixture
def trusting(tmp_path: Path) -> Gate:
    return gate(tmp_path, key_set=P256.key_set())


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["ES256", "ES384", "EdDSA", "RS256"],
)
def test_a_good_token_of_each_kind_of_key(tmp_path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    issuer = TokenIssuer(key)
    at = gate(tmp_path, key_set=issuer.key_set())
    assert ask(at, issuer.token()) == Caller("alice")
    assert not at.slow(f"Bearer {issuer.token()}")
    assert isinstance(ask(at, issuer.token()[:-8] + "AAAAAAAA"), Challenge)


def test_ed25519_has_a_new_name(tmp_path: Path) -> None:
    issuer = TokenIssuer(ed25519.Ed25519PrivateKey.generate())
    assert ask(gate(tmp_path, key_set=issuer.key_set()), issuer.token({"alg": "Ed25519"})) == Caller("alice")


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": ["other.example.com", SERVICE]},
        {"nbf": None},
        {"nbf": seconds(seconds=59)},
        {"exp": seconds(seconds=-59)},
        {"sub": "", "jti": "1", "iat": seconds(hours=-1)},
        {"access": [{"type": "repository", "name": NAME, "actions": ["*"]}]},
        {"access": [{"type": "repository", "name": NAME, "actions": [one]} for one in ("push", "pull")]},
        {"access": [{"type": "repository", "class": "plugin", "name": NAME, "actions": ["pull", "push"]}]},
    ],
    ids=str,
)
def test_good_claims(trusting: Gate, changes: dict[str, object]) -> None:
    assert isinstance(ask(trusting, P256.token(said=claims(**changes))), Caller)


def granting(*actions: str, kind: str = "repository", name: str = NAME) -> dict[str, object]:
    return claims(access=[{"type": kind, "name": name, "actions": list(actions)}])


BAD_CLAIMS: dict[str, object] = {
    "expired": claims(exp=seconds(seconds=-61)),
    "not yet": claims(nbf=seconds(seconds=61)),
    "never expires": claims(exp=None),
    "expiry is text": claims(exp=str(seconds(hours=1))),
    "expiry is true": claims(exp=True),
    "expiry in the year 10000": claims(exp=253402300800),
    "begins before time": claims(nbf=-1),
    "another issuer": claims(iss="auth.example.com.evil.example"),
    "issuer in another case": claims(iss=ISSUER.upper()),
    "no issuer": claims(iss=None),
    "another service": claims(aud="other.example.com"),
    "service within text": claims(aud=f"x {SERVICE}"),
    "no service": claims(aud=None),
    "no service in a list": claims(aud=[]),
    "another name": granting("push", "pull", name=f"{NAME}2"),
    "name without its host": granting("push", "pull", name="foo/web"),
    "name in another case": granting("push", "pull", name=NAME.upper()),
    "a pattern for a name": granting("push", "pull", name="**"),
    "another kind": granting("push", "pull", kind="registry"),
    "too little": granting("pull"),
    "actions in one word": granting("push,pull"),
    "actions for another": claims(
        access=[
            {"type": "repository", "name": NAME, "actions": ["pull"]},
            {"type": "repository", "name": "other/name", "actions": ["push"]},
        ]
    ),
    "no access": claims(access=None),
    "access null": claims() | {"access": None},
    "actions null": claims(access=[{"type": "repository", "name": NAME, "actions": None}]),
    "actions are text": claims(access=[{"type": "repository", "name": NAME, "actions": "push pull *"}]),
    "access is one object": claims(access={"type": "repository", "name": NAME, "actions": ["*"]}),
    "a name that ends a log line": claims(sub="alice\nroot"),
    "a long name": claims(sub="a" * 256),
    "a list": [claims()],
    "text": "claims",
}


@pytest.mark.parametrize("said", BAD_CLAIMS.values(), ids=BAD_CLAIMS)
def test_bad_claims_under_a_good_signature(trusting: Gate, said: object) -> None:
    assert isinstance(ask(trusting, P256.token(said=json.dumps(said).encode())), Challenge)


BAD_BYTES = {
    "a key twice": json.dumps(claims()).encode()[:-1] + b', "sub": "root"}',
    "access twice": b'{"access": [], ' + json.dumps(claims()).encode()[1:],
    "no UTF-8": json.dumps(claims(sub="x")).encode().replace(b'"x"', b'"\xff"'),
    "half a surrogate": json.dumps(claims(sub="x")).encode().replace(b'"x"', b'"\\ud800"'),
    "a fraction": json.dumps(claims()).encode().replace(b'"exp": ', b'"exp": 0.'),
    "deep": json.dumps(claims()).encode()[:-1] + b', "x": ' + b"[" * 20 + b"]" * 20 + b"}",
    "nothing": b"",
    "half": json.dumps(claims()).encode()[:-1],
    "two": json.dumps(claims()).encode() * 2,
}


@pytest.mark.parametrize("payload", BAD_BYTES.values(), ids=BAD_BYTES)
def test_bytes_with_two_readings(trusting: Gate, payload: bytes) -> None:
    assert isinstance(ask(trusting, P256.token(said=payload)), Challenge)


def spki(form: Encoding) -> bytes:
    return P256.key.public_key().public_bytes(form, PublicFormat.SubjectPublicKeyInfo)


def signed_as(header: bytes) -> str:
    return P256.raw(header, json.dumps(claims()).encode())


_GOOD = P256.token()
_INPUT = _GOOD.rpartition(".")[0].encode()


def with_signature(data: bytes) -> str:
    return f"{_INPUT.decode()}.{b64url(data)}"


FORGED = {
    "alg none": unsigned(claims()),
    "alg none, signature kept": ".".join([unsigned(claims()).rpartition(".")[0], _GOOD.rpartition(".")[2]]),
    "HMAC with the public key, PEM": with_secret(spki(Encoding.PEM), claims()),
    "HMAC with the public key, DER": with_secret(spki(Encoding.DER), claims()),
    "HMAC with the key set": with_secret(P256.key_set(), claims()),
    "the key of a stranger": FOREIGN.token(),
    "the key of a stranger, embedded": FOREIGN.token({"jwk": jwk(FOREIGN.key)}),
    "the key of a stranger, embedded, without kid": FOREIGN.token({"jwk": jwk(FOREIGN.key), "kid": None}),
    "a link to the key of a stranger": FOREIGN.token(
        {"jku": "https://evil.example/keys", "x5u": "https://evil.example"}
    ),
    "no kid": P256.token({"kid": None}),
    "kid is another": P256.token({"kid": "another"}),
    "kid is a list": P256.token({"kid": [KID]}),
    "kid is a file": P256.token({"kid": "../../dev/null"}),
    "alg is a list": P256.token({"alg": ["ES256"]}),
    "alg in lower case": P256.token({"alg": "es256"}),
    "alg of another curve": P256.token({"alg": "ES384"}),
    "alg of another kind": P256.token({"alg": "RS256"}),
    "no alg": P256.token({"alg": None}),
    "something critical": P256.token({"crit": ["exp"], "exp": 1}),
    "a payload that is not encoded": P256.token({"crit": ["b64"], "b64": False}),
    "a payload that is not encoded, quietly": P256.token({"b64": False}),
    "alg twice": signed_as(b'{"alg":"none","alg":"ES256","kid":"the key of today"}'),
    "kid twice": signed_as(b'{"alg":"ES256","kid":"x","kid":"the key of today"}'),
    "the header is a list": signed_as(b'["ES256"]'),
    "the header is no UTF-8": signed_as(b'{"alg":"ES256","kid":"the key of today","x":"\xff"}'),
    "another payload": ".".join(
        [_GOOD.split(".")[0], b64url(json.dumps(claims(sub="root")).encode()), _GOOD.split(".")[2]]
    ),
    "a signature of zeros": with_signature(bytes(64)),
    "a signature in DER": with_signature(P256_KEY.sign(_INPUT, ec.ECDSA(SHA256()))),
    "half a signature": with_signature(signature(P256.key, _INPUT)[:32]),
    "no signature": _GOOD.rpartition(".")[0] + ".",
    "two parts": _GOOD.rpartition(".")[0],
    "four parts": f"{_GOOD}.{_GOOD.split('.')[2]}",
    "five parts, as if encrypted": ".".join([*_GOOD.split("."), "AAAA", "AAAA"]),
    "padded": f"{_GOOD}==",
    "the other alphabet": _GOOD.replace("-", "+").replace("_", "/") + "+/",
    "nothing": "",
    "dots": "..",
    "large": P256.token(said=claims(x="x" * 13_000)),
    "a line break": f"{_GOOD}\n",
    "a space within": f"{_GOOD[:40]} {_GOOD[40:]}",
}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED)
def test_forged(trusting: Gate, token: str) -> None:
    assert isinstance(ask(trusting, token), Challenge)
    assert isinstance(trusting.judge(f"Bearer {token}", PING, REALM), Challenge)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YWxpY2U6eA==", "Token x", f"Bearer{_GOOD}", f"Bearer {_GOOD}, Basic x", f"Bearer {_GOOD} {_GOOD}", "Bearer " + "x" * 20_000, "Bearer \udcff", "\0"])  # fmt: skip
def test_headers_that_are_no_token(trusting: Gate, header: str) -> None:
    """Not even for what is open to everybody: whoever sends one wants to be somebody."""
    assert isinstance(trusting.judge(header, PUSH._replace(actions=("pull",)), REALM), Challenge)


def test_ping_wants_any_good_token_and_the_catalog_one_for_it(trusting: Gate) -> None:
    assert isinstance(trusting.judge(None, PING, REALM), Challenge)
    assert ask(trusting, P256.token(said=claims(access=[])), PING) == Caller("alice")
    assert isinstance(ask(trusting, _GOOD, CATALOG), Challenge)
    everything = P256.token(said=granting("*", kind="registry", name="catalog"))
    assert ask(trusting, everything, CATALOG) == Caller("alice")


def test_reading_is_the_issuers_to_allow_unless_the_operator_opens_it(tmp_path: Path, trusting: Gate) -> None:
    pull = PUSH._replace(actions=("pull",))
    assert isinstance(trusting.judge(None, pull, REALM), Challenge)
    assert isinstance(ask(trusting, P256.token(said=claims(access=[])), pull), Challenge)
    assert ask(trusting, P256.token(), pull) == Caller("alice")
    partly = (Permission(match="registry.example.com/**", anonymous=True, actions=("pull",)),)
    half = gate(tmp_path, key_set=P256.key_set(), permissions=partly)
    assert half.judge(None, pull, REALM) == Caller("")
    assert isinstance(half.judge(None, pull._replace(name="docker.io/foo/web"), REALM), Challenge)


ROOT = authority("token root", at=NOW)
OTHER_ROOT = authority("token root", at=NOW)


def by_chain(held: Held, *rest: Held) -> str:
    issuer = TokenIssuer(held.key)
    return issuer.token({"kid": None, "x5c": x5c(held.certificate, *(one.certificate for one in rest))})


MIDDLE = authority("middle", ROOT, at=NOW)
LOW = authority("low", MIDDLE, at=NOW)
SELF = authority("self", at=NOW, ca=False)
CHAINS_GOOD = {
    "of a root": by_chain(client(ROOT, at=NOW)),
    "over a CA": by_chain(client(MIDDLE, at=NOW), MIDDLE),
    "over two": by_chain(client(LOW, at=NOW), LOW, MIDDLE),
    "with its root": by_chain(client(ROOT, at=NOW), ROOT),
    "the bundle holds the leaf itself": by_chain(SELF),
    "the root signs itself": by_chain(ROOT),
    "RSA": by_chain(client(ROOT, at=NOW, key=rsa.generate_private_key(65537, 2048))),
}


@pytest.mark.parametrize("token", CHAINS_GOOD.values(), ids=CHAINS_GOOD)
def test_a_chain_to_a_trusted_certificate(tmp_path: Path, token: str) -> None:
    assert ask(gate(tmp_path, bundle=ROOT.pem + SELF.pem), token) == Caller("alice")


LEAF = client(ROOT, at=NOW)


def no_signer() -> Held:
    """A CA whose key usage leaves certificates out."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder(ROOT.certificate.subject, cn("lists alone"), key.public_key(), 7)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage(certificates=False, lists=True, anything_else=False), critical=True)
    )
    assert isinstance(ROOT.key, ec.EllipticCurvePrivateKey)
    return Held(builder.sign(ROOT.key, SHA256()), key)


NO_SIGNER = no_signer()
FOREIGN_MIDDLE = authority("middle", OTHER_ROOT, at=NOW)
CHAINS_BAD = {
    "of another root with that name": by_chain(client(OTHER_ROOT, at=NOW)),
    "that brings its root": by_chain(client(OTHER_ROOT, at=NOW), OTHER_ROOT),
    "of another CA with that name": by_chain(client(FOREIGN_MIDDLE, at=NOW), MIDDLE),
    "with a gap": by_chain(client(LOW, at=NOW), MIDDLE),
    "in the wrong order": by_chain(client(LOW, at=NOW), MIDDLE, LOW),
    "whose CA is a leaf": by_chain(client(LEAF, at=NOW), LEAF),
    "whose CA is a leaf of any use": by_chain(client(any_use := client(ROOT, at=NOW, usage=False), at=NOW), any_use),
    "whose CA does not say so": by_chain(client(no_ca := authority("x", ROOT, at=NOW, ca=None), at=NOW), no_ca),
    "whose CA may not sign": by_chain(client(NO_SIGNER, at=NOW), NO_SIGNER),
    "longer than its CA allows": by_chain(
        client(deep := authority("deep", short := authority("short", ROOT, at=NOW, path_length=0), at=NOW), at=NOW),
        deep,
        short,
    ),
    "expired": by_chain(client(ROOT, at=NOW, starts=timedelta(days=-91), days=90)),
    "not valid yet": by_chain(client(ROOT, at=NOW, starts=timedelta(hours=1))),
    "over an expired CA": by_chain(
        client(old := authority("old", ROOT, at=NOW, starts=timedelta(days=-10), days=9), at=NOW), old
    ),
    "over a CA with a constraint on names": by_chain(
        client(tied := authority("tied", ROOT, at=NOW, permitted=["example.com"]), at=NOW), tied
    ),
    "self-signed by a stranger": by_chain(authority("self", at=NOW, ca=False)),
    "signed by the key of another": TokenIssuer().token({"kid": None, "x5c": x5c(LEAF.certificate)}),
    "kid of a root, chain of a stranger": FOREIGN.token(
        {"kid": libtrust_id(ROOT.key), "x5c": x5c(client(OTHER_ROOT, at=NOW, key=FOREIGN.key).certificate)}
    ),
    "empty": TokenIssuer(LEAF.key).token({"kid": None, "x5c": []}),
    "nine": TokenIssuer(LEAF.key).token({"kid": None, "x5c": x5c(LEAF.certificate) * 9}),
    "text": TokenIssuer(LEAF.key).token({"kid": None, "x5c": x5c(LEAF.certificate)[0]}),
    "numbers": TokenIssuer(LEAF.key).token({"kid": None, "x5c": [1]}),
    "no base64": TokenIssuer(LEAF.key).token({"kid": None, "x5c": ["*"]}),
    "no certificate": TokenIssuer(LEAF.key).token({"kid": None, "x5c": ["AAAA"]}),
    "a curve that is not known here": TokenIssuer(P256.key).token(
        {"kid": None, "x5c": x5c(client(ROOT, at=NOW, key=ec.generate_private_key(ec.SECP521R1())).certificate)}
    ),
}


@pytest.mark.parametrize("token", CHAINS_BAD.values(), ids=CHAINS_BAD)
def test_a_chain_that_leads_nowhere(tmp_path: Path, token: str) -> None:
    assert isinstance(ask(gate(tmp_path, bundle=ROOT.pem + SELF.pem), token), Challenge)


def test_an_expired_root_is_no_root(tmp_path: Path) -> None:
    root = authority("root", at=NOW, starts=timedelta(days=-10), days=9)
    at = gate(tmp_path, bundle=root.pem)
    assert isinstance(ask(at, by_chain(client(root, at=NOW))), Challenge)
    assert isinstance(ask(at, TokenIssuer(root.key).token({"kid": libtrust_id(root.key)})), Challenge)


@pytest.mark.parametrize("kid", [libtrust_id, thumbprint])
def test_the_names_that_registries_give_the_key_of_a_certificate(tmp_path: Path, kid: Callable[[Key], str]) -> None:
    at = gate(tmp_path, bundle=ROOT.pem)
    assert ask(at, TokenIssuer(ROOT.key).token({"kid": kid(ROOT.key)})) == Caller("alice")
    assert isinstance(ask(at, FOREIGN.token({"kid": kid(ROOT.key)})), Challenge)


def test_a_chain_is_not_looked_at_where_only_key_ids_count(tmp_path: Path) -> None:
    stranger = client(OTHER_ROOT, at=NOW, key=FOREIGN.key)
    at = gate(tmp_path, key_set=P256.key_set())
    assert ask(at, P256.token({"x5c": x5c(stranger.certificate)})) == Caller("alice")
    assert isinstance(ask(at, FOREIGN.token({"x5c": x5c(stranger.certificate)})), Challenge)


BAD_KEY_SETS = {
    "no JSON": b"{",
    "keys twice": P256.key_set()[:-1] + b', "keys": []}',
    "no keys": b'{"keys": []}',
    "a list": b"[]",
    "not an object": b'{"keys": [1]}',
    "a secret": json.dumps({"keys": [{"kty": "oct", "k": b64url(b"x" * 32), "kid": KID}]}).encode(),
    "a private key": P256.key_set(d=number(P256_KEY.private_numbers().private_value, 32)),
    "a kid twice": json.dumps({"keys": [jwk(one.key) | {"kid": KID} for one in (P256, FOREIGN)]}).encode(),
    "a kid that is a number": P256.key_set().replace(b'"the key of today"', b"1"),
    "short RSA": TokenIssuer(rsa.generate_private_key(65537, 1024)).key_set(),
    "an unknown curve": json.dumps({"keys": [{"kty": "EC", "crv": "P-999", "x": "AA", "y": "AA"}]}).encode(),
    "a point that is not on the curve": P256.key_set(x=b64url(bytes(32))),
    "too many": json.dumps({"keys": [jwk(P256.key) | {"kid": str(each)} for each in range(101)]}).encode(),
}


@pytest.mark.parametrize("data", BAD_KEY_SETS.values(), ids=BAD_KEY_SETS)
def test_key_sets_that_are_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(Unsound):
        gate(tmp_path, key_set=data)


def test_a_key_without_kid_has_its_thumbprint_for_one(tmp_path: Path) -> None:
    at = gate(tmp_path, key_set=json.dumps({"keys": [jwk(P256.key)]}).encode())
    assert ask(at, P256.token({"kid": thumbprint(P256.key)})) == Caller("alice")


@pytest.mark.parametrize(
    "data", [b"x", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", ROOT.key_pem]
)
def test_bundles_that_are_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(Unsound):
        gate(tmp_path, bundle=data)


def test_keys_are_read_again_when_they_change(tmp_path: Path) -> None:
    at = gate(tmp_path, key_set=P256.key_set())
    (tmp_path / "keys.json").write_bytes(FOREIGN.key_set())
    assert isinstance(ask(at, P256.token()), Challenge)
    assert ask(at, FOREIGN.token()) == Caller("alice")
    (tmp_path / "keys.json").write_bytes(b"{")
    with pytest.raises(Unsound):
        ask(at, FOREIGN.token())
    (tmp_path / "keys.json").unlink()
    with pytest.raises(NotSetUp):
        ask(at, FOREIGN.token())
