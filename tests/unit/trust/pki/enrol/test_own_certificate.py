"""The enrolment server's own certificate: one of its authority's, fresh without a restart, and never a reason to stop."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes.authority import Clock, create, server

from pytrust.trust.errors import UsageError
from pytrust.trust.keys.private import generate
from pytrust.trust.pki.authority.authority import Authority
from pytrust.trust.pki.enrol.own_certificate import OwnCertificate
from pytrust.trust.pki.mint.profile import check_public_key
from pytrust.trust.pki.model import Kind, Reason

NAMES = server("ca.example.com", "10.0.0.1")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def authority(tmp_path: Path, clock: Clock) -> Authority:
    return create(tmp_path / "ca", clock)


def count(authority: Authority) -> int:
    return sum(issued.kind is Kind.SERVER for issued in authority.index.all())


def test_it_is_issued_once(authority: Authority, clock: Clock) -> None:
    first = OwnCertificate(authority, NAMES, clock).context()
    own = OwnCertificate(authority, NAMES, clock)
    assert own.context() is own.context()
    assert first is not own.context()
    assert count(authority) == 1


def test_it_is_renewed_when_it_is_due_and_shown_at_once(authority: Authority, clock: Clock) -> None:
    own = OwnCertificate(authority, NAMES, clock)
    before = own.context()
    own.tend()
    assert own.context() is before
    clock.at = authority.index.find("ca.example.com").renew_at
    own.tend()
    assert own.context() is not before
    assert count(authority) == 2


def test_an_engine_s_certificate_is_shared_and_what_it_lacks_is_known(authority: Authority, clock: Clock) -> None:
    authority.issue_server(server("ca.example.com"))
    own = OwnCertificate(authority, NAMES, clock)
    assert own.missing == ("10.0.0.1",)
    assert count(authority) == 1


def test_the_name_of_another_host_is_refused(authority: Authority, clock: Clock) -> None:
    authority.sign_server(NAMES, check_public_key(generate("ecdsa-p256").public_key()))
    with pytest.raises(UsageError, match="held by another host"):
        OwnCertificate(authority, NAMES, clock)


def test_while_its_folder_is_gone_the_last_one_serves(authority: Authority, clock: Clock) -> None:
    own = OwnCertificate(authority, NAMES, clock)
    before = own.context()
    holder = authority.index.holder(Kind.SERVER, "ca.example.com")
    assert holder is not None
    assert holder.folder is not None
    holder.folder.rename(holder.folder.with_name("elsewhere"))
    assert own.context() is before


def test_one_that_is_over_is_followed_without_a_restart(authority: Authority, clock: Clock) -> None:
    """The host was asleep for longer than the certificate lasts."""
    own = OwnCertificate(authority, NAMES, clock)
    before = own.context()
    clock.go(days=200)
    own.tend()
    assert own.context() is not before
    assert authority.index.find("ca.example.com").live(clock())


def test_one_that_was_revoked_is_followed_by_another(authority: Authority, clock: Clock) -> None:
    own = OwnCertificate(authority, NAMES, clock)
    before = own.context()
    authority.revoke(authority.index.find("ca.example.com"), Reason.KEY_COMPROMISE)
    own.tend()
    assert own.context() is not before
    assert authority.index.find("ca.example.com").live(clock())


def test_one_that_was_issued_while_the_clock_was_ahead_is_renewed(authority: Authority, clock: Clock) -> None:
    clock.go(days=400)
    own = OwnCertificate(authority, NAMES, clock)
    clock.go(days=-400)
    own.tend()
    assert authority.index.find("ca.example.com").live(clock())
