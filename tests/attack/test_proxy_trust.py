"""Attacks on trust, at the proxy's door: rows 1 to 32 of the attack table, as far as they concern it.

The trust server is a hostile fake, the engine and the registry are real. A refusal is 403 with thing, reason, rule and
way out, and the engine is asked for nothing; a yes is a request by the digest that was signed, and by nothing else.
A host that has verified an image before goes on with what it verified, until that ends: who can forge can as well cut
the line, and must gain nothing by either. So most rows have two answers, for a ``fresh`` host and for one that ``knows``.

Elsewhere:

    3                   test_proxy_images.py, case 14: it is the engine that reads manifests, by their digest
    15, spellings       test_proxy_images.py, case 12
    17, platforms       row 1: an index that gains a platform is other content under a moved tag
    30, kills           test_proxy_kill.py

Not in this version, or not for the proxy:

    6, approval         the policy has no rule on downgrades: what the owner signs holds
    11 13, registry     the proxy asks no registry: no manifest, token or list of referrers comes to it
    17, builds          builds are closed as a whole (row 29)
    19                  mirrors: a host has one trust url; mirrors of a registry are the engine's, which is given a digest
    20, tokens          no token either
    24, list            a refusal names the image that was asked for; nobody asks the proxy for all of them
    31, pinned version  a host's configuration pins keys; a version is pinned by ``pytrust verify --not-older-than``
    32                  HEAD and GET: the registry's tag is never asked for
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
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
from tests.attack.front import RULE, Front, Ware, refused
from tests.fakes.repository import FakeCollection, MetadataServer, Trouble, flip_bit, new_key
from tests.rig.clock import Clock
from tests.rig.processes import RigError
from tests.rig.proxy import API, Stage

FORGED = "signed by 0/1 keys"
OLDER = "older metadata of"
EXPIRED = "has expired"
NOT_SIGNED = "is not signed"
CACHE = "in the cache"
fresh_or_known = pytest.mark.parametrize("fresh", [True, False], ids=["fresh", "known"])


@pytest.fixture(scope="module")
def shared(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    with Front(stage, tmp_path_factory.mktemp("front")) as front:
        yield front


@pytest.fixture
def front(shared: Front) -> Iterator[Front]:
    """One host for most tests, each with names of its own; the server answers again when a test is over."""
    yield shared
    shared.server.behave()


@pytest.fixture
def ware(front: Front) -> Ware:
    """``v1`` is released, and the host has not looked."""
    made = front.ware()
    made.sign("v1")
    return made


@pytest.fixture
def known(ware: Ware) -> Ware:
    """The host has pulled ``v1``."""
    ware.believe("v1")
    return ware


@pytest.fixture
def clock(stage: Stage) -> Clock:
    return Clock.at(stage.folder / "clock")


@pytest.fixture
def timed(stage: Stage, tmp_path: Path, clock: Clock) -> Iterator[Front]:
    """A host of its own, under ``clock``."""
    with Front(stage, tmp_path, env=clock.environment) as front:
        yield front


@pytest.fixture
def alone(stage: Stage, tmp_path: Path) -> Iterator[Front]:
    """A host of its own: what silences its server, or ends its proxy, disturbs nobody."""
    with Front(stage, tmp_path) as front:
        yield front


@contextmanager
def within(seconds: float) -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


def _recover(ware: Ware, honest: Any, *roles: str) -> None:
    """An honest publish is believed again."""
    ware.web.replay(honest)
    for _ in range(4):  # past the versions that an attacker used up
        ware.web.publish("targets", "releases", *ware.web.people)
    ware.believe("v1")


def _attacked(ware: Ware, fresh: bool, attack: Callable[[], object], *words: str) -> None:
    """A fresh host refuses all; one that knows ``v1`` goes on with it, and takes nothing new."""
    if not fresh:
        ware.believe("v1")
    honest = ware.web.record()
    attack()
    if fresh:
        ware.refuse("v1", *words)
    else:
        ware.believe("v1")
        ware.refuse("v9", *words, CACHE, f"{ware.name}:v9 is not signed")
    _recover(ware, honest)


# -- rows 1 and 28 ----------------------------------------------------------------------------------------------------


def test_1_moved_tag(known: Ware) -> None:
    """A tag that was moved in the registry means nothing: what was signed is pulled and run."""
    known.push("v1", "evil:1")
    known.believe("v1")
    reply = known.create("v1")
    (created,) = known.front.proxy.witness.acted()[2:]
    assert (reply.status, created.json["Image"]) == (201, f"{known.name}@{known.digests['v1']}")
    moved = known.front.stage.digests["evil:1"]
    known.front.proxy.witness.forget()
    refused(known.front.proxy, known.pull(moved), f"{moved} {NOT_SIGNED} under any tag of {known.name}")


def test_1_nobody_signed_it(front: Front) -> None:
    """An image that is in the registry, under a name that has no trust data at all."""
    ware = front.ware()
    front.repository.collections.clear()
    ware.push("v1")
    ware.refuse("v1", f"nothing in {ware.name} is signed", "pytrust sign")


def test_28_tag_moves_all_the_time(known: Ware) -> None:
    """Between any check and any pull."""
    over = threading.Event()

    def move() -> None:
        while not over.is_set():
            known.push("v1", "evil:1")
            known.push("v1", "good:1")

    mover = threading.Thread(target=move)
    mover.start()
    try:
        known.believe(*["v1"] * 10)
    finally:
        over.set()
        mover.join()
    held = known.front.proxy.ask("GET", f"/{API}/images/{known.name}:v1/json").json
    assert held["RepoDigests"] == [
        digest for digest in held["RepoDigests"] if not digest.endswith(known.front.stage.digests["evil:1"])
    ]


# -- row 2 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "how"), [*((role, "wrong-key") for role in ROLES), *(("releases", how) for how in TAMPERING)]
)
@fresh_or_known
def test_2_forged_role(ware: Ware, role: str, how: str, fresh: bool) -> None:
    """Whatever stands above the forged role fits it again: only its own signature can give it away."""

    def attack() -> None:
        if role == "root":
            ware.web.make("root")
            ware.web.settle()
        TAMPERING[how](ware.web, role)

    _attacked(ware, fresh, attack, f"{role} was {FORGED}")


@pytest.mark.parametrize("role", ROLES)
def test_2_flipped_bit(ware: Ware, role: str) -> None:
    """One bit of a file as served, nothing else changed."""
    honest = ware.web.record()
    for file, data in ware.web.files.items():
        if file.removesuffix(".json").rpartition(".")[2] == role:
            ware.web.files[file] = flip_bit(data)
    ware.refuse("v1")
    _recover(ware, honest)


# -- rows 4 to 6 ------------------------------------------------------------------------------------------------------

ROLLED_BACK = ("timestamp", "snapshot", "targets", "releases", "alice")


def _roll_back(ware: Ware, role: str) -> Any:
    """The host has seen newer metadata than is served afterwards; gives that."""
    ware.believe("v1")
    old = dict(ware.web.current)
    ware.web.make("targets")
    ware.sign("v3")
    ware.believe("v3")
    newest = ware.web.record()
    put_back(ware.web, old, role)
    return newest


@pytest.mark.parametrize("role", ROLLED_BACK)
def test_4_rollback(ware: Ware, role: str) -> None:
    """No older file is taken, though its signatures are good; and what was known does not hide that it was put back."""
    newest = _roll_back(ware, role)
    ware.refuse("v1", f"{OLDER} {ware.name} than was seen before", "do not use it")
    ware.refuse("v3", OLDER)
    ware.web.replay(newest)
    ware.believe("v1", "v3")


def test_4_after_a_restart(alone: Front) -> None:
    """What was seen is on the disk; a proxy that is killed forgets nothing either."""
    wares = {role: alone.ware() for role in ROLLED_BACK}
    newest = {}
    for role, ware in wares.items():
        ware.sign("v1")
        newest[role] = _roll_back(ware, role)
    for kill in (False, True):
        alone.restart(kill=kill)
        for ware in wares.values():
            ware.refuse("v1", OLDER)
    for role, ware in wares.items():
        ware.web.replay(newest[role])
        ware.believe("v1", "v3")


def test_4_everything_put_back(known: Ware) -> None:
    """A whole old state, complete and consistent in itself."""
    old = known.web.record()
    known.sign("v3")
    known.believe("v3")
    newest = known.web.record()
    known.web.replay(old)
    known.refuse("v1", OLDER)
    known.web.replay(newest)
    known.believe("v1")


@fresh_or_known
def test_5_old_tag_under_a_new_version(ware: Ware, fresh: bool) -> None:
    """The old entry of a tag in a new release that no signer signed: ``v1`` stays what it is, or is refused."""
    old = ware.web.signed("releases")["targets"]
    ware.sign("v1", "good:2")
    thief = new_key()

    def attack() -> None:
        by = [thief, *ware.web.keys["snapshot"]]
        ware.web.forge("releases", lambda signed: signed.update(targets=old), by=by)

    _attacked(ware, fresh, attack, f"releases was {FORGED}")


def test_6_owner_downgrades(ware: Ware) -> None:
    """The owner may sign an older image again; everybody gets exactly that."""
    for content in ("good:1", "good:2", "good:1"):
        ware.sign("v1", content)
        ware.believe("v1")
        assert ware.digests["v1"] == ware.front.stage.digests[content]


# -- rows 7 to 9: time ------------------------------------------------------------------------------------------------


def test_7_freeze(timed: Front, clock: Clock) -> None:
    """A server that replays what was good is refused from the second on in which it ends; nothing starts any more."""
    ware = timed.ware()
    ware.sign("v1")
    ware.believe("v1")
    container = ware.create("v1").json["Id"]
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1, seconds=4)
    ware.web.stamp(end)
    clock.move(1)
    ware.believe("v1")
    time.sleep(max(0.0, (end - timedelta(days=1) - datetime.now(UTC)).total_seconds()))
    ware.refuse("v1", EXPIRED, f"timestamp ended {end:%Y-%m-%d %H:%M} UTC", "repo refresh")
    timed.proxy.witness.forget()
    refused(timed.proxy, timed.proxy.ask("POST", f"/{API}/containers/{container}/start"), EXPIRED)
    timed.restart()
    ware.refuse("v1", EXPIRED)
    ware.web.stamp()
    ware.believe("v1")
    assert timed.proxy.ask("POST", f"/{API}/containers/{container}/start").status == 204


@pytest.mark.parametrize("trouble", [Trouble.CLOSE, Trouble.SERVER_ERROR, Trouble.FORBIDDEN], ids=lambda it: it.name)
def test_8_outage(timed: Front, clock: Clock, trouble: Trouble) -> None:
    """What was verified is used for seven days and no longer; what was not is refused, and the message says why."""
    known, new = timed.ware(), timed.ware()
    known.sign("v1")
    new.sign("v1")
    known.believe("v1")
    timed.server.fail(trouble)
    known.believe("v1")
    why = {Trouble.CLOSE: timed.server.url, Trouble.SERVER_ERROR: "500", Trouble.FORBIDDEN: "does not serve"}
    new.refuse("v1", why[trouble], "nothing is known of")
    clock.move(6.9)
    known.believe("v1")
    clock.move(7.1)
    timed.restart()
    known.refuse("v1", why[trouble], "7 are allowed")


def test_9_clock_set_back(timed: Front, clock: Clock) -> None:
    """Old sets are young again; the host has seen a later time, and says so."""
    ware = timed.ware()
    ware.sign("v1")
    old = ware.web.record()
    ware.web.publish("releases")
    newest = ware.web.record()
    clock.move(10)
    ware.believe("v1")
    clock.move(0)
    for state in (old, newest):
        ware.web.replay(state)
        ware.refuse("v1", "the clock says", "was seen before", "set the clock right")
    timed.restart()
    ware.refuse("v1", "was seen before")
    clock.move(10)
    ware.believe("v1")


# -- row 10 -----------------------------------------------------------------------------------------------------------


def test_10_fast_forward(known: Ware) -> None:
    """Versions that jump ahead lock honest ones out until the online keys are rotated; no state is wiped."""
    honest = known.web.record()
    known.web.fast_forward("snapshot", "timestamp", version=2**31)
    known.believe("v1")
    known.web.replay(honest)
    known.sign("v3")
    known.refuse("v3", OLDER)
    known.web.rotate("snapshot")
    known.web.rotate("timestamp")
    known.believe("v3", "v1")


# -- rows 11 to 13: too much, too slowly ------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("trouble", [Trouble.ENDLESS_BODY, Trouble.ENDLESS_CHUNKS], ids=lambda it: it.name)
def test_11_endless_metadata(ware: Ware, role: str, trouble: Trouble) -> None:
    """Reading ends at the limit."""
    ware.front.server.fail(trouble, role)
    with within(3):
        ware.refuse("v1", "larger than")
    ware.front.server.behave()
    ware.believe("v1")


SHAPES: dict[str, Callable[[bytes], bytes]] = {
    "deep": lambda _: b"[" * 100_000,
    "duplicate-key": lambda data: data.replace(b'"signed":{', b'"signed":{"version":1,', 1),
    "brackets": lambda _: b"[" + b"[],[]," * 80_000 + b"[]]",
    "many-targets": lambda _: b'{"signatures":[],"signed":{' + b",".join(b'"%07x":0' % n for n in range(40_000)) + b"}}",
    "digits": lambda _: b"[" + b"9" * 500_000 + b"]",
    "not-utf8": lambda data: data.replace(b'"signed":{', b'"signed":{"x":"\xff",', 1),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_12_shapes_of_json(ware: Ware, shape: str) -> None:
    """Made to be expensive, and not signed by anybody: it is the very first file."""
    honest = ware.web.files["1.root.json"]
    ware.web.files["1.root.json"] = SHAPES[shape](honest)
    with within(2):
        ware.refuse("v1")
    ware.web.files["1.root.json"] = honest
    ware.believe("v1")


LARGE: dict[str, bytes] = {
    "one-string": b'"' + b"\\" * 4_900_000 + b'"',
    "empty-strings": b"[" + b'"",' * 1_600_000 + b"0]",
    "objects": b"[" + b'{"a":0},' * 600_000 + b"0]",
}


def test_12_memory(alone: Front) -> None:
    """As large as may be, all at once, in a process that lives on: it stays small, and others are served."""
    before = _peak(alone.proxy.daemon.pid)
    wares = [alone.ware() for _ in LARGE]
    for ware, data in zip(wares, LARGE.values(), strict=True):
        ware.web.plant("targets", data)
    with ThreadPoolExecutor(len(wares)) as pool:
        waiting = [pool.submit(ware.pull, "v1") for ware in wares]
        while not all(future.done() for future in waiting):
            with within(1):
                assert alone.proxy.ask("GET", f"/{API}/containers/json").status == 200
    for ware, future in zip(wares, waiting, strict=True):
        refused(alone.proxy, future.result(), ware.name)
    for trouble in (Trouble.GZIP_BOMB, Trouble.ENDLESS_BODY, Trouble.HUGE_HEADER):
        alone.server.fail(trouble)
        alone.ware().refuse("v1")
        alone.server.behave()
    assert _peak(alone.proxy.daemon.pid) - before < 100_000
    assert alone.proxy.daemon.alive


def _peak(process: int) -> int:
    """The most memory in kB that it had."""
    return int(Path(f"/proc/{process}/status").read_text().partition("VmHWM:")[2].split()[0])


def test_13_slow_drip(alone: Front) -> None:
    """One byte now and then: refused after five seconds, or answered from what is known; others do not wait.

    The server is then left alone for a while, in which nobody waits at all.
    """
    known, new = alone.ware(), alone.ware()
    known.sign("v1")
    new.sign("v1")
    known.believe("v1")
    alone.server.fail(Trouble.SLOW_DRIP)
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(ware.pull, "v1") for ware in (new, known)]
        for _ in range(20):
            with within(1):
                assert alone.proxy.ask("GET", f"/{API}/containers/json").status == 200
            time.sleep(0.1)
        refusal, answer = (future.result(timeout=11) for future in waiting)
    assert (refusal.status, answer.status) == (403, 200)
    for word in (new.name, "answer", RULE, "(hint: "):
        assert word in refusal.message
    with within(2):
        known.believe("v1")
        new.refuse("v1", "answer")
    alone.server.behave()
    time.sleep(5.1)
    new.believe("v1")


# -- rows 14 to 16: good files in wrong places ------------------------------------------------------------------------


@pytest.mark.parametrize("how", MIXES)
@fresh_or_known
def test_14_mix_and_match(ware: Ware, how: str, fresh: bool) -> None:
    """Good files that were never published together."""
    if fresh:
        ware.web.publish("releases")
    _attacked(ware, fresh, lambda: MIXES[how](ware.web), ware.name)


@pytest.fixture
def api(ware: Ware) -> FakeCollection:
    """Another collection of the same owner, with the very same keys; the image of ``v9`` is also in ``ware``'s place."""
    other = ware.front.ware()
    collection = FakeCollection(other.name, keys=ware.web.keys)
    other.front.repository.add(collection)
    digest, size = other.push("v9")
    collection.release("v9", digest, size)
    ware.push("v9")
    return collection


def test_15_metadata_of_another_collection(ware: Ware, api: FakeCollection) -> None:
    """Same keys, other name: what is signed there says nothing here."""
    ware.front.repository.instead[ware.name] = api.name
    ware.refuse("v9", api.name)
    ware.front.repository.instead.clear()
    ware.believe("v1")
    ware.refuse("v9", NOT_SIGNED)


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "releases", "alice"])
def test_15_one_file_of_another_collection(ware: Ware, api: FakeCollection, role: str) -> None:
    """One role swapped, and what stands above it made to fit."""
    honest = ware.web.record()
    while api.versions[role] <= ware.web.versions[role]:
        api.publish("targets", "releases", "alice")
    ware.web.plant(role, api.current[role])
    ware.refuse("v9", api.name)
    _recover(ware, honest)


@pytest.mark.parametrize("how", CROSS)
@fresh_or_known
def test_16_cross_delegation(ware: Ware, how: str, fresh: bool) -> None:
    """Nobody speaks of what was not delegated to them."""
    if not fresh:
        ware.believe("v1")
    honest = ware.web.record()
    ware.push("v9")
    CROSS[how][0](ware.web)
    ware.refuse("v9", learns=how == "alice-speaks-for-others")
    _recover(ware, honest)


# -- rows 17 and 18: platforms ----------------------------------------------------------------------------------------


def test_18_platforms(front: Front) -> None:
    """A digest is allowed where the signed index lists it; one that is only in the registry's index is not."""
    ware = front.ware()
    (good, size), (other, _) = ware.push("child"), ware.push("other", "good:2")
    index = f"sha256:{'7' * 64}"
    ware.web.release("v1", index, 1000, [(good, size)])
    reply = ware.pull(good)
    (asked,) = front.proxy.witness.acted()[-1:]
    assert (reply.status, b'"error' in reply.body) == (200, False)
    assert asked.target == f"/{API}/images/create?fromImage={ware.name}&tag={good}"
    front.proxy.witness.forget()
    refused(front.proxy, ware.pull(other), f"{other} {NOT_SIGNED} under any tag of {ware.name}")
    refused(front.proxy, front.proxy.create(f"{ware.name}@{other}"), f"{other} {NOT_SIGNED}")
    refused(front.proxy, front.proxy.create(f"{ware.name}:child@{good}"), f"{good} {NOT_SIGNED} under the tag child")


# -- row 20 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["root", "timestamp", "releases"])
def test_20_redirects_are_not_followed(ware: Ware, role: str) -> None:
    """Not even to a server that would serve the same."""
    with MetadataServer(ware.front.repository) as other:
        ware.front.server.redirect_to = other.url
        ware.front.server.fail(Trouble.REDIRECT, role)
        ware.refuse("v1", "302")
        assert other.requests == []
    ware.front.server.behave()
    ware.believe("v1")


# -- rows 21 to 24: stolen keys ---------------------------------------------------------------------------------------


@fresh_or_known
def test_21_stolen_timestamp_key(ware: Ware, fresh: bool) -> None:
    """It brings no tag."""

    def attack() -> None:
        target = ware.web.signed("releases")["targets"]["v1"]
        ware.web.forge("releases", lambda signed: signed["targets"].update(v9=target), by=[new_key()])
        ware.web.forge("snapshot", touched, by=ware.web.keys["timestamp"])

    _attacked(ware, fresh, attack, f"snapshot was {FORGED}")


def test_21_replays_nothing_that_was_superseded(known: Ware) -> None:
    """It can point to an older snapshot; not to one below what was seen."""
    newest = known.web.record()
    known.web.forge("timestamp", lambda signed: signed["meta"]["snapshot.json"].update(version=1))
    known.refuse("v1", OLDER)
    known.web.replay(newest)
    known.believe("v1")


@fresh_or_known
def test_22_stolen_online_keys_bring_no_tag(ware: Ware, fresh: bool) -> None:
    """Not even one that alice vouched for without releasing it: her file under the name of the releases."""
    web = ware.web
    web.vouched["alice"]["v9"] = web.vouched["alice"]["v1"]
    web.publish("alice")
    ware.push("v9")

    def attack() -> None:
        web.publish("alice", "alice")
        web.put("releases", web.current["alice"])
        web.settle()

    _attacked(ware, fresh, attack, ware.name)


def test_22_stolen_online_keys_hide(known: Ware) -> None:
    """A host that saw a newer release does not go back; one that did not is kept at the old one, with its own digest."""
    old = dict(known.web.current)
    known.sign("v1", "good:2")
    known.believe("v1")
    newest = known.web.record()
    for role in ("releases", "alice"):
        known.web.put(role, old[role])
    known.web.settle()
    known.refuse("v1", OLDER)
    known.web.replay(newest)
    known.believe("v1")


@pytest.fixture
def three(front: Front) -> Ware:
    """Two of alice, bob and carol must release; alice's key is stolen."""
    ware = front.ware(people=("alice", "bob", "carol"), threshold=2)
    ware.sign("v1")
    return ware


@pytest.mark.parametrize("how", ONE_OF_TWO)
@fresh_or_known
def test_23_one_of_two(three: Ware, how: str, fresh: bool) -> None:
    """One stolen key of a threshold of two, however often it signs."""
    _attacked(three, fresh, lambda: ONE_OF_TWO[how](three.web), three.name)


@pytest.mark.parametrize("role", ["releases", "root"])
@pytest.mark.parametrize("how", TWINS)
@fresh_or_known
def test_23_one_key_as_two(ware: Ware, how: str, role: str, fresh: bool) -> None:
    """One key under two ids must not reach a threshold of two."""
    _attacked(ware, fresh, lambda: one_key_as_two(ware.web, role, how), "twice")


@fresh_or_known
def test_23_one_key_with_two_schemes(ware: Ware, fresh: bool) -> None:
    """An RSA key under both of its signature schemes is one key."""
    _attacked(ware, fresh, lambda: two_schemes(ware.web), "twice")


@fresh_or_known
def test_24_revoked_targets_key(ware: Ware, fresh: bool) -> None:
    """After the next root names another key, what the stolen one signs is refused."""
    stolen = list(ware.web.keys["targets"])
    ware.web.rotate("targets")
    _attacked(ware, fresh, lambda: ware.web.forge("targets", touched, by=stolen), f"targets was {FORGED}")


def test_24_revoked_signer(known: Ware) -> None:
    """Alice's key is replaced, and her releases with it: what she alone released is no more, container or image."""
    container = known.create("v1").json["Id"]
    known.front.proxy.witness.forget()
    honest = known.web.record()
    known.web.keys["alice"] = [new_key()]
    known.web.released.clear()
    known.web.vouched["alice"].clear()
    known.web.publish("targets", "releases", "alice")
    known.refuse("v1", f"{known.name}:v1 {NOT_SIGNED}", learns=True)
    start = known.front.proxy.ask("POST", f"/{API}/containers/{container}/start")
    refused(known.front.proxy, start, f"{NOT_SIGNED} under any tag of {known.name}")
    known.web.released = honest.released
    known.web.publish("releases")
    known.believe("v1")


# -- rows 25 and 26: roots --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ROOTS)
@fresh_or_known
def test_25_next_root(front: Front, how: str, fresh: bool) -> None:
    """A bad root N+1 is refused, and N stays what is trusted; one that its owner let expire ends all."""
    ware = front.ware(root=[front.key, new_key()])
    ware.sign("v1")
    attack, codes = ROOTS[how]
    if "stale" not in codes:
        _attacked(ware, fresh, lambda: attack(ware.web), ware.name)
        return
    if not fresh:
        ware.believe("v1")
    attack(ware.web)
    ware.refuse("v1", EXPIRED)


@fresh_or_known
def test_25_root_of_somebody_else(ware: Ware, fresh: bool) -> None:
    """No trust on first use, nor on second: a whole honest collection under keys that nobody pinned."""
    honest = ware.web
    if not fresh:
        ware.believe("v1")
    stranger = FakeCollection(ware.name)
    stranger.release("v1", ware.front.stage.digests["evil:1"], 1000)
    stranger.release("v9", ware.front.stage.digests["evil:1"], 1000)
    ware.front.repository.add(stranger)
    if fresh:
        ware.refuse("v1", "root")
    else:
        ware.believe("v1")
        ware.refuse("v9", CACHE)
    ware.front.repository.add(honest)
    ware.believe("v1")


@fresh_or_known
def test_26_rotated_300_times(ware: Ware, fresh: bool) -> None:
    """A clear message, not an old root that is quietly kept for what is new."""

    def attack() -> None:
        ware.web.rotate_often(300)
        ware.web.rotate("targets")

    _attacked(ware, fresh, attack, "rotated its root 256 times", "pin the new one")


# -- row 27 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["expired", "forged"])
def test_27_sibling_in_trouble(three: Ware, how: str) -> None:
    """Carol's role has ended, or is not hers: what the others released still holds."""
    if how == "expired":
        three.web.make("carol", expires=datetime.now(UTC) - timedelta(days=1))
        three.web.settle()
    else:
        three.web.forge("carol", touched, by=[new_key()])
    three.believe("v1")


# -- row 29: other doors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "target", "what"),
    [
        ("POST", "/images/load?quiet=1", "image load"),
        ("POST", "/build?t={name}:v1&version=1", "build"),
        ("POST", "/build?remote=https://example.com/x.git", "build"),
        ("POST", "/build?version=2&session=x", "build"),
        ("POST", "/session", "image build"),
        ("POST", "/grpc", "image build"),
        ("POST", "/commit?container=x&repo={name}&tag=v1", "commit"),
        ("POST", "/plugins/pull?remote={name}:v1", "plugin"),
        ("POST", "/plugins/create?name=x", "plugin"),
        ("POST", "/plugins/x/enable", "plugin"),
        ("POST", "/services/create", "service"),
        ("POST", "/services/x/update?version=1&rollback=previous", "service"),
        ("POST", "/swarm/init", "swarm"),
        ("POST", "/swarm/join", "swarm"),
        ("PUT", "/containers/x/archive?path=/", "cp"),
        ("POST", "/containers/x/checkpoints", "checkpoint"),
        ("POST", "/secrets/create", "secret"),
        ("POST", "/configs/create", "config"),
        ("POST", "/images/{name}:v1/push", "push"),
        ("POST", "/images/{name}:v1/anything", "no call of the engine"),
        ("POST", "/containers/clone", "no call of the engine"),
        ("PATCH", "/containers/create", "no call of the engine"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("version", [f"/{API}", "", "/v1.24", "/v1.51"])
def test_29_other_doors(front: Front, method: str, target: str, what: str, version: str) -> None:
    """Whatever else brings an image in, or names one: closed, whatever the body and the version."""
    front.proxy.witness.forget()
    body = b"FROM scratch\n" * 50
    reply = front.proxy.ask(
        method, version + target.format(name="foo/web"), body, {"Content-Type": "application/x-tar"}
    )
    refused(front.proxy, reply, what, rule="[routes: what is not open is closed]")


_BODY = '{"Image":"IMAGE","Cmd":["true"]}'
_JSON = "Content-Type: application/json"


def _create(
    *headers: str, target: str = f"/{API}/containers/create", version: str = "HTTP/1.1"
) -> Callable[[str], bytes]:
    def make(image: str) -> bytes:
        body = _BODY.replace("IMAGE", image)
        lines = [f"POST {target} {version}", "Host: docker", _JSON, f"Content-Length: {len(body)}", *headers]
        return "\r\n".join([*lines, "", body]).encode()

    return make


def _chunked(image: str) -> bytes:
    body = _BODY.replace("IMAGE", image)
    head = f"POST /{API}/containers/create HTTP/1.1\r\nHost: docker\r\n{_JSON}\r\nTransfer-Encoding: chunked\r\n\r\n"
    middle = len(body) // 2
    parts = (body[:middle], body[middle:])
    return (head + "".join(f"{len(part):x}\r\n{part}\r\n" for part in parts) + "0\r\n\r\n").encode()


WIRES: dict[str, tuple[Callable[[str], bytes], int]] = {
    "plain": (_create(), 403),
    "chunked": (_chunked, 403),
    "no-version": (_create(target="/containers/create"), 403),
    "old-version": (_create(target="/v1.24/containers/create"), 403),
    "older-version": (_create(target="/v1.12/containers/create"), 400),
    "newer-version": (_create(target="/v1.99/containers/create"), 400),
    "odd-version": (_create(target="/v1.041/containers/create"), 400),
    "two-versions": (_create(target=f"/{API}/{API}/containers/create"), 400),
    "two-slashes": (_create(target="//containers/create"), 400),
    "final-slash": (_create(target=f"/{API}/containers/create/"), 400),
    "dot": (_create(target=f"/{API}/./containers/create"), 400),
    "dots": (_create(target=f"/{API}/containers/x/../create"), 400),
    "escaped-letter": (_create(target=f"/{API}/%63ontainers/create"), 400),
    "escaped-slash": (_create(target=f"/{API}/containers%2Fcreate"), 400),
    "upper-case": (_create(target=f"/{API}/Containers/create"), 403),
    "http-1.0": (_create(version="HTTP/1.0"), 403),
    "upgrade": (_create("Connection: Upgrade", "Upgrade: tcp"), 400),
    "upgrade-to-http2": (_create("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"), 400),
    "absolute": (_create(target=f"http://docker/{API}/containers/create"), 400),
    "override": (_create("X-HTTP-Method-Override: GET"), 403),
}  # fmt: skip


@pytest.mark.parametrize("how", WIRES)
def test_29_other_ways_to_say_it(front: Front, how: str) -> None:
    """The same creation of an unsigned image, written in every way that some reader takes for it."""
    make, status = WIRES[how]
    front.proxy.witness.forget()
    answer = front.proxy.send(make(front.stage.evil + ":1"), end=True)
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer
    assert b'{"message": "pytrust: ' in answer
    assert front.proxy.witness.acted() == []


# -- rows 30 and 31: state --------------------------------------------------------------------------------------------


def _make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "remove it"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-100]), "remove it"),
    "not-json": (lambda path: path.write_bytes(b"\x00\xff" * 100), "remove it"),
    "deep": (lambda path: path.write_bytes(b"[" * 100_000), "remove it"),
    "open-to-others": (lambda path: path.chmod(0o666), "open to others"),
    "a-link": (lambda path: path.symlink_to(path.rename(path.with_suffix(".elsewhere"))), "symbolic link"),
    "a-folder": (_make_folder, ""),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_30_damaged_cache(known: Ware, how: str) -> None:
    """Said, not guessed around; neighbours are served; the way out works."""
    damage, said = DAMAGE[how]
    other = known.front.ware()
    other.sign("v1")
    damage(known.cache)
    known.refuse("v1", said, learns=True)
    other.believe("v1")
    known.cache.rmdir() if known.cache.is_dir() else known.cache.unlink()
    known.believe("v1")


def test_30_forged_cache(known: Ware) -> None:
    """A complete collection of somebody else in its place: the pin covers none of its roots."""
    stranger = FakeCollection(known.name)
    stranger.release("v9", known.front.stage.digests["evil:1"], 1000)
    files = {f"{role}.json": data.decode() for role, data in stranger.current.items() if role != "root"}
    files["root_history/1.root.json"] = stranger.files["1.root.json"].decode()
    document = json.loads(known.cache.read_text())
    good = known.cache.read_bytes()
    known.cache.write_text(json.dumps({**document, "files": files}))
    known.refuse("v9", learns=True)
    known.cache.write_bytes(good)
    known.believe("v1")


def test_30_fifty_at_once(alone: Front) -> None:
    """Creations that start together on an empty cache, while the publisher goes on: equal answers, pinned alike."""
    ware = alone.ware()
    ware.sign("v1")
    alone.stage.docker.run("pull", f"{ware.name}@{ware.digests['v1']}")

    def ask(number: int) -> tuple[int, str]:
        if number % 10 == 0:
            ware.web.stamp()
        reply = ware.create("v1" if number % 2 else "v2", name=f"at-once-{number}")
        return reply.status, reply.message

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(ask, range(50)))
    assert {status for status, _ in answers[1::2]} == {201}
    assert len(set(answers[::2])) == 1
    assert answers[0][0] == 403
    assert f"{ware.name}:v2 {NOT_SIGNED}" in answers[0][1]
    created = alone.proxy.witness.acted()
    assert len(created) == 25
    assert {request.json["Image"] for request in created} == {f"{ware.name}@{ware.digests['v1']}"}


def test_30_beside_the_command(known: Ware) -> None:
    """The command and the proxy share a cache: both go on."""
    front = known.front
    with ThreadPoolExecutor(4) as pool:
        verified = [
            pool.submit(front.stage.attempt, "inspect", known.name, "--json", home=front.home) for _ in range(4)
        ]
        known.believe("v1", "v1", "v1")
    assert {future.result().returncode for future in verified} == {0}
    known.believe("v1")


def test_30_two_proxies(alone: Front) -> None:
    """A second one with the same home ends at once and says why; the first goes on."""
    ware = alone.ware()
    ware.sign("v1")
    with (
        pytest.raises(RigError, match=r"another proxy writes the journal in .*\nhint: .*--home"),
        alone.stage.proxy(home=alone.home),
    ):
        pass
    ware.believe("v1")


def test_31_state_deleted(timed: Front, clock: Clock) -> None:
    """A host without memory takes an old set while its timestamp lives, and not a moment longer; a pin still decides."""
    ware = timed.ware()
    ware.sign("v1")
    ware.web.stamp(datetime.now(UTC) + timedelta(days=5))
    old = ware.web.record()
    ware.sign("v1", "good:2")
    ware.believe("v1")
    ware.web.replay(old)
    ware.refuse("v1", OLDER)
    ware.cache.unlink()
    ware.digests["v1"] = timed.stage.digests["good:1"]
    ware.believe("v1")
    ware.cache.unlink()
    timed.restart()
    timed.repository.add(FakeCollection(ware.name))
    ware.refuse("v1", "root")
    timed.repository.add(ware.web)
    clock.move(5.1)
    ware.refuse("v1", EXPIRED)
