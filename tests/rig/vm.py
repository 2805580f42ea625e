"""A machine whose kernel confines by AppArmor: Debian's kernel in qemu, emulated, with a root file system in memory.

One boot runs a list of steps, one after the other, each confined or not, and tells how each ended. Results come over a
serial line of their own; the kernel's messages, over the other one, are kept for whoever wants to know why.
"""

from __future__ import annotations

import base64
import io
import re
import shlex
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from tests.rig.processes import RigError, environment, find
from tests.rig.root_files import RootFiles

_QEMU: Final = "qemu-system-x86_64"
_MEMORY: Final = 768  # MiB: the packed root file system and the unpacked one
NO_PROFILE: Final = 125
"""The status of a step whose profile is not loaded."""
_RESULT: Final = re.compile(r"step (\d+) (\d+) ?(\S*)")
_START: Final = r"""#!/usr/bin/busybox sh
b=/usr/bin/busybox
$b mkdir -p /mnt && $b mount --bind / /mnt && cd /mnt && $b mount --move . / && exec $b chroot . $b sh /steps
"""
_PREPARE: Final = r"""
export PATH=/usr/sbin:/usr/bin
/usr/bin/busybox --install -s /usr/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t securityfs securityfs /sys/kernel/security
mount -t devtmpfs dev /dev
ip link set lo up
dmesg -n 7
sysctl -q -w kernel.printk_ratelimit=0
confined() { p=$1; shift; test -z "$p" || printf %s "exec $p" >/proc/self/attr/exec || exit 125; exec "$@"; }
told() { echo "step $1 $2 $(base64 -w 0 "/run/step.$1")" >/dev/ttyS1; }
step() { i=$1; shift; (confined "$@") >"/run/step.$i" 2>&1; told "$i" $?; }
service() { i=$1; shift; (confined "$@") >"/run/step.$i" 2>&1 & echo $! >"/run/pid.$i"; }
"""
_END: Final = "echo end >/dev/ttyS1; poweroff -f"


class Step(NamedTuple):
    """A program that is run, under a profile where one is named.

    A ``service`` is left running: it ends without a result, and ``$(cat /run/pid.N)`` is the process of step N.
    """

    command: tuple[str, ...]
    profile: str = ""
    service: bool = False
    stdin: str = "/dev/null"


class Ended(NamedTuple):
    """How a step ended; ``output`` is what it wrote."""

    status: int
    output: str


def shell(script: str, profile: str = "") -> Step:
    """A line for busybox's shell."""
    return Step(("/usr/bin/busybox", "sh", "-c", script), profile)


def missing() -> str:
    """Why there can be no machine here, as a sentence; empty if there can."""
    needed = {_QEMU: "qemu-system-x86", "apparmor_parser": "apparmor", "busybox": "busybox-static"}
    lacking = [package for program, package in needed.items() if find(program) is None]
    lacking += [] if _kernel() else ["linux-image-amd64"]
    return f"a machine with AppArmor needs {' '.join(lacking)}: scripts/install-packages" if lacking else ""


def machine_files() -> RootFiles:
    """What every machine has: busybox, and apparmor_parser with its features."""
    files = RootFiles()
    for program in ("busybox", "apparmor_parser"):
        files.program(program)
    files.copy(Path("/etc/apparmor.d/abi/3.0"))
    files.file("etc/apparmor/parser.conf", b"")
    return files


def boot(files: RootFiles, steps: Sequence[Step], deadline: float = 150.0) -> Mapping[int, Ended]:
    """Run the steps in one boot; the results by the places of steps.

    Raises:
        RigError: the machine did not come to the end of the list in time; the message ends with its console.
    """
    files.file("init", _START.encode(), mode=0o755)  # runc cannot pivot away from where the kernel unpacks
    files.file("steps", _script(steps).encode())
    with tempfile.TemporaryDirectory(prefix="vm-") as name:
        folder = Path(name)
        (folder / "root").write_bytes(_cpio(files.tar()))
        for log in ("console", "results"):
            (folder / log).touch()
        try:
            subprocess.run(_command(folder), env=environment(), check=False, timeout=deadline, capture_output=True)
        except subprocess.TimeoutExpired as error:
            raise RigError(f"the machine did not end in {deadline:g} s:\n{_tail(folder)}") from error
        return _results(folder)


def _script(steps: Sequence[Step]) -> str:
    return "\n".join((_PREPARE, *(_line(number, step) for number, step in enumerate(steps)), _END, ""))


def _line(number: int, step: Step) -> str:
    words = ("service" if step.service else "step", str(number), step.profile, *step.command)
    return f"{shlex.join(words)} <{shlex.quote(step.stdin)}"


def _command(folder: Path) -> list[str]:
    return [
        *(_QEMU, "-accel", "tcg", "-cpu", "max", "-m", str(_MEMORY), "-nodefaults", "-no-reboot", "-display", "none"),
        *("-serial", f"file:{folder}/console", "-serial", f"file:{folder}/results"),
        *("-kernel", _kernel(), "-initrd", f"{folder}/root"),
        *("-append", "console=ttyS0 panic=-1 apparmor=1 security=apparmor loglevel=4"),
    ]


def _kernel() -> str:
    """The newest of Debian's kernels that lies here."""
    found = sorted(Path("/boot").glob("vmlinuz-*-amd64"), key=lambda path: path.stat().st_mtime)
    return str(found[-1]) if found else ""


def _results(folder: Path) -> Mapping[int, Ended]:
    lines = (folder / "results").read_text().splitlines()
    if "end" not in lines:
        raise RigError(f"the machine stopped before the end:\n{_tail(folder)}")
    found = (match for match in map(_RESULT.fullmatch, lines) if match)
    return {int(match[1]): Ended(int(match[2]), base64.b64decode(match[3]).decode(errors="replace")) for match in found}


def _tail(folder: Path) -> str:
    return (folder / "results").read_text()[-500:] + (folder / "console").read_text(errors="replace")[-3000:]


def _cpio(tar: bytes) -> bytes:
    """The same files as the kernel unpacks them at boot (``Documentation/driver-api/early-userspace/buffer-format.rst``)."""
    output = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        for number, member in enumerate(sorted(archive, key=lambda member: member.name), start=1):
            kind = {tarfile.DIRTYPE: 0o040000, tarfile.SYMTYPE: 0o120000}.get(member.type, 0o100000)
            file = archive.extractfile(member) if member.isreg() else None
            data = file.read() if file else member.linkname.encode()
            output.write(
                _member(number, kind | member.mode, member.uid, member.name.encode("utf-8", "surrogateescape"), data)
            )
    return output.getvalue() + _member(0, 0, 0, b"TRAILER!!!", b"")


def _member(number: int, mode: int, owner: int, name: bytes, data: bytes) -> bytes:
    fields = (number, mode, owner, owner, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + name + b"\0"
    return _padded(head) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
