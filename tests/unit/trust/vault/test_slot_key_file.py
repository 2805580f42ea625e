"""A key file: its owner's alone, not in the vault that it opens, and never taken for something else."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pytrust.trust.errors import BadPermissions, Damaged, PytrustError, Unsound, UsageError, VaultLocked
from pytrust.trust.vault.slots.key_file import make, seed
from pytrust.trust.vault.slots.unlock_key import PREFIX, spelled

Params = dict[str, str | int]


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    folder = tmp_path / "vault"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def params(tmp_path: Path, vault: Path) -> Params:
    return make(tmp_path / "key", vault).params


def test_the_file_gives_the_seed(tmp_path: Path, vault: Path) -> None:
    made = make(tmp_path / "key", vault)
    assert seed(made.params) == made.seed
    assert made.params == {"path": str(tmp_path / "key")}


def test_the_file_is_the_owners_alone_whatever_the_umask(tmp_path: Path, vault: Path) -> None:
    before = os.umask(0)
    try:
        make(tmp_path / "key", vault)
    finally:
        os.umask(before)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "key").read_text().startswith(PREFIX)


def test_a_relative_path_is_kept_as_an_absolute_one(
    tmp_path: Path, vault: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = make(Path("key"), vault)
    monkeypatch.chdir("/")
    assert seed(made.params) == made.seed


def test_it_may_be_edited_with_white_space_around(tmp_path: Path, params: Params) -> None:
    path = tmp_path / "key"
    path.write_text(f"\n {path.read_text().strip()}\r\n\n")
    assert len(seed(params)) == 32


INSIDE: dict[str, Callable[[Path], Path]] = {
    "in the folder": lambda vault: vault / "key",
    "below it": lambda vault: vault / "records" / "key",
    "by a detour": lambda vault: vault.parent / "other" / ".." / "vault" / "key",
    "through a link": lambda vault: vault.parent / "link" / "key",
    "the folder": lambda vault: vault,
}


@pytest.mark.parametrize("where", INSIDE)
def test_the_vault_does_not_hold_its_own_key(vault: Path, where: str) -> None:
    (vault / "records").mkdir()
    (vault.parent / "other").mkdir()
    (vault.parent / "link").symlink_to(vault)
    with pytest.raises(UsageError):
        make(INSIDE[where](vault), vault)
    assert [path.name for path in vault.rglob("*")] == ["records"]


def test_nor_does_a_vault_that_is_named_through_a_link(vault: Path) -> None:
    (vault.parent / "link").symlink_to(vault)
    with pytest.raises(UsageError):
        make(vault / "key", vault.parent / "link")


@pytest.mark.parametrize("name", ["taken", "missing/key", "taken/key", "a\nb", "x" * 250 + "/" + "y" * 1200, ".."])
def test_a_place_that_is_none_is_refused(tmp_path: Path, vault: Path, name: str) -> None:
    (tmp_path / "taken").write_text("something of somebody's")
    with pytest.raises(PytrustError):
        make(tmp_path / name, vault)
    assert (tmp_path / "taken").read_text() == "something of somebody's"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["taken", "vault"]


def test_a_name_that_is_too_long_for_the_disk_is_no_traceback(tmp_path: Path, vault: Path) -> None:
    with pytest.raises(Unsound):
        make(tmp_path / ("x" * 300), vault)


def test_a_file_that_is_not_there_leaves_the_vault_locked(tmp_path: Path, params: Params) -> None:
    (tmp_path / "key").unlink()
    with pytest.raises(VaultLocked, match="key"):
        seed(params)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o777])
def test_a_file_that_others_can_read_or_write_is_refused(tmp_path: Path, params: Params, mode: int) -> None:
    (tmp_path / "key").chmod(mode)
    with pytest.raises(BadPermissions):
        seed(params)


def test_a_link_is_refused(tmp_path: Path, params: Params) -> None:
    (tmp_path / "key").rename(tmp_path / "real")
    (tmp_path / "key").symlink_to(tmp_path / "real")
    with pytest.raises(BadPermissions):
        seed(params)


@pytest.mark.parametrize("text", ["", "\n", "a secret of somebody's", spelled(bytes(32))[:-1], "x" * 10_000])
def test_another_file_is_damage_and_nothing_of_it_is_told(tmp_path: Path, params: Params, text: str) -> None:
    (tmp_path / "key").write_text(text)
    with pytest.raises(Damaged) as caught:
        seed(params)
    assert "secret" not in str(caught.value)
    assert PREFIX + "AAAA" not in str(caught.value)


def test_a_folder_or_a_pipe_in_its_place_is_refused(tmp_path: Path, params: Params) -> None:
    (tmp_path / "key").unlink()
    (tmp_path / "key").mkdir(mode=0o700)
    with pytest.raises(Damaged):
        seed(params)
    (tmp_path / "key").rmdir()
    os.mkfifo(tmp_path / "key", 0o600)
    with pytest.raises(Damaged):
        seed(params)


HOSTILE: list[dict[str, str | int]] = [
    {},
    {"path": ""},
    {"path": "/"},
    {"path": 7},
    {"path": "key"},
    {"path": "../key"},
    {"path": "/a\0b"},
    {"path": "/a\nb"},
    {"path": "/\ud800"},
    {"path": "/" + "x" * 2000},
    {"path": "/x", "mode": 1},
]


@pytest.mark.parametrize("params", HOSTILE, ids=lambda params: str(params)[:40].encode("ascii", "replace").decode())
def test_hostile_parameters_are_damage(params: dict[str, str | int]) -> None:
    with pytest.raises(Damaged):
        seed(params)
