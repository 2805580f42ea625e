"""A workload that is a command on this host: what is done to a container while it is watched, or proven.

It finds the container in its environment: ``PYTRUST_CONTAINER`` is the full id, for ``docker exec`` and the like, and
``PYTRUST_PID`` the process id of its first process on this host, 0 where it runs elsewhere or has ended.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from pytrust.policy.observe.trial import Live
from pytrust.trust.errors import TooSlow, UsageError
from pytrust.trust.limits import TRIAL_WORKLOAD_TIMEOUT

CONTAINER: Final = "PYTRUST_CONTAINER"
PID: Final = "PYTRUST_PID"


def command(
    words: Sequence[str], environment: Mapping[str, str], within: float = TRIAL_WORKLOAD_TIMEOUT
) -> Callable[[Live], int]:
    """A workload that runs ``words``, without a shell, and gives its exit status.

    What it says goes to our stderr, so that our stdout holds the answer only. It is killed with all its children
    ``within`` seconds (it then raises ``TooSlow``), and when we are interrupted. It raises ``UsageError`` where the
    program is none.
    """

    def run(live: Live) -> int:
        given = {**environment, CONTAINER: live.container, PID: str(live.pid)}
        try:
            process = subprocess.Popen(
                list(words), env=given, stdin=subprocess.DEVNULL, stdout=sys.stderr.fileno(), start_new_session=True
            )
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise UsageError(f"the workload {words[0]} cannot be run: {reason}", hint="give it as a path") from error
        return _wait(process, within)

    return run


def _wait(process: subprocess.Popen[bytes], within: float) -> int:
    try:
        return process.wait(within)
    except subprocess.TimeoutExpired as error:
        raise TooSlow(f"the workload has not ended in {within:g} s") from error
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
