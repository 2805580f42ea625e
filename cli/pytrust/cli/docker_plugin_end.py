"""Ending when docker is told to end.

Without a terminal, a signal reaches docker alone. It names a socket to its plugins then, and closes it when they are to
end (docker/cli, cli-plugins/socket); a plugin that does not look there runs on, and docker waits for it.
"""

from __future__ import annotations

import os
import signal
import socket
from contextlib import suppress
from threading import Thread
from typing import Final

_VARIABLE: Final = "DOCKER_CLI_PLUGIN_SOCKET"
_ABSTRACT: Final = "@"  # how Go writes the zero byte before a name that is no path


def end_with_docker() -> None:
    """Interrupt this process, from the main thread of which it is called, when docker closes its socket.

    SIGTERM does the same from now on, so that files are left as Ctrl-C leaves them.
    """
    address = os.environ.pop(_VARIABLE, "")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if address:
        Thread(target=_wait, args=(address,), daemon=True).start()


def _wait(address: str) -> None:
    with socket.socket(socket.AF_UNIX) as docker:
        try:
            docker.connect(f"\0{address[1:]}" if address.startswith(_ABSTRACT) else address)
        except OSError:
            return  # it is gone, or never listened: then nobody can be told anything
        with suppress(OSError):
            while docker.recv(1):
                pass
    os.kill(os.getpid(), signal.SIGTERM)
