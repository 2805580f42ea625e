"""TUF 1.0 metadata: what is written reads back the same, python-tuf reads it too, and little else is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fakes.keys import ALICE, BOB, CAROL, NAME, NOW, OTHER, digest, ids, private, public, signer, target, top_keys
from tuf.api import metadata as foreign_tuf
from tuf.api.metadata import Metadata
from tuf.api.metadata import Root as ForeignRoot

from pytrust.trust.collection.edit import create
from pytrust.trust.collection.model import (
    RELEASES,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    TOP_LEVEL,
    Authority,
    Delegation,
    Root,
    Target,
    Targets,
)
from pytrust.trust.errors import BadMetadata
from pytrust.trust.formats import tuf
from pytrust.trust.image import Platform
from pytrust.trust.keys.private import KeyKind
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.limits import TIMESTAMP_MAX_BYTES
from pytrust.trust.names import RoleName

RELAXED = settings(deadline=None, max_examples=50, suppress_health_check=list(HealthCheck))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TAGS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
SIZES = st.integers(0, 10**17)
VERSIONS = st.integers(1, 10**9)
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda time: time.replace(microsecond=0)
)
KINDS: list[KeyKind] = ["ed25519", "ecdsa-p256", "ecdsa-p384"]
PUBLIC = st.builds(public, st.sampled_from(["a", "b", "c", "d"]), st.sampled_from(KINDS))
DIGESTS = st.sampled_from(["x", "y", "z"]).map(digest)
PLATFORMS = st.builds(Platform, TEXT, TEXT, st.none() | TEXT, DIGESTS, SIZES)
TARGET = st.builds(Target, TAGS, DIGESTS, SIZES, TEXT, st.lists(PLATFORMS, max_size=2).map(tuple), TEXT)


@st.composite
def authority_of(draw: Any, least: int = 1) -> Authority:
    keys = tuple(draw(st.lists(PUBLIC, min_size=least, max_size=4, unique=True)))
    return Authority(keys, draw(st.integers(1, max(1, len(keys)))))


DELEGATIONS = st.lists(
    st.builds(Delegation, st.sampled_from([RELEASES, ALICE, BOB, RoleName("scans")]), authority_of(0)),
    max_size=3,
    unique_by=lambda item: item.name,
).map(tuple)
TARGETS_ROLE = st.builds(
    Targets, VERSIONS, TIMES, st.lists(TARGET, max_size=3).map(lambda held: {one.tag: one for one in held}), DELEGATIONS
)
ROOT_ROLE = st.builds(Root, VERSIONS, TIMES, st.fixed_dictionaries(dict.fromkeys(TOP_LEVEL, authority_of())))


@RELAXED
@given(ROOT_ROLE)
def test_roots_round_trip(root: Root) -> None:
    data = tuf.write_root(NAME, root)
    assert tuf.read_root(NAME, data) == root
    assert tuf.check(NAME, ROOT, data) == root.expires
    assert Metadata.from_bytes(data).signed.version == root.version


@RELAXED
@given(TARGETS_ROLE, st.sampled_from([TARGETS, RELEASES, ALICE]))
def test_targets_round_trip(document: Targets, role: RoleName) -> None:
    data = tuf.write_targets(NAME, role, document)
    believed = replace(document, targets={}) if role == TARGETS else document  # targets says who signs, not what
    assert tuf.read_targets(NAME, role, data) == believed
    assert tuf.read_header(NAME, role, data) == (document.version, document.expires)
    foreign = foreign_tuf.Metadata[foreign_tuf.Targets].from_bytes(data).signed
    prefix = "" if role != ALICE else "alice/"
    assert {path: info.hashes["sha256"] for path, info in foreign.targets.items()} == {
        f"{prefix}{tag}": one.digest.hex for tag, one in document.targets.items()
    }


@RELAXED
@given(st.dictionaries(st.sampled_from([TARGETS, RELEASES, ALICE]), st.tuples(VERSIONS, st.binary())), VERSIONS, TIMES)
def test_snapshots_and_timestamps_round_trip(
    files: dict[RoleName, tuple[int, bytes]], version: int, expires: datetime
) -> None:
    snapshot = tuf.write_snapshot(NAME, version, expires, files)
    assert tuf.read_snapshot(NAME, snapshot).versions == {role: number for role, (number, _) in files.items()}
    timestamp = tuf.write_timestamp(NAME, 3, expires, version, snapshot)
    assert tuf.read_snapshot_version(NAME, timestamp) == version
    foreign_tuf.Metadata[foreign_tuf.Timestamp].from_bytes(timestamp).signed.snapshot_meta.verify_length_and_hashes(
        snapshot
    )


def test_fractions_of_a_second_are_dropped() -> None:
    data = tuf.write_targets(NAME, TARGETS, Targets(1, NOW.replace(microsecond=678)))
    assert tuf.read_header(NAME, TARGETS, data)[1] == NOW


@pytest.mark.parametrize("kind", KINDS)
def test_signatures_of_every_kind_hold_for_python_tuf(kind: KeyKind) -> None:
    root = Root(1, NOW, {role: Authority((public("k", kind),), 1) for role in TOP_LEVEL})
    data = tuf.sign(NAME, ROOT, tuf.write_root(NAME, root), [signer("k", kind)])
    assert tuf.signed_by(NAME, ROOT, data, root.authorities[ROOT]) == {public("k", kind).id}
    loaded = Metadata[ForeignRoot].from_bytes(data)
    loaded.signed.verify_delegate("root", loaded.signed_bytes, loaded.signatures)


AUTHORITY = Authority((public("alice"), public("bob"), public("carol")), 2)


def released() -> bytes:
    return tuf.write_targets(NAME, RELEASES, Targets(1, NOW, {"v1": target("v1")}))


def test_who_signed() -> None:
    data = tuf.sign(NAME, RELEASES, released(), [signer("alice"), signer("eve")])
    assert tuf.signed_by(NAME, RELEASES, data, AUTHORITY) == ids("alice")
    data = tuf.sign(NAME, RELEASES, data, [signer("bob")])
    assert tuf.signed_by(NAME, RELEASES, data, AUTHORITY) == ids("alice", "bob")


def test_signing_again_adds_nothing() -> None:
    once = tuf.sign(NAME, RELEASES, released(), [signer("alice")])
    assert tuf.sign(NAME, RELEASES, once, [signer("alice")]) == once


def test_a_changed_file_is_signed_by_nobody() -> None:
    data = tuf.sign(NAME, RELEASES, released(), [signer("alice")])
    changed = json.loads(data)
    changed["signed"]["version"] = 2
    assert tuf.signed_by(NAME, RELEASES, json.dumps(changed).encode(), AUTHORITY) == frozenset()


def test_a_signature_counts_for_its_own_key_alone() -> None:
    document = json.loads(tuf.sign(NAME, RELEASES, released(), [signer("alice")]))
    for name in ("bob", "carol"):
        other = json.loads(tuf.sign(NAME, RELEASES, released(), [signer(name)]))["signatures"][0]
        document["signatures"].append({**document["signatures"][0], "keyid": other["keyid"]})
    assert tuf.signed_by(NAME, RELEASES, json.dumps(document).encode(), AUTHORITY) == ids("alice")


@pytest.mark.parametrize("signature", ["", "zz", "00", "0" * 128, "é", "-"])
def test_damaged_signatures_do_not_count(signature: str) -> None:
    document = json.loads(tuf.sign(NAME, RELEASES, released(), [signer("alice"), signer("bob")]))
    document["signatures"][0]["sig"] = signature
    assert len(tuf.signed_by(NAME, RELEASES, json.dumps(document).encode(), AUTHORITY)) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_one_key_under_two_ids_is_refused(kind: KeyKind) -> None:
    """python-tuf counts key ids, so that one key would reach a threshold of two."""
    authority = Authority((public("a", kind),), 1)
    root = Root(1, NOW, dict.fromkeys(TOP_LEVEL, authority))
    document = json.loads(tuf.write_root(NAME, root))
    ((first, key),) = document["signed"]["keys"].items()
    document["signed"]["keys"] = {first: key, "alias": {**key, "comment": "another label"}}
    document["signed"]["roles"]["targets"] = {"keyids": [first, "alias"], "threshold": 2}
    with pytest.raises(BadMetadata, match="listed twice"):
        tuf.read_root(NAME, json.dumps(document).encode())


# -- strictness -----------------------------------------------------------------------------------------------------

COLLECTION = create(NAME, top_keys(), {ALICE: public("alice"), BOB: public("bob")}, threshold=2, now=NOW)
FILES: dict[RoleName, bytes] = {
    ROOT: tuf.write_root(NAME, COLLECTION.root),
    TARGETS: tuf.write_targets(NAME, TARGETS, COLLECTION.targets),
    RELEASES: released(),
    ALICE: tuf.write_targets(NAME, ALICE, Targets(1, NOW, {"v1": target("v1")})),
    SNAPSHOT: tuf.write_snapshot(NAME, 1, NOW, {TARGETS: (1, b"x"), RELEASES: (1, b"y")}),
    TIMESTAMP: tuf.write_timestamp(NAME, 1, NOW, 1, b"z"),
}
READERS: dict[RoleName, Callable[[bytes], object]] = {
    ROOT: lambda data: tuf.read_root(NAME, data),
    TARGETS: lambda data: tuf.read_targets(NAME, TARGETS, data),
    RELEASES: lambda data: tuf.read_targets(NAME, RELEASES, data),
    ALICE: lambda data: tuf.read_targets(NAME, ALICE, data),
    SNAPSHOT: lambda data: tuf.read_snapshot(NAME, data),
    TIMESTAMP: lambda data: tuf.read_snapshot_version(NAME, data),
}
GONE = object()


def changed(role: RoleName, path: str, value: object) -> bytes:
    """The good file of ``role`` with one place set to ``value``; ``*`` in the path is the first key or item."""
    document = json.loads(FILES[role])
    place: Any = document
    *steps, last = [part.replace("~", "/") for part in path.split("/")]
    for step in steps:
        place = place[_key(place, step)]
    if value is GONE:
        del place[_key(place, last)]
    else:
        place[_key(place, last)] = value
    return json.dumps(document).encode()


def _key(place: Any, step: str) -> Any:
    if isinstance(place, list):
        return 0 if step == "*" else int(step)
    return next(iter(place)) if step == "*" else step


MIXED: list[Any] = [{}, None, [], [1], "x", {"mediaType": 1}, {"signed_at": []}, 1, [1], [{}], {"a": 1}, "x"]
STRICT: list[tuple[RoleName, str, Any]] = [
    *[(role, "signed/version", value) for role in FILES for value in (True, 0, -1, "1", None, [], GONE, 1.0)],
    *[(role, "signed/_type", value) for role in FILES for value in ("mirrors", "", None, 1, GONE, "Root")],
    *[(role, "signed/spec_version", value) for role in FILES for value in ("2.0.0", "", 1, GONE)],
    *[(role, "signed/expires", value) for role in FILES for value in ("tomorrow", "", 0, None, GONE,
    "2026-13-01T00:00:00Z")],
    *[(role, "signed/collection", value) for role in FILES for value in (OTHER, "", None, [], True, NAME + " ", GONE)],
    *[(role, "signed", value) for role in FILES for value in (GONE, None, [], "x", 1)],
    *[(role, "signatures", value) for role in FILES for value in (GONE, None, 1, [1], [{}], [{"keyid": 1}])],
    *[(ROOT, "signed/roles/targets/threshold", value) for value in (0, -1, True, 2, "1", None, GONE)],
    *[(ROOT, "signed/roles/targets/keyids", value) for value in (["missing"], [["x"]], None, "x", GONE)],
    *[(ROOT, "signed/roles", value) for value in ({}, [], None, GONE)],
    (ROOT, "signed/roles/mirrors", {"keyids": [], "threshold": 1}),
    (ROOT, "signed/roles/timestamp", GONE),
    *[(ROOT, "signed/keys", value) for value in ({}, [], None, GONE)],
    *[(ROOT, "signed/keys/*", value) for value in MIXED[:3]],
    *[(ROOT, "signed/keys/*/keyval", value) for value in ({}, None, {"public": 1}, {"public": "zz"}, {"public": "00"})],
    (TARGETS, "signed/delegations", []),
    (TARGETS, "signed/delegations", {"keys": {}, "roles": None}),
    (TARGETS, "signed/delegations", {"keys": {}, "succinct_roles": {"keyids": [], "threshold": 1, "bit_length": 8,
    "name_prefix": "b"}}),
    *[(TARGETS, "signed/delegations/roles/0/threshold", value) for value in (0, True, 3, "1")],
    *[(TARGETS, "signed/delegations/roles/0/paths", value) for value in (["**"], ["*", "*"], [], ["alice/*"], None,
    GONE)],
    *[(TARGETS, "signed/delegations/roles/1/paths", value) for value in (["*"], ["alice/*", "*"], ["bob/*"])],
    *[(TARGETS, "signed/delegations/roles/0/terminating", value) for value in (False, GONE)],
    (TARGETS, "signed/delegations/roles/0/path_hash_prefixes", ["ab"]),
    *[(TARGETS, "signed/delegations/roles/1/name", value) for value in ("releases", "targets", "root", "", "../x",
    "a/b", "A")],
    *[(TARGETS, "signed/delegations/roles/1/name", value) for value in (True, 5, [], GONE)],
    (TARGETS, "signed/delegations/roles/0/keyids", ["missing"]),
    *[(RELEASES, "signed/targets", value) for value in ([], None, GONE, {"v1": {}}, {"v1": None})],
    *[(RELEASES, "signed/targets/v1/length", value) for value in (True, -1, "1", None, GONE)],
    *[(RELEASES, "signed/targets/v1/hashes", value) for value in ({}, None, {"sha512": "00"}, {"sha256": ""},
    {"sha256": None})],
    *[(RELEASES, "signed/targets/v1/hashes/sha256", value) for value in ("A" * 64, "0" * 63, "0" * 65, 1)],
    *[(RELEASES, "signed/targets/v1/custom", value) for value in MIXED[3:7]],
    *[(RELEASES, "signed/targets/v1/custom", {"platforms": value}) for value in MIXED[7:]],
    *[(SNAPSHOT, "signed/meta", value) for value in ([], None, GONE, {"targets.json": {}})],
    *[(SNAPSHOT, "signed/meta/*/version", value) for value in (True, 0, "1", None, GONE)],
    *[(TIMESTAMP, "signed/meta", value) for value in ([], None, GONE, {})],
    *[(TIMESTAMP, "signed/meta/*/version", value) for value in (True, 0, "1", None, GONE)],
]  # fmt: skip


@pytest.mark.parametrize(("role", "path", "value"), STRICT, ids=[f"{r}-{p}-{n}" for n, (r, p, _) in enumerate(STRICT)])
def test_strictness(role: RoleName, path: str, value: object) -> None:
    READERS[role](FILES[role])
    with pytest.raises(BadMetadata):
        READERS[role](changed(role, path, value))


@pytest.mark.parametrize("role", FILES)
def test_every_role_is_read_as_itself_alone(role: RoleName) -> None:
    for other, data in FILES.items():
        kinds = {TARGETS, RELEASES, ALICE}
        if other != role and not {role, other} <= kinds:
            with pytest.raises(BadMetadata, match="is of type"):
                READERS[role](data)


@pytest.mark.parametrize("role", FILES)
def test_no_role_is_read_for_another_collection(role: RoleName) -> None:
    with pytest.raises(BadMetadata, match=f"belongs to '{NAME}', not to {OTHER}"):
        tuf.check(OTHER, role, FILES[role])


def test_files_over_the_limit() -> None:
    with pytest.raises(BadMetadata, match="larger than 16384 bytes"):
        tuf.check(NAME, TIMESTAMP, FILES[TIMESTAMP] + b" " * TIMESTAMP_MAX_BYTES)


@pytest.mark.parametrize("role", ["../x", "a/b", "", "A", "x\n", "é", "a" * 65, "."])
def test_delegations_are_to_names_that_are_names(role: str) -> None:
    """They become file names and parts of paths."""
    document = json.loads(FILES[TARGETS])
    document["signed"]["delegations"]["roles"][1] |= {"name": role, "paths": [f"{role}/*"]}
    with pytest.raises(BadMetadata):
        tuf.check(NAME, TARGETS, json.dumps(document).encode())


WEAK: dict[str, PublicKeyTypes] = {
    "x25519": x25519.X25519PrivateKey.generate().public_key(),
    "ed448": ed448.Ed448PrivateKey.generate().public_key(),
    "secp256k1": ec.generate_private_key(ec.SECP256K1()).public_key(),
    "rsa-1024": rsa.generate_private_key(65537, 1024).public_key(),
    "dsa": dsa.generate_private_key(1024).public_key(),
}


@pytest.mark.parametrize("label", ["ecdsa", "rsa", "x"])
@pytest.mark.parametrize("kind", WEAK)
def test_keys_of_kinds_that_nothing_verifies(kind: str, label: str) -> None:
    """Whoever makes up a root must not get further than ``BadMetadata``."""
    key = {"keytype": label, "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": PublicKey.of(WEAK[kind]).pem}}
    with pytest.raises(BadMetadata):
        tuf.check(NAME, ROOT, changed(ROOT, "signed/keys/*", key))


def test_a_curve_that_nobody_knows() -> None:
    body = "MDIwEAYHKoZIzj0CAQYFK4EEAAYDHgAEqvbyg82dhFXKQmqWDAtRLfE3wDhk546FPOKPaw=="  # secp112r1
    pem = f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"
    key = {"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": pem}}
    with pytest.raises(BadMetadata):
        tuf.check(NAME, ROOT, changed(ROOT, "signed/keys/*", key))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, item in inner for found in places(item, (*path, key)))]


@settings(deadline=None, max_examples=300, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(FILES)), st.data())
def test_nothing_but_bad_metadata_comes_of_any_change(role: RoleName, data: Any) -> None:
    document = {"top": json.loads(tuf.sign(NAME, role, FILES[role], [signer("root"), signer("alice")]))}
    path = data.draw(st.sampled_from(places(document["top"], ("top",))))
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = data.draw(JSON)
    raw = json.dumps(document["top"]).encode()
    try:
        tuf.check(NAME, role, raw)
        READERS[role](raw)
        tuf.signed_by(NAME, role, raw, Authority((public("root"), public("alice")), 1))
    except BadMetadata:
        pass


def test_what_is_no_metadata_at_all() -> None:
    for data in (b"", b"[]", b"null", b"1", b'"x"', b"{}", b"\xff", b'{"signed":{},"signatures":[]}'):
        for role in FILES:
            with pytest.raises(BadMetadata):
                tuf.check(NAME, role, data)


def test_fakes_are_what_they_say() -> None:
    assert PublicKey.of(private("carol").public_key()) == public(CAROL)
