"""What a process that holds keys asks of the system, seen from outside."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pytrust.trust.vault.agent.notify import notify

HARDENED = """
import ctypes, resource
from pytrust.trust.vault.agent.hygiene import harden
harden()
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), *resource.getrlimit(resource.RLIMIT_CORE))
"""


def test_no_core_and_no_debugger() -> None:
    done = subprocess.run([sys.executable, "-c", HARDENED], capture_output=True, check=True)
    assert done.stdout.split() == [b"0", b"0", b"0"]


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told(tmp_path: Path, abstract: bool) -> None:
    name = f"{tmp_path.name}-notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as there:
        there.bind(f"\0{name}" if abstract else str(tmp_path / name))
        there.settimeout(5)
        notify(f"@{name}" if abstract else str(tmp_path / name), "READY=1")
        assert there.recv(100) == b"READY=1"


@pytest.mark.parametrize("address", [None, "", "relative", "/nonexistent/notify"])
def test_nobody_wants_to_know(address: str | None) -> None:
    notify(address, "READY=1")
