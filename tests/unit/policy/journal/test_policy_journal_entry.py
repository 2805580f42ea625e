"""Entries: everything that can be decided can be written down, and read back as it was."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.journal import ALLOW, CREATE, DENY, KNOWN, NOW, POLICY, REQUESTS, WARNED, decided, event

from pytrust.policy.core.decision import Allow, Deny
from pytrust.policy.core.facts import Fact, Facts, Query
from pytrust.policy.core.request import Exec, Request
from pytrust.policy.describe import describe
from pytrust.policy.journal import Entry, Event
from pytrust.policy.journal.coding import ENTRY_MAX_BYTES, decode, encode
from pytrust.policy.journal.documents import Shelf
from pytrust.trust.errors import Damaged, Unsound


def again(entry: Entry) -> Entry:
    """Written down and read."""
    coded = encode(entry)
    return decode(coded.data, Shelf(coded.documents))


def test_the_examples_are_all_there_is() -> None:
    assert {type(request) for request, _ in REQUESTS} == set(get_args(Request))
    assert {type(query) for query in KNOWN} == set(get_args(Query))
    assert {type(fact) for fact in KNOWN.values()} == set(get_args(Fact))


@pytest.mark.parametrize(("request_", "phrase"), REQUESTS, ids=[phrase for _, phrase in REQUESTS])
def test_every_request(request_: Request, phrase: str) -> None:
    assert describe(request_) == phrase
    entry = decided(request_)
    assert again(entry) == entry


@pytest.mark.parametrize("decision", [ALLOW, DENY, WARNED], ids=["allow", "deny", "warned"])
def test_every_decision(decision: Allow | Deny) -> None:
    entry = decided(CREATE, decision)
    assert again(entry) == entry


def test_a_decision_can_be_made_again() -> None:
    entry = again(decided())
    assert not isinstance(entry, Event)
    assert entry.facts == Facts(NOW, KNOWN)
    assert (entry.request, entry.policy) == (CREATE, POLICY.version)


@given(st.text(), st.text(), st.datetimes(timezones=st.just(UTC)))
def test_any_text_and_time(what: str, text: str, at: datetime) -> None:
    try:
        what.encode(), text.encode()
    except UnicodeEncodeError:
        return
    entry = Event(at=at, what=what, text=text)
    assert again(entry) == entry


def test_half_a_character_is_refused() -> None:
    with pytest.raises(Unsound, match="cannot be written to the journal"):
        encode(decided(Exec(container="\ud800")))


def test_too_large() -> None:
    room = ENTRY_MAX_BYTES - len(encode(event("")).data)
    assert len(encode(event("x" * room)).data) == ENTRY_MAX_BYTES
    with pytest.raises(Unsound, match=f"an entry of {ENTRY_MAX_BYTES + 1} bytes is too large"):
        encode(event("x" * (room + 1)))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"\xff",
        b'{"type":"Other"}',
        encode(event()).data[:-1],
        encode(event()).data.replace(b"what", b"watt"),
    ],
)
def test_what_is_no_entry(data: bytes) -> None:
    with pytest.raises(Damaged, match="cannot be understood"):
        decode(data)


def test_a_time_without_a_zone_is_none() -> None:
    data = msgspec.json.encode(Event(at=NOW.replace(tzinfo=None), what="", text=""))
    with pytest.raises(Damaged):
        decode(data)
