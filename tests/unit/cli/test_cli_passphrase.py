"""Where passphrases come from, and where they must not."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pytrust.cli import voice
from pytrust.cli.passphrase import Passphrases, read_passphrase_file
from pytrust.trust.errors import BadPermissions, PytrustError, UsageError, WrongPassphrase
from pytrust.trust.names import RoleName

ROOT, ALICE = RoleName("root"), RoleName("alice")


def secret(tmp_path: Path, content: bytes, mode: int = 0o600) -> Path:
    path = tmp_path / "secret"
    path.touch(0o600)
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("content", [b"word", b"word\n", b"word\r\n", b"word\nsecond line\n"])
def test_the_first_line_of_a_file(tmp_path: Path, content: bytes) -> None:
    words = Passphrases(secret(tmp_path, content), None, {})
    assert words(ROOT) == words(ALICE) == b"word"


def test_spaces_and_bytes_are_kept(tmp_path: Path) -> None:
    assert read_passphrase_file(secret(tmp_path, b"  w\xffrd \n")) == b"  w\xffrd "


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_file_that_others_can_read(tmp_path: Path, mode: int) -> None:
    with pytest.raises(BadPermissions):
        Passphrases(secret(tmp_path, b"word", mode), None, {})(ALICE)


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n", b"\nword"])
def test_an_empty_file(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UsageError, match="holds no passphrase"):
        read_passphrase_file(secret(tmp_path, content))


def test_a_file_that_is_missing_or_huge_or_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(secret(tmp_path, b"x" * 5000))
    for name in ("missing", "secret", "link"):
        with pytest.raises(PytrustError, match=name):
            read_passphrase_file(tmp_path / name)


@pytest.fixture
def pipe() -> Callable[[bytes], int]:
    def fill(data: bytes) -> int:
        reading, writing = os.pipe()
        os.write(writing, data)
        os.close(writing)
        return reading

    return fill


def test_a_descriptor_answers_for_every_key(pipe: Callable[[bytes], int]) -> None:
    descriptor = pipe(b"word\nmore")
    words = Passphrases(None, descriptor, {})
    assert words(ROOT) == words(ALICE) == words(RoleName("bob")) == b"word"
    os.close(descriptor)


def test_a_descriptor_without_a_word(pipe: Callable[[bytes], int]) -> None:
    descriptor = pipe(b"")
    with pytest.raises(UsageError, match="holds no passphrase"):
        Passphrases(None, descriptor, {})(ALICE)
    os.close(descriptor)


@pytest.mark.parametrize("descriptor", [-1, 9999])
def test_a_descriptor_that_is_not_open(descriptor: int) -> None:
    with pytest.raises(UsageError, match=f"file descriptor {descriptor} cannot be read"):
        Passphrases(None, descriptor, {})(ALICE)


def test_a_descriptor_that_is_no_number_of_the_system() -> None:
    with pytest.raises(UsageError):
        Passphrases(None, 2**70, {})(ALICE)


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("root", "DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE"),
        ("root-12345678", "DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE"),
        ("targets", "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE"),
        ("alice", "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE"),
        ("rooter", "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE"),
    ],
)
def test_docker_variables(name: str, variable: str) -> None:
    environment = dict.fromkeys(
        ("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE", "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE"), "wrong"
    )
    assert Passphrases(None, None, {**environment, variable: "wörd"})(RoleName(name)) == "wörd".encode()
    assert Passphrases(None, None, {**environment, "PYTRUST_PASSPHRASE": "ours"})(RoleName(name)) == b"ours"


def test_what_comes_first(tmp_path: Path, pipe: Callable[[bytes], int]) -> None:
    descriptor, path, variables = pipe(b"descriptor"), secret(tmp_path, b"file"), {"PYTRUST_PASSPHRASE": "variable"}
    assert Passphrases(path, descriptor, variables)(ALICE) == b"file"
    assert Passphrases(None, descriptor, variables)(ALICE) == b"descriptor"
    os.close(descriptor)


@pytest.mark.parametrize(("word", "fine"), [("1234567", False), ("12345678", True)])
def test_new_passphrases_are_not_short(word: str, fine: bool) -> None:
    words = Passphrases(None, None, {"PYTRUST_PASSPHRASE": word})
    if fine:
        assert words.new(ALICE) == word.encode()
        return
    with pytest.raises(UsageError, match="shorter than 8"):
        words.new(ALICE)
    assert words(ALICE) == word.encode()


class Prompted:
    """Somebody at a terminal."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, what: str) -> str:
        self.asked.append(what)
        return self.answers.pop(0)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Prompted]:
    def sit(*answers: str) -> Prompted:
        prompted = Prompted(*answers)
        monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
        monkeypatch.setattr(voice, "ask_secret", prompted)
        return prompted

    return sit


def test_prompts_ask_once_for_each_key(terminal: Callable[..., Prompted]) -> None:
    prompted = terminal("root word", "alice's")
    words = Passphrases(None, None, {})
    assert [words(ROOT), words(ALICE), words(ROOT), words(ALICE)] == [b"root word", b"alice's"] * 2
    assert prompted.asked == ["passphrase for the key root", "passphrase for the key alice"]


def test_new_passphrases_are_asked_for_twice(terminal: Callable[..., Prompted]) -> None:
    prompted = terminal("long enough", "long enough")
    assert Passphrases(None, None, {}).new(ALICE) == b"long enough"
    assert prompted.asked == ["new passphrase for the signing keys", "again"]
    terminal("long enough", "another")
    with pytest.raises(UsageError, match="differ"):
        Passphrases(None, None, {}).new(ALICE)


def test_nobody_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    with pytest.raises(WrongPassphrase, match="the passphrase of the key root is needed") as caught:
        Passphrases(None, None, {})(ROOT)
    assert "PYTRUST_PASSPHRASE" in caught.value.hint
