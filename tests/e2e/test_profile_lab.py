"""Trials on a real engine: what a container may do there, how a trial ends, a runtime that is stuck, nothing left."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.rig import dockerd, images
from tests.rig.dockerd import PrivateEngine, private_engine
from tests.rig.images import Docker
from tests.rig.needs import need

from pytrust.policy.engine.address import parse_host
from pytrust.policy.observe.capabilities import host_capabilities, minimal
from pytrust.policy.observe.laboratory import TOO_TIGHT, EngineLaboratory
from pytrust.policy.observe.trial import Confinement, Live, Outcome, RunOptions
from pytrust.policy.profiles.names import DEFAULT_CAPABILITIES, Capability
from pytrust.trust.limits import TRIAL_STOP_GRACE

IMAGE = "rig/lab:1"
FOREVER = RunOptions(command=("sh", "-c", "trap 'exit 3' TERM; while :; do sleep 0.05; done"), network="none")
STUCK = "openat exit_group tgkill"  # without these runc 1.1 neither goes on nor ends
FLOOR = """
arch_prctl brk capget capset chdir clone close epoll_ctl epoll_pwait execve exit exit_group faccessat2 fcntl fstat
fstatfs futex getcwd getdents64 getegid geteuid getgid getpid getppid gettid getuid ioctl madvise mmap mprotect munmap
nanosleep newfstatat openat poll prctl read rt_sigaction rt_sigprocmask rt_sigreturn sched_yield set_tid_address setgid
setgroups setuid sigaltstack tgkill uname wait4 write
"""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateEngine]:
    need(dockerd.missing() or images.missing())
    folder = tmp_path_factory.mktemp("lab")
    with private_engine(folder / "e") as running:
        Docker(running.host, folder / "c").make_image(IMAGE)
        yield running


@pytest.fixture(scope="module")
def docker(engine: PrivateEngine) -> Docker:
    return Docker(engine.host, engine.folder / "c")


@pytest.fixture
def lab(engine: PrivateEngine, docker: Docker) -> Iterator[EngineLaboratory]:
    yield EngineLaboratory(parse_host(engine.host))
    assert docker.run("ps", "--all", "--quiet") == "", "a trial's container stays"


def fine(live: Live) -> int:
    return 0


def seccomp(left_out: str = "") -> str:
    names = sorted(set(FLOOR.split()) - set(left_out.split()))
    rules = [{"names": names, "action": "SCMP_ACT_ALLOW"}]
    return json.dumps({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": rules})


def test_the_engine_tells_what_it_is_made_of(lab: EngineLaboratory, docker: Docker) -> None:
    kind = lab.engine()
    assert kind.version == docker.run("version", "--format={{.Server.Version}}").partition("+")[0]
    assert kind.kernel == os.uname().release.partition("-")[0]
    assert kind.runc[:2] == "1."
    assert kind.arch == docker.run("version", "--format={{.Server.Arch}}")


def test_a_container_is_found_on_this_host(lab: EngineLaboratory) -> None:
    def workload(live: Live) -> int:
        assert live.container in live.cgroup
        assert live.cgroup in Path(f"/proc/{live.pid}/cgroup").read_text()
        status, said = lab.containers.exec(live.container, ("cat", "/proc/self/status"))
        assert "CapEff:\t0000000000000001" in said
        assert "NoNewPrivs:\t1" in said
        return status

    confined = Confinement(capabilities=(Capability("CHOWN"),))
    assert lab.run(IMAGE, FOREVER, confined, workload) == Outcome(True, 0, 3)


def test_what_exec_brought_in_is_known_when_it_is_gone(lab: EngineLaboratory) -> None:
    seen: set[int] = set()

    def workload(live: Live) -> int:
        assert lab.brought_in(live.container) == frozenset()
        for _ in range(3):
            lab.containers.exec(live.container, ("true",))
        seen.update(lab.brought_in(live.container))
        return 0

    assert lab.run(IMAGE, FOREVER, Confinement(), workload).good
    assert len(seen) == 3
    assert not any(Path(f"/proc/{pid}").exists() for pid in seen)


@pytest.mark.parametrize("new_privileges", [True, False])
def test_a_small_profile_runs(lab: EngineLaboratory, new_privileges: bool) -> None:
    confined = Confinement(seccomp=seccomp(), no_new_privileges=not new_privileges)
    assert lab.run(IMAGE, RunOptions(command=("echo", "done"), network="none"), confined, fine).good


@pytest.mark.parametrize("new_privileges", [True, False])
def test_a_runtime_that_is_stuck_is_freed(lab: EngineLaboratory, engine: PrivateEngine, new_privileges: bool) -> None:
    before = engine.processes()
    confined = Confinement(seccomp=seccomp(STUCK), no_new_privileges=not new_privileges)
    hasty = EngineLaboratory(parse_host(engine.host), patience=4.0)
    outcome = hasty.run(IMAGE, RunOptions(command=("true",), network="none"), confined, fine)
    assert outcome == Outcome(False, None, None, TOO_TIGHT)
    wait_until(lambda: engine.processes() <= before, "processes of the engine stay")
    assert lab.run(IMAGE, FOREVER, Confinement(), fine).good, "the engine is as it was"


def test_one_that_ignores_the_signal(lab: EngineLaboratory) -> None:
    started = time.monotonic()
    outcome = lab.run(IMAGE, RunOptions(command=("sleep", "100"), network="none"), Confinement(), fine)
    assert (outcome, outcome.good) == (Outcome(True, 0, None), False)
    assert time.monotonic() - started >= TRIAL_STOP_GRACE


@pytest.mark.parametrize(
    ("options", "confined", "complaint"),
    [
        (RunOptions(command=("nosuch",)), Confinement(), "executable file not found"),
        (RunOptions(), Confinement(seccomp="no"), "seccomp profile"),
        (RunOptions(), Confinement(capabilities=(Capability("NOSUCH"),)), "(?i)nosuch"),
        (RunOptions(network="nosuch"), Confinement(), "network nosuch not found"),
    ],
)
def test_what_the_engine_refuses(
    lab: EngineLaboratory, options: RunOptions, confined: Confinement, complaint: str
) -> None:
    outcome = lab.run(IMAGE, options, confined, fine)
    assert not outcome.started
    assert re.search(complaint, outcome.complaint), outcome.complaint


def test_an_interrupt_leaves_nothing(lab: EngineLaboratory) -> None:
    def workload(live: Live) -> int:
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        time.sleep(60)
        return 0

    with pytest.raises(KeyboardInterrupt):
        lab.run(IMAGE, FOREVER, Confinement(), workload)


def test_capabilities_of_a_real_program(lab: EngineLaboratory) -> None:
    options = RunOptions(command=("sh", "-c", "touch /tmp/a && chown 33 /tmp/a"), network="none")
    told: list[str] = []

    def workload(live: Live) -> int:
        code = lab.containers.wait(live.container, 5)
        return 1 if code is None else code

    found = minimal(lab, IMAGE, options, Confinement(), DEFAULT_CAPABILITIES, workload, told.append)
    assert found.needed == ("CHOWN",)
    assert "Operation not permitted" in found.proofs[0][1]
    assert found.trials <= 18


def test_a_capability_that_this_host_lacks(lab: EngineLaboratory) -> None:
    lacking = sorted(set(map(Capability, ("SYS_RESOURCE", "SYS_MODULE", "SYS_TIME"))) - host_capabilities())
    for name in lacking:
        outcome = lab.run(IMAGE, FOREVER, Confinement(capabilities=(name,)), fine)
        assert not outcome.started


def wait_until(true: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.05)
