"""Where paths on the host lead, and what they touch."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytrust.policy.core.facts import HostPath, Missing
from pytrust.policy.host import look_up
from pytrust.trust.errors import Unsound, UsageError


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """``home`` is guarded; ``free`` is not, but leads everywhere."""
    (tmp_path / "home" / "keys").mkdir(parents=True)
    (tmp_path / "free" / "data").mkdir(parents=True)
    (tmp_path / "homely").mkdir()
    (tmp_path / "free" / "to-home").symlink_to("../home")
    (tmp_path / "free" / "to-keys").symlink_to(tmp_path / "home" / "keys")
    (tmp_path / "free" / "to-root").symlink_to("/")
    (tmp_path / "free" / "loop").symlink_to("loop")
    (tmp_path / "free" / "dangling").symlink_to("nothing")
    (tmp_path / "free" / "own").symlink_to("/proc/self/status")
    (tmp_path / "home" / "out").symlink_to(tmp_path / "free" / "data")
    (tmp_path / "alias").symlink_to("home")
    return tmp_path


def touches(tree: Path, path: str, guard: str = "home") -> bool:
    found = look_up(str(tree / path) if not path.startswith("/") else path, [str(tree / guard)])
    assert isinstance(found, HostPath)
    return found.guarded


@pytest.mark.parametrize(
    "path",
    ["home", "home/", "home/keys", ".", "..", "/", "free/to-home", "free/to-home/keys", "free/to-keys", "free/to-root",
     "free/../home", "free/./../home/keys", "free//..//home", "alias", "alias/keys", "home/out"],
)  # fmt: skip
def test_guarded(tree: Path, path: str) -> None:
    """The place itself, what lies in it, what holds it; by any spelling; and a link inside it that leads out."""
    assert touches(tree, path)


@pytest.mark.parametrize("path", ["free", "free/data", "homely", "/usr", "free/to-root/usr", "/proc/sys"])
def test_not_guarded(tree: Path, path: str) -> None:
    assert not touches(tree, path)


def test_the_guard_may_be_a_link(tree: Path) -> None:
    """Both the link and what it leads to."""
    assert touches(tree, "home/keys", "alias")
    assert touches(tree, "alias", "alias")
    assert not touches(tree, "free", "alias")


def test_a_guard_that_is_not_there_yet(tree: Path) -> None:
    assert touches(tree, "free", "free/later/proxy.sock")
    assert not touches(tree, "homely", "free/later/proxy.sock")


def test_a_second_name_for_the_same_file(tree: Path) -> None:
    """As a bind mount gives one to a folder, a hard link gives one to a socket."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tree / "home" / "s"))
        os.link(tree / "home" / "s", tree / "free" / "data" / "s")
        assert touches(tree, "free/data/s", "home/s")
        assert not touches(tree, "free/data", "home/s")


@pytest.mark.parametrize("path", ["/run/docker.sock", "/var/run/docker.sock", "/run/containerd/containerd.sock"])
def test_engines_are_always_guarded(path: str) -> None:
    for place in (path, str(Path(path).parent)):
        found = look_up(place, [])
        assert isinstance(found, Missing) or found.guarded


def test_real_follows_every_link(tree: Path) -> None:
    assert look_up(str(tree / "free/to-keys"), []) == HostPath(real=str((tree / "home/keys").resolve()))
    assert look_up(str(tree / "free/to-root/usr/share"), []) == HostPath(real=str(Path("/usr/share").resolve()))


def test_dots_are_dropped_before_links_are_followed(tree: Path) -> None:
    """As the engine reads it; the kernel would go to ``home`` first, and up from there."""
    (tree / "free" / "keys").mkdir()
    assert look_up(str(tree / "free/to-home/../keys"), []) == HostPath(real=str((tree / "free/keys").resolve()))


@pytest.mark.parametrize("path", ["nothing", "nothing/below", "free/dangling", "free/to-home/nothing"])
def test_missing(tree: Path, path: str) -> None:
    assert look_up(str(tree / path), []) == Missing()


@pytest.mark.parametrize(
    "path",
    ["", "data", "./data", "~/data", "/a\0b", "/proc/self/root", "/proc/1/root/etc", "/proc/thread-self/cwd",
     "/usr/../proc/self/fd/3", "//proc/self/environ"],
)  # fmt: skip
def test_no_place(path: str) -> None:
    with pytest.raises(UsageError):
        look_up(path, [])


@pytest.mark.parametrize("link", ["/proc/self/status", "/proc/self/cwd", "/proc/self/root/usr", "/dev/fd", "own"])
def test_a_link_into_a_process(tree: Path, link: str) -> None:
    """It shows us ourselves, and the engine itself; also where it leads out of ``/proc`` again."""
    (tree / "free" / "link").symlink_to(link)
    with pytest.raises(UsageError, match="every process"):
        look_up(str(tree / "free/link"), [])


def test_links_are_followed_as_the_kernel_does(tree: Path) -> None:
    for name, target in {"up": "to-keys/../..", "deep": "up/free/./up/homely", "far": "/usr/../usr/share"}.items():
        (tree / "free" / name).symlink_to(target)
        assert look_up(str(tree / "free" / name), []) == HostPath(real=os.path.realpath(tree / "free" / name))


def test_cannot_be_followed(tree: Path) -> None:
    with pytest.raises(Unsound, match="cannot be followed"):
        look_up(str(tree / "free/loop"), [])
    with pytest.raises(Unsound, match="cannot be followed"):
        look_up("/" + "a" * 300, [])
    with pytest.raises(Unsound, match="it is not text"):
        look_up("/\ud800", [])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("host").resolve()
    for path in ("a/b/a", "b/a/b"):
        (base / path).mkdir(parents=True)
    return base


PARTS = st.lists(st.sampled_from(["a", "b", ".", "..", ""]), max_size=5)


@settings(deadline=None)
@given(path=PARTS, guard=st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=3))
def test_touching_is_holding_or_lying_in(base: Path, path: list[str], guard: list[str]) -> None:
    written = "/".join([str(base), *path])
    found = look_up(written, [str(base.joinpath(*guard))])
    if isinstance(found, HostPath):
        real, place = Path(os.path.normpath(written)), base.joinpath(*guard)
        assert found.real == str(real)
        assert found.guarded == (place.is_relative_to(real) or real.is_relative_to(place))
