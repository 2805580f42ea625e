"""daemon.json: four keys more, and not a byte of the others touched; what dockerd would not take is refused first."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.policy.engine_setup.conflict import Conflicting
from pytrust.policy.engine_setup.daemon_json import DAEMON_JSON_MAX_BYTES, DaemonJson, check_tls, merge, tls_settings
from pytrust.trust.errors import Damaged

SETTINGS = tls_settings("/srv/tls")
ADDED = '"tlsverify": true,{0}"tlscacert": "/srv/tls/ca.pem",{0}"tlscert": "/srv/tls/cert.pem",{0}"tlskey": "/srv/tls/key.pem"'
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
OTHERS = st.dictionaries(st.text(max_size=8).filter(lambda key: not key.lower().startswith("tls")), VALUES, max_size=6)
LAYOUTS: list[dict[str, Any]] = [
    {},
    {"indent": 2},
    {"indent": "\t"},
    {"indent": 0},
    {"separators": (",", ":")},
    {"ensure_ascii": False, "indent": 8},
]
SPACES = st.text(alphabet=" \t\r\n", max_size=3)


def read(text: str) -> DaemonJson:
    return DaemonJson.parse(text.encode(), "daemon.json")


@given(OTHERS, st.sampled_from(LAYOUTS), SPACES, SPACES)
def test_every_other_byte_stays(others: dict[str, Any], layout: dict[str, Any], before: str, behind: str) -> None:
    text = before + json.dumps(others, **layout) + behind
    after = merge(read(text), SETTINGS).decode()
    assert json.loads(after) == {**others, **SETTINGS}
    assert list(json.loads(after)) == [*others, *SETTINGS]
    end = text.rindex("}") if not others else len(text[: text.rindex("}")].rstrip(" \t\r\n"))
    if others:
        assert after.startswith(text[:end])
        assert after.endswith(text[end:])


@given(OTHERS, st.sampled_from(LAYOUTS))
def test_a_second_time_changes_nothing(others: dict[str, Any], layout: dict[str, Any]) -> None:
    once = merge(read(json.dumps(others, **layout)), SETTINGS)
    assert merge(DaemonJson.parse(once, "daemon.json"), SETTINGS) == once


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{}", "{\n  " + ADDED.format("\n  ") + "\n}"),
        ("{ \n }\n", "{\n  " + ADDED.format("\n  ") + "\n}\n"),
        ("", "{\n  " + ADDED.format("\n  ") + "\n}\n"),
        (" \n", "{\n  " + ADDED.format("\n  ") + "\n}\n"),
        ('{"a": 1}', '{"a": 1, ' + ADDED.format(" ") + "}"),
        ('{ "a": 1 }', '{ "a": 1, ' + ADDED.format(" ") + " }"),
        ('{\n\t"a": {"b": [1]}\n}\n', '{\n\t"a": {"b": [1]},\n\t' + ADDED.format("\n\t") + "\n}\n"),
        ('{\r\n    "a": "}"\r\n}', '{\r\n    "a": "}",\r\n    ' + ADDED.format("\r\n    ") + "\r\n}"),
        ('{\n  "tlsverify": true,\n  "a": "\\u00e9"\n}', None),
    ],
)
def test_layouts(before: str, after: str | None) -> None:
    found = merge(read(before), SETTINGS).decode()
    if after is None:
        after = before.replace('\\u00e9"', '\\u00e9",\n  ' + ADDED.format("\n  ").partition("  ")[2])
    assert found == after


def test_an_absent_file_is_begun() -> None:
    after = merge(DaemonJson.parse(None, "daemon.json"), SETTINGS)
    assert json.loads(after) == SETTINGS
    assert after.endswith(b"}\n")


def test_a_value_is_replaced_where_it_stands() -> None:
    text = '{"a": 1, "hosts" :  ["unix:///x"] , "b": {"hosts": []}}'
    after = merge(read(text), {"hosts": ["unix:///x", "tcp://0.0.0.0:2376"]})
    assert after.decode() == '{"a": 1, "hosts" :  ["unix:///x", "tcp://0.0.0.0:2376"] , "b": {"hosts": []}}'


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'{"a": 1, "a": 2}', "twice"),
        (b'{"b": {"a": 1, "a": 2}}', "twice"),
        (b'{\n  // debugging\n  "debug": true\n}', "not strict JSON"),
        (b'{"debug": true,}', "not strict JSON"),
        (b"{'debug': true}", "not strict JSON"),
        (b'{"debug": NaN}', "not strict JSON"),
        (b"\xef\xbb\xbf{}", "not strict JSON"),
        (b'{"a": "\xff"}', "not strict JSON"),
        (b'{"a": "\\ud800"}', "not strict JSON"),
        (b"[]", "no JSON object"),
        (b'{"debug": true', "not strict JSON"),
        (b'{"debug": true} {}', "not strict JSON"),
        (b'{"a":' * 60 + b"1" + b"}" * 60, "deeper"),
        (b'{"a": "' + b"x" * DAEMON_JSON_MAX_BYTES + b'"}', "larger"),
    ],
)
def test_what_dockerd_would_not_take_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(Damaged, match=why) as raised:
        DaemonJson.parse(data, "/etc/docker/daemon.json")
    assert str(raised.value).startswith("/etc/docker/daemon.json")
    assert raised.value.hint


def test_comments_are_named() -> None:
    with pytest.raises(Damaged) as raised:
        read('{\n  // debugging\n  "debug": true\n}')
    assert "no comments" in raised.value.hint


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"tlsverify": false}', "lets everybody in"),
        ('{"tlsverify": "yes"}', 'tlsverify is "yes" already'),
        ('{"tls": false}', "contradicts"),
        ('{"tls": null}', "contradicts"),
        ('{"TLSVerify": true}', "no key 'TLSVerify'"),
        ('{"Hosts": []}', "no key 'Hosts'"),
        ('{"tlscert": "/other/cert.pem"}', 'tlscert is "/other/cert.pem" already'),
        ('{"tlscacert": null}', "tlscacert is null already"),
    ],
)
def test_conflicts_name_cause_and_way_out(text: str, why: str) -> None:
    with pytest.raises(Conflicting, match=why) as raised:
        check_tls(read(text), SETTINGS)
    assert raised.value.hint


@pytest.mark.parametrize("text", ["{}", '{"tls": true}', '{"tlsverify": true, "tlscert": "/srv/tls/cert.pem"}'])
def test_what_says_the_same_is_fine(text: str) -> None:
    check_tls(read(text), SETTINGS)


@pytest.mark.parametrize("text", ['{"hosts": "unix:///x"}', '{"hosts": [1]}', '{"hosts": {}}'])
def test_hosts_must_be_a_list(text: str) -> None:
    with pytest.raises(Conflicting, match="hosts is no list"):
        _ = read(text).hosts


def test_hosts() -> None:
    assert read('{"hosts": ["fd://", "tcp://[::]:2376"]}').hosts == ("fd://", "tcp://[::]:2376")
    assert read("{}").hosts == ()
