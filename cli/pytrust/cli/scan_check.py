"""``pytrust scan check``: would this report pass? For CI: no engine, no signatures, and with --fail-on no home."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytrust.cli.sheet_output import put, sheet_options
from pytrust.trust.errors import UsageError
from pytrust.trust.names import parse_collection

if TYPE_CHECKING:
    from pytrust.cli.scan_judging import Ruling
    from pytrust.cli.sheet_output import Output
    from pytrust.cli.workspace import Workspace

_FLOORS = ("critical", "high", "medium", "low")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(
    epilog="""\b
examples:
  pytrust scan check report.json --fail-on high --fixable
  pytrust scan check report.json --policy policy.yaml --image registry.example.com/foo/web
  pytrust scan check report.json --fail-on medium --baseline main.json --format markdown
  trivy image --format json foo/web:v2 | pytrust scan check - --fail-on critical
\b
Exit code 0: it would pass, 1: it would not, 11: no report, 12: nothing but its age is in the way."""
)
@click.argument("report")
@click.option("--policy", "file", type=_FILE, metavar="FILE", help="[default: policy.yaml in the home]")
@click.option("--image", metavar="NAME", help="Judge it as this image [default: what the report names].")
@click.option("--fail-on", "floor", type=click.Choice(_FLOORS), help="In the place of a policy: the least that fails.")
@click.option("--fixable", is_flag=True, help="With --fail-on: of vulnerabilities, only those that have a fix.")
@click.option("--baseline", metavar="OLD", help="What this older report has, too, passes.")
@click.option("--epss", metavar="FILE", help="Look findings up in FIRST's EPSS list, .csv or .csv.gz.")
@click.option("--kev", metavar="FILE", help="Look findings up in CISA's catalogue of exploited vulnerabilities.")
@click.option("--vex", multiple=True, metavar="FILE", help="What does not affect it; unsigned (repeatable).")
@click.option("--db-updated", "database_at", metavar="TIME", help="When the scanner's database was made, by your word.")
@click.option("--legacy", is_flag=True, help="Read [] and null, too, as trivy before 0.20 wrote them.")
@sheet_options
@click.pass_obj
def check(
    workspace: Workspace,
    report: str,
    file: Path | None,
    image: str | None,
    floor: str | None,
    fixable: bool,
    baseline: str | None,
    epss: str | None,
    kev: str | None,
    vex: tuple[str, ...],
    database_at: str | None,
    legacy: bool,
    output: Output,
) -> int:
    """Judge REPORT, a file of trivy's or - for stdin, as the policy would judge the signed scan.

    Nothing is signed, and nobody vouches for what the report says. Of a report on a cluster, the worst decides.
    """
    from pytrust.cli.scan_checking import Checking
    from pytrust.cli.scan_file import parse_moment, read_scans, read_vex_file
    from pytrust.cli.scan_judging import exit_code
    from pytrust.cli.scan_signing import read_lists

    checking = Checking(
        ruling=_ruling(workspace, file, floor, fixable=fixable),
        now=workspace.now(),
        lists=read_lists(epss, kev),
        database_at=parse_moment(database_at) if database_at else None,
        vex={place: read_vex_file(place) for place in vex},
        name=parse_collection(image) if image else None,
        baseline=read_scans(baseline, legacy=legacy) if baseline else None,
    )
    sheet, verdicts = checking.check(read_scans(report, legacy=legacy))
    put(sheet, output)
    return exit_code(verdicts)


def _ruling(workspace: Workspace, file: Path | None, floor: str | None, *, fixable: bool) -> Ruling:
    from pytrust.cli.judging import read_policy
    from pytrust.cli.scan_judging import ruling, simple_ruling
    from pytrust.scanner.severity import Severity

    if floor is not None and file is not None:
        raise UsageError("--fail-on stands in the place of a policy", hint="give one of --policy and --fail-on")
    if floor is not None:
        return simple_ruling(Severity[floor.upper()], fixable=fixable)
    if fixable:
        raise UsageError(
            "--fixable belongs to --fail-on", hint="in a policy: fail_on: {severity: high, fix: available}"
        )
    if file is None and not workspace.home.policy.exists():
        raise UsageError("there are no rules to judge by", hint="--fail-on high, or --policy FILE")
    return ruling(read_policy(workspace, file).policy)
