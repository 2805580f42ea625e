"""The host that a profile is looked at for, where nobody names another: this one, with a current engine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pytrust.policy.profiles.seccomp.resolve import Host

_GO_ARCHES: Final = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm",
    "i686": "386",
    "riscv64": "riscv64",
    "s390x": "s390x",
    "ppc64le": "ppc64le",
    "loongarch64": "loong64",
}


def this_host(arch: str = "", engine: str = "") -> Host:
    """Its kernel and no capabilities; ``arch`` in Go's words and the ``engine``'s version where they are given."""
    from pytrust.policy.profiles.names import GoArch
    from pytrust.policy.profiles.seccomp.generation import generation_of
    from pytrust.policy.profiles.seccomp.resolve import Host, kernel_of

    machine = os.uname()
    found = arch or _GO_ARCHES.get(machine.machine, machine.machine)
    return Host(GoArch(found), kernel_of(machine.release), frozenset(), generation_of(engine))
