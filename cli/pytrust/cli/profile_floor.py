"""``pytrust profile floor``: what this host's runtime needs below every profile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from pytrust.cli import voice
from pytrust.cli.arguments import json_option
from pytrust.cli.home import make_home
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from pytrust.policy.profiles.floor import Floors
    from pytrust.policy.profiles.names import Syscall

_WIDTH: Final = 100  # of a line with names
_SAID: Final = {True: "with no-new-privileges", False: "without no-new-privileges"}


class _Row(NamedTuple):
    confined: bool
    source: str
    calls: frozenset[Syscall]


@click.command(
    epilog="""\b
examples:
  pytrust profile floor
  sudo pytrust profile floor --measure
  pytrust profile floor --json
\b
measuring runs eight small containers, which takes some four seconds, and keeps what it
finds in the home. Without it, a table of known versions is used, and for a version that
is not in it, everything that any version was seen to need."""
)
@click.option("--measure", "measuring", is_flag=True, help="Measure it now, as root, on this engine's host.")
@json_option
@click.pass_obj
def floor(workspace: Workspace, measuring: bool, as_json: bool) -> int:
    """The system calls that the engine's runtime makes after it has loaded a container's filter.

    They are joined to every profile when it is applied: a container without them does not start, or hangs.
    """
    from pytrust.policy.observe.laboratory import EngineLaboratory
    from pytrust.policy.profiles.floor_file import FILE, read_floors

    path = workspace.home.path / FILE
    runc = EngineLaboratory(workspace.engine.address).engine().runc
    floors = _measured(workspace, path, runc) if measuring else read_floors(path)
    rows = [_row(runc, confined, floors) for confined in (True, False)]
    _say_json(runc, rows) if as_json else _say(runc, rows)
    return ExitCode.YES


def _measured(workspace: Workspace, path: Path, runc: str) -> Floors:
    """Both floors, measured and kept beside those of other versions."""
    from pytrust.policy.observe.floor_image import FloorHost
    from pytrust.policy.observe.floor_measure import measure
    from pytrust.policy.observe.laboratory import EngineLaboratory
    from pytrust.policy.profiles.floor_file import read_floors, write_floors

    kept, address = read_floors(path), workspace.engine.address
    laboratory, host = EngineLaboratory(address), FloorHost(address)
    found: dict[tuple[str, bool], frozenset[Syscall]] = {}
    for confined in (True, False):
        with voice.working(f"measuring {_SAID[confined]}"):
            found[runc, confined] = measure(laboratory, host, no_new_privileges=confined)
    floors = {**kept, **found}
    make_home(workspace.home)
    write_floors(path, floors)
    return floors


def _row(runc: str, confined: bool, floors: Floors) -> _Row:
    from pytrust.policy.profiles.floor import floor as floor_of
    from pytrust.policy.profiles.floor import source_of

    return _Row(confined, source_of(runc, confined, floors), floor_of(runc, confined, floors))


def _say(runc: str, rows: list[_Row]) -> None:
    import textwrap

    for row in rows:
        count = voice.plural(len(row.calls), "call")
        voice.say(f"runc {runc or 'of unknown version'}, {_SAID[row.confined]}: {count}, {row.source}")
        for line in textwrap.wrap(" ".join(sorted(row.calls)), _WIDTH):
            voice.say(f"  {line}")


def _say_json(runc: str, rows: list[_Row]) -> None:
    floors: list[Mapping[str, object]] = [
        {"no_new_privileges": row.confined, "source": row.source, "calls": sorted(row.calls)} for row in rows
    ]
    voice.say_json({"runc": runc, "floors": floors})
