"""Docker's configuration, credential helpers, and what the engine is told."""

from __future__ import annotations

import base64
import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytrust.trust import errors
from pytrust.trust.http import Deadline
from pytrust.trust.names import ImageRef
from pytrust.trust.registry import Anonymous, DockerCredentials, engine_auth
from pytrust.trust.registry.dockerconfig import (
    HUB_KEY,
    Login,
    encode_engine_auth,
    parse_config,
    parse_helper_reply,
    server_key,
)

SECRET = "s3cret-password"


def auth(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


ALICE = {"auth": auth(f"alice:{SECRET}")}
BOB = {"auth": auth("bob:pw")}


def login_of(registry: str, auths: Any) -> Login | None:
    return parse_config(json.dumps({"auths": auths}).encode()).login(registry)


LOGINS = [
    ("a.io", {"a.io": ALICE}, Login("alice", SECRET)),
    ("a.io", {"a.io": {"auth": auth("alice:pw:with:colons\0\0")}}, Login("alice", "pw:with:colons")),
    ("a.io", {"a.io": {"username": "alice", "password": SECRET}}, Login("alice", SECRET)),
    ("a.io", {"a.io": {"identitytoken": "i"}}, Login(identity_token="i")),
    ("a.io", {"a.io": {"registrytoken": "r"}}, Login(registry_token="r")),
    ("a.io", {"a.io": {**ALICE, "identitytoken": "i"}}, Login("alice", SECRET, "i")),
    ("a.io", {"https://a.io/v1/": ALICE}, Login("alice", SECRET)),
    ("a.io", {"https://a.io/v1/": ALICE, "a.io": BOB}, Login("bob", "pw")),
    ("a.io:5000", {"http://a.io:5000": ALICE}, Login("alice", SECRET)),
    ("a.io", {"a.io:5000": ALICE}, None),
    ("a.io", {"evil.io/a.io": ALICE}, None),
    ("a.io", {"a.io": {}}, None),
    ("a.io", {}, None),
    ("a.io", None, None),
    ("docker.io", {HUB_KEY: ALICE}, Login("alice", SECRET)),
    ("docker.io", {"docker.io": BOB, "registry-1.docker.io": BOB, HUB_KEY: ALICE}, Login("alice", SECRET)),
    ("docker.io", {"index.docker.io": ALICE}, Login("alice", SECRET)),
]


@pytest.mark.parametrize(("registry", "auths", "expected"), LOGINS)
def test_logins(registry: str, auths: Any, expected: Login | None) -> None:
    assert login_of(registry, auths) == expected


BAD_ENTRIES: list[Any] = [
    f"{SECRET}",
    {"auth": SECRET},
    {"auth": auth(SECRET)},
    {"auth": base64.b64encode(b"\xff:\xff").decode()},
    {"auth": [SECRET]},
    {"username": "alice", "password": {"x": SECRET}},
    {"username": "alice", "password": f"{SECRET}\ud800"},
    {"registrytoken": f"{SECRET}\r\nX: y"},
]


@pytest.mark.parametrize("entry", BAD_ENTRIES)
def test_entries_that_cannot_be_read_do_not_show(entry: Any) -> None:
    with pytest.raises(errors.Unsound) as caught:
        login_of("a.io", {"a.io": entry})
    chain = f"{caught.value!r} {caught.value.hint} {caught.value.__cause__!r}"
    assert SECRET not in chain


@pytest.mark.parametrize("config", [b"", b"[]", b"{", b'{"auths": 1}', b'{"credsStore": 1}', b'{"credHelpers": []}x'])
def test_configurations_that_are_none(config: bytes) -> None:
    with pytest.raises(errors.Unsound):
        parse_config(config)


def test_a_bad_entry_of_another_host_does_not_matter() -> None:
    assert login_of("a.io", {"a.io": ALICE, "b.io": 1}) == Login("alice", SECRET)


def test_no_secret_in_any_repr() -> None:
    login = Login("alice", f"{SECRET}1", f"{SECRET}2", f"{SECRET}3")
    assert repr(login) == "Login(username='alice')"
    assert SECRET not in repr(parse_config(json.dumps({"auths": {"a.io": {"password": SECRET}}}).encode()))


HELPERS = [
    ({"credsStore": "pass"}, "a.io", "pass"),
    ({"credsStore": "pass", "credHelpers": {"a.io": "ecr-login"}}, "a.io", "ecr-login"),
    ({"credsStore": "pass", "credHelpers": {"a.io": "ecr-login"}}, "b.io", "pass"),
    ({"credHelpers": {HUB_KEY: "hub"}}, "docker.io", "hub"),
    ({"credHelpers": {"index.docker.io": "hub"}}, "docker.io", "hub"),
    ({"credsStore": "pass", "credHelpers": {"a.io": ""}}, "a.io", None),
    ({"credsStore": ""}, "a.io", None),
    ({}, "a.io", None),
]


@pytest.mark.parametrize(("config", "registry", "expected"), HELPERS)
def test_which_helper_decides(config: object, registry: str, expected: str | None) -> None:
    assert parse_config(json.dumps(config).encode()).helper(registry) == expected


@pytest.mark.parametrize("name", ["../evil", "a b", "a/b", "a\n", "ü", 1, None])
def test_helper_names_that_are_refused(name: object) -> None:
    config = parse_config(json.dumps({"credHelpers": {"a.io": name}}).encode())
    with pytest.raises(errors.Unsound, match="credential helper"):
        config.helper("a.io")


RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no fault
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["a.io", "auth", "username"]), inner),
    max_leaves=20,
)
CONFIGS = st.dictionaries(st.sampled_from(["auths", "credsStore", "credHelpers"]), JSON)


@RELAXED
@given(st.binary() | CONFIGS.map(lambda value: json.dumps(value).encode()))
def test_any_configuration_is_read_or_refused(data: bytes) -> None:
    try:
        config = parse_config(data)
        config.helper("a.io")
        login = config.login("a.io")
    except errors.Unsound:
        return
    assert login is None or login.basic().startswith("Basic ")


@RELAXED
@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_helper_reply_is_read_or_refused(data: bytes) -> None:
    with suppress(errors.Unsound):
        parse_helper_reply(data)


@RELAXED
@given(st.text(st.characters(exclude_characters=":\0", exclude_categories=["Cs"]), min_size=1), st.text())
def test_a_login_comes_back(username: str, password: str) -> None:
    password = password.rstrip("\0")
    assert login_of("a.io", {"a.io": {"auth": auth(f"{username}:{password}")}}) == Login(username, password)


# -- helpers --------------------------------------------------------------------------------------------------------


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DockerCredentials:
    """A docker configuration whose only helper is ``docker-credential-test``."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (tmp_path / "config.json").write_text('{"credsStore": "test", "auths": {"a.io": {"auth": "YTpi"}}}')
    return DockerCredentials(tmp_path)


def helper(tmp_path: Path, script: str) -> None:
    path = tmp_path / "docker-credential-test"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_a_helper(source: DockerCredentials, tmp_path: Path) -> None:
    helper(
        tmp_path, f"""[ "$*" = get ] && printf '{{"ServerURL":"%s","Username":"%s","Secret":"{SECRET}"}}' x "$(cat)" """
    )
    assert source.login("a.io", Deadline(5)) == Login("a.io", SECRET)
    assert source.login("docker.io", Deadline(5)) == Login(HUB_KEY, SECRET)


def test_a_helper_with_an_identity_token(source: DockerCredentials, tmp_path: Path) -> None:
    helper(tmp_path, f"""echo '{{"ServerURL":"a.io","Username":"<token>","Secret":"{SECRET}"}}'""")
    assert source.login("a.io", Deadline(5)) == Login(identity_token=SECRET)


@pytest.mark.parametrize("text", ["credentials not found in native keychain", "credentials not found"])
def test_a_helper_that_knows_nothing_means_anonymous(source: DockerCredentials, tmp_path: Path, text: str) -> None:
    helper(tmp_path, f"echo '{text}'; exit 1")
    assert source.login("a.io", Deadline(5)) is None


BAD_HELPERS = [
    (f"echo {SECRET}; exit 1", errors.Unsound, "failed for a.io"),
    (f"echo {SECRET}", errors.Unsound, "not JSON"),
    ("yes", errors.Unsound, "more than 1048576 bytes"),
    ("sleep 60 & wait", errors.TooSlow, "no answer within"),
    ("exec >&-; sleep 60", errors.TooSlow, "no answer within"),
    ("exec <&-; exit 3", errors.Unsound, "failed"),
]


@pytest.mark.parametrize(("script", "error", "text"), BAD_HELPERS)
def test_a_helper_that_does_not_work(
    source: DockerCredentials, tmp_path: Path, script: str, error: type[errors.PytrustError], text: str
) -> None:
    helper(tmp_path, script)
    start = time.monotonic()
    with pytest.raises(error, match=text) as caught:
        source.login("a.io", Deadline(0.5))
    assert time.monotonic() - start < 2
    assert SECRET not in f"{caught.value!r}{caught.value.hint}"


def test_a_helper_that_is_not_installed(source: DockerCredentials) -> None:
    with pytest.raises(errors.Unsound, match="docker-credential-test: No such file") as caught:
        source.login("a.io", Deadline(5))
    assert "install" in caught.value.hint


# -- the file -------------------------------------------------------------------------------------------------------


def test_no_configuration_means_anonymous(tmp_path: Path) -> None:
    assert DockerCredentials(tmp_path / "none").login("a.io", Deadline(5)) is None
    (tmp_path / "file").touch()
    assert DockerCredentials(tmp_path / "file").login("a.io", Deadline(5)) is None


def test_the_file_is_read_anew(tmp_path: Path) -> None:
    source = DockerCredentials(tmp_path)
    for entry, expected in ((ALICE, "alice"), (BOB, "bob")):
        (tmp_path / "config.json").write_text(json.dumps({"auths": {"a.io": entry}}))
        login = source.login("a.io", Deadline(5))
        assert login is not None
        assert login.username == expected


def test_a_configuration_that_is_no_file_or_too_large(tmp_path: Path) -> None:
    (tmp_path / "config.json").mkdir()
    with pytest.raises(errors.Unsound):
        DockerCredentials(tmp_path).login("a.io", Deadline(5))
    (tmp_path / "config.json").rmdir()
    (tmp_path / "config.json").write_bytes(b" " * (1024 * 1024 + 1))
    with pytest.raises(errors.Unsound):
        DockerCredentials(tmp_path).login("a.io", Deadline(5))


# -- the engine -----------------------------------------------------------------------------------------------------

ENGINE = [
    (None, {}),
    (Login("alice", "ü?>"), {"username": "alice", "password": "ü?>", "serveraddress": HUB_KEY}),
    (Login("alice", "x", identity_token="i"), {"identitytoken": "i", "serveraddress": HUB_KEY}),
    (Login(registry_token="r"), {"registrytoken": "r", "serveraddress": HUB_KEY}),
]


@pytest.mark.parametrize(("login", "expected"), ENGINE)
def test_what_the_engine_is_told(login: Login | None, expected: object) -> None:
    value = encode_engine_auth(login, "docker.io")
    assert json.loads(base64.urlsafe_b64decode(value)) == expected
    assert not set(value) & set("+/")


def test_engine_auth_asks_the_source() -> None:
    assert engine_auth(Anonymous(), ImageRef.parse("a.io/web"), Deadline(5)) == "e30="


def test_server_keys() -> None:
    assert (server_key("docker.io"), server_key("a.io:5000")) == (HUB_KEY, "a.io:5000")
