"""What a token allows, and who may renew: decisions as tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.certificates import new_key
from tests.fakes.pki import NOW, issued

from pytrust.trust.errors import InvalidName, UsageError
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.names import KeyId
from pytrust.trust.pki.enrol.grants import (
    Denied,
    ForClient,
    ForServer,
    Grant,
    decide,
    parse_allowed,
    refuse_renewal,
    refuse_token,
)
from pytrust.trust.pki.model import Issued, Kind, LeafKind, Reason, Revocation
from pytrust.trust.pki.names import ClientName, ServerNames

CLIENT_NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,20}", fullmatch=True)


def grant(kind: LeafKind, *allowed: str, uses: int = 1) -> Grant:
    return Grant.make(kind, allowed, now=NOW, uses=uses)


@pytest.mark.parametrize(
    ("allowed", "asked", "given"),
    [
        ("alice", [], "alice"),
        ("alice", ["alice"], "alice"),
        ("alice", ["alice", "alice"], "alice"),
        ("alice", ["bob"], "name-not-allowed"),
        ("alice", ["Alice"], "name-not-allowed"),
        ("alice", ["alice", "bob"], "invalid-name"),
        ("alice", ["alice\n"], "invalid-name"),
        ("alice", ["../alice"], "invalid-name"),
        ("alice", [""], "invalid-name"),
        ("a.ice", ["alice"], "name-not-allowed"),
        ("ci-*", [], "no-name"),
        ("ci-*", ["ci-7"], "ci-7"),
        ("ci-*", ["ci-"], "ci-"),
        ("ci-*", ["xci-7"], "name-not-allowed"),
        ("ci-*", ["ci-*"], "invalid-name"),
        ("*@build", ["x@build"], "x@build"),
        ("*@build", ["x@build2"], "name-not-allowed"),
        ("*", ["anybody"], "anybody"),
    ],
)
def test_clients(allowed: str, asked: list[str], given: str) -> None:
    found = decide(grant(Kind.CLIENT, allowed), asked)
    assert found.code == given if isinstance(found, Denied) else found == ForClient(ClientName(given))


@pytest.mark.parametrize(
    ("allowed", "asked", "given"),
    [
        (["d1.example.com"], [], ["d1.example.com"]),
        (["d1.example.com", "10.0.0.1"], [], ["d1.example.com", "10.0.0.1"]),
        (["d1.example.com", "10.0.0.1"], ["10.0.0.1"], ["10.0.0.1"]),
        (["d1.example.com"], ["D1.example.com."], ["d1.example.com"]),
        (["d1.example.com"], ["d2.example.com"], "name-not-allowed"),
        (["d1.example.com"], ["d1.example.com", "d2.example.com"], "name-not-allowed"),
        (["d1.example.com"], ["xd1.example.com"], "name-not-allowed"),
        (["*.example.com"], ["d1.example.com"], ["d1.example.com"]),
        (["*.example.com"], ["a.b.example.com"], "name-not-allowed"),
        (["*.example.com"], ["example.com"], "name-not-allowed"),
        (["*.example.com"], ["*.example.com"], "name-not-allowed"),
        (["d*.example.com"], ["d17.example.com"], ["d17.example.com"]),
        (["d*.example.com"], ["d1.evil.example.com"], "name-not-allowed"),
        (["*.example.com"], ["d1xexample.com"], "name-not-allowed"),
        (["10.0.0.0/24"], ["10.0.0.255"], ["10.0.0.255"]),
        (["10.0.0.0/24"], ["10.0.1.0"], "name-not-allowed"),
        (["10.0.0.0/24"], ["fd00::1"], "name-not-allowed"),
        (["fd00::/64"], ["fd00::1"], ["fd00::1"]),
        (["10.0.0.0/24"], ["d1.example.com"], "name-not-allowed"),
        (["*.example.com"], ["10.0.0.1"], "name-not-allowed"),
        (["*.example.com"], [], "no-name"),
        (["d1.example.com"], ["a b"], "invalid-name"),
        (["d1.example.com"], ["d1.example.com"] * 1000, ["d1.example.com"]),
    ],
)
def test_servers(allowed: list[str], asked: list[str], given: list[str] | str) -> None:
    found = decide(grant(Kind.SERVER, *allowed), asked)
    wanted = given if isinstance(given, str) else ForServer(ServerNames.parse(given))
    assert (found.code if isinstance(found, Denied) else found) == wanted


@given(CLIENT_NAMES, CLIENT_NAMES)
def test_a_name_without_pattern_allows_itself_alone(allowed: str, asked: str) -> None:
    found = decide(grant(Kind.CLIENT, allowed), [asked])
    assert isinstance(found, ForClient) == (allowed == asked)


@given(st.lists(st.text(max_size=30), max_size=5), st.sampled_from([Kind.CLIENT, Kind.SERVER]))
def test_whatever_is_asked_there_is_an_answer(asked: list[str], kind: LeafKind) -> None:
    assert isinstance(decide(grant(kind, "d1.example.com"), asked), ForClient | ForServer | Denied)


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        (Kind.CLIENT, []),
        (Kind.CLIENT, ["alice", "bob"]),
        (Kind.CLIENT, ["a b"]),
        (Kind.CLIENT, ["**"]),
        (Kind.CLIENT, ["/etc/*"]),
        (Kind.CLIENT, ["x" * 80 + "*"]),
        (Kind.SERVER, ["**.example.com"]),
        (Kind.SERVER, ["10.0.0.1/24"]),
        (Kind.SERVER, ["*..com"]),
        (Kind.SERVER, ["d.example.com"] * 101),
    ],
)
def test_what_cannot_be_granted(kind: LeafKind, texts: list[str]) -> None:
    with pytest.raises(InvalidName):
        parse_allowed(kind, texts)


@pytest.mark.parametrize(
    ("more"),
    [
        {"uses": 0},
        {"uses": 1001},
        {"good_for": timedelta(seconds=59)},
        {"good_for": timedelta(days=8)},
        {"lifetime": timedelta(minutes=4)},
        {"lifetime": timedelta(days=826)},
    ],
)
def test_bounds_of_a_grant(more: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        Grant.make(Kind.CLIENT, ["ci-*"], now=NOW, **more)  # type: ignore[arg-type]


def test_a_name_has_one_holder_so_its_token_is_used_once() -> None:
    with pytest.raises(UsageError, match="one holder"):
        grant(Kind.CLIENT, "alice", uses=2)
    assert grant(Kind.CLIENT, "ci-*", uses=2).uses == 2


def test_a_token_counts_until_its_end() -> None:
    made = grant(Kind.CLIENT, "alice")
    assert refuse_token(made, made.expires - timedelta(seconds=1)) is None
    over, none = refuse_token(made, made.expires), refuse_token(None, NOW)
    assert over is not None
    assert over.code == "expired-token"
    assert none is not None
    assert none.code == "unknown-token"


OLD, NEXT, OTHER = new_key(), new_key(), new_key()
REVOKED = Revocation(NOW, Reason.KEY_COMPROMISE)


def key_id(holder: EllipticCurvePrivateKey) -> KeyId:
    return PublicKey.of(holder.public_key()).id


@pytest.mark.parametrize(
    ("shown", "follower", "wanted", "after", "code"),
    [
        (issued(OLD, 1), None, NEXT, 0, None),
        (issued(OLD, 1, Kind.SERVER), None, NEXT, 0, None),
        (None, None, NEXT, 0, "unknown-certificate"),
        (issued(OLD, 1, Kind.CLIENT_CA), None, NEXT, 0, "unknown-certificate"),
        (issued(OLD, 1), None, NEXT, 25, "expired"),
        (issued(OLD, 1), None, NEXT, -2, "expired"),
        (replace(issued(OLD, 1), revoked=REVOKED), None, NEXT, 0, "revoked"),
        (issued(OLD, 1), issued(NEXT, 2), NEXT, 0, None),
        (issued(OLD, 1), issued(NEXT, 2), OTHER, 0, "renewed-before"),
        (issued(OLD, 1), replace(issued(NEXT, 2), revoked=REVOKED), NEXT, 0, "revoked"),
        (issued(OLD, 1), None, OLD, 0, "same-key"),
    ],
)
def test_renewals(
    shown: Issued | None, follower: Issued | None, wanted: EllipticCurvePrivateKey, after: int, code: str | None
) -> None:
    found = refuse_renewal(shown, follower, key_id(wanted), NOW + timedelta(hours=after))
    assert (found and found.code) == code
