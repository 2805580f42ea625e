"""What may lie in a database under each format, and what is damage."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pytrust.trust.errors import Damaged
from pytrust.trust.names import Format
from pytrust.trust.store.rows import (
    change,
    kept,
    seconds,
    server_key,
    stored_bytes,
    stored_format,
    stored_name,
    stored_number,
    stored_role,
    stored_time,
)

LONG = "docker.io/" + "a" * 245

NAMES: list[tuple[object, bool, bool]] = [  # as TUF, as Notary
    ("docker.io/foo/web", True, True),
    ("localhost:5000/foo", True, True),
    ("foo/web", False, True),  # another spelling
    ("docker.io/Foo", False, True),
    ("docker.io/foo:tag", False, True),
    ("../x", False, True),
    ("a b", False, True),
    ("ü", False, True),
    ("a*b", False, False),
    ("", False, False),
    ("a\nb", False, False),
    ("a\x7fb", False, False),
    ("a\x9bb", False, False),
    ("a\0", False, False),
    (LONG, False, True),
    (LONG + "a", False, False),
    ("é" * 127, False, True),
    ("é" * 128, False, False),
    (b"docker.io/foo/web", False, False),
    (5, False, False),
    (None, False, False),
]


@pytest.mark.parametrize(("name", "tuf", "notary"), NAMES)
def test_names(name: object, tuf: bool, notary: bool) -> None:
    for form, allowed in ((Format.TUF, tuf), (Format.NOTARY, notary)):
        if allowed:
            assert stored_name(name, form) == name
        else:
            with pytest.raises(Damaged):
                stored_name(name, form)


ROLES: list[tuple[object, bool, bool]] = [
    ("root", True, True),
    ("targets", True, True),
    ("timestamp", True, True),
    ("releases", True, False),
    ("targets/releases", False, True),
    ("targets/a/b_c-1", False, True),
    ("targets/", False, False),
    ("targets//a", False, False),
    ("targets/a/", False, False),
    ("targets/../x", False, False),
    ("targets/A", False, False),
    ("targets/a\n", False, False),
    ("root/a", False, False),
    ("targets/" + "a" * 247, False, True),
    ("targets/" + "a" * 248, False, False),
    ("", False, False),
    (5, False, False),
]


@pytest.mark.parametrize(("role", "tuf", "notary"), ROLES)
def test_roles(role: object, tuf: bool, notary: bool) -> None:
    for form, allowed in ((Format.TUF, tuf), (Format.NOTARY, notary)):
        if allowed:
            assert stored_role(role, form) == role
        else:
            with pytest.raises(Damaged):
                stored_role(role, form)


@pytest.mark.parametrize("value", ["TUF", "", None, 1])
def test_formats(value: object) -> None:
    assert stored_format("notary") is Format.NOTARY
    with pytest.raises(Damaged):
        stored_format(value)


@pytest.mark.parametrize("value", ["text", 5, None, 1.5])
def test_bytes(value: object) -> None:
    with pytest.raises(Damaged):
        stored_bytes(value)


@pytest.mark.parametrize("value", ["5", None, 1.5, b"1"])
def test_numbers(value: object) -> None:
    with pytest.raises(Damaged):
        stored_number(value)


@pytest.mark.parametrize("value", ["5", None, b"1", 10**16, -(10**16), float("nan"), float("inf")])
def test_moments(value: object) -> None:
    with pytest.raises(Damaged):
        stored_time(value)


def test_a_moment_is_a_second() -> None:
    moment = datetime(2026, 11, 30, 22, 15, 59, 999_999, tzinfo=UTC)
    assert stored_time(seconds(moment)) == moment.replace(microsecond=0)


@pytest.mark.parametrize("row", [(1, "data", 0), ("1", b"", 0), (1, b"", None)])
def test_a_kept_file_is_checked_whole(row: tuple[object, ...]) -> None:
    with pytest.raises(Damaged):
        kept(row)


GOOD_CHANGE = (1, 0, "a gun", 2, "a" * 64)


@pytest.mark.parametrize(("index", "value"), [(0, "1"), (1, "x"), (2, "a*"), (3, None), (4, "a" * 63), (4, "A" * 64)])
def test_a_change_is_checked_whole(index: int, value: object) -> None:
    assert not change(GOOD_CHANGE).deletion
    assert change((*GOOD_CHANGE[:3], 0, "")).deletion
    row: list[object] = list(GOOD_CHANGE)
    row[index] = value
    with pytest.raises(Damaged):
        change(tuple(row))


GOOD_KEY = ("snapshot", "b" * 64, b"sealed")


@pytest.mark.parametrize(("index", "value"), [(0, "releases"), (1, "b"), (1, "sha256:" + "b" * 64), (1, 5), (2, "s")])
def test_a_server_key_is_checked_whole(index: int, value: object) -> None:
    assert server_key(GOOD_KEY).id == "b" * 64
    row: list[object] = list(GOOD_KEY)
    row[index] = value
    with pytest.raises(Damaged):
        server_key(tuple(row))
