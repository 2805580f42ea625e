"""``pytrust profile denied`` and ``extend``: what confined containers were refused, and what would let it through."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Never

import click

from pytrust.cli import voice
from pytrust.cli.arguments import json_option
from pytrust.cli.profile_extension import (
    ANY,
    denials_path,
    is_of,
    parse_capabilities,
    tell_difference,
    wanted_openings,
    warn,
)
from pytrust.cli.profile_files import read_profile, write_profile
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import AccessDenied, ExitCode, Refused, UsageError

if TYPE_CHECKING:
    from pytrust.policy.observe.denials_model import Denial

_INTERVAL: Final = 0.5  # seconds between two looks for new denials


@click.command(
    epilog="""\b
examples:
  pytrust profile denied
  pytrust profile denied web --since 1h --json
  pytrust profile denied --follow
  pytrust profile denied --watch
\b
an engine before 23 tells nobody of a call that a profile answers with an error. --watch
sees it even so, as root, from the end of the call; meanwhile each call of every program
on this host takes some 0.1 microseconds longer."""
)
@click.argument("container", required=False)
@click.option("--since", metavar="TIME", help="Only what is newer: 30m, 1h, 2d, or 2026-11-23T20:00 (UTC).")
@click.option("--follow", "-f", is_flag=True, help="Go on with what is refused from now on, until interrupted.")
@click.option("--watch", is_flag=True, help="Watch this host's engine now, every refusal, until interrupted.")
@click.option("--forget", is_flag=True, help="Forget what was refused so far, of CONTAINER or of all.")
@json_option
@click.pass_obj
def denied(
    workspace: Workspace,
    container: str | None,
    since: str | None,
    follow: bool,
    watch: bool,
    forget: bool,
    as_json: bool,
) -> int:
    """What containers were refused by their profiles, as the proxy or --watch saw it; CONTAINER by name or id.

    --json prints one document; with --follow and --watch, one document a line.
    """
    from pytrust.cli.logview import parse_since

    path = denials_path(workspace)
    if forget:
        return _forget(path, container)
    if watch:
        _watch(workspace, path, container, as_json=as_json)
    begin = 0.0 if since is None else parse_since(since, workspace.now()).timestamp()
    if follow:
        _follow(path, container, begin, as_json=as_json)
    return _show(path, container, begin, as_json=as_json)


@click.command(
    epilog="""\b
examples:
  pytrust profile extend web.json --from-denied -o web2.json
  pytrust profile extend web.json --from-denied web --since 1h -o web2.json
  pytrust profile extend web.json --call mkdirat --call socket:AF_INET6 -o web2.json
  pytrust profile extend web.json --capability CHOWN -o web2.json
\b
nothing is signed: look at the difference, prove it, then
  pytrust profile verify web2.json foo/web:v2 -- ./acceptance.sh
  pytrust profile attach foo/web:v2 web2.json"""
)
@click.argument("profile")
@click.option(
    "--from-denied", is_flag=False, flag_value=ANY, metavar="[CONTAINER]", help="What was refused (to CONTAINER)."
)
@click.option("--since", metavar="TIME", help="With --from-denied: only what is newer, such as 1h.")
@click.option("--call", "calls", multiple=True, metavar="NAME[:ARGUMENT]", help="A call to let through (repeatable).")
@click.option("--capability", "capabilities", multiple=True, metavar="NAME", help="A capability to add (repeatable).")
@click.option("-o", "--output", required=True, metavar="FILE", help="Where the new profile goes; - is stdout.")
@click.pass_obj
def extend(
    workspace: Workspace,
    profile: str,
    from_denied: str | None,
    since: str | None,
    calls: tuple[str, ...],
    capabilities: tuple[str, ...],
    output: str,
) -> int:
    """Propose the narrowest extension of PROFILE that lets through what was refused.

    Says what would be open that was not; calls that Docker itself refuses, and dangerous ones, are marked.
    """
    from pytrust.policy.observe.denials_extension import extended, with_capabilities

    old, added = read_profile(profile), parse_capabilities(capabilities)
    if from_denied is None and not calls and not added:
        raise UsageError("nothing is to be let through", hint="--from-denied, --call NAME or --capability NAME")
    wanted = wanted_openings(workspace, old, from_denied, since, calls)
    new = with_capabilities(extended(old, wanted), added)
    if new == old:
        raise Refused("the profile lets all of that through already", hint="does the container run under this profile?")
    tell_difference(old, new)
    warn(new, wanted)
    write_profile(new, output)
    if output != "-":
        voice.say(f"{output} written, unsigned")
        voice.note(f"hint: pytrust profile attach IMAGE {output}")
    return ExitCode.YES


def _show(path: Path, container: str | None, since: float, *, as_json: bool) -> int:
    from pytrust.policy.observe.denials_store import read_denials, read_watches
    from pytrust.policy.observe.denials_words import HEADERS, document, row, seen_lines, watch_document
    from pytrust.trust.limits import DENIALS_LOUD

    found = [denial for denial in read_denials(path, since) if is_of(denial, container)]
    watches, now = read_watches(path), time.time()
    if as_json:
        sources = [watch_document(watch, now) for watch in watches]
        voice.say_json({"denials": [document(denial) for denial in found], "watched": sources})
        return ExitCode.YES
    if found:
        voice.table(HEADERS, [row(denial) for denial in found])
        voice.note("hint: pytrust profile extend PROFILE --from-denied -o NEW")
        if any(denial.count >= DENIALS_LOUD for denial in found):
            voice.note(f"note: who is refused {DENIALS_LOUD} calls in a second is not counted for a while")
    else:
        voice.say("nothing was refused, as far as anybody watched")
    for line in seen_lines(watches, now):
        voice.note(line)
    return ExitCode.YES


def _follow(path: Path, container: str | None, since: float, *, as_json: bool) -> Never:
    from pytrust.policy.observe.denials_store import read_denials

    while True:
        for denial in read_denials(path, since):
            since = max(since, denial.last)
            if is_of(denial, container):
                _say(denial, as_json=as_json)
        voice.flush()
        time.sleep(_INTERVAL)


def _say(denial: Denial, *, as_json: bool) -> None:
    from pytrust.policy.observe.denials_words import document, sentence

    if as_json:
        voice.say_json_line(document(denial))
    else:
        voice.say(sentence(denial))
    voice.flush()


def _watch(workspace: Workspace, path: Path, container: str | None, *, as_json: bool) -> Never:
    def on_denial(denial: Denial) -> None:
        if is_of(denial, container):
            _say(denial, as_json=as_json)

    with _watching(workspace, path, on_denial):
        voice.note("watching every refusal of a profile; ctrl-c ends it")
        while True:
            time.sleep(_INTERVAL)


@contextmanager
def _watching(workspace: Workspace, path: Path, on_denial: Callable[[Denial], None]) -> Iterator[None]:
    """What the proxy sees already is left to it, so that nothing is counted twice."""
    from pytrust.policy.observe.denials import DenialWatch, open_sources
    from pytrust.policy.observe.denials_engine import EngineContainers
    from pytrust.policy.observe.denials_store import DenialStore, read_watches
    from pytrust.policy.observe.denials_words import is_alive

    engine = EngineContainers(workspace.engine.address)
    engine.ping()
    taken = {watch.source for watch in read_watches(path) if is_alive(watch, time.time())}
    sources = [source for source in open_sources(calls=True, say=voice.note) if source.name not in taken]
    if not sources:
        raise AccessDenied("there is nothing to watch here", hint="run as root, outside of containers")
    with DenialStore(path) as store:
        watch = DenialWatch(sources, engine.find, store, on_denial, voice.note)
        watch.start()
        try:
            yield
        finally:
            watch.stop()


def _forget(path: Path, container: str | None) -> int:
    from pytrust.policy.observe.denials_store import DenialStore, read_denials

    gone = {denial.container for denial in read_denials(path) if is_of(denial, container)}
    if gone:
        with DenialStore(path) as store:
            for one in sorted(gone):
                store.forget(one)
    voice.say(f"forgotten: {voice.plural(len(gone), 'container')}")
    return ExitCode.YES
