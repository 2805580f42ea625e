"""Runs a plugin of docker: the commands of ``docker pytrust``, or those of ``docker trust``.

``docker pytrust`` has the commands of ``pytrust`` under their own names; their examples say ``docker pytrust``.
``inspect`` alone is docker's. ``docker trust`` ends with 1 whatever went wrong, as docker's own does.
"""

from __future__ import annotations

import copy
import gc
import os
import re
import sys
from collections.abc import Sequence
from typing import ClassVar, Final

import click

from pytrust.cli import root
from pytrust.cli.docker_plugin import DESCRIPTIONS
from pytrust.cli.docker_plugin_end import end_with_docker
from pytrust.cli.docker_plugin_words import read_words
from pytrust.cli.lazy import LazyGroup
from pytrust.cli.main import open_closed_streams, silence_a_library
from pytrust.cli.root import fail
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode
from pytrust.trust.keys.signers import block_sdks

_SIGNAL: Final = 128  # and more: ended by one, as a shell says
_HELP: Final = {"help_option_names": ["-h", "--help"]}


class _Pytrust(LazyGroup):
    table: ClassVar = {
        "sign": ("signing", "sign image tags as they are in the registry"),
        "revoke": ("signing", "withdraw tags, so that they are refused from now on"),
        "approve": ("signing", "show a change that waits for signatures, and add yours"),
        "verify": ("checking", "is this image signed, and does the registry hold that content?"),
        "inspect": (
            "docker_plugin_trust",
            "what is signed under a name, and by whom, as docker trust inspect shows it",
        ),
        "pull": ("checking", "verify, pull exactly the signed digest, and tag it"),
        "status": ("status", "every collection and role: version, expiry, signatures present and missing"),
        "signer": ("signer", "who may release tags of an image, and how many must agree"),
        "key": ("key", "your keys: generate, list, export, import, rotate, remove"),
    }

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, as people type it here."""
        found = super().get_command(ctx, cmd_name)
        return None if found is None else _renamed(found)


class _Trust(LazyGroup):
    table: ClassVar = {
        "inspect": ("docker_plugin_trust", "return low-level information about keys and signatures"),
        "sign": ("docker_plugin_trust", "sign an image"),
        "revoke": ("docker_plugin_trust", "remove trust for an image"),
        "signer": ("docker_plugin_signer", "manage entities who can sign Docker images"),
        "key": ("docker_plugin_key", "manage keys for signing Docker images"),
    }


@click.pass_context
def _trust(context: click.Context) -> None:
    context.obj = Workspace(None, None, None)


_GROUPS: Final = {
    "pytrust": _Pytrust(
        "pytrust",
        params=root.cli.params,
        callback=root.cli.callback,
        help=f"{DESCRIPTIONS['pytrust']}.\n\nThe other commands are those of `pytrust` itself: pytrust --help",
        context_settings=_HELP,
    ),
    "trust": _Trust(
        "trust",
        callback=_trust,
        help="Manage trust on Docker images.\n\nKeys and signatures are pytrust's, in PYTRUST_HOME.",
        context_settings=_HELP,
    ),
}
_OWN: Final = re.compile(rf"(?<!docker )\bpytrust (?=(?:{'|'.join(_Pytrust.table)})\b)|docker trust (?=inspect)")


def start(name: str, words: Sequence[str]) -> int:
    """Run as a program of its own, on whatever streams docker handed on."""
    open_closed_streams()
    silence_a_library()
    gc.disable()  # as in pytrust.cli.main
    end_with_docker()
    return run(name, words)


def run(name: str, words: Sequence[str]) -> int:
    """Run one command line of the plugin ``name``; every outcome is an exit code, and no traceback leaves here."""
    block_sdks()
    try:
        told = read_words(name, words)
        os.environ.update(told.environment)
        result = _GROUPS[name].main(told.rest, prog_name=f"docker {name}", standalone_mode=False)
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last line of defence, as in pytrust.cli.root
        result = fail(error)
    code = result if isinstance(result, int) else ExitCode.YES
    return min(code, ExitCode.NO) if name == "trust" and code < _SIGNAL else code


def _renamed(command: click.Command) -> click.Command:
    """The same command, whose texts say ``docker pytrust`` of what can be said so."""
    changed = copy.copy(command)
    changed.help, changed.epilog = (
        text and _OWN.sub("docker pytrust ", text) for text in (changed.help, changed.epilog)
    )
    if isinstance(changed, click.Group):
        changed.commands = {name: _renamed(item) for name, item in changed.commands.items()}
    return changed
