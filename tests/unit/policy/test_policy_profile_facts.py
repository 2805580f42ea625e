"""From a signed statement to what an engine gets: once for each document and engine, and never less than it says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from pytrust.policy.core.facts import Fact, Missing, NotProfiled, Profiled, ProfileQuery, Roots, Unavailable
from pytrust.policy.profile_facts import KEPT_MAX, ProfileFacts
from pytrust.policy.profiles.document import encode_profile, profile_digest
from pytrust.policy.profiles.floor import floor
from pytrust.policy.profiles.model import AppArmor, Profile, Rule, Seccomp
from pytrust.policy.profiles.names import Action, Capability, GoArch, Syscall
from pytrust.policy.profiles.parts import EngineParts
from pytrust.policy.trust_facts import Opened
from pytrust.trust.client.trusted import SignedStatement
from pytrust.trust.errors import BadMetadata, NotSetUp, PytrustError, Stale, Unreachable, Unsigned
from pytrust.trust.names import CollectionName, Digest, ImageRef, RoleName

REF = ImageRef.parse(f"foo/web@sha256:{'1' * 64}")
QUERY = ProfileQuery(ref=REF)
EXPIRES = datetime(2030, 1, 1, tzinfo=UTC)
OLD = EngineParts(version="20.10.24", runc="1.1.5", kernel="6.1", arch=GoArch("amd64"))
NEW = replace(OLD, version="28.0.1", runc="1.2.4")
PROFILE = Profile(
    name="foo/web",
    seccomp=Seccomp(default=Action.ERRNO, rules=(Rule(names=(Syscall("read"),), action=Action.ALLOW),)),
    capabilities=(Capability("SETUID"), Capability("CHOWN")),
    read_only=True,
    user="7",
)
CONFINED = replace(PROFILE, apparmor=AppArmor())


class House:
    """A collection that makes one statement, or fails; and an engine."""

    def __init__(self, said: bytes | PytrustError | None, parts: EngineParts = OLD) -> None:
        self.said, self.made_of = said, parts
        self.unopened: PytrustError | None = None
        self.kept = False
        self.expires = EXPIRES

    def statement(self, role: RoleName, digest: Digest) -> SignedStatement | None:
        assert (role, digest) == ("profiles", REF.digest)
        if isinstance(self.said, PytrustError):
            raise self.said
        return None if self.said is None else SignedStatement(self.said, profile_digest(self.said), self.expires)

    async def collection(self, name: CollectionName, roots: Roots | None) -> Any:
        assert name == REF.collection
        return Opened(self.unopened or self)  # type: ignore[arg-type]

    def kept_collection(self, name: CollectionName, roots: Roots | None) -> Any:
        return Opened(self.unopened or self) if self.kept else None  # type: ignore[arg-type]

    async def parts(self) -> EngineParts:
        return self.made_of

    def kept_parts(self) -> EngineParts | None:
        return self.made_of if self.kept else None


def facts(house: House) -> ProfileFacts:
    return ProfileFacts(house, house)  # type: ignore[arg-type]


def ask(house: House, prepare: Callable[[ProfileFacts], None] = lambda _: None) -> Fact:
    asked = facts(house)
    prepare(asked)
    return asyncio.run(asked.answer(QUERY))


def names(fact: Fact) -> set[str]:
    assert isinstance(fact, Profiled), fact
    rules = json.loads(fact.seccomp)["syscalls"]
    return {name for rule in rules for name in rule["names"]}


def test_what_is_signed_and_what_the_runtime_needs() -> None:
    data = encode_profile(PROFILE)
    fact = ask(House(data))
    assert isinstance(fact, Profiled)
    assert names(fact) == {"read", *floor("1.1.5", no_new_privileges=True)}
    assert (fact.digest, fact.capabilities, fact.expires) == (profile_digest(data), ("CHOWN", "SETUID"), EXPIRES)
    assert (fact.no_new_privileges, fact.read_only, fact.user, fact.apparmor) == (True, True, "7", "")


def test_what_was_measured_on_this_host_counts() -> None:
    def measured(asked: ProfileFacts) -> None:
        asked.measured = {("1.1.5", True): frozenset({Syscall("statx")})}

    assert "statx" not in names(ask(House(encode_profile(PROFILE))))
    assert "statx" in names(ask(House(encode_profile(PROFILE)), measured))


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        (NEW, True),
        (OLD, False),
        (replace(NEW, runc="1.1.5"), False),
        (replace(NEW, runc=""), False),
        (replace(NEW, version="20.10.24"), False),
    ],
)
def test_the_kernel_is_asked_to_tell_where_that_cannot_fail(parts: EngineParts, told: bool) -> None:
    fact = ask(House(encode_profile(PROFILE), parts))
    assert isinstance(fact, Profiled)
    assert json.loads(fact.seccomp).get("flags", []) == (["SECCOMP_FILTER_FLAG_LOG"] if told else [])


NO_ANSWERS = [
    (None, Missing, ""),
    (Stale("its time is over"), NotProfiled, "stale"),
    (BadMetadata("forged"), NotProfiled, "bad-metadata"),
    (Unreachable("nobody answers"), Unavailable, "unreachable"),
    (b"{}", NotProfiled, "bad-content"),
    (b'{"format":"pytrust-profile/2"}', NotProfiled, "bad-content"),
    (encode_profile(PROFILE).replace(b'"read"', b'"read","read":1'), NotProfiled, "bad-content"),
]


@pytest.mark.parametrize(("said", "kind", "code"), NO_ANSWERS)
def test_what_is_none_and_what_does_not_count(said: Any, kind: type, code: str) -> None:
    fact = ask(House(said))
    assert type(fact) is kind
    assert getattr(fact, "code", "") == code


@pytest.mark.parametrize(
    ("error", "kind"), [(Unsigned("unsigned"), NotProfiled), (Unreachable("nobody answers"), Unavailable)]
)
def test_a_collection_that_cannot_be_opened(error: PytrustError, kind: type) -> None:
    house = House(encode_profile(PROFILE))
    house.unopened = error
    assert type(ask(house)) is kind


@pytest.mark.parametrize(
    "changes",
    [{"user": ":0"}, {"capabilities": (Capability("ALL"),)}, {"seccomp": Seccomp(default=Action.LOG, flags=("x",))}],
)
def test_what_an_engine_would_read_in_its_own_way_does_not_count(changes: dict[str, Any]) -> None:
    fact = ask(House(encode_profile(replace(PROFILE, **changes))))
    assert isinstance(fact, NotProfiled)
    assert "the signed document" in fact.why


def test_apparmor_binds_where_it_is_and_where_it_can_be_loaded() -> None:
    data, with_apparmor = encode_profile(CONFINED), replace(OLD, apparmor=True)
    name = f"pytrust-{profile_digest(data).hex[:16]}"
    loaded: list[tuple[Profile, str]] = []

    def loads(asked: ProfileFacts) -> None:
        asked.load = lambda profile, name: loaded.append((profile, name))

    without = ask(House(data), loads)
    assert isinstance(without, Profiled)
    assert (without.apparmor, loaded) == ("", [])
    here = ask(House(data, with_apparmor), loads)
    assert isinstance(here, Profiled)
    assert (here.apparmor, loaded) == (name, [(CONFINED, name)])
    elsewhere = ask(House(data, with_apparmor))
    assert isinstance(elsewhere, NotProfiled)
    assert elsewhere.code == "apparmor-elsewhere"
    plain = ask(House(encode_profile(PROFILE), with_apparmor))
    assert isinstance(plain, Profiled)


def test_what_cannot_be_loaded_is_no_profile() -> None:
    def fails(profile: Profile, name: str) -> None:
        raise NotSetUp("no parser")

    def prepare(asked: ProfileFacts) -> None:
        asked.load = fails

    with pytest.raises(NotSetUp):
        ask(House(encode_profile(CONFINED), replace(OLD, apparmor=True)), prepare)


def test_it_is_made_once_for_a_document_and_an_engine() -> None:
    house, used = House(encode_profile(PROFILE)), list[int]()
    asked = facts(house)
    asked.on_use = lambda: used.append(1)

    async def several() -> list[Fact | None]:
        first = [await asked.answer(QUERY), asked.at_once(QUERY)]
        house.kept = True
        kept = [await asked.answer(QUERY), asked.at_once(QUERY)]
        house.made_of = NEW
        moved = [asked.at_once(QUERY), await asked.answer(QUERY)]
        return [*first, *kept, *moved]

    one, unkept, two, three, moved, four = asyncio.run(several())
    assert unkept is None
    assert moved is None
    assert one == two == three != four
    assert len(used) == 2


def test_what_is_signed_anew_lasts_longer_though_it_is_not_made_again() -> None:
    house, used = House(encode_profile(PROFILE)), list[int]()
    house.kept = True
    asked = facts(house)
    asked.on_use = lambda: used.append(1)

    async def several() -> list[Fact | None]:
        first = await asked.answer(QUERY)
        house.expires = EXPIRES + timedelta(days=30)
        return [first, await asked.answer(QUERY), asked.at_once(QUERY)]

    found = asyncio.run(several())
    assert [fact.expires for fact in found if isinstance(fact, Profiled)] == [EXPIRES, house.expires, house.expires]
    assert len(used) == 1


def test_they_are_not_kept_without_end() -> None:
    house = House(b"")
    asked = facts(house)

    async def many() -> None:
        for number in range(KEPT_MAX + 10):
            house.said = encode_profile(replace(PROFILE, name=str(number)))
            await asked.answer(QUERY)

    asyncio.run(many())
    assert len(asked._made) == KEPT_MAX
