"""A machine whose kernel confines by AppArmor: Debian's kernel in qemu, emulated, with a root file system in memory.

One boot runs a list of steps, one after the other, each confined or not, and tells how each ended. Results come over a
serial line of their own; the kernel's messages, over the other one, are kept for whoever wants to know why.
"""

from __future__ import annotations

import base64
import io
import json
import re
import shlex
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
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


def until_listening(port: int) -> str:
    """A line for the shell that waits until a server listens on loopback, a minute at most."""
    listens = f"grep -q '0100007F:{port:04X} 00000000:0000 0A' /proc/net/tcp"
    return f"for i in $(seq 400); do {listens} && break; sleep 0.1; done"


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


def container(
    command: Sequence[str], profile: str, user: tuple[int, int] = (0, 0), capabilities: Sequence[str] = ()
) -> bytes:
    """How runc is to start a container: in namespaces of its own but for the network, without new privileges."""
    rights = [f"CAP_{name}" for name in capabilities]
    places = {"/proc": "proc", "/dev": "tmpfs", "/dev/shm": "tmpfs"}
    mounts = [{"destination": place, "type": kind, "source": kind} for place, kind in places.items()]
    config = {
        "ociVersion": "1.0.2",
        "process": {
            "args": list(command),
            "env": ["PATH=/usr/sbin:/usr/bin"],
            "cwd": "/",
            "user": {"uid": user[0], "gid": user[1]},
            "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), rights),
            "noNewPrivileges": True,
            "apparmorProfile": profile,
        },
        "root": {"path": "rootfs"},
        "mounts": [*mounts, {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro"]}],
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")]},
    }
    return json.dumps(config).encode()


def boot(
    files: RootFiles, steps: Sequence[Step], trees: Mapping[str, bytes] | None = None, deadline: float = 240.0
) -> Mapping[int, Ended]:
    """Run the steps in one boot; the results by the places of steps. ``trees`` are archives (tar) for folders.

    Raises:
        RigError: the machine did not come to the end of the list in time; the message ends with its console.
    """
    files.file("init", _START.encode(), mode=0o755)  # runc cannot pivot away from where the kernel unpacks
    files.file("steps", _script(steps).encode())
    with tempfile.TemporaryDirectory(prefix="vm-") as name:
        folder = Path(name)
        (folder / "root").write_bytes(_cpio({"": files.tar(), **(trees or {})}))
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


def _cpio(trees: Mapping[str, bytes]) -> bytes:
    """As the kernel unpacks files at boot (``Documentation/driver-api/early-userspace/buffer-format.rst``)."""
    members = [member for place, tar in trees.items() for member in _members(place, tar)]
    numbered = enumerate(sorted(members, key=lambda member: member.name), start=1)
    packed = (_packed(number, member.mode, member.owner, member.name, member.data) for number, member in numbered)
    return b"".join((*packed, _packed(0, 0, 0, b"TRAILER!!!", b"")))


class _Member(NamedTuple):
    name: bytes
    mode: int
    owner: int
    data: bytes


def _members(place: str, tar: bytes) -> Iterator[_Member]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        for member in archive:
            if not (member.isreg() or member.isdir() or member.issym()):
                continue
            kind = {tarfile.DIRTYPE: 0o040000, tarfile.SYMTYPE: 0o120000}.get(member.type, 0o100000)
            file = archive.extractfile(member) if member.isreg() else None
            name = f"{place}/{member.name}".strip("/").encode("utf-8", "surrogateescape")
            yield _Member(name, kind | member.mode, member.uid, file.read() if file else member.linkname.encode())


def _packed(number: int, mode: int, owner: int, name: bytes, data: bytes) -> bytes:
    fields = (number, mode, owner, owner, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + name + b"\0"
    return _padded(head) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
