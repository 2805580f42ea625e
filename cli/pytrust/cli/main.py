"""The ``pytrust`` command: a table of commands, each loaded when it is called.

Importing this module costs nothing but the standard library's start; ``pytrust --version`` prints without click.
"""

from __future__ import annotations

import gc
import os
import sys

from pytrust.cli.version import __version__

_UNSOUND = 4
_QUICK_WORDS = 4


def main() -> None:
    """Run the command line and exit with one of ``ExitCode``."""
    open_closed_streams()
    if sys.argv[1:] == ["--version"]:
        sys.exit(_print_version())
    if sys.argv[1:3] == ["secret", "get"] and len(sys.argv) == _QUICK_WORDS and _get_quickly(sys.argv[3]):
        os._exit(0)  # there is nothing to tidy up, and a fifth of the time would go into it
    gc.disable()  # a command lives for a moment, and a tenth of it would go into collecting what imports leave
    from pytrust.cli.root import run

    silence_a_library()
    sys.exit(run(sys.argv[1:]))


def silence_a_library() -> None:
    """``cryptography`` warns, with paths of ours, of serials that ``read_certificate`` refuses in a sentence."""
    import warnings

    warnings.filterwarnings("ignore", "Parsed a serial number")


def _get_quickly(name: str) -> bool:
    from pytrust.cli.secret_quick import get

    try:
        return get(name)
    except OSError:  # half of it is out already: nothing can be said on that stream any more
        sys.exit(_UNSOUND)


def _print_version() -> int:
    try:
        os.write(1, f"pytrust {__version__}\n".encode())
    except OSError:
        return _UNSOUND
    return 0


def open_closed_streams() -> None:
    """A stream that the caller closed leads nowhere, rather than to an error in the middle of the work."""
    for name, flags, mode in (("stdin", os.O_RDONLY, "r"), ("stdout", os.O_WRONLY, "w"), ("stderr", os.O_WRONLY, "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, flags), mode))
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


if __name__ == "__main__":
    main()
