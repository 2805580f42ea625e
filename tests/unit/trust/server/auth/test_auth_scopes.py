"""The scope grammar of Docker's token specification."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.trust.errors import UsageError
from pytrust.trust.server.auth.access import Access, covers
from pytrust.trust.server.auth.scopes import Scope, parse_scopes

GOOD = [
    ("repository:docker.io/library/alpine:pull", "repository", "docker.io/library/alpine", ("pull",)),
    ("repository:127.0.0.1:5000/foo/web:pull,push", "repository", "127.0.0.1:5000/foo/web", ("pull", "push")),
    ("repository:[::1]:5000/foo:push", "repository", "[::1]:5000/foo", ("push",)),
    ("repository:a:b:c:d:*", "repository", "a:b:c:d", ("*",)),
    ("repository:foo::pull", "repository", "foo:", ("pull",)),
    ("repository:foo:", "repository", "foo", ()),
    ("repository:foo:pull,pull,,push", "repository", "foo", ("pull", "push")),
    ("registry:catalog:*", "registry", "catalog", ("*",)),
    ("repository:any/\u0021#~:pull", "repository", "any/!#~", ("pull",)),
]
BAD = [
    "repository",
    "repository:foo",
    ":foo:pull",
    "repository::pull",
    "REPOSITORY:foo:pull",
    "repository:foo:PULL",
    "repository:foo:pull;push",
    "repository:foo:pull\n",
    "repository:foo\0:pull",
    "repository:foo\t:pull",
    "repository:**:pull",
    "repository:foo/*:pull",
    "repository:b\u00fccher:pull",
    "repository:\uff46oo:pull",
    "repository():foo:pull",
    "repository(a)(b):foo:pull",
    f"repository:{'x' * 256}:pull",
    f"repository:foo:{'a' * 65}",
    f"{'r' * 33}:foo:pull",
]


@pytest.mark.parametrize(("text", "kind", "name", "actions"), GOOD)
def test_good(text: str, kind: str, name: str, actions: tuple[str, ...]) -> None:
    assert parse_scopes([text]) == (Scope(Access(kind, name, actions), ""),)


@pytest.mark.parametrize("text", BAD)
def test_bad(text: str) -> None:
    with pytest.raises(UsageError):
        parse_scopes([text])


def test_the_class_is_kept_and_means_nothing() -> None:
    [found] = parse_scopes(["repository(plugin):foo:pull"])
    assert found == Scope(Access("repository", "foo", ("pull",)), "plugin")


def test_many() -> None:
    assert len(parse_scopes(["repository:a:pull repository:b:pull", "repository:c:pull"])) == 3
    assert len(parse_scopes([" ".join(["repository:a:pull"] * 32)])) == 32
    with pytest.raises(UsageError):
        parse_scopes(["repository:a:pull"] * 33)


_NAMES = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="*"), min_size=1, max_size=255
)
_ACTIONS = st.lists(st.sampled_from(["pull", "push", "*", "delete"]), unique=True).map(tuple)
_SCOPES = st.builds(
    Scope,
    st.builds(Access, st.sampled_from(["repository", "registry"]), _NAMES, _ACTIONS),
    st.sampled_from(["", "plugin"]),
)


@given(st.lists(_SCOPES, max_size=10))
def test_what_is_written_is_what_is_read(scopes: list[Scope]) -> None:
    assert parse_scopes([" ".join(map(str, scopes))]) == tuple(scopes)
    assert parse_scopes(list(map(str, scopes))) == tuple(scopes)


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse_scopes([text])
    except UsageError:
        return
    assert parse_scopes([" ".join(map(str, found))]) == found


@given(st.frozensets(st.sampled_from(["pull", "push", "*"])), _ACTIONS)
def test_all_actions_held_are_enough_for_any(held: frozenset[str], needed: tuple[str, ...]) -> None:
    assert covers(held | {"*"}, needed)
    assert covers(frozenset(needed), needed)
    assert not covers(held - {"*"}, ("*",))
    if covers(held, needed):
        assert covers(held | {"pull"}, needed)
