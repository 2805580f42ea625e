"""What an open vault promises, wherever it is open: one suite for the fixtures ``vault`` and ``clock``."""

from __future__ import annotations

import pytest

from pytrust.trust.errors import AccessDenied, Conflict, InvalidName, NoSuchSecret, SecretExpired, UsageError
from pytrust.trust.limits import SECRET_MAX_BYTES
from pytrust.trust.names import CollectionName
from pytrust.trust.vault.asking import Vaulted
from pytrust.trust.vault.callers import Caller, ImageCaller, Owner, Peer, ServiceCaller
from pytrust.trust.vault.model import Reader, Secret
from pytrust.trust.vault.names import SecretName
from pytrust.trust.vault.operations import (
    ABSENT,
    Amend,
    Audit,
    Done,
    Find,
    Get,
    List,
    Operation,
    Page,
    Put,
    PutMany,
    Remove,
    Rollback,
    Trail,
    Value,
)

NAME, OTHER, OWN = SecretName("db_password"), SecretName("shop/api"), SecretName("pytrust/login/00")
READERS = (Reader("gid:50"), Reader("image:docker.io/foo/*"), Reader("service:web-*"), Reader("uid:1000"))
MAY: list[Caller] = [
    Owner("uid:0"),
    Peer(1000, frozenset()),
    Peer(7, frozenset({50})),
    ImageCaller(CollectionName("docker.io/foo/web")),
    ServiceCaller("web-1"),
]
MAY_NOT: list[Caller] = [
    Peer(1001, frozenset({51})),
    Peer(50, frozenset({1000})),
    ImageCaller(CollectionName("docker.io/foo/a/b")),
    ServiceCaller("db"),
]


class Clock:
    """Shows what is set."""

    def __init__(self) -> None:
        self.now = 1_800_000_000

    def __call__(self) -> int:
        return self.now


def put(vault: Vaulted, name: SecretName = NAME, value: bytes = b"1", **terms: object) -> Done:
    found = vault.ask(Put(name=name, value=value, **terms))  # type: ignore[arg-type]
    assert isinstance(found, Done)
    return found


def get(vault: Vaulted, name: SecretName = NAME, caller: Caller | None = None, number: int | None = None) -> bytes:
    found = vault.ask(Get(name=name, number=number, purpose="test"), caller=caller)
    assert isinstance(found, Value)
    return found.value


def find(vault: Vaulted, name: SecretName = NAME, caller: Caller | None = None) -> Secret:
    found = vault.ask(Find(name=name), caller=caller)
    assert isinstance(found, Page)
    (secret,) = found.secrets
    return secret


def listed(vault: Vaulted, **words: object) -> list[str]:
    found = vault.ask(List(**words))  # type: ignore[arg-type]
    assert isinstance(found, Page)
    return [*(secret.name for secret in found.secrets), *(["..."] if found.more else [])]


class VaultedSuite:
    def test_values_come_back_version_by_version(self, vault: Vaulted) -> None:
        first, second = put(vault, value=b"\x00one"), put(vault, value=b"two")
        assert (first.number, second.number) == (1, 2)
        assert second.generation > first.generation
        assert (get(vault), get(vault, number=1)) == (b"two", b"\x00one")
        assert [(version.number, version.size, version.author) for version in find(vault).versions] == [
            (1, 4, "uid:0"),
            (2, 3, "uid:0"),
        ]

    def test_as_many_versions_as_the_terms_say(self, vault: Vaulted) -> None:
        for value in (b"1", b"2", b"3"):
            put(vault, value=value, keep=2)
        assert [version.number for version in find(vault).versions] == [2, 3]
        with pytest.raises(NoSuchSecret):
            get(vault, number=1)
        vault.ask(Amend(name=NAME, keep=1))
        assert [version.number for version in find(vault).versions] == [3]

    def test_check_and_set(self, vault: Vaulted) -> None:
        put(vault, expect=ABSENT)
        put(vault, expect=1)
        for expect in (ABSENT, 1, 3):
            with pytest.raises(Conflict):
                put(vault, expect=expect)
        with pytest.raises(Conflict):
            put(vault, OTHER, expect=1)
        assert find(vault).current.number == 2

    def test_terms_stay_unless_they_are_given(self, vault: Vaulted) -> None:
        put(vault, labels={"b": "2", "a": "1"}, readers=READERS[::-1], expires=None, keep=3)
        put(vault, value=b"2")
        terms = find(vault).terms
        assert (dict(terms.labels), terms.readers, terms.expires, terms.keep) == (
            {"a": "1", "b": "2"},
            READERS,
            None,
            3,
        )
        vault.ask(Amend(name=NAME, labels={}))
        assert (find(vault).terms.labels, find(vault).terms.readers) == ((), READERS)
        assert get(vault) == b"2"

    @pytest.mark.parametrize("caller", MAY, ids=str)
    def test_who_may_read(self, vault: Vaulted, caller: Caller) -> None:
        put(vault, readers=READERS)
        assert get(vault, caller=caller) == b"1"
        assert find(vault, caller=caller).name == NAME

    @pytest.mark.parametrize("caller", MAY_NOT, ids=str)
    def test_who_may_not_learns_nothing(self, vault: Vaulted, caller: Caller) -> None:
        put(vault, readers=READERS)
        put(vault, OWN, readers=(*READERS, Reader("uid:1001"), Reader("service:db")))
        texts = set()
        for name in (NAME, SecretName("no_such"), OWN):
            for operation in (Get(name=name), Find(name=name)):
                with pytest.raises(NoSuchSecret) as caught:
                    vault.ask(operation, caller=caller)
                texts.add(str(caught.value).replace(name, "NAME"))
        assert len(texts) == 1

    @pytest.mark.parametrize(
        "operation",
        [
            Put(name=NAME, value=b"2"),
            PutMany(puts=(Put(name=NAME, value=b"2"),)),
            Amend(name=NAME),
            List(),
            Rollback(name=NAME, number=1),
            Remove(name=NAME),
            Audit(),
        ],
        ids=lambda operation: type(operation).__name__,
    )
    def test_the_rest_is_for_the_owner(self, vault: Vaulted, operation: Operation) -> None:
        put(vault, readers=READERS)
        with pytest.raises(AccessDenied):
            vault.ask(operation, caller=Peer(1000, frozenset()))
        assert get(vault) == b"1"

    def test_others_read_no_old_versions(self, vault: Vaulted) -> None:
        put(vault, readers=READERS)
        put(vault, value=b"2")
        with pytest.raises(NoSuchSecret):
            get(vault, caller=Peer(1000, frozenset()), number=1)

    def test_what_is_over_is_not_served(self, vault: Vaulted, clock: Clock) -> None:
        put(vault, expires=clock.now + 10, readers=READERS)
        clock.now += 9
        assert get(vault) == b"1"
        clock.now += 1
        with pytest.raises(SecretExpired):
            get(vault)
        with pytest.raises(NoSuchSecret):
            get(vault, caller=MAY_NOT[0])
        vault.ask(Amend(name=NAME, expires=None))
        assert get(vault) == b"1"

    def test_several_at_once_are_all_or_none(self, vault: Vaulted) -> None:
        put(vault)
        puts = (Put(name=OTHER, value=b"2"), Put(name=NAME, value=b"3", expect=ABSENT))
        with pytest.raises(Conflict):
            vault.ask(PutMany(puts=puts))
        assert listed(vault) == [NAME]
        vault.ask(PutMany(puts=(Put(name=OTHER, value=b"2"), Put(name=OTHER, value=b"3"), Put(name=NAME, value=b"4"))))
        assert (get(vault, OTHER, number=1), get(vault, OTHER), get(vault)) == (b"2", b"3", b"4")
        with pytest.raises(UsageError):
            vault.ask(PutMany(puts=()))

    def test_an_older_value_is_the_next_version_again(self, vault: Vaulted) -> None:
        put(vault, value=b"1", readers=READERS)
        put(vault, value=b"2")
        with pytest.raises(Conflict):
            vault.ask(Rollback(name=NAME, number=1, expect=1))
        done = vault.ask(Rollback(name=NAME, number=1, expect=2))
        assert isinstance(done, Done)
        assert (done.number, get(vault), find(vault).terms.readers) == (3, b"1", READERS)
        with pytest.raises(NoSuchSecret):
            vault.ask(Rollback(name=NAME, number=9))

    def test_numbers_go_on_after_a_removal(self, vault: Vaulted) -> None:
        put(vault)
        vault.ask(Remove(name=NAME))
        assert put(vault).number == 2

    def test_what_is_removed_is_gone(self, vault: Vaulted) -> None:
        put(vault)
        put(vault, value=b"2")
        with pytest.raises(UsageError):
            vault.ask(Remove(name=NAME, number=2))
        vault.ask(Remove(name=NAME, number=1))
        with pytest.raises(NoSuchSecret):
            get(vault, number=1)
        done = vault.ask(Remove(name=NAME))
        assert isinstance(done, Done)
        assert done.number == 0
        for operation in (Get(name=NAME), Find(name=NAME), Remove(name=NAME), Amend(name=NAME)):
            with pytest.raises(NoSuchSecret):
                vault.ask(operation)

    def test_pages_by_name(self, vault: Vaulted) -> None:
        for name in ("b", "a", "shop/b", "shop/a", "shopper", "pytrust/key/ca/x"):
            put(vault, SecretName(name))
        assert listed(vault) == ["a", "b", "shop/a", "shop/b", "shopper"]
        assert listed(vault, prefix="shop/") == ["shop/a", "shop/b"]
        assert listed(vault, limit=2) == ["a", "b", "..."]
        assert listed(vault, after="b", limit=3) == ["shop/a", "shop/b", "shopper"]
        assert listed(vault, prefix="pytrust/") == ["pytrust/key/ca/x"]
        assert listed(vault, prefix="nothing") == []

    @pytest.mark.parametrize(
        "operation",
        [
            Put(name=NAME, value=b""),
            Put(name=NAME, value=b"x" * (SECRET_MAX_BYTES + 1)),
            Put(name=NAME, value=b"1", keep=0),
            Put(name=NAME, value=b"1", readers=(Reader("everybody"),)),
            Put(name=NAME, value=b"1", labels={"": "x"}),
            Put(name=NAME, value=b"1", expires=-1),
        ],
        ids=range(6),
    )
    def test_what_has_no_meaning_changes_nothing(self, vault: Vaulted, operation: Operation) -> None:
        with pytest.raises(UsageError):
            vault.ask(operation)
        assert listed(vault) == []

    @pytest.mark.parametrize("name", ["../x", "", "a//b", "a\n", "-a"])
    def test_names_are_checked_here_too(self, vault: Vaulted, name: str) -> None:
        with pytest.raises(InvalidName):
            vault.ask(Put(name=SecretName(name), value=b"1"))

    def test_every_read_is_in_the_audit_and_every_refusal(self, vault: Vaulted, clock: Clock) -> None:
        put(vault, readers=READERS)
        get(vault)
        get(vault, caller=MAY[3])
        with pytest.raises(NoSuchSecret):
            get(vault, caller=MAY_NOT[0])
        find(vault)
        trail = vault.ask(Audit(name=NAME))
        assert isinstance(trail, Trail)
        assert [(read.caller, read.purpose, read.number, bool(read.refused)) for read in trail.reads] == [
            ("uid:0", "test", 1, False),
            ("image:docker.io/foo/web", "test", 1, False),
            ("uid:1001", "test", 0, True),
        ]
        assert {read.at for read in trail.reads} == {clock.now}
        newest = vault.ask(Audit(limit=1))
        assert isinstance(newest, Trail)
        assert [read.caller for read in newest.reads] == ["uid:1001"]
