"""``pytrust verify``, ``inspect`` and ``pull``: believing what is so, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from pytrust.cli import voice
from pytrust.cli.arguments import json_option, parse_refs
from pytrust.cli.documents import collection_json, profile_of, scans_of, verified_json
from pytrust.cli.registry_answers import ask_registry
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import BadContent, DigestMismatch, ExitCode, PytrustError, Rollback
from pytrust.trust.http import Deadline
from pytrust.trust.limits import DEADLINE
from pytrust.trust.names import ImageRef, RoleName, parse_collection

if TYPE_CHECKING:
    from pytrust.trust.client.lookup import Client
    from pytrust.trust.client.trusted import Trusted, Verified
    from pytrust.trust.collection.model import Target
    from pytrust.trust.registry import Descriptor

_SHORT = 12  # hex digits of a digest, where it is one of many columns

fresh_option = click.option(
    "--not-older-than",
    type=click.IntRange(min=1),
    metavar="N",
    help="Refuse a timestamp below version N: for hosts without memory, such as fresh CI runners.",
)
offline_option = click.option(
    "--offline", is_flag=True, help="Believe what was verified before, within its time limits."
)


@click.command(
    epilog="""\b
examples:
  pytrust verify registry.example.com/foo/web:v2
  pytrust verify --json foo/web:v2 foo/api:v7
  pytrust verify foo/web@sha256:4f5a..."""
)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@offline_option
@fresh_option
@json_option
@click.pass_obj
def verify(
    workspace: Workspace, names: tuple[str, ...], offline: bool, not_older_than: int | None, as_json: bool
) -> int:
    """Is this image signed, and does the registry hold exactly that content under this tag?

    With --offline, neither the trust server nor the registry is asked.
    """
    refs = parse_refs(names)
    served = {} if offline else ask_registry(workspace.registry, refs)
    client = workspace.client(offline=offline)

    def check(ref: ImageRef) -> Verified:
        found = _verified(client, ref, not_older_than)
        if not offline:
            with voice.working(f"asking the registry for {ref}"):
                _check_content(found, served[ref]())
        return found

    return _each(refs, check, _say_verified, verified_json, as_json=as_json)


@click.command(epilog="example: pytrust inspect registry.example.com/foo/web")
@click.argument("name")
@offline_option
@json_option
@click.pass_obj
def inspect(workspace: Workspace, name: str, offline: bool, as_json: bool) -> int:
    """What is signed under a name, by whom, and until when."""
    collection = parse_collection(name)
    with voice.working(f"looking up {collection}"):
        trusted = workspace.client(offline=offline).open(collection)
    if as_json:
        voice.say_json(collection_json(trusted))
    else:
        _say_collection(trusted)
    return ExitCode.YES


@click.command(epilog="example: pytrust pull registry.example.com/foo/web:v2")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@fresh_option
@click.pass_obj
def pull(workspace: Workspace, names: tuple[str, ...], not_older_than: int | None) -> int:
    """Verify, pull exactly the signed digest onto the engine, and give it its tag there.

    This is what docker with DOCKER_CONTENT_TRUST=1 did until version 28.
    """
    client = workspace.client()

    def fetch(ref: ImageRef) -> Verified:
        found = _verified(client, ref, not_older_than)
        _pull(workspace, found)
        return found

    return _each(parse_refs(names), fetch, _say_pulled, verified_json, as_json=False)


def _verified(client: Client, ref: ImageRef, not_older_than: int | None) -> Verified:
    with voice.working(f"looking up {ref.collection}"):
        found = client.verify([ref])[0]
    if not_older_than is not None and found.timestamp < not_older_than:
        raise Rollback(
            f"{ref}: the timestamp has version {found.timestamp}, and {not_older_than} was asked for at least",
            hint="the source was put back, or somebody replays it: do not use it",
        )
    return found


def _check_content(found: Verified, served: Descriptor) -> None:
    """What the registry serves under the name must be the signed bytes."""
    ref, target = found.ref, found.target
    if served.digest != found.digest:
        raise DigestMismatch(
            f"{ref}: the registry has {served.digest}, but {found.digest} is signed",
            hint="the tag was moved: run the signed image by its digest (pytrust pull), or have the new one signed",
        )
    if served.digest == target.digest and served.size != target.length:
        raise DigestMismatch(f"{ref}: the registry has {served.size} bytes, but {target.length} are signed")
    if served.digest == target.digest and target.media_type not in {"", served.media_type}:
        raise DigestMismatch(f"{ref}: the registry serves a {served.media_type}, but a {target.media_type} is signed")


def _pull(workspace: Workspace, found: Verified) -> None:
    from pytrust.trust.registry import engine_auth

    pinned = ImageRef(found.ref.registry, found.ref.repository, None, found.digest)
    auth = engine_auth(workspace.credentials, found.ref, Deadline(DEADLINE))
    with voice.working(f"pulling {pinned}"):
        workspace.engine.pull(pinned, auth, lambda _: None)
        if workspace.engine.inspect(str(pinned)) is None:
            raise BadContent(f"the engine says that it pulled {pinned}, but does not have it", hint="try: docker info")
    if found.ref.tag is not None:
        workspace.engine.tag(str(pinned), ImageRef(found.ref.registry, found.ref.repository, found.ref.tag, None))


def _each(
    refs: list[ImageRef],
    work: Callable[[ImageRef], Verified],
    say: Callable[[Verified], None],
    document: Callable[[Verified], dict[str, Any]],
    *,
    as_json: bool,
) -> int:
    """Work on every name, whatever becomes of the others; the gravest outcome is the exit code."""
    result, documents = ExitCode.YES, []
    for ref in refs:
        try:
            found = work(ref)
        except PytrustError as error:
            result = _graver(result, error.exit_code)
            documents.append({"name": str(ref), "ok": False, "error": voice.error_json(error)})
            if not as_json:
                voice.fail(error)
        else:
            documents.append(document(found))
            if not as_json:
                say(found)
    if as_json:
        voice.say_json(documents)
    return result


def _graver(one: ExitCode, other: ExitCode) -> ExitCode:
    """A no outweighs "could not find out"; a machine that is not sound outweighs both."""
    order = (ExitCode.YES, ExitCode.USAGE, ExitCode.UNKNOWN, ExitCode.NO, ExitCode.UNSOUND)
    return max(one, other, key=order.index)


def _say_verified(found: Verified) -> None:
    by = ", ".join(found.signers) or "nobody in particular"
    rule = f"{found.role} {found.authority.threshold} of {len(found.authority.keys)}"
    offline = f", offline since {found.refreshed:%Y-%m-%d %H:%M} UTC" if found.offline else ""
    voice.say(f"{found.ref.at(found.digest)} signed by {by} ({rule}), expires {found.expires:%Y-%m-%d}{offline}")
    if found.first_use:
        voice.note(f"note: no pin covers {found.ref.collection}: its root was believed when it was seen first")
    if found.target.previous is not None:
        voice.note(f"note: {found.ref.collection}:{found.target.tag} was {found.target.previous} before")


def _say_pulled(found: Verified) -> None:
    voice.say(f"pulled {found.ref.at(found.digest)}")


def _say_collection(trusted: Trusted) -> None:
    collection = trusted.collection
    rows = [
        (
            tag,
            str(target.digest),
            ", ".join(collection.vouchers(target)),
            target.signed_at,
            _profile(trusted, target),
            _scans(trusted, target),
        )
        for tag, (_, target) in sorted(trusted.tags.items())
    ]
    voice.say(str(collection.name))
    voice.table(("TAG", "DIGEST", "SIGNED BY", "SIGNED AT", "PROFILE", "SCANS"), rows)
    roles = [
        (role, str(trusted.versions[role]), f"{expires:%Y-%m-%d}", _rule(trusted, role))
        for role, expires in trusted.expiries.items()
    ]
    voice.table(("ROLE", "VERSION", "EXPIRES", "THRESHOLD"), roles)
    for error in trusted.silent.values():
        voice.note(f"warning: {error}")
    if trusted.first_use:
        voice.note("note: no pin covers this collection: its root was believed when it was seen first")


def _profile(trusted: Trusted, target: Target) -> str:
    said = profile_of(trusted, target)
    return "" if said is None else said.digest.hex[:_SHORT]


def _scans(trusted: Trusted, target: Target) -> str:
    """Of how many of its platforms there is a scan."""
    count = scans_of(trusted, target)
    return f"{count} of {max(1, len(target.platforms))}" if count else ""


def _rule(trusted: Trusted, role: RoleName) -> str:
    authority = trusted.collection.authority(role)
    return f"{authority.threshold} of {len(authority.keys)}" if authority else ""
