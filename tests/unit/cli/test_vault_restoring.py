"""``pytrust vault backup`` and ``restore``: nothing older in secret, nothing half, nothing lost."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.fakes.vault_shell import VaultShell
from tests.vectors.age.make import IDENTITY, RECIPIENT

from pytrust.trust.vault.copy import backup
from pytrust.trust.vault.epoch import begin
from pytrust.trust.vault.folder import Folder
from pytrust.trust.vault.header import Header, NewSlot, encode_header, read_header, seal_slot
from pytrust.trust.vault.manifest import Step
from pytrust.trust.vault.master import Master
from pytrust.trust.vault.slots import age_slot

CANARY = b"canary-77d0"


@pytest.fixture
def user(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> VaultShell:
    made = VaultShell(tmp_path, capfdbinary)
    made.init()
    made.put("a", CANARY)
    return made


@pytest.fixture
def saved(user: VaultShell) -> Path:
    """Of generation 2; anybody at this host writes it, unlocked or not."""
    path = user.folder / "saved.tar"
    done = user.type("vault", "backup", str(path))
    assert (done.code, done.out) == (0, f"wrote {path}: generation 2\n".encode())
    return path


def leftovers(user: VaultShell) -> set[str]:
    return {path.name for path in user.home.iterdir()} - {"vault"}


def test_onto_a_host_that_has_lost_everything(user: VaultShell, saved: Path) -> None:
    shutil.rmtree(user.home)
    shutil.rmtree(user.anchor)
    said = user.open("vault", "restore", str(saved))
    assert said.code == 0, said
    assert said.out == f"restored {user.home / 'vault'}: generation 2\n".encode()
    assert said.err == ""
    assert user.must("secret", "get", "a") == CANARY
    assert leftovers(user) == set()
    assert user.home.stat().st_mode & 0o777 == 0o700


def test_what_is_as_new_takes_its_place(user: VaultShell, saved: Path) -> None:
    record = next((user.home / "vault" / "records").glob("*/*"))
    record.write_bytes(b"damaged")
    said = user.open("vault", "restore", str(saved))
    assert said.code == 0
    assert user.must("secret", "get", "a") == CANARY
    assert leftovers(user) == {"vault.replaced.1"}
    assert said.err.startswith(f"hint: the vault that was there is {user.home / 'vault.replaced.1'}")


def test_what_is_older_is_refused_and_then_told(user: VaultShell, saved: Path) -> None:
    user.put("a", b"two")
    user.put("b", b"one")
    before = user.tree()
    said = user.open("vault", "restore", str(saved))
    assert (said.code, said.out) == (4, b"")
    assert said.err == (
        "error: the backup is of generation 2, and this host has seen 4\nhint: to go back all the same: --older\n"
    )
    assert user.tree() == before
    said = user.open("vault", "restore", "--older", str(saved))
    assert said.code == 0
    assert said.err.splitlines()[:3] == [
        "lost: what was changed in generations 3 to 4",
        "lost: a version 2",
        "lost: b version 1",
    ]
    assert user.must("secret", "get", "a") == CANARY
    user.put("c", b"goes on")
    assert user.must("vault", "verify").startswith(b"the vault is whole: generation 3")


def test_the_anchor_alone_remembers(user: VaultShell, saved: Path) -> None:
    """The vault is gone, and the thief's backup with the old permissions is at hand."""
    user.put("a", b"two")
    shutil.rmtree(user.home / "vault")
    assert user.open("vault", "restore", str(saved)).code == 4
    assert not (user.home / "vault").exists()
    said = user.open("vault", "restore", "--older", str(saved))
    assert (said.code, said.err) == (0, "lost: what was changed in generation 3\n")


@pytest.mark.parametrize("rekeyed", [0, 2])
@pytest.mark.parametrize("change", [-1, 0, 1])
def test_a_vault_of_somebody_else_is_not_taken_for_an_older_one(user: VaultShell, rekeyed: int, change: int) -> None:
    """He knows no key, but whom a slot of kind age is for, and writes a backup that the identity opens."""
    identity = user.folder / "identity"
    identity.touch(0o600)
    identity.write_text(IDENTITY)
    assert user.open("vault", "slot", "add", "age", RECIPIENT).code == 0
    ours = user.folder / "ours.tar"
    assert user.type("vault", "backup", str(ours)).code == 0
    for _ in range(rekeyed):
        assert user.open("vault", "rekey").code == 0
    his = user.folder / "his.tar"
    backup(_made_by_another(read_header(user.home / "vault"), change, user.folder / "his"), his)
    before = user.tree()
    for words in ((), ("--older",)):
        said = user.type("--unlock-file", str(identity), "vault", "restore", *words, str(his))
        assert (said.code, said.out) == (4, b"")
        assert "did not have the keys of this one" in said.err
        assert "--older" not in said.err
    assert user.tree() == before
    assert user.type("--unlock-file", str(identity), "vault", "restore", "--older", str(ours)).code == 0


def _made_by_another(real: Header, change: int, folder: Path) -> Path:
    master, made = Master.new(), age_slot.make([RECIPIENT])
    base = replace(real, epoch=max(0, real.epoch + change - 1), generation=real.generation + 5, slots=())
    slot = seal_slot(NewSlot("age", "", made.seed, made.params), real.store, base.epoch + 1, master, 1)
    begun = begin(base, Step(2, ""), (slot,), master)
    place = Folder(folder)
    place.create()
    place.append_manifest(begun.header.epoch, 0, begun.frames)
    place.write_header(encode_header(replace(begun.header, turns=real.turns[: begun.header.epoch - 1]), master))
    return folder


def test_without_an_anchor_the_vault_that_is_there_remembers(user: VaultShell, saved: Path) -> None:
    user.put("a", b"two")
    shutil.rmtree(user.anchor)
    assert user.open("vault", "restore", str(saved)).code == 4


def test_a_copy_that_went_another_way(user: VaultShell, saved: Path) -> None:
    """As many changes as this host has seen, but others."""
    twin = VaultShell(user.folder / "twin", user.capture)
    twin.folder.mkdir()
    shutil.copy(user.key, twin.key)
    assert twin.open("vault", "restore", str(saved)).code == 0
    twin.put("a", b"theirs")
    twin.put("b", b"theirs")
    user.put("a", b"ours")
    theirs = user.folder / "theirs.tar"
    assert twin.type("vault", "backup", str(theirs)).code == 0
    before = user.tree()
    said = user.open("vault", "restore", str(theirs))
    assert (said.code, user.tree()) == (4, before)
    assert "took another way" in said.err
    assert user.open("vault", "restore", "--older", str(theirs)).code == 0
    assert user.must("secret", "get", "a") == b"theirs"


def test_a_copy_that_went_on_is_taken(user: VaultShell, saved: Path) -> None:
    """The vault moved to another host, lived there, and comes back."""
    twin = VaultShell(user.folder / "twin", user.capture)
    twin.folder.mkdir()
    shutil.copy(user.key, twin.key)
    assert twin.open("vault", "restore", str(saved)).code == 0
    twin.put("a", b"newer")
    newer = user.folder / "newer.tar"
    assert twin.type("vault", "backup", str(newer)).code == 0
    assert user.open("vault", "restore", str(newer)).code == 0
    assert user.must("secret", "get", "a") == b"newer"


def test_another_vault_is_never_replaced(user: VaultShell, tmp_path: Path) -> None:
    other = VaultShell(tmp_path / "other", user.capture)
    other.folder.mkdir()
    other.init()
    assert other.type("vault", "backup", str(tmp_path / "other.tar")).code == 0
    before = user.tree()
    for words in ([], ["--older"]):
        said = user.open("vault", "restore", *words, str(tmp_path / "other.tar"), key=other.key)
        assert (said.code, user.tree()) == (2, before)
        assert "there is another vault" in said.err


def test_a_backup_that_is_damaged_changes_nothing(user: VaultShell, saved: Path) -> None:
    data = saved.read_bytes()
    before = user.tree()
    for at in (600, 1000, data.rindex(b"records/") + 512 + 3):
        changed = bytearray(data)
        changed[at] ^= 1
        (user.folder / "changed.tar").write_bytes(changed)
        (user.folder / "changed.tar").chmod(0o600)
        said = user.open("vault", "restore", "--older", str(user.folder / "changed.tar"))
        assert (said.code, said.out) == (4, b""), (at, said)
        assert said.err.count("\n") <= 2
        assert CANARY.decode() not in said.err
    assert user.tree() == before


def test_who_cannot_open_it_cannot_put_it_back(user: VaultShell, saved: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.touch(0o600)
    wrong.write_text("correct horse battery")
    before = user.tree()
    assert user.open("vault", "restore", str(saved), key=wrong).code == 4
    assert user.type("vault", "restore", str(saved)).code == 4
    assert user.tree() == before


@pytest.mark.parametrize(("name", "code"), [("nothing", 4), ("key", 4), ("home", 4)])
def test_what_is_no_backup(user: VaultShell, name: str, code: int) -> None:
    before = user.tree()
    said = user.open("vault", "restore", str(user.folder / name))
    assert (said.code, said.out) == (code, b""), said
    assert said.err.count("\n") <= 2
    assert user.tree() == before


def test_killed_at_any_rename(user: VaultShell, saved: Path) -> None:
    """At each step that changes a name the old vault is whole somewhere, and a second run goes through."""
    user.put("a", b"two")
    steps = 0
    while True:
        place = VaultShell(user.folder / f"run{steps}", user.capture)
        shutil.copytree(user.home, place.home)
        shutil.copytree(user.anchor, place.anchor)
        shutil.copy(user.key, place.key)
        if not _restore_and_die(place, saved, steps):
            break
        again = place.open("vault", "restore", "--older", str(saved))
        assert again.code == 0, (steps, again)
        assert place.must("secret", "get", "a") == CANARY
        assert not [name for name in leftovers(place) if name.startswith(".restore")]
        olds = [place.home / name for name in leftovers(place)]
        assert any(
            (old / "vault.json").read_bytes() == (user.home / "vault" / "vault.json").read_bytes() for old in olds
        )
        steps += 1
    assert steps >= 4


def _restore_and_die(place: VaultShell, saved: Path, steps: int) -> bool:
    """Whether the process died at its ``steps``-th rename or removal, as by kill -9, rather than end."""
    program = f"""
import os, sys
left = {steps}
def die(event, arguments):
    global left
    if event in ("os.rename", "os.remove", "shutil.rmtree"):
        if not left:
            os._exit(99)
        left -= 1
sys.addaudithook(die)
from pytrust.cli.root import run
sys.exit(run({["--home", str(place.home), "--unlock-file", str(place.key), "vault", "restore", "--older", str(saved)]!r}))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode in {0, 99}, done
    return done.returncode == 99


def test_what_a_dead_restore_left_goes(user: VaultShell, saved: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for name in (f".restore.{dead.pid}", f".restore.{dead.pid}.anchor"):
        (user.home / name / "vault").mkdir(parents=True)
    alive = user.home / f".restore.{os.getppid()}"
    alive.mkdir()
    assert user.open("vault", "restore", str(saved)).code == 0
    assert leftovers(user) == {"vault.replaced.1", alive.name}


def test_a_backup_has_no_name_in_the_clear(user: VaultShell) -> None:
    user.put("a-name-that-is-secret", b"v")
    path = user.folder / "all.tar"
    assert user.type("vault", "backup", str(path)).code == 0
    assert not re.search(rb"a-name-that|canary", path.read_bytes())
    said = user.type("vault", "backup", str(path))
    assert (said.code, said.err) == (2, f"error: {path} exists already\nhint: choose another name\n")
