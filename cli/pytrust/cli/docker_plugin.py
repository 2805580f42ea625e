"""``docker pytrust`` and ``docker trust``: what docker starts when it is told of a plugin.

docker runs every plugin with ``docker-cli-plugin-metadata`` at each ``docker --help``, and before the plugin itself
(docker/cli, docs/extend/cli_plugins.md). That answer costs nothing but Python's start; the rest is imported after it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from pytrust.cli.version import __version__

DESCRIPTIONS: Final[Mapping[str, str]] = {
    "pytrust": "Sign images, and run only what is signed",
    "trust": "Manage trust on Docker images, by pytrust",
}
"""What docker shows of each plugin, by the name of its command."""
_ASKED: Final = "docker-cli-plugin-metadata"
_UNSOUND: Final = 4


def main(name: str) -> None:
    """Run the plugin ``name`` with the words that docker handed on, and exit."""
    if sys.argv[1:] == [_ASKED]:
        sys.exit(_tell(name))
    from pytrust.cli.docker_plugin_run import start

    sys.exit(start(name, sys.argv[1:]))


def metadata(name: str) -> str:
    """The JSON that docker wants to see; every word in it is ours, so that none needs an escape."""
    fields: Sequence[tuple[str, str]] = (
        ("SchemaVersion", "0.1.0"),
        ("Vendor", "pytrust"),
        ("Version", __version__),
        ("ShortDescription", DESCRIPTIONS[name]),
    )
    return "{%s}\n" % ",".join(f'"{key}":"{value}"' for key, value in fields)  # noqa: UP031 - braces are JSON's


def _tell(name: str) -> int:
    try:
        os.write(1, metadata(name).encode())
    except OSError:
        return _UNSOUND
    return 0
