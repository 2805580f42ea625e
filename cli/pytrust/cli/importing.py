"""``pytrust import``: signed names from docker's and notary's own files, or from any Notary v1 server."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytrust.cli import voice
from pytrust.cli.pin import keep_pin
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, PytrustError, UntrustedRoot, UsageError
from pytrust.trust.http import Deadline
from pytrust.trust.limits import IMPORT_DEADLINE
from pytrust.trust.names import CollectionName, KeyId, parse_collection, parse_key_id
from pytrust.trust.pins import check_server

if TYPE_CHECKING:
    from pytrust.trust.client.source import Source
    from pytrust.trust.pins import Pin
    from pytrust.trust.publish.owner import Adoption
    from pytrust.trust.store.interface import RoleFile

_COMMON = "~/.docker/trust, ~/.notary, or https://HOST"


@click.command(
    "import",
    epilog="""\b
examples:
  pytrust key import ~/.docker/trust && pytrust import --from ~/.docker/trust
  pytrust import --from https://notary.example.com registry.example.com/foo/web --root-key 5af2...
  pytrust import --from ~/.notary --resign registry.example.com/foo/old""",
)
@click.argument("names", nargs=-1, metavar="[NAME...]")
@click.option("--from", "origin", required=True, metavar="DIR|URL", help=f"Where they are now: {_COMMON}.")
@click.option(
    "--root-key", metavar="ID", help="The root key to believe, by any of its ids (default: one of your own, or a pin)."
)
@click.option("--resign", is_flag=True, help="Sign again what has expired, with the keys of this home.")
@click.pass_obj
def import_(workspace: Workspace, names: tuple[str, ...], origin: str, root_key: str | None, resign: bool) -> int:
    """Take signed names over, as they are: every signature is checked, and the files stay byte for byte.

    With the root key in the key ring (pytrust key import ~/.docker/trust), the root is signed anew so that this store
    keeps the timestamp fresh from then on. Without it the names are served until their timestamp ends. Expired roles
    are reported; --resign signs them again, which docker's and notary's own tools cannot do. A folder has what its
    client looked up last, not what it published since: while the server is there, import from the server.
    """
    workspace.settings  # noqa: B018 - without a home there is nowhere to import to
    given = [parse_collection(name) for name in dict.fromkeys(names)]
    believed = parse_key_id(root_key) if root_key is not None else None
    source, found = _source(workspace, origin, named=bool(given))
    result = ExitCode.YES
    for name in given or found:
        try:
            _import(workspace, source, _whole(name), believed, resign=resign)
        except PytrustError as error:
            voice.fail(error)
            result = max(result, error.exit_code)
    return result


def _import(
    workspace: Workspace, source: Source, name: CollectionName, root_key: KeyId | None, *, resign: bool
) -> None:
    from pytrust.trust.client.gather import gather

    with voice.working(f"importing {name}"):
        files = gather(source, name, Deadline(IMPORT_DEADLINE))
        pin = _pin(workspace, name, files, root_key)
        owner = workspace.owner(voice.note, pins=(pin,) if pin else ())
        adopted = owner.adopt(name, files, resign=resign)
    if pin is not None:
        keep_pin(workspace, name, sorted(pin.root_keys))
    _say(name, adopted, workspace.now(), resign=resign)


def _source(workspace: Workspace, origin: str, *, named: bool) -> tuple[Source, list[str]]:
    """Where to take from, and what is there, as far as it says so."""
    if "://" in origin:
        if not named:
            raise UsageError("which names?", hint="a server does not list them: give NAME...")
        return workspace.trust_server(check_server(origin)), []
    from pytrust.trust.client.gather import FolderSource

    folder = Path(origin).expanduser()
    local = FolderSource(folder)
    if not (folder / "tuf").is_dir() or not (names := local.names()):
        raise UsageError(f"{origin!r} holds no trust data of docker or notary", hint=f"give {_COMMON}")
    return local, names


def _whole(text: str) -> CollectionName:
    """A name as it is in a folder: notary's client takes any, but a collection here is named after its image."""
    name = parse_collection(text)
    if name != text:
        raise UsageError(f"{text[:300]!r} is not an image's full name", hint="collections are named so here: HOST/NAME")
    return name


def _pin(workspace: Workspace, name: CollectionName, files: Iterable[RoleFile], root_key: KeyId | None) -> Pin | None:
    """What to believe: the key that was named, else what this home pins (then None), else a root key of its own.

    A key that this home holds for something else vouches for no root, whoever signed one with it; nor does a key of its
    own where the pin wants others, or more of them.

    Raises:
        UntrustedRoot: nothing here vouches for any root of the collection.
    """
    from pytrust.trust.anchor import bare_id, covers_notary, untrusted
    from pytrust.trust.collection.model import ROOT
    from pytrust.trust.formats.notary.files import read_root
    from pytrust.trust.pins import Pin

    roots = [read_root(file.data) for file in files if file.role == ROOT]
    if root_key is not None:
        return Pin(name, frozenset({bare_id(roots[-1], root_key)}))
    pinned, own = _pinned(workspace, name), _own_roots(workspace)
    if pinned is not None:
        if any(covers_notary(pinned, name, root, workspace.now()) for root in roots):
            return None
        if pinned.threshold > 1 or not pinned.root_keys or pinned.root_keys - own:
            raise untrusted(pinned, name)
    keys = [key.material for key in roots[-1].keys_of(ROOT)]
    if held := own & {key.id for key in keys}:
        return Pin(name, held)
    raise UntrustedRoot(
        f"nothing here vouches for the root key of {name} ({', '.join(key.id for key in keys)})",
        hint="compare it with its owner, then give --root-key ID; or import the key itself: pytrust key import",
    )


def _pinned(workspace: Workspace, name: CollectionName) -> Pin | None:
    from pytrust.trust.pins import find_pin

    try:
        return find_pin(workspace.settings.pins, name)
    except UntrustedRoot:
        return None


def _own_roots(workspace: Workspace) -> frozenset[str]:
    """The root keys in the key ring, by the ids that a pin may use."""
    from pytrust.trust.collection.model import ROOT
    from pytrust.trust.keys.notary_id import canonical_id
    from pytrust.trust.keys.notary_names import role_of

    found = [entry.public for entry in workspace.keyring.entries() if role_of(entry.name, entry.public) == ROOT]
    return frozenset(name for key in found for name in (key.id, canonical_id(key)))


def _say(name: CollectionName, adopted: Adoption, now: datetime, *, resign: bool) -> None:
    collection = adopted.collection
    people = ", ".join(item.name for item in collection.signers) or "the owner alone"
    voice.say(f"imported {name}: {voice.plural(len(collection.accepted), 'tag')}; signers: {people}")
    if adopted.signed:
        voice.say(f"{name}: signed anew: {', '.join(adopted.signed)}")
        if adopted.until <= now:
            voice.note(
                f"warning: the timestamp of {name} had ended {adopted.until:%Y-%m-%d}: are these its newest tags?"
            )
    else:
        voice.note(
            f"warning: {name} is served as it is until {adopted.until:%Y-%m-%d}: the root key is not in the key ring; "
            "once it is, import it again"
        )
    way = "its keys are not in the key ring" if resign else "sign it again: pytrust repo renew"
    for role, end in adopted.expired:
        voice.note(f"warning: {role} of {name} ended {end:%Y-%m-%d}: {way}")
    for role in adopted.unsigned:
        voice.note(f"warning: {role} of {name} is not signed by its keys any more, and says nothing")
