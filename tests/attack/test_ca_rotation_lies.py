"""Engines that lie to a rotation, or are played by somebody else: none of them brings it to drop a CA that is in use."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.fakes.authority import ALICE, create, passphrase, server
from tests.fakes.certificates import authority as other_authority
from tests.fakes.certificates import server as other_server
from tests.fakes.certificates import write_folder
from tests.rig.tls import serving

from pytrust.trust.errors import Refused
from pytrust.trust.pki import folder as folders
from pytrust.trust.pki.model import Kind
from pytrust.trust.pki.probe.probe import probe
from pytrust.trust.pki.rotation.look import Engines
from pytrust.trust.pki.rotation.model import Need, Phase, Wait
from pytrust.trust.pki.rotation.proof import Proofs
from pytrust.trust.pki.rotation.rotate import Rotator

_FINE = b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\nOK"
_NO = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"
Answering = Callable[[ssl.SSLSocket], bytes]


class _Now:
    def __call__(self) -> datetime:
        return datetime.now(UTC)


class Scene:
    """A real authority with one server, and its rotation, which knocks for real."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.ca = folder, folder / "home" / "ca"
        self.authority = create(self.ca, _Now())  # type: ignore[arg-type]
        self.authority.issue_server(server("localhost"))
        self.authority.issue_client(ALICE)
        self.before = self._copy("before")
        eyes = Engines(self.authority.index, Proofs(self.authority, self.ca), probe, _Now(), patience=0)
        self.rotator = Rotator(self.authority, eyes, _Now(), passphrase, lambda _: None)

    def _copy(self, name: str) -> Path:
        made = self.folder / name
        made.mkdir()
        for file, data in folders.read(self.ca / "servers" / "localhost").items():
            (made / file).write_bytes(data)
        return made

    def context(self, files: Path, verify: ssl.VerifyMode) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(files / "cert.pem", files / "key.pem")
        if verify is not ssl.CERT_NONE:
            made.load_verify_locations(files / "ca.pem")
            made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # ca.pem holds no root, as dockerd takes it
        made.verify_mode = verify
        return made

    def rotate(self, port: int) -> Phase:
        """As far as it goes when the operator says yes to everything; gives where it waits for this engine."""
        self.authority.set_endpoint("localhost", f"127.0.0.1:{port}")
        if self.rotator.current() is None:
            self.rotator.begin(Kind.CLIENT_CA)
        progress = self.rotator.go_on(consent=tuple(Phase))
        assert progress is not None
        assert isinstance(progress.outcome, Wait)
        (sign,) = progress.outcome.lacking
        if sign.need is Need.RESTART:  # it was seen to do otherwise
            with pytest.raises(Refused, match="cannot be vouched for"):
                self.rotator.vouch(["localhost"])
        return progress.rotation.phase


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_somebody_else_at_the_address_of_the_engine(scene: Scene, tmp_path: Path) -> None:
    """He takes every client, and has no certificate for the name."""
    ca = other_authority("tests server CA G1")
    files = write_folder(tmp_path / "other", ca, other_server(ca, "localhost"))
    with serving(scene.context(files, ssl.CERT_NONE), _FINE) as port:
        assert scene.rotate(port) is Phase.SPREAD


def test_an_engine_with_the_old_files(scene: Scene) -> None:
    with serving(scene.context(scene.before, ssl.CERT_REQUIRED), _FINE) as port:
        assert scene.rotate(port) is Phase.SPREAD


def test_an_engine_that_says_no_to_everybody(scene: Scene) -> None:
    """It did not take the new client, whatever it says of the old one."""
    with serving(scene.context(scene.before, ssl.CERT_NONE), _NO) as port:
        assert scene.rotate(port) is Phase.SPREAD


def test_an_engine_that_hangs_up_on_everybody(scene: Scene) -> None:
    with serving(scene.context(scene.before, ssl.CERT_NONE), b"") as port:
        assert scene.rotate(port) is Phase.SPREAD


def test_an_engine_that_takes_everybody_is_found_out_at_the_end(scene: Scene) -> None:
    """Nobody is refused by it, so nothing speaks against going on; but it never forgets the old CA."""
    with serving(scene.context(scene.before, ssl.CERT_NONE), _FINE) as port:
        assert scene.rotate(port) is Phase.SETTLE
    with serving(scene.context(scene.before, ssl.CERT_NONE), b"") as port:
        assert scene.rotate(port) is Phase.SETTLE
