"""What a ``.trivyignore`` leaves out, as exceptions: each with an owner, a reason and an end."""

from __future__ import annotations

import json
import tempfile
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from pytrust.cli.scan_exceptions import exceptions
from pytrust.policy.document import parse_policy
from pytrust.policy.strictyaml import parse_yaml
from pytrust.scanner.finding import Kind
from pytrust.scanner.ignorefile import Answer, Ignored, read_ignore, read_ignore_tree
from pytrust.scanner.limits import IGNORE_MAX_BYTES
from pytrust.scanner.rules import Waiver
from pytrust.trust.errors import UsageError

ANSWER = Answer("alice", "see ticket 17", date(2027, 1, 31), "docker.io/foo/**")
PLAIN = b"""\
# Accept the risk
CVE-2018-14618

  CVE-2019-14697 exp:2026-12-31   # with a date
AVD-DS-0002 some words exp:2026-12-30
CVE-2019-14698 # until exp:2026-12-29
generic-unwanted-rule
CVE-2019-14699#x
  # an indented comment\x0cCVE-1\xe2\x80\xa8CVE-2\rCVE-3
"""
YAML = b"""\
vulnerabilities:
  - id: CVE-2022-40897
    paths: ["usr/local/lib/**/METADATA"]
    purls: ["pkg:deb/debian/openssl"]
    expired_at: 2026-12-31
    statement: Accept the
      risk
misconfigurations:
  - id: AVD-DS-0001
secrets:
  - id: aws-access-key-id
licenses:
  - id: GPL-3.0 AND MIT
"""


def read_yaml(data: bytes) -> Ignored:
    return read_ignore_tree(parse_yaml(data, what="x.yaml").value, ANSWER, what="x.yaml")


def waiver(*ids: str, **changes: object) -> Waiver:
    usual = {"reason": "see ticket 17", "owner": "alice", "expires": date(2027, 1, 31), "match": "docker.io/foo/**"}
    return Waiver(ids=ids, **{**usual, **changes})  # type: ignore[arg-type]


def test_one_id_a_line() -> None:
    assert read_ignore(PLAIN, ANSWER, what=".trivyignore").waivers == (
        waiver("CVE-2018-14618"),
        waiver("CVE-2019-14697", expires=date(2026, 12, 30)),
        waiver("AVD-DS-0002", expires=date(2026, 12, 29)),
        waiver("CVE-2019-14698", expires=date(2026, 12, 28)),
        waiver("generic-unwanted-rule"),
        waiver("CVE-2019-14699#x"),
    )


def test_entries_of_yaml() -> None:
    found = read_yaml(YAML)
    assert found.waivers == (
        waiver(
            "CVE-2022-40897",
            kind=Kind.VULNERABILITY,
            paths=("usr/local/lib/**/METADATA",),
            purls=("pkg:deb/debian/openssl",),
            expires=date(2026, 12, 30),
            reason="Accept the risk",
        ),
        waiver("AVD-DS-0001", kind=Kind.MISCONFIGURATION),
        waiver("aws-access-key-id", kind=Kind.SECRET),
        waiver("GPL-3.0 AND MIT", kind=Kind.LICENSE),
    )
    assert len(found.notes) == 2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"CVE-1\nCVE-2 exp:tomorrow", ":2: tomorrow is no date"),
        (b"CVE-1 exp:2026-13-01", ":1: "),
        (b"CVE-1 exp:0001-01-01", ":1: "),
        (b"CVE-1 exp:20261231", ":1: 20261231 is no date"),
        (b"CVE-1 exp:2026-W01-1", ":1: "),
        (b"CVE-1 exp:", "is no date"),
        (b"CVE\x1b[2J", "is no id"),
        (b"x" * 300, "is no id"),
        (b" " * (IGNORE_MAX_BYTES + 1), "larger than"),
    ],
)
def test_lines_that_are_refused(data: bytes, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_ignore(data, ANSWER, what=".trivyignore")
    assert words in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"vulnerabilities: x", "x.yaml"),
        (b"- a", "x.yaml"),
        (b"vulnerabilities: [{id: CVE-1, ids: x}]", "unknown"),
        (b"vulnerabilities: [{id: CVE-1, expired_at: soon}]", "vulnerabilities[1]: soon is no date"),
        (b"vulnerabilities: [{id: CVE-1, purls: [openssl]}]", "is no package URL"),
        (b"vulnerabilities: [{id: CVE-1, expired_at: 2026-12-31T00:00:00}]", "is no date"),
        (b"vulnerabilities: [{id: CVE-1, paths: ['']}]", "is no path"),
        (b'vulnerabilities: [{id: CVE-1, paths: ["a\\u202eb"]}]', "is no path"),
        (b"vulnerabilities: &a [{id: CVE-1}]", "x.yaml"),
    ],
)
def test_yaml_that_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_yaml(data)
    assert words in str(caught.value)


def test_two_stars_beside_other_text_cross_no_slash() -> None:
    """Doublestar has ``**`` only as a part of its own; patterns of the policy have it everywhere."""
    patterns = [("app/**.jar", "app/*.jar"), ("**/x", "**/x"), ("a**b/**", "a*b/**"), ("***", "*")]
    entries = ", ".join(f"{{id: CVE-1, paths: ['{written}']}}" for written, _ in patterns)
    found = read_yaml(f"vulnerabilities: [{entries}]".encode())
    assert [one.paths for one in found.waivers] == [(meant,) for _, meant in patterns]
    assert found.notes == ()


def test_wildcards_that_patterns_of_the_policy_do_not_have_are_told() -> None:
    found = read_yaml(b"secrets: [{id: x, paths: ['a?.txt', 'b', '{c,d}/**']}]")
    assert found.waivers[0].paths == ("a?.txt", "b", "{c,d}/**")
    assert ["taken as it is written" in note for note in found.notes] == [True, True]


def printed(folder: Path, name: str, data: bytes, *words: str) -> tuple[int, str]:
    file = folder / name
    file.write_bytes(data)
    options = ("--owner", "alice", "--reason", 'see "17": {x}', "--expires", "2027-01-31", *words)
    done = CliRunner().invoke(exceptions, [str(file), *options], standalone_mode=False)
    return done.return_value if done.exception is None else 2, done.stdout


@pytest.mark.parametrize(("name", "data"), [(".trivyignore", PLAIN), ("ignore.yaml", YAML)])
def test_what_is_printed_is_read_by_the_policy(tmp_path: Path, name: str, data: bytes) -> None:
    code, text = printed(tmp_path, name, data, "--match", "docker.io/foo/**")
    assert code == 0
    policy = parse_policy(f"version: 1\n{text}", what="policy.yaml")
    assert [one.ids for one in policy.waivers] == [
        one.ids for one in (read_yaml(data) if name.endswith("yaml") else read_ignore(data, ANSWER, what="x")).waivers
    ]
    assert {one.match for one in policy.waivers} == {"docker.io/foo/**"}
    assert all(one.reason in {'see "17": {x}', "Accept the risk"} for one in policy.waivers)


def test_nothing_in_it_is_nothing_printed(tmp_path: Path) -> None:
    assert printed(tmp_path, ".trivyignore", b"# nothing\n") == (0, "")
    assert printed(tmp_path, ".trivyignore", b"CVE-1", "--match", "///")[0] == 2
    assert printed(tmp_path, ".trivyignore", b"CVE-1", "--expires", "soon")[0] == 2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"CVE-*", ()),
        (b"CVE-1", ("--owner", " ")),
        (b"CVE-1", ("--reason", "two\nlines")),
        (b"CVE-1", ("--reason", "x" * 1001)),
    ],
)
def test_nothing_is_printed_that_the_policy_does_not_take(tmp_path: Path, data: bytes, words: tuple[str, ...]) -> None:
    assert printed(tmp_path, ".trivyignore", data, *words) == (2, "")


@given(
    st.lists(
        st.tuples(st.text(max_size=12), st.lists(st.text("a*/?[{\\\x07\u202e", max_size=8), max_size=2)), max_size=3
    )
)
def test_whatever_is_printed_is_read_by_the_policy(entries: list[tuple[str, list[str]]]) -> None:
    listed = [{"id": name, "paths": paths} for name, paths in entries]
    try:
        waivers = read_ignore_tree({"secrets": listed}, ANSWER, what="x").waivers
    except UsageError as error:
        assert str(error).isprintable()
        return
    with tempfile.TemporaryDirectory() as folder:
        code, text = printed(Path(folder), "x.yaml", json.dumps({"secrets": listed}).encode())
    if code:
        assert text == ""
    elif waivers:
        policy = parse_policy(f"version: 1\n{text}", what="policy.yaml")
        assert [(one.ids, one.paths) for one in policy.waivers] == [(one.ids, one.paths) for one in waivers]


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_in_words(data: bytes) -> None:
    try:
        read_ignore(data, ANSWER, what=".trivyignore")
    except UsageError as error:
        assert str(error).isprintable()
