"""Denials on a real engine and a real kernel: seen whatever the profile does, put down to the right container, let
through by an extension; and what is exported reaches a real container."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest
from msgspec.structs import replace
from tests.rig import dockerd, images
from tests.rig.dockerd import PrivateEngine, private_engine
from tests.rig.images import Docker
from tests.rig.needs import need
from tests.rig.processes import environment

from pytrust.policy.engine.address import parse_host
from pytrust.policy.observe.denials import DenialWatch, open_sources
from pytrust.policy.observe.denials_engine import EngineContainers
from pytrust.policy.observe.denials_model import Denial
from pytrust.policy.observe.denials_store import DenialStore, read_denials
from pytrust.policy.profiles.document import decode_profile, encode_profile
from pytrust.policy.profiles.model import Arg, Profile, Rule, Seccomp
from pytrust.policy.profiles.names import Action, Capability, Op, Syscall
from pytrust.policy.profiles.seccomp.docker_default import docker_default
from pytrust.policy.profiles.seccomp.docker_json import docker_text

IMAGE = "rig/denied:1"
PYTRUST = "import sys; from pytrust.cli.main import main; sys.exit(main())"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateEngine]:
    need(dockerd.missing() or images.missing())
    folder = tmp_path_factory.mktemp("denied")
    with private_engine(folder / "e") as running:
        Docker(running.host, folder / "c").make_image(IMAGE)
        yield running


@pytest.fixture(scope="module")
def docker(engine: PrivateEngine) -> Docker:
    return Docker(engine.host, engine.folder / "c")


def without(*names: str, action: Action | None = None) -> Seccomp:
    """Docker's default but for some calls, which are refused as it refuses others, or treated with ``action``."""
    gone = set(names)
    rules = []
    for rule in docker_default().rules:
        left = tuple(name for name in rule.names if name not in gone)
        rules += (
            [
                Rule(
                    names=left,
                    action=rule.action,
                    errno=rule.errno,
                    args=rule.args,
                    includes=rule.includes,
                    excludes=rule.excludes,
                )
            ]
            if left
            else []
        )
    more = [Rule(names=tuple(map(Syscall, names)), action=action)] if action else []
    default = docker_default()
    return Seccomp(
        default=default.default, default_errno=default.default_errno, arch_map=default.arch_map, rules=(*rules, *more)
    )


class Confine(Protocol):
    def __call__(self, seccomp: Seccomp, script: str, *options: str) -> subprocess.CompletedProcess[bytes]: ...


class Command(NamedTuple):
    """``pytrust profile``, with a home of its own."""

    env: dict[str, str]

    def words(self, *arguments: str) -> list[str]:
        return [sys.executable, "-c", PYTRUST, "profile", *arguments]

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        words = self.words(*arguments)
        return subprocess.run(words, env=self.env, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def confined(docker: Docker, tmp_path: Path) -> Iterator[Confine]:
    """Containers stay until the end of the test: a busy machine looks for them late."""

    def run(seccomp: Seccomp, script: str, *options: str) -> subprocess.CompletedProcess[bytes]:
        file = tmp_path / "s.json"
        file.write_text(docker_text(seccomp))
        confining = ("--network=none", f"--security-opt=seccomp={file}", "--label=confined")
        return docker.attempt("run", *confining, *options, IMAGE, "sh", "-c", script)

    yield run
    if left := docker.run("ps", "--all", "--quiet", "--filter=label=confined").split():
        docker.run("rm", "--force", *left)


@contextmanager
def watching(engine: PrivateEngine, path: Path) -> Iterator[list[Denial]]:
    told: list[Denial] = []
    said: list[str] = []
    with DenialStore(path) as store:
        sources = open_sources(calls=True, say=said.append)
        assert [source.name for source in sources] == ["audit", "calls"], said
        watch = DenialWatch(sources, EngineContainers(parse_host(engine.host)).find, store, told.append, said.append)
        watch.start()
        yield told
        watch.stop()
    assert said == []


def summary(path: Path) -> list[tuple[str, str, str, str, int]]:
    return [
        (one.name, one.program, one.syscall, one.action.removeprefix("SCMP_ACT_"), one.count)
        for one in read_denials(path)
    ]


def test_a_call_is_seen_whatever_becomes_of_it(engine: PrivateEngine, confined: Confine, tmp_path: Path) -> None:
    path = tmp_path / "d.db"
    with watching(engine, path) as told:
        confined(without("mkdir", "mkdirat"), "mkdir /a; mkdir /b; sleep 0.1", "--name=refused")
        confined(without("mkdir", "mkdirat", action=Action.LOG), "mkdir /a; sleep 1", "--name=noted")
        confined(without("mkdir", "mkdirat", action=Action.KILL_PROCESS), "mkdir /a; sleep 1", "--name=killed")
    assert summary(path) == [
        ("refused", "mkdir", "mkdir", "ERRNO", 2),
        ("noted", "mkdir", "mkdir", "LOG", 1),
        ("killed", "mkdir", "mkdir", "KILL_PROCESS", 1),
    ]
    assert [denial.sure for denial in told] == [True] * 3


def test_a_process_that_dies_of_it_at_once_is_put_down_to_its_container(
    engine: PrivateEngine, docker: Docker, tmp_path: Path
) -> None:
    """The only process of its container is gone before anybody can look where it was."""
    path, file = tmp_path / "d.db", tmp_path / "s.json"
    file.write_text(docker_text(without("mkdir", "mkdirat")))
    names = [f"brief{number}" for number in range(4)]
    with watching(engine, path):
        for name in names:
            docker.attempt(
                "run", "--network=none", f"--name={name}", f"--security-opt=seccomp={file}", IMAGE, "mkdir", "/a"
            )
    docker.run("rm", *names)
    assert summary(path) == [(name, "mkdir", "mkdir", "ERRNO", 1) for name in names]


def test_a_shell_is_not_the_program_that_it_ends_with(engine: PrivateEngine, confined: Confine, tmp_path: Path) -> None:
    path = tmp_path / "d.db"
    seccomp = without("chdir", "mkdir")
    with watching(engine, path):
        confined(seccomp, "cd /; exec mkdir /a", "--name=web", "--security-opt=no-new-privileges")
    assert sorted(one[1:3] for one in summary(path)) == [("mkdir", "mkdir"), ("sh", "chdir")]


def test_what_the_profile_did_not_do_is_not_put_down_to_it(
    engine: PrivateEngine, docker: Docker, confined: Confine, tmp_path: Path
) -> None:
    """The kernel refuses to make a folder in proc(5) with EPERM or ENOENT by itself; docker's own profile is nobody's."""
    path = tmp_path / "d.db"
    with watching(engine, path):
        confined(docker_default(), "mkdir /proc/x; cat /proc/1/mem; true", "--name=kernel", "--cap-drop=ALL")
        docker.attempt("run", "--rm", "--network=none", "--name=default", IMAGE, "mount", "-t", "proc", "x", "/tmp")
    assert summary(path) == []


def test_the_argument_that_was_refused_is_known(engine: PrivateEngine, confined: Confine, tmp_path: Path) -> None:
    """The profile has no rule for sockets of the internet: of version 6, and of version 4, one each."""
    path = tmp_path / "d.db"
    arg = Arg(index=0, op=Op.EQ, value=1)
    seccomp = without("socket", "mkdir")
    local = replace(seccomp, rules=(*seccomp.rules, Rule(names=(Syscall("socket"),), action=Action.ALLOW, args=(arg,))))
    with watching(engine, path) as told:
        confined(local, "wget -q http://127.0.0.1:1/; wget -q http://[::1]:1/; sleep 0.1", "--name=web")
    assert {(one.syscall, one.argument, one.sure) for one in told} == {
        ("socket", "AF_INET", True),
        ("socket", "AF_INET6", True),
    }


def test_a_capability_that_is_missing_is_guessed(engine: PrivateEngine, confined: Confine, tmp_path: Path) -> None:
    path = tmp_path / "d.db"
    with watching(engine, path) as told:
        confined(without("mkdir"), "/bin/busybox chown 7 /content; sleep 0.1", "--name=poor", "--cap-drop=ALL")
        confined(without("mkdir"), "/bin/busybox chown 7 /content; sleep 0.1", "--name=rich")
    assert [(one.name, one.capability, one.sure) for one in told] == [("poor", "CHOWN", False)]


def test_one_that_floods_hides_no_other(
    engine: PrivateEngine, docker: Docker, confined: Confine, tmp_path: Path
) -> None:
    path, file = tmp_path / "d.db", tmp_path / "f.json"
    file.write_text(docker_text(without("chdir")))
    flood = ("--security-opt=no-new-privileges", f"--security-opt=seccomp={file}")
    with watching(engine, path):
        docker.run(
            "run",
            "-d",
            "--network=none",
            "--name=flood",
            *flood,
            IMAGE,
            "sh",
            "-c",
            "while :; do cd /; done 2>/dev/null",
        )
        time.sleep(1)
        started, begin = time.monotonic(), time.process_time()
        for number in range(3):
            confined(without("mkdir", "mkdirat"), "mkdir /a; sleep 0.1", f"--name=quiet{number}")
        spent, lasted = time.process_time() - begin, time.monotonic() - started
        docker.run("rm", "--force", "flood")
    found = {name: count for name, _, _, _, count in summary(path)}
    assert {f"quiet{number}": 1 for number in range(3)}.items() <= found.items()
    assert found["flood"] > 100
    assert spent < lasted / 2, "seconds of processor time, of those that the flood lasted"


@pytest.fixture
def command(engine: PrivateEngine, tmp_path: Path) -> Command:
    return Command(
        environment(
            {"DOCKER_HOST": engine.host, "PYTRUST_HOME": str(tmp_path / "home"), "DOCKER_CONFIG": str(tmp_path / "c")}
        )
    )


def test_from_a_denial_to_a_profile_that_lets_it_through(command: Command, confined: Confine, tmp_path: Path) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    profile = Profile(name="web", seccomp=without("mkdir", "mkdirat", "rmdir"))
    old.write_bytes(encode_profile(profile))
    watch = subprocess.Popen(
        command.words("denied", "--watch"), env=command.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert watch.stdout is not None
    assert watch.stderr is not None
    try:
        assert "watching" in watch.stderr.readline()
        confined(profile.seccomp, "mkdir /a; sleep 0.2", "--name=web")
        line = watch.stdout.readline()
    finally:
        watch.send_signal(signal.SIGINT)
        watch.communicate(timeout=20)
    assert line == f"the profile of {IMAGE} lacks mkdir: container web (mkdir) was refused it once\n"
    shown = json.loads(command("denied", "web", "--json").stdout)
    assert [(one["syscall"], one["count"], one["sure"]) for one in shown["denials"]] == [("mkdir", 1, True)]
    assert json.loads(command("denied", "nobody", "--json").stdout)["denials"] == []
    done = command("extend", str(old), "--from-denied", "web", "-o", str(new))
    assert done.returncode == 0, done.stderr
    assert "+ mkdir (allowed, not EPERM)" in done.stderr
    extended = decode_profile(new.read_bytes(), "new")
    assert [(one.subject, one.note) for one in extended.evidence] == [("syscall:mkdir", "refused to mkdir in web")]
    assert confined(extended.seccomp, "mkdir /a").returncode == 0
    assert confined(extended.seccomp, "rmdir /tmp").returncode != 0
    assert command("extend", str(new), "--from-denied", "web", "-o", str(old)).returncode == 1
    assert command("denied", "--forget").stdout == "forgotten: 1 container\n"
    assert json.loads(command("denied", "--json").stdout)["denials"] == []


def test_a_dangerous_extension_is_not_silent(command: Command, tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    old.write_bytes(encode_profile(Profile(seccomp=without("mkdir"))))
    done = command("extend", str(old), "--call", "bpf", "-o", str(tmp_path / "new.json"))
    assert done.returncode == 0
    assert "warning: bpf is dangerous: " in done.stderr
    assert "warning: bpf is refused by docker's own profile, too" in done.stderr
    assert "goes on failing without one of these capabilities: BPF, SYS_ADMIN" in done.stderr


def test_a_real_container_gets_what_the_flags_say(command: Command, docker: Docker, tmp_path: Path) -> None:
    document, seccomp = tmp_path / "web.json", tmp_path / "it's $HOME.json"
    profile = Profile(
        name="web",
        seccomp=without("mkdir", "mkdirat"),
        capabilities=(Capability("CHOWN"),),
        read_only=True,
        user="101:7",
    )
    document.write_bytes(encode_profile(profile))
    assert command("export", str(document), "--as", "docker", "-o", str(seccomp)).returncode == 0
    flags = command("export", str(document), "--as", "flags", "--seccomp", str(seccomp)).stdout
    script = f"docker -H {docker.host} create --network=none {flags.rstrip()} {IMAGE} sh -c 'id -u; mkdir /tmp/x; cat /proc/self/status'"
    made = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, check=True, timeout=60, env=environment()
    )
    container = made.stdout.strip()
    host = json.loads(docker.run("inspect", container))[0]["HostConfig"]
    assert (host["CapDrop"], host["CapAdd"], host["ReadonlyRootfs"]) == (["ALL"], ["CAP_CHOWN"], True)
    assert "no-new-privileges" in host["SecurityOpt"]
    said = docker.attempt("start", "--attach", container)
    docker.run("rm", container)
    uid, *status = said.stdout.decode().splitlines()
    assert uid == "101"
    assert {"Seccomp:\t2", "NoNewPrivs:\t1", "CapBnd:\t0000000000000001"} <= set(status)
    assert b"Operation not permitted" in said.stderr


def test_who_may_not_watch_is_told_so() -> None:
    """In a process of its own, which gives away the rights that it has."""
    script = (
        "import os; os.geteuid() or (os.setgroups([]), os.setgid(65534), os.setuid(65534))\n"
        "from pytrust.policy.observe.denials import open_sources\n"
        "said = []; print(len(open_sources(calls=True, say=said.append)), *said, sep='|')"
    )
    imports = "import pytrust.policy.observe.denials\n"  # before the rights are gone: the checkout may be private
    done = subprocess.run(
        [sys.executable, "-c", imports + script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip().split("|") == [
        "0",
        "the kernel's audit stream may not be read: calls that are noted or punished are not seen",
        "refused calls may not be watched here: calls that a profile answers with an error are not seen",
    ]
