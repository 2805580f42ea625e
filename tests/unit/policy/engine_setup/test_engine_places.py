"""What is read on a host: the unit that counts, its drop-ins in systemd's order, and files that nobody else wrote."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytrust.policy.engine_setup.conflict import Conflicting
from pytrust.policy.engine_setup.found import State
from pytrust.policy.engine_setup.places import Places
from pytrust.policy.engine_setup.units import command_line, values
from pytrust.trust.errors import BadPermissions, Damaged

UNIT = "[Service]\nExecStart=/usr/bin/dockerd -H {}\n"


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path)


def write(places: Places, path: str, text: str, mode: int = 0o644) -> Path:
    file = places.root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(mode)
    return file


def started(places: Places) -> str:
    return command_line(places.look().service).removeprefix("/usr/bin/dockerd -H ")


def test_a_bare_host(places: Places) -> None:
    found = places.look()
    assert (found.service, found.socket, found.daemon_json.state) == ((), (), None)
    assert found.daemon_json.path == str(places.root / "etc/docker/daemon.json")
    assert found.socket_drop_in.path == str(places.root / "etc/systemd/system/docker.socket.d/zz-pytrust.conf")


@pytest.mark.parametrize("folder", ["lib", "usr/lib", "usr/local/lib", "run", "etc"])
def test_a_unit_may_lie_in_any_of_the_folders(places: Places, folder: str) -> None:
    write(places, f"{folder}/systemd/system/docker.service", UNIT.format(folder))
    assert started(places) == folder


def test_an_administrators_unit_replaces_the_packages(places: Places) -> None:
    for folder in ("usr/lib", "run", "etc"):
        write(places, f"{folder}/systemd/system/docker.service", UNIT.format(folder))
        assert started(places) == folder


def test_drop_ins_count_in_the_order_of_their_names(places: Places) -> None:
    write(places, "usr/lib/systemd/system/docker.socket", "[Socket]\nListenStream=unit\n")
    for path in (
        "etc/systemd/system/docker.socket.d/50-b.conf",
        "usr/lib/systemd/system/docker.socket.d/10-a.conf",
        "run/systemd/system/docker.socket.d/90-c.conf",
        "etc/systemd/system/socket.d/60-every.conf",
        "etc/systemd/system/docker.socket.d/notes.txt",
        "etc/systemd/system/docker.service.d/10-other.conf",
    ):
        write(places, path, f"[Socket]\nListenStream={Path(path).name}\n")
    listens = values(places.look().socket, "Socket", "ListenStream")
    assert listens == ("unit", "10-a.conf", "50-b.conf", "60-every.conf", "90-c.conf")


def test_of_two_drop_ins_with_one_name_the_administrators_counts(places: Places) -> None:
    write(places, "usr/lib/systemd/system/docker.service", UNIT.format("unit"))
    write(places, "usr/lib/systemd/system/docker.service.d/x.conf", f"[Service]\nExecStart=\n{UNIT.format('package')}")
    assert started(places) == "package"
    masked = places.units / "docker.service.d" / "x.conf"
    masked.parent.mkdir(parents=True)
    masked.symlink_to("/dev/null")
    assert started(places) == "unit"


def test_a_masked_unit_is_none(places: Places) -> None:
    write(places, "usr/lib/systemd/system/docker.socket", "[Socket]\nListenStream=/run/docker.sock\n")
    places.units.mkdir(parents=True)
    (places.units / "docker.socket").symlink_to("/dev/null")
    assert places.look().socket == ()


def test_variables_come_from_the_files_that_the_unit_names(places: Places) -> None:
    write(places, "etc/default/docker", "OPTS=--config-file=/srv/docker/d.json\n")
    unit = "[Service]\nEnvironmentFile=-/etc/default/docker\nEnvironmentFile=-/etc/missing\n"
    write(places, "lib/systemd/system/docker.service", unit + "ExecStart=/usr/bin/dockerd $OPTS\n")
    write(places, "srv/docker/d.json", "{}", 0o600)
    found = places.look()
    assert found.environment_files["/etc/missing"] == ""
    assert found.daemon_json.path == str(places.root / "srv/docker/d.json")
    assert found.daemon_json.state == State(b"{}", 0o600, os.getegid())


def test_a_path_that_is_given_counts_most(places: Places, tmp_path: Path) -> None:
    write(places, "etc/docker/daemon.json", "{}")
    given = tmp_path / "my.json"
    assert places.look(given).daemon_json.path == str(given)
    assert places.look(given).daemon_json.state is None


def test_a_wrapper_is_refused(places: Places) -> None:
    write(places, "lib/systemd/system/docker.service", "[Service]\nExecStart=/opt/start-docker.sh\n")
    with pytest.raises(Conflicting, match="cannot be seen"):
        places.look()


def test_a_link_is_left_to_who_made_it(places: Places) -> None:
    target = write(places, "etc/static/daemon.json", "{}")
    (places.root / "etc/docker").mkdir()
    places.daemon_json.symlink_to(target)
    with pytest.raises(BadPermissions, match="symbolic link") as raised:
        places.look()
    assert "--daemon-json" in raised.value.hint
    assert places.look(target).daemon_json.state is not None


def test_a_file_that_others_can_write_is_refused(places: Places) -> None:
    write(places, "etc/docker/daemon.json", "{}", 0o664)
    with pytest.raises(BadPermissions, match="open to others"):
        places.look()


def test_bounds(places: Places) -> None:
    unit = write(places, "lib/systemd/system/docker.service", UNIT.format("x"))
    for number in range(101):
        write(places, f"etc/systemd/system/docker.service.d/{number:03}.conf", "")
    with pytest.raises(Damaged, match="101 drop-ins"):
        places.look()
    unit.write_text("#" * 300_000)
    with pytest.raises(Damaged, match="larger than"):
        places.look()
