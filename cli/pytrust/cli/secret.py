"""``pytrust secret``: the values in the vault, as a group of commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import click

from pytrust.cli.lazy import LazyGroup


class _Commands(LazyGroup):
    table: ClassVar[Mapping[str, tuple[str, str]]] = {
        "put": ("secret_write:put", "keep a value, from stdin, a file or a descriptor"),
        "get": ("secret_read:get", "print a value"),
        "ls": ("secret_read:ls", "what there is, without any value"),
        "rm": ("secret_write:rm", "forget a secret, or one version of it"),
        "history": ("secret_read:history", "the versions of a secret"),
        "rollback": ("secret_write:rollback", "make an older version the current one, unseen"),
        "rotate": ("secret_write:rotate", "put a new random value, or what a program makes"),
        "expire": ("secret_terms:expire", "from when on a secret is not served any more"),
        "allow": ("secret_terms:allow", "let an image, a service or a user read it"),
        "deny": ("secret_terms:deny", "take that back"),
        "export": ("secret_export:export", "write secrets to a file that age opens"),
        "import": ("secret_import:import_", "take secrets from age, .env or compose files"),
        "audit": ("secret_read:audit", "who read what"),
    }


@click.group(
    cls=_Commands,
    epilog="""\b
examples:
  printf %s "$value" | pytrust secret put db_password --reader image:docker.io/foo/web
  pytrust secret get db_password
  docker run --label pytrust.secrets=db_password foo/web""",
)
def secret() -> None:
    """Secrets for containers and programs; what they are is never an argument."""
