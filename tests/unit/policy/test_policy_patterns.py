"""Patterns: one that can fit nothing is refused with what to write instead; inclusion is never claimed wrongly."""

from __future__ import annotations

import time
from itertools import product

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pytrust.policy.pattern import (
    NAME_WILDCARDS_MAX,
    VALUE_MAX_CHARS,
    VALUE_WILDCARDS_MAX,
    check_name_pattern,
    check_value_pattern,
    covers,
    meet,
)
from pytrust.trust.errors import UsageError
from pytrust.trust.limits import COLLECTION_MAX_CHARS
from pytrust.trust.names import ImageRef
from pytrust.trust.pins import matches

RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no fault
GOOD = [
    "**", "*/*", "*/**", "**/web", "docker.io/**", "docker.io/library/*", "docker.io/library/nginx", "docker.io/*/web",
    "docker.io/**/web", "docker.io/foo**", "registry.example.com/**", "registry.example.com:5000/foo/web", "[::1]:5000/**",
    "localhost/dev/**", "localhost:*/**", "*.example.com/**", "*:5000/**", "a.b/foo-*", "a.b/*-foo", "a.b/*/x/*",
]  # fmt: skip
BAD = [
    ("foo/*", "write docker.io/foo/*"),
    ("foo/**", "write docker.io/foo/**"),
    ("nginx", "write docker.io/library/nginx"),
    ("docker.io/nginx", "write docker.io/library/nginx"),
    ("docker.io/*", "write docker.io/library/*"),
    ("docker.io/f*", "write docker.io/library/f*"),
    ("index.docker.io/foo/**", "write docker.io/foo/**"),
    ("registry-1.docker.io/foo/**", "write docker.io/foo/**"),
    ("Registry.example.com/**", "write registry.example.com/**"),
    ("localhost", "write docker.io/library/localhost"),
    ("registry.example.com", "a host alone is no name: write registry.example.com/**"),
    ("localhost:5000", "a host alone is no name: write localhost:5000/**"),
    ("a.b/", "a host alone is no name: write a.b/**"),
    ("*", "write ** for every image"),
    ("*.b/", "write ** for every image"),
    ("foo*", "write ** for every image"),
    ("docker.io/foo/***", "write * or **"),
    ("a.b/*/*/*/*", "narrower"),
    ("*.Example.com/**", "hosts are lower case"),
    ("*_x/**", "hosts are lower case"),
    *(
        (text, "without tag and digest")
        for text in (
            "", "/", "a.b//c", "a.b/**/", "a.b/..", "docker.io/library/..", "a.b/Foo/*", "a.b/foo:v2",
            "a.b/*:v2", f"a.b/foo@sha256:{'a' * 64}", "a.b/x y", "a.b/*.json", "a.b/" + "x" * COLLECTION_MAX_CHARS,
            "https://a.b/**", "a.b/\x00", "-.a.b/**", "*.b/Foo", "a.b/*/",
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_patterns_that_can_fit(text: str) -> None:
    check_name_pattern(text)


@pytest.mark.parametrize(("text", "hint"), BAD)
def test_patterns_that_cannot(text: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_name_pattern(text)
    assert hint in caught.value.hint


@pytest.mark.parametrize(("text", "hint"), [(text, hint) for text, hint in BAD if hint.startswith("write docker.io")])
def test_what_is_proposed_is_accepted(text: str, hint: str) -> None:
    check_name_pattern(hint.removeprefix("write "))


COMPONENT = st.from_regex(r"[a-z0-9]{1,4}(?:[._-][a-z0-9]{1,3})?", fullmatch=True)
HOST = st.sampled_from(["docker.io", "localhost", "registry.example.com", "localhost:5000", "[::1]:80", "10.0.0.1"])


@st.composite
def names(draw: st.DrawFn) -> str:
    """Image names, as ``ImageRef`` spells them."""
    return ImageRef.parse("/".join([draw(HOST), *draw(st.lists(COMPONENT, min_size=1, max_size=4))])).collection


@st.composite
def fitting(draw: st.DrawFn) -> tuple[str, str]:
    """A name, and a pattern made from it by putting stars in place of parts of its path."""
    name = draw(names())
    pattern = name
    for _ in range(draw(st.integers(0, NAME_WILDCARDS_MAX))):
        path = pattern.index("/") + 1
        start = draw(st.integers(path, len(pattern)))
        end = draw(st.integers(start, len(pattern)))
        star = "**" if "/" in pattern[start:end] or draw(st.booleans()) else "*"
        pattern = pattern[:start] + star + pattern[end:]
    assume("***" not in pattern and pattern.count("*") <= NAME_WILDCARDS_MAX)
    return name, pattern


@RELAXED
@given(fitting())
def test_a_pattern_that_fits_a_name_is_accepted(pair: tuple[str, str]) -> None:
    name, pattern = pair
    assume(matches(pattern, name))
    check_name_pattern(pattern)


PATTERN = (
    st.lists(st.sampled_from(["a", "b", "/", "*", "**"]), max_size=6)
    .map("".join)
    .filter(lambda text: "***" not in text)
)


@RELAXED
@given(PATTERN, PATTERN, st.lists(st.text("ab/", max_size=6), min_size=20, max_size=20))
def test_inclusion_is_never_claimed_wrongly(broad: str, narrow: str, samples: list[str]) -> None:
    if covers(broad, narrow):
        assert all(matches(broad, sample) for sample in samples if matches(narrow, sample))


@pytest.mark.parametrize(
    ("broad", "narrow"),
    [
        ("**", "*"), ("**", "a.b/**"), ("a.b/**", "a.b/c/*"), ("a.b/**", "a.b/**"), ("a.b/*", "a.b/c-*"), ("a.b/c", "a.b/c"),
        ("*/c", "a.b/c"), ("**/c", "a.b/**/c"), ("a.b/**", "a.b/c**"), ("/srv/**", "/srv/a/*"),
    ],
)  # fmt: skip
def test_inclusion(broad: str, narrow: str) -> None:
    assert covers(broad, narrow)


@pytest.mark.parametrize(
    ("broad", "narrow"),
    [
        ("a.b/*", "a.b/**"), ("a.b/*/*", "a.b/**"), ("a.b/*/**", "a.b/**"), ("a.b/c/**", "a.b/**"), ("a.b/c", "a.b/*"),
        ("*.b/c", "**/c"), ("a.b/**/c", "a.b/**"), ("", "*"), ("a*b", "a**b"),
    ],
)  # fmt: skip
def test_no_inclusion(broad: str, narrow: str) -> None:
    assert not covers(broad, narrow)


@pytest.mark.parametrize("text", ["", "\n", "a\x00", "*/*/*", "/srv/***", "x" * (VALUE_MAX_CHARS + 1)])
def test_values_that_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        check_value_pattern(text)


@pytest.mark.parametrize("text", ["*", "**", "/srv/*/data/**", "NET_ADMIN", "é", "x" * VALUE_MAX_CHARS])
def test_values_that_are_accepted(text: str) -> None:
    check_value_pattern(text)


def test_the_dearest_patterns_are_cheap() -> None:
    name = "a" * COLLECTION_MAX_CHARS
    value = "a" * VALUE_MAX_CHARS
    began = time.process_time()
    matches("**a" * NAME_WILDCARDS_MAX + "b", name)
    matches("**a" * VALUE_WILDCARDS_MAX + "b", value)
    assert time.process_time() - began < 1.0


# Long enough for two patterns of four parts, of which one at least is a wildcard where they are not the text itself:
# what both fit need not be longer than the letters of both.
TEXTS = ["".join(text) for size in range(7) for text in product("ab/", repeat=size)]
MEETING = (
    st.lists(st.sampled_from(["a", "b", "/", "*", "**"]), max_size=4)
    .map("".join)
    .filter(lambda text: "***" not in text)
)


@given(MEETING, MEETING)
def test_patterns_meet_where_some_text_fits_both(one: str, other: str) -> None:
    found = any(matches(one, text) and matches(other, text) for text in TEXTS)
    assert meet(one, other) == meet(other, one) == found


def test_meeting_costs_little() -> None:
    long = "a" * 80
    assert not meet(f"**{long}*{long}**x", f"**{long}**{long}*y")
    assert meet(f"**{long}*{long}**", f"**{long}**{long}*")
