"""What a profile meets where it is used: the engine, its runtime, the host's architecture and libseccomp. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pytrust.policy.profiles.compare.difference import short
from pytrust.policy.profiles.compare.strangers import known_names
from pytrust.policy.profiles.floor import refused
from pytrust.policy.profiles.lint.finding import Code, Finding, Setting, error, warning
from pytrust.policy.profiles.lint.openings import Openings
from pytrust.policy.profiles.lint.text import place_of
from pytrust.policy.profiles.model import Profile, Rule
from pytrust.policy.profiles.names import Syscall
from pytrust.policy.profiles.seccomp.docker_default import docker_default
from pytrust.policy.profiles.seccomp.generation import losses
from pytrust.policy.profiles.seccomp.syscalls import SPELLINGS, arch_of, table

_INSTRUCTIONS_MAX: Final = 4096  # BPF_MAXINSNS of the kernel


def surroundings(profile: Profile, found: Openings, setting: Setting) -> Iterator[Finding]:
    """What does not go together."""
    yield from _architectures(profile, found, setting)
    yield from _elsewhere(profile, found)
    yield from _library(profile, setting)
    for lost in losses(profile.seccomp, setting.host.generation):
        yield warning(Code.FIELD_LOST, "for this engine", lost, "use an engine from 23 on, or a rule for each call")
    if missing := refused(found.resolved, setting.floor):
        text = f"the runtime needs {', '.join(missing)}: containers fail to start, or hang"
        yield error(Code.FLOOR_MISSING, "syscalls", text, "let the proxy join them, or: pytrust profile export --runc")
    if setting.instructions is not None and setting.instructions > _INSTRUCTIONS_MAX:
        text = f"{setting.instructions} instructions, of {_INSTRUCTIONS_MAX} that the kernel takes"
        yield error(Code.TOO_LONG, "syscalls", text, "join rules, and drop architectures")


def _architectures(profile: Profile, found: Openings, setting: Setting) -> Iterator[Finding]:
    native = arch_of(setting.host.arch)
    listed = {*profile.seccomp.architectures, *(one.architecture for one in profile.seccomp.arch_map)}
    for arch in sorted(listed - SPELLINGS):
        yield error(Code.ARCH_UNKNOWN, "architectures", f"{arch} is no architecture", "SCMP_ARCH_X86_64, for example")
    if listed and native not in found.resolved.architectures:
        text = f"{short(native)} is not there: the runtime filters it, but does not answer ENOSYS to unknown calls"
        yield warning(Code.ARCH_MISSING, "architectures", text, f"add {native}")


def _elsewhere(profile: Profile, found: Openings) -> Iterator[Finding]:
    """Names of another architecture, where no condition says so; Docker's own list has those of all."""
    here = {name for arch in found.filters for name in table(arch)}
    common = {name for rule in docker_default().rules for name in rule.names}
    for number, rule in enumerate(profile.seccomp.rules, 1):
        if rule.includes.arches:
            continue
        if foreign := sorted({*rule.names} & known_names() - here - common):
            text = f"{', '.join(foreign)}: no call of the architectures that are filtered"
            yield warning(Code.NAME_ELSEWHERE, place_of(number, rule), text, "leave it out")


def _library(profile: Profile, setting: Setting) -> Iterator[Finding]:
    for number, rule in enumerate(profile.seccomp.rules, 1):
        if lost := sorted(_lost(rule, setting)):
            text = f"the libseccomp of this host does not know {', '.join(lost)}: the runtime drops them"
            yield warning(Code.NAME_NOT_ON_HOST, place_of(number, rule), text, "install a newer libseccomp")


def _lost(rule: Rule, setting: Setting) -> set[Syscall]:
    return {*rule.names} & {*(setting.unknown or ())}
