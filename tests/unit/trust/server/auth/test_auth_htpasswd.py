"""A file of users: what is read, what is refused, and that nothing tells who is in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.password_house import line

from pytrust.trust.errors import BadPermissions, Damaged, NotSetUp, PytrustError, Unsound
from pytrust.trust.server.auth.htpasswd import parse_htpasswd
from pytrust.trust.server.auth.watched import Watched

GOOD = line("alice", "wonderland").rstrip()
HASH = GOOD.partition(b":")[2]


@pytest.mark.parametrize("prefix", [b"$2a$", b"$2b$", b"$2y$"])
def test_all_names_of_bcrypt(prefix: bytes) -> None:
    account = parse_htpasswd(GOOD.replace(b"$2b$", prefix), "users").find("alice")
    assert account.fits("wonderland")
    assert not account.fits("wonderlan")
    assert "wonderland" not in repr(account)
    assert HASH[7:].decode() not in repr(account)


def test_comments_empty_lines_and_other_ends_of_line() -> None:
    found = parse_htpasswd(b"# users\r\n\r\n" + GOOD + b"\r\n\n" + line("b.o-b_1@x.org", "y"), "users")
    assert set(found.users) == {"alice", "b.o-b_1@x.org"}
    assert parse_htpasswd(b"", "users").users == {}


REFUSED = [
    (b"alice:{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE=", "users line 1: the password of alice is not a bcrypt hash"),
    (b"alice:$apr1$x$y", "users line 1: the password of alice is not a bcrypt hash"),
    (b"alice:wonderland", "users line 1: the password of alice is not a bcrypt hash"),
    (b"alice:", "users line 1: the password of alice is not a bcrypt hash"),
    (b"alice", "users line 1: the password of alice is not a bcrypt hash"),
    (b"alice:" + HASH.replace(b"$2b$", b"$2x$"), "users line 1: the password of alice is not a bcrypt hash"),
    (GOOD + b":admin", "users line 1: the password of alice is not a bcrypt hash"),
    (GOOD + b" ", "users line 1: the password of alice is not a bcrypt hash"),
    (GOOD[:-1], "users line 1: the password of alice is not a bcrypt hash"),
    (b"alice:" + HASH.replace(b"$04$", b"$15$"), "users line 1: the cost of alice is not 4 to 14"),
    (b"alice:" + HASH.replace(b"$04$", b"$03$"), "users line 1: the cost of alice is not 4 to 14"),
    (b"# one\n" + GOOD + b"\n" + GOOD, "users line 3: alice stands twice"),
    (b":" + HASH, "users line 1: not the name of a user"),
    (b" alice:" + HASH, "users line 1: not the name of a user"),
    (b"*:" + HASH, "users line 1: not the name of a user"),
    (b"a/b:" + HASH, "users line 1: not the name of a user"),
    (b"al\xefce:" + HASH, "users line 1: not the name of a user"),
    (b"x" * 129 + b":" + HASH, "users line 1: not the name of a user"),
]


@pytest.mark.parametrize(("data", "message"), REFUSED)
def test_refused_with_the_number_of_the_line(data: bytes, message: str) -> None:
    with pytest.raises(Unsound) as caught:
        parse_htpasswd(data, "users")
    assert str(caught.value) == message
    assert HASH.decode() not in f"{caught.value} {caught.value.hint}"


def test_a_bound_on_users() -> None:
    many = b"".join(b"u%d:%s\n" % (each, HASH) for each in range(10_000))
    assert len(parse_htpasswd(many, "users").users) == 10_000
    with pytest.raises(Unsound, match="more than 10000 users"):
        parse_htpasswd(many + GOOD, "users")


def _costs(lines: Iterable[bytes]) -> set[int]:
    return {int(one.partition(b":")[2][4:6]) for one in lines}


@pytest.mark.parametrize("cost", [4, 5, 6])
def test_somebody_unknown_takes_as_long_and_never_fits(cost: int) -> None:
    one = b"alice:" + bcrypt.hashpw(b"x", bcrypt.gensalt(cost))
    nobody = parse_htpasswd(one, "users").find("nobody")
    assert _costs([b"x:" + nobody.hash]) == _costs([one])
    assert not any(map(nobody.fits, ["", "x", "nobody", "."]))
    assert bcrypt.checkpw(b"x", nobody.hash) is False, "it is a hash that can be checked"
    assert not replace(nobody, hash=one.partition(b":")[2]).fits("x"), "whatever the hash is"


@pytest.mark.parametrize(
    ("password", "given_"),
    [
        ("x" * 72, "x" * 73),
        ("x" * 72, "x" * 72 + "\0"),
        ("a", "a\0b"),
        ("?", ""),
        ("?", "x" * 73),
        ("\u00e9", "e\u0301"),
    ],
)
def test_passwords_that_only_look_the_same_to_bcrypt(password: str, given_: str) -> None:
    account = parse_htpasswd(line("alice", password), "users").find("alice")
    assert account.fits(password)
    assert not account.fits(given_)


def test_the_mark_changes_with_the_password_and_the_name() -> None:
    marks = [parse_htpasswd(one, "users").find("alice").mark for one in (GOOD, GOOD, line("alice", "wonderland"))]
    assert marks[0] == marks[1] != marks[2]
    assert parse_htpasswd(GOOD.replace(b"alice", b"bob"), "users").find("bob").mark != marks[0]


@given(
    st.binary(max_size=300) | st.lists(st.sampled_from([GOOD, b"\n", b":", b"bob", HASH, b"#", b"\xff"])).map(b"".join)
)
def test_any_file_is_read_or_refused(data: bytes) -> None:
    try:
        found = parse_htpasswd(data, "users")
    except Unsound:
        return
    starts = {one.partition(b"$2")[0] for one in data.splitlines()}
    assert {name.encode() + b":" for name in found.users} <= starts


# The file.


def watched(path: Path) -> Watched[bytes]:
    return Watched(path, 100, lambda data, _: data)


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"one")
    at = watched(path)
    assert at.get() == b"one"
    path.write_bytes(b"two")
    assert at.get() == b"two"
    (tmp_path / "new").write_bytes(b"six")
    (tmp_path / "new").rename(path)
    assert at.get() == b"six"


def test_a_file_that_does_not_change_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"one")
    at = Watched(path, 100, lambda data, _: [data])
    assert at.get() is at.get()


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda path: None, NotSetUp),
        (lambda path: path.mkdir(), Damaged),
        (lambda path: path.write_bytes(b"x" * 101), Damaged),
        (lambda path: (path.write_bytes(b"x"), path.chmod(0o666)), BadPermissions),
        (lambda path: path.symlink_to("/etc/passwd"), BadPermissions),
        (lambda path: path.symlink_to(path), PytrustError),
    ],
)
def test_files_that_are_refused(tmp_path: Path, make: Callable[[Path], object], error: type[PytrustError]) -> None:
    make(tmp_path / "f")
    with pytest.raises(error, match=str(tmp_path / "f")):
        watched(tmp_path / "f").get()
