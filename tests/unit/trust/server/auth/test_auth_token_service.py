"""GET and POST /auth/token, as docker (GET with Basic; POST with what `docker login` keeps) and others ask."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.password_house import House

from pytrust.trust.errors import AccessDenied, UsageError
from pytrust.trust.registry.tokens import parse_token, refresh_form, token_query
from pytrust.trust.server.auth import PING, Access, Caller, Challenge, TokenService
from pytrust.trust.server.auth.form import read_get, read_post

GUN = "127.0.0.1:5000/foo/web"
SCOPE = f"repository:{GUN}:pull,push"
SERVICE = "trust.example.com"
ALICE = "Basic " + b64encode(b"alice:wonder:land").decode()
BOB = "Basic " + b64encode(b"bob:builder").decode()
PUSH = Access("repository", GUN, ("push", "pull"))
REALM = "https://trust.example.com/auth/token"


def get(tokens: TokenService, authorization: str | None = None, **query: str | list[str]) -> tuple[int, Any]:
    status, headers, body = tokens.answer("GET", urlencode(query, doseq=True).encode(), b"", authorization, "192.0.2.1")
    assert headers["Cache-Control"] == "no-store"
    return status, json.loads(body)


def post(tokens: TokenService, **form: str) -> tuple[int, Any]:
    status, _, body = tokens.answer("POST", b"", urlencode(form).encode(), None, "192.0.2.1")
    return status, json.loads(body)


def granted(answer: tuple[int, Any]) -> str:
    assert answer[0] == 200, answer
    return str(answer[1]["scope"])


def test_docker_pushes(house: House) -> None:
    """As `docker trust sign` asks after a login that left a password."""
    gate, tokens = house.open()
    status, said = get(tokens, ALICE, account="alice", scope=SCOPE, service=SERVICE)
    assert (status, said["expires_in"], said["issued_at"]) == (200, 300, "2026-11-30T12:00:00Z")
    assert said["token"] == said["access_token"]
    assert "refresh_token" not in said
    assert gate.judge(f"Bearer {said['token']}", PUSH, REALM) == Caller("alice")


def test_docker_pulls_without_a_login(house: House) -> None:
    gate, tokens = house.open()
    status, said = get(tokens, scope=f"repository:{GUN}:pull", service=SERVICE)
    assert status == 200
    assert gate.judge(f"Bearer {said['token']}", PUSH._replace(actions=("pull",)), REALM) == Caller("")
    assert isinstance(gate.judge(f"Bearer {said['token']}", PUSH, REALM), Challenge)


def test_our_own_client_reads_the_answer(house: House) -> None:
    _, tokens = house.open()
    _, _, body = tokens.answer("GET", token_query(SERVICE, SCOPE).encode(), b"", ALICE, "")
    assert parse_token(body).seconds == 300
    login = get(tokens, ALICE, offline_token="true", client_id="docker", service=SERVICE)[1]["refresh_token"]
    status, _, body = tokens.answer("POST", b"", refresh_form(SERVICE, SCOPE, login), None, "")
    assert (status, parse_token(body).seconds) == (200, 300)


def test_docker_logs_in_and_pushes_later(house: House) -> None:
    """`docker login` asks for no scope, pings with the token, and keeps the refresh token for weeks."""
    gate, tokens = house.open()
    _, said = get(tokens, ALICE, account="alice", client_id="docker", offline_token="true", service=SERVICE)
    assert gate.judge(f"Bearer {said['token']}", PING, REALM) == Caller("alice")
    login = said["refresh_token"]
    house.clock.move(days=89)
    form = {"grant_type": "refresh_token", "service": SERVICE, "client_id": "docker", "scope": SCOPE}
    status, later = post(tokens, refresh_token=login, **form)
    assert status == 200
    assert later["refresh_token"] == login
    assert gate.judge(f"Bearer {later['access_token']}", PUSH, REALM) == Caller("alice")
    house.clock.move(days=2)
    assert post(tokens, refresh_token=login, **form)[0] == 401


def test_a_password_in_a_form(house: House) -> None:
    _, tokens = house.open()
    form = {"grant_type": "password", "username": "alice", "password": "wonder:land", "service": SERVICE}
    status, said = post(tokens, scope=f"{SCOPE} repository:x/y:pull", access_type="offline", client_id="notary", **form)
    assert (status, said["scope"]) == (200, f"{SCOPE} repository:x/y:pull")
    assert post(tokens, grant_type="refresh_token", refresh_token=said["refresh_token"])[0] == 200
    assert "refresh_token" not in post(tokens, **form)[1]
    assert post(tokens, **(form | {"password": "wonder"}))[0] == 401
    assert post(tokens, **(form | {"username": ""}))[0] == 401


@pytest.mark.parametrize("users", [{"alice": "changed"}, {"alice": "wonder:land"}, {"bob": "builder"}])
def test_a_login_ends_with_the_line_of_the_file(house: House, users: dict[str, str]) -> None:
    """Even where the password is the same, since the salt is another."""
    _, tokens = house.open()
    login = get(tokens, ALICE, offline_token="true")[1]["refresh_token"]
    assert post(tokens, grant_type="refresh_token", refresh_token=login)[0] == 200
    house.users(**users)
    assert post(tokens, grant_type="refresh_token", refresh_token=login)[0] == 401


def test_a_login_survives_a_restart_and_other_lines(house: House) -> None:
    login = get(house.open()[1], ALICE, offline_token="true")[1]["refresh_token"]
    users = house.folder / "users"
    users.write_bytes(b"# new\n" + users.read_bytes().replace(b"bob", b"robert"))
    assert post(house.open()[1], grant_type="refresh_token", refresh_token=login)[0] == 200


def test_nobody_is_remembered_without_a_password(house: House) -> None:
    _, tokens = house.open()
    assert "refresh_token" not in get(tokens, offline_token="true", client_id="docker")[1]


def test_a_token_is_no_refresh_token(house: House) -> None:
    _, tokens = house.open()
    ours = get(tokens, ALICE, scope=SCOPE)[1]["token"]
    assert post(tokens, grant_type="refresh_token", refresh_token=ours)[0] == 401


SCOPES = [
    (ALICE, [SCOPE], SCOPE),
    (BOB, [SCOPE], f"repository:{GUN}:pull"),
    (None, [SCOPE], f"repository:{GUN}:pull"),
    (None, ["repository:docker.io/library/alpine:pull"], ""),
    (ALICE, [f"repository:{GUN}:*"], ""),
    (ALICE, [f"repository:{GUN}:push,*,pull,delete"], f"repository:{GUN}:push,pull"),
    (ALICE, [f"repository(plugin):{GUN}:push"], f"repository(plugin):{GUN}:push"),
    (ALICE, ["registry:catalog:*"], ""),
    ("root", [f"repository:{GUN}:*"], f"repository:{GUN}:*"),
    ("root", [f"repository:{GUN}:push"], f"repository:{GUN}:push"),
    ("root", [f"repository:{GUN}:delete"], ""),
    ("root", ["registry:catalog:*"], "registry:catalog:*"),
    ("root", ["registry:metrics:*", "vault:catalog:*"], ""),
    (ALICE, [SCOPE, f"repository:{GUN}x:pull  {SCOPE}"], f"{SCOPE} repository:{GUN}x:pull {SCOPE}"),
    (ALICE, [], ""),
    (ALICE, [""], ""),
]


@pytest.mark.parametrize(("who", "asked", "given_"), SCOPES)
def test_what_is_granted(house: House, who: str | None, asked: list[str], given_: str) -> None:
    house.users(alice="wonder:land", bob="builder", root="toor")
    house.table["permissions"] = [
        {"match": "127.0.0.1:5000/**", "anonymous": True, "actions": ["pull"]},
        {"match": "127.0.0.1:5000/foo/*", "users": ["al*"], "actions": ["push"]},
        {"match": "**", "users": ["root"], "actions": ["*"]},
    ]
    authorization = "Basic " + b64encode(b"root:toor").decode() if who == "root" else who
    assert granted(get(house.open()[1], authorization, scope=asked)) == given_


REFUSED = [
    (401, "GET", "", "Basic " + b64encode(b"alice:wonder").decode()),
    (401, "GET", "account=bob", ALICE),
    (401, "GET", "", "Bearer x.y.z"),
    (401, "GET", "", "nonsense"),
    (400, "GET", "service=other.example.com", ALICE),
    (400, "GET", "service=trust.example.com&service=other.example.com", ALICE),
    (400, "GET", "account=alice&account=bob", ALICE),
    (400, "GET", "scope", None),
    (400, "GET", "scope=%FF", None),
    (400, "GET", "client_id=%FF", None),
    (400, "GET", "scope=\xff", None),
    (400, "GET", "scope=repository:foo", None),
    (400, "GET", "&".join(["scope=repository:foo:pull"] * 33), None),
    (400, "GET", "scope=" + "+".join(["repository:foo:pull"] * 33), None),
    (400, "GET", f"scope=repository:{'x' * 256}:pull", None),
    (400, "GET", "&".join(f"a{each}=1" for each in range(65)), None),
    (400, "GET", "a=" + "x" * 40_000, None),
    (400, "POST", "", None),
    (400, "POST", "grant_type=authorization_code&code=x", None),
    (400, "POST", "grant_type=password&grant_type=refresh_token", None),
    (400, "POST", "grant_type=password&username=alice&password=wonder:land", ALICE),
    (400, "POST", "grant_type=password&username=alice&password=wonder:land&scope=a:b:pull&scope=a:b:push", None),
    (400, "POST", '{"grant_type":"password"}', None),
    (400, "POST", "grant_type=password&username=alice&password=" + "x" * 40_000, None),
    (401, "POST", "grant_type=password&username=alice", None),
    (401, "POST", "grant_type=refresh_token", None),
    (401, "POST", "grant_type=refresh_token&refresh_token=x.y.z", None),
    (405, "PUT", "", None),
    (405, "HEAD", "", ALICE),
    (405, "get", "", ALICE),
]


@pytest.mark.parametrize(("status", "method", "form", "authorization"), REFUSED)
def test_what_is_refused(house: House, status: int, method: str, form: str, authorization: str | None) -> None:
    query, body = (b"", form.encode("latin-1")) if method == "POST" else (form.encode("latin-1"), b"")
    found, headers, said = house.open()[1].answer(method, query, body, authorization, "")
    assert found == status
    [error] = json.loads(said)["errors"]
    assert error["message"]
    assert "token" not in json.loads(said)
    assert ("WWW-Authenticate" in headers) == (status == 401)
    assert ("Allow" in headers) == (status == 405)


def test_guessing_is_answered_with_the_seconds_to_wait(house: House) -> None:
    _, tokens = house.open()
    wrong = "Basic " + b64encode(b"alice:x").decode()
    statuses = [get(tokens, wrong)[0] for _ in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    status, headers, body = tokens.answer("GET", b"", b"", ALICE, "192.0.2.1")
    assert status == 429
    assert headers["Retry-After"] == "10"
    assert b"try again in" in body
    assert tokens.answer("GET", b"", b"", ALICE, "192.0.2.2")[0] == 200


def test_no_answer_shows_a_password_or_a_token(house: House) -> None:
    _, tokens = house.open()
    secret = "correct horse"
    for form in (
        {"grant_type": "password", "username": "alice", "password": secret},
        {"grant_type": "refresh_token", "refresh_token": secret},
        {"grant_type": "password", "username": "alice", "password": secret, "service": "other"},
    ):
        assert secret not in str(post(tokens, **form))
    question = read_post(urlencode({"grant_type": "password", "username": "a", "password": secret}).encode(), None)
    assert secret not in repr(question)


@given(st.binary(max_size=200), st.none() | st.text(max_size=50))
def test_any_question_is_read_or_refused(data: bytes, authorization: str | None) -> None:
    for read in (read_get, read_post):
        try:
            read(data, authorization)
        except (UsageError, AccessDenied):
            continue
