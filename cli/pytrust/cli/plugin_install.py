"""``pytrust install-plugin``: the commands ``docker pytrust`` and ``docker trust``.

docker looks for plugins in ``cli-plugins`` of its configuration, then in folders of the system. Before version 29 it
has a ``trust`` of its own, and a plugin of that name is passed over with a warning: there it is put in place only on
request, for the day of the upgrade.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from pytrust.cli import voice
from pytrust.cli.docker_plugin import DESCRIPTIONS
from pytrust.cli.docker_plugin_launcher import HEAD_BYTES, PREFIX, is_launcher, launcher
from pytrust.cli.home import docker_config
from pytrust.trust.errors import ExitCode, UsageError
from pytrust.trust.files import PRIVATE_FOLDER, sync_folder, write_atomic

_OWN: Final = "pytrust"
_TRUST: Final = "trust"
_FIRST_WITHOUT_TRUST: Final = 29
_EXECUTABLE: Final = 0o755
_TIMEOUT: Final = 10.0  # seconds for `docker --version`
_VERSION: Final = re.compile(r"Docker version (\d{1,4})\.")


@click.command(
    epilog="""\b
examples:
  pytrust install-plugin
  pytrust install-plugin --into /usr/libexec/docker/cli-plugins
  pytrust install-plugin --uninstall"""
)
@click.option("--trust", is_flag=True, help="Also put `docker trust` in place where docker still has its own.")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Another folder that docker looks into, such as /usr/libexec/docker/cli-plugins for all users.",
)
@click.option("--force", is_flag=True, help="Replace a plugin of that name that pytrust did not make.")
@click.option("--uninstall", is_flag=True, help="Remove what pytrust made, and nothing else.")
def install_plugin(trust: bool, into: Path | None, force: bool, uninstall: bool) -> int:
    """Let docker find pytrust: `docker pytrust`, and from docker 29 on, which has none of its own, `docker trust`.

    They start the pytrust that this command belongs to. Run it again after pytrust has moved.
    """
    folder = (into or docker_config() / "cli-plugins").absolute()
    if uninstall:
        return _uninstall(folder)
    names = list(_wanted(trust=trust))
    for name in names:
        if not force and _is_foreign(folder / f"{PREFIX}{name}"):
            raise UsageError(
                f"{folder / f'{PREFIX}{name}'} is there, and pytrust did not make it",
                hint="remove it, or replace it: pytrust install-plugin --force",
            )
    _make(folder)
    for name in names:
        path = folder / f"{PREFIX}{name}"
        write_atomic(path, launcher(name, sys.executable), mode=_EXECUTABLE)
        voice.say(f"docker {name}: {path}")
    return ExitCode.YES


def _wanted(*, trust: bool) -> Iterator[str]:
    """The plugins to install, and why not the other one."""
    yield _OWN
    version = docker_version()
    if trust or (version is not None and version >= _FIRST_WITHOUT_TRUST):
        yield _TRUST
    if version is None and not trust:
        voice.note("note: there is no docker command here: docker trust was left alone (--trust puts it in place)")
    elif version is not None and version < _FIRST_WITHOUT_TRUST:
        end = "comes first until docker is upgraded" if trust else "stays (--trust is for the day of an upgrade)"
        voice.note(f"note: docker {version} has a trust command of its own, which {end}")


def docker_version() -> int | None:
    """The first number of the docker command's version; None where there is none, or another program of that name."""
    program = shutil.which("docker")
    if program is None:
        return None
    try:
        said = subprocess.run([program, "--version"], capture_output=True, check=False, timeout=_TIMEOUT).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _VERSION.match(said.decode("utf-8", "replace"))
    return int(found[1]) if found else None


def _is_foreign(path: Path) -> bool:
    """Whether something is there that we did not make; a link is somebody's, wherever it leads."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        return True
    if not path.exists():
        return False
    with path.open("rb") as file:
        return not is_launcher(file.read(HEAD_BYTES))


def _make(folder: Path) -> None:
    folder.parent.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)  # docker's configuration holds logins
    folder.mkdir(exist_ok=True)


def _uninstall(folder: Path) -> int:
    paths = [path for name in DESCRIPTIONS if os.path.lexists(path := folder / f"{PREFIX}{name}")]
    for path in paths:
        if _is_foreign(path):
            voice.note(f"note: {path} was left alone: pytrust did not make it")
            continue
        path.unlink()
        sync_folder(folder)
        voice.say(f"removed {path}")
    if not paths:
        voice.note(f"note: {folder} holds no plugin of pytrust")
    return ExitCode.YES
