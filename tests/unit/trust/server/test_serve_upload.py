"""Multipart bytes to files by role: what stock clients send, and everything else."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.trust import limits
from pytrust.trust.server.disposition import parse_parameters
from pytrust.trust.server.refusals import Code, Refusal
from pytrust.trust.server.upload import UploadReader

BOUNDARY = "8a3f" * 15  # as long as Go's
TYPE = f"multipart/form-data; boundary={BOUNDARY}".encode()
Part = tuple[str, bytes]


def part(role: str, data: bytes, field: str = "files") -> bytes:
    """A part as Go's multipart.Writer writes it."""
    head = (
        f'Content-Disposition: form-data; name="{field}"; filename="{role}"\r\nContent-Type: application/octet-stream'
    )
    return f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + data + b"\r\n"


def body(*parts: Part) -> bytes:
    return b"".join(part(role, data) for role, data in parts) + f"--{BOUNDARY}--\r\n".encode()


def read(data: bytes, content_type: bytes = TYPE, step: int = 4096) -> dict[str, bytes]:
    reader = UploadReader(content_type)
    for start in range(0, len(data), step):
        reader.feed(data[start : start + step])
    return dict(reader.finish())


def refused(data: bytes, content_type: bytes = TYPE) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read(data, content_type)
    assert caught.value.status == 400
    return caught.value


def test_what_docker_sends() -> None:
    files = {"root": b"{1}", "targets/releases": b"{2}", "targets": b"", "snapshot": b"\r\n--x\r\n\x00"}
    assert read(body(*files.items())) == files


@pytest.mark.parametrize("name", ["zzz", "", "files", "a[]"])
def test_the_field_says_nothing(name: str) -> None:
    assert read(part("root", b"x", name) + f"--{BOUNDARY}--\r\n".encode()) == {"root": b"x"}


def test_a_suffix_is_taken_off_once() -> None:
    assert read(body(("root.json", b"x"), ("targets/a.json", b"y"))) == {"root": b"x", "targets/a": b"y"}
    assert refused(body(("root.json.json", b"x"))).reason is Code.INVALID_ROLE


def test_zero_parts_are_an_upload() -> None:
    assert read(body()) == {}


def test_timestamps_are_dropped() -> None:
    assert read(body(("timestamp", b"x"), ("root", b"y"))) == {"root": b"y"}


FilesAndStep = tuple[dict[str, bytes], int]
_ROLES = st.sampled_from(["root", "targets", "snapshot"]) | st.from_regex(
    r"targets(/[-a-z0-9_]{1,5}){1,3}", fullmatch=True
)
_DATA = st.binary(max_size=200) | st.sampled_from([b"\r\n", b"--", f"\r\n--{BOUNDARY[:-1]}".encode(), b"\r", b"\r\n-"])


@given(st.dictionaries(_ROLES, _DATA, max_size=5), st.integers(1, 70), st.randoms(use_true_random=False))
def test_any_files_come_out_whole_however_they_arrive(files: dict[str, bytes], step: int, order: random.Random) -> None:
    parts = list(files.items())
    order.shuffle(parts)
    assert read(body(*parts), step=step) == files


@given(st.binary(max_size=300), st.integers(1, 40))
def test_any_bytes_are_refused_or_read(data: bytes, step: int) -> None:
    try:
        read(part("root", b"x") + data, step=step)
    except Refusal as refusal:
        assert refusal.status == 400


@given(st.data())
def test_a_cut_upload_is_never_one(data: st.DataObject) -> None:
    whole = body(("root", b"{}"), ("targets", b"{}"))
    end = len(whole) - len(b"--\r\n")
    assert refused(whole[: data.draw(st.integers(0, end))]).reason is Code.MALFORMED_UPLOAD


BAD_ROLES = [
    "mirrors", "Root", "ROOT", "targets/", "targets//a", "targets/../root", "targets/.", "targets/A", "targets/a b",
    "targets/a/", "/targets/a", "targets\\\\a", "../root", "C:\\\\root", "\\\\\\\\host\\\\root", "root/", "root/a", "targets/é",
    "targets/" + "a" * 248, "root\t", "targets/a\x7f", ".json.json", "targets/a.b",
]  # fmt: skip


@pytest.mark.parametrize("role", BAD_ROLES)
def test_roles_that_are_none(role: str) -> None:
    refusal = refused(body((role, b"x")))
    assert refusal.reason in {Code.INVALID_ROLE, Code.MALFORMED_UPLOAD}
    assert len(refusal.body()) < 1024


def test_the_bad_role_is_named() -> None:
    refusal = refused(body(("targets/Alice", b"x")))
    assert refusal.reason is Code.INVALID_ROLE
    assert "targets/Alice" in str(refusal)


@pytest.mark.parametrize("role", ["", ".json"])
def test_no_file_name(role: str) -> None:
    assert refused(body((role, b"x"))).reason is Code.NO_FILENAME


def test_a_part_without_a_file_name() -> None:
    data = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="root"\r\n\r\nx\r\n--{BOUNDARY}--\r\n'.encode()
    assert refused(data).reason is Code.NO_FILENAME


@pytest.mark.parametrize("again", ["root", "root.json"])
def test_two_parts_of_one_role_have_two_readings(again: str) -> None:
    refusal = refused(body(("root", b"1"), (again, b"2")))
    assert refusal.reason is Code.MALFORMED_UPLOAD
    assert "root stands in it twice" in str(refusal)


_HEADS = [
    "",
    "Content-Type: application/octet-stream",
    'Content-Disposition: form-data; filename="root"\r\nContent-Disposition: form-data; filename="targets"',
    'Content-Disposition: form-data; filename="root"; filename="targets"',
    "Content-Disposition: form-data; filename=\"root\"; filename*=UTF-8''targets",
    "Content-Disposition: form-data; filename*=UTF-8''root",
    'Content-Disposition: form-data; filename="root',
    'Content-Disposition: form-data; filename="ro"ot"',
    'Content-Disposition: attachment; filename="root"',
    'Content-Disposition: form-data filename="root"',
    'Content-Disposition: form-data;; filename="root"',
    'Content-Disposition: form-data; FileName="root"; filename="targets"',
    'Content-Disposition: form-data; filename="root"\r\n folded: 1',
    'Content-Disposition : form-data; filename="root"',
    "X: " + "a" * 2000,
    "\r\n".join(f"A{number}: 1" for number in range(20)),
]


@pytest.mark.parametrize("head", _HEADS)
def test_parts_with_no_or_two_names(head: str) -> None:
    data = f"--{BOUNDARY}\r\n{head}\r\n\r\nx\r\n--{BOUNDARY}--\r\n".encode()
    assert refused(data).reason is Code.MALFORMED_UPLOAD


@pytest.mark.parametrize(
    "head", ['CONTENT-DISPOSITION: Form-Data; Name=a; FileName="root"', "content-disposition:form-data;filename=root"]
)
def test_headers_are_read_as_any_server_reads_them(head: str) -> None:
    assert read(f"--{BOUNDARY}\r\n{head}\r\n\r\nx\r\n--{BOUNDARY}--\r\n".encode()) == {"root": b"x"}


@pytest.mark.parametrize(
    "content_type",
    [
        b"",
        b"application/json",
        b"multipart/form-data",
        b"multipart/form-data; boundary=",
        b'multipart/form-data; boundary=""',
        b"multipart/mixed; boundary=x",
        b"multipart/form-data; boundary=a; boundary=b",
        b"multipart/form-data; boundary=" + b"a" * 71,
        b'multipart/form-data; boundary="a\r\nb"',
        b'multipart/form-data; boundary="a "',
        b"multipart/form-data, boundary=a",
        b"multipart/form-data; boundary=\xff",
    ],
)
def test_what_is_no_form(content_type: bytes) -> None:
    assert refused(body(("root", b"x")), content_type).reason is Code.MALFORMED_UPLOAD


@pytest.mark.parametrize(
    "spelled", [b'Multipart/Form-Data; Boundary="%s"', b"multipart/form-data;boundary=%s;charset=x"]
)
def test_content_types_as_they_may_be_spelled(spelled: bytes) -> None:
    assert read(body(("root", b"x")), spelled % BOUNDARY.encode()) == {"root": b"x"}


def _many(count: int) -> bytes:
    return body(*((f"targets/r{number}", b"") for number in range(count)))


LIMITS: dict[str, tuple[Callable[[], bytes], Callable[[], bytes]]] = {
    "root": (
        lambda: body(("root", b"x" * limits.ROOT_MAX_BYTES)),
        lambda: body(("root", b"x" * (limits.ROOT_MAX_BYTES + 1))),
    ),
    "snapshot": (
        lambda: body(("snapshot", b"x" * limits.SNAPSHOT_MAX_BYTES)),
        lambda: body(("snapshot", b"x" * (limits.SNAPSHOT_MAX_BYTES + 1))),
    ),
    "delegation": (
        lambda: body(("targets/a", b"x" * limits.TARGETS_MAX_BYTES)),
        lambda: body(("targets/a", b"x" * (limits.TARGETS_MAX_BYTES + 1))),
    ),
    "timestamp": (
        lambda: body(("timestamp", b"x" * limits.TIMESTAMP_MAX_BYTES)),
        lambda: body(("timestamp", b"x" * (limits.TIMESTAMP_MAX_BYTES + 1))),
    ),
    "parts": (lambda: _many(limits.UPLOAD_PARTS_MAX), lambda: _many(limits.UPLOAD_PARTS_MAX + 1)),
    "all": (
        lambda: body(*((f"targets/{name}", b"x" * 4_900_000) for name in "abcd")),
        lambda: body(*((f"targets/{name}", b"x" * 4_900_000) for name in "abcde")),
    ),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_limits(limit: str) -> None:
    fits, does_not = LIMITS[limit]
    read(fits(), step=65536)
    assert refused(does_not()).reason is Code.MALFORMED_UPLOAD


def test_what_stands_around_the_parts_counts_too() -> None:
    """An ending that never comes is not read for ever."""
    reader = UploadReader(TYPE)
    reader.feed(body(("root", b"x")))
    with pytest.raises(Refusal, match="larger than"):
        for _ in range(limits.UPLOAD_MAX_BYTES // 100_000 + 1):
            reader.feed(b"\r\n" * 50_000)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b"form-data", ("form-data", {})),
        (b'Form-Data ; NAME = "x"', None),
        (b'form-data; name="a\\"b\\\\c"', ("form-data", {"name": 'a"b\\c'})),
        (b'form-data; filename="C:\\\\root"', ("form-data", {"filename": "C:\\root"})),
        (b'form-data; filename="targets/releases"; name=files', ("form-data", {"filename": "targets/releases", "name": "files"})),
        (b"form-data; a=b;", None),
        (b"form-data; a", None),
        (b"", None),
        (b"form-data; a=\"\x00\"", None),
        (b"form-data; a=b\r\n", None),
    ],
)  # fmt: skip
def test_parameters(value: bytes, found: tuple[str, dict[str, str]] | None) -> None:
    assert parse_parameters(value) == found
