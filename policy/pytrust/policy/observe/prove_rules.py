"""What can be known of a profile without running an image under it, for one engine.

The runtime's floor; the meaning of the rules against the program that libseccomp makes of them; that program against
this host's kernel; and whether the AppArmor part compiles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from pytrust.policy.observe.proof import Answer, some
from pytrust.policy.observe.trial import EngineKind
from pytrust.policy.profiles.apparmor.parser import compile_text
from pytrust.policy.profiles.apparmor.text import apparmor_text
from pytrust.policy.profiles.applied import applied, host_of
from pytrust.policy.profiles.floor import Floors, missing_floor
from pytrust.policy.profiles.model import Profile, Seccomp
from pytrust.policy.profiles.names import GoArch
from pytrust.policy.profiles.parts import EngineParts
from pytrust.policy.profiles.seccomp.bpf import Program
from pytrust.policy.profiles.seccomp.compile import compile_program, unknown_names
from pytrust.policy.profiles.seccomp.docker_json import docker_text, parse_docker
from pytrust.policy.profiles.seccomp.generation import generation_of, losses
from pytrust.policy.profiles.seccomp.kernel_check import disagreements, probes_of
from pytrust.policy.profiles.seccomp.resolve import resolve
from pytrust.policy.profiles.seccomp.simulate import Row, simulate
from pytrust.policy.profiles.seccomp.syscalls import arch_of
from pytrust.trust.errors import PytrustError, Refused

_NAME: Final = "pytrust-verify"

Look = tuple[str, Callable[[], Answer]]
"""A name, and what finds the answer; it may raise ``Refused`` for a no."""


class OnEngine(NamedTuple):
    """A profile as one engine gets it: ``text`` is the seccomp file, ``seccomp`` what it says."""

    profile: Profile
    parts: EngineParts
    text: str
    seccomp: Seccomp
    measured: Floors


def on_engine(profile: Profile, kind: EngineKind, measured: Floors, *, as_is: bool) -> OnEngine:
    """With the floor that is joined whenever a profile is applied; ``as_is`` without.

    Raises:
        BadContent: the profile is none for Docker.
    """
    parts = EngineParts(
        version=kind.version, runc=kind.runc, kernel=kind.kernel, arch=GoArch(kind.arch), apparmor=kind.apparmor
    )
    text = docker_text(profile.seccomp) if as_is else applied(profile, parts, measured)
    return OnEngine(profile, parts, text, parse_docker(text.encode(), profile.name or "the profile"), measured)


def looks(subject: OnEngine) -> Iterator[Look]:
    """What is to be looked at, in order; each look may rely on those before it."""
    yield "floor", lambda: _floor(subject)
    made: list[_Compiled] = []

    def meaning() -> Answer:
        made.append(_compile(subject))
        return _meaning(made[0])

    yield "meaning", meaning
    if made:
        yield "kernel", lambda: _kernel(made[0])
    if subject.profile.apparmor is not None:
        yield "apparmor", lambda: _apparmor(subject)


class _Compiled(NamedTuple):
    program: Program
    rows: tuple[Row, ...]
    probes: int
    differences: tuple[str, ...]
    lost: tuple[str, ...]


def _floor(subject: OnEngine) -> Answer:
    runc = subject.parts.runc
    lacking = missing_floor(subject.seccomp, runc, subject.profile.no_new_privileges, subject.measured)
    if lacking:
        return False, f"it refuses what runc {runc} needs, which can hang the engine: {some(lacking)}"
    return True, f"it lets runc {runc} through"


def _compile(subject: OnEngine) -> _Compiled:
    host = host_of(subject.parts, subject.profile.capabilities)
    arch, resolved = arch_of(host.arch), resolve(subject.seccomp, host)
    program = compile_program(resolved, arch)
    found = simulate(resolved, arch, program, unknown_names(resolved))
    differences = tuple(f"{one.name or one.number} is {one.program}, not {one.meaning}" for one in found.differences)
    lost = losses(subject.seccomp, generation_of(subject.parts.version))
    return _Compiled(program, found.rows, found.probes, differences, lost)


def _meaning(made: _Compiled) -> Answer:
    if made.differences:
        return False, f"libseccomp makes something else of the rules: {some(made.differences)}"
    size = f"{made.probes} probes of {len(made.rows)} calls agree, {len(made.program)} instructions"
    return True, "; ".join((size, *made.lost))


def _kernel(made: _Compiled) -> Answer:
    probes = probes_of(made.rows)
    try:
        wrong = disagreements(made.program, probes)
    except PytrustError as error:
        return None, str(error)
    if wrong:
        return False, f"the kernel does something else with the calls {some([str(one.probe.number) for one in wrong])}"
    return True, f"the kernel agrees on {len(probes)} calls"


def _apparmor(subject: OnEngine) -> Answer:
    try:
        size = len(compile_text(apparmor_text(subject.profile, _NAME)))
    except Refused:
        raise
    except PytrustError as error:
        return None, str(error)
    enforced = "it is not run under it" if subject.parts.apparmor else "the engine's kernel does not enforce it"
    return True, f"it compiles to {size} bytes; {enforced}"
