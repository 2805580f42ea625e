"""``pytrust policy test`` and ``explain``: decisions that are tried, and decisions that were made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import click

from pytrust.cli import voice
from pytrust.cli.arguments import json_option
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, NotFound, PytrustError, UsageError
from pytrust.trust.files import read_bounded

if TYPE_CHECKING:
    from pytrust.policy.core.decision import Decision
    from pytrust.policy.document import Reading
    from pytrust.policy.journal import Decided


def read_policy(workspace: Workspace, file: Path | None) -> Reading:
    """The policy of the home; or another, which rules nothing yet, so that its owner does not matter."""
    from pytrust.policy.document import read_document
    from pytrust.policy.strictyaml import MAX_BYTES

    path = file or workspace.home.policy
    data = read_bounded(path, MAX_BYTES) if file else workspace.read_policy(path)
    return read_document(data, what=str(path))


@click.command(
    epilog="""\b
examples:
  pytrust policy test registry.example.com/foo/web:v2
  pytrust policy test --policy new-policy.yaml --image-user 0 foo/web:v2
  echo '{"HostConfig": {"Binds": ["/etc:/etc:ro"]}}' | pytrust policy test foo/web:v2 --body -
\b
No engine is asked. It is assumed that it holds the image, that paths on the host lead where
they say, that volumes are new, and that the image may read the secrets of pytrust.secrets;
each assumption is listed. Signatures are looked up.
Exit code 0: allowed, 1: denied."""
)
@click.argument("image", required=False)
@click.option("--body", type=click.File("rb"), metavar="FILE", help="The JSON of POST /containers/create; - for stdin.")
@click.option(
    "--policy",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="[default: policy.yaml in the home]",
)
@click.option("--image-user", default="1000", show_default=True, metavar="USER", help="As whom the image runs.")
@json_option
@click.pass_obj
def test(
    workspace: Workspace, image: str | None, body: BinaryIO | None, file: Path | None, image_user: str, as_json: bool
) -> int:
    """May this container be made? Judged as the proxy would, without an engine."""
    import asyncio

    from pytrust.cli import trial
    from pytrust.policy.core.decision import Allow
    from pytrust.policy.engine.body import BODY_MAX_BYTES

    if image is None and body is None:
        raise UsageError("no image is named", hint="pytrust policy test [HOST/]NAME[:TAG]")
    request = trial.read_request(image, body.read(BODY_MAX_BYTES + 1) if body else None)
    policy = read_policy(workspace, file).policy
    answers = trial.Supposed(request, image_user, lambda: workspace.trust_facts)
    with voice.working("looking up signatures"):
        decided = asyncio.run(trial.settle(request, policy, answers, workspace.now))
    if as_json:
        voice.say_json({**_document(decided), "assumed": _assumed(decided)})
    else:
        _say(decided, assumed=True)
    return ExitCode.YES if isinstance(decided.decision, Allow) else ExitCode.NO


@click.command(epilog="example: pytrust policy explain 17")
@click.argument("seq", type=click.IntRange(min=1))
@json_option
@click.pass_obj
def explain(workspace: Workspace, seq: int, as_json: bool) -> int:
    """Why was entry SEQ of the journal decided so? And how would it be decided today?

    Entries are listed by pytrust log. The policy of today is asked again with what was known then.
    """
    from pytrust.policy.journal import Event, JournalReader

    stored = JournalReader(workspace.home.journal).entry(seq)
    if stored is None:
        raise NotFound(f"the journal has no entry {seq}", hint="see what there is: pytrust log")
    entry = stored.entry
    if isinstance(entry, Event):
        raise NotFound(f"entry {seq} is no decision: {entry.what}: {entry.text}", hint="pytrust log lists them")
    today = _today(workspace, entry)
    if as_json:
        voice.say_json({"seq": seq, **_document(entry), "today": _today_document(today)})
    else:
        voice.say(f"entry {seq}, {entry.at:%Y-%m-%d %H:%M:%S} UTC, {entry.caller}, policy {entry.policy[:12]}")
        _say(entry, assumed=False)
        for line in _today_lines(entry, today):
            voice.say(line)
    return ExitCode.YES


class _Today(NamedTuple):
    """What the policy of this moment says of an older request and the facts of its time."""

    policy: str
    decision: Decision


def _today(workspace: Workspace, entry: Decided) -> _Today | PytrustError:
    from pytrust.policy.core.decide import decide

    try:
        policy = workspace.load_policy()
    except PytrustError as error:
        return error
    return _Today(policy.version, decide(entry.request, entry.facts, policy))


def _today_lines(entry: Decided, today: _Today | PytrustError) -> Iterator[str]:
    from pytrust.cli.decisions import decision_lines, same, things
    from pytrust.policy.core.decision import Need

    if isinstance(today, PytrustError):
        yield f"today: not decided again: {today}"
        return
    by = "the same policy" if today.policy == entry.policy else f"policy {today.policy[:12]}"
    if isinstance(today.decision, Need):
        yield f"today, by {by}: open, for it asks what was not looked up then: {things(today.decision.queries)}"
    elif same(today.decision, entry.decision):
        yield f"today, by {by}: the same"
    else:
        yield f"today, by {by}:"
        yield from decision_lines(today.decision)


def _today_document(today: _Today | PytrustError) -> dict[str, Any]:
    from msgspec import to_builtins

    if isinstance(today, PytrustError):
        return {"error": voice.error_json(today)}
    return {"policy": today.policy, "decision": to_builtins(today.decision)}


def _document(decided: Decided) -> dict[str, Any]:
    from msgspec import to_builtins

    document: dict[str, Any] = to_builtins(decided)
    return document


def _assumed(decided: Decided) -> list[Any]:
    """The questions that no engine was asked."""
    from msgspec import to_builtins

    from pytrust.policy.core.facts import TrustQuery

    return [to_builtins(query) for query, _ in decided.known if not isinstance(query, TrustQuery)]


def _say(decided: Decided, *, assumed: bool) -> None:
    """``assumed``: what the engine would have answered is not known."""
    from pytrust.cli.decisions import decision_lines, fact_line, request_lines
    from pytrust.policy.core.facts import TrustQuery

    for line in request_lines(decided.request):
        voice.say(line)
    for query, fact in sorted(decided.known, key=lambda pair: fact_line(*pair)):
        mark = "assumed " if assumed and not isinstance(query, TrustQuery) else ""
        voice.say(f"  {mark}{fact_line(query, fact)}")
    for line in decision_lines(decided.decision):
        voice.say(line)
