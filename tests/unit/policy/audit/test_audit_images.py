"""Section 4 and 5.28: images by how they were made, and by what is signed of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.policy.audit.engine_said import IMAGE, ONE, empty, inventory, marks, outcomes

from pytrust.policy.audit.inventory import Current, Inventory, Trust

SIGNED = Trust("foo/web@sha256:1", scanned="scanned today: acceptable", acceptable=True)
BAD: list[tuple[str, str, dict[str, Any]]] = [
    ("4.1", "fail", {"image": {"Config": {}}}),
    ("4.1", "fail", {"image": {"Config": {"User": "root"}}}),
    ("4.1", "fail", {"image": {"Config": {"User": "0:1000"}}}),
    ("4.6", "warn", {"image": {"Config": {"User": "x"}}}),
    ("4.6", "warn", {"image": {"Config": {"Healthcheck": {"Test": ["NONE"]}}}}),
    ("4.7", "warn", {"history": [{"CreatedBy": "RUN apt-get -qq update"}]}),
    ("4.9", "warn", {"history": [{"CreatedBy": "ADD http://x /x # buildkit"}, {"CreatedBy": "ADD rootfs /"}]}),
    ("4.10", "fail", {"image": {"Config": {"Env": ["DB_PASSWORD=hunter2"]}}}),
    ("4.10", "fail", {"history": [{"CreatedBy": "|1 NPM_TOKEN=hunter2 /bin/sh -c npm ci"}]}),
]
ALIKE = ("4.1", "4.6", "4.7", "4.9", "4.10")
NEEDED: list[tuple[str, dict[str, Any]]] = [
    ("4.1", {"image": {"Config": None}}),
    ("4.1", {"image": {"Id": 5}}),
    ("4.6", {"image": {"Config": "x"}}),
    ("4.7", {"history": None}),
    ("4.7", {"history": [{"CreatedBy": 5}]}),
    ("4.9", {"history": {"a": 1}}),
    ("4.10", {"history": [{}]}),
    ("4.10", {"image": {"Config": [1]}}),
    ("4.1", {"container": {"Image": ...}}),
]


def trusted(trust: Trust | None, current: Current | None = None, untrusted: str = "") -> Inventory:
    return replace(
        inventory(),
        trust={IMAGE: trust} if trust else {},
        current={ONE: current} if current else {},
        untrusted=untrusted,
    )


@pytest.mark.parametrize("number", ALIKE)
def test_a_sound_image_passes(number: str) -> None:
    assert marks(number, inventory()) == ["pass"]


@pytest.mark.parametrize(("number", "mark", "changes"), BAD)
def test_what_is_wrong_is_told_of_the_image(number: str, mark: str, changes: dict[str, Any]) -> None:
    (outcome,) = outcomes(number, inventory(**changes))
    assert (outcome.mark, outcome.subject) == (mark, "foo/web:v2")
    assert "hunter2" not in outcome.why


@pytest.mark.parametrize(("number", "changes"), NEEDED)
def test_what_is_not_said_never_passes(number: str, changes: dict[str, Any]) -> None:
    assert set(marks(number, inventory(**changes))) == {"skipped"}


@pytest.mark.parametrize("number", [*ALIKE, "4.2", "4.4", "4.12", "5.28"])
def test_without_containers_no_image_is_in_use(number: str) -> None:
    assert marks(number, empty()) == ["skipped"]


def test_lines_that_take_an_expression_long_are_cut() -> None:
    """Without the cut, this takes hours."""
    line = {"CreatedBy": "apt -apt " * 200_000}
    assert marks("4.7", inventory(history=[line] * 2)) == ["pass"]


@pytest.mark.parametrize(
    ("number", "trust", "mark"),
    [
        ("4.2", SIGNED, "pass"),
        ("4.2", Trust(why="no tag is signed as it"), "fail"),
        ("4.2", Trust(why="nobody answers", unknown=True), "skipped"),
        ("4.2", None, "skipped"),
        ("4.12", SIGNED, "pass"),
        ("4.12", replace(SIGNED, first_use=True), "warn"),
        ("4.12", Trust(why="no tag is signed as it"), "fail"),
        ("4.12", Trust(why="nobody answers", unknown=True), "skipped"),
        ("4.4", SIGNED, "pass"),
        ("4.4", replace(SIGNED, scanned=""), "fail"),
        ("4.4", replace(SIGNED, acceptable=False), "fail"),
        ("4.4", replace(SIGNED, acceptable=None), "warn"),
        ("4.4", Trust(why="no tag is signed as it"), "fail"),
        ("4.4", Trust(why="nobody answers", unknown=True), "skipped"),
        ("4.4", None, "skipped"),
    ],
)
def test_what_is_signed(number: str, trust: Trust | None, mark: str) -> None:
    (outcome,) = outcomes(number, trusted(trust, untrusted="there is no home"))
    assert outcome.mark == mark
    assert outcome.why


@pytest.mark.parametrize(
    ("current", "mark"),
    [
        (Current(newest=True), "pass"),
        (Current(newest=False, why="older"), "fail"),
        (Current(newest=None, why="nobody answers"), "skipped"),
        (None, "skipped"),
    ],
)
def test_whether_a_container_is_the_newest(current: Current | None, mark: str) -> None:
    assert marks("5.28", trusted(SIGNED, current)) == [mark]


@pytest.mark.parametrize(
    ("plugins", "proxied", "mark"),
    [(["pytrust"], False, "warn"), ([], True, "warn"), ([], False, "fail"), (["opa"], False, "fail")],
)
def test_signatures_are_never_said_to_be_enforced_for_all(plugins: list[str], proxied: bool, mark: str) -> None:
    seen = replace(inventory(info={"Plugins": {"Authorization": plugins}}), proxied=proxied)
    assert marks("4.5", seen) == [mark]
