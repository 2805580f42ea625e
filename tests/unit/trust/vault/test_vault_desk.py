"""The desk against a plain dictionary, under any sequence of operations; and nothing without an entry in the audit."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import closing
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from tests.fakes.vault_store import NOW, VaultStore, value

from pytrust.trust.errors import Conflict, Damaged, NoSuchSecret, SecretExpired, Unsound, UsageError, VaultLocked
from pytrust.trust.limits import SECRET_MAX_BYTES, SECRETS_AT_ONCE_MAX
from pytrust.trust.vault.callers import Peer
from pytrust.trust.vault.desk import Desk
from pytrust.trust.vault.names import SecretName
from pytrust.trust.vault.operations import (
    ABSENT,
    ANY,
    Amend,
    Audit,
    Done,
    Find,
    Get,
    List,
    Page,
    Put,
    PutMany,
    Remove,
    Rollback,
    Trail,
    Value,
)
from pytrust.trust.vault.vault import Vault

A, B = SecretName("a"), SecretName("b")
names = st.sampled_from([*map(SecretName, ("a", "b", "shop/a", "shop/b", "pytrust/x", "pytrusty"))])
values = st.binary(min_size=1, max_size=40)
PEER = Peer(7, frozenset())


class Model:
    """One secret."""

    def __init__(self) -> None:
        self.values: dict[int, bytes] = {}
        self.keep, self.expires, self.shared = 10, None, False

    def add(self, number: int, data: bytes) -> None:
        self.values[number] = data
        self.cut()

    def cut(self) -> None:
        self.values = dict(list(self.values.items())[-self.keep :])


class DeskMachine(RuleBasedStateMachine):
    """Two openers take turns; ``last`` remembers the highest number ever given for a name."""

    def __init__(self) -> None:
        super().__init__()
        self.at = Path(tempfile.mkdtemp())
        self.store = VaultStore(self.at).create()
        self.now = NOW
        self.vaults = [self.store.open(), self.store.open()]
        self.there: dict[SecretName, Model] = {}
        self.last: dict[SecretName, int] = {}
        self.generation = 0

    def desk(self, second: bool) -> Desk:
        return Desk(self.vaults[second], now=lambda: self.now, owner="uid:0")

    def teardown(self) -> None:
        for name in self.there:
            self.desk(False).ask(Amend(name=name, expires=None))
        for vault in self.vaults:
            vault.close()
        assert self.store.dump() == {
            name: (model.keep, model.values) for name, model in self.there.items() if not name.startswith("pytrust/")
        }
        shutil.rmtree(self.at)

    def number(self, name: SecretName) -> int:
        return max(self.there[name].values) if name in self.there else 0

    def done(self, found: object, number: int) -> None:
        assert isinstance(found, Done)
        assert found.number == number
        assert found.generation > self.generation
        self.generation = found.generation

    @rule(second=st.booleans(), name=names, data=values, expect=st.sampled_from([ANY, ANY, ABSENT, 1, 2, 3]))
    def put(self, second: bool, name: SecretName, data: bytes, expect: int) -> None:
        operation = Put(name=name, value=data, expect=expect)
        if expect not in {ANY, self.number(name)}:
            with pytest.raises(Conflict):
                self.desk(second).ask(operation)
            return
        found = self.desk(second).ask(operation)
        self.last[name] = self.last.get(name, 0) + 1
        self.there.setdefault(name, Model()).add(self.last[name], data)
        self.done(found, self.last[name])

    @rule(second=st.booleans(), puts=st.lists(st.tuples(names, values), min_size=1, max_size=4), bad=st.booleans())
    def put_many(self, second: bool, puts: list[tuple[SecretName, bytes]], bad: bool) -> None:
        operations = [Put(name=name, value=data) for name, data in puts]
        if bad:
            with pytest.raises(UsageError):
                self.desk(second).ask(PutMany(puts=(*operations, Put(name=A, value=b""))))
            return
        found = self.desk(second).ask(PutMany(puts=tuple(operations)))
        for name, data in puts:
            self.last[name] = self.last.get(name, 0) + 1
            self.there.setdefault(name, Model()).add(self.last[name], data)
        self.done(found, self.last[puts[-1][0]])

    @rule(
        second=st.booleans(),
        name=names,
        keep=st.sampled_from([1, 2, 10]),
        expires=st.sampled_from([None, NOW + 5, NOW - 1]),
        shared=st.booleans(),
    )
    def amend(self, second: bool, name: SecretName, keep: int, expires: int | None, shared: bool) -> None:
        operation = Amend(name=name, keep=keep, expires=expires, readers=("uid:7",) if shared else ())  # type: ignore[arg-type]
        if name not in self.there:
            with pytest.raises(NoSuchSecret):
                self.desk(second).ask(operation)
            return
        model = self.there[name]
        self.done(self.desk(second).ask(operation), self.number(name))
        model.keep, model.expires, model.shared = keep, expires, shared  # type: ignore[assignment]
        model.cut()

    @rule(second=st.booleans(), name=names, number=st.one_of(st.none(), st.integers(1, 5)), peer=st.booleans())
    def get(self, second: bool, name: SecretName, number: int | None, peer: bool) -> None:
        model, caller = self.there.get(name), PEER if peer else None
        operation = Get(name=name, number=number)
        hidden = peer and model and (not model.shared or name.startswith("pytrust/"))
        if not model or hidden:
            with pytest.raises(NoSuchSecret, match=f"^there is no secret {name}$"):
                self.desk(second).ask(operation, caller=caller)
        elif model.expires is not None and self.now >= model.expires:
            with pytest.raises(SecretExpired):
                self.desk(second).ask(operation, caller=caller)
        elif (number is not None and peer) or (number is not None and number not in model.values):
            with pytest.raises(NoSuchSecret):
                self.desk(second).ask(operation, caller=caller)
        else:
            found = self.desk(second).ask(operation, caller=caller)
            assert found == Value(number=number or self.number(name), value=model.values[number or self.number(name)])  # type: ignore[arg-type]

    @rule(second=st.booleans(), name=names, number=st.integers(1, 4), expect=st.sampled_from([ANY, 1, 2]))
    def rollback(self, second: bool, name: SecretName, number: int, expect: int) -> None:
        operation, model = Rollback(name=name, number=number, expect=expect), self.there.get(name)
        if model and expect in {ANY, self.number(name)} and number in model.values:
            found = self.desk(second).ask(operation)
            self.last[name] += 1
            model.add(self.last[name], model.values[number])
            self.done(found, self.last[name])
            return
        with pytest.raises((NoSuchSecret, Conflict)):
            self.desk(second).ask(operation)

    @rule(second=st.booleans(), name=names, number=st.one_of(st.none(), st.integers(1, 4)))
    def remove(self, second: bool, name: SecretName, number: int | None) -> None:
        model, operation = self.there.get(name), Remove(name=name, number=number)
        if model and number is None:
            self.done(self.desk(second).ask(operation), 0)
            del self.there[name]
        elif model and number in model.values and number != self.number(name):
            self.done(self.desk(second).ask(operation), self.number(name))
            del model.values[number]
        else:
            with pytest.raises((NoSuchSecret, UsageError)):
                self.desk(second).ask(operation)

    @rule(
        second=st.booleans(), prefix=st.sampled_from(["", "shop/", "pytrust", "pytrust/", "x"]), limit=st.integers(1, 3)
    )
    def pages(self, second: bool, prefix: str, limit: int) -> None:
        found: list[str] = []
        more, after = True, ""
        while more:
            page = self.desk(second).ask(List(prefix=prefix, after=after, limit=limit))
            assert isinstance(page, Page)
            assert len(page.secrets) <= limit
            found += [secret.name for secret in page.secrets]
            more, after = page.more, found[-1] if found else ""
        own = prefix.startswith("pytrust/")
        assert found == sorted(
            name for name in self.there if name.startswith(prefix) and (own or not name.startswith("pytrust/"))
        )

    @rule()
    def rekey(self) -> None:
        self.vaults[0].rekey(NOW)
        with pytest.raises(VaultLocked):
            Desk(self.vaults[1], now=lambda: self.now, owner="").ask(List())
        self.reopen(True)

    @rule(second=st.booleans())
    def reopen(self, second: bool) -> None:
        self.vaults[second].close()
        self.vaults[second] = self.store.open()

    @rule(seconds=st.integers(-3, 5))
    def time(self, seconds: int) -> None:
        self.now += seconds


TestDeskMachine = DeskMachine.TestCase
TestDeskMachine.settings = settings(
    max_examples=50, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture
def store(tmp_path: Path) -> VaultStore:
    made = VaultStore(tmp_path).create()
    made.ask(Put(name=A, value=b"value", readers=("uid:7",)))  # type: ignore[arg-type]
    return made


def desk(vault: Vault, now: int = NOW) -> Desk:
    return Desk(vault, now=lambda: now, owner="uid:0")


def test_an_entry_for_every_read_and_every_refusal(store: VaultStore) -> None:
    with closing(store.open()) as vault:
        at = desk(vault)
        for name, number, caller in ((A, None, None), (A, None, PEER), (A, 9, None), (B, None, PEER)):
            try:
                at.ask(Get(name=name, number=number, purpose="p" * 1000), caller=caller)
            except NoSuchSecret:
                pass
        vault.rekey(NOW)
        at.ask(Get(name=A))
        trail = at.ask(Audit())
        assert isinstance(trail, Trail)
        assert [(read.caller, read.name, read.number, read.refused) for read in trail.reads] == [
            ("uid:0", "a", 1, ""),
            ("uid:7", "a", 1, ""),
            ("uid:0", "a", 9, "no-such-secret"),
            ("uid:7", "b", 0, "no-such-secret"),
            ("uid:0", "a", 1, ""),
        ]
        assert {len(read.purpose) for read in trail.reads} == {300, 0}
        assert at.ask(Audit(limit=2)) == Trail(reads=trail.reads[-2:])
        assert at.ask(Audit(limit=3, name=B)) == Trail(reads=trail.reads[3:4])


@pytest.mark.parametrize("limit", [-1, 0, 2**63, 10**30])
def test_whatever_limit(store: VaultStore, limit: int) -> None:
    with closing(store.open()) as vault:
        desk(vault).ask(Get(name=A))
        trail = desk(vault).ask(Audit(limit=limit))
        assert isinstance(trail, Trail)
        assert len(trail.reads) == (limit > 0)


@pytest.mark.parametrize("number", [None, 7])
def test_no_entry_no_value(store: VaultStore, number: int | None) -> None:
    """And no refusal that says more."""
    with closing(store.open()) as vault:
        at = desk(vault)
        with (
            mock.patch("os.pwrite", side_effect=OSError(28, "No space left on device")),
            pytest.raises(Unsound) as caught,
        ):
            at.ask(Get(name=A, number=number))
        assert not isinstance(caught.value, NoSuchSecret)
        assert value(at, A) == b"value"
        trail = at.ask(Audit())
        assert isinstance(trail, Trail)
        assert [read.number for read in trail.reads] == [1]


@pytest.mark.parametrize("first", range(1, 50, 7))
def test_a_short_write_of_an_entry_is_gone_on_with(store: VaultStore, first: int) -> None:
    whole = __import__("os").pwrite
    with closing(store.open()) as vault:
        with mock.patch("os.pwrite", lambda descriptor, data, at: whole(descriptor, data[:first], at)):
            assert value(desk(vault), A) == b"value"
        assert value(desk(vault), A) == b"value"
        trail = desk(vault).ask(Audit())
        assert isinstance(trail, Trail)
        assert len(trail.reads) == 2


def test_a_closed_vault_writes_nothing_more(store: VaultStore, tmp_path: Path) -> None:
    """The number of the audit's descriptor is another file's by now."""
    vault = store.open()
    found = vault.find(A)
    assert found is not None
    vault.close()
    vault.close()
    with (tmp_path / "victim").open("w+b") as victim:
        for operation in (Get(name=A), Find(name=A), List(), Audit(), Put(name=A, value=b"1"), Remove(name=A)):
            with pytest.raises(VaultLocked):
                desk(vault).ask(operation)
        with pytest.raises(VaultLocked):
            vault.read(A, found.current)
        assert not victim.read()


def test_purposes_that_are_no_text(store: VaultStore) -> None:
    with closing(store.open()) as vault:
        desk(vault).ask(Get(name=A, purpose="\udcff"))
        trail = desk(vault).ask(Audit())
        assert isinstance(trail, Trail)
        assert trail.reads[0].purpose == "?"


@pytest.mark.parametrize("size", [1, 65_535, 65_536, 65_537, 511_999, 512_000, SECRET_MAX_BYTES])
def test_sizes(store: VaultStore, size: int) -> None:
    data = bytes(size)
    with closing(store.open()) as vault:
        desk(vault).ask(Put(name=A, value=data))
        assert value(desk(vault), A) == data
        desk(vault).ask(Rollback(name=A, number=2))
    with closing(store.open()) as vault:
        assert value(desk(vault), A) == data


@pytest.mark.parametrize("size", [0, SECRET_MAX_BYTES + 1])
def test_no_such_sizes(store: VaultStore, size: int) -> None:
    with closing(store.open()) as vault:
        with pytest.raises(UsageError):
            desk(vault).ask(PutMany(puts=(Put(name=B, value=b"1"), Put(name=A, value=bytes(size)))))
        assert vault.names() == [A]
        assert len(list(store.folder.glob("records/??/*"))) == 1  # what was sealed before is gone, too


def test_how_many_at_once(store: VaultStore) -> None:
    with closing(store.open()) as vault:
        for count in (0, SECRETS_AT_ONCE_MAX + 1):
            with pytest.raises(UsageError):
                desk(vault).ask(PutMany(puts=(Put(name=B, value=b"1"),) * count))


@pytest.mark.parametrize("now", [0, 1, 2**31 - 1, 2**31, 2**32, 253_402_300_799])
def test_clocks(tmp_path: Path, now: int) -> None:
    store = VaultStore(tmp_path).create()
    with closing(store.open()) as vault:
        desk(vault, now).ask(Put(name=A, value=b"1", expires=now))
        with pytest.raises(SecretExpired):
            desk(vault, now).ask(Get(name=A))
        with pytest.raises(SecretExpired):
            desk(vault, now + 1).ask(Get(name=A))
        if now:  # the clock was set back: what has an end may be read until then
            assert value(desk(vault, now - 1), A) == b"1"
        desk(vault, 5).ask(Amend(name=A, expires=None))
        desk(vault, 5).ask(Put(name=A, value=b"2"))
        vault.rekey(now)
    with closing(store.open()) as vault:
        found = vault.find(A)
        assert found is not None
        assert [version.created for version in found.versions] == [now, 5]
        assert value(desk(vault, 0), A) == b"2"


def test_a_value_that_is_gone_is_told(store: VaultStore) -> None:
    store.record("a").unlink()
    with closing(store.open()) as vault:
        with pytest.raises(Damaged, match="gone"):
            desk(vault).ask(Get(name=A))
        assert list(vault.verify()) == ["the value of version 1 of a is gone"]
