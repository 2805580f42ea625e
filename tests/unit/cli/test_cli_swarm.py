"""``pytrust swarm check``, ``autolock``, ``unlock``: exit codes, one document, and no key on the screen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.foreign_ca import ForeignCa
from tests.fakes.swarm import CLUSTER, FakeSwarm, serve

from pytrust.cli.root import run
from pytrust.trust.vault.header import NewSlot
from pytrust.trust.vault.slots import unlock_key
from pytrust.trust.vault.vault import create_vault

ROOT = ForeignCa("swarm-ca")


class Scene:
    """A swarm, a vault, and the command."""

    def __init__(self, swarm: FakeSwarm, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.swarm, self.folder, self.capsys = swarm, folder, capsys
        self.home, self.key = folder / "home", folder / "key"
        text, made = unlock_key.make()
        self.key.write_text(text)
        self.key.chmod(0o600)
        self.home.mkdir(0o700)
        slot = NewSlot(unlock_key.KIND, "", made.seed, made.params)
        create_vault(self.home / "vault", folder / "home.anchor", [slot], now=1).close()

    def run(self, *words: str, home: str = "home") -> tuple[int, str, str]:
        code = run(["--home", str(self.folder / home), "--unlock-file", str(self.key), "swarm", *words])
        out, err = self.capsys.readouterr()
        assert "SWM" not in out + err
        return code, out, err

    def document(self, code: int, home: str = "home") -> Any:
        found, out, _ = self.run("check", "--json", home=home)
        assert found == code
        return json.loads(out)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Scene]:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/d.sock")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with serve(FakeSwarm(ROOT.pem.decode()), tmp_path / "d.sock") as swarm:
        yield Scene(swarm, tmp_path, capsys)


def test_autolock_off(scene: Scene) -> None:
    scene.swarm.secrets = [{"Spec": {"Name": f"plain{n}"}} for n in range(7)]
    code, out, err = scene.run("check")
    assert code == 1
    assert f"swarm {CLUSTER}: autolock is off" in out
    assert f"in the vault: pytrust/swarm/{CLUSTER}/join-worker (version 1, new)" in out
    assert "hint: pytrust swarm autolock" in err
    assert "7 secrets in the swarm itself: plain0, plain1, plain2, plain3, plain4, ..." in err


def test_autolock_on(scene: Scene) -> None:
    code, out, _ = scene.run("autolock")
    assert code == 0
    assert f"autolock of the swarm {CLUSTER} is on\n" in out
    assert f"in the vault: pytrust/swarm/{CLUSTER}/unlock-key (version 1, new)" in out
    code, out, err = scene.run("check")
    assert (code, err) == (0, "")
    assert f"in the vault: pytrust/swarm/{CLUSTER}/unlock-key (version 1)\n" in out


def test_autolock_says_what_it_did(scene: Scene) -> None:
    assert "is on, and its keys are new" in scene.run("autolock", "--rotate")[1]
    assert "was on already\n" in scene.run("autolock")[1]
    assert "was on already, and its keys are new" in scene.run("autolock", "--rotate")[1]


def test_one_document(scene: Scene) -> None:
    scene.swarm.autolock = True
    scene.swarm.secrets = [{"Spec": {"Name": "ours", "Driver": {"Name": "pytrust"}}}]
    assert scene.document(0) == {
        "cluster": CLUSTER,
        "autolock": True,
        "locked": False,
        "root": {
            "since": ROOT.certificate.not_valid_before_utc.isoformat(),
            "until": ROOT.certificate.not_valid_after_utc.isoformat(),
            "rotating": False,
        },
        "secrets": {"in_swarm": [], "by_plugin": ["ours"]},
        "kept": [{"key": key, "version": 1, "new": True} for key in ("join-worker", "join-manager", "unlock-key")],
        "error": None,
    }


@pytest.mark.parametrize(("autolock", "code"), [(True, 4), (False, 1)])
def test_what_is_told_of_a_swarm_counts_without_a_vault(scene: Scene, autolock: bool, code: int) -> None:
    scene.swarm.autolock = autolock
    document = scene.document(code, home="elsewhere")
    assert document["autolock"] is autolock
    assert document["error"]["code"] == "not-set-up"
    _, out, err = scene.run("check", home="elsewhere")
    assert f"autolock is {'on' if autolock else 'off'}" in out
    assert "error: " in err


@pytest.mark.parametrize("status", [403, 404, 500])
@pytest.mark.parametrize("path", ["/info", "/swarm", "/secrets"])
def test_an_engine_that_does_not_tell_has_not_said_no(scene: Scene, path: str, status: int) -> None:
    scene.swarm.broken[f"GET {path}"] = status
    assert scene.run("check")[0] == 3


def test_no_engine(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent.sock")
    for command in ("check", "autolock", "unlock"):
        assert scene.run(command)[0] == 3


def test_a_locked_swarm(scene: Scene) -> None:
    scene.run("autolock")
    scene.swarm.state = "locked"
    code, out, _ = scene.run("check")
    assert code == 0
    assert "is locked, so autolock is on\nhint: pytrust swarm unlock" in out
    assert scene.document(0)["locked"] is True
    assert scene.run("autolock")[0] == 3
    code, out, _ = scene.run("unlock")
    assert (code, out) == (0, f"the swarm {CLUSTER} is unlocked, with version 1 of its key\n")
    assert scene.run("unlock")[1] == "it is not locked\n"


def test_a_swarm_that_nobody_here_knows(scene: Scene) -> None:
    scene.swarm.autolock, scene.swarm.state = True, "locked"
    code, _, err = scene.run("unlock")
    assert code == 1
    assert "docker swarm unlock" in err
