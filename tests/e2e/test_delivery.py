"""Secrets in containers, through the real proxy, on a real engine: there while one runs, nowhere else, and then gone.

Case 26 of the adversarial cases, and the containers' part of case 24.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final

import pytest
from tests.rig.delivery import (
    CANARY,
    LABEL,
    VALUES,
    House,
    act,
    create,
    lines,
    made,
    make_house,
    missing,
    soon,
    started,
    wipe,
)
from tests.rig.needs import need
from tests.rig.processes import environment, running
from tests.rig.proxy import API, Proxy, installed

from pytrust.trust.vault.delivery import place_of

BINDS: Final = "  allow:\n    - {rule: bind, match: '**', values: ['/**']}\n    - {rule: volumes-from, match: '**'}\n"
_CHUNK: Final = 1 << 20


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    need(missing())
    with make_house(tmp_path_factory.mktemp("delivery")) as house:
        yield house


@pytest.fixture
def proxy(house: House) -> Iterator[Proxy]:
    with house.proxy() as found:
        yield found


# what the container sees


def test_the_value_its_owner_its_mode_and_where_it_lies(house: House, proxy: Proxy) -> None:
    script = (
        "busybox stat -f -c %T /run/secrets; busybox stat -c '%n %u %g %a' /run/secrets /run/secrets/*;"
        "cat /run/secrets/db_password; echo; cat /run/secrets/k; echo;"
        "{ echo x > /run/secrets/x; } 2>/dev/null || echo kept; busybox grep ' /run/secrets ' /proc/self/mounts"
    )
    label = f"{LABEL}=db_password,shop/key:file=k:uid=1000:gid=50:mode=0440"
    out = house.stage.client(proxy).run("run", "--label", label, house.image, "sh", "-c", script).splitlines()
    assert out[:4] == [
        "tmpfs",
        "/run/secrets 0 0 755",
        "/run/secrets/db_password 0 0 444",
        "/run/secrets/k 1000 50 440",
    ]
    assert out[4:6] == [VALUES["db_password"], VALUES["shop/key"]]
    assert out[6] == "kept"
    assert " tmpfs ro," in out[7]


def test_the_mode_holds(house: House, proxy: Proxy) -> None:
    script = "cat /run/secrets/mine /run/secrets/theirs"
    secrets = "db_password:file=mine:uid=1000:mode=0400,shop/key:file=theirs:uid=1001:mode=0400"
    container = made(proxy.create(house.image, Labels={LABEL: secrets}, Cmd=["sh", "-c", script], User="1000:1000"))
    act(proxy, container, "start")
    act(proxy, container, "wait")
    shown = house.stage.docker.attempt("logs", container)
    assert shown.stdout.decode() == VALUES["db_password"]
    assert b"theirs': Permission denied" in shown.stderr


def test_other_users_of_the_host_do_not_come_by_that_way(house: House, proxy: Proxy) -> None:
    folder = house.folder(started(house, proxy))
    file = folder.relative_to(house.place.parent) / "db_password"
    words = [
        "setpriv",
        "--reuid=4711",
        "--regid=4712",
        "--clear-groups",
        "cat",
        str(file),
    ]  # the path is in docker inspect
    done = subprocess.run(words, cwd=house.place.parent, env=environment(), capture_output=True, check=False)
    assert b"Permission denied" in done.stderr
    assert (folder / "db_password").stat().st_mode & 0o777 == 0o444


def test_the_next_start_brings_the_newest_value(house: House, proxy: Proxy) -> None:
    house.put("changing", "one", house.stage.good)
    container = started(house, proxy, "changing", "cat /run/secrets/changing; echo; sleep 1000")
    house.put("changing", "two", house.stage.good)
    assert soon(lambda: lines(house, container) == ["one"])
    assert act(proxy, container, "restart?t=0").status == 204
    assert soon(lambda: lines(house, container) == ["one", "two"])
    assert (house.folder(container) / "changing").read_text() == "two"


# nowhere else


def test_a_value_is_in_the_container_and_nowhere_else(house: House, proxy: Proxy) -> None:
    """24, 26: neither where engines describe, keep, export and commit, nor in what we write or run."""
    stage = house.stage
    wipe(house, proxy)
    container = started(house, proxy, "db_password,shop/key")
    assert house.files().count("db_password") == 1
    described = proxy.ask("GET", f"/{API}/containers/{container}/json").body
    described += stage.direct("GET", f"/containers/{container}/json").body
    assert b"db_password" in described
    wholes = {"inspect": described, "export": stage.docker.attempt("export", container).stdout}
    stage.docker.run("commit", container, "made/of:secrets")
    wholes["layers"] = stage.docker.attempt("save", "made/of:secrets").stdout
    wholes["log"] = stage.pytrust("log", "--json", home=proxy.home).encode()
    assert b"db_password" in wholes["log"]
    for name, whole in wholes.items():
        assert whole
        assert CANARY.encode() not in whole, name
    diff = stage.docker.run("diff", container).split()
    assert {path for path in diff if path.startswith("/run")} == {"/run", "/run/secrets"}
    assert _processes_that_show_it() == []
    folders = [stage.engine.folder, stage.home / "proxy", proxy.daemon.log.parent]
    assert [path for folder in folders for path in _files_that_hold_it(folder)] == []


def _processes_that_show_it() -> list[str]:
    shown = []
    for path in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            with suppress(OSError):
                if CANARY.encode() in (path / name).read_bytes():
                    shown.append(f"{path.name}/{name}")
    return shown


def _files_that_hold_it(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        with suppress(OSError):
            if path.is_file() and not path.is_symlink() and _holds(path):
                yield path


def _holds(path: Path) -> bool:
    """In pieces that overlap by the length of what is looked for."""
    tail = b""
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            if CANARY.encode() in tail + piece:
                return True
            tail = piece[-len(CANARY) :]
    return False


def test_every_read_is_in_the_audit(house: House, proxy: Proxy) -> None:
    container = started(house, proxy)
    trail = json.loads(house.stage.pytrust("secret", "audit", "db_password", "--json"))
    newest = json.dumps(trail[-1] if isinstance(trail, list) else trail)
    assert f"container {container[:12]} {house.stage.good}" in newest
    assert f"image:{house.stage.good}" in newest


# gone


ENDS: dict[str, Callable[[House, Proxy, str], object]] = {
    "stop": lambda _, proxy, container: act(proxy, container, "stop?t=0"),
    "kill": lambda _, proxy, container: act(proxy, container, "kill"),
    "rm": lambda _, proxy, container: proxy.ask("DELETE", f"/{API}/containers/{container}?force=1"),
    "around-the-proxy": lambda house, _, container: house.stage.direct("POST", f"/containers/{container}/kill"),
    "removed-around-it": lambda house, _, container: house.stage.direct("DELETE", f"/containers/{container}?force=1"),
    "its-process-is-killed": lambda house, _, container: os.kill(_pid(house, container), signal.SIGKILL),
}


def _pid(house: House, container: str) -> int:
    pid: int = house.stage.direct("GET", f"/containers/{container}/json").json["State"]["Pid"]
    return pid


@pytest.mark.parametrize("how", ENDS)
def test_gone_when_it_ends(house: House, proxy: Proxy, how: str) -> None:
    container = started(house, proxy)
    folder = house.folder(container)
    assert (folder / "db_password").exists()
    ENDS[how](house, proxy, container)
    assert soon(lambda: not (folder / "db_password").exists())
    removed = how in {"rm", "removed-around-it"}
    assert soon(lambda: folder.exists() != removed)
    if not removed:
        assert act(proxy, container, "start").status == 204
        assert (folder / "db_password").read_text() == VALUES["db_password"]


def test_gone_when_it_ends_by_itself_and_the_folder_with_rm(house: House, proxy: Proxy) -> None:
    before = set(house.place.iterdir())
    out = house.stage.client(proxy).run(
        "run", "--rm", "--label", f"{LABEL}=db_password", house.image, "cat", "/run/secrets/db_password"
    )
    assert out == VALUES["db_password"]
    assert soon(lambda: set(house.place.iterdir()) == before)


def test_a_restart_policy_keeps_them_to_the_last(house: House, proxy: Proxy) -> None:
    policy = {"Name": "on-failure", "MaximumRetryCount": 3}
    script = "cat /run/secrets/db_password; echo; exit 1"
    container = started(house, proxy, script=script, RestartPolicy=policy)
    folder = house.folder(container)
    assert soon(lambda: lines(house, container) == [VALUES["db_password"]] * 4)
    assert soon(lambda: not (folder / "db_password").exists())


def test_nothing_is_left_of_what_was_not_made(house: House, proxy: Proxy) -> None:
    """The engine refuses: there is no such network; or it cannot start it."""
    wipe(house, proxy)
    before = set(house.place.iterdir())
    reply = create(house, proxy, "db_password", Runtime="runc", NetworkMode="bridge", Links=["nobody:x"])
    assert reply.status != 201, reply
    assert set(house.place.iterdir()) == before
    container = made(proxy.create(house.image, Labels={LABEL: "db_password"}, Entrypoint=["/no-such-program"]))
    assert act(proxy, container, "start").status >= 400
    assert list(house.folder(container).iterdir()) == []


def test_killed_and_started_again(house: House) -> None:
    """What runs keeps its values; what ended meanwhile, what never was, and what was half written is cleared away."""
    with house.proxy() as proxy:
        wipe(house, proxy)
        runs, ends, gone = (started(house, proxy) for _ in range(3))
        folders = {name: house.folder(name) for name in (runs, ends, gone)}
        proxy.daemon.process.kill()
        proxy.daemon.process.wait()
    house.stage.direct("POST", f"/containers/{ends}/kill")
    house.stage.direct("DELETE", f"/containers/{gone}?force=1")
    stray = house.place / ("0" * 32)
    stray.mkdir()
    for left in (stray / "value", house.place / f".{'1' * 32}"):
        left.write_text(CANARY)
    assert len(house.files()) == 5
    with house.proxy() as proxy:
        assert set(house.place.iterdir()) == {folders[runs], folders[ends]}
        assert list(folders[ends].iterdir()) == []
        assert (folders[runs] / "db_password").read_text() == VALUES["db_password"]
        act(proxy, runs, "stop?t=0")
        assert soon(lambda: house.files() == [])
        assert act(proxy, ends, "start").status == 204
        assert house.files() == ["db_password"]
        wipe(house, proxy)


def test_after_the_memory_was_lost(house: House) -> None:
    """As when the host was started anew: the folders are there again, and each start brings the values."""
    with house.proxy() as proxy:
        container = started(house, proxy)
        folder = house.folder(container)
        act(proxy, container, "stop?t=0")
    for path in house.place.iterdir():
        path.rmdir()
    assert house.stage.direct("POST", f"/containers/{container}/start").status >= 400
    with house.proxy() as proxy:
        assert act(proxy, container, "start").status == 204
        assert (folder / "db_password").read_text() == VALUES["db_password"]
        wipe(house, proxy)


# refused


def test_who_gets_none(house: House, proxy: Proxy) -> None:
    """An image that nobody signed; one that is no reader, which sounds as if there were no such secret."""
    wipe(house, proxy)
    unsigned = proxy.create(f"{house.stage.good}:2", Labels={LABEL: "db_password"})
    assert unsigned.status == 403
    assert "gets no secrets" in unsigned.message
    texts = []
    for name in ("other", "nothing"):
        reply = create(house, proxy, f"db_password,{name}")
        assert reply.status == 403
        assert f"pytrust secret allow {name} image:{house.stage.good}" in reply.message
        texts.append(reply.message.replace(name, "NAME"))
    assert texts[0] == texts[1]
    assert house.files() == []


def test_learning_mode_gives_none_away(house: House) -> None:
    with house.proxy(house.stage.policy(mode="warn")) as proxy:
        for image, label in ((f"{house.stage.good}:2", "db_password"), (house.image, "other")):
            reply = proxy.create(image, Labels={LABEL: label})
            assert reply.status == 403, reply
        privileged = create(house, proxy, "db_password", Privileged=True)
        assert privileged.status == 403
        assert "gets no secrets" in privileged.message
        assert create(house, proxy, "db_password").status == 201
        wipe(house, proxy)


def test_taken_from_the_image_since(house: House, proxy: Proxy) -> None:
    house.put("fleeting", "x", house.stage.good)
    container = made(create(house, proxy, "db_password,fleeting"))
    house.stage.pytrust("secret", "deny", "fleeting", f"image:{house.stage.good}")
    reply = act(proxy, container, "start")
    assert reply.status == 403
    assert "no secret fleeting" in reply.message
    assert list(house.folder(container).iterdir()) == []


def test_a_locked_vault_says_how_it_is_opened(house: House) -> None:
    away = house.slot.with_name("away")
    house.slot.rename(away)
    with house.proxy() as proxy:
        try:
            reply = create(house, proxy, "db_password")
            assert reply.status == 403
            assert "pytrust vault unlock" in reply.message
            assert proxy.create(house.image).status == 201  # who asks for none needs no vault
        finally:
            away.rename(house.slot)
        assert create(house, proxy, "db_password").status == 201
        wipe(house, proxy)


def test_with_the_agent_locked_and_unlocked_under_way(house: House) -> None:
    stage, key = house.stage, str(house.stage.folder / "key")
    away, log = house.slot.rename(house.slot.with_name("away")), stage.folder / "agent.log"
    words: list[str | Path] = [installed(), "--home", stage.home, "--unlock-file", key, "vault", "agent"]
    try:
        with running(words, log=log, ready=lambda: b"vault is" in log.read_bytes()), house.proxy() as proxy:
            container = started(house, proxy)
            stage.pytrust("vault", "lock")
            reply = act(proxy, container, "restart?t=0")
            assert reply.status == 403
            assert "pytrust vault unlock" in reply.message
            assert (house.folder(container) / "db_password").exists()  # it runs on, as it was
            stage.pytrust("--unlock-file", key, "vault", "unlock")
            assert act(proxy, container, "restart?t=0").status == 204
            wipe(house, proxy)
    finally:
        away.rename(house.slot)


def test_an_engine_that_does_not_see_the_place(house: House, tmp_path: Path) -> None:
    """It refuses; nothing is on the disk below the mount, and nothing stays in it."""
    place = place_of(tmp_path, house.stage.home)
    with house.stage.proxy(home=house.stage.home, secrets=tmp_path) as proxy:
        reply = create(house, proxy, "db_password")
        assert reply.status == 400, reply
        assert "bind source path does not exist" in reply.message
        assert list(place.iterdir()) == []
    subprocess.run(["umount", place], env=environment(), check=True)
    assert list(place.iterdir()) == []


def test_a_vault_that_gets_new_keys_under_way(house: House, proxy: Proxy) -> None:
    container = started(house, proxy)
    house.stage.pytrust("vault", "rekey")
    assert act(proxy, container, "restart?t=0").status == 204
    assert create(house, proxy, "shop/key").status == 201


def test_a_home_without_a_vault(house: House, tmp_path: Path) -> None:
    with house.stage.proxy(secrets=house.root) as proxy:
        (proxy.home / "vault").rename(tmp_path / "vault")
        reply = create(house, proxy, "db_password")
        assert reply.status == 403
        assert "pytrust vault init" in reply.message


@pytest.mark.parametrize(
    "more",
    [
        {"Binds": ["data:/run/secrets"]},
        {"Binds": ["data:/run/secrets/sub:ro"]},
        {"Binds": ["data:/var/run/../run/secrets/"]},
        {"Tmpfs": {"/run//secrets": ""}},
        {"Tmpfs": {"/var/run": ""}},
        {"Mounts": [{"Type": "volume", "Source": "data", "Target": "/run/./secrets"}]},
        {"VolumesFrom": ["somebody"]},
    ],
)
def test_nothing_of_the_clients_is_mounted_there(house: House, proxy: Proxy, more: dict[str, Any]) -> None:
    reply = create(house, proxy, "db_password", **more)
    assert reply.status == 400
    assert LABEL in reply.message


def test_the_folder_of_another_container_cannot_be_mounted(house: House) -> None:
    with house.proxy(house.stage.policy(more=BINDS)) as proxy:
        container = started(house, proxy)
        folder = house.folder(container)
        for path in (folder, house.place, house.root, house.root.parent, folder / "db_password"):
            reply = proxy.create(house.image, HostConfig={"Binds": [f"{path}:/x:ro"]})
            assert reply.status == 403, path
            assert "ruled by" in reply.message
        reply = proxy.create(house.image, HostConfig={"VolumesFrom": [container]})
        assert reply.status == 403
        assert "for no other container" in reply.message
        assert act(proxy, container, "restart?t=0").status == 204  # its own is none of these
        wipe(house, proxy)


# planted


def test_a_planted_link_is_replaced_and_not_followed(house: House, proxy: Proxy, tmp_path: Path) -> None:
    container = made(create(house, proxy, "db_password"))
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (house.folder(container) / "db_password").symlink_to(victim)
    assert act(proxy, container, "start").status == 204
    assert victim.read_text() == "mine"
    assert not (house.folder(container) / "db_password").is_symlink()


def test_a_folder_that_was_replaced_is_not_entered(house: House, proxy: Proxy, tmp_path: Path) -> None:
    container = made(create(house, proxy, "db_password"))
    folder = house.folder(container)
    folder.rmdir()
    folder.symlink_to(tmp_path)
    assert act(proxy, container, "start").status >= 400
    assert list(tmp_path.iterdir()) == []
    folder.unlink()


# many


def test_many_at_once(house: House, proxy: Proxy) -> None:
    wipe(house, proxy)
    names = [("db_password", "shop/key")[number % 2] for number in range(8)]

    def live(name: str) -> list[str]:
        file = name.rpartition("/")[2]
        container = started(house, proxy, name, f"ls /run/secrets; cat /run/secrets/{file}; echo; sleep 1000")
        assert soon(lambda: len(lines(house, container)) == 2)
        assert act(proxy, container, "restart?t=0").status == 204
        assert soon(lambda: len(lines(house, container)) == 4)
        act(proxy, container, "stop?t=0")
        return lines(house, container)

    with ThreadPoolExecutor(len(names)) as pool:
        shown = list(pool.map(live, names))
    assert shown == [[name.rpartition("/")[2], VALUES[name]] * 2 for name in names]
    assert soon(lambda: house.files() == [])


def test_killed_at_any_moment(house: House) -> None:
    """Afterwards values lie where a container runs, and nowhere else; and every container that is let in can start."""
    dice = random.Random(26)
    for _ in range(5):
        with house.proxy() as proxy, ThreadPoolExecutor(4) as pool:
            wipe(house, proxy)
            asked = [pool.submit(_live, house, proxy) for _ in range(4)]
            time.sleep(dice.uniform(0.05, 0.6))
            proxy.daemon.process.kill()
            proxy.daemon.process.wait()
            for future in asked:
                future.result()
        with house.proxy() as proxy:
            shown = house.stage.direct("GET", "/containers/json?all=1").json
            alive = {house.folder(each["Id"]) for each in shown if each["State"] == "running"}
            assert {folder for folder in house.place.iterdir() if list(folder.iterdir())} == alive
            for each in shown:
                reply = act(proxy, each["Id"], "start")
                assert reply.status in {204, 304} or "was not created through pytrust" in reply.message, reply
    with house.proxy() as proxy:
        wipe(house, proxy)
        assert soon(lambda: list(house.place.iterdir()) == [])


def _live(house: House, proxy: Proxy) -> None:
    """Containers are made, started and stopped, until nobody answers."""
    with suppress(OSError, HTTPException):
        while True:
            container = create(house, proxy, "db_password,shop/key").json["Id"]
            act(proxy, container, "start")
            act(proxy, container, "stop?t=0")
            act(proxy, container, "start")
