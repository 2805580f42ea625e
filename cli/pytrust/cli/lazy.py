"""Groups whose commands are imported when they are called."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import ClassVar

import click


class LazyGroup(click.Group):
    """A group that knows its commands by a table, so that help imports nothing."""

    table: ClassVar[Mapping[str, tuple[str, str]]]
    """For each command, in the order of use: the module of ``pytrust.cli`` that holds it, and its help.

    In the module it goes by the name that it has on the command line, with ``_`` for ``-``, or by the one that
    follows the module's after a colon.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """In the order of the table, which is the order of use."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the module of one command."""
        if cmd_name not in self.table:
            return None
        module, _, attribute = self.table[cmd_name][0].partition(":")
        found = getattr(importlib.import_module(f"pytrust.cli.{module}"), attribute or cmd_name.replace("-", "_"))
        command: click.Command = found
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The table itself."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self.table.items()])
