"""Asking an engine: GETs alone, bounded; an engine that is gone is an error, one that says nonsense is none."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.policy.audit.engine_said import CONTAINER, IMAGE, INFO, ONE, PaperEngine, answers

from pytrust.policy.audit import reading
from pytrust.policy.audit.catalogue import CATALOGUE, audit_sheet
from pytrust.policy.audit.lenient import LIST_MAX, read, read_list
from pytrust.policy.audit.proxied import is_proxied
from pytrust.policy.audit.reading import read_engine
from pytrust.policy.audit.said import Container, Info, Network
from pytrust.scanner.sheet import Sheet
from pytrust.trust.errors import AccessDenied, BadContent, ServerError, TooSlow, Unreachable

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def test_everything_is_asked_for_once() -> None:
    engine = PaperEngine(answers())
    seen = read_engine(engine, "unix")
    assert len(engine.asked) == len(set(engine.asked)) == 8
    assert [one.called for one in seen.containers] == ["web"]
    assert seen.images.keys() == seen.histories.keys() == {IMAGE}
    assert seen.unread == ()


@pytest.mark.parametrize("path", ["/info", "/containers/json"])
def test_without_these_there_is_nothing_to_look_at(path: str) -> None:
    with pytest.raises(Unreachable):
        read_engine(PaperEngine({**answers(), path: AccessDenied("not you")}), "unix")
    for nonsense in (None, b"", b"[[", b"5", b"\xff", b"[" * 100_000):
        with pytest.raises(BadContent):
            read_engine(PaperEngine({**answers(), path: nonsense}), "unix")


@pytest.mark.parametrize("path", [key for key in answers() if key not in {"/info", "/containers/json"}])
def test_what_is_refused_is_not_known_and_an_engine_that_is_gone_is_an_error(path: str) -> None:
    for refused in (AccessDenied("not you"), ServerError("broken"), None, b"[[", b"5"):
        read_engine(PaperEngine({**answers(), path: refused}), "unix")
    for gone in (Unreachable("gone"), TooSlow("asleep")):
        with pytest.raises(type(gone)):
            read_engine(PaperEngine({**answers(), path: gone}), "unix")


def test_an_engine_says_no_more_than_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "ALL_MAX_BYTES", 1000)
    with pytest.raises(Unreachable, match="more than 1000 bytes"):
        read_engine(PaperEngine(answers()), "unix")


def test_more_containers_than_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "CONTAINERS_MAX", 2)
    many = [{"Id": f"{number:064x}"} for number in range(5)]
    engine = PaperEngine({**answers(info={"Containers": 5}), "/containers/json": many})
    seen = read_engine(engine, "unix")
    assert "/containers/json?all=1&limit=2" in engine.asked
    assert seen.unread == (f"{0:012x}", f"{0:012x}", "3 more")


def test_processes_without_end() -> None:
    top = {"Titles": ["CMD"], "Processes": [["x"]] * (reading.PROCESSES_MAX + 1)}
    assert read_engine(PaperEngine(answers(top=top)), "unix").processes == {}


def test_names_of_hostile_engines_stay_in_their_place() -> None:
    engine = PaperEngine({**answers(), "/containers/json": [{"Id": "../../info?a#"}]})
    read_engine(engine, "unix")
    assert "/containers/..%2F..%2Finfo%3Fa%23/json" in engine.asked


def test_lists_are_bounded_and_whole() -> None:
    assert read_list(b"[]", Network, "x") == ()
    for value in ([{"Name": "a"}, {}], [{"Name": "a"}, None], {"Name": "a"}, [{"Name": "a"}] * (LIST_MAX + 1)):
        with pytest.raises(BadContent):
            read_list(json.dumps(value).encode(), Network, "x")


def test_null_is_an_empty_list_and_nothing_else() -> None:
    seen = read(b'{"SecurityOptions":null,"Driver":null,"LiveRestoreEnabled":null}', Info, "x")
    assert (seen.security_options, seen.driver, seen.live_restore) == ([], None, None)


def test_one_field_of_another_type_takes_no_other_with_it() -> None:
    seen = read(json.dumps({**CONTAINER, "AppArmorProfile": [], "HostConfig": {"Privileged": 1, "Memory": 5}}).encode(),
                Container, "x")  # fmt: skip
    assert seen.apparmor is None
    assert seen.host is not None
    assert (seen.host.privileged, seen.host.memory) == (None, 5)


@given(st.data())
def test_no_answer_of_an_engine_is_more_than_not_known(data: st.DataObject) -> None:
    """Any key of any answer, replaced by anything: the audit ends, and says something of every check."""
    said = answers()
    path = data.draw(st.sampled_from([key for key in said if key != "/containers/json"]))
    _spoil(said[path], data)
    try:
        seen = read_engine(PaperEngine(said), "unix")
    except BadContent:
        return
    sheet = audit_sheet(seen, CATALOGUE, facts=(), mending=True)
    assert {line.id for line in sheet.lines} == {check.number for check in CATALOGUE}


def _spoil(value: Any, data: st.DataObject) -> None:
    """Somewhere inside, at a depth that is drawn."""
    while True:
        places = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not places:
            return
        place = data.draw(st.sampled_from(places))
        if not isinstance(value[place], dict | list) or data.draw(st.booleans()):
            value[place] = data.draw(JSON)
            return
        value = value[place]


def test_the_order_of_an_engine_is_not_that_of_the_sheet() -> None:
    ids = [f"{number:064x}" for number in range(20)]
    said = {f"/containers/{one}/json": {**CONTAINER, "Id": one, "Name": f"/c{one[-2:]}"} for one in ids}
    sheets: list[Sheet] = []
    for _ in range(3):
        random.Random(len(sheets)).shuffle(ids)
        engine = PaperEngine(
            {**answers(info={"Containers": 20}), **said, "/containers/json": [{"Id": one} for one in ids]}
        )
        sheets.append(audit_sheet(read_engine(engine, "unix"), CATALOGUE, facts=(), mending=False))
    assert sheets[0] == sheets[1] == sheets[2]


def test_a_proxy_of_ours_says_that_it_knows_no_such_call() -> None:
    theirs = "the engine says: GET /pytrust is no call of the engine that pytrust knows"
    assert is_proxied(PaperEngine({"/pytrust": AccessDenied(theirs)}))
    assert not is_proxied(PaperEngine({}))
    assert not is_proxied(PaperEngine({"/pytrust": AccessDenied("the engine says: no")}))


def test_ids_that_the_engine_mixes_up() -> None:
    said = answers(container={"Id": "2" * 64})
    seen = read_engine(PaperEngine(said), "unix")
    assert seen.processes.keys() == {ONE}
    assert INFO["Containers"] == 1
