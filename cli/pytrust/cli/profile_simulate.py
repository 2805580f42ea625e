"""``pytrust profile simulate`` and ``explain``: what a profile does with system calls, without running anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from pytrust.cli import voice
from pytrust.cli.arguments import json_option
from pytrust.cli.profile_files import read_profile
from pytrust.cli.profile_host import this_host
from pytrust.cli.profile_simulate_words import (
    Simulated,
    explanation_json,
    say_explanation,
    say_simulated,
    simulated_json,
)
from pytrust.trust.errors import ExitCode, Unsound, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytrust.policy.profiles.model import Profile
    from pytrust.policy.profiles.names import Arch, Syscall
    from pytrust.policy.profiles.seccomp.evaluate import Args
    from pytrust.policy.profiles.seccomp.resolve import Host

_ARGS: Final = 6

_arch_option = click.option(
    "--arch", default="", metavar="ARCH", help="Of the host, as Go calls it [default: this one's]."
)
_engine_option = click.option("--engine", default="", metavar="VERSION", help="Of the engine [default: a current one].")


@click.command(
    epilog="""\b
examples:
  pytrust profile simulate web.json
  pytrust profile simulate docker-default --arch arm64
  pytrust profile simulate seccomp.json --engine 20.10.24 --json"""
)
@click.argument("profile")
@_arch_option
@_engine_option
@json_option
def simulate(profile: str, arch: str, engine: str, as_json: bool) -> int:
    """What becomes of every system call in a container with PROFILE.

    Resolved as an engine does it, for a container with the profile's capabilities; and compared with the program that
    libseccomp makes of it. Exit code 1 when that does something else than the rules say.
    """
    found = read_profile(profile)
    run = _run(found, _host(found, arch, engine))
    (voice.say_json(simulated_json(run)) if as_json else say_simulated(run))
    return ExitCode.NO if run.simulation.differences else ExitCode.YES


@click.command(
    epilog="""\b
examples:
  pytrust profile explain web.json clone3
  pytrust profile explain docker-default socket 38
  pytrust profile explain docker-default clone 0x10000000 --json"""
)
@click.argument("profile")
@click.argument("syscall")
@click.argument("arguments", nargs=-1, metavar="[ARG]...")
@_arch_option
@_engine_option
@json_option
def explain(profile: str, syscall: str, arguments: tuple[str, ...], arch: str, engine: str, as_json: bool) -> int:
    """What becomes of one SYSCALL in a container with PROFILE, by which rule, and why it is open.

    Up to six arguments are numbers, those not given are 0. Without any, all that rules say of them is told.
    """
    from pytrust.policy.profiles.names import Syscall
    from pytrust.policy.profiles.seccomp.explain import evidence_of
    from pytrust.policy.profiles.seccomp.explain import explain as explained

    found, call = read_profile(profile), Syscall(syscall)
    host, unknown = _host(found, arch, engine), _unknown(found)
    explanation = explained(found.seccomp, host, call, _numbers(arguments), unknown)
    evidence = evidence_of(found, call)
    (
        voice.say_json(explanation_json(explanation, evidence))
        if as_json
        else say_explanation(syscall, explanation, evidence)
    )
    if call in unknown:
        voice.note(f"note: the libseccomp of this host does not know {call}: its rules are lost")
    return ExitCode.YES


def _host(profile: Profile, arch: str, engine: str) -> Host:
    return this_host(arch, engine)._replace(capabilities=frozenset(profile.capabilities))


def _unknown(profile: Profile) -> frozenset[Syscall]:
    from pytrust.policy.profiles.model import Resolved
    from pytrust.policy.profiles.seccomp.compile import unknown_names

    try:
        return unknown_names(Resolved(default=profile.seccomp.default, rules=profile.seccomp.rules))
    except Unsound:
        return frozenset()


def _numbers(words: Sequence[str]) -> Args | None:
    if len(words) > _ARGS:
        raise UsageError(f"a system call has {_ARGS} arguments, and {len(words)} are given")
    if not words:
        return None
    a, b, c, d, e, f = (*map(_number, words), *(0,) * (_ARGS - len(words)))
    return a, b, c, d, e, f


def _number(word: str) -> int:
    from pytrust.policy.profiles.model import U64_MAX

    try:
        value = int(word, 0)
    except ValueError:
        raise UsageError(f"{word[:60]!r} is no number", hint="in tens, or as 0x7e020000") from None
    if not -(U64_MAX // 2) - 1 <= value <= U64_MAX:
        raise UsageError(f"{word[:60]} has more than 64 bits")
    return value & U64_MAX


def _run(profile: Profile, host: Host) -> Simulated:
    from pytrust.policy.profiles.seccomp.compile import compile_program, unknown_names
    from pytrust.policy.profiles.seccomp.generation import losses
    from pytrust.policy.profiles.seccomp.resolve import resolve
    from pytrust.policy.profiles.seccomp.simulate import simulate as simulated
    from pytrust.policy.profiles.seccomp.syscalls import arch_of

    resolved, arch = resolve(profile.seccomp, host), arch_of(host.arch)
    lost = losses(profile.seccomp, host.generation)
    try:
        program, unknown = compile_program(resolved, arch), unknown_names(resolved)
    except Unsound:
        return Simulated(simulated(resolved, arch), lost, (), None)
    return Simulated(simulated(resolved, arch, program, unknown), lost, _existing(unknown, arch), len(program))


def _existing(unknown: frozenset[Syscall], arch: Arch) -> tuple[Syscall, ...]:
    from pytrust.policy.profiles.seccomp.syscalls import table

    return tuple(sorted(unknown & table(arch).keys()))
