"""What an engine shows, and what a rotation makes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pytrust.trust.errors import Refused
from pytrust.trust.pki.authority.authority import Authority
from pytrust.trust.pki.authority.plan import Plan
from pytrust.trust.pki.authority.proof import LIFETIME
from pytrust.trust.pki.model import CaKind, Kind, Serial
from pytrust.trust.pki.names import ServerNames, parse_ca_name
from pytrust.trust.pki.probe.probed import Answer, Ending, Identity, Probe, Reach, Talk, TlsVersion, Verdict
from pytrust.trust.pki.rotation.look import Engines
from pytrust.trust.pki.rotation.model import Leaf, Need, Phase, Rotation
from pytrust.trust.pki.rotation.proof import Proofs
from pytrust.trust.pki.rotation.signs import Issuers, Sight, server_sign

NOW = datetime.now(UTC)
GOOD = Verdict(good=True, text="")
BAD = Verdict(good=False, text="certificate has expired")


class Scene:
    """An authority with two generations of each CA below the root, and a server certificate of each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = NOW
        plan = Plan(name=parse_ca_name("test"))
        self.authority = Authority.create(
            folder, plan, lambda _: b"12345678", lambda _: b"12345678", lambda: self.now, rounds=1
        )
        first = self.authority.issue_server(ServerNames.parse(["engine.test"]))
        for kind in (Kind.CLIENT_CA, Kind.SERVER_CA):
            self.authority.add_generation(kind, lambda _: b"12345678")
            self.authority.promote(kind, 2)
        self.served = {1: first.der, 2: self.authority.renew(first).der}

    def ca(self, kind: CaKind, generation: int) -> x509.Certificate:
        return self.authority.index.ca(kind, generation).certificate

    def issuers(self, kind: CaKind) -> Issuers:
        if kind is Kind.ROOT:
            return Issuers(coming=(), leaving=())
        return Issuers(coming=(self.ca(kind, 2),), leaving=(self.ca(kind, 1),))

    def names(self, *generations: int) -> tuple[bytes, ...]:
        return tuple(self.ca(Kind.CLIENT_CA, number).subject.public_bytes() for number in generations)

    def talk(self, outcome: int | Ending, *generations: int, served: int = 1) -> Talk:
        """``outcome`` is an HTTP status, or how it ended without one."""
        answer = Answer(status=outcome, date=None, api_version="1.41") if isinstance(outcome, int) else None
        return Talk(
            ending=Ending.ANSWERED if isinstance(outcome, int) else outcome,
            version=TlsVersion.TLS_1_3,
            chain=(self.served[served],),
            asked=True,
            accepted=self.names(*generations),
            answer=answer,
            broke="" if answer else "it ended",
        )

    def probe(self, talk: Talk | None, verdict: Verdict | None = GOOD) -> Probe:
        return Probe(
            host="h", port=2376, server_name="engine.test", at=NOW, reach=Reach.OPEN, ours=talk, verdict=verdict
        )


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return Scene(tmp_path_factory.mktemp("signs") / "ca")


LEAF = Leaf(kind=Kind.SERVER, holder="e", serial=Serial(1), generation=1, local=True, until=NOW, endpoint="h:2376")


def need_of(
    scene: Scene, kind: CaKind, phase: Phase, sight: Sight | None, leaf: Leaf = LEAF
) -> tuple[Need | None, str]:
    rotation = Rotation(kind=kind, leaving=1, coming=2, phase=phase)
    sign = server_sign(rotation, leaf, sight, scene.issuers(kind))
    return sign.need, sign.text


@pytest.mark.parametrize(
    ("outcome", "named", "need"),
    [
        (200, (1, 2), None),
        (200, (), None),  # a server need not name the CAs that it takes
        (200, (1,), Need.RESTART),  # the two witnesses contradict each other
        (Ending.ALERT, (1,), Need.RESTART),
        (Ending.CLOSED, (), Need.RESTART),
        (403, (), Need.RESTART),
        (401, (), Need.RESTART),
        (Ending.SILENT, (1, 2), Need.REACH),
        (Ending.GARBLED, (), Need.REACH),
        (502, (), Need.REACH),  # a proxy, whose engine is down: its admission was not seen
    ],
)
def test_whether_an_engine_takes_clients_of_the_new_ca(
    scene: Scene, outcome: int | Ending, named: tuple[int, ...], need: Need | None
) -> None:
    found, _ = need_of(scene, Kind.CLIENT_CA, Phase.SPREAD, Sight(new=scene.probe(scene.talk(outcome, *named))))
    assert found == need


@pytest.mark.parametrize(
    ("new", "old", "named", "need"),
    [
        (200, Ending.ALERT, (2,), None),
        (200, 403, (), None),
        (200, Ending.CLOSED, (), None),
        (200, Ending.ALERT, (1, 2), Need.RESTART),  # refused for something else
        (200, 200, (2,), Need.RESTART),
        (200, 200, (), Need.RESTART),
        (200, Ending.SILENT, (2,), Need.REACH),
        (200, None, (2,), None),  # no client of the old one is left to try: the names tell
        (200, None, (1, 2), Need.RESTART),
        (200, None, (), Need.CONFIRM),
        (Ending.ALERT, Ending.ALERT, (), Need.RESTART),  # it refuses everybody
        (Ending.SILENT, Ending.ALERT, (), Need.REACH),
    ],
)
def test_whether_an_engine_has_forgotten_the_old_ca(
    scene: Scene, new: int | Ending, old: int | Ending | None, named: tuple[int, ...], need: Need | None
) -> None:
    sight = Sight(
        new=scene.probe(scene.talk(new, *named)),
        old=None if old is None else scene.probe(scene.talk(old, *named)),
    )
    assert need_of(scene, Kind.CLIENT_CA, Phase.SETTLE, sight)[0] == need


@pytest.mark.parametrize(
    ("served", "verdict", "local", "need"),
    [
        (2, GOOD, True, None),
        (1, GOOD, True, Need.RESTART),
        (1, GOOD, False, Need.RENEW),
        (2, BAD, True, Need.RESTART),
        (2, None, True, Need.RESTART),
    ],
)
def test_whether_an_engine_shows_the_new_server_ca(
    scene: Scene, served: int, verdict: Verdict | None, local: bool, need: Need | None
) -> None:
    sight = Sight(new=scene.probe(scene.talk(200, served=served), verdict))
    assert need_of(scene, Kind.SERVER_CA, Phase.MOVE, sight, replace(LEAF, local=local))[0] == need


@pytest.mark.parametrize(("verdict", "need"), [(GOOD, None), (BAD, Need.RESTART), (None, Need.RESTART)])
def test_whether_an_engine_shows_a_chain_to_the_new_root(
    scene: Scene, verdict: Verdict | None, need: Need | None
) -> None:
    assert need_of(scene, Kind.ROOT, Phase.MOVE, Sight(new=scene.probe(scene.talk(200), verdict)))[0] == need


def test_another_server_at_the_address_proves_nothing(scene: Scene) -> None:
    stranger = scene.probe(scene.talk(200), Verdict(good=False, text="it is not for engine.test"))
    for phase, sight in ((Phase.SPREAD, Sight(new=stranger)), (Phase.SETTLE, Sight(new=stranger, old=stranger))):
        need, text = need_of(scene, Kind.CLIENT_CA, phase, sight)
        assert need is Need.RESTART
        assert "it is not for engine.test" in text


def test_those_that_cannot_be_asked(scene: Scene) -> None:
    probe = scene.probe(None)
    for sight, need, text in (
        (None, Need.CONFIRM, "no address is known"),
        (
            Sight(new=replace(probe, reach=Reach.REFUSED, reach_text="connection refused")),
            Need.REACH,
            "h:2376: connection refused",
        ),
        (
            Sight(new=replace(probe, plain=Answer(status=200, date=None, api_version="1.41"))),
            Need.RESTART,
            "plain http",
        ),
        (Sight(new=probe), Need.REACH, "nobody speaks TLS"),
    ):
        found, said = need_of(scene, Kind.CLIENT_CA, Phase.SPREAD, sight)
        assert (found, text in said) == (need, True), said


def test_a_proof_is_of_its_generation_is_kept_and_ends(scene: Scene) -> None:
    proofs = Proofs(scene.authority, scene.folder)
    first = proofs.get(1, NOW)
    assert first is not None
    leaf, link = x509.load_pem_x509_certificates(first.cert_pem)
    assert link == scene.ca(Kind.CLIENT_CA, 1)
    leaf.verify_directly_issued_by(link)
    assert proofs.get(1, NOW) == first
    assert proofs.get(1, NOW + LIFETIME - timedelta(minutes=1)) != first
    scene.authority.index.verify()
    proofs.forget()
    proofs.forget()
    assert not (scene.folder / "rotation").exists()


def test_nobody_is_listed_for_a_proof(scene: Scene) -> None:
    Proofs(scene.authority, scene.folder).get(2, NOW)
    assert scene.authority.index.clients() == ()


def test_many_engines_are_asked_at_once_each_by_its_own_name(scene: Scene) -> None:
    lock, asked = Lock(), []

    def knock(host: str, port: int, *, ca: bytes | None, identity: Identity | None, server_name: str) -> Probe:
        with lock:
            asked.append((host, port, server_name, identity is not None))
        assert ca == scene.ca(Kind.ROOT, 1).public_bytes(Encoding.PEM)
        return scene.probe(scene.talk(200, 1, 2))

    eyes = Engines(scene.authority.index, Proofs(scene.authority, scene.folder), knock, lambda: NOW, patience=0)
    leaves = [replace(LEAF, holder=f"e{n}", serial=Serial(n), endpoint=f"[::1]:{n}" if n else "") for n in range(40)]
    signs = eyes.look(Rotation(kind=Kind.CLIENT_CA, leaving=1, coming=2, phase=Phase.SPREAD), leaves)
    assert [sign.need for sign in signs] == [Need.CONFIRM] + [None] * 39
    assert sorted(asked) == sorted(("::1", n, f"e{n}", True) for n in range(1, 40))


def test_a_proxy_is_given_the_time_to_reload(scene: Scene) -> None:
    outcomes: list[int | Ending] = [Ending.ALERT, Ending.ALERT, 200]
    answers = iter(outcomes)

    def knock(host: str, port: int, *, ca: bytes | None, identity: Identity | None, server_name: str) -> Probe:
        return scene.probe(scene.talk(next(answers)))

    eyes = Engines(scene.authority.index, Proofs(scene.authority, scene.folder), knock, lambda: NOW, patience=5)
    (sign,) = eyes.look(Rotation(kind=Kind.CLIENT_CA, leaving=1, coming=2, phase=Phase.SPREAD), [LEAF])
    assert sign.need is None


def test_without_a_key_there_is_no_proof(tmp_path: Path) -> None:
    class Keyless:
        def holds_key(self, kind: CaKind, generation: int) -> bool:
            return False

        def sign_proof(self, generation: int, public_key: object) -> bytes:
            raise Refused("no key")

    assert Proofs(Keyless(), tmp_path).get(1, NOW) is None
