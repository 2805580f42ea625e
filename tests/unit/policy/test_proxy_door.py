"""What a TLS listener shows and by what it judges, while its folder changes, fails, and comes right again."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fakes.certificates import write_folder
from tests.fakes.foreign_ca import SERVER, ForeignCa

from pytrust.policy import kept
from pytrust.policy.proxy import door as door_room
from pytrust.policy.proxy.door import Door
from pytrust.trust.pki import folder as tls_folder

CA = ForeignCa("client CA")
ALICE = CA.issue("alice")
ENGINE = CA.issue("engine.test", uses=SERVER, dns=["engine.test"])


class Site:
    """A folder, a door before it, and what it said and noted."""

    def __init__(self, path: Path) -> None:
        self.path = path / "tls"
        self.said, self.noted, self.now = list[str](), list[str](), CA.now
        self.put(CA.crl())
        self.door = Door(self.path, path / "seen.json", lambda: self.now, self.said.append)

    def put(self, crl: bytes) -> None:
        files = {"ca.pem": CA.pem, "cert.pem": ENGINE.pem, "key.pem": ENGINE.key_pem, "crl.pem": crl}
        tls_folder.publish(self.path, files)

    async def look(self) -> None:
        self.door.look(lambda what, _: self.noted.append(what))
        assert self.door._looking is not None
        await self.door._looking

    @property
    def bad(self) -> str:
        bad = self.door.introduce(ALICE.der).bad
        return bad.code if bad else ""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def played(play: Callable[[], Awaitable[None]]) -> None:
    async def inside() -> None:
        await play()

    asyncio.run(inside())


def test_a_new_list_counts_for_who_is_there_already(site: Site) -> None:
    async def play() -> None:
        before, alice = site.door.context(), site.door.introduce(ALICE.der)
        assert alice.bad is None
        site.put(CA.crl(ALICE.certificate.serial_number, number=2))
        await site.look()
        assert alice.bad is not None
        assert site.door.context() is not before
        assert site.noted == ["tls-loaded"]

    played(play)


def test_a_list_that_could_not_be_read_at_first_is_read_in_the_end(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as with no file descriptor left; nothing changes in the folder afterwards."""
    monkeypatch.setattr(kept, "RETRY_SECONDS", 0.0)

    async def play() -> None:
        site.put(CA.crl(ALICE.certificate.serial_number, number=2))
        with monkeypatch.context() as short:
            short.setattr(tls_folder, "opened", _no_descriptor)
            await site.look()
            await site.look()
        assert (site.bad, site.noted) == ("", ["tls-refused"])
        await site.look()
        assert (site.bad, site.noted) == ("revoked", ["tls-refused", "tls-loaded"])

    played(play)


def test_a_thread_that_cannot_be_started_is_no_end(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        site.put(CA.crl(ALICE.certificate.serial_number, number=2))
        with monkeypatch.context() as short:
            short.setattr(kept, "start", _no_thread)
            await site.look()
        assert "RuntimeError" in site.said[-1]
        await site.look()
        assert site.bad == "revoked"

    played(play)


def test_sessions_of_tls_1_2_do_not_pile_up(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_room, "SESSIONS_MAX", 3)

    async def play() -> None:
        context = site.door.context()
        for _ in range(3):
            shake_hands(context, tmp_path)
        await site.look()
        assert site.door.context() is context
        shake_hands(context, tmp_path)
        await site.look()
        assert site.door.context() is not context
        assert not site.noted

    played(play)


def shake_hands(served: ssl.SSLContext, folder: Path) -> None:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.maximum_version = ssl.TLSVersion.TLSv1_2
    made.load_verify_locations(cadata=CA.pem.decode())
    write_folder(folder / "alice", CA.pem, ALICE)
    made.load_cert_chain(folder / "alice" / "cert.pem", folder / "alice" / "key.pem")
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = made.wrap_bio(to_client, to_server, server_hostname="engine.test")
    server = served.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client, server, client):
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()
    assert server.version() == "TLSv1.2"
    for side in (client, server, client):  # sessions that do not end in order are forgotten
        with suppress(ssl.SSLWantReadError):
            side.unwrap()


def _no_descriptor(*_: object) -> None:
    raise OSError(24, "Too many open files")


def _no_thread(_: object) -> None:
    raise RuntimeError("can't start new thread")


def test_the_end_of_a_list_is_told_of_before_it_comes(site: Site) -> None:
    assert not site.said
    site.now = CA.now + timedelta(days=25)

    async def play() -> None:
        await site.look()
        await site.look()
        assert [line for line in site.said if "its clients are refused then" in line and "pytrust ca crl" in line]
        assert len(site.said) == 1
        site.now += timedelta(days=6)
        await site.look()
        assert "its clients are refused now" in site.said[-1]

    played(play)
