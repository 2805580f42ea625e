"""A private Docker engine that leaves nothing behind.

It has its own data root, exec root, containerd, socket and control group, and a mount namespace of its own: every mount
it makes, and the sockets that its shims put under /run, vanish with its last process. An engine of the machine is not
touched: no bridge, no firewall rule, no sysctl, none of the machine's configuration. What stays are two empty folders,
/run/containerd and /run/docker: removing one would take the mount off it in every other private engine's namespace.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

from tests.rig.processes import RigError, Running, environment, find, start, wait_ready

_READY: Final = 30.0  # seconds; an idle machine takes half a second, a busy one with a cold disk many times that
_STOP: Final = 15.0
_GONE: Final = 5.0
_CGROUPS: Final = Path("/sys/fs/cgroup")
_numbers = itertools.count()

# Runs as root in a fresh mount namespace: $1 is the folder of plugin sockets, $2 one of files that are put over those
# in /etc, or empty; the rest is the command. Kernels without mounted control groups (containers, minimal machines) get
# version 2, in this namespace only.
_ENTER: Final = """
set -e
mkdir -p /run/containerd /run/docker/plugins
mount -t tmpfs -o mode=711 tmpfs /run/containerd
mount --bind "$1" /run/docker/plugins
if [ -n "$2" ]; then for file in "$2"/*; do mount --bind "$file" "/etc/${file##*/}"; done; fi
if ! grep -q ' - cgroup2\\? ' /proc/self/mountinfo; then mount -t cgroup2 cgroup2 /sys/fs/cgroup; fi
shift 2
exec "$@"
"""


@dataclass(frozen=True, slots=True)
class PrivateEngine:
    """A running engine; sockets put into ``plugins`` are found by it as Docker plugins."""

    folder: Path
    daemon: Running
    cgroup: str

    @property
    def socket(self) -> Path:
        return self.folder / "docker.sock"

    @property
    def host(self) -> str:
        """The value for ``DOCKER_HOST``."""
        return f"unix://{self.socket}"

    @property
    def plugins(self) -> Path:
        return self.folder / "plugins"

    def processes(self) -> set[int]:
        """The daemon, its containerd, their shims and everything in containers."""
        namespace = _namespace(self.daemon.pid)
        return _family(namespace) if namespace else set()


def missing() -> str:
    """Why no engine can run here, as a sentence; empty if one can."""
    if os.geteuid() != 0:
        return "a private Docker engine needs root"
    for program in ("dockerd", "containerd", "runc", "docker", "setpriv", "unshare"):
        if find(program) is None:
            return f"a private Docker engine needs {program}: scripts/install-packages"
    if not _in_namespace("true"):
        return "a private Docker engine needs the right to mount (CAP_SYS_ADMIN)"
    return ""


@contextmanager
def private_engine(
    folder: Path,
    *flags: str,
    config: Path | None = None,
    activated: Sequence[str] = (),
    sees: Path | None = None,
    etc: Path | None = None,
) -> Iterator[PrivateEngine]:
    """Run an engine below ``folder`` (short: socket paths end at 107 characters), with more ``flags`` for dockerd.

    Args:
        config: its daemon.json, which says where it listens, ``docker.sock`` in the folder among it; default: empty.
        activated: more places to listen at, such as ``127.0.0.1:2376``; all of them, and ``docker.sock``, are handed
            over as systemd does for ``-H fd://``.
        sees: a folder in which it sees what is mounted later, as every engine does that systemd starts; those mounts
            go with it.
        etc: a folder of files that it sees in place of those of their names in /etc.
    """
    for name in ("data", "plugins"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "empty.json").write_text("{}")
    cgroup = f"pytrust-rig-{os.getpid()}-{next(_numbers)}"
    propagation = "slave" if sees else "private"
    command: list[str | Path] = ["unshare", "--mount", "--propagation", propagation, "sh", "-c", _ENTER, "sh"]
    command += [folder / "plugins", etc or ""]
    command += [*_listening(folder, config, activated), *_command(folder, cgroup), *flags]
    with _shared(sees) if sees else nullcontext(), tempfile.TemporaryDirectory(prefix="pytrust-") as sockets:
        command.append(f"--exec-root={sockets}")  # containerd's have longer names than there is room for in the folder
        daemon = start(command, log=folder / "dockerd.log")
        engine = PrivateEngine(folder, daemon, cgroup)
        try:
            wait_ready(daemon, lambda: _answers(engine.socket), _READY)
            yield engine
        finally:
            _end(engine)
            _tidy(engine)


@contextmanager
def _shared(folder: Path) -> Iterator[None]:
    """A mount of its own, whose mounts are told to other namespaces."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "--bind", folder, folder], env=environment(), check=True)
    try:
        subprocess.run(["mount", "--make-shared", folder], env=environment(), check=True)
        yield
    finally:
        subprocess.run(["umount", "--recursive", "--lazy", folder], env=environment(), check=True)


def _listening(folder: Path, config: Path | None, activated: Sequence[str]) -> list[str]:
    """How the command begins."""
    own = f"--config-file={config or folder / 'empty.json'}"
    if activated:
        places = [word for place in (f"{folder}/docker.sock", *activated) for word in ("-l", place)]
        return ["systemd-socket-activate", *places, "dockerd", "-H", "fd://", own]
    return ["dockerd", own] if config else ["dockerd", own, f"--host=unix://{folder}/docker.sock"]


def _command(folder: Path, cgroup: str) -> list[str | Path]:
    return [
        f"--data-root={folder}/data",
        f"--pidfile={folder}/docker.pid",
        f"--storage-driver={_storage_driver(folder)}",
        f"--cgroup-parent=/{cgroup}",
        "--bridge=none",
        "--iptables=false",
        "--ip6tables=false",
        "--ip-forward=false",
        "--ip-masq=false",
        "--insecure-registry=127.0.0.0/8",
    ]


def _storage_driver(folder: Path) -> str:
    """overlay2 where the file system carries it (another overlay does not), else plain copies."""
    trial = folder / "trial"
    for name in ("lower", "upper", "work", "merged"):
        (trial / name).mkdir(parents=True)
    layers = f"lowerdir={trial}/lower,upperdir={trial}/upper,workdir={trial}/work"
    works = _in_namespace("mount", "-t", "overlay", "overlay", "-o", layers, f"{trial}/merged")
    shutil.rmtree(trial)
    return "overlay2" if works else "vfs"


def _in_namespace(*command: str) -> bool:
    done = subprocess.run(["unshare", "--mount", *command], env=environment(), capture_output=True, check=False)
    return done.returncode == 0


class _UnixConnection(HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("docker", timeout=2)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _answers(path: Path) -> bool:
    connection = _UnixConnection(path)
    try:
        connection.request("GET", "/_ping")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _end(engine: PrivateEngine) -> None:
    """Containers first: the daemon would wait ten seconds for each that does not listen to TERM."""
    namespace = _namespace(engine.daemon.pid)
    family = engine.processes()
    started = {pid: _started(pid) for pid in family}
    members = {pid for pid in family if _namespace(pid) == namespace}
    _kill({pid: started[pid] for pid in family - members})
    engine.daemon.stop(_STOP)
    end = time.monotonic() + _GONE
    while left := {pid: when for pid, when in started.items() if when and _started(pid) == when}:
        _kill(left)
        if time.monotonic() > end:
            raise RigError(f"processes of the private engine do not end: {sorted(left)}")
        time.sleep(0.02)


def _kill(processes: dict[int, str]) -> None:
    """Kill each, unless its id has been given to another process meanwhile."""
    for pid, when in processes.items():
        if when and _started(pid) == when:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _tidy(engine: PrivateEngine) -> None:
    groups = [*_CGROUPS.glob(engine.cgroup), *_CGROUPS.glob(f"*/{engine.cgroup}")]
    for group in groups:
        for path in [*sorted((p for p in group.rglob("*") if p.is_dir()), reverse=True), group]:
            with suppress(OSError):
                path.rmdir()
    shutil.rmtree(engine.folder / "data")


def _family(namespace: str) -> set[int]:
    """The processes in a mount namespace and all that descend from them, such as those in containers."""
    parents = {int(path.name): _parent(path) for path in Path("/proc").iterdir() if path.name.isdigit()}
    family = {pid for pid in parents if _namespace(pid) == namespace}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return family


def _namespace(pid: int) -> str:
    """The mount namespace of a process; empty if it is ours, or the process is gone or a zombie."""
    try:
        found = Path(f"/proc/{pid}/ns/mnt").readlink()
    except OSError:
        return ""
    return "" if found == Path("/proc/self/ns/mnt").readlink() else str(found)


def _status(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name: state, parent, ...; empty if it is gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return []


def _parent(path: Path) -> int:
    fields = _status(int(path.name))
    return int(fields[1]) if fields else 0


def _started(pid: int) -> str:
    """When a process began, in ticks: tells it from a later one with the same id. Empty if it is gone or a zombie."""
    fields = _status(pid)
    return fields[19] if fields and fields[0] not in "ZX" else ""
