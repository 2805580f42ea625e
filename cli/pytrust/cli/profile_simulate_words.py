"""What ``pytrust profile simulate`` and ``explain`` found, told to people and to machines."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytrust.cli import voice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytrust.policy.profiles.model import Evidence
    from pytrust.policy.profiles.names import Arch, Syscall
    from pytrust.policy.profiles.seccomp.explain import Explanation
    from pytrust.policy.profiles.seccomp.simulate import Difference, Row, Simulation

_WIDTH: Final = 100  # of a line with names


class Simulated(NamedTuple):
    """``instructions`` is the length of the program, None where there is no libseccomp to make it."""

    simulation: Simulation
    losses: tuple[str, ...]
    unknown: tuple[Syscall, ...]
    instructions: int | None


def _groups(rows: Sequence[Row]) -> dict[tuple[Arch, str], list[Row]]:
    """By architecture and what becomes of them."""
    groups: dict[tuple[Arch, str], list[Row]] = {}
    for row in rows:
        if row.name:
            groups.setdefault((row.arch, _words(row)), []).append(row)
    return groups


def _words(row: Row) -> str:
    from pytrust.policy.profiles.seccomp.explain import words

    return " or ".join(sorted(map(words, row.verdicts)))


def say_simulated(run: Simulated) -> None:
    """A table, the calls of the host's own architecture by name, and what has to be noted."""
    rows = run.simulation.rows
    groups = _groups(rows)
    voice.table(
        ("ARCHITECTURE", "CALLS", "WHAT BECOMES OF THEM"),
        [(arch, str(len(members)), what) for (arch, what), members in groups.items()],
    )
    own = rows[0].arch
    for (arch, what), members in groups.items():
        if arch == own:
            voice.say("")
            voice.say(f"{what}:")
            _say_names([row.name for row in members])
    _note_run(run)


def _say_names(names: Sequence[str]) -> None:
    import textwrap

    for line in textwrap.wrap(" ".join(names), _WIDTH, break_long_words=False, break_on_hyphens=False):
        voice.say(f"  {line}")


def _note_run(run: Simulated) -> None:
    for loss in run.losses:
        voice.note(f"note: the engine does not do all: {loss}")
    if run.unknown:
        voice.note(f"note: the libseccomp of this host does not know {', '.join(run.unknown)}: their rules are lost")
    for row in run.simulation.rows:
        if row.cut:
            voice.note(f"note: {row.name} has more combinations of arguments than are tried")
    if run.instructions is None:
        voice.note("note: libseccomp is not installed: no program was made and compared")
        return
    for difference in run.simulation.differences:
        voice.note(f"libseccomp makes something else of it: {_difference_words(difference)}")
    if not run.simulation.differences:
        voice.note(f"the program of {run.instructions} instructions does the same, {run.simulation.probes} calls tried")


def _difference_words(one: Difference) -> str:
    args = ", ".join(map(hex, one.args))
    return f"{one.name or one.number}({args}) on {one.arch}: {one.program}, where the rules say {one.meaning}"


def simulated_json(run: Simulated) -> dict[str, Any]:
    """Everything."""
    rows = [row for row in run.simulation.rows if row.name]
    return {
        "architectures": {
            arch: dict(Counter(_words(row) for row in rows if row.arch == arch))
            for arch in dict.fromkeys(row.arch for row in rows)
        },
        "calls": [
            {"arch": row.arch, "name": row.name, "number": row.number, "verdicts": list(map(str, row.verdicts))}
            for row in rows
        ],
        "losses": list(run.losses),
        "unknown_to_libseccomp": list(run.unknown),
        "incomplete": [row.name for row in rows if row.cut],
        "tried": run.simulation.probes,
        "instructions": run.instructions,
        "differences": [_difference_json(one) for one in run.simulation.differences],
    }


def _difference_json(one: Difference) -> dict[str, Any]:
    return {
        "arch": one.arch,
        "name": one.name,
        "number": one.number,
        "args": list(one.args),
        "rules": str(one.meaning),
        "program": str(one.program),
    }


def say_explanation(syscall: str, explanation: Explanation, evidence: Sequence[Evidence]) -> None:
    """The verdict, the rules and the evidence, a line each."""
    from pytrust.policy.profiles.seccomp.explain import words

    what = f"{words(explanation.verdict)}: {explanation.why}" if explanation.verdict else explanation.why
    voice.say(f"{syscall} (number {explanation.number}): {what}")
    for rule in explanation.rules:
        state = f" (left out here: {rule.left_out})" if rule.left_out else ""
        voice.say(f"  rule {rule.number}: {rule.text}{state}")
    if explanation.verdict is None:
        voice.say(f"  otherwise: {words(explanation.default)}")
    for one in evidence:
        voice.say(f"  {one.subject}: {one.why}{f', {one.count} times' if one.count else ''}{_after(one.note)}")


def _after(note: str) -> str:
    return f": {note}" if note else ""


def explanation_json(explanation: Explanation, evidence: Sequence[Evidence]) -> dict[str, Any]:
    """Everything."""
    return {
        "number": explanation.number,
        "verdict": str(explanation.verdict) if explanation.verdict else None,
        "why": explanation.why,
        "default": str(explanation.default),
        "rules": [rule._asdict() for rule in explanation.rules],
        "evidence": [
            {"subject": one.subject, "why": one.why.value, "count": one.count, "note": one.note} for one in evidence
        ],
    }
