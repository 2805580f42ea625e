"""The file that docker finds: a few lines of shell that start this Python, wherever its folder is called. Pure.

``-P`` keeps the folder that somebody happens to stand in out of the places where Python looks for modules.
"""

from __future__ import annotations

import shlex
from typing import Final

PREFIX: Final = "docker-"
_HEAD: Final = (
    "#!/bin/sh\n# a plugin of docker, made by: pytrust install-plugin; removed by: pytrust install-plugin --uninstall\n"
)


def launcher(name: str, python: str) -> bytes:
    """The plugin ``name``, run by the interpreter at the path ``python``."""
    start = f'from pytrust.cli.docker_plugin import main; main("{name}")'
    return f'{_HEAD}exec {shlex.quote(python)} -P -c {shlex.quote(start)} "$@"\n'.encode()


def is_launcher(data: bytes) -> bool:
    """Whether we made the file that begins with ``data``."""
    return data.startswith(_HEAD.encode())


HEAD_BYTES: Final = len(_HEAD)
"""How much of a file tells whose it is."""
