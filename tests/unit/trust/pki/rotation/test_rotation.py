"""Rotations against a world of engines, clients, agents and operators that do things in any order, or are killed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pytrust.trust.errors import Damaged, PytrustError, Refused, UsageError
from pytrust.trust.pki.authority.index import Holder
from pytrust.trust.pki.authority.ledger import What
from pytrust.trust.pki.authority.rows import State
from pytrust.trust.pki.authority.succession import Remark
from pytrust.trust.pki.model import CaKind, Issued, Kind, LeafKind, Serial
from pytrust.trust.pki.rotation import state as rotation_state
from pytrust.trust.pki.rotation.machine import abort, confirm, decide, enter, lacking, observe, watched
from pytrust.trust.pki.rotation.model import Ask, Go, Leaf, Need, Over, Phase, Rotation, Sign, Wait
from pytrust.trust.pki.rotation.rotate import Progress, Rotator
from pytrust.trust.pki.rotation.signs import client_signs

NOW = datetime(2026, 11, 24, tzinfo=UTC)
CAS: tuple[CaKind, ...] = (Kind.ROOT, Kind.SERVER_CA, Kind.CLIENT_CA)


class Killed(BaseException):
    """kill -9."""


@dataclass
class Party:
    """An engine or a client: its certificate, the CAs in its folder, and those that it uses.

    ``trusts`` are client CAs (engine) or roots (client); ``chain`` the root that an engine's chain leads to.
    """

    name: str
    kind: LeafKind
    local: bool
    serial: int
    generation: int
    trusts: frozenset[int]
    chain: int = 0
    used: tuple[int, frozenset[int], int] = (0, frozenset(), 0)
    reachable: bool = True
    endpoint: str = "host:2376"
    reloads: bool = False

    def use(self) -> None:
        """Restart of an engine; for a client, the copy of the folder that is in use."""
        self.used = (self.generation, self.trusts, self.chain)


@dataclass
class World:
    """An authority, as index and deeds, and everybody who has files of it; also the eyes."""

    states_of: dict[CaKind, dict[int, State]] = field(
        default_factory=lambda: {kind: {1: State.ISSUING} for kind in CAS}
    )
    crossed: set[tuple[CaKind, int]] = field(default_factory=set)
    parties: dict[str, Party] = field(default_factory=dict)
    kept: bytes | None = None
    serials: int = 0
    left: int = -1  # points at which it may be killed, until it is
    told: list[str] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)

    @property
    def index(self) -> World:
        return self

    def states(self, kind: CaKind) -> dict[int, State]:
        return dict(self.states_of[kind])

    def servers(self) -> list[Holder]:
        return [self._holder(party) for party in self.of(Kind.SERVER)]

    def clients(self) -> list[Holder]:
        return [self._holder(party) for party in self.of(Kind.CLIENT)]

    def by_serial(self, serial: Serial) -> Issued | None:
        return next((self._issued(party) for party in self.parties.values() if party.serial == serial), None)

    def add_generation(self, kind: CaKind, new_passphrase: object) -> Issued:
        self.point()
        assert State.ANNOUNCED not in self.states_of[kind].values()
        self.states_of[kind][max(self.states_of[kind]) + 1] = State.ANNOUNCED
        self.rewrite_folders()
        return replace(self._issued(Party("x", Kind.CLIENT, True, 0, max(self.states_of[kind]), frozenset())))

    def cross_sign(self, kind: CaKind) -> list[Issued]:
        self.point()
        self.crossed |= {(kind, root) for root in self.counting(Kind.ROOT)}
        self.point()
        return []

    def promote(self, kind: CaKind, generation: int) -> None:
        self.point()
        assert self.states_of[kind][generation] in {State.ANNOUNCED, State.LEAVING}
        if kind is Kind.ROOT and generation != 1:
            assert {(Kind.SERVER_CA, generation), (Kind.CLIENT_CA, generation)} <= self.crossed
        self.states_of[kind] = {
            number: State.LEAVING if state is State.ISSUING else state for number, state in self.states_of[kind].items()
        } | {generation: State.ISSUING}
        self.rewrite_folders()

    def retire_generation(self, kind: CaKind, generation: int) -> None:
        self.point()
        assert self.states_of[kind][generation] is not State.ISSUING
        self.states_of[kind][generation] = State.RETIRED
        self.rewrite_folders()

    def renew(self, issued: Issued) -> Issued:
        self.point()
        party = self.parties[issued.holder]
        assert party.serial == issued.serial
        self.write(party, new=True)
        self.point()
        return self._issued(party)

    def rewrite_folders(self) -> list[Path]:
        for party in self.parties.values():
            if party.local:
                self.point()
                self.write(party, new=False)
        return []

    def rotation(self) -> bytes | None:
        return self.kept

    def set_rotation(self, state: bytes | None, remarks: Iterable[Remark] = ()) -> None:
        self.point()
        self.kept = state
        self.remarks += remarks
        self.point()

    def look(self, rotation: Rotation, leaves: Sequence[Leaf]) -> tuple[Sign, ...]:
        if watched(rotation) is Kind.CLIENT:
            return client_signs(rotation, leaves)
        servers = [leaf for leaf in leaves if leaf.kind is watched(rotation)]
        return tuple(self._sign(rotation, self.parties[leaf.holder]) for leaf in servers)

    def keep_proof(self, generation: int) -> None:
        self.point()
        assert self.states_of[Kind.CLIENT_CA][generation] is not State.RETIRED

    def close_eyes(self) -> None:
        self.point()

    def point(self) -> None:
        self.check()
        if self.left == 0:
            raise Killed
        self.left -= 1

    def check(self) -> None:
        """Everybody can speak to everybody at every moment."""
        for engine in self.of(Kind.SERVER):
            for client in self.of(Kind.CLIENT):
                assert client.used[0] in engine.used[1], f"{engine} refuses {client}"
                assert engine.used[2] in client.used[1], f"{client} refuses {engine}"

    def of(self, kind: LeafKind) -> list[Party]:
        return [party for party in self.parties.values() if party.kind is kind]

    def counting(self, kind: CaKind) -> frozenset[int]:
        return frozenset(number for number, state in self.states_of[kind].items() if state is not State.RETIRED)

    def issuing(self, kind: CaKind) -> int:
        return next(number for number, state in self.states_of[kind].items() if state is State.ISSUING)

    def write(self, party: Party, *, new: bool) -> None:
        """What a folder holds when it is written now."""
        party.trusts = self.counting(Kind.CLIENT_CA if party.kind is Kind.SERVER else Kind.ROOT)
        party.chain = self.issuing(Kind.ROOT)
        if new:
            self.serials += 1
            party.serial = self.serials
            party.generation = self.issuing(Kind.SERVER_CA if party.kind is Kind.SERVER else Kind.CLIENT_CA)
        if party.reloads:
            party.use()

    def done(self, rotation: Rotation, party: Party) -> bool:
        generation, trusts, chain = party.used
        match rotation.phase, rotation.kind:
            case Phase.SPREAD, _:
                return rotation.coming in trusts
            case Phase.SETTLE, _:
                return rotation.leaving not in trusts
            case _, Kind.ROOT:
                return chain == rotation.coming
            case _:
                return generation == rotation.coming

    def _sign(self, rotation: Rotation, party: Party) -> Sign:
        need = None if self.done(rotation, party) else Need.RESTART
        if not party.reachable:
            need = Need.REACH
        if not party.endpoint:
            need = Need.CONFIRM
        return Sign(kind=party.kind, holder=party.name, need=need, text="seen")

    def _holder(self, party: Party) -> Holder:
        folder = Path("/folder") if party.local else None
        return Holder(
            kind=party.kind,
            name=party.name,
            issued=self._issued(party),
            folder=folder,
            endpoint=party.endpoint,
            unfinished=False,
            behind=False,
        )

    def _issued(self, party: Party) -> Issued:
        return Issued(
            serial=Serial(party.serial),
            kind=party.kind,
            holder=party.name,
            generation=party.generation,
            der=b"",
            not_before=NOW - timedelta(hours=1),
            not_after=NOW + timedelta(days=9),
            renew_at=NOW + timedelta(days=5),
        )


def rotator_of(world: World) -> Rotator:
    return Rotator(world, world, lambda: NOW, lambda name: b"", world.told.append)


class Rotations(RuleBasedStateMachine):
    """Whatever happens in whatever order, nobody is refused, and it ends in new or in old everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.rotator = rotator_of(self.world)
        self.asked, self.phase = False, Phase.DROP
        self.wanted: tuple[CaKind, int] | None = None
        self.count = 0

    @initialize()
    def people(self) -> None:
        for kind in (Kind.SERVER, Kind.CLIENT):
            for local in (True, False):
                self.add(kind, local, "h:1", False)

    @rule(
        kind=st.sampled_from([Kind.SERVER, Kind.CLIENT]),
        local=st.booleans(),
        endpoint=st.sampled_from(["", "h:1"]),
        reloads=st.booleans(),
    )
    @precondition(lambda self: self.count < 8)
    def add(self, kind: LeafKind, local: bool, endpoint: str, reloads: bool) -> None:
        self.count += 1
        reloads = reloads and kind is Kind.SERVER
        party = Party(f"{kind}{self.count}", kind, local, 0, 0, frozenset(), endpoint=endpoint, reloads=reloads)
        self.world.write(party, new=True)
        party.use()
        self.world.parties[party.name] = party
        self.asked = False

    @rule(kind=st.sampled_from(CAS))
    def begin(self, kind: CaKind) -> None:
        if self.rotator.current() is not None:
            with pytest.raises(Refused):
                self.rotator.begin(kind)
            return
        before = self.world.issuing(kind)
        self.wanted = (kind, self.rotator.begin(kind).coming)
        assert before != self.wanted[1]

    @rule(point=st.none() | st.integers(0, 40))
    def go_on(self, point: int | None) -> None:
        self.run(self.rotator.go_on, point)

    @rule(point=st.none() | st.integers(0, 40))
    @precondition(lambda self: self.asked)
    def say_yes(self, point: int | None) -> None:
        self.hand_over()
        self.run(lambda: self.rotator.go_on(consent={self.phase}), point)

    @rule(data=st.data())
    def restart(self, data: st.DataObject) -> None:
        engine = data.draw(st.sampled_from(self.world.of(Kind.SERVER)))
        engine.use()
        engine.reachable = True

    @rule(data=st.data())
    def unplug(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.world.of(Kind.SERVER))).reachable = False

    @rule(data=st.data(), renew=st.booleans())
    def agent(self, data: st.DataObject, renew: bool) -> None:
        party = data.draw(st.sampled_from([party for party in self.world.parties.values() if not party.local]))
        self.world.write(party, new=True)
        if party.kind is Kind.CLIENT:
            party.use()

    @rule(data=st.data())
    def vouch(self, data: st.DataObject) -> None:
        rotation = self.rotator.current()
        waiting = (
            [] if rotation is None else [sign for sign in lacking(rotation) if sign.need in {Need.REACH, Need.CONFIRM}]
        )
        honest = [
            sign.holder for sign in waiting if rotation and self.world.done(rotation, self.world.parties[sign.holder])
        ]
        if honest:
            self.rotator.vouch([data.draw(st.sampled_from(honest))])

    @rule()
    def abort(self) -> None:
        rotation = self.rotator.current()
        try:
            back = self.rotator.turn_back()
        except PytrustError:
            assert rotation is None or rotation.aborting or rotation.phase in {Phase.DROP, Phase.SETTLE}
        else:
            self.wanted, self.asked = (back.kind, back.coming), False

    @invariant()
    def nobody_is_refused(self) -> None:
        self.world.check()

    def hand_over(self) -> None:
        """What an operator does before saying yes: copies of the folders are brought to those who use them."""
        for client in self.world.of(Kind.CLIENT):
            client.use()

    def run(self, step: Callable[[], Progress | None], point: int | None) -> None:
        self.asked = False
        self.world.left = -1 if point is None else point
        try:
            progress = step()
        except Killed:
            return
        finally:
            self.world.left = -1
        if progress is not None and isinstance(progress.outcome, Ask):
            self.asked, self.phase = True, progress.outcome.phase
        if progress is not None and isinstance(progress.outcome, Over):
            self.finished()

    def finished(self) -> None:
        assert self.rotator.current() is None
        assert self.wanted is not None
        kind, generation = self.wanted
        assert self.world.issuing(kind) == generation
        assert self.world.counting(kind) == {generation}
        for party in self.world.parties.values():
            _, trusts, _ = party.used
            enrolled_or_engine = party.kind is Kind.SERVER or not party.local
            if enrolled_or_engine and kind is (Kind.CLIENT_CA if party.kind is Kind.SERVER else Kind.ROOT):
                assert trusts == {generation}
        assert self.rotator.go_on(consent=tuple(Phase), force=True) is None  # a second time there is nothing to do

    def teardown(self) -> None:
        """Once everybody plays along, it ends."""
        for _ in range(12):
            if self.rotator.current() is None:
                return
            self.run(self.rotator.go_on, None)
            for party in self.world.parties.values():
                if not party.local:
                    self.world.write(party, new=True)
                party.reachable, party.endpoint = True, "h:1"
                if party.kind is Kind.SERVER or not party.local:
                    party.use()
            if self.asked:
                self.say_yes(None)
        raise AssertionError(f"it does not end: {self.rotator.current()}")


def test_nobody_is_refused_and_it_ends_in_old_or_new() -> None:
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        Rotations,
        settings=settings(max_examples=200, stateful_step_count=40, deadline=None, suppress_health_check=checks),
    )


def test_whom_it_did_not_wait_for_is_written_down_once() -> None:
    engines = [Party(name, Kind.SERVER, True, 0, 1, frozenset({1}), reachable=False) for name in "ab"]
    world = World(parties={party.name: party for party in engines})
    rotator = rotator_of(world)
    rotator.begin(Kind.CLIENT_CA)
    rotator.go_on()
    rotator.vouch(["a"])
    rotator.vouch(["a"])
    assert [(remark.what, remark.kind, remark.holder) for remark in world.remarks] == [
        (What.VOUCHED_FOR, Kind.SERVER, "a")
    ]
    rotator.go_on(force=True)  # asks before it drops: only the one that nobody vouched for was passed over so far
    assert [(remark.what, remark.holder) for remark in world.remarks[1:]] == [(What.PASSED_OVER, "b")]
    rotator.go_on(consent=tuple(Phase), force=True)
    assert [(remark.what, remark.holder) for remark in world.remarks[2:]] == [
        (What.PASSED_OVER, "a"),
        (What.PASSED_OVER, "b"),
    ]


def sign(holder: str, need: Need | None, kind: LeafKind = Kind.SERVER) -> Sign:
    return Sign(kind=kind, holder=holder, need=need, text="seen")


def of_clients(phase: Phase = Phase.SPREAD) -> Rotation:
    return Rotation(kind=Kind.CLIENT_CA, leaving=1, coming=2, phase=phase)


def leaf(
    holder: str, kind: LeafKind = Kind.CLIENT, *, generation: int = 1, local: bool = True, serial: int = 7
) -> Leaf:
    return Leaf(kind=kind, holder=holder, serial=Serial(serial), generation=generation, local=local, until=NOW)


def test_what_was_seen_once_counts_while_nobody_answers() -> None:
    seen = observe(of_clients(), (sign("a", None), sign("b", Need.REACH)))
    again = observe(seen, (sign("a", Need.REACH), sign("b", Need.REACH)))
    assert [left.holder for left in lacking(again)] == ["b"]


def test_what_is_seen_now_outweighs_what_was_seen_or_said_before() -> None:
    told = confirm(observe(of_clients(), (sign("a", None), sign("b", Need.CONFIRM))), ["b"])
    assert lacking(told) == ()
    now = observe(told, (sign("a", Need.RESTART), sign("b", Need.RESTART)))
    assert [left.holder for left in lacking(now)] == ["a", "b"]
    assert [left.holder for left in lacking(observe(now, (sign("a", Need.REACH), sign("b", Need.CONFIRM))))] == [
        "a",
        "b",
    ]


def test_a_client_that_came_is_not_vouched_for() -> None:
    assert observe(of_clients(Phase.MOVE), (sign("a", None, Kind.CLIENT),)).vouched == frozenset()


def test_only_those_that_nobody_can_see_may_be_vouched_for() -> None:
    rotation = observe(of_clients(), (sign("a", Need.RESTART), sign("b", Need.REACH), sign("c", None)))
    with pytest.raises(Refused, match="a cannot be vouched for: seen"):
        confirm(rotation, ["a"])
    with pytest.raises(UsageError, match="nothing is waited for from 'd'"):
        confirm(rotation, ["d"])
    assert confirm(confirm(rotation, ["b"]), ["b"]).vouched == {"b", "c"}


def test_force_passes_over_everybody_but_not_over_the_question() -> None:
    rotation = observe(of_clients(Phase.MOVE), (sign("a", Need.RENEW, Kind.CLIENT),))
    assert decide(rotation, consent={Phase.DROP}, force=False) == Wait(rotation.signs)
    assert decide(rotation, consent=(), force=True) == Ask(Phase.DROP)
    assert decide(rotation, consent={Phase.DROP}, force=True) == Go(Phase.DROP)


@pytest.mark.parametrize(
    ("kind", "phase", "following"),
    [
        (Kind.ROOT, Phase.SPREAD, Ask(Phase.MOVE)),
        (Kind.ROOT, Phase.MOVE, Ask(Phase.DROP)),
        (Kind.CLIENT_CA, Phase.SPREAD, Go(Phase.MOVE)),
        (Kind.CLIENT_CA, Phase.MOVE, Ask(Phase.DROP)),
        (Kind.SERVER_CA, Phase.SPREAD, Go(Phase.MOVE)),
        (Kind.SERVER_CA, Phase.MOVE, Ask(Phase.DROP)),
        (Kind.SERVER_CA, Phase.SETTLE, Over()),
    ],
)
def test_when_the_operator_is_asked(kind: CaKind, phase: Phase, following: object) -> None:
    assert decide(replace(of_clients(phase), kind=kind), consent=(), force=False) == following


def test_clients_that_keep_their_own_files_are_waited_for_by_certificate() -> None:
    rotation = enter(replace(of_clients(), kind=Kind.ROOT), Phase.SPREAD, [leaf("a", local=False), leaf("b", serial=8)])
    assert rotation.awaited == {7}
    assert [s.need for s in client_signs(rotation, [leaf("a", local=False), leaf("b", serial=8)])] == [Need.RENEW, None]
    assert [s.need for s in client_signs(rotation, [leaf("a", local=False, serial=9)])] == [None]


def test_there_is_no_way_back_after_the_drop_and_no_second_way_back() -> None:
    for phase in (Phase.DROP, Phase.SETTLE):
        with pytest.raises(Refused, match="client CA G1 was dropped already"):
            abort(of_clients(phase), {1, 2})
    back = abort(of_clients(Phase.MOVE), {1, 2})
    assert (back.leaving, back.coming, back.phase, back.aborting) == (2, 1, Phase.MOVE, True)
    with pytest.raises(UsageError, match="being taken back already"):
        abort(back, {1, 2})


def test_a_ca_that_was_made_is_dropped_with_care_though_nothing_else_was_done() -> None:
    """It stands in folders from the moment on that it is there, and an engine may have been started since."""
    assert abort(of_clients(Phase.PREPARE), {1, 2}).phase is Phase.MOVE
    assert abort(of_clients(Phase.PREPARE), {1}).phase is Phase.PREPARE


def test_the_state_survives_being_kept() -> None:
    rotation = enter(replace(of_clients(), kind=Kind.ROOT, aborting=True), Phase.SETTLE, [leaf("a", local=False)])
    rotation = observe(rotation, (sign("a", Need.RENEW, Kind.CLIENT), sign("b", None)))
    assert rotation_state.decode(rotation_state.encode(rotation)) == replace(rotation, signs=(sign("b", None),))


@pytest.mark.parametrize("spoilt", [b"", b"[]", b"{}", b"null", b'{"version":2}', b'{"version":1,"kind":"root"}'])
def test_a_state_that_cannot_be_read_is_told_of(spoilt: bytes) -> None:
    with pytest.raises(Damaged):
        rotation_state.decode(spoilt)


def test_a_state_is_read_whole_or_not_at_all() -> None:
    whole = rotation_state.encode(observe(of_clients(), (sign("a", None),)))
    for end in range(len(whole)):
        with pytest.raises(Damaged):
            rotation_state.decode(whole[:end])
