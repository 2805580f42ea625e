"""The real parts do what the other end-to-end tests take for granted, and so does the engine client on them."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.e2e.conftest import PushedImage
from tests.rig import dockerd, images
from tests.rig import registry as registries
from tests.rig.needs import need
from tests.rig.processes import RigError, running

from pytrust.policy.engine.address import parse_host
from pytrust.policy.engine.client import Engine
from pytrust.trust import errors
from pytrust.trust.names import Digest, ImageRef
from pytrust.trust.registry.dockerconfig import Login, encode_engine_auth

ROOT = Path(__file__).parents[2]


@pytest.fixture
def client(engine: dockerd.PrivateEngine) -> Engine:
    return Engine(parse_host(engine.host))


def silent(line: str) -> None:
    """Take progress and say nothing."""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_engine_answers(client: Engine, engine: dockerd.PrivateEngine, docker: images.Docker) -> None:
    assert client.ping() == docker.run("version", "--format", "{{.Server.APIVersion}}")
    assert docker.run("info", "--format", "{{.DockerRootDir}}") == str(engine.folder / "data")


def test_pushed_images_have_the_digests_that_the_registry_says(
    image: PushedImage, registry: registries.Registry
) -> None:
    assert image.digests == {tag: registry.digest(image.repository, tag) for tag in ("v1", "v2")}
    assert image.digests["v1"] != image.digests["v2"]


def test_containers_run(docker: images.Docker, image: PushedImage) -> None:
    assert docker.run("run", "--rm", "--network=none", f"{image.name}:v2", "cat", "/content") == "v2"


def test_the_client_pulls_tags_and_inspects(client: Engine, docker: images.Docker, image: PushedImage) -> None:
    docker.run("image", "rm", "--force", f"{image.name}:v1")
    ref = ImageRef.parse(f"{image.name}:v1").at(Digest.parse(image.digests["v1"]))
    assert client.inspect(f"{image.name}@{ref.digest}") is None
    lines: list[str] = []
    client.pull(ref, None, lines.append)
    client.tag(f"{image.name}@{ref.digest}", ref)
    found = client.inspect(f"{image.name}:v1")
    assert found is not None
    assert found.repo_digests == (f"{image.name}@{ref.digest}",)
    assert found.repo_tags == (f"{image.name}:v1",)
    assert any("Pulling from foo/web" in line for line in lines)


def test_the_client_pushes(client: Engine, image: PushedImage, registry: registries.Registry) -> None:
    ref = ImageRef.parse(f"{registry.host}/foo/pushed:v1")
    client.tag(f"{image.name}:v2", ref)
    digest = client.push(ref, None, silent)
    assert str(digest) == registry.digest("foo/pushed", "v1") == image.digests["v2"]


def test_the_registry_does_not_hold_it(client: Engine, image: PushedImage) -> None:
    with pytest.raises(errors.NotFound):
        client.pull(ImageRef.parse(f"{image.name}@sha256:{'0' * 64}"), None, silent)


def test_what_is_not_there_cannot_be_pushed(client: Engine, image: PushedImage) -> None:
    with pytest.raises(errors.NotFound):
        client.push(ImageRef.parse(f"{image.name}:none"), None, silent)


def test_nobody_listens_at_the_registry(client: Engine) -> None:
    with pytest.raises(errors.ServerError, match="connection refused"):
        client.pull(ImageRef.parse(f"127.0.0.1:1/foo/web@sha256:{'0' * 64}"), None, silent)


def test_changed_content_is_told_from_failure(
    client: Engine, docker: images.Docker, registry: registries.Registry
) -> None:
    """The registry's disk is changed under a digest; the engine notices, and the client says whose fault it is."""
    name = f"{registry.host}/foo/changed"
    docker.make_image(f"{name}:v1", content="changed")
    digest = docker.push(f"{name}:v1")
    docker.run("image", "rm", "--force", f"{name}:v1")
    hexa = digest.removeprefix("sha256:")
    blob = registry.folder / "data/docker/registry/v2/blobs/sha256" / hexa[:2] / hexa / "data"
    blob.write_bytes(blob.read_bytes() + b"\n")
    with pytest.raises(errors.Refused):
        client.pull(ImageRef.parse(f"{name}@{digest}"), None, silent)


def test_a_login_is_asked_for_and_taken(client: Engine, image: PushedImage, tmp_path: Path) -> None:
    with registries.private_registry(tmp_path / "registry", {"alice": "secret"}) as registry:
        ref = ImageRef.parse(f"{registry.host}/foo/web:v1")
        client.tag(f"{image.name}:v2", ref)
        with pytest.raises(errors.AccessDenied):
            client.push(ref, None, silent)
        auth = encode_engine_auth(Login(username="alice", password="secret"), registry.host)
        pushed = client.push(ref, auth, silent)
        assert pushed is not None
        assert registry.digest("foo/web", "v1", ("alice", "secret")) == str(pushed)
        with pytest.raises(errors.AccessDenied):
            client.pull(ref.at(pushed), None, silent)
        client.pull(ref.at(pushed), auth, silent)
        registry.delete("foo/web", str(pushed), ("alice", "secret"))
        with pytest.raises(RigError):
            registry.digest("foo/web", "v1", ("alice", "secret"))


def test_everything_ends(tmp_path: Path) -> None:
    """Even containers that do not listen, and quickly."""
    need(dockerd.missing() or images.missing())
    mounts = Path("/proc/self/mountinfo").read_text()
    with dockerd.private_engine(tmp_path / "engine") as engine:
        docker = images.Docker(engine.host, tmp_path / "config")
        docker.make_image("foo/web:v1")
        docker.run("run", "--detach", "--restart=always", "--network=none", "foo/web:v1", "sleep", "1000")
        processes = engine.processes()
        assert len(processes) >= 4  # dockerd, containerd, a shim, sleep
        cgroup = engine.cgroup
        began = time.monotonic()
    assert time.monotonic() - began < 8
    assert not [pid for pid in processes if alive(pid)]
    assert Path("/proc/self/mountinfo").read_text() == mounts
    assert not list(Path("/sys/fs/cgroup").glob(f"**/{cgroup}"))
    assert not (tmp_path / "engine" / "data").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_was_started_ends_with_the_one_who_started_it(tmp_path: Path, number: signal.Signals) -> None:
    script = (
        "import pathlib, sys, time\n"
        "from tests.rig.processes import ending_on_sigterm, running\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "with ending_on_sigterm(), running(['sleep', '1000'], log=folder / 'log', ready=lambda: True) as started:\n"
        "    (folder / 'new').write_text(str(started.pid))\n"
        "    (folder / 'new').rename(folder / 'pid')\n"
        "    time.sleep(1000)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT) as parent:
        pid = int(_text_of(tmp_path / "pid"))
        assert alive(pid)
        parent.send_signal(number)
    end = time.monotonic() + 5
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    assert not alive(pid)


def _text_of(path: Path) -> str:
    end = time.monotonic() + 10
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.02)
    return path.read_text()


def test_one_that_ends_at_once_is_told_with_its_output(tmp_path: Path) -> None:
    command = ["sh", "-c", "echo no such luck; exit 3"]
    with (
        pytest.raises(RigError, match="sh ended at once:\nno such luck"),
        running(command, log=tmp_path / "log", ready=lambda: False),
    ):
        pass


def test_one_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    command = ["sh", "-c", "trap '' TERM; touch $0; while :; do sleep 1; done", str(tmp_path / "up")]
    up = (tmp_path / "up").exists
    with running(command, log=tmp_path / "log", ready=up, stop_within=0.2) as started:
        assert started.alive
    assert not alive(started.pid)
