"""Refusals of any engine: calls that end with EPERM, as the kernel's tracepoint ``raw_syscalls:sys_exit`` tells them.

A call that a seccomp filter answers with an error does not reach the audit stream unless the filter asks for it, but it
ends like any other call. perf_event_open(2) sees all of the host's, and the kernel drops those that end well; every
call on the host then takes some 0.1 microseconds longer, for as long as this is open. It ends with its process, however
that ends. Needs root (CAP_PERFMON, and CAP_SYS_ADMIN to look at tracefs), and a kernel with CONFIG_FTRACE_SYSCALLS.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import struct
from contextlib import suppress
from pathlib import Path
from typing import Final

from pytrust.policy.observe.denials_latest import Latest
from pytrust.policy.observe.denials_model import Batch, Refusal
from pytrust.policy.observe.denials_ring import (
    Ended,
    Grouped,
    Layout,
    Lost,
    Named,
    parse_layout,
    parse_list,
    parse_records,
)
from pytrust.policy.profiles.names import AARCH64, X86_64, Action, Arch, GoArch, Syscall
from pytrust.policy.profiles.seccomp.syscalls import ARM, X32, X32_BIT, X86, arch_of, table
from pytrust.trust.errors import AccessDenied, NotSetUp, PytrustError
from pytrust.trust.limits import DENIALS_PROCESSES_MAX, DENIALS_RING_PAGES, PROC_FILE_MAX_BYTES

_GO_ARCHES: Final = {"x86_64": GoArch("amd64"), "aarch64": GoArch("arm64")}
_NARROW: Final = {X86_64: X86, AARCH64: ARM}
_PROCESSORS: Final = Path("/sys/devices/system/cpu/online")
_MOUNTED: Final = Path("/sys/kernel/tracing")
_EVENT: Final = "events/raw_syscalls/sys_exit"
_FILE_MAX: Final = 64 * 1024
_FILTER: Final = f"ret == -{errno.EPERM}".encode()

_ATTRIBUTES: Final = struct.Struct("=IIQQQQQII48x")  # perf_event_attr up to version 5; the rest is zero
_TRACEPOINT: Final = 2  # PERF_TYPE_TRACEPOINT
_SAMPLE: Final = 2 | 1024  # PERF_SAMPLE_TID | PERF_SAMPLE_RAW
_DISABLED, _COMM = 1, 1 << 9
_SAMPLE_GROUP, _GROUPS = 1 << 21, 1 << 32  # PERF_SAMPLE_CGROUP, and records of new groups; from Linux 5.7
_ANY_PROCESS: Final = -1
_CLOSE_ON_EXEC: Final = 8  # PERF_FLAG_FD_CLOEXEC
_ENABLE: Final = 0x2400  # PERF_EVENT_IOC_ENABLE
_SET_FILTER: Final = 0x40082406  # PERF_EVENT_IOC_SET_FILTER
_POSITIONS: Final = 1024  # data_head, data_tail, data_offset, data_size in perf_event_mmap_page
_QUADS: Final = struct.Struct("=4Q")
_QUAD: Final = struct.Struct("=Q")
_CREATE: Final = 6  # FSCONFIG_CMD_CREATE
_FSOPEN_CLOEXEC = _FSMOUNT_CLOEXEC = 1
_PAGE: Final = mmap.PAGESIZE
_ELF_32: Final = b"\x7fELF\x01"

_libc: Final = ctypes.CDLL(None, use_errno=True)


class CallsSource:
    """A ``Source`` of calls that ended with EPERM, whoever refused them.

    Raises:
        NotSetUp: this kernel cannot tell.
        AccessDenied: we may not ask it.
    """

    name = "calls"

    def __init__(self) -> None:
        self._rings: list[_Ring] = []
        self._names = Latest[int, str](DENIALS_PROCESSES_MAX)
        self._groups = Latest[int, str](DENIALS_PROCESSES_MAX)
        self._arch = _own_arch()
        try:
            identity, self._layout = _tracepoint(self._arch)
            for processor in parse_list(_PROCESSORS.read_text()):
                self._rings.append(_Ring(self._arch, identity, processor))
        except OSError as error:
            self.close()
            raise _refused(error) from error
        except PytrustError:
            self.close()
            raise

    def files(self) -> tuple[int, ...]:
        """See ``Source``."""
        return tuple(ring.file for ring in self._rings)

    def read(self) -> Batch:
        """See ``Source``."""
        lost, refusals, groups = 0, [], []
        for record in (record for ring in self._rings for record in parse_records(ring.take(), self._layout)):
            match record:
                case Lost(records):
                    lost += records
                case Named(tid, name):
                    self._names.put(tid, name)
                case Grouped(group, path):
                    self._groups.put(group, path)
                    groups.append(path)
                case Ended():
                    refusals.append(self._refusal(record))
        return Batch(tuple(refusals), lost, tuple(groups))

    def close(self) -> None:
        """See ``Source``."""
        for ring in self._rings:
            ring.close()
        self._rings.clear()

    def _refusal(self, ended: Ended) -> Refusal:
        name = _read(ended.tid, "comm").decode("utf-8", "replace").rstrip("\n") or self._names.get(ended.tid) or ""
        arch = _arch_of(ended, self._arch)
        return Refusal(ended.tid, name, arch, ended.number, Action.ERRNO, -ended.result, self._group(ended))

    def _group(self, ended: Ended) -> str:
        """A group that was made before we began is learnt from the first process that lives long enough."""
        known = self._groups.get(ended.group)
        if known is None and ended.group:
            known = _read(ended.tid, "cgroup").decode("utf-8", "replace")
            if known:
                self._groups.put(ended.group, known)
        return known or ""


class _Ring:
    """The records of one processor."""

    def __init__(self, arch: Arch, identity: int, processor: int) -> None:
        try:
            self.file = _opened(arch, identity, processor, _SAMPLE | _SAMPLE_GROUP, _DISABLED | _COMM | _GROUPS)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            self.file = _opened(arch, identity, processor, _SAMPLE, _DISABLED | _COMM)
        try:
            self._map = mmap.mmap(self.file, (1 + DENIALS_RING_PAGES) * _PAGE)
            _call(arch, "ioctl", self.file, _SET_FILTER, _FILTER)
            _call(arch, "ioctl", self.file, _ENABLE, 0)
        except OSError:
            os.close(self.file)
            raise

    def take(self) -> bytes:
        """All records that are there; their room is given back."""
        head, tail, offset, size = _QUADS.unpack_from(self._map, _POSITIONS)
        at, length = tail % size, head - tail
        first = self._map[offset + at : offset + min(size, at + length)]
        data = first + self._map[offset : offset + length - len(first)]
        _QUAD.pack_into(self._map, _POSITIONS + _QUAD.size, head)
        return data

    def close(self) -> None:
        self._map.close()
        os.close(self.file)


def _opened(arch: Arch, identity: int, processor: int, sample: int, flags: int) -> int:
    attributes = _ATTRIBUTES.pack(_TRACEPOINT, _ATTRIBUTES.size, identity, 1, sample, 0, flags, 1, 0)
    return _call(arch, "perf_event_open", attributes, _ANY_PROCESS, processor, -1, _CLOSE_ON_EXEC)


def _tracepoint(arch: Arch) -> tuple[int, Layout]:
    """Its number in this kernel, and how its events are laid out."""
    folder = _tracefs(arch)
    try:
        identity, layout = _text(folder, "id"), parse_layout(_text(folder, "format"))
    except FileNotFoundError as error:
        raise NotSetUp("this kernel does not trace calls", hint="it needs CONFIG_FTRACE_SYSCALLS") from error
    finally:
        os.close(folder)
    if not identity.strip().isdigit():
        raise NotSetUp("this kernel does not number its tracepoints", hint="it needs CONFIG_FTRACE_SYSCALLS")
    return int(identity), layout


def _tracefs(arch: Arch) -> int:
    """Its folder: where it is mounted, else a mount of our own that nobody sees."""
    if (_MOUNTED / _EVENT).is_dir():
        return os.open(_MOUNTED, os.O_PATH | os.O_CLOEXEC)
    context = _call(arch, "fsopen", b"tracefs", _FSOPEN_CLOEXEC)
    try:
        _call(arch, "fsconfig", context, _CREATE, None, None, 0)
        return _call(arch, "fsmount", context, _FSMOUNT_CLOEXEC, 0)
    finally:
        os.close(context)


def _text(folder: int, name: str) -> str:
    file = os.open(f"{_EVENT}/{name}", os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
    try:
        return os.read(file, _FILE_MAX).decode("ascii", "replace")
    finally:
        os.close(file)


def _own_arch() -> Arch:
    machine = os.uname().machine
    if machine not in _GO_ARCHES:
        raise NotSetUp(f"refused calls cannot be watched on {machine}")
    return arch_of(_GO_ARCHES[machine])


def _arch_of(ended: Ended, own: Arch) -> Arch:
    """Of a call: the tracepoint does not tell programs of 32 bits, but they do while they run."""
    if ended.number & X32_BIT:
        return X32
    return _NARROW[own] if _read(ended.tid, "exe", len(_ELF_32)) == _ELF_32 else own


def _read(tid: int, name: str, most: int = PROC_FILE_MAX_BYTES) -> bytes:
    """The beginning of a file of a process; empty where it is gone."""
    with suppress(OSError), Path(f"/proc/{tid}/{name}").open("rb", buffering=0) as file:
        return file.read(most) or b""
    return b""


def _call(arch: Arch, name: str, *arguments: bytes | int | None) -> int:
    """A call that Python has no name for; raises ``OSError``."""
    given = int(_libc.syscall(table(arch)[Syscall(name)], *arguments))
    if given < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return given


def _refused(error: OSError) -> PytrustError:
    if error.errno in {errno.EPERM, errno.EACCES}:
        return AccessDenied("refused calls may not be watched here", hint="run as root, outside of containers")
    return NotSetUp(f"this kernel does not tell of refused calls: {(error.strerror or '').lower()}")
