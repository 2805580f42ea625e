"""What ``pytrust profile attach`` refuses to sign, before anybody is asked for a passphrase."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from pytrust.cli.profile_attach import attach, detach
from pytrust.cli.workspace import Workspace
from pytrust.policy.profiles.document import encode_profile
from pytrust.policy.profiles.model import Profile, Rule, Seccomp
from pytrust.policy.profiles.names import Action, Syscall
from pytrust.trust.errors import BadContent, InvalidName, PytrustError, Refused, UsageError

IMAGE = "registry.example.com/foo/web:v2"
GOOD = Profile(
    name="web",
    seccomp=Seccomp(
        default=Action.ERRNO, rules=(Rule(names=(Syscall("read"), Syscall("exit_group")), action=Action.ALLOW),)
    ),
)
OPEN = Profile(name="web", seccomp=Seccomp(default=Action.ALLOW))
LOGGING = Profile(name="web", seccomp=Seccomp(default=Action.LOG))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A home that is set up, and has no keys and no store."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    config = home / "config.toml"
    config.touch(0o600)
    config.write_text('[trust]\nurl = "sqlite:///store/store.db"\nsigner = "alice"\n')
    return Workspace(home, None, None)


def run(workspace: Workspace, *words: str) -> PytrustError:
    command = attach if words[0] == "attach" else detach
    done = CliRunner().invoke(command, words[1:], obj=workspace)
    assert isinstance(done.exception, PytrustError), (done.exception, done.output)
    return done.exception


def write(folder: Path, data: bytes) -> str:
    path = folder / "web.json"
    path.write_bytes(data)
    return str(path)


@pytest.mark.parametrize("profile", [OPEN, LOGGING], ids=["open", "logging"])
def test_a_profile_with_errors(workspace: Workspace, tmp_path: Path, profile: Profile) -> None:
    file = write(tmp_path, encode_profile(profile))
    error = run(workspace, "attach", IMAGE, file)
    assert isinstance(error, Refused)
    assert f"{file} has errors: " in str(error)
    assert error.hint.endswith(f"pytrust profile lint {file}")


def test_one_without_gets_as_far_as_the_store(workspace: Workspace, tmp_path: Path) -> None:
    error = run(workspace, "attach", IMAGE, write(tmp_path, encode_profile(GOOD)))
    assert "has errors" not in str(error)


NO_PROFILES = {
    "nothing": b"",
    "something else": b"{}",
    "another format": json.dumps({**json.loads(encode_profile(GOOD)), "format": "pytrust-profile/2"}).encode(),
    "an unknown field": json.dumps({**json.loads(encode_profile(GOOD)), "priviledged": 1}).encode(),
    "twice the same": encode_profile(GOOD)[:-1] + b',"name":"other"}',
}


@pytest.mark.parametrize("data", NO_PROFILES.values(), ids=NO_PROFILES)
def test_what_is_no_profile(workspace: Workspace, tmp_path: Path, data: bytes) -> None:
    assert isinstance(run(workspace, "attach", IMAGE, write(tmp_path, data)), BadContent)


@pytest.mark.parametrize("command", ["attach", "detach"])
def test_a_server_elsewhere_takes_none(workspace: Workspace, tmp_path: Path, command: str) -> None:
    workspace.home.config.write_text('[trust]\nurl = "https://trust.example.com"\nsigner = "alice"\n')
    words = [IMAGE, *([write(tmp_path, encode_profile(GOOD))] if command == "attach" else [])]
    error = run(workspace, command, *words)
    assert isinstance(error, UsageError)
    assert error.hint == "run this on the host that holds the store"


@pytest.mark.parametrize("name", ["releases", "profiles", "Alice"])
@pytest.mark.parametrize("option", ["--as", "--may"])
def test_names_that_are_nobodys(workspace: Workspace, tmp_path: Path, name: str, option: str) -> None:
    file = write(tmp_path, encode_profile(GOOD))
    assert isinstance(run(workspace, "attach", IMAGE, file, option, name), InvalidName)
