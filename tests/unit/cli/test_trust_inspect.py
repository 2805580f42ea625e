"""What ``docker trust inspect`` shows, written by hand from docker's own outputs; the real one is asked in tests/e2e."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.keys import digest, private, public, target
from tests.shared_data import shared_data

from pytrust.cli.trust_inspect import Holder, Inspected, SignedTag, as_json, as_tables, inspected, natural
from pytrust.trust.collection.model import (
    RELEASES,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    Authority,
    Collection,
    Delegation,
    Root,
    Target,
    Targets,
)
from pytrust.trust.formats.notary.certificates import make_certificate
from pytrust.trust.formats.notary.envelope import Envelope
from pytrust.trust.formats.notary.files import RootFile, WireRole, read_root, read_targets
from pytrust.trust.formats.notary.keys import WireKey
from pytrust.trust.formats.notary.read import collection_of
from pytrust.trust.keys.notary_id import canonical_id
from pytrust.trust.names import CollectionName, Digest, RoleName

GUN = CollectionName("registry.example.com/foo/web")
LATER = datetime(2036, 1, 1, tzinfo=UTC)
D1, D2 = Digest("1" * 64), Digest("2" * 64)
ALICE, BOB = Holder("alice", ("a" * 64,)), Holder("bob", ("d" * 64, "c" * 64))


def shown(*tags: SignedTag, signers: tuple[Holder, ...] = (), name: str = "foo/web") -> Inspected:
    return Inspected(name, tags, signers, ("f" * 64,), ("e" * 64, "b" * 64))


FULL = shown(SignedTag("v10", D2, ("bob", "alice")), SignedTag("v2", D1, ()), signers=(ALICE, BOB), name="foo/web")
FULL_JSON = """\
[
    {
        "Name": "foo/web",
        "SignedTags": [
            {
                "SignedTag": "v2",
                "Digest": "1111111111111111111111111111111111111111111111111111111111111111",
                "Signers": [
                    "Repo Admin"
                ]
            },
            {
                "SignedTag": "v10",
                "Digest": "2222222222222222222222222222222222222222222222222222222222222222",
                "Signers": [
                    "bob",
                    "alice"
                ]
            }
        ],
        "Signers": [
            {
                "Name": "bob",
                "Keys": [
                    {
                        "ID": "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
                    },
                    {
                        "ID": "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
                    }
                ]
            },
            {
                "Name": "alice",
                "Keys": [
                    {
                        "ID": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                    }
                ]
            }
        ],
        "AdministrativeKeys": [
            {
                "Name": "Root",
                "Keys": [
                    {
                        "ID": "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
                    }
                ]
            },
            {
                "Name": "Repository",
                "Keys": [
                    {
                        "ID": "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
                    },
                    {
                        "ID": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
                    }
                ]
            }
        ]
    }
]
"""
FULL_TABLES = """\

Signatures for foo/web

SIGNED TAG   DIGEST                                                             SIGNERS
v2           1111111111111111111111111111111111111111111111111111111111111111   (Repo Admin)
v10          2222222222222222222222222222222222222222222222222222222222222222   alice, bob

List of signers and their keys for foo/web

SIGNER    KEYS
alice     aaaaaaaaaaaa
bob       cccccccccccc, dddddddddddd

Administrative keys for foo/web

  Repository Key:\tbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb, eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee
  Root Key:\tffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff
"""
EMPTY_JSON = """\
[
    {
        "Name": "foo/web",
        "SignedTags": [],
        "Signers": [],
        "AdministrativeKeys": [
            {
                "Name": "Root",
                "Keys": [
                    {
                        "ID": "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
                    }
                ]
            },
            {
                "Name": "Repository",
                "Keys": [
                    {
                        "ID": "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
                    },
                    {
                        "ID": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
                    }
                ]
            }
        ]
    }
]
"""
EMPTY_TABLES = """\

No signatures for foo/web


Administrative keys for foo/web

  Repository Key:\tbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb, eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee
  Root Key:\tffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff
"""


@pytest.mark.parametrize(("found", "text"), [(FULL, FULL_JSON), (shown(), EMPTY_JSON)], ids=["full", "empty"])
def test_json(found: Inspected, text: str) -> None:
    assert as_json([found]) == text


@pytest.mark.parametrize(("found", "text"), [(FULL, FULL_TABLES), (shown(), EMPTY_TABLES)], ids=["full", "empty"])
def test_tables(found: Inspected, text: str) -> None:
    assert as_tables(found) == text


def test_nothing_is_an_empty_list() -> None:
    assert as_json([]) == "[]\n"


def test_several_are_one_list() -> None:
    assert [item["Name"] for item in json.loads(as_json([shown(name="b"), shown(name="a")]))] == ["b", "a"]


def test_a_signer_without_keys_has_none_in_json() -> None:
    (document,) = json.loads(as_json([shown(signers=(Holder("carol", ()),))]))
    assert document["Signers"] == [{"Name": "carol"}]


def test_go_escapes() -> None:
    text = as_json([shown(SignedTag("a<b>&\u2028é", D1, ()))])
    assert '"a\\u003cb\\u003e\\u0026\\u2028é"' in text


@pytest.mark.parametrize("char", ["\x1b", "\x07", "\x9b", "\x85", "\u202e", "\r"])
def test_no_terminal_obeys_a_tag(char: str) -> None:
    found = shown(SignedTag(f"v1{char}[2J", D1, ()))
    assert char not in as_json([found]) + as_tables(found)
    assert json.loads(as_json([found]))[0]["SignedTags"][0]["SignedTag"] == f"v1{char}[2J"


@pytest.mark.parametrize(
    "ordered",
    [
        ["1", "2", "10"],
        ["v1", "v1.2", "v1.10", "v2", "v10"],
        ["1", "a", "b1", "b01", "b10", "ba"],
        ["", "0", "00", "A", "Z", "a"],
        ["v", "v0", "v00", "v1"],
        ["a1b2", "a1b10", "a01b1", "a2"],
        ["latest", "latest-1", "é"],
        ["2", "a", "²"],
        ["9" * 90, "1" + "0" * 90],
    ],
    ids=str,
)
def test_natural_order(ordered: list[str]) -> None:
    backwards = list(reversed(ordered))
    assert sorted(backwards, key=natural) == ordered


@given(st.text("0129aé²", max_size=6), st.text("0129aé²", max_size=6))
def test_the_order_is_total(one: str, other: str) -> None:
    assert (natural(one) == natural(other)) == (one == other)


def collection(
    *, released: Mapping[str, Target], own: Mapping[str, Target], said: Mapping[str, Mapping[str, Target]]
) -> Collection:
    one = {role: Authority((public(role),), 1) for role in (ROOT, TARGETS, SNAPSHOT, TIMESTAMP)}
    people = [Delegation(RoleName(name), Authority((public(name),), 1)) for name in said]
    releases = Delegation(RELEASES, Authority(tuple(public(name) for name in said), 1))
    delegated = {RoleName(name): Targets(1, LATER, targets) for name, targets in said.items()}
    return Collection(
        GUN,
        Root(1, LATER, one),
        Targets(1, LATER, own, (releases, *people) if said else ()),
        {RELEASES: Targets(1, LATER, released), **delegated} if said else {},
    )


V1, V2, OTHER = target("v1"), target("v2"), target("v1", "other")
TWO = collection(
    released={"v1": V1, "v2": V2},
    own={"v1": OTHER, "old": target("old")},
    said={"bob": {"v1": V1}, "alice": {"v1": V1, "v2": OTHER}},
)


def test_accepted_tags_and_who_vouches_for_them() -> None:
    """What ``releases`` says comes before ``targets``; who signed other content is no signer of this one."""
    found = inspected("web", TWO, None, None)
    assert sorted(found.tags) == [
        SignedTag("old", digest("old"), ()),
        SignedTag("v1", V1.digest, ("bob", "alice")),
        SignedTag("v2", V2.digest, ()),
    ]
    assert found.name == "web"


@pytest.mark.parametrize(("tag", "tags"), [("v1", ["v1"]), ("v9", []), (None, ["v1", "old", "v2"])])
def test_one_tag(tag: str | None, tags: list[str]) -> None:
    found = inspected("web", TWO, tag, None)
    assert sorted(item.tag for item in found.tags) == sorted(tags)
    assert [item.name for item in found.signers] == ["bob", "alice"]


def test_ids_without_a_notary_side_are_those_of_bare_keys() -> None:
    found = inspected("web", TWO, None, None)
    assert found.root == (canonical_id(public("root")),)
    assert found.repository == (canonical_id(public("targets")),)
    assert found.signers[0] == Holder("bob", (canonical_id(public("bob")),))


def root_file(*keys: WireKey) -> RootFile:
    """A Notary root that nobody verified, and whose keys of every role are ``keys``."""
    role = WireRole(tuple(key.id for key in keys), 1)
    roles: dict[str, WireRole] = dict.fromkeys((ROOT, TARGETS, SNAPSHOT, TIMESTAMP), role)
    return RootFile(Envelope({}, (), b""), 1, LATER, {key.id: key for key in keys}, roles)


def test_a_root_that_nobody_verified_names_verified_keys_only() -> None:
    key = private("root-p256", "ecdsa-p256")
    base = collection(released={}, own={}, said={})
    mine = Authority((public("root-p256", "ecdsa-p256"), public("root")), 1)
    verified = Collection(GUN, Root(1, LATER, {**base.root.authorities, ROOT: mine}), base.targets, {})
    carried = WireKey.carried(make_certificate(key, GUN, datetime.now(UTC)))
    strange = WireKey.carried(make_certificate(private("thief", "ecdsa-p256"), GUN, datetime.now(UTC)))
    found = inspected("web", verified, None, root_file(strange, carried))
    assert found.root == (carried.id, canonical_id(public("root")))
    assert carried.id != canonical_id(public("root-p256", "ecdsa-p256"))


THREE = ("alice", "bob", "carol")
STEPS: dict[str, tuple[dict[str, tuple[str, ...]], tuple[str, ...]]] = {
    "a11-sign-v4-three-keys": ({"v1": ("alice",), "v2": ("alice",), "v4": THREE}, THREE),
    "a17-dct-push": ({"v2": THREE, "v4": THREE, "v5": THREE}, THREE),
    "a18-dct-push-fresh": ({"v1": ()}, ()),
    "a24-revoke-all-web": ({}, THREE),
    "b13-delegation-add": ({"one": (), "two": (), "three": ()}, ("qa",)),
}


@pytest.mark.parametrize("step", sorted(STEPS))
def test_real_files(step: str) -> None:
    """Files that the stock server served: the owner's ids are those of the files, the signers' those of bare keys."""
    folder = shared_data("notary-vectors") / step
    root = read_root((folder / "root.json").read_bytes())
    targets = read_targets("targets", (folder / "targets.json").read_bytes())
    files = {item.name: folder / f"{item.name}.json" for item in targets.delegations}
    below = {role: read_targets(role, path.read_bytes()) for role, path in files.items() if path.exists()}
    name = CollectionName((folder / "GUN").read_text().strip())
    found = inspected(name, collection_of(name, root, targets, below), None, root)
    assert (found.root, found.repository) == (root.roles["root"].keyids, root.roles["targets"].keyids)
    tags, signers = STEPS[step]
    assert {item.tag: item.signers for item in found.tags} == tags
    assert tuple(item.name for item in found.signers) == signers
    for item in found.signers:
        delegation = targets.delegation(f"targets/{item.name}")
        assert delegation is not None
        assert list(item.keys) == [canonical_id(key.material) for key in targets.keys_of(delegation.role)]
