"""``docs/policy.md`` says what the code does: every key, every rule, every level; and its examples are policies."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytrust.policy.core.bounds import always, never
from pytrust.policy.core.decision import Injection
from pytrust.policy.core.levels import INJECTED, TABLE
from pytrust.policy.core.request import Field
from pytrust.policy.core.rules import Containers, Isolation
from pytrust.policy.document import read_document
from pytrust.policy.lint import Severity, lint
from pytrust.policy.pattern import NAME_WILDCARDS_MAX, VALUE_WILDCARDS_MAX, check_name_pattern
from pytrust.policy.scan_rules import KEYS
from pytrust.policy.schema import policy_schema
from pytrust.policy.strictyaml import MAX_LINE_CHARS
from pytrust.scanner.finding import Kind
from pytrust.scanner.rules import ScanRules

MANUAL = (Path(__file__).parents[3] / "docs" / "policy.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", MANUAL, re.DOTALL)


def rows(heading: str, number: int = 0) -> list[list[str]]:
    """A table below a heading, the first one if no other is wanted, without its head."""
    section = MANUAL.split(f"# {heading}\n", 1)[1]
    table = re.findall(r"^\|.*?\n\n", section, re.DOTALL | re.MULTILINE)[number]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()[2:]]


@pytest.mark.parametrize("text", EXAMPLES)
def test_examples_are_policies_without_mistakes(text: str) -> None:
    found = lint(read_document(text, what="policy.yaml"))
    assert [finding for finding in found if finding.severity is Severity.MISTAKE] == []


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 4


RULES = {row[0].strip("`"): row for row in rows("Rules")}


def test_every_rule_has_a_row() -> None:
    assert list(RULES) == [field.value for field in Field]


@pytest.mark.parametrize("field", Field)
def test_levels_are_as_the_table_of_the_core_has_them(field: Field) -> None:
    for cell, judge in zip(RULES[field][2:], (TABLE[field].baseline, TABLE[field].restricted), strict=True):
        assert (cell == "-") == (judge is never)
        assert (cell == "any") == (judge is always)


def test_every_key_is_described() -> None:
    keys = {key for shape in policy_schema()["$defs"].values() for key in shape.get("properties", {})}
    assert [key for key in sorted(keys) if not re.search(rf"`[^`\n]*\b{key}\b[^`\n]*`", MANUAL)] == []


WORDS = {
    "a limit on processes (`pids`)": {Injection.PIDS},
    "a private ipc and cgroup namespace": {Injection.PRIVATE_IPC, Injection.PRIVATE_CGROUPNS},
    "`noexec`, `nosuid`, `nodev` on every tmpfs": {Injection.TMPFS_FLAGS},
    "a limit on memory (`memory`)": {Injection.MEMORY},
    "no capabilities (`--cap-drop=ALL`)": {Injection.DROP_CAPABILITIES},
    "`no-new-privileges`": {Injection.NO_NEW_PRIVILEGES},
}


@pytest.mark.parametrize(("level", "column"), [(Isolation.BASELINE, 1), (Isolation.RESTRICTED, 2)])
def test_what_is_written_in(level: Isolation, column: int) -> None:
    told = [WORDS[row[0]] for row in rows("Isolation") if row[column] == "yes"]
    assert set().union(*told) == set(INJECTED[level])
    assert INJECTED[Isolation.PRIVILEGED] == ()


def test_defaults_and_bounds() -> None:
    cells = {row[0]: row[2] for row in rows("`containers`")}
    default = Containers()
    assert cells["`isolation`"] == f"`{default.isolation}`"
    assert cells["`pids`"] == f"`{default.pids}`"
    assert cells["`memory`"] == f"`{default.memory // 1024**3}g`"
    words = {2: "two", 3: "three"}
    assert f"at most {words[NAME_WILDCARDS_MAX]} wildcards" in MANUAL
    assert f"at most {words[VALUE_WILDCARDS_MAX]} wildcards" in MANUAL
    assert f"{MAX_LINE_CHARS:,} characters" in MANUAL


@pytest.mark.parametrize("row", rows("Patterns"))
def test_patterns_that_are_shown_are_good(row: list[str]) -> None:
    check_name_pattern(row[0].strip("`"))


def test_which_keys_go_with_which_kind() -> None:
    """Except for two that are of every rule."""
    told = {
        key: set(Kind) if kinds == "all" else set(kinds.split(", "))
        for keys, _, kinds in rows("`scan`", 1)
        for key in re.findall(r"`(\w+)`", keys)
        if key not in {"kind", "over"}
    }
    assert told == {key: {kind for kind in Kind if key in KEYS[kind]} for key in set().union(*KEYS.values())}


def test_outcomes_and_defaults_of_a_scan() -> None:
    default = ScanRules()
    cells = {row[0]: row[2] for row in rows("`scan`")}
    assert (default.required, default.suppressed, default.vex) == (True, True, True)
    assert (cells["`required`"], cells["`suppressed`"], cells["`vex`"]) == ("`true`", "`judge`", "`accept`")
    assert {cells[f"`{key}`"] for key in ("end_of_life", "unknown_severity", "incomplete")} == {"`warn`"}
