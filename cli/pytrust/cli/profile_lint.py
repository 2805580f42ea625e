"""``pytrust profile lint`` and ``audit``: what is wrong with a profile, and what is dangerous in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from pytrust.cli import voice
from pytrust.cli.arguments import json_option
from pytrust.cli.profile_files import read_profile
from pytrust.cli.profile_host import this_host
from pytrust.trust.errors import BadContent, ExitCode, Unsound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytrust.policy.profiles.lint.audit import Exposure
    from pytrust.policy.profiles.lint.finding import Finding, Setting
    from pytrust.policy.profiles.model import Evidence, Profile

_ANY: Final = "any"
_TOLD: Final = 2  # pieces of evidence in a row of the table

_arch_option = click.option(
    "--arch", default="", metavar="ARCH", help="Of the host, as Go calls it [default: this one's]."
)
_engine_option = click.option("--engine", default="", metavar="VERSION", help="Of the engine [default: a current one].")


@click.command(
    epilog="""\b
examples:
  pytrust profile lint web.json
  pytrust profile lint seccomp.json --engine 20.10.24 --runc 1.1.5
  pytrust profile lint docker-default --json"""
)
@click.argument("profile")
@_arch_option
@_engine_option
@click.option(
    "--runc", metavar="VERSION", help="Of the runtime; also tell what it needs and PROFILE refuses, or any (all known)."
)
@json_option
def lint(profile: str, arch: str, engine: str, runc: str | None, as_json: bool) -> int:
    """What in PROFILE does not do what it says, or will surprise.

    The runtime's own calls are joined when the proxy applies a profile, so they are looked at with --runc only. Exit
    code 1 when there is an error; warnings alone are 0.
    """
    from pytrust.policy.profiles.lint.check import Severity
    from pytrust.policy.profiles.lint.check import lint as linted

    found = read_profile(profile)
    findings = linted(found, _setting(found, arch, engine, runc))
    (voice.say_json([one._asdict() for one in findings]) if as_json else _say_findings(findings, profile))
    return ExitCode.NO if any(one.severity is Severity.ERROR for one in findings) else ExitCode.YES


@click.command(
    epilog="""\b
examples:
  pytrust profile audit web.json
  pytrust profile audit docker-default --json"""
)
@click.argument("profile")
@_arch_option
@_engine_option
@json_option
def audit(profile: str, arch: str, engine: str, as_json: bool) -> int:
    """The dangerous calls that PROFILE lets through, and what shows that the image needs them.

    Evidence is what was recorded, what failed without it, and what the runtime needs. Exit code 1 when something
    dangerous is open without any.
    """
    from pytrust.policy.profiles.lint.audit import audit as audited

    found = audited(read_profile(profile), this_host(arch, engine))
    (voice.say_json([_exposure_json(one) for one in found]) if as_json else _say_exposures(found, profile))
    return ExitCode.YES if all(one.excused for one in found) else ExitCode.NO


def _setting(profile: Profile, arch: str, engine: str, runc: str | None) -> Setting:
    from pytrust.policy.profiles.floor import floor
    from pytrust.policy.profiles.lint.finding import Setting

    host = this_host(arch, engine)
    setting = _of_library(profile, Setting(host))
    if runc is None:
        return setting
    return setting._replace(floor=floor("" if runc == _ANY else runc, profile.no_new_privileges))


def _of_library(profile: Profile, setting: Setting) -> Setting:
    """With what this host's libseccomp makes of the profile, where there is one."""
    from pytrust.policy.profiles.seccomp.compile import compile_program, unknown_names
    from pytrust.policy.profiles.seccomp.resolve import resolve
    from pytrust.policy.profiles.seccomp.syscalls import arch_of

    host = setting.host._replace(capabilities=frozenset(profile.capabilities))
    resolved = resolve(profile.seccomp, host)
    try:
        setting = setting._replace(unknown=unknown_names(resolved))
        return setting._replace(instructions=len(compile_program(resolved, arch_of(host.arch))))
    except Unsound:
        return setting
    except BadContent as error:
        return setting._replace(refused=str(error))


def _say_findings(findings: Sequence[Finding], profile: str) -> None:
    if not findings:
        voice.say(f"{profile}: nothing to find fault with")
    for one in findings:
        voice.say(f"{one.severity} {one.code}: {one.place}: {one.text}")
        voice.say(f"  hint: {one.hint}")


def _say_exposures(found: Sequence[Exposure], profile: str) -> None:
    if not found:
        voice.say(f"{profile}: nothing dangerous is open")
        return
    voice.table(("OPEN", "WHY IT IS DANGEROUS", "EVIDENCE"), [_row(one) for one in found])
    open_ = sum(not one.excused for one in found)
    voice.say(f"{profile}: {len(found)} dangerous, {open_} of them without evidence")


def _row(one: Exposure) -> tuple[str, str, str]:
    from pytrust.policy.profiles.compare.difference import short
    from pytrust.policy.profiles.names import AARCH64, X86_64

    own = {X86_64, AARCH64}.intersection(one.arches)
    where = "" if own else f" ({', '.join(map(short, one.arches))})"
    examples = f" ({', '.join(one.danger.examples)})" if one.danger.examples else ""
    note = f"; {one.note}" if one.note else ""
    told = "; ".join(map(_evidence, one.evidence[:_TOLD]))
    shown = told if one.excused else f"no evidence{f': {told}' if told else ''}"
    return f"{one.subject}{where}", f"{one.danger.why}{examples}{note}", shown


def _evidence(one: Evidence) -> str:
    times = f" {one.count} times" if one.count else ""
    return f"{one.why}{times}{f', {one.note}' if one.note else ''}"


def _exposure_json(one: Exposure) -> dict[str, object]:
    from msgspec import to_builtins

    return {
        "subject": one.subject,
        "why": one.danger.why,
        "examples": list(one.danger.examples),
        "note": one.note,
        "architectures": list(one.arches),
        "excused": one.excused,
        "evidence": to_builtins(one.evidence),
    }
