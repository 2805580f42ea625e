"""Patterns for paths: one reading, one spelling, and exactly the paths that they should cover."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytrust.policy.profiles.apparmor.automaton import includes, matches, overlap
from pytrust.policy.profiles.apparmor.glob import ANY, NOT_SLASH, Byte, Choice, Many, OneOf, parse_glob, spell_glob
from pytrust.policy.profiles.apparmor.paths import literal
from pytrust.policy.profiles.compare.globs import Cover
from pytrust.trust.errors import BadContent, UsageError

PIECES = (
    "a",
    "b",
    "/",
    "*",
    "**",
    "***",
    "?",
    "{a,b}",
    "{,ab/}",
    "{a*,{b,/c}}",
    "[ab]",
    "[^a]",
    "[a-c/]",
    "\\100",
    "[-a]",
    "é",
    "\\052",
)
globs = st.lists(st.sampled_from(PIECES), max_size=6).map(lambda parts: re.sub("//+", "/", "/" + "".join(parts)))
names = st.lists(st.sampled_from(b"abc/*@-\xc3\xa9"), max_size=8).map(lambda rest: b"/" + bytes(rest))


def expression(glob: str) -> re.Pattern[bytes]:
    """What apparmor_parser makes of a glob (``convert_aaregex_to_pcre``), for Python's engine."""
    text, at, found = glob, 0, ""
    while at < len(text):
        char = text[at]
        if char == "*":
            stars = 2 if text[at : at + 2] == "**" else 1
            alone = found[-1:] == "/" and text[at:].lstrip("*")[:1] in {"", "/"}
            found += ("[^/]" if alone else "") + ("[^/]*" if stars == 1 else "(?s:.)*")
            at += stars
        elif char == "\\":
            found += re.escape(chr(int(text[at + 1 : at + 4], 8)))
            at += 4
        elif char == "[":
            end = text.index("]", at) + 1
            found += text[at:end]
            at = end
        else:
            found += {"?": "[^/]", "{": "(?:", "}": ")", ",": "|", "@": "@", "/": "/"}.get(char, re.escape(char))
            at += 1
    return re.compile(found.encode(), re.DOTALL)


@settings(max_examples=400)
@given(glob=globs, path=names)
def test_it_covers_what_the_parsers_expression_covers(glob: str, path: bytes) -> None:
    assert matches(glob, path) == bool(expression(glob).fullmatch(path))


@settings(max_examples=300)
@given(glob=globs)
def test_its_spelling_reads_as_itself(glob: str) -> None:
    assert parse_glob(spell_glob(parse_glob(glob))) == parse_glob(glob)


@settings(max_examples=300)
@given(text=st.text(max_size=40).map(lambda rest: "/" + rest))
def test_any_text_is_a_pattern_with_a_plain_spelling_or_refused(text: str) -> None:
    try:
        spelled = spell_glob(parse_glob(text))
    except BadContent as error:
        assert "\n" not in str(error)
        return
    assert spelled.isascii()
    assert spelled.isprintable()
    assert '"' not in spelled
    assert "@{" not in spelled


@settings(max_examples=300)
@given(rest=st.binary(max_size=40), other=st.binary(max_size=40))
def test_a_literal_covers_its_path_alone(rest: bytes, other: bytes) -> None:
    path = re.sub(b"//+", b"/", b"/" + rest.replace(b"\0", b""))
    glob = literal(path)
    assert matches(glob, path)
    assert matches(glob, b"/" + other) == (path == b"/" + other)


@pytest.mark.parametrize(
    ("path", "glob"),
    [
        ("/usr/bin/redis-server", "/usr/bin/redis-server"),
        ("/a b", "/a b"),
        ("/caf\u00e9", "/caf\\303\\251"),
        (b"/\xff", "/\\377"),
        ("/\udcff", "/\\377"),
        ('/a",\n capability,', "/a\\042\\054\\012 capability\\054"),
        ("/{a,b}*?[c]", "/\\173a\\054b\\175\\052\\077\\133c\\135"),
        ("/@{HOME}/#include", "/\\100\\173HOME\\175/\\043include"),
        ("/a\\052", "/a\\134052"),
    ],
)
def test_literals(path: str | bytes, glob: str) -> None:
    assert literal(path) == glob


@pytest.mark.parametrize(
    ("glob", "spelled"),
    [
        ("/\\100{a,b}", "/[\\100]{a,b}"),
        ("/a@b", "/a\\100b"),
        ("/[a,]", "/[,a]"),
        ("/[-a]", "/[-a]"),
        ("/[\\136-b]", "/[b\\136-a]"),
        ("/[\\136b]", "/[b\\136]"),
        ("/[^\\001-\\376]", "/\\377"),
        ("/[^/]", "/?"),
        ("/\\{", "/\\173"),
    ],
)
def test_spellings_that_the_parser_reads_in_one_way(glob: str, spelled: str) -> None:
    assert spell_glob(parse_glob(glob)) == spelled


@pytest.mark.parametrize("path", ["", "a", "/a//b", "//a", "/a\0b", "/" + "\n" * 1024, "/" + "a" * 4096])
def test_what_is_no_path_of_the_kernel_is_no_literal(path: str) -> None:
    with pytest.raises(UsageError):
        literal(path)


@pytest.mark.parametrize(
    ("glob", "nodes"),
    [
        ("/*", (Byte(47), Many(NOT_SLASH, 1))),
        ("/**", (Byte(47), Many(ANY, 1))),
        ("/a*", (Byte(47), Byte(97), Many(NOT_SLASH, 0))),
        ("/*a", (Byte(47), Many(NOT_SLASH, 0), Byte(97))),
        ("/{a,b*}", (Byte(47), Choice(((Byte(97),), (Byte(98), Many(NOT_SLASH, 0)))))),
        ("/{/*,b}", (Byte(47), Choice(((Byte(47), Many(NOT_SLASH, 0)), (Byte(98),))))),
        ("/[a]", (Byte(47), Byte(97))),
        ("/a[/]*", (Byte(47), Byte(97), OneOf(1 << 47), Many(NOT_SLASH, 0))),
        ("/\\173", (Byte(47), Byte(123))),
        ("/\\{", (Byte(47), Byte(123))),
    ],
)
def test_readings(glob: str, nodes: tuple[object, ...]) -> None:
    assert parse_glob(glob) == nodes


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "*",
        "{/a,/b}",
        "@{HOME}/x",
        "/@{PROC}/x",
        "/a//b",
        "//a",
        "/a}",
        "/{a}",
        "/{}",
        "/{a,b",
        "/{a,b]",
        "/a]",
        "/[",
        "/[]",
        "/[^]",
        "/[]a]",
        "/[a",
        "/[a-",
        "/[z-a]",
        "/[a[]",
        "/[é]",
        "/[*]",
        "/[@{]",
        "/\\",
        "/\\n",
        "/\\x41",
        "/\\1",
        "/\\400",
        "/\\000",
        "/\0",
        "/\ud800",
        "/" + "{a," * 9 + "b" + "}" * 9,
        "/" + "a" * 4096,
    ],
)
def test_what_has_no_reading_or_two_is_refused(text: str) -> None:
    with pytest.raises(BadContent):
        parse_glob(text)


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        (("/a/**",), "/a/*/b"),
        (("/a/*", "/a/*/**"), "/a/*"),
        (("/a/**",), "/a/{b,c}/"),
        (("/[a-z]*",), "/lib"),
        (("/a", "/b"), "/{a,b}"),
        (("/*",), "/???"),
        (("/[^a]",), "/b"),
        (("/usr/lib/**",), "/usr/lib/*.so{,.*}"),
    ],
)
def test_one_takes_in_the_other(wide: tuple[str, ...], narrow: str) -> None:
    assert includes(wide, narrow)


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        (("/a/*",), "/a/**"),
        (("/a/*",), "/a/"),
        (("/a/**",), "/a/"),
        (("/a",), "/{a,b}"),
        ((), "/a"),
        (("/a/b*",), "/a/*"),
        (("/[a-y]",), "/?"),
        (("/*.so",), "/*.so{,.*}"),
    ],
)
def test_one_does_not_take_in_the_other(wide: tuple[str, ...], narrow: str) -> None:
    assert not includes(wide, narrow)


@settings(max_examples=300)
@given(one=globs, other=globs, path=names)
def test_taking_in_and_overlapping_agree_with_single_paths(one: str, other: str, path: bytes) -> None:
    both = matches(one, path) and matches(other, path)
    assert not (both and not overlap(one, other))
    assert not (includes((one,), other) and matches(other, path) and not matches(one, path))
    assert overlap(one, one)
    assert includes((one,), one)


@settings(max_examples=300)
@given(wide=st.lists(globs, max_size=3), narrow=globs)
def test_what_is_taken_in_is_covered_when_profiles_are_compared(wide: list[str], narrow: str) -> None:
    """That was written by itself, and knows besides that no path has two slashes in a row."""
    covered = Cover(map(parse_glob, wide)).covers(parse_glob(narrow))
    assert covered or not includes(tuple(wide), narrow)


def test_what_takes_too_long_is_not_taken_in() -> None:
    heavy = "/" + "*a????????????????"
    assert not includes((heavy,), "/*b*c*")
    assert overlap("/**a????????????????x", "/**a????????????????y") in {True, False}
