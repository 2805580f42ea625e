"""What was found in an image without running it. Values."""

from __future__ import annotations

from typing import NamedTuple

from pytrust.policy.profiles.names import Capability, Syscall


class Found(NamedTuple):
    """One file that was looked at.

    ``why`` reads ``entrypoint``, ``needed by /usr/bin/redis-server``; ``own`` are the calls whose instruction is in
    this file; ``reached`` counts the functions that can be reached, of ``functions``.
    """

    path: str
    why: str
    own: frozenset[Syscall] = frozenset()
    reached: int = 0
    functions: int = 0


class StaticFinding(NamedTuple):
    """What the programs of an image can reach.

    ``calls`` holds more than will ever be made, and everything that can be made but for what ``unresolved`` lists:
    places whose call, or whose next program, is not written in the file. Each is one line that names file and place.
    ``capabilities`` are hints: what files, user and ports suggest.
    """

    calls: frozenset[Syscall]
    unresolved: tuple[str, ...] = ()
    objects: tuple[Found, ...] = ()
    capabilities: frozenset[Capability] = frozenset()
    hints: tuple[str, ...] = ()
    go: bool = False
