"""``pytrust ca rotate``: a CA is replaced, and nobody who keeps up is refused meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pytrust.cli import voice
from pytrust.cli.arguments import json_option
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, UsageError
from pytrust.trust.pki.model import CA_KINDS, Kind

if TYPE_CHECKING:
    from pytrust.trust.pki.rotation.model import Rotation
    from pytrust.trust.pki.rotation.rotate import Progress, Rotator


@click.command(
    epilog="""\b
examples:
  pytrust ca rotate client-ca
  pytrust ca rotate --continue
  pytrust ca rotate --continue --confirm docker3.example.com
  pytrust ca rotate --abort
\b
The new CA is made known to everybody who verifies, then it issues, then the old one is dropped.
Before each step every engine is asked whether it really takes, or serves, the new one; who is
not ready is listed, and the command ends: restart or renew what it says, and continue.
\b
exit codes: 0 done   1 somebody is waited for, or you are asked   3 engines cannot be reached"""
)
@click.argument("ca", required=False, metavar="[client-ca|server-ca|root]")
@click.option("--continue", "going_on", is_flag=True, help="Go on with the rotation that is under way.")
@click.option("--abort", "going_back", is_flag=True, help="Take it back; as long as nothing was dropped.")
@click.option("--status", is_flag=True, help="Say how far it is; change nothing, ask nobody.")
@click.option(
    "--confirm", "names", multiple=True, metavar="NAME", help="Vouch for one that cannot be asked (repeatable)."
)
@click.option(
    "--endpoint", "endpoints", multiple=True, metavar="NAME=HOST:PORT", help="Where a server can be asked (repeatable)."
)
@click.option("--yes", "-y", is_flag=True, help="Do not ask; copies of client folders are up to date.")
@click.option("--force-drop", is_flag=True, help="Go on although some are not ready: they will be refused.")
@json_option
@click.pass_obj
def rotate(
    workspace: Workspace,
    ca: str | None,
    going_on: bool,
    going_back: bool,
    status: bool,
    names: tuple[str, ...],
    endpoints: tuple[str, ...],
    yes: bool,
    force_drop: bool,
    as_json: bool,
) -> int:
    """Replace the client CA, the server CA or the root, with overlap; it can be interrupted at any moment."""
    from pytrust.trust.pki.rotation.rotate import alone

    _check_words(ca, [going_on, going_back, status], names, changing=bool(names or endpoints or yes or force_drop))
    if status:
        return _show(_rotator(workspace).current(), as_json)
    authority = workspace.authority
    with alone(workspace.home.ca):
        rotator = _rotator(workspace)
        for server, endpoint in map(_endpoint, endpoints):
            authority.set_endpoint(authority.index.find(server, Kind.SERVER).holder, endpoint)
        _start(rotator, ca, going_back=going_back, names=names)
        progress = _run(rotator, yes=yes, force=force_drop, asking=not as_json)
    return _tell(progress, as_json)


def _check_words(ca: str | None, flags: list[bool], names: tuple[str, ...], *, changing: bool) -> None:
    if sum([ca is not None, *flags]) != 1:
        raise UsageError("say one of: a CA to replace, --continue, --abort, --status", hint="pytrust ca rotate --help")
    if ca not in {None, *CA_KINDS}:
        raise UsageError(f"{str(ca)[:80]!r} is not a CA", hint="it is one of client-ca, server-ca, root")
    if flags[-1] and changing:
        raise UsageError("--status changes nothing", hint="use --continue")
    if names and not flags[0]:
        raise UsageError("--confirm goes with --continue", hint="see first who is waited for")


def _rotator(workspace: Workspace) -> Rotator:
    from pytrust.trust.pki.probe.probe import probe
    from pytrust.trust.pki.rotation.look import Engines
    from pytrust.trust.pki.rotation.proof import Proofs
    from pytrust.trust.pki.rotation.rotate import Rotator

    authority = workspace.authority
    eyes = Engines(authority.index, Proofs(authority, workspace.home.ca), probe, workspace.now)
    return Rotator(authority, eyes, workspace.now, workspace.passphrases.new, voice.note)


def _start(rotator: Rotator, ca: str | None, *, going_back: bool, names: tuple[str, ...]) -> None:
    from pytrust.cli.ca_rotate_words import kind_of

    if ca is not None:
        rotator.begin(kind_of(ca))
    if going_back:
        rotator.turn_back()
    if names:
        rotator.vouch(names)


def _run(rotator: Rotator, *, yes: bool, force: bool, asking: bool) -> Progress | None:
    from pytrust.cli.ca_rotate_words import caution, question
    from pytrust.trust.pki.rotation.model import Ask, Phase

    consent = set(Phase) if yes else set()
    while True:
        with voice.working("rotating, and asking every engine"):
            progress = rotator.go_on(consent=consent, force=force)
        if progress is None or not isinstance(progress.outcome, Ask) or not asking:
            return progress
        if warning := caution(progress.rotation, progress.outcome.phase):
            voice.note(f"note: {warning}")
        if not voice.confirm(question(progress.rotation, progress.outcome.phase)):
            return progress
        consent.add(progress.outcome.phase)


def _show(rotation: Rotation | None, as_json: bool) -> int:
    from pytrust.cli import ca_rotate_words as words

    if as_json:
        voice.say_json(words.document(rotation, None))
    elif rotation is None:
        voice.say("no rotation is under way")
    else:
        _say(rotation)
        voice.note("hint: go on with: pytrust ca rotate --continue")
    return ExitCode.YES if rotation is None else ExitCode.NO


def _tell(progress: Progress | None, as_json: bool) -> int:
    from pytrust.cli import ca_rotate_words as words
    from pytrust.trust.pki.rotation.model import Over

    if as_json:
        voice.say_json(words.document(progress.rotation if progress else None, progress))
    elif progress is None:
        voice.say("no rotation is under way: nothing to do")
    elif isinstance(progress.outcome, Over):
        voice.say(words.ended(progress.rotation))
    else:
        _say(progress.rotation)
        for hint in words.hints(progress):
            voice.note(f"hint: {hint}")
    return _exit_code(progress)


def _say(rotation: Rotation) -> None:
    from pytrust.cli import ca_rotate_words as words

    voice.say(words.headline(rotation))
    if rows := words.rows(rotation):
        voice.table(words.HEADERS, rows)


def _exit_code(progress: Progress | None) -> int:
    from pytrust.trust.pki.rotation.model import Need, Over, Wait

    if progress is None or isinstance(progress.outcome, Over):
        return ExitCode.YES
    if isinstance(progress.outcome, Wait) and all(sign.need is Need.REACH for sign in progress.outcome.lacking):
        return ExitCode.UNKNOWN
    return ExitCode.NO


def _endpoint(text: str) -> tuple[str, str]:
    from pytrust.trust.pki.probe.endpoint import Endpoint

    name, equals, endpoint = text.partition("=")
    if not equals:
        raise UsageError(f"{text[:80]!r} is not NAME=HOST:PORT", hint="such as docker1=10.0.0.5:2376")
    Endpoint.parse(endpoint)
    return name, endpoint
