"""``pytrust profile import``: profiles from files of other tools, and what is said beside them."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pytrust.cli.profile_files import read_profile
from pytrust.cli.profile_import import import_
from pytrust.policy.profiles.model import FileRule
from pytrust.policy.profiles.names import DEFAULT_CAPABILITIES
from pytrust.trust.errors import BadContent, PytrustError, UsageError

BANE = 'Name = "web"\n[Filesystem]\nAllowExec = ["/usr/sbin/web"]\n[Capabilities]\nAllow = ["chown"]\n'
DOCKER = '{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38, "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]}'


def run(*words: object, stdin: str = "") -> Result:
    return CliRunner().invoke(import_, [str(word) for word in words], standalone_mode=False, input=stdin)


def test_a_file_of_bane(tmp_path: Path) -> None:
    (tmp_path / "web.toml").write_text(BANE)
    done = run(tmp_path / "web.toml", "-o", tmp_path / "web.json")
    profile = read_profile(str(tmp_path / "web.json"))
    assert (profile.name, profile.capabilities) == ("web", ("CHOWN",))
    assert profile.apparmor is not None
    assert profile.apparmor.files == (FileRule(path="/usr/sbin/web", modes="rm", transition="ix"),)
    assert done.stdout == ""
    assert all(line.startswith("note: ") for line in done.stderr.splitlines())
    assert "no rules for signals" in done.stderr


def test_a_seccomp_file(tmp_path: Path) -> None:
    (tmp_path / "small.json").write_text(DOCKER)
    done = run(tmp_path / "small.json", "-o", tmp_path / "out.json")
    profile = read_profile(str(tmp_path / "out.json"))
    assert (profile.name, profile.apparmor) == ("small", None)
    assert frozenset(profile.capabilities) == DEFAULT_CAPABILITIES
    assert "note: engines before 23: defaultErrnoRet 38 is dropped" in done.stderr


def test_a_seccomp_file_through_pipes() -> None:
    done = run("-", stdin=DOCKER)
    assert '"format":"pytrust-profile/1"' in done.stdout
    assert '"name"' not in done.stdout


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("x.toml", "Name = ", BadContent),
        ("x.json", "{", BadContent),
        ("x.json", '{"defaultAction": "SCMP_ACT_NONE"}', BadContent),
        ("x.json", BANE, BadContent),
    ],
)
def test_what_is_neither_is_refused_and_nothing_written(
    tmp_path: Path, name: str, text: str, error: type[PytrustError]
) -> None:
    (tmp_path / name).write_text(text)
    done = run(tmp_path / name, "-o", tmp_path / "out")
    assert isinstance(done.exception, error)
    assert not (tmp_path / "out").exists()


def test_a_profile_needs_no_import(tmp_path: Path) -> None:
    (tmp_path / "small.json").write_text(DOCKER)
    run(tmp_path / "small.json", "-o", tmp_path / "out.json")
    for place in (tmp_path / "out.json", "docker-default"):
        assert isinstance(run(place).exception, UsageError)


@pytest.mark.parametrize("name", ["none.toml", "none.json"])
def test_a_file_that_is_not_there(tmp_path: Path, name: str) -> None:
    assert isinstance(run(tmp_path / name).exception, UsageError)
