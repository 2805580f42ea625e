"""Which files a call means, and AppArmor's letters for what it does."""

from __future__ import annotations

import os

import pytest

from pytrust.policy.observe.call_files import AT_FDCWD, PathArgument, descriptor_letters, path_arguments, signed
from pytrust.policy.profiles.names import Syscall

HERE = 2**64 + AT_FDCWD


@pytest.mark.parametrize(
    ("flags", "letters", "new"),
    [
        (os.O_RDONLY, "r", False),
        (os.O_RDONLY | os.O_DIRECTORY, "r", False),
        (os.O_WRONLY, "w", False),
        (os.O_RDWR, "rw", False),
        (os.O_WRONLY | os.O_APPEND, "a", False),
        (os.O_WRONLY | os.O_APPEND | os.O_CREAT, "w", True),  # to make it takes w
        (os.O_WRONLY | os.O_APPEND | os.O_TRUNC, "w", False),
        (os.O_RDONLY | os.O_CREAT, "rw", True),
        (os.O_RDONLY | os.O_TRUNC, "rw", False),
        (os.O_PATH, "", False),
    ],
)
def test_opening(flags: int, letters: str, new: bool) -> None:
    wanted = PathArgument(1, 0, letters, new=new)
    assert path_arguments(Syscall("openat"), (HERE, 1, flags, 0, 0, 0)) == (wanted,)
    assert path_arguments(Syscall("openat2"), (HERE, 1, 2, 24, 0, 0), flags) == (wanted,)
    assert path_arguments(Syscall("open"), (1, flags, 0, 0, 0, 0)) == (PathArgument(0, None, letters, new=new),)


def test_a_link_that_is_not_followed() -> None:
    found = path_arguments(Syscall("openat"), (HERE, 1, os.O_NOFOLLOW, 0, 0, 0))
    assert not found[0].follow


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        ("mkdirat", (PathArgument(1, 0, "w", new=True, only_new=True, folder=True),)),
        ("unlink", (PathArgument(0, None, "w", follow=False),)),
        ("renameat2", (PathArgument(1, 0, "rw", follow=False), PathArgument(3, 2, "w", new=True))),
        ("linkat", (PathArgument(3, 2, "l", new=True, only_new=True),)),
        ("symlinkat", (PathArgument(2, 1, "w", new=True, only_new=True),)),
        ("execveat", (PathArgument(1, 0, "x"),)),
        ("newfstatat", ()),  # nothing that AppArmor looks at
        ("readlink", ()),
    ],
)
def test_paths(call: str, wanted: tuple[PathArgument, ...]) -> None:
    assert path_arguments(Syscall(call), (0,) * 6) == wanted


@pytest.mark.parametrize(
    ("call", "arguments", "wanted"),
    [
        ("mmap", (0, 4096, 5, 2, 3, 0), (3, "m")),
        ("mmap", (0, 4096, 1, 2, 3, 0), None),  # not as code
        ("mmap", (0, 4096, 5, 0x22, 2**64 - 1, 0), None),  # no file
        ("flock", (4, 2, 0, 0, 0, 0), (4, "k")),
        ("fcntl", (4, 6, 0, 0, 0, 0), (4, "k")),
        ("fcntl", (4, 2, 1, 0, 0, 0), None),
    ],
)
def test_more_than_it_was_opened_for(call: str, arguments: tuple[int, ...], wanted: tuple[int, str] | None) -> None:
    assert descriptor_letters(Syscall(call), arguments) == wanted


@pytest.mark.parametrize(("argument", "value"), [(HERE, -100), (0xFFFFFF9C, -100), (3, 3), (2**63, 0)])
def test_numbers_of_c(argument: int, value: int) -> None:
    assert signed(argument) == value
