"""The only place that prints.

The rules of the voice:
    - lower case, no full stop, one line for one fact; answers on stdout, everything else on stderr
    - a refusal is ``error: <thing>: <reason>`` and, where something can be done, ``hint: <what to do>``
    - tables are for people and appear on stdout as plain text; ``--json`` prints one document, and nothing else
    - work that takes more than a second says what it is doing
    - no secret is ever an argument of a function in this file
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytrust.trust.errors import PytrustError

_WIDE = 250  # columns where no terminal says otherwise: lines are for grep, not for folding
_PATIENCE = 1.0  # seconds before work is talked about


def say(text: str) -> None:
    """One line of answer."""
    sys.stdout.write(f"{printable(text)}\n")


def note(text: str) -> None:
    """One line beside the answer."""
    sys.stderr.write(f"{printable(text)}\n")
    sys.stderr.flush()


def write(data: bytes) -> None:
    """Bytes as they are, for a file or a pipe."""
    sys.stdout.buffer.write(data)


def say_json(document: object) -> None:
    """The whole answer, for machines."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def fail(error: PytrustError) -> None:
    """A refusal and its way out, on one or two lines."""
    note(f"error: {error}")
    if error.hint:
        note(f"hint: {error.hint}")


def error_json(error: PytrustError) -> dict[str, str]:
    """A refusal for machines."""
    return {"code": error.code, "message": str(error), "hint": error.hint}


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table with as many columns as ``headers``."""
    import rich.console
    import rich.table

    grid = rich.table.Table(*headers, box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for row in rows:
        grid.add_row(*map(printable, row))
    width = None if sys.stdout.isatty() else _WIDE
    rich.console.Console(file=sys.stdout, markup=False, highlight=False, width=width).print(grid)


@contextmanager
def working(what: str) -> Iterator[None]:
    """Say what is being done when it takes more than a second: once, or as a running clock on a terminal."""
    done = threading.Event()
    ticker = threading.Thread(target=_tick, args=(what, done), daemon=True)
    ticker.start()
    try:
        yield
    finally:
        done.set()
        ticker.join()


def _tick(what: str, done: threading.Event) -> None:
    if done.wait(_PATIENCE):
        return
    if not sys.stderr.isatty():
        note(f"{what}...")
        return
    seconds = 1
    while True:
        sys.stderr.write(f"\r{what}... {seconds} s")
        sys.stderr.flush()
        if done.wait(1.0):
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            return
        seconds += 1


def printable(text: str) -> str:
    """``text`` without control characters: what others wrote must not move this terminal's cursor."""
    return (
        text
        if text.isprintable()
        else "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    )


def fail_usage(message: str, command: str) -> None:
    """Words that do not fit a command."""
    note(f"error: {message[:1].lower()}{message[1:].rstrip('.')}")
    note(f"hint: {command} --help")
