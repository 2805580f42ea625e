"""A process that has read secrets from the agent is as closed as one that opened the vault itself."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import ctypes
from types import SimpleNamespace
from pytrust.cli.run_with_secrets import _values
dumpable = lambda: ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
before = dumpable()
_values(SimpleNamespace(vaulted=None), (), "server")
print(before, dumpable())
"""


def test_no_core_file_and_no_debugger() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, check=True)
    assert done.stdout.split() == [b"1", b"0"]
