"""The collection model: values that exist are consistent in themselves, and do not change."""

from __future__ import annotations

import pytest
from tests.fakes.keys import ALICE, NAME, NOW, digest, public, target, top_keys

from pytrust.trust.collection.edit import create, release, vouch
from pytrust.trust.collection.model import (
    RELEASES,
    ROOT,
    Authority,
    Collection,
    Delegation,
    Target,
    Targets,
    parse_signer,
)
from pytrust.trust.errors import BadMetadata, InvalidName, UntrustedRoot, UsageError
from pytrust.trust.image import Platform
from pytrust.trust.names import CollectionName, RoleName
from pytrust.trust.pins import Pin, find_pin, matches


@pytest.mark.parametrize("threshold", [0, -1, 3])
def test_thresholds_that_nobody_or_anybody_reaches(threshold: int) -> None:
    with pytest.raises(BadMetadata, match="does not fit 2 keys"):
        Authority((public("alice"), public("bob")), threshold)


def test_one_key_counts_once() -> None:
    with pytest.raises(BadMetadata, match="listed twice"):
        Authority((public("alice"), public("alice")), 1)


def test_no_role_is_delegated_to_twice() -> None:
    one = Delegation(ALICE, Authority((public("alice"),), 1))
    with pytest.raises(BadMetadata, match="delegated to twice"):
        Targets(1, NOW, {}, (one, one))


@pytest.mark.parametrize(
    "name", ["root", "targets", "snapshot", "timestamp", "releases", "scans", "profiles", "vex", "sha256"]
)
def test_reserved_names_are_no_signers(name: str) -> None:
    with pytest.raises(InvalidName, match="reserved"):
        parse_signer(name)


def test_values_cannot_be_changed() -> None:
    collection = create(NAME, top_keys(), {ALICE: public("alice")}, threshold=1, now=NOW)
    for mapping in (collection.delegated, collection.root.authorities, collection.targets.targets):
        with pytest.raises(TypeError):
            mapping[RELEASES] = None  # type: ignore[index]


def test_a_collection_is_made_of_its_documents() -> None:
    collection = create(NAME, top_keys(), {ALICE: public("alice")}, threshold=1, now=NOW)
    assert Collection.of(NAME, collection.documents()) == collection
    with pytest.raises(BadMetadata, match="no root or no targets"):
        Collection.of(NAME, {ROOT: collection.root})


def test_an_index_covers_its_platforms() -> None:
    child = Platform("linux", "amd64", None, digest("child"), 5)
    index = Target("v1", digest("index"), 10, platforms=(child,))
    assert [index.covers(digest(text)) for text in ("index", "child", "other")] == [True, True, False]


def test_only_the_same_content_is_vouched_for() -> None:
    collection = create(NAME, top_keys(), {ALICE: public("alice")}, threshold=1, now=NOW)
    collection = release(vouch(collection, ALICE, [target("v1")], now=NOW), [target("v1")], now=NOW)
    assert collection.vouchers(target("v1")) == (ALICE,)
    assert collection.vouchers(target("v1", "moved")) == ()
    assert collection.vouchers(target("v2", "v1")) == ()


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("**", "docker.io/foo/web", True),
        ("docker.io/foo/web", "docker.io/foo/web", True),
        ("docker.io/foo/web", "docker.io/foo/web2", False),
        ("docker.io/foo/web", "xdocker.io/foo/web", False),
        ("docker.io/foo/*", "docker.io/foo/web", True),
        ("docker.io/foo/*", "docker.io/foo/a/b", False),
        ("docker.io/foo/**", "docker.io/foo/a/b", True),
        ("docker.io/foo/**", "docker.io/foobar/a", False),
        ("docker.io/*/web", "docker.io/foo/web", True),
        ("docker.io/*/web", "docker.io/a/b/web", False),
        ("docker.io/w*b", "docker.io/web", True),
        ("docker.io/", "docker.io/web", False),
        ("dockerXio/web", "docker.io/web", False),
        ("docker.io/web", "dockerXio/web", False),
        ("*", "docker.io/web", False),
        ("", "docker.io/web", False),
    ],
)
def test_patterns(pattern: str, name: str, fits: bool) -> None:
    assert matches(pattern, name) is fits


def test_the_first_pin_that_fits_counts() -> None:
    first, second = (Pin(match, frozenset({public(match).id})) for match in ("docker.io/foo/*", "**"))
    assert find_pin([first, second], NAME) == first
    assert find_pin([second, first], NAME) == second
    with pytest.raises(UntrustedRoot, match="no root key is pinned"):
        find_pin([first], CollectionName("docker.io/bar/web"))


@pytest.mark.parametrize(("keys", "threshold"), [((), 1), ((), 0), (("a",), 0), (("a",), 2), (("a",), -1)])
def test_pins_that_mean_nothing(keys: tuple[str, ...], threshold: int) -> None:
    with pytest.raises(UsageError):
        Pin("**", frozenset(public(key).id for key in keys), threshold)


def test_role_names_are_plain_text() -> None:
    assert parse_signer("alice") == RoleName("alice")
