"""What a server with a password file answers: whom it lets in, and the challenge that docker and notary read."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64decode

import pytest
from tests.fakes.password_house import House
from tests.fakes.token_issuer import TokenIssuer, claims, unsigned

from pytrust.trust.errors import NotSetUp, Unsound
from pytrust.trust.registry.challenge import parse_challenges
from pytrust.trust.server.auth import CATALOG, PING, Access, Caller, Challenge, Gate, NoAuth, load_gate
from pytrust.trust.server.auth.own_tokens import OwnTokens
from pytrust.trust.server.auth.scopes import parse_scopes
from pytrust.trust.server.auth.signing_key import signing_key

GUN = "127.0.0.1:5000/foo/web"
REALM = "https://trust.example.com/auth/token"
PULL = Access("repository", GUN, ("pull",))
PUSH = Access("repository", GUN, ("push", "pull"))
ADMIN = Access("repository", GUN, ("*",))


def basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


ALICE = basic("alice", "wonder:land")
MAY = [
    (None, PULL, ""),
    (ALICE, PULL, "alice"),
    (ALICE, PUSH, "alice"),
    (ALICE, PING, "alice"),
    (ALICE, CATALOG, "alice"),
    (ALICE.replace("Basic", "basic"), PUSH, "alice"),
]
MAY_NOT = [
    (None, PING),
    (None, PUSH),
    (None, ADMIN),
    (None, CATALOG),
    (ALICE, ADMIN),
    (ALICE, Access("registry", "metrics", ("*",))),
    (ALICE, Access("vault", GUN, ("pull",))),
    (basic("alice", "wonder"), PULL),
    (basic("alice", ""), PULL),
    (basic("alice", "wonder:land\0"), PULL),
    (basic("alice", "wonder:landx"), PULL),
    (basic("Alice", "wonder:land"), PULL),
    (basic("", ""), PING),
    (basic("bob", "wonder:land"), PULL),
    (basic("carol", "?"), PULL),
    ("Basic YWxpY2U=", PULL),
    ("Basic YWxpY2U6d29uZGVyOmxhbmQ", PULL),
    ("Basic /////w==", PULL),
    ("Basic", PULL),
    ("Digest YWxpY2U6d29uZGVyOmxhbmQ=", PULL),
    ("", PULL),
]


@pytest.mark.parametrize(("authorization", "access", "user"), MAY)
def test_who_is_let_in(house: House, authorization: str | None, access: Access, user: str) -> None:
    assert house.open()[0].judge(authorization, access, REALM) == Caller(user)


@pytest.mark.parametrize(("authorization", "access"), MAY_NOT)
def test_who_is_challenged(house: House, authorization: str | None, access: Access) -> None:
    assert isinstance(house.open()[0].judge(authorization, access, REALM), Challenge)


def test_the_challenge_is_that_of_the_real_server(house: House) -> None:
    assert house.open()[0].judge(None, PUSH, REALM) == (
        f'Bearer realm="{REALM}",service="trust.example.com",scope="repository:{GUN}:push,pull"',
        (
            b'{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":['
            b'{"Type":"repository","Class":"","Name":"127.0.0.1:5000/foo/web","Action":"push"},'
            b'{"Type":"repository","Class":"","Name":"127.0.0.1:5000/foo/web","Action":"pull"}]}]}\n'
        ),
    )


def test_the_ping_names_the_catalog(house: House) -> None:
    outcome = house.open()[0].judge(None, PING, REALM)
    assert isinstance(outcome, Challenge)
    assert outcome.header.endswith('scope="registry:catalog:*"')
    detail = [{"Type": "registry", "Class": "", "Name": "catalog", "Action": "*"}]
    assert json.loads(outcome.body)["errors"][0]["detail"] == detail


@pytest.mark.parametrize(
    "name", ['a",realm="https://evil.example', "a\\", "a\r\nSet-Cookie: x", "bücher", "a, Basic b"]
)
def test_no_name_changes_the_challenge(house: House, name: str) -> None:
    outcome = house.open()[0].judge(None, PUSH._replace(name=name), REALM)
    assert isinstance(outcome, Challenge)
    assert outcome.header.isascii()
    assert outcome.header.isprintable()
    [read] = parse_challenges(outcome.header)
    assert (read.realm, read.service) == (REALM, "trust.example.com")


def test_a_password_is_slow_once(house: House) -> None:
    gate, _ = house.open()
    assert gate.slow(ALICE)
    gate.judge(ALICE, PING, REALM)
    assert not gate.slow(ALICE)
    assert gate.slow(basic("alice", "wonder"))
    assert gate.slow(basic("bob", "wonder:land"))
    assert not gate.slow(None)
    assert not gate.slow("Bearer x.y.z")
    assert not gate.slow("Basic !")


def test_a_new_password_ends_the_old_one_at_once(house: House) -> None:
    gate, _ = house.open()
    assert gate.judge(ALICE, PING, REALM) == Caller("alice")
    house.users(alice="changed")
    assert isinstance(gate.judge(ALICE, PING, REALM), Challenge)
    assert gate.judge(basic("alice", "changed"), PING, REALM) == Caller("alice")
    house.users(bob="builder")
    assert isinstance(gate.judge(basic("alice", "changed"), PING, REALM), Challenge)


def test_a_broken_file_lets_nobody_in_by_password_and_everybody_read(house: House) -> None:
    gate, _ = house.open()
    gate.judge(ALICE, PING, REALM)
    (house.folder / "users").write_bytes(b"alice:plain\n")
    with pytest.raises(Unsound, match="users line 1: the password of alice is not a bcrypt hash"):
        gate.judge(ALICE, PING, REALM)
    assert gate.judge(None, PULL, REALM) == Caller("")
    (house.folder / "users").unlink()
    with pytest.raises(NotSetUp):
        gate.judge(ALICE, PING, REALM)
    house.users(alice="wonder:land")
    assert gate.judge(ALICE, PING, REALM) == Caller("alice")


def test_guessing_ends_soon_and_for_the_guesser_alone(house: House) -> None:
    gate, _ = house.open()
    tries = [gate.judge(basic("alice", str(each)), PING, REALM, peer="192.0.2.1") for each in range(20)]
    assert all(isinstance(one, Challenge) for one in tries)
    assert isinstance(gate.judge(ALICE, PING, REALM, peer="192.0.2.1"), Challenge)
    assert gate.judge(basic("bob", "builder"), PING, REALM, peer="192.0.2.1") == Caller("bob")
    assert gate.judge(ALICE, PING, REALM, peer="192.0.2.2") == Caller("alice")
    assert gate.judge(ALICE, PING, REALM, peer="192.0.2.1") == Caller("alice"), "it is remembered now"


# Our own tokens.


def own(house: House) -> OwnTokens:
    return OwnTokens(signing_key(house.folder / "token-key.pem"), "trust.example.com")


def token(house: House, scope: str = f"repository:{GUN}:push,pull") -> str:
    return own(house).make("alice", parse_scopes([scope]), house.clock())


def bearer(gate: Gate, value: str, access: Access = PUSH) -> Caller | Challenge:
    return gate.judge(f"Bearer {value}", access, REALM)


def test_a_token_is_good_for_five_minutes_and_what_it_says(house: House) -> None:
    gate, _ = house.open()
    ours = token(house)
    assert bearer(gate, ours) == Caller("alice")
    assert bearer(gate, ours, PING) == Caller("alice")
    assert bearer(gate, ours, PULL._replace(name="anything/else")) == Caller("alice"), "as for everybody"
    assert isinstance(bearer(gate, ours, PUSH._replace(name="127.0.0.1:5000/foo/web2")), Challenge)
    assert isinstance(bearer(gate, ours, ADMIN), Challenge)
    assert isinstance(bearer(gate, ours, CATALOG), Challenge)
    house.clock.move(seconds=359)
    assert bearer(gate, ours) == Caller("alice")
    house.clock.move(seconds=1)
    assert isinstance(bearer(gate, ours), Challenge)


def test_all_actions_in_a_token_are_all_actions(house: House) -> None:
    gate, _ = house.open()
    assert bearer(gate, token(house, f"repository:{GUN}:*"), ADMIN) == Caller("alice")
    assert bearer(gate, token(house, f"repository:{GUN}:*"), PUSH) == Caller("alice")


def test_servers_with_one_key_know_each_other_and_others_do_not(house: House) -> None:
    first, second = house.open()[0], house.open()[0]
    assert bearer(first, token(house)) == bearer(second, token(house)) == Caller("alice")
    ours = token(house)
    (house.folder / "token-key.pem").unlink()
    assert isinstance(bearer(house.open()[0], ours), Challenge)
    other = OwnTokens(signing_key(house.folder / "token-key.pem"), "other.example.com")
    assert isinstance(bearer(house.open()[0], other.make("alice", (), house.clock()), PING), Challenge)


def test_tokens_that_are_not_ours(house: House) -> None:
    gate, _ = house.open()
    key = signing_key(house.folder / "token-key.pem")
    issuer = TokenIssuer(key)
    said = claims(aud="trust.example.com", iss="pytrust serve")
    kid = json.loads(_decoded(token(house).split(".")[0]))["kid"]
    assert bearer(gate, issuer.token({"kid": kid}, said), PING) == Caller("alice"), "the control"
    for header, told in (
        ({"kid": "another"}, said),
        ({"kid": None}, said),
        ({"kid": kid, "typ": None}, said),
        ({"kid": kid, "typ": "pytrust-refresh+jwt"}, said),
        ({"kid": kid, "alg": "none"}, said),
        ({"kid": kid}, said | {"iss": "auth.example.com"}),
        ({"kid": kid}, said | {"aud": "refresh tokens of trust.example.com"}),
    ):
        assert isinstance(bearer(gate, issuer.token(header, told), PING), Challenge), (header, told)
    assert isinstance(bearer(gate, unsigned(said), PING), Challenge)
    assert isinstance(bearer(gate, TokenIssuer().token({"kid": kid}, said), PING), Challenge)


def test_a_refresh_token_is_no_token(house: House) -> None:
    gate, _ = house.open()
    assert isinstance(bearer(gate, own(house).make_refresh("alice", "mark", house.clock()), PING), Challenge)


def test_without_authentication_everybody_may_do_everything(house: House) -> None:
    gate, tokens = load_gate(NoAuth(), house.clock)
    assert tokens is None
    for authorization in (None, "Bearer x", "nonsense"):
        assert gate.judge(authorization, ADMIN, "") == Caller("")
        assert not gate.slow(authorization)


def _decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))
