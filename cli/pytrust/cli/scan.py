"""``pytrust scan``: what was found in images, as a group of commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import click

from pytrust.cli.lazy import LazyGroup


class _Commands(LazyGroup):
    table: ClassVar[Mapping[str, tuple[str, str]]] = {
        "run": ("scan_run:run", "let trivy look at the signed digest, and sign what it found"),
        "add": ("scan_add:add", "sign what a report of trivy says about an image"),
        "remove": ("scan_remove:remove", "withdraw the scan of an image"),
        "show": ("scan_show:show", "what was found, worst and fixable first, and what the policy says"),
        "check": ("scan_check:check", "judge a report, without engine or store: for builds"),
        "diff": ("scan_diff:diff", "what is new, gone, worse or mended between two scans"),
        "status": ("scan_status:status", "every signed image: age of its scan, verdict, what ends soon"),
        "vex": ("scan_vex:vex", "signed statements that something does not affect an image"),
        "exceptions": ("scan_exceptions:exceptions", "take over a .trivyignore as exceptions of the policy"),
    }


@click.group(
    cls=_Commands,
    epilog="""\b
examples:
  pytrust scan run foo/web:v2
  pytrust scan add foo/web:v2 report.json --db-updated 2026-11-30T06:00Z
  pytrust scan show foo/web:v2 --format html -o web.html
  pytrust scan check report.json --fail-on high --fixable
\b
in the policy file, so that foo/web runs no other way:
  images:
    - match: docker.io/foo/web
      scan: {max_age: 7d, fail_on: {severity: high, fix: available}}
\b
exit codes beside the usual:
  11 not a report   12 too old   13 of another image""",
)
def scan() -> None:
    """What was found in an image: signed with it, judged by the policy, enforced by the proxy."""
