"""A desk at which the command is used: a home with an embedded store, and beside it a folder of docker's."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from tests.fakes.keys import PASSPHRASE, private, public
from tests.fakes.notary_repository import FakeNotary

from pytrust.cli.root import run
from pytrust.cli.settings import parse_settings, render_settings
from pytrust.trust.keys.keyring import Keyring
from pytrust.trust.keys.online import create_online_keys
from pytrust.trust.names import CollectionName, Format, RoleName
from pytrust.trust.store.interface import RoleFile
from pytrust.trust.store.sqlite import SqliteStore

HELD = ("root", "targets", "alice")


def put(folder: Path, web: FakeNotary, name: str | None = None) -> Path:
    """What a client keeps of a collection; returns the place of its root."""
    place = folder / "tuf" / (name or web.name) / "metadata"
    for role, data in web.current.items():
        (place / f"{role}.json").parent.mkdir(parents=True, exist_ok=True)
        (place / f"{role}.json").write_bytes(data)
    return place / "root.json"


class Desk:
    """A home with the keys root, targets and alice, and a pin for its root key."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home, self.trust, self._capsys = folder / "home", folder / "trust", capsys
        self._passphrase = folder / "passphrase"
        self._passphrase.touch(0o600)
        self._passphrase.write_bytes(PASSPHRASE)
        (self.home / "store" / "online").mkdir(0o700, parents=True)
        for path in (self.home, self.home / "store"):
            path.chmod(0o700)
        create_online_keys(self.home / "store" / "online")
        SqliteStore(self.home / "store" / "store.db").close()
        (self.home / "keys").mkdir(0o700)
        self.ring = Keyring(self.home / "keys", rounds=1)
        for name in HELD:
            self.ring.add(RoleName(name), private(name, "ecdsa-p256"), lambda _: PASSPHRASE)
        text = render_settings("sqlite:///store/store.db", RoleName("alice"), [public("root", "ecdsa-p256").id], 1)
        (self.home / "config.toml").write_text(text)
        (self.home / "config.toml").chmod(0o600)

    def run(self, *words: str) -> tuple[int, str]:
        """Exit code, and what was said on both streams."""
        code = run(["--home", str(self.home), "--passphrase-file", str(self._passphrase), *words])
        said = self._capsys.readouterr()
        return code, said.out + said.err

    def pins(self) -> dict[str, frozenset[str]]:
        """Root keys by pattern, in the order of the file."""
        text = (self.home / "config.toml").read_text()
        return {pin.match: pin.root_keys for pin in parse_settings(text, {}, "config.toml").pins}

    def held(self, form: Format = Format.NOTARY) -> list[CollectionName]:
        """What the store has."""
        with closing(SqliteStore(self.home / "store" / "store.db")) as store:
            return store.collections(form)

    def plant(self, name: CollectionName, file: RoleFile) -> None:
        """Put a file into the store, past every check."""
        with closing(SqliteStore(self.home / "store" / "store.db")) as store, store.writing(name) as transaction:
            transaction.put(name, file, form=Format.NOTARY)
