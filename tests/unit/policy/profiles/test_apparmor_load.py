"""The kernel's list of profiles, and hosts without AppArmor."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pytrust.policy.profiles.apparmor import load as module
from pytrust.policy.profiles.apparmor.load import load, loaded
from pytrust.policy.profiles.apparmor.parser import compile_text, complaint_lines, reason_of
from pytrust.trust.errors import BadContent, InvalidName, NotSetUp, Unsound

LIST = "/usr/bin/man (enforce)\npytrust-a (enforce)\npytrust-b (complain)\nodd (name) (enforce)\npytrust-c//d (kill)\n"


@pytest.mark.parametrize(
    ("name", "yes"),
    [
        ("pytrust-a", True),
        ("pytrust-b", False),
        ("pytrust", False),
        ("pytrust-a (enforce)", False),
        ("odd (name)", True),
        ("pytrust-c", False),
        ("", False),
    ],
)
def test_a_profile_is_loaded_when_it_is_enforced(tmp_path: Path, name: str, yes: bool) -> None:
    (tmp_path / "profiles").write_text(LIST)
    assert loaded(name, tmp_path) is yes


def test_hosts_without_apparmor(tmp_path: Path) -> None:
    with pytest.raises(NotSetUp):
        loaded("pytrust-a", tmp_path)


def test_a_list_may_be_too_long(tmp_path: Path) -> None:
    (tmp_path / "profiles").write_bytes(b"x" * (4 * 1024 * 1024 + 1))
    with pytest.raises(Unsound):
        loaded("pytrust-a", tmp_path)


def test_only_our_own_names_are_loaded() -> None:
    with pytest.raises(InvalidName):
        load("profile x {}", "/usr/bin/x")


@pytest.mark.parametrize(
    ("listed", "status", "said", "reason"),
    [
        ("", 0, b"", "without a word"),  # as of a parser that was built to load nothing
        ("pytrust-a (complain)\n", 0, b"", "without a word"),
        ("pytrust-a (enforce)\n", 1, b"AppArmor parser error: no\n", "AppArmor parser error: no"),
        ("pytrust-a (enforce)\n", 0, b"", ""),
    ],
)
def test_what_was_loaded_is_in_the_kernels_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed: str, status: int, said: bytes, reason: str
) -> None:
    (tmp_path / "profiles").write_text(listed)
    monkeypatch.setattr(module, "available", lambda: True)
    monkeypatch.setattr(module, "run_parser", lambda words, text: subprocess.CompletedProcess(words, status, b"", said))
    monkeypatch.setattr(module, "loaded", lambda name: loaded(name, tmp_path))
    if not reason:
        assert load("text", "pytrust-a") == ()
        return
    with pytest.raises(BadContent, match=f"pytrust-a cannot be loaded: {reason}"):
        load("text", "pytrust-a")


def test_texts_are_bounded() -> None:
    with pytest.raises(BadContent, match="characters"):
        compile_text("#" * (2 * 1024 * 1024 + 1))


def test_compiling_takes_a_file_of_features(tmp_path: Path) -> None:
    with pytest.raises(NotSetUp, match="features"):
        compile_text("profile x {}", tmp_path / "none")


def test_the_parsers_words() -> None:
    said = (
        b"Cache read/write disabled: interface file missing. (Kernel needs AppArmor 2.4 compatibility patch.)\n\n"
        b"Warning from stdin (line 1): something\nAppArmor parser error at line 3:  syntax   error\n\xff\n"
    )
    lines = complaint_lines(said)
    assert lines == ["Warning from stdin (line 1): something", "AppArmor parser error at line 3: syntax error", "\\xff"]
    assert reason_of(lines) == "AppArmor parser error at line 3: syntax error"
    assert reason_of(lines[:1]) == lines[0]
    assert reason_of([]) == "without a word"
