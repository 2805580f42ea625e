"""What every party behind the trust server's HTTP shell does: the real service, and the fake that shell is tested with."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from tests.fakes.trust_backend import FakeBackend
from tests.fakes.trust_service import Town
from tests.rig.notary_repository import Repository

from pytrust.trust.server.backend import Backend
from pytrust.trust.server.refusals import Code, Refusal
from pytrust.trust.store.sqlite import SqliteStore

GUN = "registry.example.com/foo/web"


def _fake(_: Path) -> Backend:
    return FakeBackend()


def _memory(_: Path) -> Backend:
    return Town().service


def _sqlite(folder: Path) -> Backend:
    return Town(SqliteStore(folder / "store.db")).service


@dataclass
class Scene:
    """A backend, and somebody who publishes to it."""

    backend: Backend
    owners: dict[str, Repository] = field(default_factory=dict)

    def owner(self, gun: str = GUN) -> Repository:
        return self.owners.setdefault(gun, Repository(gun))

    def first(self, gun: str = GUN) -> dict[str, bytes]:
        keys = [json.loads(self.backend.key(gun, role)) for role in ("timestamp", "snapshot")]
        return {"root": self.owner(gun).root(*keys), "targets": self.owner(gun).targets(2, ["v1"])}

    def found(self, gun: str = GUN) -> dict[str, bytes]:
        files = self.first(gun)
        self.backend.publish(gun, files, "alice")
        return files

    def move(self, version: int, gun: str = GUN) -> bytes:
        data = self.owner(gun).targets(version, ["v1", "v2"])
        self.backend.publish(gun, {"targets": data}, "alice")
        return data

    def data(self, role: str, gun: str = GUN) -> bytes | None:
        served = self.backend.current(gun, role)
        return served.data if served else None

    def refused(self, files: dict[str, bytes], gun: str = GUN) -> Refusal:
        with pytest.raises(Refusal) as caught:
            self.backend.publish(gun, files, "alice")
        assert caught.value.status == 400
        return caught.value


@pytest.fixture(params=[_fake, _memory, _sqlite], ids=["fake", "memory", "sqlite"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Scene:
    make: Callable[[Path], Backend] = request.param
    return Scene(make(tmp_path))


def test_before_anything_is_published(scene: Scene) -> None:
    backend = scene.backend
    for role in ("root", "targets", "snapshot", "timestamp", "targets/releases"):
        assert backend.current(GUN, role) is None
        assert backend.at_version(GUN, role, 1) is None
        assert backend.by_checksum(GUN, role, "0" * 64) is None
        assert backend.remembered(GUN, role, None) is None
        assert backend.remembered(GUN, role, "0" * 64) is None
    assert backend.tuf_file(GUN, "timestamp.json") is None
    assert backend.changes(None, 0, 10) == backend.changes(GUN, -1, -10) == []
    assert backend.overview(10) == []
    assert backend.health() == {}


@pytest.mark.parametrize("role", ["timestamp", "snapshot"])
def test_a_key_stays_until_it_is_used(scene: Scene, role: str) -> None:
    key = scene.backend.key(GUN, role)
    assert set(json.loads(key)) == {"keytype", "keyval"}
    assert scene.backend.key(GUN, role) == key
    scene.found()
    assert scene.backend.key(GUN, role) == key


def test_a_rotated_key_is_another(scene: Scene) -> None:
    scene.found()
    key = scene.backend.key(GUN, "timestamp")
    assert json.loads(scene.backend.rotate_key(GUN, "timestamp")) != json.loads(key)


def test_the_first_publish(scene: Scene) -> None:
    files = scene.found()
    assert {role: scene.data(role) for role in files} == files
    for role in ("snapshot", "timestamp"):
        made = scene.data(role)
        assert made is not None
        assert json.loads(made)["signed"]["version"] == 1
    served = scene.backend.current(GUN, "root")
    assert served is not None
    assert abs(datetime.now(UTC) - served.published) < timedelta(days=1)


def test_every_name_of_a_file(scene: Scene) -> None:
    files = scene.found()
    newer = scene.move(3)
    for data, version in ((files["targets"], 2), (newer, 3)):
        digest = sha256(data).hexdigest()
        found = scene.backend.at_version(GUN, "targets", version)
        assert found is not None
        assert found.data == data
        by_checksum = scene.backend.by_checksum(GUN, "targets", digest)
        assert by_checksum is not None
        assert by_checksum.data == data
        assert scene.backend.by_checksum(GUN, "root", digest) is None
        assert scene.backend.by_checksum("another", "targets", digest) is None
    assert scene.data("targets") == newer


def test_what_is_remembered_is_what_would_be_read(scene: Scene) -> None:
    scene.found()
    for version in (3, 4):
        for role in ("root", "targets", "snapshot", "timestamp"):
            read = scene.backend.current(GUN, role)
            assert read is not None
            digest = sha256(read.data).hexdigest()
            assert scene.backend.by_checksum(GUN, role, digest) == read
            assert scene.backend.remembered(GUN, role, None) in {None, read}
            assert scene.backend.remembered(GUN, role, digest) in {None, read}
        newer = scene.move(version)
        remembered = scene.backend.remembered(GUN, "targets", None)
        assert remembered is None or remembered.data == newer
    scene.backend.delete(GUN)
    assert scene.backend.remembered(GUN, "targets", None) is None


def test_snapshot_and_timestamp_rise_with_every_publish(scene: Scene) -> None:
    scene.found()
    scene.move(7)
    scene.backend.publish(GUN, {}, "alice")
    for role in ("snapshot", "timestamp"):
        for version in (1, 2, 3):
            served = scene.backend.at_version(GUN, role, version)
            assert served is not None, (role, version)
            assert json.loads(served.data)["signed"]["version"] == version


def test_refusals_change_nothing(scene: Scene) -> None:
    scene.found()
    before = {role: scene.data(role) for role in ("root", "targets", "snapshot", "timestamp")}
    same = scene.owner().targets(2, ["v9"])
    assert scene.refused({"targets": same}).reason is Code.VERSION
    assert scene.refused({"targets": scene.owner().targets(1, [])}).reason is Code.VERSION
    scene.refused({"targets": b"no json"})
    scene.refused({"targets/releases": b"no json", "targets": scene.owner().targets(3, ["v1"])})
    assert {role: scene.data(role) for role in before} == before
    assert len(scene.backend.changes(GUN, 0, 10)) == 1


def test_a_collection_begins_with_a_root(scene: Scene) -> None:
    files = scene.first()
    assert scene.refused({"targets": files["targets"]}).reason is Code.INVALID_UPDATE
    missing = scene.refused({"root": files["root"]})
    assert (missing.reason, missing.name.value, missing.missing) == (Code.INVALID_UPDATE, "ErrBadHierarchy", "targets")
    assert scene.data("root") is None


def test_the_end_of_a_collection(scene: Scene) -> None:
    scene.found()
    scene.found("registry.example.com/foo/other")
    scene.backend.delete(GUN)
    scene.backend.delete("nobody/knows/it")
    assert scene.data("root") is None
    assert scene.data("root", "registry.example.com/foo/other") is not None
    kinds = [(change.name, change.deletion) for change in scene.backend.changes(None, 0, 10)]
    assert kinds == [(GUN, False), ("registry.example.com/foo/other", False), (GUN, True)]


def test_windows_of_the_change_feed(scene: Scene) -> None:
    scene.found()
    for version in (3, 4, 5):
        scene.move(version)
    scene.found("registry.example.com/foo/other")
    all_of_it = scene.backend.changes(None, 0, 100)
    ids = [change.id for change in all_of_it]
    assert ids == sorted(ids)
    assert [change.version for change in scene.backend.changes(GUN, 0, 100)] == [1, 2, 3, 4]
    assert scene.backend.changes(None, ids[1], 2) == all_of_it[2:4]
    assert scene.backend.changes(None, ids[3], -2) == all_of_it[1:3]
    assert scene.backend.changes(None, -1, -2) == all_of_it[3:]
    assert scene.backend.changes(GUN, -1, -2) == all_of_it[2:4]
    assert scene.backend.changes(None, ids[-1], 5) == []
    assert scene.backend.changes(None, ids[0], -5) == []
    assert scene.backend.changes(None, 10**17, 5) == []
    timestamp = scene.data("timestamp")
    assert timestamp is not None
    assert scene.backend.changes(GUN, -1, -1)[0].sha256 == sha256(timestamp).hexdigest()


def test_the_overview(scene: Scene) -> None:
    for name in ("c", "a", "b"):
        scene.found(f"registry.example.com/{name}")
    rows = scene.backend.overview(2)
    assert [row.name for row in rows] == ["registry.example.com/a", "registry.example.com/b"]
    assert {role.role: role.version for role in rows[0].roles} == {
        "root": 1,
        "targets": 2,
        "snapshot": 1,
        "timestamp": 1,
    }


def test_of_many_at_one_version_one_wins(scene: Scene) -> None:
    scene.found()
    uploads = [scene.owner().targets(3, [f"v{number}"]) for number in range(8)]

    def publish(data: bytes) -> bytes | None:
        try:
            scene.backend.publish(GUN, {"targets": data}, "alice")
        except Refusal as refusal:
            assert refusal.reason is Code.VERSION
            return None
        return data

    with ThreadPoolExecutor(8) as pool:
        accepted = [data for data in pool.map(publish, uploads) if data is not None]
    assert accepted == [scene.data("targets")]


def test_many_collections_at_once(scene: Scene) -> None:
    names = [f"registry.example.com/{number}" for number in range(8)]
    files = {name: scene.first(name) for name in names}

    def publish(name: str) -> None:
        scene.backend.publish(name, files[name], "alice")
        scene.move(3, name)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(publish, names))
    assert len(scene.backend.changes(None, 0, 100)) == 16
    assert all(scene.data("targets", name) != files[name]["targets"] for name in names)
