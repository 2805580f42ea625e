"""``pytrust engine``: the table of its commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import click

from pytrust.cli.lazy import LazyGroup


class _Commands(LazyGroup):
    table: ClassVar[Mapping[str, tuple[str, str]]] = {
        "setup": ("engine_setup", "let this host's engine listen with TLS: shown as a diff, then written"),
        "check": ("engine_check", "what does a running engine really serve, and to whom?"),
        "rollback": ("engine_setup", "take the newest set-up back, byte for byte"),
        "compose": ("engine_compose", "print a compose file: an engine in a container, with these certificates"),
    }


@click.group(
    cls=_Commands,
    epilog="""\b
after pytrust ca init and pytrust ca server:
  pytrust engine setup
  (restart the engine, as it says)
  pytrust engine check""",
)
def engine() -> None:
    """Let this host's engine listen with TLS, and check what it serves.

    docs/engine.md tells what is changed where. dockerd itself is never started, stopped or restarted.
    """
