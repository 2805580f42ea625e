"""Trials: each has an end, says why, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.fakes.trial_engine import TrialEngine, trial_engine

from pytrust.policy.engine.address import EngineAddress
from pytrust.policy.observe import laboratory as module
from pytrust.policy.observe.laboratory import EngineLaboratory
from pytrust.policy.observe.runtime import control_group, end_runtime, end_shim
from pytrust.policy.observe.trial import Confinement, EngineKind, Live, Outcome, RunOptions
from pytrust.policy.observe.workload import Command
from pytrust.trust.errors import NotFound, ServerError, TooSlow, Unreachable, UsageError


@pytest.fixture
def place() -> Iterator[Path]:
    """Socket paths are short."""
    with tempfile.TemporaryDirectory(prefix="pt-") as folder:
        yield Path(folder, "s")


@pytest.fixture
def engine(place: Path) -> Iterator[TrialEngine]:
    with trial_engine(place) as running:
        yield running


@pytest.fixture
def lab(place: Path) -> EngineLaboratory:
    return EngineLaboratory(EngineAddress(socket=place))


@pytest.fixture
def hasty(place: Path) -> EngineLaboratory:
    """For engines that do not answer."""
    return EngineLaboratory(EngineAddress(socket=place), patience=0.3)


def run(lab: EngineLaboratory, status: int = 0) -> Outcome:
    return lab.run("image", RunOptions(), Confinement(), lambda live: status)


def test_a_good_trial(engine: TrialEngine, lab: EngineLaboratory) -> None:
    lives: list[Live] = []

    def workload(live: Live) -> int:
        assert engine.made.running
        lives.append(live)
        return 0

    outcome = lab.run("image", RunOptions(), Confinement(), workload)
    assert (outcome, outcome.good) == (Outcome(True, 0, 0), True)
    assert lives == [Live(f"{1:064x}", 0, "")], "a process id of another host is none"
    assert not engine.containers


def test_what_the_workload_says_counts(engine: TrialEngine, lab: EngineLaboratory) -> None:
    engine.says = "first\nlast\n"
    assert run(lab, 3) == Outcome(True, 3, 0, "last")


def test_a_container_that_ends_by_itself(engine: TrialEngine, lab: EngineLaboratory) -> None:
    engine.ends = 7
    assert run(lab) == Outcome(True, 0, 7, "words")


def test_one_that_does_not_stop(engine: TrialEngine, lab: EngineLaboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TRIAL_STOP_GRACE", 0.2)
    engine.heeds = "SIGKILL"
    assert run(lab) == Outcome(True, 0, None, "words")
    assert not engine.containers


def test_the_images_own_signal_stops_it(engine: TrialEngine, lab: EngineLaboratory) -> None:
    engine.heeds = engine.stop_signal = "SIGQUIT"
    assert run(lab).exit == 0


def test_what_cannot_be_started_says_why(engine: TrialEngine, lab: EngineLaboratory) -> None:
    engine.refuses = "OCI runtime create failed: \x1b[31mno"
    outcome = run(lab)
    assert outcome == Outcome(False, None, None, "the engine says: OCI runtime create failed: [31mno")
    assert not engine.containers


def test_a_start_without_an_end_has_one(
    engine: TrialEngine, hasty: EngineLaboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine comes to itself when somebody frees it, as an end of the runtime does."""

    def end(container: str) -> tuple[int, ...]:
        engine.free.set()
        return (4711,)

    monkeypatch.setattr(module, "end_runtime", end)
    engine.hangs = True
    outcome = run(hasty)
    assert outcome == Outcome(False, None, None, "the runtime was not let through: the floor is too tight")
    assert not engine.containers


def test_a_slow_start_is_no_floor(
    engine: TrialEngine, hasty: EngineLaboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine answers again after it was asked once, in vain, to remove the container."""
    asked: list[str] = []

    def end(container: str) -> tuple[int, ...]:
        asked.append(container)
        if len(asked) == 2:
            engine.free.set()
        return ()

    monkeypatch.setattr(module, "end_runtime", end)
    monkeypatch.setattr(module, "TRIAL_REMOVE_TIMEOUT", 0.3)
    engine.hangs = True
    assert run(hasty).complaint == "the engine did not start it in time"
    assert len(asked) >= 2
    assert not engine.containers


def test_a_removal_is_tried_again(engine: TrialEngine, lab: EngineLaboratory) -> None:
    engine.undead = 2
    assert run(lab).good
    assert not engine.containers


def test_one_that_stays_is_told_of(engine: TrialEngine, lab: EngineLaboratory) -> None:
    engine.undead = 100
    with pytest.raises(ServerError, match="pytrust-trial-[0-9a-f]{16} cannot be removed: .*busy"):
        run(lab)


@pytest.mark.parametrize("error", [KeyboardInterrupt, UsageError("no such program"), ZeroDivisionError])
def test_whatever_the_workload_raises_nothing_stays(
    engine: TrialEngine, lab: EngineLaboratory, error: type[BaseException] | BaseException
) -> None:
    def workload(live: Live) -> int:
        raise error

    with pytest.raises(error if isinstance(error, type) else type(error)):
        lab.run("image", RunOptions(), Confinement(), workload)
    assert not engine.containers


def test_a_workload_that_takes_too_long_has_no_status(engine: TrialEngine, lab: EngineLaboratory) -> None:
    outcome = lab.run("image", RunOptions(), Confinement(), Command(["sleep", "100"], {"PATH": "/bin:/usr/bin"}, 0.1))
    assert outcome == Outcome(True, None, 0, "words")


def test_no_such_image(engine: TrialEngine, lab: EngineLaboratory) -> None:
    with pytest.raises(NotFound, match="No such image"):
        lab.run("other", RunOptions(), Confinement(), lambda live: 0)


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(Unreachable):
        run(EngineLaboratory(EngineAddress(socket=tmp_path / "none")))


def test_versions_are_numbers(engine: TrialEngine, lab: EngineLaboratory) -> None:
    assert lab.engine() == EngineKind("20.10.24", "1.1.5", "6.18.44", "amd64", apparmor=True)


def test_a_command_in_a_container(engine: TrialEngine, lab: EngineLaboratory) -> None:
    engine.exits, engine.says = 5, "out\nerr\nout\n"

    name = "pytrust-trial-x"
    lab.containers.create(name, {"Image": "image"})
    assert lab.containers.exec(name, ("ls", "-l"), user="1") == (5, "out\nerr\nout\n")
    assert engine.commands == [{"Cmd": ["ls", "-l"], "User": "1", "AttachStdout": True, "AttachStderr": True}]


class TestWorkload:
    live = Live("c" * 64, 12, "/group")

    def test_it_is_told_of_the_container(self, tmp_path: Path) -> None:
        script = f'test "$PYTRUST_CONTAINER" = {"c" * 64} && test "$PYTRUST_PID" = 12 && test "$GIVEN" = x && exit 9'
        assert Command(["sh", "-c", script], {"GIVEN": "x", "PATH": "/bin:/usr/bin"})(self.live) == 9

    def test_its_children_end_with_it(self, tmp_path: Path) -> None:
        file = tmp_path / "pid"
        script = f"sleep 100 & echo $! > {file}; exit 0"
        assert Command(["sh", "-c", script], {"PATH": "/bin:/usr/bin"})(self.live) == 0
        wait_gone(int(file.read_text()))

    def test_it_has_an_end(self, tmp_path: Path) -> None:
        file = tmp_path / "pid"
        script = f"echo $$ > {file}; sleep 100"
        with pytest.raises(TooSlow, match="0.3 s"):
            Command(["sh", "-c", script], {"PATH": "/bin:/usr/bin"}, 0.3)(self.live)
        wait_gone(int(file.read_text()))

    def test_a_repetition_is_not_waited_for_much_longer(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("pytrust.policy.observe.workload.TRIAL_REPEAT_MIN", 0.3)
        flag = tmp_path / "again"
        script = f"test ! -e {flag} || sleep 100; touch {flag}"
        repeated = Command(["sh", "-c", script], {"PATH": "/bin:/usr/bin"}, 60.0)
        assert repeated(self.live) == 0
        with pytest.raises(TooSlow):
            repeated(self.live)

    def test_no_program(self) -> None:
        with pytest.raises(UsageError, match="/no/such cannot be run: no such file"):
            Command(["/no/such"], {})(self.live)


Begin = Callable[..., "subprocess.Popen[bytes]"]


class TestRuntime:
    """Which processes are ended: the runtime's, of one container."""

    @pytest.fixture
    def begin(self, tmp_path: Path) -> Iterator[Begin]:
        started: list[subprocess.Popen[bytes]] = []

        def begin(name: str, *words: str) -> subprocess.Popen[bytes]:
            (tmp_path / name).symlink_to("/bin/sh")
            process = subprocess.Popen([tmp_path / name, "-c", "read x", *words], stdin=subprocess.PIPE)
            started.append(process)
            wait_named(process.pid, name)
            return process

        yield begin
        for process in started:
            process.kill()
            process.wait()
            assert process.stdin
            process.stdin.close()

    def test_only_the_runtime_and_only_this_container(self, begin: Begin) -> None:
        ours, others = "a1" * 32, "b2" * 32
        stuck = begin("runc", "create", ours)
        innocent = [begin("runc-of-other", "create", others), begin("shim-runc", ours), begin("bash", ours)]
        shim = begin("runc-shim", ours)
        assert end_runtime(ours) == (stuck.pid,)
        assert stuck.wait(30) == -9
        assert all(process.poll() is None for process in [*innocent, shim])

    def test_a_shim_that_stays_is_ended_when_its_container_is_removed(
        self, begin: Begin, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("pytrust.policy.observe.runtime.TRIAL_RUNTIME_GRACE", 0.2)
        ours, others = "a1" * 32, "b2" * 32
        left = begin("containerd-shim-runc-v2", "-id", ours)
        innocent = [begin("containerd-shim", others), begin("runc", ours)]
        end_shim(ours)
        assert left.wait(30) == -9
        assert all(process.poll() is None for process in innocent)

    def test_a_part_of_the_id_is_not_the_id(self, begin: Begin) -> None:
        process = begin("runc", f"--root=/run/{'a1' * 32}x")
        assert end_runtime("a1" * 32) == ()
        assert process.poll() is None

    def test_a_process_that_is_gone_has_no_group(self) -> None:
        assert control_group(2**22 + 1, "a" * 64) == ""
        assert control_group(1, "a" * 64) == ""


def wait_gone(pid: int) -> None:
    end = time.monotonic() + 30
    while Path(f"/proc/{pid}/stat").exists() and ") Z" not in Path(f"/proc/{pid}/stat").read_text():
        assert time.monotonic() < end
        time.sleep(0.01)


def wait_named(pid: int, name: str) -> None:
    end = time.monotonic() + 30
    while Path(f"/proc/{pid}/comm").read_text().strip() != name[:15]:
        assert time.monotonic() < end
        time.sleep(0.01)
