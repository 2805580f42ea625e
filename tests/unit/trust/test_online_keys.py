"""The online keys of a store, and the SDKs that must not be imported for them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytrust.trust.errors import BadPermissions, NotSetUp, PytrustError
from pytrust.trust.keys.online import OnlineRole, create_online_keys, load_online_keys, rotate_online_key


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "online").mkdir(mode=0o700)
    create_online_keys(tmp_path / "online")
    return tmp_path / "online"


def test_two_different_keys_that_others_cannot_read(folder: Path) -> None:
    keys = load_online_keys(folder)
    assert len(keys.snapshot) == len(keys.timestamp) == 1
    assert keys.snapshot[0].public != keys.timestamp[0].public
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


@pytest.mark.parametrize("role", ["snapshot", "timestamp"])
def test_rotation_keeps_the_old_key_behind_the_new_one(folder: Path, role: OnlineRole) -> None:
    before = load_online_keys(folder)
    fresh = [rotate_online_key(folder, role), rotate_online_key(folder, role)]
    after = load_online_keys(folder)
    old, new = (before.snapshot, after.snapshot) if role == "snapshot" else (before.timestamp, after.timestamp)
    assert new[0].public == fresh[1]
    assert {signer.public for signer in new[1:]} == {old[0].public, fresh[0]}
    other = (before.timestamp, after.timestamp) if role == "snapshot" else (before.snapshot, after.snapshot)
    assert other[0][0].public == other[1][0].public
    for public in (old[0].public, *fresh):
        found = after.find(role, [public])
        assert found is not None
        assert found.public == public


def test_finding_nobody(folder: Path) -> None:
    keys = load_online_keys(folder)
    assert keys.find("snapshot", [keys.timestamp[0].public]) is None
    assert keys.find("timestamp", []) is None


@pytest.mark.parametrize("role", ["snapshot", "timestamp"])
def test_a_missing_key(folder: Path, role: str) -> None:
    (folder / f"{role}.pem").unlink()
    with pytest.raises(NotSetUp, match=f"{role}.pem is missing"):
        load_online_keys(folder)


@pytest.mark.parametrize(("lost", "kept"), [("timestamp", "snapshot"), ("snapshot", "timestamp")])
def test_making_what_is_missing_keeps_what_is_there(folder: Path, lost: str, kept: str) -> None:
    (folder / f"{lost}.pem").unlink()
    before = (folder / f"{kept}.pem").read_bytes()
    create_online_keys(folder)
    assert (folder / f"{kept}.pem").read_bytes() == before
    load_online_keys(folder)


def test_permissions(folder: Path) -> None:
    (folder / "snapshot.pem").chmod(0o640)
    with pytest.raises(BadPermissions):
        load_online_keys(folder)
    (folder / "snapshot.pem").chmod(0o600)
    folder.chmod(0o750)
    with pytest.raises(BadPermissions):
        load_online_keys(folder)


@pytest.mark.parametrize("content", [b"", b"junk"])
def test_damage(folder: Path, content: bytes) -> None:
    (folder / "timestamp.pem").write_bytes(content)
    with pytest.raises(PytrustError):
        load_online_keys(folder)


STUBS = [
    "boto3", "botocore", "google/cloud/kms", "azure/core", "azure/identity", "azure/keyvault/keys", "hvac", "pkcs11",
    "PyKCS11", "sigstore", "asn1crypto",
]  # fmt: skip
IMPORTS = """
import sys
from pytrust.trust.keys.signers import block_sdks, allow_sdks
block_sdks()
import securesystemslib.signer, pytrust.trust.formats.tuf
print(*sorted(name for name, module in sys.modules.items() if module is not None))
allow_sdks()
import boto3, hvac, sigstore, google.cloud.kms, azure.identity
"""


def test_no_sdk_is_imported_though_all_are_installed(tmp_path: Path) -> None:
    for stub in STUBS:
        (tmp_path / stub).mkdir(parents=True)
        (tmp_path / stub / "__init__.py").touch()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run([sys.executable, "-c", IMPORTS], env=environment, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    forbidden = {"boto3", "botocore", "hvac", "pkcs11", "PyKCS11", "sigstore", "google.cloud", "azure.identity"}
    forbidden |= {"google.cloud.kms", "azure.keyvault", "azure.keyvault.keys", "azure.core"}
    assert "securesystemslib.signer" in loaded
    assert not loaded & forbidden
