"""Nine real programs under the profiles that were recorded of them: how often they come through more work."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from tests.rig import programs
from tests.rig.dockerd import private_engine
from tests.rig.program_profiles import Bench

from bench.harness import report

_RUNS: Final = 20


def acceptance(name: str) -> None:
    """Runs of the acceptance workload without a refusal, a hang or another end than without the profile; of 20.

    Also how many calls are open, against the goal for its kind.
    """
    with tempfile.TemporaryDirectory(prefix="pt-") as folder, private_engine(Path(folder, "e")) as engine:
        bench = Bench(engine)
        program = programs.make_program(name, bench.docker, bench.laboratory.containers)
        made = bench.record(program)
        proof = bench.prove(program, made, _RUNS)
    bad = [check for check in proof.checks if check.good is not True]
    for check in bad:
        sys.stderr.write(f"{name}: {check.name}: {check.note}\n")
    good = sum(check.good is True for check in proof.checks if check.name.startswith("run "))
    sound = good if all(check.name.startswith("run ") for check in bad) else 0
    report(f"profiles.acceptance.{name}", "runs", sound, _RUNS, ratio=sound / _RUNS)
    report(f"profiles.open.{name}", "calls", len(made.open), program.goal, ratio=program.goal / len(made.open))


BENCHES: Final[dict[str, Callable[[], None]]] = {
    f"profiles.acceptance.{name}": partial(acceptance, name) for name in programs.NAMES
}
