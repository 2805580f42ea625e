"""The [auth] table, the realm that clients are sent to, and the file with the signing key."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from tests.fakes.password_house import House

from pytrust.trust.errors import BadPermissions, NotSetUp, PytrustError, Unsound, UsageError
from pytrust.trust.server.auth import HtpasswdAuth, NoAuth, TokenAuth, load_gate, parse_auth, realm_of
from pytrust.trust.server.auth.settings import Permission
from pytrust.trust.server.auth.signing_key import signing_key

FOLDER = Path("/var/lib/pytrust")
USERS = 'kind = "htpasswd"\nhtpasswd = "/etc/users"\n'
TOKENS = 'kind = "token"\nservice = "s"\nrealm = "https://a.example/token"\nissuer = "i"\njwks = "keys.json"\n'


def read(text: str) -> NoAuth | HtpasswdAuth | TokenAuth:
    return parse_auth(tomllib.loads(text), FOLDER, "server.toml")


def test_what_is_left_out_is_filled_in() -> None:
    assert read('kind = "none"') == NoAuth()
    assert read(USERS) == HtpasswdAuth(htpasswd=Path("/etc/users"), key=FOLDER / "token-key.pem", service="pytrust")
    assert read(TOKENS) == TokenAuth(
        service="s", realm="https://a.example/token", issuer="i", jwks=FOLDER / "keys.json"
    )


def test_permissions() -> None:
    text = USERS + '[[permissions]]\nmatch = "a/**"\nusers = ["alice", "ci-*"]\nactions = ["pull", "push"]\n'
    found = read(text + '[[permissions]]\nmatch = "**"\nanonymous = true\nactions = ["pull"]\n')
    assert isinstance(found, HtpasswdAuth)
    assert found.permissions == (
        Permission(match="a/**", users=("alice", "ci-*"), actions=("pull", "push")),
        Permission(match="**", anonymous=True, actions=("pull",)),
    )
    closed = read(f"{USERS}permissions = []\n")
    assert isinstance(closed, HtpasswdAuth)
    assert closed.permissions == ()


RULE = '[[permissions]]\nmatch = "**"\n'
REFUSED = [
    ("", "missing key 'kind'"),
    ('kind = "basic"', "invalid value 'basic' at 'kind'"),
    ('kind = "none"\nhtpasswd = "x"', "unknown key 'htpasswd'"),
    ('kind = "htpasswd"', "missing key 'htpasswd'"),
    (f'{USERS}Realm = "https://x/"', "unknown key 'Realm'"),
    (f'{USERS}issuer = "x"', "unknown key 'issuer'"),
    (f"{USERS}key = 1", "expected a path at 'key'"),
    (f'{USERS}key = ""', "expected a path at 'key'"),
    (f'{USERS}realm = "trust.example.com"', "realm is not a URL"),
    (f'{USERS}realm = "https:///x"', "realm is not a URL"),
    (f"{USERS}realm = 'https://x/\"'", "realm is not a URL"),
    (f'{USERS}realm = "https://x/\\n"', "realm is not a URL"),
    (f'{USERS}service = "a b"', "service has a space, a quote, or no ASCII"),
    (f'{USERS}service = ""', "expected 'str' of length >= 1 at 'service'"),
    (f'{USERS}{RULE}actions = ["pull"]', "the permission for '**' is for nobody, or for users and everybody"),
    (f'{USERS}{RULE}users = ["a"]\nanonymous = true\nactions = ["pull"]', "for nobody, or for users and everybody"),
    (f'{USERS}{RULE}users = ["a"]\nactions = []', "at 'permissions[0].actions'"),
    (f'{USERS}{RULE}users = ["a"]', "missing key 'actions' at 'permissions[0]'"),
    (f'{USERS}{RULE}users = ["a"]\nactions = ["write"]', "invalid enum value 'write' at 'permissions[0].actions[0]'"),
    (f'{USERS}{RULE}user = "a"\nactions = ["pull"]', "unknown key 'user' at 'permissions[0]'"),
    (f'{USERS}{RULE}users = "a"\nactions = ["pull"]', "at 'permissions[0].users'"),
    (TOKENS.replace('jwks = "keys.json"', ""), "no key of the issuer is given"),
    (TOKENS.replace('issuer = "i"', ""), "missing key 'issuer'"),
    (f'{TOKENS}{RULE}users = ["a"]\nactions = ["pull"]', "names users, but the issuer of tokens says who may do what"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_refused_in_one_clear_line(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(text)
    assert str(caught.value).startswith("server.toml: auth: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("host", "realm"),
    [
        ("trust.example.com", "https://trust.example.com/auth/token"),
        ("trust.example.com:4443", "https://trust.example.com:4443/auth/token"),
        ("127.0.0.1:80", "https://127.0.0.1:80/auth/token"),
        ("[::1]:4443", "https://[::1]:4443/auth/token"),
        ("localhost", "https://localhost/auth/token"),
        ("", None),
        ("a b", None),
        ('a"', None),
        ("a/../b", None),
        ("user@a", None),
        ("a:b", None),
        ("a:123456", None),
        ("a\r\nb", None),
        ("a\n", None),
        ("b\u00fccher.example", None),
        ("a..b", None),
        ("-a", None),
        ("[::1", None),
        ("a,b", None),
        (".".join(["x" * 63] * 22), None),
        ("x" * 64, None),
    ],
)
def test_the_realm_is_where_the_client_came_to(host: str, realm: str | None) -> None:
    assert realm_of(read(USERS), "https", host) == realm


def test_a_realm_of_the_settings_goes_first() -> None:
    assert realm_of(read(f'{USERS}realm = "https://x.example/t"'), "http", "bad host") == "https://x.example/t"
    assert realm_of(read(TOKENS), "http", "bad host") == "https://a.example/token"
    assert realm_of(NoAuth(), "http", "bad host") == ""


# The signing key.


def test_a_key_is_made_once_and_kept_to_ourselves(tmp_path: Path) -> None:
    first, second = signing_key(tmp_path / "key"), signing_key(tmp_path / "key")
    assert first.private_numbers() == second.private_numbers()
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert signing_key(tmp_path / "other").private_numbers() != first.private_numbers()


def test_servers_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: signing_key(tmp_path / "key").private_numbers().private_value, range(8)))
    assert len(keys) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["key"]


def pem(
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, sealed: KeySerializationEncryption | None = None
) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealed or NoEncryption())


_P256 = ec.generate_private_key(ec.SECP256R1())
_PUBLIC = _P256.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
BAD_KEYS = {
    "nothing": b"",
    "a public key": _PUBLIC,
    "sealed": pem(_P256, BestAvailableEncryption(b"passphrase")),
    "another curve": pem(ec.generate_private_key(ec.SECP384R1())),
    "another kind": pem(ed25519.Ed25519PrivateKey.generate()),
    "half": pem(_P256)[:100],
}


@pytest.mark.parametrize("data", BAD_KEYS.values(), ids=BAD_KEYS)
def test_keys_that_are_refused_and_left_alone(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "key"
    path.touch(0o600)
    path.write_bytes(data)
    with pytest.raises(Unsound, match=str(path)):
        signing_key(path)
    assert path.read_bytes() == data


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    signing_key(tmp_path / "key")
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(BadPermissions):
        signing_key(tmp_path / "key")


def test_no_folder_for_the_key(tmp_path: Path) -> None:
    with pytest.raises(Unsound, match="no such file"):
        signing_key(tmp_path / "missing" / "key")


@pytest.mark.parametrize(
    ("break_it", "error"),
    [
        (lambda house: (house.folder / "users").unlink(), NotSetUp),
        (lambda house: (house.folder / "users").write_bytes(b"x"), Unsound),
        (lambda house: (house.folder / "users").chmod(0o666), BadPermissions),
    ],
)
def test_a_server_does_not_start_without_its_files(
    house: House, break_it: Callable[[House], object], error: type[PytrustError]
) -> None:
    break_it(house)
    with pytest.raises(error):
        load_gate(parse_auth(house.table, house.folder, "server.toml"), house.clock)
