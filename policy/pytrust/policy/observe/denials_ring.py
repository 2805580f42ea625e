"""The records of a ring of perf_event_open(2): calls that ended with an error, and names of processes. Pure.

Layouts: ``linux/perf_event.h`` (``PERF_RECORD_*``); the event itself as the ``format`` file of its tracepoint says.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from pytrust.trust.errors import BadContent

_HEADER: Final = struct.Struct("=IHH")  # type, misc, size
_PAIR: Final = struct.Struct("=II")
_QUADS: Final = struct.Struct("=QQ")
_QUAD: Final = struct.Struct("=Q")
_LONG: Final = struct.Struct("=q")
_WORD: Final = struct.Struct("=I")
_FIELD: Final = re.compile(r"field:long (id|ret);\s*offset:([0-9]{1,3});\s*size:8;")
_LIST: Final = re.compile(r"[0-9]{1,5}(?:-[0-9]{1,5})?(?:,[0-9]{1,5}(?:-[0-9]{1,5})?){0,1000}")
_ABI_64: Final = 2  # PERF_SAMPLE_REGS_ABI_64
_COMM_MAX: Final = 16


class Ended(NamedTuple):
    """A call ended: thread ``tid``, ``number`` of the call, what it gave.

    ``first`` is its first argument, None where it is not told; ``group`` the number of the control group, or 0; ``at``
    the time, in nanoseconds of the kernel.
    """

    tid: int
    number: int
    result: int
    first: int | None = None
    group: int = 0
    at: int = 0


class Named(NamedTuple):
    """``tid`` has a name from ``at`` on, as of ``Ended``: each processor tells its own part."""

    tid: int
    name: str
    at: int


class Grouped(NamedTuple):
    """A control group was made: its number and path."""

    group: int
    path: str


class Lost(NamedTuple):
    """Records that found no place."""

    records: int


Record = Ended | Named | Grouped | Lost


class Layout(NamedTuple):
    """Where a call's number and result lie in the event, and whether the register of the first argument follows."""

    number: int
    result: int
    register: bool = False


def parse_layout(text: str) -> Layout:
    """The ``format`` file of ``raw_syscalls/sys_exit``; raises ``BadContent``."""
    found = {match[1]: int(match[2]) for match in _FIELD.finditer(text)}
    if found.keys() != {"id", "ret"}:
        raise BadContent("the kernel describes the ends of calls in a way that is not understood")
    return Layout(found["id"], found["ret"])


def parse_list(text: str) -> list[int]:
    """Numbers as the kernel lists them: ``0-3,6``; raises ``BadContent``."""
    if not _LIST.fullmatch(text.strip()):
        raise BadContent("the kernel lists its processors in a way that is not understood")
    parts = [part.partition("-") for part in text.strip().split(",")]
    return [number for first, _, last in parts for number in range(int(first), int(last or first) + 1)]


def parse_records(data: bytes, layout: Layout) -> Iterator[Record]:
    """Whole records, one after the other; of other kinds nothing is said.

    Samples must carry the thread (``PERF_SAMPLE_TID``), the time (``PERF_SAMPLE_TIME``, which ends all other records,
    too: ``sample_id_all``) and the event (``PERF_SAMPLE_RAW``), one register where the layout says so
    (``PERF_SAMPLE_REGS_USER``), may carry the control group (``PERF_SAMPLE_CGROUP``), and nothing else.
    """
    at = 0
    while at + _HEADER.size <= len(data):
        kind, _, size = _HEADER.unpack_from(data, at)
        if size < _HEADER.size:
            return
        record = _record(kind, data[at + _HEADER.size : at + size], layout)
        if record is not None:
            yield record
        at += size


def _record(kind: int, body: bytes, layout: Layout) -> Record | None:
    try:
        match kind:
            case 2:
                return Lost(_QUADS.unpack_from(body)[1])
            case 3:
                name = body[_PAIR.size : _PAIR.size + _COMM_MAX].partition(b"\0")[0]
                return Named(_PAIR.unpack_from(body)[1], name.decode("utf-8", "replace"), _QUAD.unpack(body[-8:])[0])
            case 9:
                return _ended(body, layout)
            case 19:
                return Grouped(
                    _QUAD.unpack_from(body)[0], body[_QUAD.size :].partition(b"\0")[0].decode("utf-8", "replace")
                )
    except struct.error:
        return None
    return None


def _ended(body: bytes, layout: Layout) -> Ended:
    tid = _PAIR.unpack_from(body)[1]
    event = body[_PAIR.size + _QUAD.size :]
    (size,) = _WORD.unpack_from(event)
    event = event[_WORD.size :]
    (number,), (result,) = _LONG.unpack_from(event, layout.number), _LONG.unpack_from(event, layout.result)
    rest = event[size:]
    first, rest = _register(rest) if layout.register else (None, rest)
    group = _QUAD.unpack_from(rest)[0] if len(rest) >= _QUAD.size else 0
    return Ended(tid, number, result, first, group, _QUAD.unpack_from(body, _PAIR.size)[0])


def _register(data: bytes) -> tuple[int | None, bytes]:
    """The register, if the program has 64 bits, and what follows; without any program there is none."""
    (abi,) = _QUAD.unpack_from(data)
    if not abi:
        return None, data[_QUAD.size :]
    (value,) = _QUAD.unpack_from(data, _QUAD.size)
    return value if abi == _ABI_64 else None, data[2 * _QUAD.size :]
