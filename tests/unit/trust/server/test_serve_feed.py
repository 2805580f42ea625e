"""The changefeed's parameters and JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.trust.limits import CHANGES_MAX
from pytrust.trust.names import CollectionName
from pytrust.trust.server.feed import encode_changes, parse_window
from pytrust.trust.server.refusals import Code, Refusal
from pytrust.trust.store.interface import Change

AT = datetime(2026, 11, 23, 18, 30, 50, 592510, tzinfo=UTC)


@pytest.mark.parametrize(
    ("query", "window"),
    [
        (b"records=10", (0, 10)),
        (b"records=0", (0, 100)),
        (b"records=0&change_id=7", (7, 100)),
        (b"records=5&change_id=7", (7, 5)),
        (b"records=5&change_id=", (0, 5)),
        (b"records=-5&change_id=7", (7, -5)),
        (b"records=-5&change_id=0", (-1, -5)),
        (b"records=-1", (-1, -1)),
        (b"records=5&change_id=-1", (-1, -5)),
        (b"records=0&change_id=-3", (-1, -100)),
        (b"records=%2B5", (0, 5)),
        (b"records=9999999", (0, CHANGES_MAX)),
        (b"records=-9999999&change_id=2", (2, -CHANGES_MAX)),
        (b"other=1&records=1", (0, 1)),
    ],
)
def test_windows(query: bytes, window: tuple[int, int]) -> None:
    assert tuple(parse_window(query)) == window


@pytest.mark.parametrize(
    "query",
    [
        b"",
        b"change_id=1",
        b"records=",
        b"records=x",
        b"records=1.0",
        b"records=1_0",
        b"records=%D9%A1",
        b"records= 1",
        b"records=1&records=2",
        b"records=1&change_id=1&change_id=1",
        b"records=1&change_id=x",
        b"records=1&change_id=" + b"9" * 19,
        b"records=1&x=" + b"a" * 2000,
        b"records=1&" + b"&".join(b"a%d=1" % number for number in range(30)),
        b"records=%ff",
        b"records=1&\xff",
    ],
)
def test_what_is_no_window(query: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        parse_window(query)
    assert caught.value.reason is Code.INVALID_PARAMETERS


@given(st.integers(-(10**17), 10**17), st.integers(-(10**17), 10**17))
def test_a_window_is_one_that_a_backend_takes(change_id: int, records: int) -> None:
    window = parse_window(f"change_id={change_id}&records={records}".encode())
    assert window.records != 0
    assert abs(window.records) <= CHANGES_MAX
    assert window.change_id >= (0 if window.records > 0 else -1)
    assert window.change_id != 0 or window.records > 0


def test_the_json_that_clients_read() -> None:
    changes = [
        Change(7, AT, CollectionName("docker.io/foo/web"), 2, "ab" * 32),
        Change(8, AT.replace(microsecond=0), CollectionName("gün"), 0, ""),
    ]
    assert json.loads(encode_changes(changes)) == {
        "count": 2,
        "records": [
            {
                "ID": "7",
                "CreatedAt": "2026-11-23T18:30:50.59251Z",
                "GUN": "docker.io/foo/web",
                "Version": 2,
                "SHA256": "ab" * 32,
                "Category": "update",
            },
            {
                "ID": "8",
                "CreatedAt": "2026-11-23T18:30:50Z",
                "GUN": "gün",
                "Version": 0,
                "SHA256": "",
                "Category": "deletion",
            },
        ],
    }
    assert encode_changes([]) == b'{"count":0,"records":[]}'
