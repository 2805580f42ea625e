"""Recording on a real engine: three recorders that agree, nothing lost, nobody's calls taken for another's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.rig import dockerd, images, programs
from tests.rig.dockerd import PrivateEngine, private_engine
from tests.rig.images import Docker
from tests.rig.needs import need
from tests.rig.ports import free_port
from tests.rig.processes import environment, find

from pytrust.policy.engine.address import parse_host
from pytrust.policy.observe import audit_socket
from pytrust.policy.observe.audit import AuditRecorder
from pytrust.policy.observe.audit_socket import AuditStream
from pytrust.policy.observe.floor_image import FloorHost
from pytrust.policy.observe.floor_measure import measure
from pytrust.policy.observe.image_command import ImageCommands
from pytrust.policy.observe.laboratory import EngineLaboratory
from pytrust.policy.observe.recorder import recorders
from pytrust.policy.observe.trial import Confinement, Live, RunOptions
from pytrust.policy.profiles.document import decode_profile
from pytrust.policy.profiles.floor import floor
from pytrust.policy.profiles.names import Syscall
from pytrust.policy.profiles.propose import with_floor
from pytrust.policy.profiles.seccomp.docker_json import docker_text
from pytrust.policy.profiles.seen import Argument, Seen

IMAGE = "rig/record:1"
FORKS = 500
CALLS = 20_000
STAY = "trap 'exit 0' TERM; sleep 60 & wait"
INIT = "runc:[2:INIT]"
ROOT = Path(__file__).resolve().parents[2]
BY_CHANCE = {"futex", "sched_yield", "restart_syscall"}  # of threads: when they meet, and when they are interrupted

# A process that logs one call of its own, many times.
NOISY = f"""
import os, pyseccomp
noisy = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
noisy.add_rule(pyseccomp.LOG, "getppid")
noisy.load()
for _ in range({CALLS}): os.getppid()
"""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateEngine]:
    need(dockerd.missing() or images.missing() or programs.missing())
    need("" if find("strace") else "one of the recorders needs strace: scripts/install-packages")
    folder = tmp_path_factory.mktemp("rec")
    with private_engine(folder / "e") as running:
        Docker(running.host, folder / "c").make_image(IMAGE)
        yield running


@pytest.fixture(scope="module")
def docker(engine: PrivateEngine) -> Docker:
    return Docker(engine.host, engine.folder / "c")


@pytest.fixture
def lab(engine: PrivateEngine, docker: Docker) -> Iterator[EngineLaboratory]:
    yield EngineLaboratory(parse_host(engine.host))
    assert docker.run("ps", "--all", "--quiet") == "", "a recorded container stays"


def shell(script: str) -> RunOptions:
    command = ("sh", "-c", f"trap 'exit 0' TERM; {script.strip()}; sleep 60 & wait")
    return RunOptions(command=command, network="none", tmpfs=("/tmp",))


def until(path: str) -> Callable[[Live], int]:
    """A workload that waits for the container's script to have made ``path``."""

    def wait(live: Live) -> int:
        for _ in range(3000):  # a minute
            if Path(f"/proc/{live.pid}/root{path}").exists():
                return 0
            threading.Event().wait(0.02)
        return 1

    return wait


def audited(lab: EngineLaboratory, script: str) -> Seen:
    options = shell(f"{script}; echo > /tmp/done")
    outcome, seen = AuditRecorder().record(lab, IMAGE, options, Confinement(), until("/tmp/done"))
    assert outcome.workload == 0, outcome
    assert seen.lost == 0
    return seen


@pytest.mark.parametrize("name", ["static-c", "static-musl", "memcached", "redis"])
def test_three_recorders_that_know_nothing_of_each_other_agree(
    name: str, lab: EngineLaboratory, docker: Docker
) -> None:
    commands = ImageCommands(lab.containers.address)
    program = programs.make_program(name, docker, commands)
    seen: dict[str, Seen] = {}
    for recorder in recorders(commands.command):
        assert recorder.missing() == ""
        outcome, found = recorder.record(lab, program.image, program.options, Confinement(), program.record)
        assert outcome.good, (recorder.method, outcome)
        assert (found.lost, found.unnamed) == (0, {})
        seen[recorder.method] = found
    inside = {comm for _, comm in seen["notify"].calls}
    ours = {call for call, comm in seen["audit"].calls if comm in inside}  # docker exec is seen by the audit alone
    assert ours ^ seen["notify"].names <= BY_CHANCE
    assert seen["notify"].names ^ seen["strace"].names <= BY_CHANCE
    assert seen["notify"].arguments == seen["strace"].arguments
    assert seen["audit"].runtime.keys() <= floor("1.1.5", no_new_privileges=True)


def test_who_calls_itself_runc_is_recorded_as_itself(lab: EngineLaboratory) -> None:
    seen = audited(lab, f"printf '{INIT}' > /proc/self/comm; umask 027; (umask 022; cd /etc)")
    assert {("umask", INIT), ("chdir", INIT)} <= seen.calls.keys()
    assert not {"umask", "chdir"} & seen.runtime.keys()
    assert "execve" in seen.runtime


def test_programs_that_are_gone_at_once_are_counted_one_by_one(lab: EngineLaboratory) -> None:
    seen = audited(lab, f"i=0; while [ $i -lt {FORKS} ]; do /bin/true; i=$((i+1)); done")
    of_true = {str(call): count for (call, comm), count in seen.calls.items() if comm == "true"}
    assert of_true["exit_group"] == FORKS
    assert set(of_true.values()) <= {FORKS, *range(FORKS, FORKS * 20, FORKS)}
    assert seen.calls[Syscall("execve"), "sh"] >= FORKS


def test_two_recordings_at_once_do_not_mix(lab: EngineLaboratory) -> None:
    found: dict[str, Seen] = {}
    scripts = {"mkdir": "mkdir /tmp/x", "rmdir": "mkdir /tmp/x; rmdir /tmp/x"}
    busy = "i=0; while [ $i -lt 50 ]; do /bin/true; i=$((i+1)); done"

    def run(name: str) -> None:
        found[name] = audited(lab, f"{busy}; {scripts[name]}")

    threads = [threading.Thread(target=run, args=(name,)) for name in scripts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "rmdir" in found["rmdir"].names
    assert "rmdir" not in found["mkdir"].names
    assert all(seen.calls[Syscall("exit_group"), "true"] == 50 for seen in found.values())


def test_what_a_container_does_with_files_and_sockets_is_seen(lab: EngineLaboratory) -> None:
    script = """
    cat /content > /tmp/copy; ls /etc > /dev/null; mkdir /tmp/made; busybox ln -s /content /tmp/link; cat /tmp/link /tmp/absent
    busybox mv /tmp/copy /tmp/moved; busybox rm /tmp/moved; cat /proc/self/status > /dev/null; httpd -p 127.0.0.1:8080; echo > /tmp/done
    """
    notify = recorders(ImageCommands(lab.containers.address).command)[1]
    options = shell(script)
    outcome, seen = notify.record(lab, IMAGE, options, Confinement(), until("/tmp/done"))
    assert outcome.workload == 0, outcome
    assert seen.files is not None
    assert dict(seen.files) == {
        "/bin/busybox": "mrx",
        "/content": "r",
        "/dev/null": "rw",
        "/etc/": "r",
        "/proc/self/status": "r",
        "/tmp/copy": "rw",
        "/tmp/done": "w",
        "/tmp/link": "w",
        "/tmp/made/": "w",
        "/tmp/moved": "w",
        **{path: letters for path, letters in seen.files.items() if path in {"/", "/dev/urandom"}},
    }
    assert Argument(Syscall("socket"), (2, 1)) in (seen.arguments or ())
    assert sum(count for (call, _), count in seen.calls.items() if call == "execve") > 5


def test_files_of_what_docker_exec_brings_in_are_seen(lab: EngineLaboratory) -> None:
    def enter(live: Live) -> int:
        return lab.containers.exec(live.container, ("sh", "-c", "cat /content > '/tmp/from exec'"))[0]

    notify = recorders(ImageCommands(lab.containers.address).command)[1]
    outcome, seen = notify.record(lab, IMAGE, shell("true"), Confinement(), enter)
    assert outcome.workload == 0, outcome
    assert seen.files is not None
    assert {"/content": "r", "/tmp/from exec": "w", "/bin/busybox": "mrx"}.items() <= seen.files.items()
    assert not {path for path in seen.files if path.startswith(("/proc/", "/dev/", "/.pytrust"))} - {"/dev/null"}


@pytest.mark.parametrize("confined", [True, False])
def test_the_runtimes_floor_as_measured_is_the_one_of_the_table(lab: EngineLaboratory, confined: bool) -> None:
    found = measure(lab, FloorHost(lab.containers.address), no_new_privileges=confined)
    assert {"close", "execve", "fstatfs", "getdents64", "openat", "write"} <= found
    assert ("capset" in found) is not confined
    assert found <= floor(lab.engine().runc, confined)


def noise(stream: AuditStream, *, read: bool) -> int:
    """How many of its records have come."""
    with subprocess.Popen([sys.executable, "-c", NOISY]) as process:
        found = []
        while process.poll() is None:
            found += stream.read(0.02) if read else []
            threading.Event().wait(0 if read else 0.02)
    found += stream.settle()
    return sum(record.pid == process.pid for record in found)


def test_a_reader_that_keeps_up_has_every_record(engine: PrivateEngine) -> None:
    with AuditStream() as stream:
        assert noise(stream, read=True) == CALLS
        assert stream.lost == 0


def test_a_record_that_found_no_room_is_counted(engine: PrivateEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_socket, "AUDIT_BUFFER_BYTES", 64 * 1024)
    with AuditStream() as stream:
        come = noise(stream, read=False)
        assert come < CALLS
        assert stream.lost > 0


def words(*command: str) -> list[str]:
    return [f"--command={word}" for word in command]


def pytrust(engine: PrivateEngine, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    settings = {"DOCKER_HOST": engine.host, "PYTRUST_HOME": str(home), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-m", "pytrust.cli.main", "profile", *words]
    return subprocess.run(command, env=environment(settings), capture_output=True, text=True, timeout=120)


def test_the_command_records_what_then_runs_confined(
    engine: PrivateEngine, lab: EngineLaboratory, tmp_path: Path
) -> None:
    port, output = free_port(), tmp_path / "web.json"
    serve = ("sh", "-c", f"trap 'exit 0' TERM; httpd -f -p 127.0.0.1:{port} -h / & wait")
    ask = f"""
import time, urllib.request
for _ in range(1000):
    try: raise SystemExit(urllib.request.urlopen("http://127.0.0.1:{port}/content").read() == b"")
    except OSError: time.sleep(0.02)
raise SystemExit(1)
"""
    done = pytrust(
        engine,
        tmp_path,
        "record",
        IMAGE,
        "-o",
        str(output),
        "--network=host",
        *words(*serve),
        "--",
        sys.executable,
        "-c",
        ask,
    )
    assert done.returncode == 0, done.stderr
    assert "audit: " in done.stdout
    assert " 0 lost" in done.stdout
    profile = decode_profile(output.read_bytes(), "web.json")
    assert [recording.method for recording in profile.recordings] == ["audit", "notify"]
    assert profile.capabilities == ()
    assert profile.apparmor is not None
    whole = with_floor(profile, floor(lab.engine().runc, no_new_privileges=True))
    options = RunOptions(command=serve, network="host")
    confinement = Confinement(seccomp=docker_text(whole.seccomp), capabilities=())
    outcome = lab.run(IMAGE, options, confinement, lambda live: subprocess.run([sys.executable, "-c", ask]).returncode)
    assert outcome.workload == 0, outcome


def test_a_workload_that_fails_leaves_no_profile(engine: PrivateEngine, lab: EngineLaboratory, tmp_path: Path) -> None:
    output = tmp_path / "web.json"
    done = pytrust(engine, tmp_path, "record", IMAGE, "-o", str(output), *words("sh", "-c", STAY), "--", "false")
    assert done.returncode == 1
    assert "was not recorded: the workload ended with 1" in done.stderr
    assert not output.exists()


def test_the_command_measures_the_floor_and_keeps_it(engine: PrivateEngine, tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert "known" in pytrust(engine, home, "floor").stdout
    done = pytrust(engine, home, "floor", "--measure", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert [row["source"] for row in said["floors"]] == ["measured here"] * 2
    assert "measured here" in pytrust(engine, home, "floor").stdout


def test_the_launchers_code_is_that_of_its_source() -> None:
    need("" if find("as") and find("objcopy") else "the launcher is assembled with binutils: scripts/install-packages")
    done = subprocess.run([sys.executable, ROOT / "scripts/build-launcher", "--check"], env=environment())
    assert done.returncode == 0
