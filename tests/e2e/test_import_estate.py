"""An estate of the real notary moves here: its server goes dark, its clients ask another address and notice nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from tests.rig import notary
from tests.rig.needs import need
from tests.rig.notary_client import PASSPHRASES, NotaryClient, Said
from tests.rig.processes import environment
from tests.rig.throwaway import ServerFiles, mint
from tests.rig.trust_server import pytrust_server

GUN: Final = "registry.example.com/foo/estate"
_PYTRUST: Final = Path(sys.executable).with_name("pytrust")


@dataclass(frozen=True, slots=True)
class Owner:
    """Whoever owns the estate: notary's folder, a home of pytrust, docker's settings."""

    folder: Path
    files: ServerFiles

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def client(self, url: str, who: str = "owner") -> NotaryClient:
        return NotaryClient(self.folder / who, url, self.files.ca)

    def trusts(self, port: int) -> None:
        place = self.folder / "docker" / "tls" / f"127.0.0.1:{port}"
        place.mkdir(parents=True)
        shutil.copy(self.files.ca, place / "ca.crt")

    def pytrust(self, *words: str, code: int = 0) -> str:
        """What the command said, if it ended so."""
        variables = {
            "DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE": PASSPHRASES["NOTARY_ROOT_PASSPHRASE"],
            "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE": PASSPHRASES["NOTARY_TARGETS_PASSPHRASE"],
            "DOCKER_CONFIG": str(self.folder / "docker"),
        }
        done = subprocess.run(
            [_PYTRUST, "--home", self.home, *words],
            env=environment(variables),
            capture_output=True,
            check=False,
            text=True,
            timeout=120,
        )
        assert done.returncode == code, (words, done.stdout, done.stderr)
        return done.stdout + done.stderr


def _content(folder: Path, tag: str) -> str:
    path = folder / f"{tag}.bin"
    path.write_text(f"the image {tag}")
    return str(path)


def _must(said: Said) -> str:
    assert said.code == 0, said
    return said.out


@pytest.mark.parametrize("origin", ["server", "folder"])
def test_an_estate_moves_and_its_clients_go_on(tmp_path: Path, origin: str) -> None:
    need(notary.missing())
    owner = Owner(tmp_path, mint(tmp_path / "tls"))
    with notary.notary_server(tmp_path / "old", owner.files) as old:
        owner.trusts(old.port)
        there = owner.client(old.url)
        _must(there.attempt("init", "-p", GUN))
        _must(there.attempt("key", "rotate", GUN, "snapshot", "-r"))
        _must(there.attempt("add", "-p", GUN, "v1", _content(tmp_path, "v1")))
        for who in ("owner", "reader"):  # notary's folder has what it looked up, not what it published
            _must(owner.client(old.url, who).attempt("lookup", GUN, "v1"))
        owner.pytrust("init", "--signer", "alice")
        owner.pytrust("key", "import", str(there.folder))
        said = owner.pytrust("import", "--from", old.url if origin == "server" else str(there.folder), GUN)
        assert f"imported {GUN}: 1 tag" in said
        assert "signed anew: root" in said
    with pytrust_server(tmp_path / "new", owner.files, home=owner.home) as new:
        for who in ("stranger", "reader", "owner"):  # without any cache, with one, and with the keys
            assert "v1" in _must(owner.client(new.url, who).attempt("lookup", GUN, "v1"))
        _must(owner.client(new.url).attempt("add", "-p", GUN, "v2", _content(tmp_path, "v2")))
        assert {"v1", "v2"} <= set(owner.pytrust("inspect", GUN).split())
        owner.pytrust("signer", "add", "alice", GUN)
        owner.pytrust("migrate", GUN)
        refused = owner.client(new.url).attempt("add", "-p", GUN, "v3", _content(tmp_path, "v3"))
        assert refused.code != 0
        assert "is signed in TUF 1.0 as well" in refused.out + refused.err
        assert "v3" not in owner.pytrust("inspect", GUN).split()
        owner.pytrust("revoke", "--signer", "alice", f"{GUN}:v1")
        for who in ("stranger", "reader"):
            gone = owner.client(new.url, who).attempt("lookup", GUN, "v1")
            assert gone.code != 0, gone
            assert "v2" in _must(owner.client(new.url, who).attempt("lookup", GUN, "v2"))
