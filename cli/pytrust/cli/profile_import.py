"""``pytrust profile import``: what other tools wrote, taken over as a profile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytrust.cli import voice
from pytrust.cli.profile_files import DOCKER_DEFAULT, STDIN, read_profile, write_profile
from pytrust.trust.errors import UsageError

if TYPE_CHECKING:
    from pytrust.policy.profiles.apparmor.bane import Imported


@click.command(
    "import",
    epilog="""\b
examples:
  pytrust profile import sample.toml -o web.json
  pytrust profile import seccomp.json -o web.json
  pytrust profile import - <seccomp.json >web.json
\b
a file of bane ends in .toml. what it does not do, although it looks so, is said on
stderr; the profile allows no more than bane would have. a seccomp file says nothing
about capabilities and files: these stay docker's.""",
)
@click.argument("file")
@click.option("-o", "--output", default=STDIN, metavar="FILE", help="Where the profile goes [default: stdout].")
def import_(file: str, output: str) -> None:
    """Take over FILE, a seccomp file of docker or a file of bane, as a profile."""
    imported = _of_bane(file) if Path(file).suffix == ".toml" else _of_docker(file)
    for finding in imported.findings:
        voice.note(f"note: {finding}")
    write_profile(imported.profile, output)


def _of_bane(place: str) -> Imported:
    from pytrust.policy.profiles.apparmor.bane import parse_bane
    from pytrust.trust.limits import BANE_FILE_MAX_BYTES

    try:
        with Path(place).open("rb") as opened:
            data = opened.read(BANE_FILE_MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{place} cannot be read: {(error.strerror or str(error)).lower()}") from error
    return parse_bane(data, place)


def _of_docker(place: str) -> Imported:
    """What is lost with engines that know less is said, too."""
    from msgspec.structs import replace

    from pytrust.policy.profiles.apparmor.bane import Imported
    from pytrust.policy.profiles.names import Generation
    from pytrust.policy.profiles.seccomp.generation import losses

    read = read_profile(place)
    if place == DOCKER_DEFAULT or read.name != place:
        raise UsageError(f"{place} is a profile already", hint="give its name where a profile is asked for")
    profile = replace(read, name="" if place == STDIN else Path(place).stem)
    lost = tuple(f"engines before 23: {each}" for each in losses(profile.seccomp, Generation.BEFORE_23))
    kept = "capabilities are docker's own, and no-new-privileges is off: see pytrust profile record for less"
    return Imported(profile, (kept, *lost))
