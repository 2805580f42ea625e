"""``pytrust scan exceptions``: what a ``.trivyignore`` leaves out, as exceptions of the policy."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING

import click

from pytrust.cli import voice
from pytrust.cli.scan_file import read_file
from pytrust.trust.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from pytrust.scanner.rules import Waiver


@click.command(
    epilog="""\b
examples:
  pytrust scan exceptions .trivyignore --owner alice@example.com --reason "see ticket 17" --expires 2027-01-31
  pytrust scan exceptions .trivyignore.yaml --owner alice --reason old --expires 2027-01-31 --match '**/foo/*'"""
)
@click.argument("file", metavar="FILE")
@click.option("--owner", required=True, metavar="TEXT", help="Who answers for them.")
@click.option("--reason", required=True, metavar="TEXT", help="Why, for those of which FILE does not say it.")
@click.option("--expires", required=True, metavar="DATE", help="Their last day (UTC), where FILE names none.")
@click.option("--match", default="**", show_default=True, metavar="PATTERN", help="For images whose name fits.")
def exceptions(file: str, owner: str, reason: str, expires: str, match: str) -> int:
    """Print what FILE (.trivyignore, or .trivyignore.yaml) leaves out, for the policy file.

    Every exception has an owner, a reason and an end. Trivy's dates end where their day begins: one day is taken off.
    """
    from pytrust.policy.document import parse_policy
    from pytrust.policy.pattern import check_name_pattern
    from pytrust.policy.strictyaml import parse_yaml
    from pytrust.scanner.ignorefile import Answer, read_ignore, read_ignore_tree
    from pytrust.scanner.limits import IGNORE_MAX_BYTES

    check_name_pattern(match)
    answer = Answer(owner, reason, _day(expires), match)
    data = read_file(file, IGNORE_MAX_BYTES)
    if file.endswith((".yaml", ".yml")):
        found = read_ignore_tree(parse_yaml(data, what=file).value, answer, what=file)
    else:
        found = read_ignore(data, answer, what=file)
    lines = ["exceptions:", *map(_line, found.waivers)] if found.waivers else []
    parse_policy("\n".join(("version: 1", *lines)), what=f"{file} as exceptions")
    for note in found.notes:
        voice.note(f"note: {note}")
    for line in lines:
        voice.say(line)
    return ExitCode.YES


def _line(waiver: Waiver) -> str:
    pairs = (f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in _entry(waiver).items())
    return f"  - {{{', '.join(pairs)}}}"


def _entry(waiver: Waiver) -> dict[str, object]:
    """As the policy file spells it; strings of JSON are strings of YAML."""
    given: dict[str, object] = {
        "id": waiver.ids[0],
        "match": waiver.match,
        "kind": waiver.kind,
        "purl": list(waiver.purls),
        "path": list(waiver.paths),
        "reason": waiver.reason,
        "owner": waiver.owner,
        "expires": waiver.expires.isoformat(),
    }
    return {key: value for key, value in given.items() if value}


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text[:60]!r} is no date", hint="write 2027-01-31") from None
