"""Attacks on trust metadata: whoever holds the trust server, and which keys, must not get a yes.

Rows of the attack table and where they are tested on the client:

    1 3 17 18 28 32     test_client_registry.py
    2 4 5 6 10 14 16    here
    21 to 27            here
    7 8 9 31            test_client_time.py
    6, "reported"       test_owner_store.py
    11 12 13 20         test_client_flood.py
    15                  here (one collection's metadata for another) and test_client_names.py (spellings)
    30                  test_client_state.py

Not for the client:

    17, second half     `docker build` with an unsigned base image: the proxy's, the client never builds
    19                  mirrors: the client has one trust url; there is no mirror list to choose from
    29                  ways around the engine's front door: the proxy's; `pytrust verify` opens no door
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.attack.forgeries import (
    CROSS,
    MIXES,
    ONE_OF_TWO,
    ROLES,
    ROOTS,
    TAMPERING,
    TWINS,
    one_key_as_two,
    put_back,
    touched,
    two_schemes,
)
from tests.attack.scene import Scene, write_home
from tests.fakes.registry import FakeRegistry
from tests.fakes.repository import (
    FakeCollection,
    FakeRepository,
    MetadataServer,
    flip_bit,
    key_entry,
    label,
    new_key,
    seal,
)

from pytrust.trust.http import Deadline
from pytrust.trust.names import KeyId
from pytrust.trust.pins import Pin

FORGED = ("bad-signature", "untrusted-root")


# -- row 2 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", TAMPERING)
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("fresh", [True, False], ids=["fresh", "known"])
def test_2_forged_role(scene: Scene, role: str, how: str, fresh: bool) -> None:
    """Whatever stands above the forged role fits it again: only its own signature can give it away."""
    if not fresh:
        scene.believe()
    honest = scene.web.record()
    if role == "root":
        scene.web.make("root")
        scene.web.settle()
    TAMPERING[how](scene.web, role)
    scene.refuse(FORGED)
    scene.web.replay(honest)
    scene.web.publish("releases")
    scene.believe()


@pytest.mark.parametrize("role", ROLES)
def test_2_flipped_bit(scene: Scene, role: str) -> None:
    """One bit of a file as served, nothing else changed."""
    honest = scene.web.record()
    for file, data in scene.web.files.items():
        if file.removesuffix(".json").rpartition(".")[2] == role:
            scene.web.files[file] = flip_bit(data)
    scene.refuse({*FORGED, "bad-metadata", "rollback"})
    scene.web.replay(honest)
    scene.believe()


def test_2_known_host_keeps_what_it_knows(known: Scene) -> None:
    """A forged update leaves what was verified before usable offline."""
    known.push("v3")
    known.web.forge("releases", touched, by=[new_key()])
    known.refuse("bad-signature", names=known.web.name)
    known.believe(offline=True)


# -- rows 4 and 5 -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "releases", "alice"])
def test_4_rollback(known: Scene, role: str) -> None:
    """After newer metadata was seen, no older file is taken, though its signatures are good."""
    old = dict(known.web.current)
    known.push("v3")
    known.web.make("targets")
    known.sign("v3")
    known.believe()
    newest = known.web.record()
    put_back(known.web, old, role)
    known.refuse("rollback", names=known.web.name)
    known.web.replay(newest)
    known.believe(known.image, f"{known.web.name}:v3")


def test_4_everything_put_back(known: Scene) -> None:
    """A whole old state, complete and consistent in itself."""
    old = known.web.record()
    known.push("v3")
    known.sign("v3")
    known.believe()
    newest = known.web.record()
    known.web.replay(old)
    known.refuse("rollback", names=known.web.name)
    known.web.replay(newest)
    known.believe()


def test_5_old_tag_under_new_version(known: Scene) -> None:
    """The old entry of a tag in a new release: without a signer's key it is no release."""
    old = known.web.signed("releases")["targets"]
    known.push("v2", "fixed")
    known.sign("v2")
    known.believe()
    honest = known.web.record()
    thief = new_key()
    known.web.forge("releases", lambda signed: signed.update(targets=old), by=[thief, *known.web.keys["snapshot"]])
    known.refuse("bad-signature")
    known.web.replay(honest)
    known.believe()


def test_6_owner_downgrades(known: Scene) -> None:
    """The owner may sign an older image again; everybody gets exactly that."""
    first = known.digests["v2"]
    known.push("v2", "newer")
    known.sign("v2")
    known.believe()
    known.push("v2", "v2")
    known.sign("v2")
    assert known.believe()["digest"] == first


# -- row 10 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [2**31, 10**17])
def test_10_fast_forward(known: Scene, version: int) -> None:
    """Versions that jump ahead would lock honest ones out; rotated online keys end that, without wiping state."""
    honest = known.web.record()
    known.web.fast_forward("snapshot", "timestamp", version=version)
    known.believe()
    known.web.replay(honest)
    known.push("v3")
    known.sign("v3")
    known.refuse("rollback")
    known.web.rotate("snapshot")
    known.web.rotate("timestamp")
    known.believe(f"{known.web.name}:v3")


def test_10_version_beyond_all_integers(known: Scene) -> None:
    """A version that other parsers would wrap or round."""
    honest = known.web.record()
    known.web.forge("timestamp", lambda signed: signed.update(version=2**64))
    known.refuse("bad-metadata")
    known.web.replay(honest)
    known.believe()


# -- row 14 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", MIXES)
def test_14_mix_and_match(known: Scene, how: str) -> None:
    """Good files that were never published together."""
    honest = known.web.record()
    MIXES[how](known.web)
    known.refuse({"bad-metadata", "rollback"}, names=known.web.name)
    known.web.replay(honest)
    known.web.publish("targets", "releases")
    known.believe()


# -- row 15, other collections ----------------------------------------------------------------------------------------


@pytest.fixture
def siblings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[tuple[Scene, FakeCollection]]:
    """``foo/web`` and ``foo/api``, published by one owner with the very same keys."""
    with FakeRegistry() as registry:
        web = FakeCollection(f"{registry.host}/foo/web")
        api = FakeCollection(f"{registry.host}/foo/api", keys=web.keys)
        repository = FakeRepository(web, api)
        with MetadataServer(repository) as server:
            write_home(tmp_path / "home", server.url, [web.pin])
            made = Scene(tmp_path / "home", registry, repository, server, web, capsys)
            made.push("v2")
            made.sign("v2")
            api.release("v2", registry.put("foo/api", "v2", made.manifests["v2"]), len(made.manifests["v2"]))
            api.release("v9", made.digests["v2"], len(made.manifests["v2"]))
            registry.put("foo/web", "v9", made.manifests["v2"])
            yield made, api


@pytest.mark.parametrize("fresh", [True, False], ids=["fresh", "known"])
def test_15_metadata_of_another_collection(siblings: tuple[Scene, FakeCollection], fresh: bool) -> None:
    """Same keys, other name: what is signed for ``foo/api`` says nothing about ``foo/web``."""
    scene, api = siblings
    if not fresh:
        scene.believe()
    scene.repository.instead[scene.web.name] = api.name
    scene.refuse({"bad-metadata", "untrusted-root"}, 1, f"{scene.web.name}:v9", names="foo/api")
    scene.repository.instead.clear()
    scene.believe()
    scene.refuse("unsigned", 1, f"{scene.web.name}:v9")


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "releases", "alice"])
def test_15_one_file_of_another_collection(siblings: tuple[Scene, FakeCollection], role: str) -> None:
    """One role swapped, and what stands above it made to fit."""
    scene, api = siblings
    honest = scene.web.record()
    while api.versions[role] <= scene.web.versions[role]:
        api.publish("targets", "releases", "alice")
    scene.web.plant(role, api.current[role])
    scene.refuse("bad-metadata", 1, f"{scene.web.name}:v9", names="foo/api")
    scene.web.replay(honest)
    scene.believe()


# -- row 16 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", CROSS)
def test_16_cross_delegation(known: Scene, how: str) -> None:
    """Nobody speaks of what was not delegated to them."""
    honest = known.web.record()
    known.push("v9", "v2")
    attack, codes = CROSS[how]
    attack(known.web)
    known.refuse(codes, 1, f"{known.web.name}:v9", learns="unsigned" in codes)
    known.web.replay(honest)
    for _ in range(2):
        known.web.publish("targets", "releases", "alice")
    known.believe()


def test_16_a_role_with_a_path_for_a_name(known: Scene) -> None:
    """A delegated role's name becomes a file name: it must not lead anywhere."""
    honest = known.web.record()
    for name in ("../../x", "a/b", "a%b", ".", "\x1b[2J"):
        thief = new_key()
        role = {"name": name, "keyids": [label(thief)], "threshold": 1, "terminating": True, "paths": [f"{name}/*"]}

        def change(signed: dict[str, Any], role: dict[str, Any] = role, thief: Any = thief) -> None:
            signed["delegations"]["keys"][label(thief)] = key_entry(thief)
            signed["delegations"]["roles"].append(role)

        known.web.forge("targets", change)
        body = {**known.web.signed("alice"), "version": 1, "targets": {}}
        known.web.put(name, seal(body, [thief]))
        known.web.files[f"1.{_quoted(name)}.json"] = known.web.current[name]
        known.web.settle()
        known.refuse("bad-metadata")
        known.web.replay(honest)
    known.believe()


def _quoted(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="")


# -- rows 21 and 22 ---------------------------------------------------------------------------------------------------


def test_21_stolen_timestamp_key(known: Scene) -> None:
    """It can point to a current or older snapshot, and to nothing that was seen to be superseded."""
    known.push("v9", "v2")
    honest = known.web.record()
    known.web.forge("releases", lambda signed: signed["targets"].update(v9=signed["targets"]["v2"]), by=[new_key()])
    known.web.forge("snapshot", touched, by=known.web.keys["timestamp"])
    known.refuse(FORGED, 1, f"{known.web.name}:v9")
    known.web.replay(honest)
    known.web.publish("releases")
    known.believe()
    newest = known.web.record()
    known.web.forge("timestamp", lambda signed: signed["meta"]["snapshot.json"].update(version=1))
    known.refuse("rollback")
    known.web.replay(newest)
    known.believe()


def test_22_stolen_online_keys_bring_no_tag(known: Scene) -> None:
    """With both online keys no new tag is accepted, not even one that alice vouched for without releasing it."""
    web = known.web
    web.vouched["alice"]["v9"] = web.vouched["alice"]["v2"]
    web.publish("alice")
    known.push("v9", "v2")
    known.believe()
    honest = web.record()
    web.publish("alice", "alice")
    assert web.versions["alice"] > web.versions["releases"]
    web.put("releases", web.current["alice"])
    web.settle()
    known.refuse("bad-metadata", 1, f"{web.name}:v9")
    web.replay(honest)
    for _ in range(4):  # past the versions that the thief used up
        web.publish("releases", "alice")
    known.believe()


def test_22_stolen_online_keys_hide(known: Scene, tmp_path: Path) -> None:
    """A fresh host can be kept at an old release; the answer says when it was signed and until when it holds."""
    old = dict(known.web.current)
    known.push("v2", "fixed")
    known.sign("v2")
    known.believe()
    known.push("v2", "v2")
    for role in ("releases", "alice"):
        known.web.put(role, old[role])
    known.web.settle()
    write_home(tmp_path / "fresh", known.server.url, [known.web.pin])
    answer = known.verify(home=tmp_path / "fresh")
    assert answer.code == 0
    assert answer.documents[0]["signed"]["signed_at"] == "2026-11-23T12:00:00Z"
    assert answer.documents[0]["expires"]
    known.refuse({"unsigned", "rollback", "digest-mismatch"})


# -- row 23 -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def three(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Scene]:
    """Two of alice, bob and carol must release; alice's key is stolen."""
    with FakeRegistry() as registry:
        web = FakeCollection(f"{registry.host}/foo/web", people=("alice", "bob", "carol"), threshold=2)
        repository = FakeRepository(web)
        with MetadataServer(repository) as server:
            write_home(tmp_path / "home", server.url, [web.pin])
            made = Scene(tmp_path / "home", registry, repository, server, web, capsys)
            made.push("v2")
            made.sign("v2")
            made.believe()
            yield made


@pytest.mark.parametrize("how", ONE_OF_TWO)
def test_23_one_of_two(three: Scene, how: str) -> None:
    """One stolen key of a threshold of two."""
    honest = three.web.record()
    ONE_OF_TWO[how](three.web)
    three.refuse({"bad-signature", "bad-metadata"})
    three.web.replay(honest)
    three.web.publish("releases")
    three.believe()


@pytest.mark.parametrize("role", ["releases", "root"])
@pytest.mark.parametrize("how", TWINS)
def test_23_one_key_as_two(known: Scene, how: str, role: str) -> None:
    """One key under two ids must not reach a threshold of two (python-tuf counts ids)."""
    honest = known.web.record()
    one_key_as_two(known.web, role, how)
    error = known.refuse("bad-metadata")
    assert "twice" in error["message"]
    known.web.replay(honest)
    known.web.publish("releases")
    known.believe()


def test_23_one_key_with_two_schemes(known: Scene) -> None:
    """An RSA key under both of its signature schemes is one key."""
    honest = known.web.record()
    two_schemes(known.web)
    error = known.refuse("bad-metadata")
    assert "twice" in error["message"]
    known.web.replay(honest)
    known.believe()


@pytest.mark.parametrize("threshold", [0, -1, True, 1.0, "1", None, [], 3])
def test_23_odd_thresholds(known: Scene, threshold: object) -> None:
    """A threshold is a positive integer that the keys can reach."""
    honest = known.web.record()

    def change(signed: dict[str, Any]) -> None:
        next(item for item in signed["delegations"]["roles"] if item["name"] == "releases")["threshold"] = threshold

    if isinstance(threshold, float):
        data = known.web.forge("targets", touched)
        forged = data.replace(b'"threshold":1', b'"threshold":1.0')
        known.web.plant("targets", forged)
    else:
        known.web.forge("targets", change)
    known.refuse("bad-metadata")
    known.web.replay(honest)
    known.believe()


# -- rows 24 to 26 ----------------------------------------------------------------------------------------------------


def test_24_revoked_targets_key(known: Scene) -> None:
    """After root N+1 names another targets key, what the stolen one signs is refused from the next look on."""
    stolen = list(known.web.keys["targets"])
    known.web.rotate("targets")
    known.believe()
    honest = known.web.record()
    known.web.forge("targets", touched, by=stolen)
    known.refuse("bad-signature")
    known.web.replay(honest)
    known.believe()


def test_24_revoked_before_next_targets(known: Scene) -> None:
    """A new root alone, without new targets: the old ones are refused, though they are cached."""
    honest = known.web.record()
    known.web.keys["targets"] = [new_key()]
    known.web.make("root")
    known.web.settle()
    known.refuse("bad-signature")
    known.web.replay(honest)
    known.believe()


@pytest.fixture
def guarded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Scene]:
    """Two root keys, both of which must sign; one is stolen."""
    with FakeRegistry() as registry:
        web = FakeCollection(f"{registry.host}/foo/web", keys={"root": [new_key(), new_key()]})
        repository = FakeRepository(web)
        with MetadataServer(repository) as server:
            write_home(tmp_path / "home", server.url, [web.pin])
            made = Scene(tmp_path / "home", registry, repository, server, web, capsys)
            made.push("v2")
            made.sign("v2")
            yield made


@pytest.mark.parametrize("fresh", [True, False], ids=["fresh", "known"])
@pytest.mark.parametrize("how", ROOTS)
def test_25_next_root(guarded: Scene, how: str, fresh: bool) -> None:
    """A bad root N+1 is refused, and N stays what is trusted."""
    if not fresh:
        guarded.believe()
    honest = guarded.web.record()
    attack, codes = ROOTS[how]
    attack(guarded.web)
    guarded.refuse(codes)
    guarded.web.replay(honest)
    guarded.believe()


def test_25_first_root_of_somebody_else(scene: Scene) -> None:
    """No trust on first use: a whole honest collection under keys that nobody pinned."""
    stranger = FakeCollection(scene.web.name)
    stranger.release("v2", scene.digests["v2"], len(scene.manifests["v2"]))
    scene.repository.add(stranger)
    scene.refuse("untrusted-root", names=scene.web.name)
    scene.repository.add(scene.web)
    scene.believe()


def test_25_pinned_key_listed_but_silent(scene: Scene) -> None:
    """A first root that lists the pinned key and is signed by another one."""
    thief, pinned = new_key(), scene.web.keys["root"][0]
    stranger = FakeCollection(scene.web.name, keys={"root": [thief]})

    def change(signed: dict[str, Any]) -> None:
        signed["keys"][label(pinned)] = key_entry(pinned)
        signed["roles"]["root"]["keyids"].append(label(pinned))
        signed["version"] = 1

    stranger.forge("root", change, bump=False)
    stranger.release("v2", scene.digests["v2"], len(scene.manifests["v2"]))
    scene.repository.add(stranger)
    scene.refuse("untrusted-root")
    scene.repository.add(scene.web)
    scene.believe()


def test_25_pin_wants_two_keys(scene: Scene, tmp_path: Path) -> None:
    """A pin with a threshold of two is not satisfied by one."""
    key = scene.web.keys["root"][0].public.id
    strict = Pin("**", frozenset({key, KeyId("0" * 64)}), 2)
    write_home(tmp_path / "strict", scene.server.url, [strict])
    answer = scene.verify(home=tmp_path / "strict")
    assert (answer.code, answer.error["code"]) == (1, "untrusted-root")


def test_26_rotated_300_times(known: Scene) -> None:
    """Too many new roots are a clear message, not an old root that is quietly kept."""
    known.web.rotate_often(300)
    known.web.rotate("targets")
    error = known.refuse("bad-metadata", names="256 times")
    assert "pin" in error["hint"]


def test_26_rotated_200_times(known: Scene) -> None:
    """As many as may be are walked."""
    known.web.rotate_often(200)
    known.web.rotate("targets")
    known.believe()


# -- row 27 -----------------------------------------------------------------------------------------------------------


def test_27_expired_sibling(three: Scene) -> None:
    """Carol let her role expire: what the others released still holds, without her word."""
    from datetime import UTC, datetime, timedelta

    three.web.make("carol", expires=datetime.now(UTC) - timedelta(days=1))
    three.web.settle()
    assert three.believe()["signers"] == ["alice", "bob"]


def test_27_forged_sibling(three: Scene) -> None:
    """The same for a role of hers that she did not sign."""
    three.web.forge("carol", touched, by=[new_key()])
    assert three.believe()["signers"] == ["alice", "bob"]


# -- strict reading (sections 1.7 and 7) ------------------------------------------------------------------------------

ODD_ROOTS: dict[str, Callable[[bytes], bytes]] = {
    "duplicate-key": lambda data: data.replace(b'"signed":{', b'"signed":{"version":1,', 1),
    "float": lambda data: data.replace(b'"version":1', b'"version":1.0', 1),
    "true": lambda data: data.replace(b'"version":1', b'"version":true', 1),
    "nan": lambda data: data.replace(b'"version":1', b'"version":NaN', 1),
    "half-a-pair": lambda data: data.replace(b'"signed":{', b'"signed":{"x":"\\ud800",', 1),
    "not-utf8": lambda data: data.replace(b'"signed":{', b'"signed":{"x":"\xff",', 1),
    "bom": lambda data: b"\xef\xbb\xbf" + data,
    "trailing": lambda data: data + b"{}",
    "array": lambda _: b"[]",
    "null": lambda _: b"null",
    "empty": lambda _: b"",
    "no-signatures": lambda data: b'{"signed":' + data.partition(b'"signed":')[2],
    "signed-array": lambda _: b'{"signatures":[],"signed":[]}',
    "wrong-type": lambda data: data.replace(b'"_type":"root"', b'"_type":"targets"', 1),
    "deep": lambda _: b"[" * 100_000,
}


@pytest.mark.parametrize("fresh", [True, False], ids=["fresh", "known"])
@pytest.mark.parametrize("how", ODD_ROOTS)
def test_odd_root(scene: Scene, how: str, fresh: bool) -> None:
    """What no signature covers yet is read first: it must not crash the reader."""
    if not fresh:
        scene.believe()
        scene.web.make("root")
    file = "1.root.json" if fresh else "2.root.json"
    honest = scene.web.files[file]
    scene.web.files[file] = ODD_ROOTS[how](honest.replace(b'"version":2', b'"version":1', 1))
    scene.refuse({"bad-metadata", "untrusted-root"})
    scene.web.files[file] = honest
    scene.believe()


def _curve(name: str) -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

    make: dict[str, Callable[[], Any]] = {
        "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
        "brainpool": lambda: ec.generate_private_key(ec.BrainpoolP256R1()),
        "dsa": lambda: dsa.generate_private_key(1024),
        "rsa-1024": lambda: rsa.generate_private_key(65537, 1024),
    }
    text: bytes = (
        make[name]()
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return text.decode()


@pytest.mark.parametrize("kind", ["secp256k1", "brainpool", "dsa", "rsa-1024"])
def test_root_with_a_key_that_cannot_sign(scene: Scene, kind: str) -> None:
    """Known key type, unusable key: refused, not crashed upon."""
    honest = scene.web.record()
    keytype = ("ecdsa", "ecdsa-sha2-nistp256") if kind in {"secp256k1", "brainpool"} else ("rsa", "rsassa-pss-sha256")
    entry = {"keytype": keytype[0], "scheme": keytype[1], "keyval": {"public": _curve(kind)}}
    signed = scene.web.signed("root")
    signed["keys"]["9" * 64] = entry
    signed["roles"]["root"]["keyids"].append("9" * 64)
    scene.web.files["1.root.json"] = seal(signed, scene.web.keys["root"])
    scene.refuse("bad-metadata")
    scene.web.replay(honest)
    scene.believe()


def test_deleted_collection(known: Scene) -> None:
    """A server that suddenly knows nothing does not make a known image unsigned in silence."""
    honest = known.web.record()
    known.web.files.clear()
    known.refuse({"unsigned", "bad-metadata", "rollback"})
    known.web.replay(honest)
    known.believe()


def test_source_is_asked_for_nothing_else(known: Scene) -> None:
    """File names come from role names and versions alone."""
    known.repository.asked.clear()
    known.believe()
    assert {file for _, file in known.repository.asked} == {"2.root.json", "timestamp.json"}
    assert known.repository.fetch(known.web.name, "1.root.json", Deadline(1)) is not None
