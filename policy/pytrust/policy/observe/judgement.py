"""Why a trial was not good, in words. Pure."""

from __future__ import annotations

from pytrust.policy.observe.trial import Outcome
from pytrust.trust.limits import TRIAL_STOP_GRACE


def as_good(outcome: Outcome, before: Outcome) -> bool:
    """Whether a trial went as well as one with more rights did: the workload said yes, and it ended in the same way."""
    return outcome.started and outcome.workload == 0 and outcome.exit == before.exit


def why_not(outcome: Outcome, before: Outcome | None = None) -> str:
    """One line; empty where it was good, or as good as it was ``before``."""
    said = f": {outcome.complaint}" if outcome.complaint else ""
    if not outcome.started:
        return f"it was not started{said}"
    if outcome.workload != 0:
        return _of_workload(outcome, said)
    if outcome.exit is None and (before is None or before.exit is not None):
        return f"it did not stop in {TRIAL_STOP_GRACE:g} s{said}"
    if before is not None and outcome.exit != before.exit:
        return f"the container ended with {outcome.exit}, not with {before.exit}{said}"
    return ""


def _of_workload(outcome: Outcome, said: str) -> str:
    workload = "did not end in time" if outcome.workload is None else f"ended with {outcome.workload}"
    ended = f", the container with {outcome.exit}" if outcome.exit else ""
    return f"the workload {workload}{ended}{said}"
