"""``pytrust profile simulate`` and ``explain``: what a profile does with system calls, without running anything."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from pytrust.cli import voice
from pytrust.cli.arguments import json_option
from pytrust.cli.profile_files import read_profile
from pytrust.cli.profile_host import this_host
from pytrust.trust.errors import ExitCode, Unsound, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytrust.policy.profiles.model import Evidence, Profile
    from pytrust.policy.profiles.names import Arch, Syscall
    from pytrust.policy.profiles.seccomp.evaluate import Args
    from pytrust.policy.profiles.seccomp.explain import Explanation
    from pytrust.policy.profiles.seccomp.resolve import Host
    from pytrust.policy.profiles.seccomp.simulate import Difference, Row, Simulation

_ARGS: Final = 6
_WIDTH: Final = 100  # of a line with names

_arch_option = click.option(
    "--arch", default="", metavar="ARCH", help="Of the host, as Go calls it [default: this one's]."
)
_engine_option = click.option("--engine", default="", metavar="VERSION", help="Of the engine [default: a current one].")


class _Run(NamedTuple):
    """``instructions`` is the length of the program, None where there is no libseccomp to make it."""

    simulation: Simulation
    losses: tuple[str, ...]
    unknown: tuple[Syscall, ...]
    instructions: int | None


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
    (voice.say_json(_run_json(run)) if as_json else _say_run(run))
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
    (voice.say_json(_explanation_json(explanation, evidence)) if as_json else _say(syscall, explanation, evidence))
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


def _run(profile: Profile, host: Host) -> _Run:
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
        return _Run(simulated(resolved, arch), lost, (), None)
    return _Run(simulated(resolved, arch, program, unknown), lost, _existing(unknown, arch), len(program))


def _existing(unknown: frozenset[Syscall], arch: Arch) -> tuple[Syscall, ...]:
    from pytrust.policy.profiles.seccomp.syscalls import table

    return tuple(sorted(unknown & table(arch).keys()))


def _groups(rows: Sequence[Row]) -> dict[tuple[Arch, str], list[Row]]:
    """By architecture and what becomes of them."""
    groups: dict[tuple[Arch, str], list[Row]] = {}
    for row in rows:
        if row.name:
            groups.setdefault((row.arch, _words(row)), []).append(row)
    return groups


def _words(row: Row) -> str:
    from pytrust.policy.profiles.seccomp.explain import words

    return " or ".join(sorted(map(words, row.verdicts)))


def _say_run(run: _Run) -> None:
    rows = run.simulation.rows
    groups = _groups(rows)
    voice.table(
        ("ARCHITECTURE", "CALLS", "WHAT BECOMES OF THEM"),
        [(arch, str(len(members)), what) for (arch, what), members in groups.items()],
    )
    own = rows[0].arch
    for (arch, what), members in groups.items():
        if arch == own:
            voice.say("")
            voice.say(f"{what}:")
            _say_names([row.name for row in members])
    _note_run(run)


def _say_names(names: Sequence[str]) -> None:
    import textwrap

    for line in textwrap.wrap(" ".join(names), _WIDTH, break_long_words=False, break_on_hyphens=False):
        voice.say(f"  {line}")


def _note_run(run: _Run) -> None:
    for loss in run.losses:
        voice.note(f"note: the engine does not do all: {loss}")
    if run.unknown:
        voice.note(f"note: the libseccomp of this host does not know {', '.join(run.unknown)}: their rules are lost")
    for row in run.simulation.rows:
        if row.cut:
            voice.note(f"note: {row.name} has more combinations of arguments than are tried")
    if run.instructions is None:
        voice.note("note: libseccomp is not installed: no program was made and compared")
        return
    for difference in run.simulation.differences:
        voice.note(f"libseccomp makes something else of it: {_difference_words(difference)}")
    if not run.simulation.differences:
        voice.note(f"the program of {run.instructions} instructions does the same, {run.simulation.probes} calls tried")


def _difference_words(one: Difference) -> str:
    args = ", ".join(map(hex, one.args))
    return f"{one.name or one.number}({args}) on {one.arch}: {one.program}, where the rules say {one.meaning}"


def _run_json(run: _Run) -> dict[str, Any]:
    rows = [row for row in run.simulation.rows if row.name]
    return {
        "architectures": {
            arch: dict(Counter(_words(row) for row in rows if row.arch == arch))
            for arch in dict.fromkeys(row.arch for row in rows)
        },
        "calls": [
            {"arch": row.arch, "name": row.name, "number": row.number, "verdicts": list(map(str, row.verdicts))}
            for row in rows
        ],
        "losses": list(run.losses),
        "unknown_to_libseccomp": list(run.unknown),
        "incomplete": [row.name for row in rows if row.cut],
        "tried": run.simulation.probes,
        "instructions": run.instructions,
        "differences": [_difference_json(one) for one in run.simulation.differences],
    }


def _difference_json(one: Difference) -> dict[str, Any]:
    return {
        "arch": one.arch,
        "name": one.name,
        "number": one.number,
        "args": list(one.args),
        "rules": str(one.meaning),
        "program": str(one.program),
    }


def _say(syscall: str, explanation: Explanation, evidence: Sequence[Evidence]) -> None:
    from pytrust.policy.profiles.seccomp.explain import words

    what = f"{words(explanation.verdict)}: {explanation.why}" if explanation.verdict else explanation.why
    voice.say(f"{syscall} (number {explanation.number}): {what}")
    for rule in explanation.rules:
        state = f" (left out here: {rule.left_out})" if rule.left_out else ""
        voice.say(f"  rule {rule.number}: {rule.text}{state}")
    if explanation.verdict is None:
        voice.say(f"  otherwise: {words(explanation.default)}")
    for one in evidence:
        voice.say(f"  {one.subject}: {one.why}{f', {one.count} times' if one.count else ''}{_after(one.note)}")


def _after(note: str) -> str:
    return f": {note}" if note else ""


def _explanation_json(explanation: Explanation, evidence: Sequence[Evidence]) -> dict[str, Any]:
    return {
        "number": explanation.number,
        "verdict": str(explanation.verdict) if explanation.verdict else None,
        "why": explanation.why,
        "default": str(explanation.default),
        "rules": [rule._asdict() for rule in explanation.rules],
        "evidence": [
            {"subject": one.subject, "why": one.why.value, "count": one.count, "note": one.note} for one in evidence
        ],
    }
