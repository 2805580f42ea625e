"""What a profile does that its author may not have meant, or that makes it weak. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from pytrust.policy.profiles.compare.answers import Answers, answers
from pytrust.policy.profiles.compare.difference import openness, short
from pytrust.policy.profiles.compare.plain import is_plain
from pytrust.policy.profiles.compare.regions import Budget, cases
from pytrust.policy.profiles.dangerous import NAMESPACES
from pytrust.policy.profiles.lint.finding import Code, Finding, error, warning
from pytrust.policy.profiles.lint.openings import Openings
from pytrust.policy.profiles.lint.parameters import NARROW
from pytrust.policy.profiles.model import Profile
from pytrust.policy.profiles.names import Action, Arch, Capability, Syscall
from pytrust.policy.profiles.seccomp.syscalls import MULTIPLEXED, X32, X86, names
from pytrust.policy.profiles.seccomp.verdict import ENOSYS
from pytrust.trust.limits import PROFILE_WORK_MAX

_CLONE: Final = Syscall("clone")
_CLONE3: Final = Syscall("clone3")
_UPPER: Final = 1 << 32
_KILLS: Final = frozenset({Action.KILL_PROCESS, Action.KILL_THREAD, Action.TRAP})
_TRIED_FIRST: Final = """
clone3 close_range epoll_pwait2 faccessat2 fchmodat2 futex_waitv getrandom io_uring_setup membarrier memfd_create
openat2 pidfd_open rseq statx
"""
_FALLBACKS: Final = tuple(map(Syscall, _TRIED_FIRST.split()))
"""Calls that C libraries and runtimes try first, and do without when they fail with ENOSYS."""


def meaning(profile: Profile, found: Openings) -> Iterator[Finding]:
    """By what becomes of calls."""
    for part in (_default, _upper_halves, _tangles, _multiplexers, _threads, _together):
        yield from part(profile, found)
    yield from _fallbacks(found)


def _default(profile: Profile, found: Openings) -> Iterator[Finding]:
    seccomp = profile.seccomp
    if openness(seccomp.default):
        text = f"the default is {seccomp.default}: every call that no rule names goes through"
        yield error(Code.OPEN_DEFAULT, "defaultAction", text, "refuse by default: SCMP_ACT_ERRNO")
    elif not any(openness(rule.action) for rule in found.resolved.rules):
        yield error(Code.EMPTY, "syscalls", "nothing is let through: no program starts", "record what the image needs")
    asks = any(rule.action is Action.NOTIFY for rule in found.resolved.rules)
    if asks and not found.resolved.listener_path:
        text = "SCMP_ACT_NOTIFY without a listener: no container starts"
        yield error(Code.LISTENER_MISSING, "listenerPath", text, "name the listener's socket; before 23, there is none")


def _upper_halves(_: Profile, found: Openings) -> Iterator[Finding]:
    """A number that is refused, and let through with a bit set that the kernel does not look at."""
    for name, places in NARROW.items():
        for arch, said in found.said(name).items():
            for index in sorted(places):
                if arch in found.wide() and (value := _hidden(said, index)) is not None:
                    high = value | _UPPER
                    text = f"argument {index} = {value:#x} is refused, {high:#x} is not: the kernel reads 32 bits"
                    hint = "let single values through (SCMP_CMP_EQ), or compare with SCMP_CMP_MASKED_EQ"
                    yield error(Code.UPPER_HALF, f"{name} ({short(arch)})", text, hint)


def _tangles(_: Profile, found: Openings) -> Iterator[Finding]:
    for arch, loaded in found.filters.items():
        for number in sorted(loaded.cases):
            if not is_plain(answers(loaded, number)):
                text = "libseccomp may make a program that does something else than these conditions say"
                hint = "compare one argument below 2**32, or for equality only; or see: pytrust profile simulate"
                yield warning(Code.TANGLED, f"{names(arch)[number]} ({short(arch)})", text, hint)


def _hidden(said: Answers, index: int) -> int | None:
    conditions = {arg for args, _ in said.rules for arg in args}
    if not any(arg.index == index for arg in conditions):
        return None
    for args in cases(conditions, 64, Budget(PROFILE_WORK_MAX)) or ():
        value = args[index] % _UPPER
        low, high = ((*args[:index], one, *args[index + 1 :]) for one in (value, value | _UPPER))
        if openness(said.to(high, wide=True).action) > openness(said.to(low, wide=True).action):
            return value
    return None


def _multiplexers(_: Profile, found: Openings) -> Iterator[Finding]:
    """On 32-bit x86, calls with conditions can be made through one whose arguments lie behind a pointer."""
    for through in ("socketcall", "ipc"):
        members = [name for name, (one, _) in MULTIPLEXED.items() if one == through and _has_conditions(name, found)]
        if members and X86 in found.where(Syscall(through)):
            text = f"goes past the conditions for {', '.join(members)}: its arguments lie behind a pointer"
            hint = "drop the architecture SCMP_ARCH_X86, or refuse the call there"
            yield warning(Code.MULTIPLEXER, f"{through} (x86)", text, hint)
    if X32 in found.filters:
        text = "each call can also be made by its number for x32, which hardly any program does"
        yield warning(Code.X32_OPEN, "architectures", text, "drop SCMP_ARCH_X32")


def _has_conditions(name: Syscall, found: Openings) -> bool:
    return any(rule.args for rule in found.resolved.rules if name in rule.names)


def _threads(profile: Profile, found: Openings) -> Iterator[Finding]:
    if Capability("SYS_ADMIN") in profile.capabilities:
        return
    flags = [flag.name for flag in NAMESPACES if found.where(_CLONE, partial(_makes, flag.value))]
    if flags:
        text = f"makes namespaces: {', '.join(flags)}"
        yield warning(Code.CLONE_OPEN, _CLONE, text, "let it through with these flags off: SCMP_CMP_MASKED_EQ")
    if found.where(_CLONE3):
        text = "makes namespaces: its flags lie behind a pointer"
        yield warning(Code.CLONE3_OPEN, _CLONE3, text, f"answer with error {ENOSYS}: libraries use clone then")
    elif found.where(_CLONE):
        yield from _clone3(found)


def _clone3(found: Openings) -> Iterator[Finding]:
    for arch, said in found.said(_CLONE3).items():
        verdict = said.to((0,) * 6, wide=True)
        if verdict.action is Action.ERRNO and verdict.errno != ENOSYS:
            text = f"fails with error {verdict.errno}: C libraries make no thread then"
            yield error(Code.CLONE3_ERRNO, f"{_CLONE3} ({short(arch)})", text, f"answer with {ENOSYS} (ENOSYS)")


def _makes(flag: int, said: Answers, wide: bool) -> bool:
    return bool(openness(said.to((flag, 0, 0, 0, 0, 0), wide=wide).action))


def _together(_: Profile, found: Openings) -> Iterator[Finding]:
    tracing = [name for name in ("ptrace", "process_vm_readv", "process_vm_writev") if found.where(Syscall(name))]
    if tracing:
        text = "reads and writes other processes of the container"
        yield warning(Code.TRACING, ", ".join(tracing), text, "leave it to images for debugging")
    if found.where(Syscall("memfd_create")) and found.where(Syscall("execveat")):
        text = "run programs that are in no file: AppArmor sees no path"
        yield warning(Code.FILELESS, "memfd_create, execveat", text, "let one of the two through")


def _fallbacks(found: Openings) -> Iterator[Finding]:
    killed: dict[Arch, list[str]] = {}
    for name in _FALLBACKS:
        for arch, said in found.said(name).items():
            if said.to((0,) * 6, wide=True).action in _KILLS:
                killed.setdefault(arch, []).append(name)
    for arch, calls in killed.items():
        text = f"kills programs that try {', '.join(calls)} and would do without"
        yield warning(Code.KILLS_FALLBACK, f"defaultAction ({short(arch)})", text, "answer those with 38 (ENOSYS)")
