"""The short way to a secret says on the wire what the long way says, and leaves everything unusual to it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.agent import KEY, World, agent

from pytrust.cli import secret_quick
from pytrust.cli.home import default_home
from pytrust.cli.secret_quick import PURPOSE, home, request, value_in
from pytrust.trust.limits import SECRET_MAX_BYTES, SECRET_NAME_MAX_CHARS
from pytrust.trust.vault.agent.client import AgentVault
from pytrust.trust.vault.agent.wire import Ask, Standing, encode_reply, encode_request
from pytrust.trust.vault.model import VersionNumber
from pytrust.trust.vault.names import SecretName
from pytrust.trust.vault.operations import Done, Failure, Get, Put, Value

NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=SECRET_NAME_MAX_CHARS)


@given(NAMES)
def test_the_request(name: str) -> None:
    assert request(name) == encode_request(Ask(Get(name=SecretName(name), purpose=PURPOSE)))


@given(st.integers(1, 2**32 - 1), st.integers(1, 70_000))
def test_the_answer(number: int, size: int) -> None:
    value = os.urandom(size)
    answer = encode_reply(Value(number=VersionNumber(number), value=value))[4:]
    assert value_in(answer) == value
    assert value_in(answer[:-1]) is None
    assert value_in(answer + b"x") is None


def test_the_largest_value() -> None:
    value = os.urandom(SECRET_MAX_BYTES)
    assert value_in(encode_reply(Value(number=VersionNumber(1), value=value))[4:]) == value


@pytest.mark.parametrize(
    "reply",
    [
        Failure(code="no-such-secret", text="no"),
        Done(number=VersionNumber(1), generation=1),
        Standing(open=True),
        Value(number=VersionNumber(2**40), value=b"x"),
    ],
)
def test_any_other_answer_is_left_to_the_long_way(reply: Value) -> None:
    assert value_in(encode_reply(reply)[4:]) is None


@given(st.binary(max_size=60))
def test_junk_is_no_value(junk: bytes) -> None:
    begin = b"\x83\xa4type\xa5Value\xa6number"
    for answer in (junk, begin + junk, begin + b"\x01\xa5value" + junk):
        try:
            found = value_in(answer)
        except LookupError:
            continue
        assert found is None or answer.endswith(found)


HOMES = [
    {"PYTRUST_HOME": "/srv/home"},
    {"XDG_DATA_HOME": "/data", "HOME": "/home/u"},
    {"HOME": "/home/u"},
    {"XDG_DATA_HOME": "", "PYTRUST_HOME": "", "HOME": "/home/u"},
]


@pytest.mark.parametrize("user", [0, 1000])
@pytest.mark.parametrize("variables", HOMES)
def test_the_home(variables: dict[str, str], user: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTRUST_HOME", "XDG_DATA_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert home() == str(default_home())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    tmp_path.chmod(0o700)
    monkeypatch.setenv("PYTRUST_HOME", str(tmp_path))
    with agent(tmp_path / "vault.sock", World()):
        client = AgentVault(tmp_path / "vault.sock")
        client.unlock(KEY)
        client.ask(Put(name=SecretName("web"), value=b"\x00\xffvalue"))
        client.ask(Put(name=SecretName("pytrust/login/x"), value=b"own"))
        yield tmp_path
        client.status()  # who came before is seen off by then


def test_a_secret_is_printed_as_it_is(folder: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert secret_quick.get("web")
    assert capfdbinary.readouterr() == (b"\x00\xffvalue", b"")


@pytest.mark.parametrize("name", ["pytrust/login/x", "absent", "--help", "-h", "wéb", "a" * 201, "../x", ""])
def test_nothing_is_printed_otherwise(name: str, folder: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert not secret_quick.get(name)
    assert capfdbinary.readouterr() == (b"", b"")


def test_no_agent_or_a_closed_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    AgentVault(folder / "vault.sock").lock()
    assert not secret_quick.get("web")
    monkeypatch.setenv("PYTRUST_HOME", "/nonexistent")
    assert not secret_quick.get("web")
    monkeypatch.setenv("PYTRUST_HOME", "/tmp/" + "x" * 200)
    assert not secret_quick.get("web")


def test_a_stranger_at_the_socket_is_not_believed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """The kernel says who listens: the user of this test, who now takes himself for another."""
    with monkeypatch.context() as another:
        another.setattr(os, "geteuid", lambda: 4711)
        another.setattr(secret_quick, "_TRUSTED", ())
        assert not secret_quick.get("web")
    assert capfdbinary.readouterr() == (b"", b"")


def test_it_imports_next_to_nothing() -> None:
    """The figure that we answer for, made of what costs: modules."""
    code = "import sys; before = set(sys.modules); import pytrust.cli.main, pytrust.cli.secret_quick; print(*set(sys.modules) - before)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout
    costly = {"socket", "pathlib", "re", "click", "msgspec", "pytrust.trust", "enum", "struct"}
    assert not costly & set(out.split())
