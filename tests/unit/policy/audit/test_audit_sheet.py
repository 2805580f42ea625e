"""What all checks come to."""

from __future__ import annotations

import re

import pytest
from tests.unit.policy.audit.engine_said import inventory

from pytrust.policy.audit.catalogue import CATALOGUE, audit_sheet, chosen
from pytrust.policy.audit.check import EDITION, Check, Outcome, Section
from pytrust.scanner.severity import Severity
from pytrust.scanner.sheet import Mark
from pytrust.trust.errors import UsageError


def numbers(only: tuple[str, ...] = (), skip: tuple[str, ...] = ()) -> list[str]:
    return [check.number for check in chosen(only, skip)]


def test_every_number_is_there_once_and_in_order() -> None:
    found = [check.number for check in CATALOGUE]
    assert len(found) == len(set(found)) == 117
    assert all(re.fullmatch(r"[1-7]\.\d{1,2}(\.\d{1,2})?", number) for number in found)
    assert found == sorted(found, key=lambda number: [int(part) for part in number.split(".")])
    assert EDITION == "CIS Docker 1.6.0"


def test_some_of_them() -> None:
    assert numbers(("5.3",)) == ["5.3"]
    assert numbers(("7",)) == [f"7.{item}" for item in range(1, 10)]
    assert numbers(("1.1",), ("1.1.1",)) == [f"1.1.{item}" for item in range(2, 19)]
    assert len(numbers((), ("5",))) == len(CATALOGUE) - 32


@pytest.mark.parametrize(
    ("only", "skip"), [(("9",), ()), ((), ("5.99",)), (("5.",), ()), (("\x1b[2J",), ()), (("7",), ("7",))]
)
def test_none_of_them(only: tuple[str, ...], skip: tuple[str, ...]) -> None:
    with pytest.raises(UsageError) as caught:
        chosen(only, skip)
    assert str(caught.value).isprintable()


def of(mark: Mark, subject: str = "", section: Section = Section.FILES) -> Check:
    return Check("3.1", "x", section, lambda _: [Outcome(mark, subject, "why")], "hint", "chown root FILE NAME:TAG")


@pytest.mark.parametrize(
    ("marks", "whole"),
    [
        ((Mark.PASS, Mark.FAIL, Mark.WARN), Mark.FAIL),
        ((Mark.PASS, Mark.WARN, Mark.SKIPPED), Mark.WARN),
        ((Mark.PASS, Mark.MANUAL, Mark.SKIPPED), Mark.PASS),
        ((Mark.MANUAL, Mark.SKIPPED), Mark.MANUAL),
        ((Mark.SKIPPED,), Mark.SKIPPED),
    ],
)
def test_the_whole_is_its_worst_and_passes_only_where_something_did(marks: tuple[Mark, ...], whole: Mark) -> None:
    sheet = audit_sheet(inventory(), [of(mark) for mark in marks], facts=(), mending=False)
    assert sheet.mark is whole
    assert [line.mark for line in sheet.lines] == sorted(marks, key=list(Mark).index)


def test_hints_are_for_what_is_wrong_and_name_it_as_a_shell_reads_it() -> None:
    (line,) = audit_sheet(inventory(), [of(Mark.FAIL, "/a b;c")], facts=(), mending=True).lines
    assert line.hint == "chown root '/a b;c' NAME:TAG"
    (line,) = audit_sheet(inventory(), [of(Mark.FAIL, "x:1", Section.IMAGES)], facts=(), mending=True).lines
    assert line.hint == "chown root FILE x:1"
    (line,) = audit_sheet(inventory(), [of(Mark.FAIL, "/a")], facts=(), mending=False).lines
    assert line.hint == "hint"
    (line,) = audit_sheet(inventory(), [of(Mark.PASS)], facts=(), mending=True).lines
    assert (line.hint, line.severity) == ("", None)


def test_a_container_in_which_several_checks_fail_has_a_line_for_each() -> None:
    seen = inventory(host={"Privileged": True, "PidMode": "host"})
    sheet = audit_sheet(seen, CATALOGUE, facts=(("engine", "x"),), mending=True)
    failed = {line.id: line for line in sheet.lines if line.mark is Mark.FAIL and line.subject == "web"}
    assert {"5.4", "5.5", "5.16", "5.18", "5.22"} <= failed.keys()
    assert failed["5.5"].severity is Severity.CRITICAL
    assert failed["5.5"].hint == "docker run without --privileged"
    assert sheet.facts == (("by", EDITION), ("engine", "x"))
    assert failed["5.5"].kind == "containers"


def test_every_check_that_can_be_wrong_says_what_mends_it() -> None:
    for check in CATALOGUE:
        marks = {outcome.mark for outcome in check.run(inventory())}
        if marks != {Mark.MANUAL} and check.number not in {"1.1.2", "7.4"}:
            assert check.hint, check.number
