"""Secrets where containers count users otherwise than their host: an engine with ``userns-remap``."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.rig.delivery import VALUES, House, act, create, made, make_house, missing, wipe
from tests.rig.needs import need

UID, GID = 231072, 331072


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    need(missing())
    folder = Path(tempfile.mkdtemp(prefix="pytrust-userns-"))  # the engine's root is nobody on this host
    folder.chmod(0o711)
    try:
        (folder / "etc").mkdir()
        (folder / "etc" / "subuid").write_text(f"nobody:{UID}:65536\n")
        (folder / "etc" / "subgid").write_text(f"nobody:{GID}:65536\n")
        with make_house(folder, "--userns-remap=nobody:nogroup", etc=folder / "etc") as house:
            yield house
    finally:
        shutil.rmtree(folder)


def test_owners_are_those_of_the_container(house: House) -> None:
    script = "busybox stat -c '%n %u %g %a' /run/secrets /run/secrets/*; cat /run/secrets/*"
    with house.proxy() as proxy:
        container = made(create(house, proxy, "db_password,shop/key:uid=1000:gid=50:mode=0400", script))
        assert act(proxy, container, "start").status == 204
        act(proxy, container, "wait")
        assert house.stage.docker.run("logs", container).splitlines() == [
            "/run/secrets 0 0 755",
            "/run/secrets/db_password 0 0 444",
            "/run/secrets/key 1000 50 400",
            VALUES["db_password"] + VALUES["shop/key"],
        ]
        found = house.folder(container).stat()
        assert (found.st_uid, found.st_gid) == (UID, GID)
        assert (house.place.stat().st_gid, house.place.stat().st_mode & 0o777) == (GID, 0o710)
        wipe(house, proxy)


def test_a_user_that_the_container_does_not_have(house: House) -> None:
    with house.proxy() as proxy:
        container = made(create(house, proxy, "db_password:uid=65536"))
        reply = act(proxy, container, "start")
        assert reply.status >= 400
        assert "user that the container does not have" in reply.message
        assert list(house.folder(container).iterdir()) == []
        wipe(house, proxy)


def test_a_container_that_counts_as_the_host_does(house: House) -> None:
    policy = house.stage.policy(more="  allow:\n    - {rule: userns-mode}\n")
    script = "busybox stat -c '%u' /run/secrets/db_password; cat /run/secrets/db_password"
    with house.proxy(policy) as proxy:
        container = made(create(house, proxy, "db_password:uid=1000:mode=0400", script, UsernsMode="host"))
        assert act(proxy, container, "start").status == 204
        act(proxy, container, "wait")
        assert house.stage.docker.run("logs", container).splitlines() == ["1000", VALUES["db_password"]]
        wipe(house, proxy)
