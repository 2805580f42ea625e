"""What a host is dialled by: names first, lasting addresses, nothing that no client could dial."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from pytrust.cli.hostnames import choose, global_addresses, this_host
from pytrust.trust.errors import UsageError
from pytrust.trust.pki.names import SERVER_NAMES_MAX

ADDRESS = "20010db800000000{}"


def line(address: str, scope: str = "00", flags: str = "80", interface: str = "eth0") -> str:
    return f"{address} 02 40 {scope} {flags}     {interface}\n"


def test_the_full_name_comes_first() -> None:
    found = choose("docker1", "docker1.example.com", [ip_address("192.0.2.7"), ip_address("2001:db8::7")])
    assert found.first == "docker1.example.com"
    assert list(map(str, found.names)) == [
        "docker1.example.com", "docker1", "192.0.2.7", "2001:db8::7", "localhost", "127.0.0.1", "::1",
    ]  # fmt: skip


@pytest.mark.parametrize("full", ["docker1", "localhost", "localhost.localdomain", "Docker1", "not a name", ""])
def test_what_adds_nothing_is_left_out(full: str) -> None:
    assert list(map(str, choose("docker1", full, []).names)) == ["docker1", "localhost", "127.0.0.1", "::1"]


def test_a_name_that_only_begins_like_localhost() -> None:
    assert choose("localhost-7", "localhost-7", []).first == "localhost-7"


@pytest.mark.parametrize("host", ["localhost", "my host", "", "a" * 64])
def test_a_host_without_a_name(host: str) -> None:
    with pytest.raises(UsageError, match="no client can dial"):
        choose(host, host, [ip_address("192.0.2.7")])


def test_more_addresses_than_a_certificate_holds() -> None:
    found = choose("docker1", "docker1", [ip_address(f"10.0.{n // 250}.{n % 250}") for n in range(500)])
    assert len(found.names) == SERVER_NAMES_MAX
    assert str(found.names[-1]) == "::1"


def test_only_lasting_global_addresses_of_interfaces_that_are_dialled() -> None:
    text = (
        line(ADDRESS.format("0" * 15 + "1"))
        + line(ADDRESS.format("0" * 15 + "2"), flags="01")  # temporary (RFC 8981)
        + line(ADDRESS.format("0" * 15 + "3"), flags="20")  # deprecated
        + line(ADDRESS.format("0" * 15 + "4"), flags="c0")  # tentative
        + line(ADDRESS.format("0" * 15 + "5"), interface="docker0")
        + line(ADDRESS.format("0" * 15 + "6"), interface="br-0123456789ab")
        + line("fe80" + "0" * 27 + "1", scope="20")
        + line("0" * 31 + "1", scope="10", interface="lo")
        + line("fd00" + "0" * 27 + "2", interface="ens18")
    )
    assert list(map(str, global_addresses(text))) == ["2001:db8::1", "fd00::2"]


def test_this_host_has_a_name_and_can_be_dialled_locally() -> None:
    names = list(map(str, this_host().names))
    assert names[-3:] == ["localhost", "127.0.0.1", "::1"]
    assert len(names) > 3
