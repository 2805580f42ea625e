"""Which programs an image starts: configuration, scripts, and what they name; and what it suggests of capabilities."""

from __future__ import annotations

from typing import Any

import pytest
from tests.rig.elf_files import Assembler, Elf

from pytrust.policy.profiles.elf.analyse import analyse
from pytrust.policy.profiles.elf.hints import file_capabilities, hints
from pytrust.policy.profiles.elf.tree import Config, Entry, MemoryTree, resolve
from pytrust.policy.profiles.names import Syscall

NUMBERS = {"getpid": 39, "gettid": 186, "sync": 162}


def program(call: str) -> bytes:
    return Elf(Assembler().label("start").call_number(NUMBERS[call]).ret()).build()


def paths(files: dict[str, bytes | str], *words: str, **config: Any) -> list[str]:
    finding = analyse(MemoryTree(files), Config(words, **config))
    return [found.path for found in finding.objects]


IMAGE: dict[str, bytes | str] = {
    "/bin/sh": "dash",
    "/bin/dash": program("getpid"),
    "/usr/bin/tool": program("gettid"),
    "/opt/server": program("sync"),
    "/opt/notes": b"text",
}


def test_a_script_and_what_it_names() -> None:
    script = b'#!/bin/sh -e\n# tool is not started\nset -- /opt/server --port 1\nexec "$@"\n'
    assert paths({**IMAGE, "/start": script}, "/start") == ["/start", "/bin/dash", "/opt/server"]


def test_a_command_that_a_shell_is_given() -> None:
    assert paths(IMAGE, "/bin/sh", "-c", "exec tool >/opt/notes 2>&1") == ["/bin/dash", "/usr/bin/tool"]


def test_the_command_counts_as_the_entrypoint_does() -> None:
    assert paths(IMAGE, "/bin/sh", command=("tool",)) == ["/bin/dash", "/usr/bin/tool"]


def test_a_path_of_the_environment() -> None:
    assert paths(IMAGE, "server", environment=("PATH=/nowhere:/opt",)) == ["/opt/server"]


def test_a_script_that_calls_itself() -> None:
    files: dict[str, bytes | str] = {**IMAGE, "/a": b"#!/bin/sh\n/b\n", "/b": b"#!/bin/sh\n/a /b\n"}
    assert paths(files, "/a") == ["/a", "/bin/dash", "/b"]


def test_a_script_of_another_language_is_told() -> None:
    files: dict[str, bytes | str] = {**IMAGE, "/start": b"#!/usr/bin/tool\nsystem('/opt/server')\n"}
    finding = analyse(MemoryTree(files), Config(("/start",)))
    assert [found.path for found in finding.objects] == ["/start", "/usr/bin/tool"]
    assert finding.unresolved == ("/start: a script, of which only the interpreter is looked at",)


def test_a_program_that_starts_others() -> None:
    elf = Elf(Assembler().label("start").call_number(59).ret(), texts=("/opt/server", "/opt/none", "usr/bin/tool"))
    finding = analyse(MemoryTree({**IMAGE, "/app": elf.build()}), Config(("/app",)))
    assert [found.path for found in finding.objects] == ["/app", "/opt/server"]
    assert finding.unresolved == ("/app: may start programs whose names are not in it",)


def test_files_that_may_not_be_executed_are_no_programs() -> None:
    tree = MemoryTree({**IMAGE, "/app": program("sync")}, {"/opt/server": 0o644})
    assert [found.path for found in analyse(tree, Config(("/app", "/opt/server"))).objects] == ["/app"]


LINKS = {
    "a file": ("/a", "/a"),
    "relative": ("/d/rel", "/a"),
    "in a folder that is a link": ("/e/b", "/d/b"),
    "it climbs out": ("/out", "/a"),
    "in circles": ("/round", None),
    "to nothing": ("/gone", None),
    "a folder": ("/d", None),
    "with a needless part": ("/d//./../a", "/a"),
}


@pytest.mark.parametrize(("path", "expected"), LINKS.values(), ids=LINKS.keys())
def test_links_stay_in_the_image(path: str, expected: str | None) -> None:
    files: dict[str, bytes | str] = {
        "/a": b"",
        "/d/b": b"",
        "/d/rel": "../a",
        "/e": "d",
        "/out": "../../../a",
        "/round": "round2",
        "/round2": "/round",
        "/gone": "/etc/shadow",
    }
    assert resolve(MemoryTree(files), path) == expected


NET_BIND = bytes.fromhex("0000000200040000000000000000000000000000")
BPF = bytes.fromhex("010000030000000000000000800000000000000000000000")


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [(NET_BIND, ["NET_BIND_SERVICE"]), (BPF, ["BPF"]), (b"", []), (NET_BIND[:10], []), (b"\xff" * 20, [])],
)
def test_capabilities_of_files(attribute: bytes, expected: list[str]) -> None:
    assert file_capabilities(attribute) == expected


class _One(MemoryTree):
    def entry(self, path: str) -> Entry | None:
        return {"/ping": Entry(1, 0o755, NET_BIND), "/su": Entry(1, 0o4755)}.get(path)


def test_hints() -> None:
    calls = frozenset(map(Syscall, ("setuid", "fchownat", "read")))
    found, lines = hints(_One({}), Config(user="", ports=(8080, 25)), ["/ping", "/su"], calls)
    assert found == {"NET_BIND_SERVICE", "SETUID", "CHOWN"}
    assert "NET_BIND_SERVICE: /ping has it as a capability of the file" in lines
    assert "/su is executed as its owner or group: no-new-privileges stops that" in lines


def test_hints_for_another_user() -> None:
    calls = frozenset(map(Syscall, ("setuid", "fchownat", "read")))
    assert hints(MemoryTree({}), Config(user="1000:1000", ports=(8080,)), [], calls) == (frozenset(), ())
