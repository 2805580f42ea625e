"""A laboratory whose images are what a test says they are: trials without an engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pytrust.policy.observe.trial import Confinement, EngineKind, Live, Outcome, RunOptions

LIVE = Live("c" * 64, 4711, "/docker/" + "c" * 64)
GOOD = Outcome(True, 0, 0)
KIND = EngineKind("20.10.24", "1.1.5", "6.1", "amd64")


@dataclass(slots=True)
class FakeLaboratory:
    """``behaves`` says how a trial ends; a trial that would be good runs its workload first."""

    behaves: Callable[[Confinement], Outcome] = lambda confinement: GOOD
    kind: EngineKind = KIND
    trials: list[Confinement] = field(default_factory=list)
    options: list[RunOptions] = field(default_factory=list)

    def run(
        self, image: str, options: RunOptions, confinement: Confinement, workload: Callable[[Live], int]
    ) -> Outcome:
        self.trials.append(confinement)
        self.options.append(options)
        outcome = self.behaves(confinement)
        return outcome._replace(workload=workload(LIVE)) if outcome.good else outcome

    def engine(self) -> EngineKind:
        return self.kind

    def brought_in(self, container: str) -> frozenset[int]:
        return frozenset()
