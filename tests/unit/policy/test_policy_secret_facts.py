"""What the vault says of secrets for an image: a real vault, asked as the proxy asks it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from tests.fakes.vaulted import FakeVaulted

from pytrust.policy.core.facts import Deliverable, Fact, NotDeliverable, SecretsQuery
from pytrust.policy.secret_facts import SecretFacts
from pytrust.trust.errors import NotSetUp, PytrustError, VaultLocked
from pytrust.trust.limits import SECRET_MAX_BYTES
from pytrust.trust.names import CollectionName
from pytrust.trust.vault.asking import Vaulted
from pytrust.trust.vault.callers import Caller
from pytrust.trust.vault.delivery import Deliveries
from pytrust.trust.vault.desk import Desk
from pytrust.trust.vault.header import NewSlot
from pytrust.trust.vault.model import Reader
from pytrust.trust.vault.names import SecretName
from pytrust.trust.vault.operations import Audit, Done, Operation, Page, Put, Trail, Value
from pytrust.trust.vault.slots import unlock_key
from pytrust.trust.vault.vault import create_vault

NOW: Final = datetime(2030, 1, 1, tzinfo=UTC)
SECONDS: Final = int(NOW.timestamp())
WEB, API = CollectionName("docker.io/foo/web"), CollectionName("docker.io/foo/api")
PLACE: Final = Path("/run/pytrust/secrets/home")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    _, made = unlock_key.make()
    slot = NewSlot("unlock-key", "", made.seed, made.params)
    vault = create_vault(tmp_path / "vault", tmp_path / "anchor", [slot], now=SECONDS)
    desk = Desk(vault, now=lambda: SECONDS, owner="uid:0")
    _put(desk, "db", b"hunter2", f"image:{WEB}")
    _put(desk, "shop/key", b"x" * 100, "image:docker.io/foo/**")
    _put(desk, "mine", b"x")
    _put(desk, "old", b"x", f"image:{WEB}", expires=SECONDS)
    _put(desk, "soon", b"x", f"image:{WEB}", expires=SECONDS + 1)
    yield desk
    vault.close()


def _put(desk: Vaulted, name: str, value: bytes, *readers: str, expires: int | None = None) -> None:
    desk.ask(Put(name=SecretName(name), value=value, readers=tuple(map(Reader, readers)), expires=expires))


def ask(vault: Vaulted, *names: str, image: CollectionName = WEB) -> Fact:
    facts = SecretFacts(vault, Deliveries(PLACE), lambda: NOW)
    return asyncio.run(facts.answer(SecretsQuery(names=tuple(map(SecretName, names)), image=image)))


def test_all_of_them_are_for_the_image(desk: Desk) -> None:
    fact = ask(desk, "db", "shop/key", "soon")
    assert isinstance(fact, Deliverable)
    assert Path(fact.folder).parent == PLACE
    again = ask(desk, "db")
    assert isinstance(again, Deliverable)
    assert again.folder != fact.folder


def test_asking_is_not_reading(desk: Desk) -> None:
    ask(desk, "db")
    assert desk.ask(Audit()) == Trail(reads=())


@pytest.mark.parametrize("name", ["mine", "nothing", "pytrust/key/signing/alice"])
def test_what_is_not_for_the_image_and_what_is_not_there_sound_alike(desk: Desk, name: str) -> None:
    _put(desk, "pytrust/key/signing/alice", b"x", f"image:{WEB}")
    assert ask(desk, "db", name) == NotDeliverable(
        code="no-such-secret",
        why=f"there is no secret {name}, or {WEB} may not read it",
        hint=f"pytrust secret allow {name} image:{WEB}",
    )


def test_another_image_is_another(desk: Desk) -> None:
    assert isinstance(ask(desk, "shop/key", image=API), Deliverable)
    assert isinstance(ask(desk, "db", image=API), NotDeliverable)


def test_its_time_is_over(desk: Desk) -> None:
    fact = ask(desk, "old")
    assert isinstance(fact, NotDeliverable)
    assert fact.code == "secret-expired"


def test_more_than_a_container_takes() -> None:
    vault = FakeVaulted()
    names = [f"large{number}" for number in range(5)]
    for name in names:
        _put(vault, name, b"x" * SECRET_MAX_BYTES, f"image:{WEB}")
    readable = _AsDesk(vault)
    assert isinstance(ask(readable, *names[:4]), Deliverable)
    fact = ask(readable, *names)
    assert isinstance(fact, NotDeliverable)
    assert fact.code == "too-many-secrets"


class _AsDesk:
    """The fake takes no ``Find`` but its owner's."""

    def __init__(self, vault: FakeVaulted) -> None:
        self._vault = vault

    def ask(self, operation: Operation, *, caller: Caller | None = None) -> Done | Value | Page | Trail:
        return self._vault.ask(operation)


class _Gone:
    def __init__(self, error: PytrustError) -> None:
        self._error = error

    def ask(self, operation: Operation, *, caller: Caller | None = None) -> Done | Value | Page | Trail:
        raise self._error


def test_there_is_no_vault() -> None:
    fact = ask(_Gone(NotSetUp("there is no vault", hint="pytrust vault init")), "db")
    assert isinstance(fact, NotDeliverable)
    assert (fact.code, fact.hint) == ("no-vault", "pytrust vault init")


def test_a_locked_vault_is_no_answer() -> None:
    """The gatherer makes ``Unavailable`` of it."""
    with pytest.raises(VaultLocked):
        ask(_Gone(VaultLocked("the vault is locked")), "db")


def test_time_moves_on(desk: Desk) -> None:
    later = SecretFacts(desk, Deliveries(PLACE), lambda: NOW + timedelta(seconds=1))
    fact = asyncio.run(later.answer(SecretsQuery(names=(SecretName("soon"),), image=WEB)))
    assert isinstance(fact, NotDeliverable)
