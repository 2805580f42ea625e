"""How often: certificates are renewed at their point or when the chain changed, retries back off, and wrong tokens run dry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.trust.errors import Damaged
from pytrust.trust.pki.enrol.rate import Rate, neighbourhood
from pytrust.trust.pki.enrol.tending import LOOK_EVERY, Record, encode_record, is_due, pause, read_record
from pytrust.trust.pki.enrol.words import Issuers, etag

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
RECORD = Record(server="ca:2378", kind="client", name="alice", roots="PEM", renew_at=int(AT.timestamp()))
LEAF, LINKS = b"leaf\n-----END CERTIFICATE-----\n", b"ca\n-----END CERTIFICATE-----\n"
NOW = Issuers(client=etag(LINKS), server=etag(b"other"))
SECOND = timedelta(seconds=1)


def test_a_certificate_is_due_at_its_point() -> None:
    assert not is_due(RECORD, LEAF + LINKS, "PEM", NOW, AT - SECOND)
    assert is_due(RECORD, LEAF + LINKS, "PEM", NOW, AT)


@pytest.mark.parametrize("chain", [LEAF, LEAF + LINKS + LINKS, LEAF + b"x" + LINKS, b""])
def test_a_certificate_is_due_when_the_chain_is_another_now(chain: bytes) -> None:
    assert is_due(RECORD, chain, "PEM", NOW, AT - SECOND)


def test_a_client_comes_for_other_roots() -> None:
    assert is_due(RECORD, LEAF + LINKS, "PEM2", NOW, AT - SECOND)


def test_a_server_goes_by_the_server_ca() -> None:
    import msgspec

    server = msgspec.structs.replace(RECORD, kind="server")
    assert is_due(server, LEAF + LINKS, "PEM", NOW, AT - SECOND)
    assert not is_due(server, LEAF + b"other", "PEM", NOW, AT - SECOND)
    assert not is_due(server, LEAF + b"other", "PEM2", NOW, AT - SECOND), (
        "dockerd would have to be restarted for nothing"
    )


def test_what_is_written_is_read_back() -> None:
    assert read_record(encode_record(RECORD), "it") == RECORD


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"[" * 100_000, encode_record(RECORD)[:-4], b"\xff"])
def test_a_damaged_record_is_told(data: bytes) -> None:
    with pytest.raises(Damaged, match="it is not what"):
        read_record(data, "it")


@given(st.integers(0, 10_000), st.timedeltas(timedelta(), timedelta(days=800)), st.floats(0, 1))
def test_a_pause_is_bounded(failures: int, left: timedelta, chance: float) -> None:
    found = pause(failures, left, chance)
    assert 4 * SECOND <= found <= timedelta(minutes=18)
    if not failures:
        assert found <= max(LOOK_EVERY * 1.2, 5 * SECOND)
        assert found <= max(left, 5 * SECOND)


@given(st.integers(1, 100), st.floats(0, 1))
def test_a_short_certificate_is_asked_for_often_before_its_end(failures: int, chance: float) -> None:
    """Five minutes of life, two left: there is time for some tries, however many failed."""
    assert pause(failures, timedelta(minutes=2), chance) <= timedelta(seconds=12)


def test_retries_back_off_and_spread() -> None:
    waits = [pause(failures, timedelta(days=30), 0.5) for failures in range(1, 12)]
    assert waits == sorted(waits)
    assert waits[0] == 5 * SECOND
    assert waits[-1] == timedelta(minutes=15)
    assert pause(5, timedelta(days=30), 0.0) < pause(5, timedelta(days=30), 1.0)


def test_a_rate_runs_dry_and_comes_back() -> None:
    rate = Rate(3, 60.0)
    for second in (0.0, 1.0, 2.0):
        assert rate.wait("a", second) == 0
        rate.count("a", second)
    assert rate.wait("a", 2.0) == 58.0
    assert rate.wait("b", 2.0) == 0
    assert rate.wait("a", 59.9) > 0
    assert rate.wait("a", 60.0) == 0


def test_a_rate_remembers_a_bounded_number() -> None:
    rate = Rate(1, 60.0)
    rate.count("first", 0.0)
    for number in range(4095):
        rate.count(str(number), 1.0)
    assert rate.wait("first", 1.0) > 0
    rate.count("one more", 1.0)
    assert rate.wait("first", 1.0) == 0
    assert rate.wait("4094", 1.0) > 0


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("strange", "strange"),
    ],
)
def test_who_counts_as_one_peer(address: str, key: str) -> None:
    assert neighbourhood(address) == key
