"""``config.toml``: strict, with the environment above it."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.notary_repository import certify, issue, new_key

from pytrust.cli.settings import DEFAULT_URL, add_root_key, check_url, parse_settings, render_settings
from pytrust.trust.errors import UsageError
from pytrust.trust.formats.notary.keys import WireKey
from pytrust.trust.names import Format, KeyId, RoleName
from pytrust.trust.pins import Pin

KEY, NEW = KeyId("0123456789abcdef" * 4), KeyId("fedcba9876543210" * 4)
PIN = f'[[pins]]\nmatch = "**"\nroot_keys = ["{KEY}"]\n'


def parse(text: str, **environment: str) -> object:
    return parse_settings(text, environment, "config.toml")


def test_defaults() -> None:
    settings = parse_settings("", {}, "config.toml")
    assert (settings.url, settings.signer, settings.insecure, settings.pins) == (DEFAULT_URL, None, frozenset(), ())


def test_everything() -> None:
    text = (
        '[trust]\nurl = "https://x"\nsigner = "alice"\n[registries]\ninsecure = ["a:5000"]\n' + PIN + "threshold = 1\n"
    )
    settings = parse_settings(text, {}, "config.toml")
    assert (settings.url, str(settings.signer), settings.insecure) == ("https://x", "alice", frozenset({"a:5000"}))
    assert settings.pins == (Pin("**", frozenset({KEY}), 1),)


def test_the_environment_comes_first() -> None:
    text = '[trust]\nurl = "https://x"\nsigner = "alice"\n'
    settings = parse_settings(text, {"PYTRUST_TRUST_URL": "https://y", "PYTRUST_TRUST_SIGNER": "bob"}, "config.toml")
    assert (settings.url, str(settings.signer)) == ("https://y", "bob")
    settings = parse_settings(text, {"PYTRUST_TRUST_URL": "", "PYTRUST_TRUST_SIGNER": ""}, "config.toml")
    assert (settings.url, str(settings.signer)) == ("https://x", "alice")


@pytest.mark.parametrize(
    "text",
    [
        "[", "x", "a = 1", "[trust]\nurl = 1", "[trust]\nurl = true", "[trust]\nsigner = []", "[trust]\nurls = 'x'",
        "trust = 1", "trust = []", "[[trust]]", "[registry]", "[registries]\ninsecure = 'x'",
        "[registries]\ninsecure = [1]",
        "[registries]\nx = []", "pins = 1", "pins = [1]", "[pins]\nmatch = '**'", "[trust]\nsigner = 'Alice'",
        "[trust]\nurl = 'a'\nurl = 'b'", "[[pins]]", "[[pins]]\nmatch = '**'", "[[pins]]\nmatch = 1", PIN + "x = 1",
        PIN + "threshold = 0", PIN + "threshold = 2", PIN + "threshold = true", PIN + "threshold = '1'",
        PIN + "threshold = 1.0",
        "[[pins]]\nmatch = '**'\nroot_keys = []", "[[pins]]\nmatch = '**'\nroot_keys = 'x'",
        "[[pins]]\nmatch = '**'\nroot_keys = ['x']", "[[pins]]\nmatch = '**'\nroot_keys = [1]",
        f"[[pins]]\nroot_keys = ['{KEY}']",
        PIN + "server = 'http://notary.example.com'", PIN + "server = ''", PIN + "server = 1", PIN + "format = 'v1'",
        PIN + "format = 1", PIN + "first_use = 'accept'", "[[pins]]\nmatch = '**'\nfirst_use = true",
        "[[pins]]\nmatch = '**'\nfirst_use = 'yes'", "[[pins]]\nmatch = '**'\nfirst_use = ''",
        "[[pins]]\nmatch = '**'\nca = 'ca.pem'", "[[pins]]\nmatch = '**'\ncertificates = ['x.pem']",
        "[[pins]]\nmatch = '**'\ncertificates = 'x.pem'",
        f"[[pins]]\nmatch = '**'\nroot_keys = ['{KEY}', 'sha256:{KEY}']\nthreshold = 2",
    ],
)  # fmt: skip
def test_what_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse(text)


@pytest.mark.parametrize("text", ["[", "[trust]\nurls = 'x'", "[registries]\ninsecure = 'x'", PIN + "x = 1"])
def test_errors_name_the_file(text: str) -> None:
    with pytest.raises(UsageError, match=r"config\.toml"):
        parse(text)


@pytest.mark.parametrize("signer", [None, RoleName("alice")])
@pytest.mark.parametrize("url", [DEFAULT_URL, "https://trust.example.com:4443/a%20b"])
def test_what_is_rendered_reads_back(url: str, signer: RoleName | None) -> None:
    settings = parse_settings(render_settings(url, signer, [KEY, NEW], 2), {}, "config.toml")
    assert (settings.url, settings.signer, settings.pins[0].root_keys) == (url, signer, frozenset({KEY, NEW}))
    assert settings.pins[0].threshold == 2


@given(st.text(st.characters(codec="ascii"), min_size=1))
def test_whatever_the_url_what_is_rendered_reads_back(path: str) -> None:
    url = f"https://trust.example.com/{path}"
    try:
        text = render_settings(url, None, [KEY], 1)
    except UsageError:
        return
    assert parse_settings(text, {}, "config.toml").url == url


@pytest.mark.parametrize(
    "url",
    [
        "", "x", "http://trust.example.com", "http://localhost.evil.example/", "http://127.0.0.1.evil.example/",
        "http://127.0.0.1@evil.example/", "https://", "https://user:secret@trust.example.com", "ftp://x", "file:///x",
        "sqlite:relative", "https://x\ny", "https://[::1", "http://localhost\\@evil.example",
    ],
)  # fmt: skip
def test_places_that_trust_data_does_not_come_from(url: str) -> None:
    with pytest.raises(UsageError):
        check_url(url, "the url")


@pytest.mark.parametrize(
    "url", ["https://x", "https://x:1/a", "http://localhost:1", "http://127.0.0.1", "http://[::1]:8"]
)
def test_places_that_it_may_come_from(url: str) -> None:
    assert check_url(url, "the url") == url


def test_a_new_root_key_joins_the_old_one() -> None:
    other = "a" * 64
    text = f'# mine\n{PIN}[[pins]]\nmatch = "x"\nroot_keys = ["{other}", "{KEY}"]  # both\nthreshold = 2\n'
    changed = add_root_key(text, KEY, NEW, "config.toml")
    settings = parse_settings(changed, {}, "config.toml")
    assert [pin.root_keys for pin in settings.pins] == [{KEY, NEW}, {KEY, NEW, other}]
    assert changed.startswith("# mine\n")
    assert changed.endswith("]  # both\nthreshold = 2\n")
    assert add_root_key(text, KeyId("b" * 64), NEW, "config.toml") == text


SPELLINGS = [f'"sha256:{KEY}"', f"'{KEY}'", f"'sha256:{KEY}'"]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_new_root_key_joins_the_old_one_however_that_is_written(spelling: str) -> None:
    changed = add_root_key(f"[[pins]]\nmatch = '**'\nroot_keys = [{spelling}]\n", KEY, NEW, "config.toml")
    tomllib.loads(changed)
    assert parse_settings(changed, {}, "config.toml").pins[0].root_keys == {KEY, NEW}


def test_a_key_that_cannot_be_joined_is_an_error() -> None:
    text = f"[[pins]]\nmatch = '**'\nroot_keys = [\"{KEY[:-1]}\\u0066\"]\n"
    with pytest.raises(UsageError, match="cannot be added"):
        add_root_key(text, KEY, NEW, "config.toml")


# -- other servers, other ways to pin -------------------------------------------------------------------------------

AUTHORITY_KEY, ROOT_KEY = new_key(), new_key()
START = datetime(2026, 1, 1, tzinfo=UTC)
FILES = {
    "ca.pem": issue(AUTHORITY_KEY, "ca", AUTHORITY_KEY, "ca", START, START + timedelta(days=9999), ca=True),
    "root.pem": certify(ROOT_KEY, "docker.io/foo/web"),
    "junk.pem": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "text.pem": b"x",
}


def pins(line: str) -> tuple[Pin, ...]:
    return parse_settings(f"[[pins]]\nmatch = '**'\n{line}", {}, "config.toml", FILES.__getitem__).pins


def test_a_pin_may_name_a_server_and_a_format() -> None:
    text = f"root_keys = ['{KEY}']\nserver = 'https://notary.example.com'\nformat = 'notary-v1'"
    server = "https://notary.example.com"
    assert pins(text) == (Pin("**", frozenset({KEY}), server=server, form=Format.NOTARY),)
    assert pins("first_use = 'accept'\nformat = 'tuf'") == (Pin("**", first_use=True, form=Format.TUF),)


def test_certificates_and_authorities_are_files() -> None:
    wire = WireKey.carried(FILES["root.pem"]).id
    assert pins("certificates = ['root.pem']") == (Pin("**", certificates=frozenset({wire})),)
    assert pins("ca = 'ca.pem'") == (Pin("**", ca=FILES["ca.pem"]),)


@pytest.mark.parametrize(
    "line",
    [
        "ca = 'root.pem'", "ca = 'junk.pem'", "ca = 'text.pem'", "certificates = ['junk.pem']",
        "certificates = ['text.pem']", "certificates = ['root.pem']\nca = 'ca.pem'", "ca = 'ca.pem'\nformat = 'tuf'",
        "certificates = ['root.pem']\nformat = 'tuf'", "certificates = ['root.pem']\nthreshold = 2",
    ],
)  # fmt: skip
def test_files_that_cannot_be_pinned(line: str) -> None:
    with pytest.raises(UsageError, match=r"config\.toml"):
        pins(line)


def test_a_root_key_is_added_beside_pins_by_file() -> None:
    text = f"{PIN}[[pins]]\nmatch = 'x'\nca = 'ca.pem'\n"
    assert f'"{NEW}", "{KEY}"' in add_root_key(text, KEY, NEW, "config.toml")
