"""The only place that prints.

The rules of the voice:
    - lower case, no full stop, one line for one fact; answers on stdout, everything else on stderr
    - a refusal is ``error: <thing>: <reason>`` and, where something can be done, ``hint: <what to do>``
    - tables are for people and appear on stdout as plain text; ``--json`` prints one document, and nothing else
      (with ``--follow``, which has no end, one document a line)
    - work that takes more than a second says what it is doing
    - no secret is ever an argument of a function in this file but ``write``
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytrust.trust.errors import PytrustError

_GAP = "   "  # between columns; a digest is never cut, a terminal may wrap
_asking = threading.Lock()  # held while the terminal waits for an answer
_PATIENCE = 1.0  # seconds before work is talked about


def say(text: str) -> None:
    """One line of answer."""
    sys.stdout.write(f"{printable(text)}\n")


def note(text: str) -> None:
    """One line beside the answer."""
    sys.stderr.write(f"{printable(text)}\n")
    sys.stderr.flush()


def try_note(text: str) -> None:
    """As ``note``, for a server: a log that is full or gone must not leave those who ask it without an answer."""
    with suppress(OSError):
        note(text)


def write(data: bytes) -> None:
    """Bytes as they are, for a file or a pipe."""
    sys.stdout.buffer.write(data)


def say_json(document: object) -> None:
    """The whole answer, for machines."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    safe = text.replace("\n", "").isprintable()
    sys.stdout.write((text if safe else "".join(map(_escaped, text))) + "\n")


def say_json_line(document: object) -> None:
    """One answer of many, for machines that read on."""
    sys.stdout.write(json.dumps(document, separators=(",", ":")) + "\n")


def flush() -> None:
    """What was said so far reaches its reader now."""
    sys.stdout.flush()


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
    from rich.cells import cell_len

    lines = [list(headers), *([printable(cell) for cell in row] for row in rows)]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True))
        say(_GAP.join(cells).rstrip())


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


def ask_secret(question: str) -> str:
    """Ask on the terminal without showing what is typed; nothing else is written meanwhile."""
    import getpass

    with _asking:
        return getpass.getpass(f"{question}: ")


def confirm(question: str) -> bool:
    """Ask for a yes on the terminal; anything else, and no terminal, is a no."""
    if not sys.stdin.isatty():
        note(f"{question} [y/N]: no terminal to ask on; --yes answers")
        return False
    with _asking:
        sys.stderr.write(f"{printable(question)} [y/N]: ")
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() in {"y", "yes"}


def plural(count: int, thing: str) -> str:
    """``1 tag``, ``2 tags``."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _tick(what: str, done: threading.Event) -> None:
    if done.wait(_PATIENCE):
        return
    if not sys.stderr.isatty():
        note(f"{what}...")
        return
    seconds = 1
    while True:
        with _asking:
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


def _escaped(char: str) -> str:
    """A character of JSON, as an escape where a terminal would obey it: json itself escapes those below space only."""
    return char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1]


def fail_usage(message: str, command: str) -> None:
    """Words that do not fit a command."""
    note(f"error: {message[:1].lower()}{message[1:].rstrip('.')}")
    note(f"hint: {command} --help")
