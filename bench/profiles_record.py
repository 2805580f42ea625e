"""What recording costs a workload, and a trial in all: beside the same trial that nobody records."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from tests.rig.dockerd import private_engine
from tests.rig.images import Docker
from tests.rig.programs import Program, make_program

from bench.harness import report
from pytrust.policy.engine.address import parse_host
from pytrust.policy.observe.audit import AuditRecorder
from pytrust.policy.observe.image_command import ImageCommands
from pytrust.policy.observe.laboratory import EngineLaboratory
from pytrust.policy.observe.trial import Confinement, Live, Outcome

ROUNDS: Final = 15
NAMES: Final = ("nginx", "redis", "postgres", "memcached", "python")
_GOAL: Final = 1 / 1.1  # at most a tenth longer
_SECONDS: Final = 5.0  # beside the workload, in all


class _Times(NamedTuple):
    """Seconds: of the workload, and of everything else."""

    work: float
    beside: float


def overhead() -> None:
    """Programs as they are recorded in the tests, with and without the audit recorder, in turns."""
    with tempfile.TemporaryDirectory(prefix="pt-") as folder, private_engine(Path(folder, "e")) as engine:
        docker, address = Docker(engine.host, Path(folder, "c")), parse_host(engine.host)
        for name in NAMES:
            program = make_program(name, docker, ImageCommands(address))
            _compare(EngineLaboratory(address), program)
            docker.run("image", "rm", program.image)


def _compare(laboratory: EngineLaboratory, program: Program) -> None:
    recorder = AuditRecorder()

    def recorded(workload: Callable[[Live], int]) -> Outcome:
        outcome, seen = recorder.record(laboratory, program.image, program.options, Confinement(), workload)
        assert seen.lost == 0
        return outcome

    def plain(workload: Callable[[Live], int]) -> Outcome:
        return laboratory.run(program.image, program.options, Confinement(), workload)

    ours, theirs = list[_Times](), list[_Times]()
    for _ in range(ROUNDS):
        ours.append(_timed(recorded, program))
        theirs.append(_timed(plain, program))
    work, peer = (statistics.median(each.work for each in times) for times in (ours, theirs))
    name = f"profiles.record.{program.name}"
    report(f"{name}.workload", "ms", work * 1e3, _GOAL, peer=peer * 1e3, peer_name="not recorded", ratio=peer / work)
    more = statistics.median(each.beside for each in ours) - statistics.median(each.beside for each in theirs)
    report(f"{name}.beside", "s", more, 1.0, ratio=_SECONDS / max(more, 0.001))


def _timed(run: Callable[[Callable[[Live], int]], Outcome], program: Program) -> _Times:
    spent = 0.0

    def work(live: Live) -> int:
        nonlocal spent
        begun = time.perf_counter()
        status = program.record(live)
        spent = time.perf_counter() - begun
        return status

    begun = time.perf_counter()
    outcome = run(work)
    assert outcome.good, outcome
    return _Times(spent, time.perf_counter() - begun - spent)


BENCHES: Final[dict[str, Callable[[], None]]] = {"profiles.record": overhead}
