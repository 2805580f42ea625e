"""Patterns against regular expressions, which say the same and may take for ever."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from pytrust.scanner.gate.patterns import fits_name, fits_path

PARTS = re.compile(r"(?:^|(?<=/))\*\*/|/\*\*$|\*\*|\*")
WORDS = {"**/": "(?:|.*/)", "/**": "(?:|/.*)", "**": ".*", "*": "[^/]*"}
SETTINGS = settings(max_examples=1500, deadline=None)


def fits_slowly(pattern: str, text: str) -> bool:
    words, at = "", 0
    for wild in PARTS.finditer(pattern):
        words += re.escape(pattern[at : wild.start()]) + WORDS[wild.group()]
        at = wild.end()
    return re.fullmatch(words + re.escape(pattern[at:]), text, re.DOTALL) is not None


@SETTINGS
@given(st.text("ab*", max_size=8), st.text("ab", max_size=8))
def test_names_as_slow_ones_do(pattern: str, name: str) -> None:
    assert fits_name(pattern, name) is fits_slowly(re.sub(r"\*+", "**", pattern), name)


@SETTINGS
@given(
    st.lists(st.sampled_from(["a", "b", "ab", "*", "**", "a*", "*b", "a**", "**b", "a*b"]), min_size=1, max_size=5),
    st.lists(st.text("ab", min_size=1, max_size=3), max_size=6),
)
def test_paths_as_slow_ones_do(parts: list[str], path: list[str]) -> None:
    pattern = re.sub(r"\*\*(/\*\*)+", "**", "/".join(parts))
    assert fits_path("/".join(parts), "/".join(path)) is fits_slowly(pattern, "/".join(path))
