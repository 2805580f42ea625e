"""Records of the kernel's ring: layouts as perf_event_open(2) has them, and what is no record."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.policy.observe.denials_names import Names
from pytrust.policy.observe.denials_ring import (
    Ended,
    Grouped,
    Layout,
    Lost,
    Named,
    Record,
    parse_layout,
    parse_list,
    parse_records,
)
from pytrust.trust.errors import BadContent

LAYOUT = Layout(8, 16)
FORMAT = """name: sys_exit
ID: 442
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:long id;	offset:8;	size:8;	signed:1;
	field:long ret;	offset:16;	size:8;	signed:1;

print fmt: "NR %ld = %ld", REC->id, REC->ret
"""


TRAILER = struct.pack("=IIQ", 7, 12, 99)  # thread and time, at the end of all but samples


def record(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHH", kind, 0, 8 + len(body)) + body


def sample(tid: int, number: int, result: int, group: int | None = None, at: int = 8, registers: bytes = b"") -> bytes:
    event = struct.pack("=HBBi", 442, 0, 0, tid).ljust(at, b"\0") + struct.pack("=qq", number, result)
    raw = struct.pack("=I", len(event) + 4) + event + b"\0" * 4  # the kernel fills up to eight bytes
    return record(
        9, struct.pack("=IIQ", 7, tid, 99) + raw + registers + (b"" if group is None else struct.pack("=Q", group))
    )


def read(data: bytes, layout: Layout = LAYOUT) -> list[Record]:
    return list(parse_records(data, layout))


def test_calls_names_groups_and_losses_are_read() -> None:
    data = (
        sample(12, 83, -1, group=77)
        + record(3, struct.pack("=II", 7, 12) + b"mkdir\0\0\0" + TRAILER)
        + record(19, struct.pack("=Q", 77) + b"/docker/abc\0\0\0\0\0" + TRAILER)
        + record(2, struct.pack("=QQ", 1, 5) + TRAILER)
        + record(4, b"\0" * 24)  # a process ended: nothing to us
    )
    assert read(data) == [Ended(12, 83, -1, None, 77, 99), Named(12, "mkdir", 99), Grouped(77, "/docker/abc"), Lost(5)]


def test_a_kernel_without_control_groups_tells_none() -> None:
    assert read(sample(12, 83, -1)) == [Ended(12, 83, -1, at=99)]


@pytest.mark.parametrize(
    ("registers", "first"),
    [
        (struct.pack("=QQ", 2, 10), 10),
        (struct.pack("=QQ", 2, 2**64 - 1), 2**64 - 1),
        (struct.pack("=QQ", 1, 10), None),  # a program of 32 bits has its arguments elsewhere
        (struct.pack("=Q", 0), None),  # a thread of the kernel has none
    ],
)
def test_the_first_argument_is_read_before_the_group(registers: bytes, first: int | None) -> None:
    layout = LAYOUT._replace(register=True)
    assert read(sample(12, 41, -1, 77, registers=registers), layout) == [Ended(12, 41, -1, first, 77, 99)]


def test_another_kernel_lays_events_out_in_another_way() -> None:
    assert parse_layout(FORMAT) == LAYOUT
    moved = parse_layout(FORMAT.replace("offset:8;", "offset:16;", 1).replace("ret;\toffset:16", "ret;\toffset:24"))
    assert moved == Layout(16, 24)
    assert read(sample(12, 83, -1, at=16), moved) == [Ended(12, 83, -1, at=99)]


@pytest.mark.parametrize(
    "text",
    ["", FORMAT.replace("long id", "int id"), FORMAT.replace("size:8", "size:4"), FORMAT.replace("ret;", "rat;")],
)
def test_a_layout_that_is_not_understood_is_no_layout(text: str) -> None:
    with pytest.raises(BadContent):
        parse_layout(text)


def test_a_name_cannot_be_longer_than_the_kernels() -> None:
    assert read(record(3, struct.pack("=II", 1, 2) + b"x" * 40 + TRAILER)) == [Named(2, "x" * 16, 99)]


@pytest.mark.parametrize("kind", [2, 3, 9, 19])
def test_a_record_that_is_too_short_says_nothing_and_hides_nothing(kind: int) -> None:
    assert read(record(kind, b"\0\0\0\0") + sample(1, 2, -1)) == [Ended(1, 2, -1, at=99)]


def test_a_record_without_a_size_ends_it() -> None:
    assert read(struct.pack("=IHH", 9, 0, 0) + sample(1, 2, -1)) == []


@given(st.binary(max_size=300))
def test_no_bytes_do_harm(data: bytes) -> None:
    read(data)


@pytest.mark.parametrize(("text", "numbers"), [("0\n", [0]), ("0-3", [0, 1, 2, 3]), ("0,2-3,7\n", [0, 2, 3, 7])])
def test_processors_are_listed_as_the_kernel_does(text: str, numbers: list[int]) -> None:
    assert parse_list(text) == numbers


@pytest.mark.parametrize("text", ["", "a", "0-", "-1", "0-1-2", "0,,1", "0\n1"])
def test_what_is_no_list_is_none(text: str) -> None:
    with pytest.raises(BadContent):
        parse_list(text)


def test_a_thread_has_the_name_of_its_moment_in_whatever_order_it_is_told() -> None:
    names = Names()
    for name, at in (("wget", 30), ("runc:[2:INIT]", 10), ("sh", 20)):
        names.put(Named(7, name, at))
    assert [names.at(7, moment) for moment in (5, 10, 25, 30, 99)] == ["", "runc:[2:INIT]", "sh", "wget", "wget"]
    assert names.at(8, 99) == ""
    for at in range(100, 110):
        names.put(Named(7, str(at), at))
    assert (names.at(7, 200), names.at(7, 99)) == ("109", "")
