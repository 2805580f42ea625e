"""``pytrust swarm``: the secrets of a swarm, as a group of commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import click

from pytrust.cli.lazy import LazyGroup


class _Commands(LazyGroup):
    table: ClassVar[Mapping[str, tuple[str, str]]] = {
        "check": ("swarm_keys:check", "is autolock on? keep join tokens and unlock key in the vault"),
        "autolock": ("swarm_keys:autolock", "switch autolock on, and keep or rotate its key"),
        "unlock": ("swarm_keys:unlock", "open a manager that was started again, with the key in the vault"),
        "provider": ("swarm_provider:provider", "serve the vault to docker secret create --driver pytrust"),
    }


@click.group(
    cls=_Commands,
    epilog="""\b
examples:
  pytrust swarm check
  pytrust swarm autolock
  pytrust swarm provider
  docker secret create --driver pytrust db_password""",
)
def swarm() -> None:
    """Secrets for the services of a swarm, and the swarm's own."""
