"""Which shared library is loaded because a vault's header says so: only what root alone could have put there."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytrust.trust.errors import BadPermissions, Damaged, UsageError
from pytrust.trust.vault.slots.pkcs11 import seed
from pytrust.trust.vault.slots.pkcs11_token import check_module

SYSTEM = Path("/usr/bin/env")


def test_what_belongs_to_the_system_is_taken_and_links_are_followed(tmp_path: Path) -> None:
    assert check_module(SYSTEM) == SYSTEM.resolve()
    (tmp_path / "module.so").symlink_to(SYSTEM)
    assert check_module(tmp_path / "module.so") == SYSTEM.resolve()


def test_what_is_no_module_is_told() -> None:
    params: dict[str, str | int] = {
        "uri": f"pkcs11:token=t;object=o?module-path={SYSTEM}",
        "algorithm": "aes-gcm",
        "wrapped": "AAAA",
    }
    with pytest.raises(UsageError, match="is no PKCS#11 module"):
        seed(params, b"123456")


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    path = tmp_path / "module.so"
    path.write_bytes(b"\x7fELF")
    path.chmod(0o755)
    return path


def test_a_library_below_a_folder_that_others_can_write_is_not(planted: Path) -> None:
    planted.parent.chmod(0o777)
    with pytest.raises(BadPermissions):
        check_module(planted)


@pytest.mark.parametrize("mode", [0o775, 0o757])
def test_a_library_that_others_can_write_is_not(planted: Path, mode: int) -> None:
    planted.chmod(mode)
    with pytest.raises(BadPermissions):
        check_module(planted)


def test_a_library_in_a_temporary_folder_is_not(planted: Path) -> None:
    with pytest.raises(BadPermissions):  # /tmp, or a user's own folder, is above it
        check_module(planted)


def test_a_link_in_a_circle_or_to_nothing_is_no_module(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to(tmp_path / "two")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    for name in ("one", "missing", "one/below"):
        with pytest.raises(UsageError, match="no PKCS#11 module"):
            check_module(tmp_path / name)


def test_a_hostile_header_does_not_get_its_library_loaded(planted: Path) -> None:
    params: dict[str, str | int] = {
        "uri": f"pkcs11:token=t;object=o?module-path={planted}",
        "algorithm": "aes-gcm",
        "wrapped": "AAAA",
    }
    with pytest.raises(BadPermissions):
        seed(params, b"123456")


URI = "pkcs11:token=t;object=o?module-path=/nowhere/module.so"
HOSTILE: list[dict[str, str | int]] = [
    {},
    {"uri": URI, "wrapped": "AAAA"},
    {"uri": URI, "algorithm": "rsa-pkcs1", "wrapped": "AAAA"},
    {"uri": URI, "algorithm": "none", "wrapped": "AAAA"},
    {"uri": URI, "algorithm": 1, "wrapped": "AAAA"},
    {"uri": URI, "algorithm": "aes-gcm", "wrapped": "A"},
    {"uri": URI, "algorithm": "aes-gcm", "wrapped": "A" * 10_000},
    {"uri": "pkcs11:", "algorithm": "aes-gcm", "wrapped": "AAAA"},
    {"uri": URI + "x" * 600, "algorithm": "aes-gcm", "wrapped": "AAAA"},
    {"uri": URI + "&pin-value=1", "algorithm": "aes-gcm", "wrapped": "AAAA"},
    {"uri": URI, "algorithm": "aes-gcm", "wrapped": "AAAA", "pin": "1234"},
]


@pytest.mark.parametrize("params", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_parameters_are_damage(params: dict[str, str | int]) -> None:
    with pytest.raises(Damaged):
        seed(params, b"123456")


@pytest.mark.parametrize("pin", [b"", b"x" * 256, b"\xff"])
def test_what_is_no_pin_is_not_shown_to_a_token(pin: bytes) -> None:
    with pytest.raises(UsageError):
        seed({"uri": URI, "algorithm": "aes-gcm", "wrapped": "AAAA"}, pin)
