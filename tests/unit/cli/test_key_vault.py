"""How commands reach keys in the vault: asked once, before anything is locked, and only where there is a vault."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cached_property
from pathlib import Path

import pytest
from tests.fakes.vaulted import FakeVaulted
from tests.rig import key_home
from tests.rig.key_home import PASSPHRASE, KeyHome

from pytrust.cli.key_vault import has_ca_keys
from pytrust.cli.root import run
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import VaultLocked
from pytrust.trust.files import write_atomic
from pytrust.trust.server.auth.signing_key import signing_key
from pytrust.trust.vault.asking import Vaulted


class Counted(Workspace):
    """Whoever opens its vault is counted; it stays closed until ``opens`` says so."""

    asked, opens = 0, False

    @cached_property
    def vaulted(self) -> Vaulted:
        self.asked += 1
        if not self.opens:
            raise VaultLocked("the vault is locked")
        return FakeVaulted()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> KeyHome:
    return key_home.make(tmp_path_factory.mktemp("made") / "at")


@pytest.fixture(scope="module")
def adopted(tmp_path_factory: pytest.TempPathFactory) -> KeyHome:
    home = key_home.make(tmp_path_factory.mktemp("adopted") / "at")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTRUST_PASSPHRASE", PASSPHRASE)
        assert run(["--home", str(home.home), "--unlock-file", str(home.unlock), "vault", "adopt"]) == 0
    return home


def workspace(home: KeyHome) -> Counted:
    return Counted(home.home, None, None)


def test_whoever_could_not_open_it_is_not_asked_again(made: KeyHome) -> None:
    counted = workspace(made)
    assert counted.key_vault is not None
    for _ in range(3):
        with pytest.raises(VaultLocked):
            counted.key_vault()
    assert counted.asked == 1


def test_it_is_opened_once(made: KeyHome) -> None:
    counted = workspace(made)
    counted.opens = True
    assert counted.key_vault is not None
    assert counted.key_vault() is counted.key_vault()
    assert counted.asked == 1


def test_a_home_without_one(tmp_path: Path) -> None:
    (tmp_path / "vault").mkdir()
    assert Workspace(tmp_path, None, None).key_vault is None


def test_publishing_opens_it_before_the_store_is_locked(adopted: KeyHome) -> None:
    """Else everybody who publishes would wait until somebody has typed."""
    counted = workspace(adopted)
    with pytest.raises(VaultLocked):
        _ = counted.publisher
    assert "store" not in vars(counted), "the store is not even open"


@pytest.mark.parametrize("look", ["keyring", "online", "quiet_publisher", "authority", "reader"])
def test_looking_opens_nothing(adopted: KeyHome, look: str) -> None:
    counted = workspace(adopted)
    assert getattr(counted, look) is not None
    assert counted.asked == 0


def test_publishing_with_keys_in_files_opens_nothing(made: KeyHome) -> None:
    counted = workspace(made)
    assert counted.publisher is not None
    assert counted.asked == 0


def test_whether_the_authority_needs_it(made: KeyHome, adopted: KeyHome, tmp_path: Path) -> None:
    assert has_ca_keys(workspace(adopted))
    assert not has_ca_keys(workspace(made))
    assert not has_ca_keys(Workspace(tmp_path, None, None))


@pytest.mark.parametrize("file", ["../shared/token.pem", "link/token.pem"])
def test_a_token_key_that_other_homes_may_share_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str
) -> None:
    home = key_home.make(tmp_path / "at", authority=False)
    (home.folder / "shared").mkdir(0o700)
    (home.home / "link").symlink_to(home.folder / "shared")
    signing_key(home.folder / "shared" / "token.pem")
    auth = f'[auth]\nkind = "htpasswd"\nservice = "x"\nhtpasswd = "../htpasswd"\nkey = "{file}"\n'
    write_atomic(home.home / "serve.toml", auth.encode())
    assert run(["--home", str(home.home), "vault", "adopt", "--dry-run", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["outside"] == [{"kind": "token", "name": "token.pem"}]
    assert {"kind": "token", "name": "token-key.pem"} in said["in_files"]


_KEYS_OF_AN_AGENT = """
import ctypes
from types import SimpleNamespace
from pytrust.cli.key_vault import KeyVault
dumpable = lambda: ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
before = dumpable()
KeyVault(SimpleNamespace(vaulted="what an agent holds open"))()
print(before, dumpable())
"""


def test_whoever_takes_keys_out_leaves_no_core_file(tmp_path: Path) -> None:
    """An agent that holds the vault open does so itself, and the keys are here all the same."""
    done = subprocess.run([sys.executable, "-c", _KEYS_OF_AN_AGENT], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout == "1 0\n", done.stderr
