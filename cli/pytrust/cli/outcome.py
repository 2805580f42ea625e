"""What became of a change, said the same way by every command that makes one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytrust.cli import voice
from pytrust.cli.render import missing_text
from pytrust.trust.errors import ExitCode

if TYPE_CHECKING:
    from pytrust.trust.publish.publisher import Outcome


def say_outcome(outcome: Outcome, *done: str) -> ExitCode:
    """The lines of ``done`` when it was published; else who is missing, and an exit code that says "not yet"."""
    if not outcome.missing:
        for line in done:
            voice.say(line)
        return ExitCode.YES
    name = outcome.collection.name
    voice.say(f"{name}: kept as a proposal; waits for {missing_text(outcome.collection, outcome.missing)}")
    voice.note(f"hint: the missing signers run: pytrust approve {name}")
    return ExitCode.NO
