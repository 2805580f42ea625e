"""Files that real docker and notary clients and servers made: read, verified, written again byte for byte."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.shared_data import shared_data

from pytrust.trust.collection.model import RELEASES, ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from pytrust.trust.formats.notary.checks import require_role, require_root
from pytrust.trust.formats.notary.envelope import read_envelope, write_envelope
from pytrust.trust.formats.notary.files import (
    MetaFile,
    RootFile,
    TargetsFile,
    parent,
    read_file,
    read_meta,
    read_root,
    read_targets,
)
from pytrust.trust.formats.notary.read import collection_of, full_name, role_name, root_of, targets_of
from pytrust.trust.formats.notary.write import file_meta, write_root, write_snapshot, write_targets, write_timestamp
from pytrust.trust.names import CollectionName

NOW = datetime(2026, 11, 24, tzinfo=UTC)  # the day after they were made


def _steps() -> list[Path]:
    return sorted(path.parent for path in shared_data("notary-vectors").glob("*/GUN"))


def _role(step: Path, path: Path) -> str:
    return str(path.relative_to(step)).removesuffix(".json").split(".")[-1]


def _files() -> list[tuple[str, Path]]:
    return [(_role(step, path), path) for step in _steps() for path in sorted(step.rglob("*.json"))]


def _name(step: Path) -> CollectionName:
    return CollectionName((step / "GUN").read_text().strip())


def test_there_are_vectors_of_every_role() -> None:
    assert {ROOT, TARGETS, SNAPSHOT, TIMESTAMP, "targets/releases", "targets/alice"} <= {role for role, _ in _files()}


def test_every_file_read_and_written_again_is_the_same() -> None:
    for role, path in _files():
        data = path.read_bytes()
        assert write_envelope(read_envelope(role, data)) == data, path


def test_every_file_is_written_from_the_model_as_it_was() -> None:
    """What a next version would say, if nothing changed, is what was said."""
    for role, path in _files():
        file = read_file(role, path.read_bytes())
        match file:
            case RootFile():
                made = write_root(root_of(file), file, {})
            case TargetsFile():
                made = write_targets(targets_of(file, None), file, None)
            case MetaFile() if role == SNAPSHOT:
                made = write_snapshot(file.version, file.expires, {}, file.envelope.signed["meta"])
            case MetaFile():
                made = write_timestamp(file.version, file.expires, path.with_name("snapshot.json").read_bytes())
        expected, found = dict(file.envelope.signed), dict(made.signed)
        expected.pop("expires"), found.pop("expires")  # nanoseconds are cut
        assert found == expected, path


def test_hashes_are_those_that_the_server_wrote() -> None:
    for step in _steps():
        listed = read_meta(SNAPSHOT, (step / "snapshot.json").read_bytes()).envelope.signed["meta"]
        for role in listed:
            if (path := step / f"{role}.json").exists():
                assert file_meta(path.read_bytes()) == listed[role], path


def test_the_chain_of_every_repository_verifies() -> None:
    for step in _steps():
        name, root = _name(step), read_root((step / "root.json").read_bytes())
        require_root(name, root, None, NOW)
        files: dict[str, TargetsFile] = {}
        for online in (TIMESTAMP, SNAPSHOT):
            require_role(name, online, read_meta(online, (step / f"{online}.json").read_bytes()), root, None)
        orphans = []
        for path in [step / "targets.json", *sorted(step.glob("targets/*.json"))]:
            role = _role(step, path)
            files[role] = read_targets(role, path.read_bytes())
            above = files.get(parent(role))
            delegation = above.delegation(role) if above else None
            if above and (delegation is None or not delegation.role.keyids):
                orphans.append(role)
                continue
            require_role(name, role, files[role], root, above)
        if step.name == "a27-signer-remove-last":
            assert "targets/releases" in orphans
        else:
            assert not orphans, step


def test_roots_are_walked() -> None:
    step = shared_data("notary-vectors") / "b12-rotate-root"
    before = None
    for number in range(1, 7):
        root = read_root((step / f"{number}.root.json").read_bytes())
        require_root(_name(step), root, before, NOW)
        before = root
    last = read_root((step / "root.json").read_bytes())
    if last.version != 6:
        require_root(_name(step), last, before, NOW)


def test_what_docker_signed_is_seen() -> None:
    step = shared_data("notary-vectors") / "a11-sign-v4-three-keys"
    targets = read_targets(TARGETS, (step / "targets.json").read_bytes())
    delegated = {
        item.name: read_targets(item.name, (step / f"{item.name}.json").read_bytes()) for item in targets.delegations
    }
    root = read_root((step / "root.json").read_bytes())
    collection = collection_of(_name(step), root, targets, delegated)
    assert {item.name for item in collection.signers} == {"alice", "bob", "carol"}
    assert sorted(collection.releases) == ["v1", "v2", "v4"]
    assert set(collection.vouchers(collection.releases["v4"])) == {"alice", "bob", "carol"}
    assert set(collection.vouchers(collection.releases["v1"])) == {"alice"}


@pytest.mark.parametrize(
    ("full", "role"),
    [
        ("root", ROOT),
        ("targets/releases", RELEASES),
        ("targets/alice", "alice"),
        ("targets/root", None),
        ("targets/a/b", None),
        ("targets/-x", None),
        ("alice", None),
    ],
)
def test_names_of_roles(full: str, role: str | None) -> None:
    found = role_name(full)
    assert found == role
    assert found is None or full_name(found) == full
