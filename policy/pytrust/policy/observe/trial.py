"""A trial: one container of an image, confined in one way, and a workload that is run against it from outside. Values.

Who runs trials is a ``Laboratory`` (``observe.laboratory``); recorders, the search for capabilities and the proof of a
profile ask it for as many as they need, each in a container of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from pytrust.policy.profiles.names import Capability


class RunOptions(NamedTuple):
    """What a user would give ``docker run``, besides how it is confined.

    ``mounts`` read ``/host:/container[:ro]``, ``tmpfs`` ``/path[:options]``, ``publish`` as with ``-p``,
    ``environment`` ``NAME=value``. Empty ``entrypoint`` and ``command`` are the image's own.
    """

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    tmpfs: tuple[str, ...] = ()
    publish: tuple[str, ...] = ()
    network: str = ""
    user: str = ""
    hostname: str = ""


class Confinement(NamedTuple):
    """How the container is confined.

    ``seccomp`` is the text of a Docker seccomp file, ``unconfined``, or empty for the engine's own; ``capabilities``
    are dropped but for these, None leaves Docker's; ``apparmor`` is the name of a loaded profile or empty.
    """

    seccomp: str = ""
    capabilities: tuple[Capability, ...] | None = None
    no_new_privileges: bool = True
    read_only: bool = False
    apparmor: str = ""


class Live(NamedTuple):
    """A container that runs: full id, process id of its first process on this host, and its control group's path."""

    container: str
    pid: int
    cgroup: str


class Outcome(NamedTuple):
    """How a trial ended.

    ``started``: the engine started it; ``workload`` is the exit status of the workload, None where it was not run or
    did not end in time; ``exit`` that of the container when it was stopped, None where it did not stop within
    ``grace``; ``complaint`` what the engine or the container said, in one line.
    """

    started: bool
    workload: int | None
    exit: int | None
    complaint: str = ""

    @property
    def good(self) -> bool:
        """It started, the workload said yes, and it stopped by itself when it was told to."""
        return self.started and self.workload == 0 and self.exit is not None


class EngineKind(NamedTuple):
    """Versions as the engine tells them, such as ``20.10.24``, ``1.1.5``, ``6.1``; ``arch`` is Go's name."""

    version: str
    runc: str
    kernel: str
    arch: str
    apparmor: bool = False


class Laboratory(Protocol):
    """Runs trials, one at a time, on one engine, and leaves nothing behind."""

    def run(
        self, image: str, options: RunOptions, confinement: Confinement, workload: Callable[[Live], int]
    ) -> Outcome:
        """One trial: made, started, ``workload`` run until it gives its status, stopped, removed. Never hangs.

        Raises:
            Unreachable, AccessDenied, BadContent, ServerError: the engine cannot be used at all.
        """

    def engine(self) -> EngineKind:
        """What the engine is made of."""

    def brought_in(self, container: str) -> frozenset[int]:
        """The processes on this host that ``exec`` began in a container that still is, ended ones too."""
