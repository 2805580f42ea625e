"""A slot in a desktop's keyring: a real Secret Service, GNOME's, on a bus of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.rig.needs import need
from tests.rig.processes import environment, find

KEEPS = """
import json, sys
from pytrust.trust.vault.slots.os_keyring import make, seed
made = make()
assert seed(made.params) == made.seed
json.dump([made.params, made.seed.hex()], sys.stdout)
"""
FINDS = """
import json, sys
from pytrust.trust.vault.slots.os_keyring import forget, seed
params, kept = json.load(sys.stdin)
assert seed(params).hex() == kept
forget(params)
"""
FAILS = """
import sys
from pytrust.trust.errors import PytrustError
from pytrust.trust.vault.slots.os_keyring import make
try:
    make()
except PytrustError as error:
    sys.exit(f"{error.code}: {error}")
"""
UNLOCKED = 'printf %s "keyring password" | gnome-keyring-daemon --unlock --components=secrets >&2; '
LOCKED = "gnome-keyring-daemon --start --components=secrets >&2; "


class Desktop:
    """A user who logs in more than once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "run").mkdir(mode=0o700)

    def ran(self, login: str, script: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """One session: a bus, a keyring, and ``script``; all end with it."""
        words = ["timeout", "60", "dbus-run-session", "--", "sh", "-c", f'{login}exec "$@"', "sh"]
        return subprocess.run(
            [*words, sys.executable, "-c", script],
            input=data,
            capture_output=True,
            env=environment({"HOME": str(self.folder), "XDG_RUNTIME_DIR": str(self.folder / "run")}),
        )


@pytest.fixture
def desktop(tmp_path: Path) -> Desktop:
    missing = [name for name in ("dbus-run-session", "gnome-keyring-daemon") if not find(name)]
    need(f"{missing[0]} is not installed" if missing else "")
    return Desktop(tmp_path)


def test_the_seed_is_there_after_the_next_login_and_encrypted_on_disk(desktop: Desktop) -> None:
    kept = desktop.ran(UNLOCKED, KEEPS)
    assert kept.returncode == 0, kept.stderr
    files = [path for path in desktop.folder.rglob("*.keyring") if path.is_file()]
    assert files
    assert not [path for path in files if b"PTKEY" in path.read_bytes()]
    found = desktop.ran(UNLOCKED, FINDS, kept.stdout)
    assert found.returncode == 0, found.stderr
    gone = desktop.ran(UNLOCKED, FINDS, kept.stdout)
    assert b"no key for the vault" in gone.stderr


def test_a_locked_keyring_that_can_ask_nobody_leaves_the_vault_locked(desktop: Desktop) -> None:
    assert desktop.ran(UNLOCKED, KEEPS).returncode == 0
    assert b"vault-locked: this user's keyring stays closed" in desktop.ran(LOCKED, FAILS).stderr


def test_where_nobody_is_logged_in_it_is_told(tmp_path: Path) -> None:
    words = [sys.executable, "-c", FAILS]
    done = subprocess.run(words, capture_output=True, timeout=60, env=environment({"HOME": str(tmp_path)}))
    assert b"usage: there is no keyring that is fit" in done.stderr
