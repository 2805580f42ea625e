"""What is signed of the images that an engine uses, looked up as any client does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.fakes.repository import FakeCollection, FakeRepository

from pytrust.cli.audit_trust import TrustReader
from pytrust.policy.audit.said import Config, Container, Image
from pytrust.trust.client.cache import Cache
from pytrust.trust.client.either import EitherClient

ID = f"sha256:{'e' * 64}"
NAME = "docker.io/foo/web"
OLD, NEW, CHILD = (f"sha256:{letter * 64}" for letter in "abc")

Reader = Callable[..., TrustReader]


@pytest.fixture
def web() -> FakeCollection:
    web = FakeCollection(NAME)
    web.release("v1", NEW, 5, [(CHILD, 7)])
    web.settle()
    return web


@pytest.fixture
def reader(web: FakeCollection, tmp_path: Path) -> TrustReader:
    def now() -> datetime:
        return datetime.now(UTC)

    return TrustReader(EitherClient(FakeRepository(web), Cache(tmp_path), [web.pin], now=now), None, now())


def image(*digests: str) -> Image:
    return Image(ID, tags=["foo/web:v1"], digests=[f"foo/web@{digest}" for digest in digests])


def container(named: str | None) -> Container:
    return Container("1" * 64, image=ID, config=Config(image=named))


def test_a_signed_image_and_one_of_its_platforms(reader: TrustReader) -> None:
    for digest in (NEW, CHILD):
        trust = reader.trust(image(digest))
        assert (trust.signed, trust.unknown, trust.first_use) == (f"{NAME}@{digest}", False, False)
        assert (trust.scanned, trust.acceptable) == ("", None)


def test_one_of_several_names_is_enough(reader: TrustReader) -> None:
    assert reader.trust(image(OLD, NEW)).signed == f"{NAME}@{NEW}"


def test_what_nobody_signed(reader: TrustReader) -> None:
    other = reader.trust(image(OLD))
    assert (other.signed, other.unknown) == ("", False)
    assert other.why
    local = reader.trust(Image(ID, tags=["foo/web:v1"]))
    assert (local.signed, local.unknown) == ("", False)
    assert "no registry" in local.why


def test_names_that_are_none_are_no_names(reader: TrustReader) -> None:
    hostile = Image(ID, digests=["<none>@<none>", "\x1b[2J", f"foo/web@{NEW}0", "x" * 5000])
    assert "no registry" in reader.trust(hostile).why


def test_somebody_who_cannot_be_asked_is_no_answer(web: FakeCollection, tmp_path: Path) -> None:
    def now() -> datetime:
        return datetime.now(UTC)

    reader = TrustReader(EitherClient(None, Cache(tmp_path), [web.pin], now=now), None, now())
    trust = reader.trust(image(NEW))
    assert (trust.signed, trust.unknown) == ("", True)
    assert reader.current(container("foo/web:v1"), {ID: image(NEW)}).newest is None


@pytest.mark.parametrize(
    ("held", "named", "newest"),
    [
        (NEW, "foo/web:v1", True),
        (CHILD, "foo/web:v1", True),
        (NEW, f"foo/web:v1@{NEW}", True),
        (OLD, "foo/web:v1", False),
        (NEW, "foo/web:v2", False),
        (NEW, f"foo/web@{NEW}", None),
        (NEW, ID, None),
        (NEW, "e" * 64, None),
        (NEW, "e" * 12, None),
        (NEW, None, None),
        (NEW, "", None),
    ],
)
def test_the_newest_of_the_tag_by_which_it_was_started(
    reader: TrustReader, held: str, named: str | None, newest: bool | None
) -> None:
    current = reader.current(container(named), {ID: image(held)})
    assert current.newest is newest
    assert bool(current.why) is not (newest is True)


def test_a_container_whose_image_is_gone(reader: TrustReader) -> None:
    assert reader.current(container("foo/web:v1"), {}).newest is None
