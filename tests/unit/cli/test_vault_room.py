"""How a command gets an open vault: in which order, and by whose words."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.fakes.agent import KEY, Kept, World, agent

from pytrust.cli import vault_given, voice
from pytrust.cli.vault_given import fitting, read_given
from pytrust.cli.vault_room import (
    agent_of,
    hand_over,
    open_vaulted,
    try_vaulted,
    unlock_here,
    wait_for_vault,
)
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import (
    BadPermissions,
    Damaged,
    NotSetUp,
    PytrustError,
    RolledBack,
    UsageError,
    VaultLocked,
    WrongPassphrase,
)
from pytrust.trust.vault.agent.client import AgentVault
from pytrust.trust.vault.desk import Desk
from pytrust.trust.vault.header import NewSlot, Slot
from pytrust.trust.vault.names import SecretName
from pytrust.trust.vault.operations import Get, Put, Value
from pytrust.trust.vault.slots import key_file, passphrase, unlock_key
from pytrust.trust.vault.slots.kinds import Identities, Passphrase, Pin, UnlockKey
from pytrust.trust.vault.vault import Vault, create_vault

WORDS, OTHER_WORDS = b"correct horse battery", b"staple battery horse"
CHEAP = passphrase.Cost(8, 1, 1)
WEB = SecretName("web")


@dataclass
class House:
    """A home with a vault, and what opens it."""

    home: Path
    key: str

    def workspace(self, file: Path | None = None, descriptor: int | None = None) -> Workspace:
        return Workspace(self.home, None, None, file, descriptor)

    def file(self, text: bytes | str) -> Path:
        path = self.home.parent / "given"
        path.touch(0o600)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setattr(vault_given, "_has_terminal", lambda: False)
    home = tmp_path / "home"
    home.mkdir(0o700)
    text, made = unlock_key.make()
    slots = [
        NewSlot("passphrase", "mine", *passphrase.make(WORDS, CHEAP)),
        NewSlot("passphrase", "yours", *passphrase.make(OTHER_WORDS, CHEAP)),
        NewSlot("unlock-key", "paper", *made),
    ]
    create_vault(home / "vault", tmp_path / "home.anchor", slots, now=1).close()
    return House(home, text)


def put(vault: Vault, value: bytes) -> None:
    Desk(vault, now=lambda: 1, owner="uid:0").ask(Put(name=WEB, value=value))


def got(vaulted: object) -> bytes:
    answer = vaulted.ask(Get(name=WEB))  # type: ignore[attr-defined]
    assert isinstance(answer, Value)
    return answer.value


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\nmore lines\n"])
@pytest.mark.parametrize("words", [WORDS, OTHER_WORDS, None])
def test_a_file_with_a_key_or_a_passphrase(house: House, words: bytes | None, end: bytes) -> None:
    given = house.file((words or house.key.encode()) + end)
    vaulted = try_vaulted(house.workspace(given))
    assert vaulted is not None
    vaulted.ask(Put(name=WEB, value=b"1"))
    assert got(open_vaulted(house.workspace(given))) == b"1"


def test_a_descriptor_is_read_once(house: House) -> None:
    reading, writing = os.pipe()
    os.write(writing, house.key.encode())
    os.close(writing)
    workspace = house.workspace(descriptor=reading)
    for _ in range(2):
        assert try_vaulted(workspace)
    os.close(reading)


def test_a_credential_of_systemd(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert try_vaulted(house.workspace()) is None
    house.file(house.key).rename(tmp_path / "pytrust.unlock-key")
    (tmp_path / "pytrust.unlock-key").chmod(0o440)  # as systemd's ACL looks like
    assert try_vaulted(house.workspace())
    (tmp_path / "pytrust.unlock-key").chmod(0o444)
    with pytest.raises(BadPermissions):
        try_vaulted(house.workspace())


def test_a_file_that_others_can_read(house: House) -> None:
    given = house.file(house.key)
    given.chmod(0o644)
    with pytest.raises(BadPermissions):
        try_vaulted(house.workspace(given))


@pytest.mark.parametrize(
    ("text", "error", "word"),
    [
        ("a wrong passphrase", WrongPassphrase, "does not open"),
        ("short", WrongPassphrase, "does not open"),
        (unlock_key.make()[0], WrongPassphrase, "does not open"),
        ("PTKEY-1-typed", UsageError, "unlock key"),
        ("ptkey-1-" + "a" * 48, UsageError, "capital"),
        ("AGE-SECRET-KEY-1QQQ", WrongPassphrase, "does not open"),
        ("\n" + WORDS.decode(), UsageError, "holds nothing"),
        ("", UsageError, "holds nothing"),
    ],
)
def test_what_does_not_open(house: House, text: str, error: type[PytrustError], word: str) -> None:
    with pytest.raises(error, match=word) as raised:
        try_vaulted(house.workspace(house.file(text)))
    assert not text or text.strip() not in str(raised.value) + raised.value.hint


def test_one_character_of_a_key(house: House) -> None:
    wrong = house.key[:-1] + ("A" if house.key[-1] != "A" else "B")
    with pytest.raises(UsageError, match="checksum"):
        try_vaulted(house.workspace(house.file(wrong)))


def test_two_at_once(house: House) -> None:
    with pytest.raises(UsageError, match="twice"):
        try_vaulted(house.workspace(house.file(house.key), 0))


def test_a_descriptor_that_is_none() -> None:
    with pytest.raises(UsageError, match="file descriptor 999 cannot be read") as refused:
        read_given(None, 999, None)
    assert refused.value.hint.endswith("999<FILE")


def test_nothing_at_hand(house: House) -> None:
    assert try_vaulted(house.workspace()) is None
    with pytest.raises(VaultLocked, match="no terminal") as locked:
        open_vaulted(house.workspace())
    assert locked.value.hint == "pytrust vault unlock"


def test_what_an_agent_cannot_do_says_how_it_is_done(house: House) -> None:
    with pytest.raises(VaultLocked, match="also while an agent holds it open") as locked:
        unlock_here(house.workspace())
    assert "vault unlock" not in locked.value.hint
    assert "--unlock-file FILE" in locked.value.hint


def test_no_vault(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, None, None)
    assert try_vaulted(workspace) is None
    for opens in (open_vaulted, unlock_here, lambda each: wait_for_vault(each, print)):
        with pytest.raises(NotSetUp, match="there is no vault"):
            opens(workspace)


def test_a_prompt(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault_given, "_has_terminal", lambda: True)
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return WORDS.decode()

    monkeypatch.setattr(voice, "ask_secret", ask)
    open_vaulted(house.workspace())
    assert asked == ["passphrase or unlock key of the vault"]
    assert try_vaulted(house.workspace()) is None
    monkeypatch.setattr(voice, "ask_secret", lambda _: "")
    with pytest.raises(VaultLocked, match="nothing was typed"):
        open_vaulted(house.workspace())


def test_a_key_file_asks_nobody(house: House, tmp_path: Path) -> None:
    made = key_file.make(tmp_path / "key", house.home / "vault")
    vault = unlock_here(house.workspace(house.file(WORDS)))
    vault.add_slot(NewSlot("file", "", *made), 2)
    put(vault, b"1")
    assert got(open_vaulted(house.workspace())) == b"1"
    (tmp_path / "key").rename(tmp_path / "away")
    assert try_vaulted(house.workspace()) is None


def test_a_key_file_that_is_open_to_others_is_told(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = key_file.make(tmp_path / "key", house.home / "vault")
    unlock_here(house.workspace(house.file(WORDS))).add_slot(NewSlot("file", "", *made), 2)
    (tmp_path / "key").chmod(0o644)
    assert try_vaulted(house.workspace()) is None
    assert "is open to others" in capsys.readouterr().err


def test_the_agent_comes_first_if_it_is_open(house: House) -> None:
    world = World()
    with agent(house.home / "vault.sock", world):
        assert try_vaulted(house.workspace()) is None
        AgentVault(house.home / "vault.sock").unlock(KEY)
        for vaulted in (try_vaulted(house.workspace()), open_vaulted(house.workspace(house.file("wrong words")))):
            assert isinstance(vaulted, AgentVault)


def test_a_vault_of_last_week_is_not_opened_but_may_be_accepted(house: House, tmp_path: Path) -> None:
    header = house.home / "vault" / "vault.json"
    before = header.read_bytes()
    given = house.file(WORDS)
    put(unlock_here(house.workspace(given)), b"1")
    header.write_bytes(before)
    with pytest.raises(RolledBack):
        open_vaulted(house.workspace(given))
    unlock_here(house.workspace(given), accept_rollback=True).close()
    assert try_vaulted(house.workspace(given))


def test_a_header_that_somebody_changed_opens_for_nobody(house: House) -> None:
    header = house.home / "vault" / "vault.json"
    header.write_bytes(header.read_bytes().replace(b'"generation":1', b'"generation":2'))
    with pytest.raises(Damaged):
        open_vaulted(house.workspace(house.file(WORDS)))


@pytest.fixture
def waiting(house: House) -> Iterator[tuple[list[str], list[object], threading.Thread]]:
    said: list[str] = []
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(wait_for_vault(house.workspace(), said.append)))
    thread.start()
    yield said, found, thread
    thread.join(10)


def test_a_service_waits(house: House, waiting: tuple[list[str], list[object], threading.Thread]) -> None:
    said, found, thread = waiting
    with agent(house.home / "vault.sock", World()):
        thread.join(1.2)
        assert thread.is_alive()
        AgentVault(house.home / "vault.sock").unlock(KEY)
        thread.join(10)
    assert said == ["waiting for the vault: pytrust vault unlock"]
    assert isinstance(found[0], AgentVault)


def test_new_keys_are_handed_over_to_an_agent_that_was_open(house: House) -> None:
    """And to no other: whoever locked it meant it."""
    masters: list[bytes] = []

    class Taking(World):
        def open(self, master: bytes) -> Kept:
            masters.append(master)
            return super().open(KEY)

    world = Taking()
    vault = unlock_here(house.workspace(house.file(WORDS)))
    hand_over(house.workspace(), vault)  # no agent: nothing to do
    with agent(house.home / "vault.sock", world):
        hand_over(house.workspace(), vault)
        assert masters == []
        agent_of(house.workspace()).unlock(bytes(32))
        hand_over(house.workspace(), vault)
    assert masters == [bytes(32), vault.master.bytes()]


def slot(kind: str) -> Slot:
    return Slot("0" * 8, kind, "", 0, {}, b"", b"", b"")


PTKEY = b"PTKEY-1-" + b"a" * 48
AGE = b"# a comment\nAGE-SECRET-KEY-1QQQ\n"
ALL = ("passphrase", "unlock-key", "file", "age", "os-keyring", "pkcs11")
FITS = [
    (b"some words", ALL, {"passphrase": Passphrase(b"some words")}),
    (b"some words\r\nmore", ALL, {"passphrase": Passphrase(b"some words")}),
    (PTKEY, ALL, {"unlock-key": UnlockKey(PTKEY), "file": UnlockKey(PTKEY)}),
    (AGE, ALL, {"age": Identities(AGE)}),
    (b"-----BEGIN OPENSSH PRIVATE KEY-----\nx", ALL, {"age": Identities(b"-----BEGIN OPENSSH PRIVATE KEY-----\nx")}),
    (b"pin-value=1234\n", ALL, {"pkcs11": Pin(b"1234")}),
    (b"1234", ALL, {"passphrase": Passphrase(b"1234")}),  # no try of the token is used up by it
    (b"1234", ("pkcs11", "age"), {"pkcs11": Pin(b"1234")}),
    (PTKEY, ("pkcs11",), {}),
    (AGE, ("pkcs11", "passphrase"), {}),
]


@pytest.mark.parametrize(("text", "there", "fits"), FITS)
def test_what_a_text_is_for_each_kind(text: bytes, there: tuple[str, ...], fits: dict[str, object]) -> None:
    assert {one.kind: secret for one, secret in fitting(tuple(map(slot, there)), text, typed=True)} == fits


def test_a_passphrase_in_a_file_goes_to_no_token() -> None:
    """Whatever the header says of the kinds of slots: it is not authenticated yet."""
    slots = tuple(map(slot, ("pkcs11", "age")))
    assert list(fitting(slots, b"some words", typed=False)) == []
    assert list(fitting(slots, b"pin-value=1234", typed=False)) == [(slots[0], Pin(b"1234"))]
