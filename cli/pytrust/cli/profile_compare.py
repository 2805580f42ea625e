"""``pytrust profile diff``, ``merge`` and ``intersect``: profiles held against each other by what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from pytrust.cli import voice
from pytrust.cli.arguments import json_option
from pytrust.cli.profile_files import STDIN, read_profile, write_profile
from pytrust.cli.profile_host import this_host
from pytrust.trust.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytrust.policy.profiles.compare.combine import Combined
    from pytrust.policy.profiles.compare.difference import Change, Difference
    from pytrust.policy.profiles.model import Profile
    from pytrust.policy.profiles.seccomp.resolve import Host

_ROWS: Final = 20  # of what is not wider; all of that is told
_PAIR: Final = 2

_arch_option = click.option(
    "--arch", default="", metavar="ARCH", help="Of the host, as Go calls it [default: this one's]."
)
_engine_option = click.option("--engine", default="", metavar="VERSION", help="Of the engine [default: a current one].")
_output_option = click.option(
    "-o", "--output", default=STDIN, metavar="FILE", help="Where the profile goes [default: stdout]."
)


@click.command(
    epilog="""\b
examples:
  pytrust profile diff docker-default web.json
  pytrust profile diff web.json web-new.json --engine 20.10.24
  pytrust profile diff web.json seccomp.json --json"""
)
@click.argument("before")
@click.argument("after")
@_arch_option
@_engine_option
@json_option
def diff(before: str, after: str, arch: str, engine: str, as_json: bool) -> int:
    """What AFTER lets through that BEFORE does not, and the other way round.

    Both are files of ours, seccomp files of Docker, or docker-default. Compared are all system calls with all arguments
    on every architecture that the host runs, and capabilities, user, root file system and AppArmor's rules. Exit code 1
    when AFTER is wider.
    """
    from pytrust.policy.profiles.compare.diff import diff as difference

    found = difference(read_profile(before), read_profile(after), this_host(arch, engine))
    (voice.say_json(_json(found)) if as_json else _say(found, before, after))
    return ExitCode.NO if found.widened else ExitCode.YES


@click.command(
    epilog="""\b
examples:
  pytrust profile merge monday.json tuesday.json -o web.json
  pytrust profile merge web.json extra.json cron.json > all.json"""
)
@click.argument("profiles", nargs=-1, required=True)
@_arch_option
@_engine_option
@_output_option
def merge(profiles: tuple[str, ...], arch: str, engine: str, output: str) -> int:
    """One profile that lets through what any of PROFILES does, with the evidence of all.

    Never narrower than any of them. Where no profile can say it exactly, it is wider, and that is told.
    """
    from pytrust.policy.profiles.compare.combine import merge as merged

    return _combine(profiles, merged, this_host(arch, engine), output)


@click.command(
    epilog="""\b
examples:
  pytrust profile intersect web.json docker-default -o web.json
  pytrust profile intersect web.json company.json > both.json"""
)
@click.argument("profiles", nargs=-1, required=True)
@_arch_option
@_engine_option
@_output_option
def intersect(profiles: tuple[str, ...], arch: str, engine: str, output: str) -> int:
    """One profile that lets through what all of PROFILES do.

    Never wider than any of them. Where no profile can say it exactly, it is narrower, and that is told.
    """
    from pytrust.policy.profiles.compare.combine import intersect as intersected

    return _combine(profiles, intersected, this_host(arch, engine), output)


def _combine(
    places: Sequence[str], combine: Callable[[Profile, Profile, Host], Combined], host: Host, output: str
) -> int:
    if len(places) < _PAIR:
        raise UsageError("one profile alone is not combined", hint="give two or more")
    result, *others = map(read_profile, places)
    for other in others:
        result, inexact = combine(result, other, host)
        for phrase in inexact:
            voice.note(f"note: {phrase}")
    write_profile(result, output)
    return ExitCode.YES


def _say(found: Difference, before: str, after: str) -> None:
    rows = [("wider", *change) for change in found.widened]
    rows += [*_some("narrower", found.narrowed), *_some("other", found.errno_changed)]
    if not rows:
        voice.say(f"{after} lets through the same as {before}")
        return
    voice.table(("", "WHAT", "BEFORE", "AFTER"), rows)
    verdict = "is wider than" if found.widened else "is not wider than"
    counts = f"{len(found.widened)} wider, {len(found.narrowed)} narrower, {len(found.errno_changed)} otherwise"
    voice.say(f"{after} {verdict} {before}: {counts}")


def _some(word: str, changes: Sequence[Change]) -> list[tuple[str, str, str, str]]:
    rows = [(word, *change) for change in changes[:_ROWS]]
    return rows if len(changes) <= _ROWS else [*rows, (word, f"{len(changes) - _ROWS} more, see --json", "", "")]


def _json(found: Difference) -> dict[str, list[dict[str, str]]]:
    return {
        name: [change._asdict() for change in changes]
        for name, changes in zip(("widened", "narrowed", "errno_changed"), found, strict=True)
    }
