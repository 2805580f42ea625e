"""Where a proxy may be told to listen, and what it says of other places."""

from __future__ import annotations

import pytest

from pytrust.policy.proxy.listeners import parse_listen
from pytrust.trust.errors import UsageError


@pytest.mark.parametrize(
    ("text", "spelled", "tls"),
    [
        ("unix:///run/pytrust/docker.sock", "unix:///run/pytrust/docker.sock", False),
        ("tcp://127.0.0.1:2375", "tcp://127.0.0.1:2375", False),
        ("tls://0.0.0.0", "tls://0.0.0.0:2376", True),
        ("tls://docker1.example:3000", "tls://docker1.example:3000", True),
        ("tls://[::]", "tls://[::]:2376", True),
        ("tls://[::1]:3000/", "tls://[::1]:3000", True),
    ],
)
def test_places(text: str, spelled: str, tls: bool) -> None:
    place = parse_listen(text)
    assert (str(place), place.tls) == (spelled, tls)


@pytest.mark.parametrize(
    "text", ["tls://", "tls://:2376", "tls://a:0", "tls://a:99999", "tls://a/b", "ssh://a", "://a", ""]
)
def test_what_is_no_place_is_told_the_forms(text: str) -> None:
    with pytest.raises(UsageError, match="is no address to listen at") as caught:
        parse_listen(text)
    assert "tls://HOST[:2376]" in caught.value.hint
    assert "tcp" not in str(caught.value)


def test_a_port_without_tls_is_for_this_host() -> None:
    with pytest.raises(UsageError, match="without TLS"):
        parse_listen("tcp://192.0.2.1:2375")
