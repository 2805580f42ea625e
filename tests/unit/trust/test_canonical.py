"""Strict JSON: what has more than one reading is refused, and hostile documents cost little."""

from __future__ import annotations

import json
import time
import tracemalloc
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytrust.trust.canonical import encode_json, parse_json
from pytrust.trust.errors import BadMetadata
from pytrust.trust.limits import METADATA_MAX_DEPTH, TARGETS_MAX_BYTES

GENEROUS = 8.0  # seconds, where the honest time is below one


def parse(data: bytes, **limits: int) -> Any:
    return parse_json(data, what="the file", max_bytes=limits.pop("max_bytes", 10_000_000), **limits)


ACCEPTED = [
    (b"{}", {}),
    (b" [1, -2, 0] ", [1, -2, 0]),
    (b'"\\u00e9\xc3\xa9"', "éé"),
    (b'"\\ud83d\\ude00"', "\N{GRINNING FACE}"),
    (b'{"a":{"a":1},"b":[{"a":1},{"a":2}]}', {"a": {"a": 1}, "b": [{"a": 1}, {"a": 2}]}),
    (b"null", None),
    (b"999999999999999999", 10**18 - 1),
    (b"-99999999999999999", -(10**17) + 1),
    (b"-0", 0),
    (b'"[[[{{{\\"[[["', '[[[{{{"[[['),
]


@pytest.mark.parametrize(("data", "value"), ACCEPTED)
def test_accepted(data: bytes, value: object) -> None:
    assert parse(data) == value


REFUSED = [
    b"",
    b" ",
    b'{"a":1,"a":1}',
    b'{"a":1,"\\u0061":2}',
    b'{"x":[{"y":{"a":1,"b":2,"a":3}}]}',
    b'{"":1,"":2}',
    b'{"\\ud83d\\ude00":1,"\xf0\x9f\x98\x80":2}',
    b"1.0",
    b"1e2",
    b"1E2",
    b"-0.0",
    b'{"a":[1.5]}',
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"1000000000000000000",
    b"1" + b"0" * 5000,
    b"01",
    b"+1",
    b"0x1",
    b'"\xff"',
    b'"\xed\xa0\x80"',
    b'"\xc0\x80"',
    b"\xef\xbb\xbf{}",
    b"\xff\xfe{\x00}\x00",
    b'"\x00"',
    b'"\n"',
    b'"\\x41"',
    b"'a'",
    b"{} {}",
    b"{}x",
    b"[1,]",
    b'{"a":1,}',
    b"{a:1}",
    b"/**/{}",
    b"True",
    b'"open',
    b'{"a":[',
    b"}",
    b'"open\\',
    b'"open\\"',
    b"]" * 20 + b"[" * 20,
]


@pytest.mark.parametrize("data", REFUSED, ids=lambda data: repr(data[:30]))
def test_refused(data: bytes) -> None:
    with pytest.raises(BadMetadata, match="the file is not strict JSON"):
        parse(data)


LONE_SURROGATES = [b'"\\ud800"', b'"\\uDFFF"', b'{"a":["x\\ud83dx"]}', b'{"\\ude00":1}', b'"\\ude00\\ud83d"']


@pytest.mark.parametrize("data", LONE_SURROGATES)
def test_text_that_cannot_be_written_again_is_refused(data: bytes) -> None:
    """Half a surrogate pair is no character: nothing that signs or prints could encode it."""
    with pytest.raises(BadMetadata, match="not strict JSON"):
        parse(data)


def test_escaped_backslashes_are_no_surrogates() -> None:
    assert parse(b'"\\\\ud800"') == "\\ud800"


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"":', b"}]")])
def test_depth_at_the_limit_and_over(opening: bytes, closing: bytes) -> None:
    per = opening.count(b"[") + opening.count(b"{")
    times = METADATA_MAX_DEPTH // per
    parse(opening * times + b"1" + closing * times)
    with pytest.raises(BadMetadata, match="deeper than 32"):
        parse(b"[" + opening * times + b"1" + closing * times + b"]")


def test_brackets_in_strings_are_not_depth() -> None:
    text = '[{"' * 100 + "\\"
    assert parse(json.dumps({text: [text, '"', "\\"]}).encode()) == {text: [text, '"', "\\"]}


def test_a_limit_of_depth_can_be_given() -> None:
    assert parse(b"[[]]", max_depth=2) == [[]]
    with pytest.raises(BadMetadata, match="deeper than 1"):
        parse(b"[[]]", max_depth=1)


def test_size_at_the_limit_and_over() -> None:
    assert parse(b'"aaa"', max_bytes=5) == "aaa"
    with pytest.raises(BadMetadata, match="larger than 4 bytes"):
        parse(b'"aaa"', max_bytes=4)


HOSTILE = {
    "open string": b'"' + b"a" * TARGETS_MAX_BYTES,
    "open string of escapes": b'"' + b"\\a" * (TARGETS_MAX_BYTES // 2),
    "open string of quotes": b'"\\' * (TARGETS_MAX_BYTES // 2),
    "half strings": b'"' * (TARGETS_MAX_BYTES + 1),
    "brackets": b"[" * TARGETS_MAX_BYTES,
    "closing brackets": b"]" * TARGETS_MAX_BYTES,
    "backslashes": b"\\" * TARGETS_MAX_BYTES,
    "one number": b"1" * TARGETS_MAX_BYTES,
    "a late duplicate": b"{" + b"".join(b'"%06x":0,' % n for n in range(400_000)) + b'"061a7f":0}',
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_documents_cost_little(data: bytes) -> None:
    start = time.process_time()
    with pytest.raises(BadMetadata):
        parse(data)
    assert time.process_time() - start < GENEROUS


@pytest.mark.parametrize(
    "data",
    [
        b'"' + b"\\" * (TARGETS_MAX_BYTES - 2) + b'"',
        b"[" + b'"",' * (TARGETS_MAX_BYTES // 3 - 2) + b"0]",
        b"[" + b'{"a":0},' * (TARGETS_MAX_BYTES // 8 - 2) + b"0]",
        b'"' * TARGETS_MAX_BYTES,
    ],
    ids=["one string of escapes", "empty strings", "objects", "quotes"],
)
def test_hostile_documents_take_little_memory(data: bytes) -> None:
    """Several are read at once by a proxy: sixty times their size would be its end."""
    tracemalloc.start()
    with suppress(BadMetadata):
        parse(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * len(data)


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17) + 1, 10**18 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None)
@given(VALUES, st.booleans())
def test_reads_what_json_reads(value: object, ascii_only: bool) -> None:
    assert parse(json.dumps(value, ensure_ascii=ascii_only, indent=1).encode(), max_depth=100) == value
    assert parse(encode_json(value), max_depth=100) == value


@settings(deadline=None)
@given(st.one_of(st.binary(), st.text().map(str.encode), st.text('"\\[]{}:,01ue.-a ').map(str.encode)))
@example(b'{"a":1,"a":1}')
def test_never_more_lenient_than_json_and_never_another_error(data: bytes) -> None:
    try:
        value = parse(data)
    except BadMetadata:
        return
    assert json.loads(data.decode()) == value
    encode_json(value)


def test_writing_is_stable() -> None:
    assert encode_json({"b": [1, None], "a": "é"}) == '{"a":"é","b":[1,null]}'.encode()
