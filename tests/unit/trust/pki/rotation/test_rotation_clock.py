"""Rotations of a real authority whose CA ends, or whose clock jumps, in the middle: they come to an end all the same."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.fakes.authority import ALICE, BOB, Clock, create, leaf, passphrase, server, trusted

from pytrust.trust.errors import Refused
from pytrust.trust.pki.authority.authority import Authority
from pytrust.trust.pki.authority.proof import LIFETIME
from pytrust.trust.pki.authority.rows import State
from pytrust.trust.pki.folder import CRL, read
from pytrust.trust.pki.model import CaKind, Kind, Reason
from pytrust.trust.pki.probe.probed import Identity, Probe, Reach
from pytrust.trust.pki.rotation.look import Engines
from pytrust.trust.pki.rotation.model import Over, Phase, Wait
from pytrust.trust.pki.rotation.proof import Proofs
from pytrust.trust.pki.rotation.rotate import Rotator


class Bench:
    """An authority with an engine that nobody reaches, a client, and a rotation of it."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.authority: Authority = create(folder, self.clock)
        self.authority.issue_server(server("docker1"), endpoint="docker1:2376")
        self.authority.issue_client(ALICE)
        eyes = Engines(self.authority.index, Proofs(self.authority, folder), self.knock, self.clock, patience=0)
        self.rotator = Rotator(self.authority, eyes, self.clock, passphrase, lambda _: None)

    def knock(self, host: str, port: int, *, ca: bytes | None, identity: Identity | None, server_name: str) -> Probe:
        return Probe(host=host, port=port, server_name=server_name, at=self.clock(), reach=Reach.TIMED_OUT)

    def finish(self) -> None:
        """The operator vouches for whoever is waited for, and says yes."""
        for _ in range(len(Phase)):
            progress = self.rotator.go_on(consent=tuple(Phase))
            assert progress is not None
            if isinstance(progress.outcome, Over):
                return
            assert isinstance(progress.outcome, Wait)
            self.rotator.vouch([sign.holder for sign in progress.outcome.lacking])
        raise AssertionError(f"it does not end: {self.rotator.current()}")

    def states(self, kind: CaKind) -> dict[int, State]:
        return self.authority.index.states(kind)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "home" / "ca")


@pytest.mark.parametrize("kind", [Kind.CLIENT_CA, Kind.SERVER_CA])
@pytest.mark.parametrize("left", [LIFETIME / 2, timedelta(seconds=30), timedelta(0), timedelta(days=-40)])
def test_a_ca_that_ends_does_not_keep_its_successor_away(bench: Bench, kind: CaKind, left: timedelta) -> None:
    bench.rotator.begin(kind)
    bench.rotator.go_on()
    bench.clock.at = bench.authority.index.current(kind).not_after - left
    bench.finish()
    assert bench.states(kind) == {2: State.ISSUING, 1: State.RETIRED}


def test_a_clock_that_was_set_back_stops_it_and_no_more(bench: Bench) -> None:
    bench.rotator.begin(Kind.CLIENT_CA)
    bench.rotator.go_on()
    bench.rotator.vouch(["docker1"])
    bench.clock.at -= timedelta(days=400)
    with pytest.raises(Refused, match="counts from"):
        bench.finish()
    bench.clock.at += timedelta(days=400)
    bench.finish()
    assert bench.states(Kind.CLIENT_CA) == {2: State.ISSUING, 1: State.RETIRED}


def test_a_client_that_is_revoked_in_the_middle_stays_revoked(bench: Bench, tmp_path: Path) -> None:
    """Its name gets no certificate of the new CA in passing, and its list lasts as long as its CA does."""
    bob = bench.authority.issue_client(BOB)
    bench.rotator.begin(Kind.CLIENT_CA)
    bench.rotator.go_on()
    bench.authority.revoke(bob, Reason.KEY_COMPROMISE)
    folder = tmp_path / "home/ca/servers/docker1"
    assert len(trusted(folder)) == read(folder)[CRL].count(b"BEGIN X509 CRL") == 2
    bench.finish()
    assert leaf(tmp_path / "home/ca/clients/bob").serial_number == bob.serial
    assert [held.generation for held in bench.authority.index.live(Kind.CLIENT, "alice", bench.clock())] == [1, 2]
    assert len(trusted(folder)) == read(folder)[CRL].count(b"BEGIN X509 CRL") == 1
