"""YAML, read strictly: one reading or none, lines that are right, and no input that costs much."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from pytrust.policy.strictyaml import MAX_BYTES, MAX_DEPTH, MAX_EVENTS, MAX_LINE_CHARS, parse_yaml
from pytrust.trust.errors import UsageError

RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no fault


def read(text: str) -> object:
    return parse_yaml(text.encode("utf-8", "surrogatepass"), what="p.yaml").value


def refused(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        read(text)
    assert caught.value.hint
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1", {"a": 1}),
        ("a: -12\nb: 0", {"a": -12, "b": 0}),
        ("a: 999999999999999999", {"a": 10**18 - 1}),
        ('a: "\\U0001f600"', {"a": "\U0001f600"}),
        ("a: 1.5\nb: 0.00012\nc: 10.0", {"a": 1.5, "b": 0.00012, "c": 10.0}),
        ("a: '1'\nb: \"true\"", {"a": "1", "b": "true"}),
        ("a:\nb: ~\nc: null\nd: Null", dict.fromkeys("abcd")),
        ("[true, True, FALSE]", [True, True, False]),
        ("[yes, on, off, n]", ["yes", "on", "off", "n"]),
        ("a: |\n  x\n  y\nb: >\n  x\n  y\n", {"a": "x\ny\n", "b": "x y\n"}),
        ("{a: [b, {c: d}]}", {"a": ["b", {"c": "d"}]}),
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("/srv/data/**", "/srv/data/**"),
        ("---\na: b # c\n...\n", {"a": "b"}),
        ("\ufeffa: b", {"a": "b"}),
        ("'a b': 1", {"a b": 1}),
        ("a: 2026-11-23", {"a": "2026-11-23"}),
    ],
)  # fmt: skip
def test_what_is_read(text: str, value: object) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("", 1, "empty"),
        ("# nothing\n", 2, "empty"),
        ("a: 1\nb: 2\na: 3", 3, "'a' stands twice"),
        ("a: 1\n'a': 3", 2, "'a' stands twice"),
        ("x:\n  a: 1\n  a: 1", 3, "'a' stands twice"),
        ("a: &x 1", 1, "anchors"),
        ("a: 1\nb: *x", 2, "anchors"),
        ("a: 1\nmatch: **", 2, "anchors"),
        ("&x a: 1", 1, "anchors"),
        ("a: &x [1]", 1, "anchors"),
        ("&x {}", 1, "anchors"),
        ("a: !!str 1", 1, "tags"),
        ("a: !x [1]", 1, "tags"),
        ("!!python/object:x {}", 1, "tags"),
        ("! a", 1, "tags"),
        ("<<: {a: 1}", 1, "merge"),
        ("%YAML 1.1\n---\na: yes", 2, "directives"),
        ("%TAG ! tag:x,2000:\n---\na: yes", 2, "directives"),
        ("%YAML 2.0\n---\na: yes", 1, "not YAML"),
        ("a: 1\n---\nb: 1", 2, "second document"),
        ("a\n...\nb", 3, "second document"),
        ("1: a", 1, "a key is not text"),
        ("a: 1\ntrue: a", 2, "a key is not text"),
        ("? [a]\n: 1", 1, "a key is not text"),
        (": a", 1, "a key is not text"),
        ("a: 012", 1, "012"),
        ("a: 0x10", 1, "0x10"),
        ("a: 0o17", 1, "0o17"),
        ("a: +1", 1, "+1"),
        ("a: 1.", 1, "1."),
        ("a: -1.5", 1, "-1.5"),
        ("a: 01.5", 1, "01.5"),
        ('a: "\\ud800"', 1, "half a character"),
        ('a: 1\n"\\ud83d\\ude00": 2', 2, "half a character"),
        ("a: 1.0000000000", 1, "1.0000000000"),
        ("a: 1.5e3", 1, "1.5e3"),
        ("a: 1e3", 1, "1e3"),
        ("a: .5", 1, ".5"),
        ("a: -0", 1, "-0"),
        ("a: .inf", 1, ".inf"),
        ("a: .NaN", 1, ".NaN"),
        ("a: 1000000000000000000", 1, "1000000000000000000"),
        ("a: [", 1, "not YAML"),
        ("a: 1\n\tb: 2", 2, "not YAML"),
        ("a: \x07", 1, "not YAML"),
        ('a: "\\U00110000"', 1, "not YAML"),
        ("a: 1\n b: 2", 2, "not YAML"),
        ("[" * 50, 1, "deeper than 16"),
        ("- " * 50, 1, "deeper than 16"),
        ("a" * (MAX_LINE_CHARS + 1), 1, "longer than 10000"),
    ],
)  # fmt: skip
def test_what_is_refused_and_where(text: str, line: int, why: str) -> None:
    said = refused(text)
    assert said.startswith(f"p.yaml:{line}: ")
    assert why in said


def test_what_is_no_utf_8() -> None:
    for data in (b"\xff\xfea", "a: b".encode("utf-16"), b"a: \xed\xa0\x80"):
        with pytest.raises(UsageError, match="is not UTF-8"):
            parse_yaml(data, what="p.yaml")


def test_bounds() -> None:
    assert refused("#" + "\n" * MAX_BYTES) == f"p.yaml is larger than {MAX_BYTES} bytes"
    assert isinstance(read("#" + "\n" * (MAX_BYTES - 5) + "a: b"), dict)
    assert isinstance(read("[" * MAX_DEPTH + "]" * MAX_DEPTH), list)
    assert "deeper" in refused("[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2))
    assert "more than 50000" in refused("- a\n" * MAX_EVENTS)


def test_the_line_of_every_key_and_item() -> None:
    lines = parse_yaml(b"a: 1\n\nb:\n  - c: d\n    e:\n      f\n  - {g: 1,\n     h: 2}\n", what="p").lines
    assert lines == {
        (): 1, ("a",): 1, ("b",): 3, ("b", 0): 4, ("b", 0, "c"): 4, ("b", 0, "e"): 5, ("b", 1): 7, ("b", 1, "g"): 7,
        ("b", 1, "h"): 8,
    }  # fmt: skip


HOSTILE = {
    "flow": "[\n" * 50_000,
    "flow on a line": "[" * 9_000,
    "mappings": "{a: " * 2_000,
    "tag": "!" * 9_000,
    "tags": ("!" * 9_000 + "\n") * 100,
    "anchor": "&" + "a" * 9_000,
    "dashes": ("- " * 4_000 + "\n") * 100,
    "questions": ("? " * 4_000 + "\n") * 100,
    "words": "a: " + "x \n  " * 200_000,
    "quotes": "a: '" + "''\n " * 200_000,
    "literal": "a: |\n" + "  x\n" * 200_000,
    "comments": "#\n" * 500_000,
    "blank": "\n" * 1_000_000,
    "items": "- a\n" * 250_000,
    "keys": "".join(f"k{number}: v\n" for number in range(80_000)),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_costs_little(text: str) -> None:
    began = time.process_time()
    try:
        read(text)
    except UsageError:
        pass
    assert time.process_time() - began < 10  # seconds; what grows with the square takes minutes


@RELAXED
@given(st.text(st.sampled_from("ab01 -:?[]{},&*!|>'\"%@`#~.\\\n\t\r\x85\u2028\ufeffé\x00"), max_size=60))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    try:
        read(text)
    except UsageError as error:
        assert str(error).startswith("p.yaml")
        assert "\n" not in str(error)


PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**18) + 1, 10**18 - 1), st.text(st.characters(codec="ascii"))
)


@RELAXED
@given(
    st.recursive(
        PLAIN,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.text("abc<", max_size=3).filter(lambda key: key != "<<"), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_what_json_says_is_read_the_same(value: object) -> None:
    import json

    assert read(json.dumps(value, indent=1)) == value


@RELAXED
@given(st.text(st.sampled_from("ab01 -:[]{},'\"#\n"), max_size=40))
def test_what_is_read_is_what_the_library_reads(text: str) -> None:
    try:
        value = read(text)
    except UsageError:
        return
    assert value == YAML(typ="safe", pure=True).load(text)
