"""``pytrust serve``: its settings, strictly, and what it refuses to do unless it is told aloud."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.cli.serve_plan import make_plan
from pytrust.cli.serve_settings import ServeFile, has_password, parse_address, parse_serve
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import BadPermissions, NotSetUp, PytrustError, UsageError
from pytrust.trust.server.auth import HtpasswdAuth, NoAuth
from pytrust.trust.server.workers import Plan

NOTHING = ServeFile(None, None, None, None, None, (), allow_anonymous_writes=False, insecure_http=False, auth=None)
FULL = """
[serve]
listen = "[::1]:4443"
tls_cert = "cert.pem"
tls_key = "/etc/key.pem"
store = "postgresql://db/pytrust"
workers = 3
prefixes = ["registry.example.com/"]
allow_anonymous_writes = true
insecure_http = true
[auth]
kind = "htpasswd"
htpasswd = "users"
"""


def plan(home: Path, given: ServeFile = NOTHING, htpasswd: Path | None = None, config: Path | None = None) -> Plan:
    return make_plan(Workspace(home, None, None), given, htpasswd, config)


def refused(home: Path, given: ServeFile, **more: Path) -> UsageError:
    with pytest.raises(UsageError) as caught:
        plan(home, given, **more)
    assert caught.value.hint
    assert not home.exists()
    return caught.value


def test_every_key(tmp_path: Path) -> None:
    said = parse_serve(FULL, tmp_path, "serve.toml")
    assert said[:8] == (
        "[::1]:4443",
        tmp_path / "cert.pem",
        Path("/etc/key.pem"),
        "postgresql://db/pytrust",
        3,
        ("registry.example.com/",),
        True,
        True,
    )
    assert isinstance(said.auth, HtpasswdAuth)
    assert said.auth.htpasswd == tmp_path / "users"


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    assert parse_serve("", tmp_path, "serve.toml") == NOTHING


@pytest.mark.parametrize(
    "text",
    [
        "listen = 1",
        "[serve]\nlisten = 1",
        "[serve]\nworkers = true",
        "[serve]\nworkers = '2'",
        "[serve]\nworkers = 0",
        "[serve]\nworkers = 65",
        "[serve]\nlisteN = 'x'",
        "[serve]\nprefixes = 'x/'",
        "[serve]\nprefixes = [1]",
        "[serve]\nprefixes = ['registry.example.com']",
        "[serve]\nprefixes = ['/']",
        "[serve]\ninsecure_http = 1",
        "[serve]\ninsecure_http = 'false'",
        "serve = 1",
        "[[serve]]\nworkers = 1",
        "auth = 1",
        "[auth]\nkind = 'x'",
        "[auth]\nhtpasswd = 'x'",
        "[server]",
        "[serve]\n[serve]",
        "[serve",
        "\x00",
    ],
)
def test_strictness(text: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"serve\.toml"):
        parse_serve(text, tmp_path, "serve.toml")


@given(st.text(max_size=80))
def test_any_text_is_settings_or_refused(text: str) -> None:
    try:
        parse_serve(f"[serve]\n{text}", Path("/x"), "serve.toml")
    except UsageError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("text", "host", "port", "loopback"),
    [
        ("127.0.0.1:4443", "127.0.0.1", 4443, True),
        ("localhost:1", "127.0.0.1", 1, True),
        ("[::1]:65535", "::1", 65535, True),
        ("127.8.8.8:443", "127.8.8.8", 443, True),
        ("0.0.0.0:443", "0.0.0.0", 443, False),
        ("[::]:443", "::", 443, False),
        ("[::ffff:10.0.0.1]:443", "::ffff:10.0.0.1", 443, False),
    ],
)
def test_addresses(text: str, host: str, port: int, loopback: bool) -> None:
    address = parse_address(text)
    assert (address.host, address.port, address.is_loopback) == (host, port, loopback)


@pytest.mark.parametrize(
    "text", ["", ":4443", "4443", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:1e3", "127.0.0.1:٤",
             "example.com:443", "127.0.0.1:44 43", "0:443", "127.1:443", "::1", "127.0.0.1:-1", "127.0.0.1:" + "9" * 5000]
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageError, match="is not ADDRESS:PORT"):
        parse_address(text)


@pytest.mark.parametrize(
    "url",
    ["postgresql://a:b@h/d", "postgresql://a:@h/d", "postgresql://h/d?password=x", "postgresql:///d?user=a&password="],
)
def test_passwords_in_addresses(url: str) -> None:
    assert has_password(url)


@pytest.mark.parametrize("url", ["postgresql://a@h/d", "postgresql:///d?sslmode=verify-full", "sqlite:///x", "/x"])
def test_addresses_without_passwords(url: str) -> None:
    assert not has_password(url)


def test_the_default_is_loopback_and_makes_its_own_keys(tmp_path: Path) -> None:
    home = tmp_path / "home"
    made = plan(home)
    assert (made.host, made.port, made.tls, made.auth, made.workers) == ("127.0.0.1", 4443, None, NoAuth(), 1)
    assert (home / "store" / "online" / "timestamp.pem").stat().st_mode & 0o077 == 0
    keys = {path: path.read_bytes() for path in (home / "store" / "online").iterdir()}
    again = plan(home)
    assert {path: path.read_bytes() for path in (home / "store" / "online").iterdir()} == keys
    with pickle.loads(pickle.dumps(again)).open_backend() as backend:  # as a process gets it
        assert backend.health() == {}
    assert (home / "store" / "store.db").exists()


def test_others_reach_it_only_with_tls_and_passwords(tmp_path: Path) -> None:
    home = tmp_path / "home"
    users = tmp_path / "users"
    cert, key = tmp_path / "c", tmp_path / "k"
    for listen in ("0.0.0.0:4443", "[::]:4443", "192.0.2.1:4443"):
        away = NOTHING._replace(listen=listen)
        assert "no TLS" in str(refused(home, away, htpasswd=users))
        assert "publish and delete" in str(refused(home, away._replace(tls_cert=cert, tls_key=key)))
        assert "publish and delete" in str(refused(home, away._replace(insecure_http=True)))
        assert "no TLS" in str(refused(home, away._replace(allow_anonymous_writes=True)))
    open_wide = NOTHING._replace(listen="0.0.0.0:4443", allow_anonymous_writes=True, insecure_http=True)
    assert plan(home, open_wide).host == "0.0.0.0"
    assert isinstance(
        plan(home, NOTHING._replace(listen="0.0.0.0:4443", tls_cert=cert, tls_key=key), htpasswd=users).auth,
        HtpasswdAuth,
    )


def test_options_come_before_the_file(tmp_path: Path) -> None:
    config = tmp_path / "serve.toml"
    config.write_text('[serve]\nlisten = "127.0.0.1:1"\nworkers = 3\nprefixes = ["a/"]\nstore = "sqlite:///x.db"\n')
    said = plan(tmp_path / "home", config=config)
    assert (said.port, said.workers, said.prefixes) == (1, 3, ("a/",))
    given = NOTHING._replace(listen="127.0.0.1:2", workers=2, prefixes=("b/",))
    made = plan(tmp_path / "home", given, config=config)
    assert (made.port, made.workers, made.prefixes) == (2, 2, ("b/",))


def test_the_file_of_the_home_is_found(tmp_path: Path) -> None:
    home = tmp_path / "home"
    plan(home)
    (home / "serve.toml").write_text('[serve]\nlisten = "127.0.0.1:7"\n')
    assert plan(home).port == 7


def test_words_that_contradict_each_other(tmp_path: Path) -> None:
    home, config = tmp_path / "home", tmp_path / "serve.toml"
    refused(home, NOTHING._replace(tls_cert=tmp_path / "c"))
    refused(home, NOTHING._replace(tls_key=tmp_path / "k"))
    refused(home, NOTHING._replace(workers=0))
    refused(home, NOTHING._replace(prefixes=("x",)))
    refused(home, NOTHING._replace(store="postgresql://a:secret@h/d"))
    config.write_text('[auth]\nkind = "none"\n')
    refused(home, NOTHING, htpasswd=tmp_path / "users", config=config)


def test_a_missing_or_open_file(tmp_path: Path) -> None:
    config = tmp_path / "serve.toml"
    with pytest.raises(NotSetUp):
        plan(tmp_path / "home", config=config)
    config.write_text('[serve]\nstore = "postgresql://a:b@h/d"\n')
    config.chmod(0o644)
    with pytest.raises(BadPermissions):
        plan(tmp_path / "home", config=config)
    config.chmod(0o600)
    plan(tmp_path / "home", config=config)
    config.chmod(0o666)
    with pytest.raises(BadPermissions):
        plan(tmp_path / "home", config=config)


def test_a_home_that_reads_from_a_server_keeps_no_store(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "config.toml").write_text('[trust]\nurl = "https://trust.example.com"\n')
    with pytest.raises(PytrustError, match="comes from https"):
        plan(home)
