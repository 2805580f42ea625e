"""Coverage of globs against trying every short path."""

from __future__ import annotations

import re
import time
from itertools import product

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from pytrust.policy.profiles.apparmor.glob import Glob, parse_glob
from pytrust.policy.profiles.compare.globs import Cover
from pytrust.trust.errors import BadContent

EVERY = ("/" + "".join(rest) for length in range(6) for rest in product("abc/", repeat=length))
SHORT = [path for path in EVERY if "//" not in path]  # as the kernel makes them


def expression(glob: str) -> str:
    """As apparmor_parser writes it (``-D rule-exprs``)."""
    text, at, found = glob, 0, ""
    while at < len(text):
        char = text[at]
        if char == "*":
            stars = 2 if text[at : at + 2] == "**" else 1
            rest = text[at:].lstrip("*")
            alone = text[at - 1] == "/" and rest[:1] in {"", "/"}
            found += ("[^/]" if alone else "") + ("[^/]*" if stars == 1 else ".*")
            at += stars
            continue
        found += {"?": "[^/]", "{": "(?:", "}": ")", ",": "|"}.get(char, char)
        at += 1
    return found


pieces = st.lists(
    st.sampled_from(["a", "b", "/", "*", "**", "?", "{a,b}", "{,ab}", "{a*,b/}", "[ab]", "[^a]", "[^/]"]), max_size=4
)
globs = pieces.map(lambda parts: "/" + "".join(parts))


def parsed(text: str) -> Glob:
    try:
        return parse_glob(text)
    except BadContent:
        reject()


@given(globs, st.lists(globs, max_size=3))
@settings(max_examples=300, deadline=None)
def test_what_is_covered_has_no_path_outside(asked: str, held: list[str]) -> None:
    covers = Cover([parsed(one) for one in held]).covers(parsed(asked))
    theirs = re.compile(expression(asked))
    ours = [re.compile(expression(one)) for one in held]
    outside = [path for path in SHORT if theirs.fullmatch(path) and not any(one.fullmatch(path) for one in ours)]
    if covers:
        assert not outside
    elif "*" not in asked and len(asked) < 12:
        assert outside  # without stars all its paths are short, and c stands for every other byte


@pytest.mark.parametrize(
    ("asked", "held", "covered"),
    [
        ("/etc/passwd", ["/etc/*"], True),
        ("/etc/", ["/etc/*"], False),
        ("/etc/a/b", ["/etc/*"], False),
        ("/etc/a/b", ["/etc/**"], True),
        ("/etc/**", ["/etc/*", "/etc/*/**"], False),  # /etc/a/ is in neither
        ("/etc/**", ["/etc/*", "/etc/*/", "/etc/*/**"], True),
        ("/etc/*", ["/etc/[^p]*", "/etc/p*"], True),
        ("/{a,b}/c", ["/a/*", "/b/*"], True),
        ("/{a,b,c}/c", ["/a/*", "/b/*"], False),
        ("/lib/x86_64-linux-gnu/libc.so.6", ["/{usr/,}lib/**.so*"], True),
        ("/**", ["/**"], True),
        ("/**", ["/*", "/*/**"], False),
        ("/b\\303\\244r", ["/b\N{LATIN SMALL LETTER A WITH DIAERESIS}r"], True),
        ("/a?", ["/a\\001", "/a[^\\001]"], True),
    ],
)
def test_covered(asked: str, held: list[str], covered: bool) -> None:
    assert Cover(map(parse_glob, held)).covers(parse_glob(asked)) is covered


def test_what_would_take_too_long_is_not_covered() -> None:
    """It is, but the last fifteen bytes of all paths would have to be kept apart."""
    tangle = parse_glob("/**a" + "?" * 14)
    begun = time.process_time()
    assert not Cover([tangle, parse_glob("/**")]).covers(tangle)
    assert time.process_time() - begun < 10
