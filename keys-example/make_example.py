#!/usr/bin/env python3
"""Make the throw-away keys of this folder anew; the old ones are gone.

    .venv/bin/python keys-example/make_example.py

Everything is written below ``keys-example/``: the home that the README there shows how to copy, and the public keys of
its two signers. The passphrase is in the README, so nothing that these keys sign means anything.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from pytrust.cli.settings import DEFAULT_URL, render_settings
from pytrust.trust.files import PRIVATE_FOLDER, PUBLIC, write_atomic
from pytrust.trust.keys.keyring import KeyEntry, Keyring
from pytrust.trust.keys.online import create_online_keys
from pytrust.trust.keys.private import generate
from pytrust.trust.names import RoleName

PASSPHRASE = b"example-passphrase"
SIGNERS = (RoleName("alice"), RoleName("bob"))
OWNED = (RoleName("root"), RoleName("targets"))
PATTERN = "localhost:5000/**"  # narrower than a real home's pin: a copy left lying about vouches for nothing else
WARNING = "# Throw-away keys: their passphrase is published with pytrust. For trying things out, never for use.\n\n"


def make_keys(folder: Path) -> dict[RoleName, KeyEntry]:
    """A key ring with root, targets and the signers."""
    folder.mkdir(PRIVATE_FOLDER)
    keyring = Keyring(folder)
    return {name: keyring.add(name, generate("ecdsa-p256"), lambda _: PASSPHRASE) for name in (*OWNED, *SIGNERS)}


def make_online_keys(folder: Path) -> None:
    """The keys of snapshot and timestamp; the store itself is made when something is signed."""
    folder.parent.mkdir(PRIVATE_FOLDER)
    folder.mkdir(PRIVATE_FOLDER)
    create_online_keys(folder)


def make_config(path: Path, root: KeyEntry) -> None:
    """Settings that pin the example root, for names on a local registry only."""
    text = render_settings(DEFAULT_URL, SIGNERS[0], [root.public.id], 1)
    write_atomic(path, (WARNING + text.replace('match = "**"', f'match = "{PATTERN}"')).encode(), mode=PUBLIC)


def make_example(folder: Path) -> None:
    """Write ``home`` and the signers' public keys into ``folder``."""
    home = folder / "home"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(PRIVATE_FOLDER)
    entries = make_keys(home / "keys")
    make_online_keys(home / "store" / "online")
    make_config(home / "config.toml", entries[RoleName("root")])
    for name in SIGNERS:
        write_atomic(folder / f"{name}.pub", entries[name].public.pem.encode(), mode=PUBLIC)


if __name__ == "__main__":
    make_example(Path(__file__).parent)
    sys.stdout.write("made keys-example/home, alice.pub and bob.pub\n")
