"""How a command gives a sheet: in which form, and where to."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from pytrust.cli import voice
from pytrust.trust.errors import UsageError

if TYPE_CHECKING:
    from pytrust.scanner.sheet import Sheet

_FORMS: Final = ("table", "markdown", "html", "sarif", "junit", "github", "json")
STDOUT: Final = "-"
_HINT: Final = "-o FILE, or - for stdout"


class Output(NamedTuple):
    """``form`` by its word; ``place`` is a file's path, or ``-``."""

    form: str
    place: str


def sheet_options(command: Callable[..., int]) -> Callable[..., int]:
    """``--format``, ``--json`` and ``--output``, which come to the command as ``output``."""

    @wraps(command)
    def chosen(*args: Any, form: str | None, as_json: bool, place: str, **rest: Any) -> int:  # noqa: ANN401 - whatever it takes
        if as_json and form not in {None, "json"}:
            raise UsageError("--json and --format exclude each other", hint="give one of them")
        return command(*args, output=Output("json" if as_json else form or "table", place), **rest)

    options = (
        click.option(
            "--output", "-o", "place", default=STDOUT, metavar="FILE", help="Write to FILE instead of stdout."
        ),
        click.option("--json", "as_json", is_flag=True, help="The same as --format json."),
        click.option("--format", "form", type=click.Choice(_FORMS), help="How it is shown [default: table]."),
    )
    for option in options:
        chosen = option(chosen)
    return chosen


def put(sheet: Sheet, output: Output) -> None:
    """Write the sheet, whole or not at all; raises ``UsageError`` where the file cannot be written."""
    from pytrust.scanner.formats.form import Form, render

    form = Form(output.form)
    if output.place == STDOUT:
        terminal = sys.stdout.isatty() and form is Form.TABLE
        width = shutil.get_terminal_size().columns if terminal else None
        text = render(sheet, form, width=width, color=terminal and not os.environ.get("NO_COLOR"))
        voice.write(text.encode("utf-8", "backslashreplace"))
        return
    _write(output.place, render(sheet, form).encode("utf-8", "backslashreplace"))


def _write(place: str, data: bytes) -> None:
    """Through links, and never in the place of a device: ``-o /dev/null`` as root would end it."""
    from pytrust.trust.files import PUBLIC, write_atomic

    try:
        path = Path(os.path.realpath(place))
        if path.exists() and not path.is_file():
            raise UsageError(f"{place} is no file", hint=_HINT)
        write_atomic(path, data, mode=PUBLIC)
    except OSError as error:
        raise UsageError(f"{place} cannot be written: {(error.strerror or str(error)).lower()}", hint=_HINT) from error
