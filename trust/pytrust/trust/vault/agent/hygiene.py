"""What a process does that holds keys: no core file, no debugger of the same user, no swap. Best effort.

What this does not do: root reads the memory of every process, and copies that Python or a library made of a value stay
until their memory is used again.
"""

from __future__ import annotations

import ctypes
import os
import resource
from typing import Final

_PR_SET_DUMPABLE: Final = 4  # prctl(2)
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4  # mlockall(2)


def harden() -> None:
    """Harden this process; what the system does not let us do is left out."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = keep_to_itself()
    if _may_lock_everything():
        libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT)


def keep_to_itself() -> ctypes.CDLL:
    """No core file of this program, wherever the system would send it, and no debugger; what it starts has its own."""
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    return libc


def _may_lock_everything() -> bool:
    """With a limit, a lock on all that is to come would one day make memory run out instead."""
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    return os.geteuid() == 0 or soft == resource.RLIM_INFINITY
