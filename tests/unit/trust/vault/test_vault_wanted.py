"""Which secrets become which files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.trust.errors import UsageError
from pytrust.trust.vault.wanted import parse_wanted

READ = [
    (["db_password"], [("db_password", "db_password")]),
    (["shop/db/password"], [("shop/db/password", "password")]),
    (["shop/db:file=pg"], [("shop/db", "pg")]),
    (["a,b"], [("a", "a"), ("b", "b")]),
    (["a, b:file=c"], [("a", "a"), ("b", "c")]),
    (["b", "a"], [("b", "b"), ("a", "a")]),
    (["a", "a:file=again"], [("a", "a"), ("a", "again")]),
]
REFUSED = [
    [],
    [""],
    ["a,"],
    ["a", "x/a"],
    ["a,a"],
    ["a:file="],
    ["a:file=../b"],
    ["a:file=/etc/passwd"],
    ["a:file=x/y"],
    ["a:file=.."],
    ["a:file=.hidden"],
    ["a:file=a\nb"],
    ["a:file=b:file=c"],
    ["a:mode=0444"],
    ["a:uid=0"],
    ["a:"],
    ["pytrust/key/ca/root"],
    ["pytrust/login/0123:file=x"],
    ["../a"],
    ["a=b"],
    ["a b"],
    [f"a{number}" for number in range(257)],
]


@pytest.mark.parametrize(("texts", "wanted"), READ)
def test_what_is_wanted(texts: list[str], wanted: list[tuple[str, str]]) -> None:
    assert [tuple(each) for each in parse_wanted(texts)] == wanted


@pytest.mark.parametrize("texts", REFUSED, ids=lambda texts: ",".join(texts)[:30])
def test_what_has_no_meaning(texts: list[str]) -> None:
    with pytest.raises(UsageError):
        parse_wanted(texts)


@given(st.lists(st.text(st.sampled_from("ab/:=.,file"), max_size=20), max_size=4))
def test_every_file_is_a_single_name_of_its_own(texts: list[str]) -> None:
    try:
        wanted = parse_wanted(texts)
    except UsageError:
        return
    files = [each.file for each in wanted]
    assert len(files) == len(set(files))
    assert all(file[0] != "." and "/" not in file for file in files)
