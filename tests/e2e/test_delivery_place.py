"""Secrets for containers on file systems of their own: what only root can try."""

from __future__ import annotations

import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.rig import dockerd
from tests.rig.needs import need

from pytrust.trust.errors import Unsound
from pytrust.trust.vault.delivery import Deliveries, SecretFile
from pytrust.trust.vault.delivery_place import is_in_memory, prepare_place

TOKEN = "0123456789abcdef" * 2
DB = SecretFile("db", b"hunter2", 0, 0, 0o440)


@pytest.fixture(autouse=True)
def _root() -> None:
    need(dockerd.missing())


@contextmanager
def small(folder: Path) -> Iterator[None]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0700,size=64k,nr_inodes=12", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def inside(deliveries: Deliveries) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (deliveries.place / TOKEN).iterdir()}


def test_the_owner_is_another(tmp_path: Path) -> None:
    place = tmp_path / "small"
    with small(place):
        deliveries = Deliveries(place)
        deliveries.make("f" * 32, uid=231072, gid=231073)
        deliveries.fill("f" * 32, [SecretFile("db", b"x", 232072, 231122, 0o400)])
        folder = deliveries.place / ("f" * 32)
        assert (folder.stat().st_uid, folder.stat().st_gid) == (231072, 231073)
        found = (folder / "db").stat()
        assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (232072, 231122, 0o400)
        assert deliveries.place.stat().st_gid == 231073  # whose root has to come by


def test_full_means_all_or_none(tmp_path: Path) -> None:
    """Nothing of the new values, all of the old ones, and no crumbs."""
    place = tmp_path / "small"
    with small(place):
        deliveries = Deliveries(place)
        deliveries.make(TOKEN)
        deliveries.fill(TOKEN, [DB])
        large = [SecretFile(f"f{number}", b"x" * 30_000, 0, 0, 0o400) for number in range(4)]
        with pytest.raises(Unsound, match="no space left"):
            deliveries.fill(TOKEN, large)
        with pytest.raises(Unsound, match="no space left"):
            deliveries.fill(TOKEN, [SecretFile(f"g{number}", b"x", 0, 0, 0o400) for number in range(20)])
        assert inside(deliveries) == {"db": b"hunter2"}
        assert [path.name for path in place.iterdir()] == [TOKEN]


def test_on_a_disk_it_is_a_mount_of_its_own(tmp_path: Path) -> None:
    place = tmp_path / "run" / "secrets"
    try:
        prepare_place(place, 0)
        prepare_place(place, 0)
        assert place.is_mount()
        assert is_in_memory(place)
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines() if f" {place} " in line]
        ((_, _, kind, options, *_),) = mounts
        assert kind == "tmpfs"
        assert {"nosuid", "nodev", "noexec", "size=262144k"} <= set(options.split(","))
    finally:
        subprocess.run(["umount", place], check=True)
