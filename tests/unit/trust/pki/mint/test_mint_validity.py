"""Nothing outlives its issuer, begins before it, or lasts longer or shorter than anybody should want."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.pki import NOW, authorities, public, stamp

from pytrust.trust.errors import Refused, UsageError
from pytrust.trust.pki.mint.build import make_client, make_client_ca, make_server
from pytrust.trust.pki.mint.validity import ca_validity, leaf_validity
from pytrust.trust.pki.model import (
    BACKDATE,
    CA_LIFETIME,
    CLIENT_LIFETIME,
    LEAF_LIFETIME_MAX,
    LEAF_LIFETIME_MIN,
    SERVER_LIFETIME,
    Kind,
)
from pytrust.trust.pki.names import ClientName, ServerNames

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
ISSUER = authorities().client.certificate
START, END = ISSUER.not_valid_before_utc, ISSUER.not_valid_after_utc


def test_usual_lifetimes_are_backdated() -> None:
    made = authorities(now=NOW - DAY)
    server = make_server(made.server, ServerNames.parse(["a.example"]), public("leaf"), stamp())
    client = make_client(made.client, ClientName("alice"), public("leaf"), stamp())
    for found, lifetime in ((server, SERVER_LIFETIME), (client, CLIENT_LIFETIME)):
        assert (found.not_valid_before_utc, found.not_valid_after_utc) == (NOW - BACKDATE, NOW + lifetime)


def test_authorities_last_ten_years_and_no_longer_than_their_root() -> None:
    made = authorities()
    ends = {ca.certificate.not_valid_after_utc for ca in (made.root, made.server, made.client)}
    assert ends == {NOW + CA_LIFETIME}
    later = make_client_ca(made.root, 2, public("client CA 2"), stamp(NOW + 3000 * DAY))
    assert later.not_valid_after_utc == NOW + CA_LIFETIME


@given(
    st.timedeltas(timedelta(), END - START),
    st.none() | st.timedeltas(LEAF_LIFETIME_MIN, LEAF_LIFETIME_MAX),
    st.sampled_from([Kind.SERVER, Kind.CLIENT]),
)
def test_a_leaf_lies_within_its_issuer(after: timedelta, lifetime: timedelta | None, kind: Kind) -> None:
    assert kind in {Kind.SERVER, Kind.CLIENT}
    now = START + after
    try:
        start, end = leaf_validity(ISSUER, Kind.SERVER if kind is Kind.SERVER else Kind.CLIENT, now, lifetime)
    except Refused:
        assert END - now < (lifetime or LEAF_LIFETIME_MIN) + timedelta(seconds=1)
        return
    assert START <= start <= now < end <= END
    assert end - start < LEAF_LIFETIME_MAX
    assert lifetime is None or end > now + lifetime - BACKDATE - timedelta(seconds=2)


def test_without_a_wish_it_is_cut_to_the_issuers_end() -> None:
    assert leaf_validity(ISSUER, Kind.CLIENT, END - 3 * DAY, None).not_after == END


def test_a_wish_that_outlives_the_issuer_is_refused() -> None:
    assert leaf_validity(ISSUER, Kind.CLIENT, END - 3 * DAY, 3 * DAY).not_after == END
    with pytest.raises(Refused, match="would outlive Acme Widgets client CA G1, which ends at"):
        leaf_validity(ISSUER, Kind.CLIENT, END - 3 * DAY, 3 * DAY + timedelta(seconds=1))


@pytest.mark.parametrize("now", [END - LEAF_LIFETIME_MIN + timedelta(seconds=1), END, END + DAY])
def test_an_issuer_at_its_end_issues_nothing(now: object) -> None:
    with pytest.raises(Refused, match=r"client CA G1 ends at .* and issues nothing any more"):
        leaf_validity(ISSUER, Kind.CLIENT, now, None)  # type: ignore[arg-type]


def test_an_issuer_of_the_future_issues_nothing() -> None:
    assert ca_validity(ISSUER, START, END).not_before == START
    with pytest.raises(Refused, match=r"client CA G1 counts from .* only"):
        ca_validity(ISSUER, START - timedelta(seconds=1), END)


@pytest.mark.parametrize(
    "lifetime",
    [LEAF_LIFETIME_MAX + timedelta(seconds=1), LEAF_LIFETIME_MIN - timedelta(seconds=1), -DAY, timedelta.max],
)
def test_lifetimes_that_nobody_should_want(lifetime: timedelta) -> None:
    with pytest.raises(UsageError, match="is not one for a certificate"):
        leaf_validity(ISSUER, Kind.CLIENT, NOW, lifetime)


def test_the_longest_time_has_the_backdating_within_it() -> None:
    """825 days are counted from the first to the last second, both included (RFC 5280, 4.1.2.5)."""
    start, end = leaf_validity(ISSUER, Kind.SERVER, NOW + DAY, LEAF_LIFETIME_MAX)
    assert start == NOW + DAY - BACKDATE
    assert end - start + timedelta(seconds=1) == LEAF_LIFETIME_MAX


def test_a_lifetime_of_nothing_is_not_the_usual_one() -> None:
    with pytest.raises(UsageError, match="is not one for a certificate"):
        leaf_validity(ISSUER, Kind.CLIENT, NOW, timedelta())


def test_whole_seconds() -> None:
    now = NOW + timedelta(microseconds=999_999)
    found = make_client(authorities().client, ClientName("alice"), public("leaf"), stamp(now))
    assert found.not_valid_after_utc == NOW + CLIENT_LIFETIME
