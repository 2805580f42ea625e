"""What is behind a mount? Cases 65 to 70 of the adversarial cases: host paths with exceptions, and volumes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.attack.cell import LEVELS, Config, create, made, rule_of
from tests.attack.front import refused
from tests.rig.proxy import API, Proxy, Stage


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def proxy(request: pytest.FixtureRequest, level: str) -> Proxy:
    """The shared proxy of that level, with a witness that has seen nothing yet."""
    found: Proxy = request.getfixturevalue(level)
    found.witness.forget()
    return found


# -- paths of the host -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shelf(stage: Stage) -> Path:
    """A folder of the host that the policy below lets be mounted."""
    folder = stage.folder / "shelf"
    for name in ("data", "logs"):
        (folder / name).mkdir(parents=True)
    (folder / "inside").symlink_to("data")
    (folder / "outside").symlink_to("/etc")
    (folder / "root").symlink_to("/")
    (folder / "cwd").symlink_to("/proc/self/cwd")
    return folder


@pytest.fixture(scope="module")
def lifted(stage: Stage, shelf: Path) -> Iterator[Proxy]:
    """Baseline, but the shelf may be mounted, and written to in one folder."""
    more = f"""  allow:
    - {{rule: bind, values: ['{shelf}/**']}}
    - {{rule: writable-bind, values: ['{shelf}/data']}}
"""
    with stage.proxy(stage.policy(more=more)) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def loose(stage: Stage) -> Iterator[Proxy]:
    """Baseline, but every path of the host may be mounted."""
    with stage.proxy(stage.policy(more="  allow: [{rule: bind}, {rule: writable-bind}]\n")) as proxy:
        yield proxy


@pytest.mark.parametrize(
    ("bind", "sent"),
    [
        ("SHELF/logs:/h:ro", "SHELF/logs:/h:ro"),
        ("SHELF/data:/h", "SHELF/data:/h"),
        ("SHELF/./logs/../data//:/h:rw", "SHELF/data:/h:rw"),
        ("SHELF/inside:/h:ro", "SHELF/inside:/h:ro"),
    ],
)
def test_a_path_with_an_exception(stage: Stage, lifted: Proxy, shelf: Path, bind: str, sent: str) -> None:
    shown = made(stage, create(stage, lifted, {"HostConfig": {"Binds": [bind.replace("SHELF", str(shelf))]}}))
    assert shown["HostConfig"]["Binds"] == [sent.replace("SHELF", str(shelf))]


@pytest.mark.parametrize(
    ("bind", "rule", "words"),
    [
        pytest.param("SHELF/logs:/h", "writable-bind", ("writable", "SHELF/logs"), id="65-writable"),
        pytest.param("SHELF/../etc:/h:ro", "bind", ("FOLDER/etc",), id="65-through"),
        pytest.param("SHELF/outside:/h:ro", "guarded-path", ("leads to what the engine",), id="65-link"),
        pytest.param("SHELF/outside/passwd:/h:ro", "bind", ("leads to /etc/passwd",), id="65-through-a-link"),
        pytest.param("SHELF/root/etc/shadow:/h:ro", "bind", ("leads to /etc/shadow",), id="65-link-to-the-root"),
        pytest.param("SHELF/none:/h:ro", "bind", ("does not exist", "make it first"), id="65-missing"),
        pytest.param("SHELF:/h:ro", "bind", ("SHELF",), id="65-the-shelf-itself"),
    ],
)
def test_a_path_around_an_exception(
    stage: Stage, lifted: Proxy, shelf: Path, bind: str, rule: str, words: tuple[str, ...]
) -> None:
    lifted.witness.forget()

    def filled(text: str) -> str:
        return text.replace("SHELF", str(shelf)).replace("FOLDER", str(shelf.parent))

    reply = create(stage, lifted, {"HostConfig": {"Binds": [filled(bind)]}})
    refused(lifted, reply, *map(filled, words), rule=rule_of("baseline", rule))


@pytest.mark.parametrize("path", ["/proc/self/root", "/proc/1234/root/etc", "/proc/thread-self/cwd", "SHELF/cwd"])
def test_a_path_that_is_another_for_everyone(stage: Stage, loose: Proxy, shelf: Path, path: str) -> None:
    """65."""
    loose.witness.forget()
    reply = create(stage, loose, {"HostConfig": {"Binds": [f"{path.replace('SHELF', str(shelf))}:/h"]}})
    assert reply.status == 403, reply
    assert "leads elsewhere for every process" in reply.message
    assert loose.witness.acted() == []


@pytest.mark.parametrize(
    "place",
    ["/", "/run", "/var/run", "/run/docker", "/run/containerd", "ENGINE", "ENGINE/..", "SOCKET", "HOME", "HOME/policy.yaml",
     "HOME/../home/proxy", "HOME/.."],
)  # fmt: skip
@pytest.mark.parametrize("grammar", ["Binds", "Mounts"])
def test_what_rules_the_engine_is_covered_by_no_exception(stage: Stage, loose: Proxy, place: str, grammar: str) -> None:
    """66: sockets, the home, and whatever holds them."""
    loose.witness.forget()
    known = {"ENGINE": loose.witness.path, "SOCKET": loose.path, "HOME": loose.home}
    for word, found in known.items():
        place = place.replace(word, str(found))
    mounts: Config = {
        "Binds": [f"{place}:/h:ro"],
        "Mounts": [{"Type": "bind", "Source": place, "Target": "/h", "ReadOnly": True}],
    }
    reply = create(stage, loose, {"HostConfig": {grammar: mounts[grammar]}})
    refused(loose, reply, "no exception covers this one", rule=rule_of("baseline", "guarded-path"))


# -- volumes -----------------------------------------------------------------------------------------------------------


BACKED = [
    pytest.param({"type": "none", "o": "bind", "device": "/"}, "device=/", id="69-bind"),
    pytest.param({"type": "ext4", "device": "/dev/sda1"}, "device=/dev/sda1", id="69-device"),
    pytest.param({"type": "nfs", "o": "addr=192.0.2.1,password=hunter2", "device": ":/x"}, "type=nfs", id="69-nfs"),
    pytest.param({"type": "tmpfs", "device": "tmpfs"}, "type=tmpfs", id="69-tmpfs"),
]


@pytest.mark.parametrize(("options", "word"), BACKED)
def test_a_volume_with_something_behind_it(stage: Stage, proxy: Proxy, level: str, options: Config, word: str) -> None:
    """69, 70: it can neither be made, nor mounted where somebody else has made it."""
    reply = proxy.ask("POST", f"/{API}/volumes/create", {"Name": "backed", "DriverOpts": options})
    message = refused(proxy, reply, word, rule=rule_of(level, "volume-option"))
    assert "hunter2" not in message
    assert stage.direct("POST", "/volumes/create", {"Name": "backed", "DriverOpts": options}).status == 201
    try:
        for config in ({"Binds": ["backed:/h"]}, {"Mounts": [{"Type": "volume", "Source": "backed", "Target": "/h"}]}):
            reply = create(stage, proxy, {"HostConfig": config})
            message = refused(proxy, reply, "backed", word, rule=rule_of(level, "volume"))
            assert "hunter2" not in message
    finally:
        stage.direct("DELETE", "/volumes/backed")


def test_a_volume_of_another_driver(stage: Stage, proxy: Proxy, level: str) -> None:
    reply = proxy.ask("POST", f"/{API}/volumes/create", {"Name": "other", "Driver": "nfs"})
    refused(proxy, reply, "nfs", rule=rule_of(level, "volume-driver"))
    reply = proxy.ask("POST", f"/{API}/volumes/create", {"Name": "other", "Labels": {"io.pytrust.x": ""}})
    refused(proxy, reply, "io.pytrust.x", rule=rule_of(level, "label"))


def test_an_ordinary_volume(stage: Stage, proxy: Proxy) -> None:
    assert proxy.ask("POST", f"/{API}/volumes/create", {"Name": "plain"}).status == 201
    shown = made(stage, create(stage, proxy, {"HostConfig": {"Binds": ["plain:/data"]}}))
    (found,) = shown["Mounts"]
    assert (found["Type"], found["Driver"], found["Name"]) == ("volume", "local", "plain")
