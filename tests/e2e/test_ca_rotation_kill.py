"""kill -9 at every file operation of a rotation: folders are whole at once, and it goes on, or back, to its end."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pytrust.trust.errors import Refused
from pytrust.trust.pki import folder as folders
from pytrust.trust.pki.authority.authority import Authority
from pytrust.trust.pki.authority.ca_keys import CaKeys
from pytrust.trust.pki.authority.plan import Plan
from pytrust.trust.pki.authority.records import Records
from pytrust.trust.pki.authority.rows import State
from pytrust.trust.pki.model import CaKind, Kind
from pytrust.trust.pki.names import ServerNames, parse_ca_name, parse_client_name
from pytrust.trust.pki.probe.probe import probe
from pytrust.trust.pki.rotation.look import Engines
from pytrust.trust.pki.rotation.model import Phase
from pytrust.trust.pki.rotation.proof import Proofs
from pytrust.trust.pki.rotation.rotate import Rotator

_OPERATIONS: Final = ("rename", "replace", "symlink", "link", "unlink", "mkdir", "rmdir", "fsync")
_MOST: Final = 600  # more operations than a rotation of three holders has


def passphrase(_: str) -> bytes:
    return b"a passphrase for tests"


def opened(folder: Path) -> Authority:
    keys = CaKeys(folder / "keys", passphrase, rounds=1)  # what is tested here is not the price of a guess
    return Authority(folder, passphrase, lambda: datetime.now(UTC), keys=keys)


def rotator(authority: Authority, folder: Path) -> Rotator:
    def now() -> datetime:
        return datetime.now(UTC)

    eyes = Engines(authority.index, Proofs(authority, folder), probe, now, patience=0)
    return Rotator(authority, eyes, now, passphrase, lambda _: None)


@pytest.fixture
def here() -> Iterator[Path]:
    """A folder in memory where there is one: this is about kills, not power cuts, and each flush takes its time."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.fixture
def made(here: Path) -> Path:
    folder = here / "ca"
    plan = Plan(name=parse_ca_name("test"))
    authority = Authority.create(folder, plan, passphrase, passphrase, lambda: datetime.now(UTC), rounds=1)
    authority.issue_server(ServerNames.parse(["engine.test"]))
    authority.issue_client(parse_client_name("alice"))
    authority.close()
    return folder


def rotate(folder: Path, kind: CaKind) -> None:
    """All of it; engines cannot be asked, and the operator says that it goes on anyway."""
    authority = opened(folder)
    turner = rotator(authority, folder)
    if turner.current() is None and authority.index.current(kind).generation == 1:
        turner.begin(kind)
    turner.go_on(consent=tuple(Phase), force=True)
    authority.close()


def killed_at(number: int, work: Callable[[], None]) -> bool:
    """Do ``work`` in a child that is killed before file operation ``number``; whether it came to that."""
    child = os.fork()
    if child == 0:
        try:
            _count_down(number)
            work()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def _count_down(number: int) -> None:
    left = iter(range(number))

    def counted(operation: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **more: Any) -> Any:
            if next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            return operation(*arguments, **more)

        return step

    for name in _OPERATIONS:
        setattr(os, name, counted(getattr(os, name)))
    Records.run = counted(Records.run)  # type: ignore[method-assign]


def check_whole(folder: Path) -> None:
    """Every folder has a pair that belongs together, and no key is open to others at any place."""
    for place in (folder / "servers" / "engine.test", folder / "clients" / "alice"):
        files = folders.read(place)
        leaf = x509.load_pem_x509_certificate(files["cert.pem"])
        assert load_pem_private_key(files["key.pem"], None).public_key() == leaf.public_key()
        x509.load_pem_x509_certificates(files["ca.pem"])
    for key in folder.rglob("*key*"):
        assert key.is_dir() or key.is_symlink() or key.stat().st_mode & 0o077 == 0, key


def check_ended(folder: Path, kind: CaKind, generation: int) -> None:
    """One generation is left, in the index and in every folder; the journal is whole, and nothing lies about."""
    authority = opened(folder)
    assert authority.rotation() is None
    assert [ca.generation for ca in authority.index.bundle(kind)] == [generation]
    authority.verify()
    ca = authority.index.current(kind).certificate
    client, server = folders.read(folder / "clients" / "alice"), folders.read(folder / "servers" / "engine.test")
    match kind:
        case Kind.ROOT:
            assert x509.load_pem_x509_certificates(client["ca.pem"]) == [ca]
            _, link = x509.load_pem_x509_certificates(server["cert.pem"])
            link.verify_directly_issued_by(ca)
        case Kind.SERVER_CA:
            assert x509.load_pem_x509_certificates(server["cert.pem"])[1:] == [ca]
        case Kind.CLIENT_CA:
            assert x509.load_pem_x509_certificates(server["ca.pem"]) == [ca]
            assert x509.load_pem_x509_certificates(client["cert.pem"])[1:] == [ca]
            assert x509.load_pem_x509_crl(server["crl.pem"]).issuer == ca.subject
    assert not (folder / "rotation").exists()
    for number, state in authority.index.states(kind).items():
        assert (folder / "keys" / f"{kind}-g{number}.key").exists() == (state is not State.RETIRED)
    authority.close()


def kill_everywhere(made: Path, here: Path, step: int, kind: CaKind, then: Callable[[Path], int]) -> int:
    """Kill at every ``step``-th operation; ``then`` goes on from there and says which generation has to be left."""
    for number in range(0, _MOST, step):
        folder = here / str(number)
        shutil.copytree(made, folder, symlinks=True)
        if not killed_at(number, lambda folder=folder: rotate(folder, kind)):  # type: ignore[misc]
            check_ended(folder, kind, 2)
            return number
        check_whole(folder)
        check_ended(folder, kind, then(folder))
        shutil.rmtree(folder)
    raise AssertionError("it never got through")


@pytest.mark.parametrize("kind", [Kind.CLIENT_CA, Kind.SERVER_CA, Kind.ROOT])
def test_a_killed_rotation_goes_on(made: Path, here: Path, kind: CaKind) -> None:
    def go_on(folder: Path) -> int:
        rotate(folder, kind)
        return 2

    assert kill_everywhere(made, here, 3, kind, go_on) > 60


@pytest.mark.parametrize("kind", [Kind.CLIENT_CA, Kind.SERVER_CA, Kind.ROOT])
def test_a_killed_rotation_goes_back_until_something_was_dropped(made: Path, here: Path, kind: CaKind) -> None:
    left = set()

    def go_back(folder: Path) -> int:
        authority = opened(folder)
        turner = rotator(authority, folder)
        try:
            generation = turner.turn_back().coming
        except Refused:  # not begun, or dropped already
            generation = authority.index.current(kind).generation
        turner.go_on(consent=tuple(Phase), force=True)
        authority.close()
        left.add(generation)
        return generation

    kill_everywhere(made, here, 7, kind, go_back)
    assert left == {1, 2}
