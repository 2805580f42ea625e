"""A workload that is a command on this host: what is done to a container while it is watched, or proven.

It finds the container in its environment: ``PYTRUST_CONTAINER`` is the full id, for ``docker exec`` and the like, and
``PYTRUST_PID`` the process id of its first process on this host, 0 where it runs elsewhere or has ended.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from pytrust.policy.observe.trial import Live
from pytrust.trust.errors import TooSlow, UsageError
from pytrust.trust.limits import TRIAL_REPEAT_MIN, TRIAL_REPEAT_TIMES, TRIAL_WORKLOAD_TIMEOUT

CONTAINER: Final = "PYTRUST_CONTAINER"
PID: Final = "PYTRUST_PID"


class Command:
    """A workload that runs ``words``, without a shell, and gives its exit status.

    What it says goes to our stderr, so that our stdout holds the answer only. It is killed with all its children after
    ``within`` seconds (it then raises ``TooSlow``), and when we are interrupted. Once it has worked, it is not waited
    for much longer than that took: what is taken from a container makes many a client wait. It raises ``UsageError``
    where the program is none.
    """

    def __init__(
        self, words: Sequence[str], environment: Mapping[str, str], within: float = TRIAL_WORKLOAD_TIMEOUT
    ) -> None:
        self._words, self._environment = list(words), environment
        self._within, self._longest = within, 0.0

    def __call__(self, live: Live) -> int:
        """Run it against a container."""
        began = time.monotonic()
        status = _wait(self._begin(live), self._patience())
        if status == 0:
            self._longest = max(self._longest, time.monotonic() - began)
        return status

    def _patience(self) -> float:
        known = max(TRIAL_REPEAT_MIN, TRIAL_REPEAT_TIMES * self._longest)
        return min(self._within, known) if self._longest else self._within

    def _begin(self, live: Live) -> subprocess.Popen[bytes]:
        given = {**self._environment, CONTAINER: live.container, PID: str(live.pid)}
        try:
            return subprocess.Popen(
                self._words, env=given, stdin=subprocess.DEVNULL, stdout=sys.stderr.fileno(), start_new_session=True
            )
        except OSError as error:
            word, reason = self._words[0], (error.strerror or str(error)).lower()
            raise UsageError(f"the workload {word} cannot be run: {reason}", hint="give it as a path") from error


def _wait(process: subprocess.Popen[bytes], within: float) -> int:
    try:
        return process.wait(within)
    except subprocess.TimeoutExpired as error:
        raise TooSlow(f"the workload has not ended in {within:g} s") from error
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
