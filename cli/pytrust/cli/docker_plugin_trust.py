"""``docker trust inspect``, ``sign`` and ``revoke``: docker's words, pytrust's doing.

Texts that scripts look for are docker's. ``sign`` does what docker's does: a tag that is signed gets one more signature
under the same content; any other is pushed first, from the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from pytrust.cli import voice
from pytrust.cli.outcome import say_outcome
from pytrust.cli.signing import sign as sign_tags
from pytrust.cli.trust_inspect import Inspected, as_json, as_tables, inspected
from pytrust.cli.workspace import Workspace
from pytrust.trust.collection.model import ROOT
from pytrust.trust.errors import ExitCode, PytrustError, Refused, Unsigned, UsageError
from pytrust.trust.http import Deadline
from pytrust.trust.limits import DEADLINE
from pytrust.trust.names import DEFAULT_TAG, CollectionName, ImageRef

if TYPE_CHECKING:
    from pytrust.trust.client.source import Source
    from pytrust.trust.collection.model import Target
    from pytrust.trust.formats.notary.files import RootFile

_GAP = "\n\n"


@click.command(epilog="example: docker trust inspect --pretty registry.example.com/foo/web")
@click.argument("names", nargs=-1, required=True, metavar="IMAGE[:TAG]...")
@click.option("--pretty", is_flag=True, help="Print the information in a human friendly format.")
@click.pass_obj
def inspect(workspace: Workspace, names: tuple[str, ...], pretty: bool) -> int:
    """What is signed under each name, by whom, and whose keys count, in the form of docker.

    A name that is not signed, or whose signatures cannot be believed, is left out of the list, and ends the tables of
    --pretty: exit code 1 or more.
    """
    found: list[Inspected] = []
    code = ExitCode.YES
    for name in names:
        try:
            found.append(_inspect(workspace, name))
        except PytrustError as error:
            voice.note(f"no signatures or cannot access {name}")
            voice.fail(error)
            code = max(code, error.exit_code)
            if pretty:
                break
    text = _tables(found, len(names)) if pretty else as_json(found)
    voice.write(text.encode())
    return code


def _tables(found: Sequence[Inspected], asked: int) -> str:
    """Between two images stands a gap; docker leaves it also before one that it has nothing to say of."""
    return "".join(f"{as_tables(item)}{_GAP if place < asked else ''}" for place, item in enumerate(found, 1))


@click.command(epilog="example: docker trust sign registry.example.com/foo/web:v2")
@click.argument("name", metavar="IMAGE:TAG")
@click.option("--local", is_flag=True, help="Sign a locally tagged image, whatever is signed already.")
@click.pass_context
def sign(context: click.Context, name: str, local: bool) -> int:
    """Sign an image: push it from the engine first, unless its tag is signed already."""
    workspace: Workspace = context.obj
    ref = ImageRef.parse(name)
    tag = written_tag(name, ref)
    if tag is None:
        raise UsageError(f"no tag specified for {name}", hint="docker trust sign IMAGE:TAG")
    target = None if local else _released(workspace, ref.collection, tag)
    if target is not None:
        return _sign_too(workspace, ref, target)
    voice.note(f"Signing and pushing trust data for local image {name}, may overwrite remote trust data")
    code: int = context.invoke(sign_tags, names=(str(ref),), local=True)
    if code == ExitCode.YES:
        voice.say(f"Successfully signed {ref}")
    return code


@click.command(epilog="example: docker trust revoke registry.example.com/foo/web:v2")
@click.argument("name", metavar="IMAGE[:TAG]")
@click.option("--yes", "-y", is_flag=True, help="Do not prompt for confirmation.")
@click.pass_obj
def revoke(workspace: Workspace, name: str, yes: bool) -> int:
    """Remove trust for an image: for one tag, or, where none is given, for all of them."""
    ref = ImageRef.parse(name)
    tag = written_tag(name, ref)
    if ref.digest is not None:
        raise UsageError("cannot use a digest reference for IMAGE:TAG", hint="revoke the tag that points to it")
    question = f"Confirm you would like to delete all signature data for {name}?"
    if tag is None and not yes and not voice.confirm(question):
        raise Refused("trust revoke has been cancelled", hint="answer y, or give --yes")
    owner = workspace.owner(voice.note)
    outcome = owner.revoke(ref.collection, None if tag is None else [tag], workspace.signers(()))
    return say_outcome(outcome, f"Successfully deleted signature for {name}")


def written_tag(text: str, ref: ImageRef) -> str | None:
    """The tag if one was written; with a digest, which is what decides then, there is none."""
    default = ref.tag == DEFAULT_TAG and not text.endswith(f":{DEFAULT_TAG}")
    return None if default or ref.digest is not None else ref.tag


def _inspect(workspace: Workspace, name: str) -> Inspected:
    ref = ImageRef.parse(name)
    with voice.working(f"looking up {ref.collection}"):
        deadline = Deadline(DEADLINE)
        trusted = workspace.client().open(ref.collection, deadline)
        root = notary_root(_source(workspace, ref.collection), ref.collection, deadline)
    if trusted.first_use:
        voice.note(f"note: no pin covers {ref.collection}: its root was believed when it was seen first")
    return inspected(name, trusted.collection, written_tag(name, ref), root)


def notary_root(source: Source, name: CollectionName, deadline: Deadline) -> RootFile | None:
    """The names that docker's clients know keys by, where there are such; ``trust_inspect`` says what is believed.

    Raises:
        Unknown: the source cannot be reached. What it refuses, or serves in another form, is as good as nothing.
    """
    from pytrust.trust.client.source import NOTARY
    from pytrust.trust.formats.notary.files import read_root

    try:
        data = source.fetch(name, f"{NOTARY}{ROOT}.json", deadline)
        return None if data is None else read_root(data)
    except Refused:
        return None


def _source(workspace: Workspace, name: CollectionName) -> Source:
    """Where the collection was looked up."""
    from pytrust.trust.pins import find_pin

    server = find_pin(workspace.settings.pins, name).server
    return workspace.source if server is None else workspace.trust_server(server)


def _released(workspace: Workspace, name: CollectionName, tag: str) -> Target | None:
    try:
        with voice.working(f"looking up {name}"):
            found = workspace.client().open(name).find(tag)
    except Unsigned:
        return None
    return None if found is None else found[1]


def _sign_too(workspace: Workspace, ref: ImageRef, target: Target) -> int:
    """One more signature under what is signed, wherever the tag points now."""
    voice.say(f"Signing and pushing trust metadata for {ref}")
    before = workspace.client().open(ref.collection).collection.vouchers(target)
    outcome = workspace.owner(voice.note).sign(ref.collection, [target], workspace.signers(()))
    return say_outcome(
        outcome,
        f"Existing signatures for tag {target.tag} digest {target.digest.hex} from:",
        ", ".join(sorted(before)),
        f"Successfully signed {ref}",
    )
