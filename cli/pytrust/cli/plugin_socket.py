"""Where dockerd finds a plugin: the one place for the commands that are one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from pytrust.trust.files import PRIVATE_FOLDER

_SOCKET: Final = Path("/run/docker/plugins/pytrust.sock")
_Command = TypeVar("_Command", bound=Callable[..., Any])


def socket_option(command: _Command) -> _Command:
    """Adds ``--socket``, the parameter ``path``."""
    return click.option(
        "--socket",
        "path",
        type=click.Path(path_type=Path),
        default=_SOCKET,
        show_default=True,
        metavar="PATH",
        help="Where dockerd calls; the name of the file is that of the plugin.",
    )(command)


def make_folders(path: Path) -> None:
    """Each that is missing, for root alone, as dockerd makes its own."""
    for each in (*reversed(path.parents), path):
        if not each.is_dir():
            each.mkdir(PRIVATE_FOLDER)
