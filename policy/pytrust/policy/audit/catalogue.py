"""All checks, in the benchmark's order; and what they come to, as a sheet. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import Final

from pytrust.policy.audit.check import EDITION, Check, Outcome, Section
from pytrust.policy.audit.checks_containers import CONTAINERS
from pytrust.policy.audit.checks_daemon import DAEMON
from pytrust.policy.audit.checks_host import HOST
from pytrust.policy.audit.checks_images import IMAGES
from pytrust.policy.audit.checks_swarm import SWARM
from pytrust.policy.audit.inventory import Inventory
from pytrust.scanner.severity import Severity
from pytrust.scanner.sheet import Line, Mark, Sheet
from pytrust.trust.errors import UsageError


def _place(number: str) -> tuple[int, ...]:
    return tuple(map(int, number.split(".")))


CATALOGUE: Final = tuple(sorted((*DAEMON, *HOST, *IMAGES, *CONTAINERS, *SWARM), key=lambda check: _place(check.number)))
_WHOLE: Final = (Mark.FAIL, Mark.WARN, Mark.PASS, Mark.MANUAL, Mark.SKIPPED)
"""What the whole is called by: where nothing could be looked at, it has not passed."""
_SEVERITIES: Final = {
    **dict.fromkeys(("5.5", "5.32"), Severity.CRITICAL),
    **dict.fromkeys("2.5 2.7 2.12 3.15 3.16 4.2 4.5 4.10 4.12 5.4 5.6 5.10 5.16 5.18 5.22".split(), Severity.HIGH),  # noqa: SIM905 - numbers
}
"""The rest is medium, and low where it is warned of."""
_NAMED: Final = {Section.FILES: "FILE", Section.HOST: "FILE", Section.IMAGES: "NAME:TAG"}
_RANK: Final = {mark: place for place, mark in enumerate(Mark)}


def chosen(only: Iterable[str], skip: Iterable[str]) -> tuple[Check, ...]:
    """Those whose numbers begin so (``5``, ``5.4``), without others.

    Raises:
        UsageError: no check has such a number, or none is left.
    """
    wanted, left_out = tuple(only), tuple(skip)
    for number in (*wanted, *left_out):
        if not any(_within(check.number, number) for check in CATALOGUE):
            raise UsageError(f"{number[:40]!r} is no check", hint="name one as 5.4, or a section as 5")
    found = tuple(
        check
        for check in CATALOGUE
        if (not wanted or any(_within(check.number, number) for number in wanted))
        and not any(_within(check.number, number) for number in left_out)
    )
    if not found:
        raise UsageError("no check is left", hint="leave out fewer: --skip 5.4")
    return found


def audit_sheet(
    inventory: Inventory, checks: Sequence[Check], *, facts: tuple[tuple[str, str], ...], mending: bool
) -> Sheet:
    """What every check comes to; ``mending`` says what to write where."""
    lines = [_line(check, outcome, mending=mending) for check in checks for outcome in check.run(inventory)]
    ordered = sorted(lines, key=lambda line: (_RANK[line.mark], -(line.severity or 0), _place(line.id)))
    marks = {line.mark for line in lines}
    return Sheet(
        title="audit of the engine",
        tool="pytrust audit",
        mark=next(mark for mark in _WHOLE if mark in marks),
        facts=(("by", EDITION), *facts),
        lines=tuple(ordered),
    )


def _line(check: Check, outcome: Outcome, *, mending: bool) -> Line:
    wrong = outcome.mark in {Mark.FAIL, Mark.WARN}
    hint = (_mended(check, outcome) if mending and check.mend else check.hint) if wrong else ""
    return Line(
        id=check.number,
        mark=outcome.mark,
        severity=_severity(check, outcome) if wrong else None,
        title=check.title,
        subject=outcome.subject,
        why=outcome.why,
        hint=hint,
        kind=check.section,
    )


def _severity(check: Check, outcome: Outcome) -> Severity:
    return Severity.LOW if outcome.mark is Mark.WARN else _SEVERITIES.get(check.number, Severity.MEDIUM)


def _mended(check: Check, outcome: Outcome) -> str:
    """With the file or the image that is wrong, as a shell reads it."""
    named = _NAMED.get(check.section)
    return check.mend.replace(named, shlex.quote(outcome.subject)) if named and outcome.subject else check.mend


def _within(number: str, prefix: str) -> bool:
    return number == prefix or number.startswith(f"{prefix}.")
