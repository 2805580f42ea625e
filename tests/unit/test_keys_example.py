"""The example keys are whole, and nothing trusts them: no module, no default, no home that ``init`` makes."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pytrust.cli.root import run
from pytrust.cli.settings import Settings, parse_settings
from pytrust.trust.anchor import require_anchor
from pytrust.trust.collection import edit
from pytrust.trust.collection.model import ROOT
from pytrust.trust.errors import UntrustedRoot
from pytrust.trust.formats import tuf
from pytrust.trust.keys.keyring import KeyEntry, Keyring
from pytrust.trust.keys.online import OnlineKeys, load_online_keys
from pytrust.trust.keys.public import read_public_pem
from pytrust.trust.keys.signers import signer_of
from pytrust.trust.names import CollectionName, RoleName
from pytrust.trust.pins import find_pin

CHECKOUT = Path(__file__).parents[2]
EXAMPLE = CHECKOUT / "keys-example"
ROOTS = ("trust", "scanner", "policy", "cli")
NAME = CollectionName("localhost:5000/foo/web")

pytestmark = pytest.mark.skipif(not EXAMPLE.is_dir(), reason="the example keys are not here: a wheel has none")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy made with the two commands of ``keys-example/README.md``; git keeps no modes."""
    copy = tmp_path_factory.mktemp("example") / "home"
    shutil.copytree(EXAMPLE / "home", copy)
    subprocess.run(["chmod", "-R", "go=", str(copy)], check=True)
    return copy


@pytest.fixture(scope="module")
def entries(home: Path) -> dict[str, KeyEntry]:
    return {entry.name: entry for entry in Keyring(home / "keys").entries()}


@pytest.fixture(scope="module")
def online(home: Path) -> OnlineKeys:
    return load_online_keys(home / "store" / "online")


@pytest.fixture(scope="module")
def ids(entries: dict[str, KeyEntry], online: OnlineKeys) -> set[str]:
    held = {entry.public.id for entry in entries.values()}
    return held | {signer.public.id for signer in (*online.snapshot, *online.timestamp)}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """What a new user has after ``pytrust init``."""
    path = tmp_path_factory.mktemp("fresh") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTRUST_PASSPHRASE", "example-passphrase")
        assert run(["--home", str(path), "init", "--signer", "alice"]) == 0
    return parse_settings((path / "config.toml").read_text(), {}, "config.toml")


@pytest.fixture(scope="module")
def root_file(home: Path, entries: dict[str, KeyEntry], online: OnlineKeys) -> bytes:
    """The first root of a collection that the example root key signed."""
    keys = edit.TopKeys(
        entries["root"].public, entries["targets"].public, online.snapshot[0].public, online.timestamp[0].public
    )
    signers = {RoleName("alice"): entries["alice"].public}
    root = edit.create(NAME, keys, signers, threshold=1, now=datetime.now(UTC)).root
    private = Keyring(home / "keys").open(ROOT, lambda _: b"example-passphrase")
    return tuf.sign(NAME, ROOT, tuf.write_root(NAME, root), [signer_of(private)])


def modules() -> list[Path]:
    return [path for root in ROOTS for path in (CHECKOUT / root / "pytrust").rglob("*") if path.is_file()]


def test_the_key_ring_holds_root_targets_and_two_signers(entries: dict[str, KeyEntry], ids: set[str]) -> None:
    assert sorted(entries) == ["alice", "bob", "root", "targets"]
    assert len(ids) == 6


@pytest.mark.parametrize("signer", ["alice", "bob"])
def test_the_public_file_of_a_signer_is_that_of_the_key_ring(signer: str, entries: dict[str, KeyEntry]) -> None:
    pem = (EXAMPLE / f"{signer}.pub").read_bytes()
    assert read_public_pem(pem, signer) == entries[signer].public


def test_the_example_settings_pin_the_example_root_for_a_local_registry_only(
    home: Path, entries: dict[str, KeyEntry], root_file: bytes
) -> None:
    settings = parse_settings((home / "config.toml").read_text(), {}, "config.toml")
    assert require_anchor(find_pin(settings.pins, NAME), NAME, [root_file]) == 0
    assert [pin.root_keys for pin in settings.pins] == [{entries["root"].public.id}]
    with pytest.raises(UntrustedRoot):
        find_pin(settings.pins, CollectionName("docker.io/library/web"))


def test_no_module_knows_the_keys_or_the_folder(ids: set[str]) -> None:
    held = [path for path in modules() if "__pycache__" not in path.parts]
    assert len(held) > 50
    known = {*ids, "keys-example", "keys_example", "example-passphrase"}
    knowing = {str(path.relative_to(CHECKOUT)) for path in held if any(word in path.read_text() for word in known)}
    assert knowing == set()


def test_a_fresh_home_pins_none_of_the_keys(fresh: Settings, ids: set[str]) -> None:
    pinned = {key for pin in fresh.pins for key in pin.root_keys}
    assert pinned
    assert pinned.isdisjoint(ids)


def test_a_fresh_home_refuses_what_the_example_root_signed(fresh: Settings, root_file: bytes) -> None:
    with pytest.raises(UntrustedRoot):
        require_anchor(find_pin(fresh.pins, NAME), NAME, [root_file])
