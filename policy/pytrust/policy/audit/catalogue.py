"""All checks, in the benchmark's order; and what they come to, as a sheet. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from pytrust.policy.audit.check import EDITION, Check, Outcome, Section
from pytrust.policy.audit.checks_containers import CONTAINERS
from pytrust.policy.audit.checks_daemon import DAEMON
from pytrust.policy.audit.checks_host import HOST
from pytrust.policy.audit.checks_images import IMAGES
from pytrust.policy.audit.checks_swarm import SWARM
from pytrust.policy.audit.inventory import Inventory
from pytrust.scanner.sheet import Line, Mark, Sheet
from pytrust.trust.errors import UsageError


def _place(number: str) -> tuple[int, ...]:
    return tuple(map(int, number.split(".")))


CATALOGUE: Final = tuple(sorted((*DAEMON, *HOST, *IMAGES, *CONTAINERS, *SWARM), key=lambda check: _place(check.number)))
_RANK: Final = {mark: place for place, mark in enumerate(Mark)}


def chosen(only: Iterable[str], skip: Iterable[str]) -> tuple[Check, ...]:
    """Those whose numbers begin so (``5``, ``5.4``), without others; raises ``UsageError`` for a number that is none."""
    wanted, left_out = tuple(only), tuple(skip)
    for number in (*wanted, *left_out):
        if not any(_within(check.number, number) for check in CATALOGUE):
            raise UsageError(f"{number[:40]!r} is no check", hint="name one as 5.4, or a section as 5")
    return tuple(
        check
        for check in CATALOGUE
        if (not wanted or any(_within(check.number, number) for number in wanted))
        and not any(_within(check.number, number) for number in left_out)
    )


def audit_sheet(
    inventory: Inventory, checks: Sequence[Check], *, facts: tuple[tuple[str, str], ...], mending: bool
) -> Sheet:
    """What every check comes to; ``mending`` says what to write where."""
    lines = [_line(check, outcome, mending=mending) for check in checks for outcome in check.run(inventory)]
    ordered = sorted(lines, key=lambda line: (_RANK[line.mark], _place(line.id)))
    mark = next((mark for mark in (Mark.FAIL, Mark.WARN) if any(line.mark is mark for line in lines)), Mark.PASS)
    return Sheet(
        title="audit of the engine",
        tool="pytrust audit",
        mark=mark,
        facts=(("by", EDITION), *facts),
        lines=tuple(ordered),
    )


def _line(check: Check, outcome: Outcome, *, mending: bool) -> Line:
    wrong = outcome.mark in {Mark.FAIL, Mark.WARN}
    hint = (check.mend if mending and check.mend else check.hint) if wrong else ""
    return Line(
        id=check.number,
        mark=outcome.mark,
        title=check.title,
        subject=outcome.subject,
        why=outcome.why,
        hint=hint,
        kind=Section(check.section),
    )


def _within(number: str, prefix: str) -> bool:
    return number == prefix or number.startswith(f"{prefix}.")
