"""The swarm's own keys: read from the engine, kept in the vault, and never only in the swarm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.foreign_ca import ForeignCa
from tests.fakes.swarm import CLUSTER, FakeSwarm, serve
from tests.fakes.vaulted import FakeVaulted

from pytrust.policy.engine.address import EngineAddress
from pytrust.policy.swarm.autolock import keep_keys, switch_on, unlock
from pytrust.policy.swarm.engine import SwarmEngine
from pytrust.policy.swarm.keeping import Kept
from pytrust.policy.swarm.keys import What
from pytrust.policy.swarm.state import Held, read_cluster, read_local, read_secrets, read_unlock_key
from pytrust.trust import errors
from pytrust.trust.vault.names import SecretName
from pytrust.trust.vault.operations import Get, Put, Value

NAMES = [f"pytrust/swarm/{CLUSTER}/{what}" for what in What]
ROOT = ForeignCa("swarm-ca")


@pytest.fixture
def swarm(tmp_path: Path) -> Iterator[FakeSwarm]:
    with serve(FakeSwarm(ROOT.pem.decode()), tmp_path / "d.sock") as fake:
        yield fake


@pytest.fixture
def engine(swarm: FakeSwarm, tmp_path: Path) -> SwarmEngine:
    return SwarmEngine(EngineAddress(socket=tmp_path / "d.sock"))


@pytest.fixture
def vault() -> FakeVaulted:
    return FakeVaulted()


def versions(vault: FakeVaulted, what: What) -> list[bytes]:
    """Every value that is kept, the oldest first."""
    name = SecretName(f"pytrust/swarm/{CLUSTER}/{what}")
    found = [vault.ask(Get(name=name, number=version.number)) for version in vault.secret(name).versions]
    return [each.value for each in found if isinstance(each, Value)]


# what an engine tells


def test_a_swarm_is_read(engine: SwarmEngine, swarm: FakeSwarm) -> None:
    cluster = engine.cluster()
    assert (cluster.id, cluster.version, cluster.autolock, cluster.rotating) == (CLUSTER, 10, False, False)
    assert (cluster.since, cluster.until) == (
        ROOT.certificate.not_valid_before_utc,
        ROOT.certificate.not_valid_after_utc,
    )
    assert engine.unlock_key() is None
    swarm.autolock = True
    assert engine.cluster().autolock
    assert engine.unlock_key() == swarm.key("unlock")


def test_secrets_that_lie_in_the_swarm(engine: SwarmEngine, swarm: FakeSwarm) -> None:
    swarm.secrets = [
        {"Spec": {"Name": "b"}},
        {"Spec": {"Name": "ours", "Driver": {"Name": "pytrust"}}},
        {"Spec": {"Name": "a", "Driver": None, "Labels": {}}},
    ]
    assert engine.secrets() == Held(("a", "b"), ("ours",))


@pytest.mark.parametrize(
    ("state", "manager", "text"),
    [
        ("inactive", False, "is in no swarm"),
        ("active", False, "is a worker"),
        ("pending", False, "is pending"),
        ("error", False, "is error"),
        ("locked", False, "is locked"),
    ],
)
def test_an_engine_that_cannot_tell(
    engine: SwarmEngine, swarm: FakeSwarm, state: str, manager: bool, text: str
) -> None:
    swarm.state, swarm.manager = state, manager
    with pytest.raises(errors.Unknown, match=text) as caught:
        engine.cluster()
    assert caught.value.hint
    assert swarm.asked == ["GET /info"]


GOOD = FakeSwarm(ROOT.pem.decode())._told()


@pytest.mark.parametrize(
    "change",
    [
        {"ID": "../../x"},
        {"ID": "A" * 25},
        {"ID": ""},
        {"Version": {"Index": -1}},
        {"Version": None},
        {"Spec": []},
        {"Spec": {"EncryptionConfig": {"AutoLockManagers": "false"}}},
        {"TLSInfo": {"TrustRoot": "none"}},
        {"TLSInfo": {"TrustRoot": ""}},
        {"JoinTokens": {"Worker": "", "Manager": ""}},
        {"JoinTokens": {"Worker": GOOD["JoinTokens"]["Worker"] + "\n", "Manager": GOOD["JoinTokens"]["Manager"]}},
        {"JoinTokens": None},
    ],
)
def test_what_is_no_swarm(change: dict[str, Any]) -> None:
    assert read_cluster(GOOD).id == CLUSTER
    with pytest.raises(errors.BadContent):
        read_cluster({**GOOD, **change})


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"UnlockKey": "SWMKEY-1-canary"}, {"UnlockKey": None}, {"UnlockKey": 7}]
)
def test_what_is_no_key_is_not_shown(answer: object) -> None:
    with pytest.raises(errors.BadContent) as caught:
        read_unlock_key(answer)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("answer", [None, [], {}, {"Swarm": None}, {"Swarm": {}}])
def test_what_is_no_info(answer: object) -> None:
    with pytest.raises(errors.BadContent):
        read_local(answer)


@pytest.mark.parametrize("answer", [None, {}, [{}], [{"Spec": {}}], [{"Spec": {"Name": "a", "Driver": "x"}}]])
def test_what_is_no_list_of_secrets(answer: object) -> None:
    with pytest.raises(errors.BadContent):
        read_secrets(answer)


def test_nothing_that_can_be_printed_shows_a_key(engine: SwarmEngine, swarm: FakeSwarm, vault: FakeVaulted) -> None:
    cluster = engine.cluster()
    shown = repr(cluster) + str(cluster) + repr(switch_on(engine, vault, rotate=True))
    assert "SWM" not in shown


# keeping


def test_keys_are_kept_and_again_only_when_they_change(
    engine: SwarmEngine, swarm: FakeSwarm, vault: FakeVaulted
) -> None:
    kept = keep_keys(engine, vault, engine.cluster(), "check")
    assert kept == [Kept(What.JOIN_WORKER, 1, new=True), Kept(What.JOIN_MANAGER, 1, new=True)]
    assert vault.names() == sorted(NAMES[:2])
    swarm.autolock = True
    kept = keep_keys(engine, vault, engine.cluster(), "check")
    assert [each.new for each in kept] == [False, False, True]
    assert versions(vault, What.UNLOCK_KEY) == [swarm.key("unlock").encode()]
    assert versions(vault, What.JOIN_MANAGER) == [swarm.key("manager").encode()]
    generation = vault.generation
    assert not any(each.new for each in keep_keys(engine, vault, engine.cluster(), "check"))
    assert vault.generation == generation


# autolock


def test_switching_on_keeps_the_key_and_changes_nothing_else(
    engine: SwarmEngine, swarm: FakeSwarm, vault: FakeVaulted
) -> None:
    spec = dict(swarm.spec)
    kept = switch_on(engine, vault, rotate=False)
    assert swarm.autolock
    assert swarm.spec == spec
    assert swarm.round == 0
    assert [(each.what, each.new) for each in kept] == [
        (What.JOIN_WORKER, False),
        (What.JOIN_MANAGER, False),
        (What.UNLOCK_KEY, True),
    ]
    assert versions(vault, What.UNLOCK_KEY) == [swarm.key("unlock").encode()]


def test_what_is_on_already_is_left_alone(engine: SwarmEngine, swarm: FakeSwarm, vault: FakeVaulted) -> None:
    swarm.autolock = True
    switch_on(engine, vault, rotate=False)
    assert "POST /swarm/update" not in swarm.asked
    assert versions(vault, What.UNLOCK_KEY) == [swarm.key("unlock").encode()]


def test_rotation_renews_all_and_keeps_what_was(engine: SwarmEngine, swarm: FakeSwarm, vault: FakeVaulted) -> None:
    swarm.autolock = True
    keys = [{kind: swarm.key(kind).encode() for kind in ("worker", "manager", "unlock")}]
    for _ in range(12):
        assert all(each.new for each in switch_on(engine, vault, rotate=True))
        keys.append({kind: swarm.key(kind).encode() for kind in ("worker", "manager", "unlock")})
    assert versions(vault, What.UNLOCK_KEY) == [each["unlock"] for each in keys]  # more than a secret keeps by itself
    assert versions(vault, What.JOIN_WORKER)[-1] == keys[-1]["worker"]


def test_nothing_is_switched_on_where_the_vault_takes_nothing(
    engine: SwarmEngine, swarm: FakeSwarm, vault: FakeVaulted
) -> None:
    vault.closed = True
    with pytest.raises(errors.VaultLocked):
        switch_on(engine, vault, rotate=True)
    assert not swarm.autolock
    assert "POST /swarm/update" not in swarm.asked


class Closing(FakeVaulted):
    """Takes join tokens, and no unlock key."""

    def ask(self, operation: Any, *, caller: Any = None) -> Any:
        if isinstance(operation, Put) and operation.name.endswith("unlock-key"):
            raise errors.Unsound("no space left on device")
        return super().ask(operation, caller=caller)


def test_a_key_that_is_only_in_the_swarm_is_told_of_loudly(engine: SwarmEngine, swarm: FakeSwarm) -> None:
    with pytest.raises(errors.Unsound, match="is on, and its key is NOT in the vault: no space left") as caught:
        switch_on(engine, Closing(), rotate=False)
    assert swarm.autolock
    assert "docker swarm unlock-key" in caught.value.hint
    assert "SWMKEY" not in str(caught.value)


def test_a_key_that_cannot_be_read_back_is_told_of_too(
    engine: SwarmEngine, swarm: FakeSwarm, vault: FakeVaulted, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = SwarmEngine.switch_on

    def and_break(self: SwarmEngine, *args: Any, **more: Any) -> None:
        really(self, *args, **more)
        swarm.broken["GET /swarm/unlockkey"] = 500

    monkeypatch.setattr(SwarmEngine, "switch_on", and_break)
    with pytest.raises(errors.Unsound, match="NOT in the vault: the engine says"):
        switch_on(engine, vault, rotate=False)


def test_a_swarm_that_changes_meanwhile(engine: SwarmEngine, swarm: FakeSwarm, vault: FakeVaulted) -> None:
    swarm.stranger = 1
    with pytest.raises(errors.Conflict):
        switch_on(engine, vault, rotate=True)
    assert (swarm.autolock, swarm.round) == (False, 0)
    switch_on(engine, vault, rotate=True)
    assert (swarm.autolock, swarm.round) == (True, 1)


def test_an_engine_that_refuses(engine: SwarmEngine, swarm: FakeSwarm, vault: FakeVaulted) -> None:
    swarm.broken["POST /swarm/update"] = 500
    with pytest.raises(errors.ServerError, match="something broke"):
        switch_on(engine, vault, rotate=True)


# unlocking


def locked(engine: SwarmEngine, swarm: FakeSwarm, vault: FakeVaulted, rotations: int = 0) -> None:
    switch_on(engine, vault, rotate=False)
    for _ in range(rotations):
        switch_on(engine, vault, rotate=True)
    swarm.state = "locked"


def test_the_newest_key_opens(engine: SwarmEngine, swarm: FakeSwarm, vault: FakeVaulted) -> None:
    locked(engine, swarm, vault, rotations=2)
    assert unlock(engine, vault, None) == (CLUSTER, 3)
    assert swarm.state == "active"
    assert swarm.tried == [swarm.key("unlock")]


def test_a_manager_that_was_down_wants_an_old_one(engine: SwarmEngine, swarm: FakeSwarm, vault: FakeVaulted) -> None:
    locked(engine, swarm, vault, rotations=3)
    swarm.round = 1
    assert unlock(engine, vault, CLUSTER) == (CLUSTER, 2)
    assert len(swarm.tried) == 3


def test_no_key_fits(engine: SwarmEngine, swarm: FakeSwarm, vault: FakeVaulted) -> None:
    locked(engine, swarm, vault, rotations=1)
    swarm.round = 9
    with pytest.raises(errors.Refused, match="none of the 2 keys") as caught:
        unlock(engine, vault, None)
    assert "SWMKEY" not in str(caught.value)


def test_no_key_is_there(engine: SwarmEngine, swarm: FakeSwarm, vault: FakeVaulted) -> None:
    keep_keys(engine, vault, engine.cluster(), "check")  # join tokens, and no unlock key
    swarm.state = "locked"
    with pytest.raises(errors.NoSuchSecret, match="no unlock key of a swarm"):
        unlock(engine, vault, None)
    with pytest.raises(errors.NoSuchSecret, match="of the swarm 'other'"):
        unlock(engine, vault, "other")


def test_keys_of_several_swarms_are_not_tried_on_one(engine: SwarmEngine, swarm: FakeSwarm, vault: FakeVaulted) -> None:
    swarm.cluster = "another"
    switch_on(engine, vault, rotate=False)
    swarm.cluster = CLUSTER
    locked(engine, swarm, vault)
    with pytest.raises(errors.UsageError, match="keys of 2 swarms") as caught:
        unlock(engine, vault, None)
    assert caught.value.hint == f"--cluster another or {CLUSTER}"
    assert not swarm.tried
    assert unlock(engine, vault, CLUSTER).cluster == CLUSTER


def test_an_engine_that_breaks_while_keys_are_tried(engine: SwarmEngine, swarm: FakeSwarm, vault: FakeVaulted) -> None:
    locked(engine, swarm, vault)
    swarm.broken["POST /swarm/unlock"] = 500
    with pytest.raises(errors.ServerError):
        unlock(engine, vault, None)


def test_who_may_not_try_keys_has_no_wrong_key(engine: SwarmEngine, swarm: FakeSwarm, vault: FakeVaulted) -> None:
    locked(engine, swarm, vault)
    swarm.broken["POST /swarm/unlock"] = 403
    with pytest.raises(errors.AccessDenied, match="something broke"):
        unlock(engine, vault, None)
