"""The ``pytrust`` command: a table of commands, each loaded when it is called.

Importing this module costs nothing but the standard library's start; ``pytrust --version`` prints without click.
"""

from __future__ import annotations

import gc
import sys

from pytrust.cli.version import __version__


def main() -> None:
    """Run the command line and exit with one of ``ExitCode``."""
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"pytrust {__version__}\n")
        return
    gc.disable()  # a command lives for a moment, and a tenth of it would go into collecting what imports leave
    from pytrust.cli.root import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
