"""A web page cannot use a loopback port."""

from __future__ import annotations

import pytest

from pytrust.policy.proxy.browser import from_elsewhere


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "127.0.0.1:2375"},
        {"host": "localhost"},
        {"host": "[::1]:2375"},
        {"host": "127.8.8.8:1"},
        {"host": "localhost:2375", "origin": "http://localhost:2375"},
    ],
)
def test_clients_of_this_host_are_let_in(headers: dict[str, str]) -> None:
    assert not from_elsewhere(headers, tls=False)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": ""},
        {"host": "evil.example"},
        {"host": "evil.example:2375"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "localhost.evil.example"},
        {"host": "10.0.0.1:2375"},
        {"host": "[::1"},
        {"host": "127.0.0.1:2375", "origin": "http://evil.example"},
        {"host": "127.0.0.1:2375", "origin": "null"},
        {"host": "127.0.0.1:2375", "origin": ""},
        {"host": "127.0.0.1:2375", "origin": "http://[::1"},
        {"host": "127.0.0.1:2375", "origin": "http://127.0.0.1:3000"},
        {"host": "127.0.0.1:2375", "origin": "http://127.0.0.1"},
        {"host": "localhost:2375", "origin": "https://localhost:2375"},
    ],
)
def test_pages_from_elsewhere_are_not(headers: dict[str, str]) -> None:
    assert from_elsewhere(headers, tls=False)


def test_with_tls_any_name_may_be_dialled_but_by_no_page() -> None:
    assert not from_elsewhere({"host": "docker1.example.com"}, tls=True)
    assert from_elsewhere({"host": "localhost", "origin": "https://localhost"}, tls=True)
