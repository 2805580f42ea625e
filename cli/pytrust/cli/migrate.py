"""``pytrust migrate``: the wire formats in which a collection is signed."""

from __future__ import annotations

import click

from pytrust.cli import voice
from pytrust.cli.outcome import say_outcome
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, Refused
from pytrust.trust.names import CollectionName, Format, parse_collection

_CALLED = {Format.TUF: "TUF 1.0", Format.NOTARY: "Notary v1"}


@click.command(
    epilog="""\b
examples:
  pytrust migrate registry.example.com/foo/web
  pytrust migrate registry.example.com/foo/web --to notary"""
)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option(
    "--to",
    "wanted",
    type=click.Choice(["both", "tuf", "notary"]),
    default="both",
    show_default=True,
    help="What NAME is signed in from then on.",
)
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.pass_obj
def migrate(workspace: Workspace, names: tuple[str, ...], wanted: str, yes: bool) -> int:
    """Sign what is signed under NAME in the other format too, or give one format up.

    Collections that docker's or notary's clients made are in Notary v1. In TUF 1.0 as well, every TUF client can read
    them; from then on they are signed with pytrust, since those clients cannot write TUF 1.0. The keys of root and
    targets, and of enough signers, must be in the key ring: pytrust key import ~/.docker/trust.
    """
    result = ExitCode.YES
    for name in map(parse_collection, dict.fromkeys(names)):
        added = max(_add(workspace, name, form) for form in Format if wanted in {"both", form})
        result = max(result, added)
        for form in Format if added is ExitCode.YES else ():
            if wanted not in {"both", form}:
                _drop(workspace, name, form, yes=yes)
    return result


def _add(workspace: Workspace, name: CollectionName, form: Format) -> ExitCode:
    if _has(workspace, name, form):
        voice.note(f"{name} is signed in {_CALLED[form]} already")
        return ExitCode.YES
    owner = workspace.owner(voice.note)
    with voice.working(f"signing {name} in {_CALLED[form]}"):
        outcome = owner.add_side(name, form)
    return say_outcome(outcome, f"{name} is signed in {_CALLED[form]} too")


def _drop(workspace: Workspace, name: CollectionName, form: Format, *, yes: bool) -> None:
    if not _has(workspace, name, form):
        return
    lost = _lost(workspace, name) if form is Format.TUF else ""
    question = f"give {name} up in {_CALLED[form]}{lost}? clients that know it so will refuse it"
    if not yes and not voice.confirm(question):
        raise Refused(f"{name} was left as it is", hint="answer y, or give --yes")
    workspace.quiet_publisher.drop(name, form)
    voice.say(f"{name} is no longer signed in {_CALLED[form]}{lost}")


def _lost(workspace: Workspace, name: CollectionName) -> str:
    """What only that format can hold, counted."""
    from pytrust.trust.collection.model import KINDS

    state = workspace.quiet_publisher.load(name)
    held = state.collections[Format.TUF].delegated if state and Format.TUF in state.collections else {}
    counts = [f"{len(held[role].statements)} {role}" for role in KINDS if role in held and held[role].statements]
    return f", and with it {', '.join(counts)}" if counts else ""


def _has(workspace: Workspace, name: CollectionName, form: Format) -> bool:
    from pytrust.trust.collection.model import TIMESTAMP

    return workspace.reader.read(name, TIMESTAMP, form=form) is not None
