"""``pytrust profile show``: what is open and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pytrust.cli import voice
from pytrust.cli.arguments import json_option
from pytrust.cli.profile_files import read_profile
from pytrust.cli.profile_host import this_host
from pytrust.trust.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from pytrust.policy.profiles.view.look import Line, View

_FILES_SHOWN: Final = 20


@click.command(
    epilog="""\b
examples:
  pytrust profile show web.json
  pytrust profile show web.json --files
  pytrust profile show web.json --html -o web.html
  pytrust profile show docker-default --json"""
)
@click.argument("profile")
@click.option("--html", "as_html", is_flag=True, help="As one page that loads nothing; needs -o.")
@click.option("-o", "--output", metavar="FILE", help="With --html: where the page goes; - is stdout.")
@click.option("--files", is_flag=True, help=f"All files that AppArmor lets through, not the first {_FILES_SHOWN}.")
@click.option("--arch", default="", metavar="ARCH", help="For this architecture, as Go calls it [default: this one].")
@json_option
def show(profile: str, as_html: bool, output: str | None, files: bool, arch: str, as_json: bool) -> int:
    """What PROFILE leaves open, for what, and why; beside docker's default (which docker-default stands for)."""
    from pytrust.policy.profiles.view.look import look

    if as_html == (output is None) or (as_html and as_json):
        raise UsageError("a page goes to a file", hint="--html -o FILE, without --json")
    view = look(read_profile(profile), this_host(arch))
    if output is not None:
        _write_page(view, output)
    elif as_json:
        _say_json(view)
    else:
        _say(view, None if files else _FILES_SHOWN)
    return ExitCode.YES


def _say(view: View, most: int | None) -> None:
    from pytrust.policy.profiles.view.text import HEADERS, call_rows, figure_words

    if view.name:
        voice.say(view.name)
    voice.say(figure_words(view.figures))
    for word, value in view.facts:
        voice.say(f"{word}: {value}")
    voice.say("")
    voice.table(HEADERS, list(call_rows(view)))
    _say_lines("CAPABILITY", view.capabilities)
    _say_lines("FILE", view.files if most is None else view.files[:most])
    if most is not None and len(view.files) > most:
        voice.note(f"note: {len(view.files) - most} more files; --files shows all")
    _say_lines("SOCKETS", view.networks)
    _say_rest(view)


def _say_lines(title: str, lines: tuple[Line, ...]) -> None:
    from pytrust.policy.profiles.view.text import marks

    if lines:
        voice.say("")
        voice.table((title, "ONLY", "WHY", ""), [(one.name, one.limit, one.why, marks(one)) for one in lines])


def _say_rest(view: View) -> None:
    voice.say("")
    for line in view.rest:
        voice.say(f"{line.name}: {line.limit}")
    for recording in view.recordings:
        voice.say(f"recorded by {', '.join(filter(None, recording))}")
    for line in view.dangerous:
        voice.note(f"warning: {line.name} is open and dangerous: {line.danger}")


def _say_json(view: View) -> None:
    from pytrust.policy.profiles.view.text import view_json

    voice.say_json(view_json(view))


def _write_page(view: View, place: str) -> None:
    from pytrust.policy.profiles.view.page import page
    from pytrust.trust.files import PUBLIC, write_atomic

    data = page(view).encode()
    if place == "-":
        voice.write(data)
        return
    try:
        write_atomic(Path(place), data, mode=PUBLIC)
    except OSError as error:
        raise UsageError(f"{place} cannot be written: {(error.strerror or str(error)).lower()}") from error
    voice.say(f"{place} written")
