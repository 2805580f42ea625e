"""Who may do what: a table, and that a permission more never takes anything away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.trust.server.auth.access import CATALOG, Access
from pytrust.trust.server.auth.permissions import DEFAULT, held_by
from pytrust.trust.server.auth.settings import Permission

RULES = (
    Permission(match="registry.example.com/foo/**", users=("alice", "ci-*"), actions=("pull", "push")),
    Permission(match="registry.example.com/foo/secret", users=("carol",), actions=("*",)),
    Permission(match="registry.example.com/*/web", anonymous=True, actions=("pull",)),
    Permission(match="**", users=("root",), actions=("*",)),
)


def on(name: str) -> Access:
    return Access("repository", name, ())


@pytest.mark.parametrize(
    ("user", "name", "held"),
    [
        ("alice", "registry.example.com/foo/web", {"pull", "push"}),
        ("alice", "registry.example.com/foo/a/b", {"pull", "push"}),
        ("ci-7", "registry.example.com/foo/a/b", {"pull", "push"}),
        ("ci", "registry.example.com/foo/api", set()),
        ("alice2", "registry.example.com/foo/api", set()),
        ("Alice", "registry.example.com/foo/api", set()),
        ("alice", "registry.example.com/foo", set()),
        ("alice", "registry.example.com/foobar/x", set()),
        ("alice", "registryxexample.com/foo/x", set()),
        ("alice", "evil/registry.example.com/foo/x", set()),
        ("alice", "registry.example.com/foo/a\nb", set()),
        ("alice", "registry.example.com/bar/web", {"pull"}),
        ("", "registry.example.com/bar/web", {"pull"}),
        ("", "registry.example.com/bar/baz/web", set()),
        ("", "registry.example.com/foo/api", set()),
        ("carol", "registry.example.com/foo/secret", {"*"}),
        ("carol", "registry.example.com/foo/secrets", set()),
        ("root", "docker.io/library/alpine", {"*"}),
        ("root", "registry.example.com/bar/web", {"*", "pull"}),
    ],
)
def test_collections(user: str, name: str, held: set[str]) -> None:
    assert held_by(user, on(name), RULES) == held


def test_without_permissions_everybody_reads_users_sign_and_nobody_deletes() -> None:
    assert held_by("", on("a/b"), DEFAULT) == {"pull"}
    assert held_by("alice", on("a/b"), DEFAULT) == {"pull", "push"}
    assert held_by("alice", on("a/b"), ()) == set()


def test_the_catalog_is_for_users_who_may_read_everything() -> None:
    assert held_by("alice", CATALOG, DEFAULT) == {"*"}
    assert held_by("", CATALOG, DEFAULT) == set()
    assert held_by("root", CATALOG, RULES) == {"*"}
    assert held_by("alice", CATALOG, RULES) == set()
    assert held_by("alice", CATALOG, [Permission(match="**", users=("alice",), actions=("push",))]) == set()
    assert held_by("root", Access("registry", "other", ()), RULES) == set()
    assert held_by("root", Access("repo", "catalog", ()), RULES) == set()


_USERS = st.sampled_from(["", "alice", "bob", "ci-1"])
_NAMES = st.sampled_from(["a/b", "a/b/c", "docker.io/a/b", "x"])
_PERMISSIONS = st.builds(
    Permission,
    match=st.sampled_from(["**", "*", "a/*", "a/**", "docker.io/**", "a/b", "*/b"]),
    users=st.lists(st.sampled_from(["*", "alice", "ci-*", "b*"]), max_size=2).map(tuple),
    anonymous=st.booleans(),
    actions=st.lists(st.sampled_from(["pull", "push", "*"]), min_size=1, unique=True).map(tuple),
)
_ACCESS = st.one_of(_NAMES.map(on), st.just(CATALOG))


@given(st.lists(_PERMISSIONS, max_size=6), _PERMISSIONS, _USERS, _ACCESS, st.integers(0, 6))
def test_more_permissions_never_deny(
    some: list[Permission], more: Permission, user: str, access: Access, at: int
) -> None:
    assert held_by(user, access, some) <= held_by(user, access, [*some[:at], more, *some[at:]])


@given(st.lists(_PERMISSIONS, max_size=6), _USERS, _ACCESS)
def test_whoever_logs_in_loses_nothing(some: list[Permission], user: str, access: Access) -> None:
    assert held_by("", access, some) <= held_by(user, access, some)


@given(st.permutations(RULES), _USERS, _ACCESS)
def test_order_means_nothing(rules: list[Permission], user: str, access: Access) -> None:
    assert held_by(user, access, rules) == held_by(user, access, RULES)
