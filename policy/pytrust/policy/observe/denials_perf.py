"""Refusals of any engine: calls that end with EPERM, as the kernel's tracepoint ``raw_syscalls:sys_exit`` tells them.

A call that a seccomp filter answers with an error does not reach the audit stream unless the filter asks for it, but it
ends like any other call. perf_event_open(2) sees all of the host's, and the kernel drops those that end well; every
call on the host then takes some 0.1 microseconds longer, for as long as this is open. It ends with its process, however
that ends. Needs root (CAP_PERFMON, and CAP_SYS_ADMIN to look at tracefs), and a kernel with CONFIG_FTRACE_SYSCALLS.
"""

from __future__ import annotations

import errno
import mmap
import os
import struct
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from pytrust.policy.observe.denials_kernel import call, own_arch, tracepoint
from pytrust.policy.observe.denials_latest import Latest
from pytrust.policy.observe.denials_loud import Loud
from pytrust.policy.observe.denials_model import Batch, Refusal
from pytrust.policy.observe.denials_names import Names
from pytrust.policy.observe.denials_ring import (
    Ended,
    Grouped,
    Lost,
    Named,
    parse_list,
    parse_records,
)
from pytrust.policy.observe.denials_who import container_in
from pytrust.policy.profiles.names import AARCH64, X86_64, Action, Arch, Syscall
from pytrust.policy.profiles.seccomp.syscalls import ARM, X32, X32_BIT, X86, table
from pytrust.trust.errors import AccessDenied, NotSetUp, PytrustError
from pytrust.trust.limits import DENIALS_MUTE_INTERVAL, DENIALS_PROCESSES_MAX, DENIALS_RING_PAGES, PROC_FILE_MAX_BYTES

_NARROW: Final = {X86_64: X86, AARCH64: ARM}
_EPOLL_CTL: Final = Syscall("epoll_ctl")
_PROCESSORS: Final = Path("/sys/devices/system/cpu/online")

_ATTRIBUTES: Final = struct.Struct("=IIQQQQQII24xQ24x")  # perf_event_attr up to version 5; the rest is zero
_TRACEPOINT: Final = 2  # PERF_TYPE_TRACEPOINT
_SAMPLE: Final = 2 | 4 | 1024  # PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_RAW
_DISABLED, _COMM, _TIMES = 1, 1 << 9, 1 << 18  # the last is sample_id_all
_SAMPLE_REGISTERS: Final = 1 << 12  # PERF_SAMPLE_REGS_USER
_FIRST_ARGUMENT: Final = {X86_64: 1 << 5}  # PERF_REG_X86_DI; elsewhere the result takes its place
_SAMPLE_GROUP, _GROUPS = 1 << 21, 1 << 32  # PERF_SAMPLE_CGROUP, and records of new groups; from Linux 5.7
_ANY_PROCESS: Final = -1
_CLOSE_ON_EXEC: Final = 8  # PERF_FLAG_FD_CLOEXEC
_ENABLE, _DISABLE = 0x2400, 0x2401  # PERF_EVENT_IOC_ENABLE, PERF_EVENT_IOC_DISABLE
_SET_FILTER: Final = 0x40082406  # PERF_EVENT_IOC_SET_FILTER
_POSITIONS: Final = 1024  # data_head, data_tail, data_offset, data_size in perf_event_mmap_page
_QUADS: Final = struct.Struct("=4Q")
_QUAD: Final = struct.Struct("=Q")
_PAGE: Final = mmap.PAGESIZE
_ELF_32: Final = b"\x7fELF\x01"


class CallsSource:
    """A ``Source`` of calls that ended with EPERM, whoever refused them.

    Raises:
        NotSetUp: this kernel cannot tell.
        AccessDenied: we may not ask it.
    """

    name = "calls"

    def __init__(self) -> None:
        self._rings: list[_Ring] = []
        self._loud, self._muted, self._next = Loud(), frozenset[int](), 0.0
        self._names = Names()
        self._groups = Latest[int, str](DENIALS_PROCESSES_MAX)
        self._arch = own_arch()
        try:
            self._identity, layout = tracepoint(self._arch)
            self._layout = layout._replace(register=self._arch in _FIRST_ARGUMENT)
            self._rings = self._opened()
            for ring in self._rings:
                ring.enable()
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
        data = [self._hush(), *(ring.take() for ring in self._rings)]
        lost, ended, groups = 0, list[Ended](), list[str]()
        for record in (record for one in data for record in parse_records(one, self._layout)):
            match record:
                case Lost(records):
                    lost += records
                case Named():
                    self._names.put(record)
                case Grouped(group, path):
                    self._groups.put(group, path)
                    groups.append(path)
                case Ended():
                    self._loud.hear(record.tid)
                    ended.append(record)
        alike = Counter((one._replace(at=0), self._names.at(one.tid, one.at)) for one in ended)
        refusals = (found for (one, name), times in alike.items() for found in self._refusals(one, name, times))
        return Batch(tuple(refusals), lost, tuple(groups))

    def close(self) -> None:
        """See ``Source``."""
        for ring in self._rings:
            ring.close()
        self._rings.clear()

    def _hush(self) -> bytes:
        """The kernel is asked to leave out those who flood: they would take the room of others' records.

        A filter cannot be changed, so that new rings take over; gives what was left in the old ones.
        """
        now = time.monotonic()
        muted = self._loud.muted(now) if now >= self._next else self._muted
        if muted == self._muted:
            return b""
        self._muted, self._next = muted, now + DENIALS_MUTE_INTERVAL
        old, self._rings = self._rings, self._opened()
        left = b"".join(ring.replace(new) for ring, new in zip(old, self._rings, strict=False))
        for ring in self._rings:
            ring.enable()
        return left

    def _opened(self) -> list[_Ring]:
        """A ring for each processor, not running yet; processors that come later are not heard until then."""
        return [_Ring(self._arch, self._identity, one, self._muted) for one in parse_list(_PROCESSORS.read_text())]

    def _refusals(self, ended: Ended, name: str, times: int) -> Iterator[Refusal]:
        """Of a process outside all containers nothing more is looked at."""
        group = self._group(ended)
        if group and not container_in(group):
            return
        name = name or _read(ended.tid, "comm").decode("utf-8", "replace").rstrip("\n")
        arch = _arch_of(ended, self._arch)
        yield Refusal(ended.tid, name, arch, ended.number, Action.ERRNO, -ended.result, ended.first, group, times)

    def _group(self, ended: Ended) -> str:
        """As the kernel named it when it was made; of older groups, where the process is now, if it still is.

        What a process says later is not held for the group of its call: the runtime moves processes into containers.
        """
        return self._groups.get(ended.group) or _read(ended.tid, "cgroup").decode("utf-8", "replace")


class _Ring:
    """The records of one processor."""

    def __init__(self, arch: Arch, identity: int, processor: int, muted: frozenset[int]) -> None:
        self._arch = arch
        try:
            self.file = _opened(
                arch, identity, processor, _SAMPLE | _SAMPLE_GROUP, _DISABLED | _COMM | _TIMES | _GROUPS
            )
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            self.file = _opened(arch, identity, processor, _SAMPLE, _DISABLED | _COMM | _TIMES)
        try:
            self._map = mmap.mmap(self.file, (1 + DENIALS_RING_PAGES) * _PAGE)
            call(arch, "ioctl", self.file, _SET_FILTER, _filter(arch, muted).encode())
        except OSError:
            os.close(self.file)
            raise

    def enable(self) -> None:
        """Let it run; nothing happens where it does."""
        call(self._arch, "ioctl", self.file, _ENABLE, 0)

    def replace(self, new: _Ring) -> bytes:
        """Let ``new`` go on where this one ends, within microseconds; gives what was left, and closes."""
        call(self._arch, "ioctl", self.file, _DISABLE, 0)
        new.enable()
        left = self.take()
        self.close()
        return left

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


def _filter(arch: Arch, muted: frozenset[int]) -> str:
    """Calls that end with EPERM, but for what Go's programs try with each file, and the runtime needs in any case."""
    others = "".join(f" && common_pid != {tid}" for tid in sorted(muted))
    return f"ret == -{errno.EPERM} && id != {table(arch)[_EPOLL_CTL]}{others}"


def _opened(arch: Arch, identity: int, processor: int, sample: int, flags: int) -> int:
    registers = _FIRST_ARGUMENT.get(arch, 0)
    sample |= _SAMPLE_REGISTERS if registers else 0
    attributes = _ATTRIBUTES.pack(_TRACEPOINT, _ATTRIBUTES.size, identity, 1, sample, 0, flags, 1, 0, registers)
    return call(arch, "perf_event_open", attributes, _ANY_PROCESS, processor, -1, _CLOSE_ON_EXEC)


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


def _refused(error: OSError) -> PytrustError:
    if error.errno in {errno.EPERM, errno.EACCES}:
        return AccessDenied("refused calls may not be watched here", hint="run as root, outside of containers")
    return NotSetUp(f"this kernel does not tell of refused calls: {(error.strerror or '').lower()}")
