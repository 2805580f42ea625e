"""``pytrust policy``: what may run. The commands that try and explain decisions are in ``judging``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytrust.cli import voice
from pytrust.cli.arguments import json_option
from pytrust.cli.judging import explain, read_policy, test
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, UsageError
from pytrust.trust.files import PUBLIC, write_atomic

if TYPE_CHECKING:
    from pytrust.policy.document import Reading
    from pytrust.policy.lint import Finding


@click.group(
    epilog="""\b
a first policy:
  pytrust policy init
  pytrust policy lint
  pytrust policy test registry.example.com/foo/web:v2"""
)
def policy() -> None:
    """What may run: begin, check and try the policy file, explain a decision.

    The file is policy.yaml in the home; docs/policy.md describes every key.
    """


policy.add_command(test)
policy.add_command(explain)


@policy.command(epilog="example: pytrust policy init --isolation baseline")
@click.option(
    "--isolation",
    type=click.Choice(["restricted", "baseline", "privileged"]),
    default="restricted",
    show_default=True,
    help="How much of the host a container may have.",
)
@click.pass_obj
def init(workspace: Workspace, isolation: str) -> None:
    """Write a policy to begin with: what is signed by keys that config.toml pins may run."""
    from pytrust.policy.core.rules import Isolation
    from pytrust.policy.starter import starter

    _ = workspace.settings  # raises where there is no home
    file = workspace.home.policy
    try:
        write_atomic(file, starter(Isolation(isolation)).encode(), mode=PUBLIC, replace=False)
    except FileExistsError as error:
        raise UsageError(f"{file} exists already", hint="edit it, then: pytrust policy lint") from error
    voice.say(f"created {file}: signed images run, isolation {isolation}")


@policy.command(epilog="example: pytrust policy schema > policy.schema.json")
def schema() -> None:
    """Print the JSON Schema of the policy file, for editors."""
    from pytrust.policy.schema import policy_schema

    voice.say_json(policy_schema())


@policy.command(
    epilog="""\b
examples:
  pytrust policy lint
  pytrust policy lint --json new-policy.yaml
\b
A mistake is a line that does not do what it seems to; a risk is one that does, and gives
something away. Exit code 0: no mistakes, 1: mistakes, 2: the file is no policy."""
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@json_option
@click.pass_obj
def lint(workspace: Workspace, file: Path | None, as_json: bool) -> int:
    """Check the policy file: errors, mistakes and risks, with their lines."""
    from pytrust.policy.lint import Severity
    from pytrust.policy.lint import lint as examine

    reading = read_policy(workspace, file)
    findings = examine(reading, workspace.now().date())
    if as_json:
        voice.say_json([finding._asdict() for finding in findings])
    else:
        _say(reading, findings)
    return ExitCode.NO if any(finding.severity is Severity.MISTAKE for finding in findings) else ExitCode.YES


def _say(reading: Reading, findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        voice.say(f"{finding.where}: {finding.severity}: {finding.text}")
    rules = voice.plural(len(reading.policy.images), "image rule")
    if reading.policy.waivers:
        rules += f", {voice.plural(len(reading.policy.waivers), 'exception')}"
    voice.say(f"{rules}, isolation {reading.policy.containers.isolation}, mode {reading.policy.mode}")
