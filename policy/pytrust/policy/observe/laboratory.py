"""Trials on a real engine, through its API: one container each, gone when the trial is over, however it ends.

Nothing here waits without an end. A start that hangs because the runtime is not let through is found, the runtime's
processes of that very container are ended where they run on this host, and the trial says so (profiles reference,
fact 6: without that, neither the start nor the removal would ever be answered).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from pytrust.policy.engine.address import EngineAddress
from pytrust.policy.observe.containers import Containers, State
from pytrust.policy.observe.frames import last_words
from pytrust.policy.observe.making import create_body
from pytrust.policy.observe.runtime import control_group, end_runtime, end_shim
from pytrust.policy.observe.trial import Confinement, EngineKind, Live, Outcome, RunOptions
from pytrust.trust.errors import NotFound, PytrustError, Refused, ServerError, TooSlow
from pytrust.trust.limits import (
    TRIAL_REMOVE_ATTEMPTS,
    TRIAL_REMOVE_TIMEOUT,
    TRIAL_START_TIMEOUT,
    TRIAL_STOP_GRACE,
)

TOO_TIGHT: Final = "the runtime was not let through: the floor is too tight"
"""The complaint of a trial whose container hung between create and start."""


@dataclass(slots=True)
class _Trial:
    """``container`` is the id, as soon as it is known; ``stuck``: its runtime had to be ended."""

    name: str
    container: str = ""
    stuck: bool = False


class EngineLaboratory:
    """Runs trials on the engine at ``address``; ``patience`` is in seconds, for one start."""

    def __init__(self, address: EngineAddress, patience: float = TRIAL_START_TIMEOUT) -> None:
        self.containers = Containers(address)
        self._patience = patience

    def engine(self) -> EngineKind:
        """What the engine is made of; errors as of ``engine.client.Engine``."""
        return self.containers.kind()

    def brought_in(self, container: str) -> frozenset[int]:
        """The processes that ``exec`` began in a trial's container, ended ones too: nobody finds those in /proc."""
        return self.containers.exec_pids(container)

    def run(
        self, image: str, options: RunOptions, confinement: Confinement, workload: Callable[[Live], int]
    ) -> Outcome:
        """One trial, as ``trial.Laboratory`` says; a workload that raises ``TooSlow`` has not ended in time.

        Raises:
            UsageError: an option is none.
            NotFound: the engine has no such image.
            Unreachable, AccessDenied, TooSlow, BadContent, ServerError: the engine cannot be used at all.
        """
        body = create_body(image, options, confinement)
        with self._trial() as trial:
            try:
                trial.container = self.containers.create(trial.name, body)
            except NotFound:
                raise
            except (Refused, ServerError) as error:  # what it was asked for, such as a capability that is not there
                return Outcome(False, None, None, str(error))
            complaint = self._start(trial)
            return Outcome(False, None, None, complaint) if complaint else self._watch(trial.name, workload)

    @contextmanager
    def _trial(self) -> Iterator[_Trial]:
        """What has its name in the end is removed, even if nobody knows whether it was made."""
        trial = _Trial(f"pytrust-trial-{secrets.token_hex(8)}")
        try:
            yield trial
        finally:
            self._remove(trial)

    def _start(self, trial: _Trial) -> str:
        """Empty, or why it did not start."""
        try:
            self.containers.start(trial.name, self._patience)
        except TooSlow:
            return _free(trial)
        except (Refused, ServerError) as error:
            return str(error)
        return ""

    def _watch(self, name: str, workload: Callable[[Live], int]) -> Outcome:
        try:
            status = workload(_live(self.containers.state(name)))
        except TooSlow:
            status = None
        state = self.containers.state(name)
        ended_itself = not state.running
        code = state.exit if ended_itself else self._stop(name, state.stop_signal)
        said = last_words(self.containers.logs(name)) if status != 0 or code is None or ended_itself else ""
        return Outcome(True, status, code, said)

    def _stop(self, name: str, signal: str) -> int | None:
        self.containers.kill(name, signal)
        return self.containers.wait(name, TRIAL_STOP_GRACE)

    def _remove(self, trial: _Trial) -> None:
        """Raises ``ServerError`` where it stays."""
        last: PytrustError | None = None
        for _ in range(TRIAL_REMOVE_ATTEMPTS):
            try:
                self.containers.remove(trial.name, TRIAL_REMOVE_TIMEOUT)
            except (TooSlow, ServerError, Refused) as error:
                last = error
                _free(trial)
            else:
                if trial.stuck:
                    end_shim(trial.container)
                return
        hint = f"when its processes are gone: docker rm -f {trial.name}"
        raise ServerError(f"the container {trial.name} cannot be removed: {last}", hint=hint)


def _live(state: State) -> Live:
    """Process id and control group are those of this host; elsewhere, or when it has ended, there are none."""
    group = control_group(state.pid, state.id) if state.pid else ""
    return Live(state.id, state.pid if group else 0, group)


def _free(trial: _Trial) -> str:
    """End the runtime that is stuck with a container, if it has an id; what is to be said of the start."""
    try:
        ended = end_runtime(trial.container) if trial.container else ()
    except PermissionError:
        return f"{TOO_TIGHT}; its processes are root's, and stay"
    trial.stuck = trial.stuck or bool(ended)
    return TOO_TIGHT if ended else "the engine did not start it in time"
