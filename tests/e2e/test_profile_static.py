"""Static analysis of real images: what was recorded lies within what was found, which is far from everything."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.rig import dockerd, images, programs
from tests.rig.dockerd import PrivateEngine, private_engine
from tests.rig.images import Docker
from tests.rig.needs import need
from tests.rig.processes import environment

from pytrust.policy.engine.address import EngineAddress, parse_host
from pytrust.policy.observe.audit import AuditRecorder
from pytrust.policy.observe.containers import Containers
from pytrust.policy.observe.image_files import image_files
from pytrust.policy.observe.laboratory import EngineLaboratory
from pytrust.policy.observe.trial import Confinement
from pytrust.policy.profiles.document import decode_profile
from pytrust.policy.profiles.elf.analyse import analyse
from pytrust.policy.profiles.elf.finding import StaticFinding
from pytrust.policy.profiles.elf.tree import Config, resolve
from pytrust.policy.profiles.model import Why
from pytrust.policy.profiles.names import Action
from pytrust.trust.errors import NotFound

MOST = {"nginx": 130, "redis": 125, "memcached": 120, "static-c": 65, "static-musl": 45, "static-go": 70}
WHOLE_LIBRARY = 290  # distinct calls in Debian's C library


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateEngine]:
    need(dockerd.missing() or images.missing() or programs.missing())
    with private_engine(tmp_path_factory.mktemp("static") / "e") as running:
        yield running


@pytest.fixture(scope="module")
def docker(engine: PrivateEngine) -> Docker:
    return Docker(engine.host, engine.folder / "c")


@pytest.fixture(scope="module")
def address(engine: PrivateEngine) -> EngineAddress:
    return parse_host(engine.host)


def look(address: EngineAddress, image: str) -> StaticFinding:
    with image_files(address, image) as (tree, config):
        return analyse(tree, config)


@pytest.mark.parametrize("name", MOST)
def test_what_is_recorded_was_found(docker: Docker, address: EngineAddress, name: str) -> None:
    program = programs.make_program(name, docker, Containers(address))
    finding = look(address, program.image)
    outcome, seen = AuditRecorder().record(
        EngineLaboratory(address), program.image, program.options, Confinement(), program.accept
    )
    assert outcome.good
    assert seen.names - finding.calls == set()
    assert len(finding.calls) <= MOST[name] < WHOLE_LIBRARY / 2
    assert finding.go is (name == "static-go")
    assert len(finding.unresolved) <= 8


def test_layers_of_a_real_engine(docker: Docker, address: EngineAddress, tmp_path: Path) -> None:
    """Files that were removed, replaced and linked in a second layer."""
    docker.make_image("rig/layers:1")
    script = "rm /content /bin/id; ln -s /bin/busybox /bin/new; rm /bin/cat; cp /bin/busybox /bin/cat; mkdir /content"
    container = docker.run("create", "--network", "none", "rig/layers:1", "sh", "-c", f"{script}; touch /content/in")
    docker.run("start", "--attach", container)
    docker.run("commit", "--change", 'ENTRYPOINT ["/bin/new", "sh"]', container, "rig/layers:2")
    docker.run("rm", container)
    with image_files(address, "rig/layers:2") as (tree, config):
        found = set(tree.paths())
        assert not found & {"/bin/id", "/content"}
        assert {"/content/in", "/bin/new", "/bin/ls"} <= found
        assert resolve(tree, "/bin/cat") == "/bin/cat"
        assert resolve(tree, "/bin/new") == "/bin/busybox"
        assert config.entrypoint == ("/bin/new", "sh")
        assert tree.read("/bin/cat", 4) == b"\x7fELF"


def test_an_image_that_is_not_there(address: EngineAddress) -> None:
    with pytest.raises(NotFound), image_files(address, "rig/none:1"):
        pass


def pytrust(engine: PrivateEngine, folder: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    settings = {"DOCKER_HOST": engine.host, "PYTRUST_HOME": str(folder / "home"), "HOME": str(folder)}
    program = Path(sys.executable).with_name("pytrust")
    return subprocess.run(
        [program, "profile", "static", *words], env=environment(settings), capture_output=True, timeout=60
    )


def test_the_command(engine: PrivateEngine, docker: Docker, address: EngineAddress, tmp_path: Path) -> None:
    programs.make_program("static-musl", docker, Containers(address))
    done = pytrust(engine, tmp_path, "rig/static-musl:1")
    assert done.returncode == 0, done.stderr.decode()
    assert b"/answers" in done.stdout
    assert b"can be reached" in done.stdout
    told = json.loads(pytrust(engine, tmp_path, "rig/static-musl:1", "--json").stdout)
    assert set(told["calls"]) == look(address, "rig/static-musl:1").calls
    assert [one["path"] for one in told["objects"]] == ["/answers"]


def test_joining_a_profile(engine: PrivateEngine, docker: Docker, address: EngineAddress, tmp_path: Path) -> None:
    programs.make_program("static-musl", docker, Containers(address))
    calls = look(address, "rig/static-musl:1").calls
    rules = [{"names": ["read", "write", "open_by_handle_at"], "action": "SCMP_ACT_ALLOW"}]
    recorded = {"format": "pytrust-profile/1", "seccomp": {"default": "SCMP_ACT_ERRNO", "rules": rules}}
    (tmp_path / "p.json").write_text(json.dumps(recorded))
    for grey, action in (("log", Action.LOG), ("errno", Action.ERRNO)):
        joined = tmp_path / f"{grey}.json"
        words = ("rig/static-musl:1", "--profile", str(tmp_path / "p.json"), "-o", str(joined), "--grey", grey)
        done = pytrust(engine, tmp_path, *words)
        assert done.returncode == 0, done.stderr.decode()
        made = decode_profile(joined.read_bytes(), grey)
        grown = {name for rule in made.seccomp.rules if rule.action is action for name in rule.names}
        assert {"execve", "mmap"} <= grown <= calls - {"read", "write"}
        evidence = {line.subject for line in made.evidence if line.why is Why.STATIC}
        assert evidence == {f"syscall:{name}" for name in grown}


def test_words_that_do_not_fit(engine: PrivateEngine, tmp_path: Path) -> None:
    for words in (("a:1", "--profile", "x"), ("a:1", "-o", "x"), ("a:1", "--profile", "x", "-o", "-", "--json")):
        assert pytrust(engine, tmp_path, *words).returncode == 2
    assert pytrust(engine, tmp_path, "rig/none:1").returncode == 1


def test_nothing_stays_behind(
    engine: PrivateEngine, docker: Docker, address: EngineAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    docker.make_image("rig/stays:1")
    with image_files(address, "rig/stays:1") as (_, config):
        assert config == Config(command=("/bin/sh",))
        assert list(tmp_path.iterdir()) == []  # not even while it is looked at
    assert docker.run("ps", "--all", "--quiet") == ""
