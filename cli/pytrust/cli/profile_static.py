"""``pytrust profile static``: what the programs of an image could call, found without running them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from pytrust.cli import voice
from pytrust.cli.arguments import json_option
from pytrust.cli.profile_files import read_profile, write_profile
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytrust.policy.profiles.elf.finding import StaticFinding
    from pytrust.policy.profiles.model import Profile
    from pytrust.policy.profiles.names import Syscall

_WIDTH: Final = 100  # of a line with names
_GREY: Final = {"log": "SCMP_ACT_LOG", "errno": "SCMP_ACT_ERRNO"}
_SHOWN: Final = 8  # places that are told one by one; --json has all


@click.command(
    epilog="""\b
examples:
  pytrust profile static foo/web:v2
  pytrust profile static foo/web:v2 --json
  pytrust profile static foo/web:v2 --profile web.json -o web.json
  pytrust profile static foo/web:v2 --profile web.json -o web.json --grey errno
\b
with --profile, calls that the programs can reach and nobody saw are let through and
logged (--grey log), or refused with an error (errno), which is said to be no surprise;
everything else stays refused. Only images of amd64 can be looked at.
this needs: pip install 'pytrust[static]'"""
)
@click.argument("image")
@click.option(
    "--entrypoint", default="", metavar="PROGRAM", help="Instead of what the image starts, as for docker run."
)
@click.option("--profile", "place", metavar="PROFILE", help="Join what was found with this profile.")
@click.option("-o", "--output", "output", metavar="FILE", help="Where the joined profile goes; - is stdout.")
@click.option(
    "--grey", type=click.Choice(list(_GREY)), default="log", show_default=True, help="What becomes of unseen calls."
)
@json_option
@click.pass_obj
def static(
    workspace: Workspace, image: str, entrypoint: str, place: str | None, output: str | None, grey: str, as_json: bool
) -> int:
    """What the programs of IMAGE could call: more than they will, and a bound for what a recording can miss."""
    if (place is None) != (output is None):
        raise UsageError("--profile and -o go together", hint="pytrust profile static IMAGE --profile FILE -o FILE")
    if as_json and output == "-":
        raise UsageError("--json and -o - both want stdout", hint="name a file for the profile")
    profile = read_profile(place) if place is not None else None
    finding = _analyse(workspace, image, entrypoint)
    grown = None if profile is None else _joined(profile, finding, grey)
    if profile is None or grown is None or output is None:
        (voice.say_json(_json(finding)) if as_json else _say(finding))
        return ExitCode.YES
    write_profile(grown, output)
    _say_joined(profile, finding, output, grey, as_json)
    return ExitCode.YES


def _analyse(workspace: Workspace, image: str, entrypoint: str) -> StaticFinding:
    import gc

    from pytrust.policy.observe.image_files import image_files
    from pytrust.policy.profiles.elf.analyse import analyse

    gc.disable()  # millions of small values without a cycle among them: a fifth of the time, and the command ends soon
    with voice.working(f"looking at the programs of {image}"), image_files(workspace.engine.address, image) as found:
        tree, config = found
        if entrypoint:
            config = config._replace(entrypoint=(entrypoint,), command=())
        return analyse(tree, config)


def _joined(profile: Profile, finding: StaticFinding, grey: str) -> Profile:
    from pytrust.policy.profiles.names import Action
    from pytrust.policy.profiles.propose import with_static

    return with_static(profile, finding.calls, Action(_GREY[grey]))


def _say(finding: StaticFinding) -> None:
    shown = [one for one in finding.objects if one.own or not one.functions]  # scripts have none
    voice.table(
        ("LOOKED AT", "WHY", "FUNCTIONS", "CALLS"),
        [(one.path, one.why, _share(one.reached, one.functions), str(len(one.own))) for one in shown],
    )
    if (others := len(finding.objects) - len(shown)) > 0:
        voice.say(f"and {voice.plural(others, 'file')} that call the kernel only through these")
    voice.say("")
    voice.say(f"{voice.plural(len(finding.calls), 'call')} can be reached:")
    _say_names(sorted(finding.calls))
    for line in finding.hints:
        voice.say(f"capability {line}" if ":" in line else line)
    _note_unresolved(finding)


def _share(reached: int, functions: int) -> str:
    return f"{reached} of {functions}" if functions else "-"


def _say_names(names: Sequence[str]) -> None:
    import textwrap

    for line in textwrap.wrap(" ".join(names), _WIDTH, break_long_words=False, break_on_hyphens=False):
        voice.say(f"  {line}")


def _note_unresolved(finding: StaticFinding) -> None:
    for line in finding.unresolved[:_SHOWN]:
        voice.note(f"note: {line}")
    if (more := len(finding.unresolved) - _SHOWN) > 0:
        voice.note(f"note: {more} more that could not be known: --json tells all")


def _say_joined(profile: Profile, finding: StaticFinding, output: str, grey: str, as_json: bool) -> None:
    unseen = sorted(finding.calls - _named(profile))
    if as_json:
        voice.say_json({**_json(finding), "unseen": unseen, "profile": output})
        return
    what = "let through and logged" if grey == "log" else "refused with an error"
    tell = voice.note if output == "-" else voice.say
    tell(f"wrote {output}: {voice.plural(len(unseen), 'call')} that can be reached and were not seen are {what}")
    _note_unresolved(finding)


def _named(profile: Profile) -> frozenset[Syscall]:
    return frozenset(name for rule in profile.seccomp.rules for name in rule.names)


def _json(finding: StaticFinding) -> dict[str, Any]:
    return {
        "calls": sorted(finding.calls),
        "go": finding.go,
        "capabilities": sorted(finding.capabilities),
        "hints": list(finding.hints),
        "objects": [
            {
                "path": one.path,
                "why": one.why,
                "calls": sorted(one.own),
                "reached": one.reached,
                "functions": one.functions,
            }
            for one in finding.objects
        ],
        "unresolved": list(finding.unresolved),
    }
