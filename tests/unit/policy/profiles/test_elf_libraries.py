"""Which files a program is made of: what the linker would load, from where, and what is loaded later."""

from __future__ import annotations

from typing import Any

import pytest
from tests.rig.elf_files import Assembler, Elf

from pytrust.policy.profiles.elf import module
from pytrust.policy.profiles.elf.analyse import analyse
from pytrust.policy.profiles.elf.finding import StaticFinding
from pytrust.policy.profiles.elf.tree import Config, MemoryTree

LINKER = "/lib64/ld-linux-x86-64.so.2"
MUSL = "/lib/ld-musl-x86_64.so.1"
NUMBERS = {"getpid": 39, "gettid": 186, "getuid": 102, "sync": 162, "getppid": 110}


def linker() -> bytes:
    return Elf(Assembler().label("start").ret()).build()


def library(*calls: str, needed: tuple[str, ...] = (), **more: Any) -> bytes:
    """A library whose function ``do_NAME`` makes the call NAME."""
    code = Assembler()
    for call in calls:
        code.label(f"do_{call}").call_number(NUMBERS[call]).ret()
    return Elf(code, exports=tuple(f"do_{call}" for call in calls), needed=needed, **more).build()


def program(call: str, *needed: str, interpreter: str = LINKER, texts: tuple[str, ...] = (), **more: Any) -> bytes:
    """A program that calls ``do_NAME`` of a library."""
    code = Assembler().label("start").call_word("word").ret()
    name = f"do_{call}"
    return Elf(
        code, {"word": name}, imports=(name,), needed=needed, interpreter=interpreter, texts=texts, **more
    ).build()


def look(files: dict[str, bytes | str], **config: Any) -> StaticFinding:
    return analyse(MemoryTree({LINKER: linker(), **files}), Config(("/bin/app",), **config))


def calls(files: dict[str, bytes | str], **config: Any) -> set[str]:
    return {str(call) for call in look(files, **config).calls} - {"execve"}


def test_only_what_is_imported_of_a_library() -> None:
    files: dict[str, bytes | str] = {
        "/bin/app": program("getpid", "liba.so"),
        "/lib/liba.so": library("getpid", "sync"),
    }
    assert calls(files) == {"getpid"}


def test_every_initialiser_of_a_library_counts_though_nobody_asks_for_it() -> None:
    code = Assembler().label("do_sync").ret()
    for call in ("getpid", "gettid", "getuid"):
        code.label(call).call_number(NUMBERS[call]).ret()
    words = {"one": "getpid", "two": "gettid", "three": "getuid"}
    for starting, found in ((True, {"getpid", "gettid", "getuid"}), (False, set[str]())):
        made = Elf(code, words, exports=("do_sync",), starting=starting).build()
        assert calls({"/bin/app": program("sync", "liba.so"), "/lib/liba.so": made}) == found


def test_the_first_library_that_has_a_name_counts() -> None:
    files: dict[str, bytes | str] = {
        "/bin/app": program("getpid", "liba.so", "libb.so"),
        "/lib/liba.so": library("getpid"),
        "/lib/libb.so": Elf(Assembler().label("do_getpid").call_number(162).ret(), exports=("do_getpid",)).build(),
    }
    assert calls(files) == {"getpid"}


PLACES = {
    "the usual folders": ("/usr/lib/x86_64-linux-gnu/liba.so", {}, {}),
    "its own path": ("/opt/liba.so", {"runpath": "/opt"}, {}),
    "its own folder": ("/bin/liba.so", {"runpath": "$ORIGIN"}, {}),
    "beside its own folder": ("/lib/own/liba.so", {"runpath": "${ORIGIN}/../lib/own"}, {}),
    "its old path": ("/opt/liba.so", {"rpath": "/nowhere:/opt"}, {}),
    "the environment": ("/opt/liba.so", {}, {"environment": ("LD_LIBRARY_PATH=/nowhere:/opt",)}),
}


@pytest.mark.parametrize(("place", "said", "config"), PLACES.values(), ids=PLACES.keys())
def test_where_libraries_are(place: str, said: dict[str, Any], config: dict[str, Any]) -> None:
    files: dict[str, bytes | str] = {"/bin/app": program("getpid", "liba.so", **said), place: library("getpid")}
    finding = look(files, **config)
    assert "getpid" in finding.calls
    assert place in [found.path for found in finding.objects]


def test_the_files_that_name_folders() -> None:
    files: dict[str, bytes | str] = {
        "/bin/app": program("getpid", "liba.so"),
        "/etc/ld.so.conf": b"# folders\ninclude /etc/ld.so.conf.d/*.conf\n",
        "/etc/ld.so.conf.d/own.conf": b"include /etc/ld.so.conf\n/opt/own\n",
        "/opt/own/liba.so": library("getpid"),
    }
    assert calls(files) == {"getpid"}


def test_an_old_path_counts_for_what_is_needed_in_turn() -> None:
    files: dict[str, bytes | str] = {
        "/bin/app": program("getpid", "liba.so", rpath="/opt"),
        "/opt/liba.so": library(needed=("libb.so",)),
        "/opt/libb.so": library("getpid"),
    }
    assert calls(files) == {"getpid"}


def test_libraries_that_need_each_other() -> None:
    files: dict[str, bytes | str] = {
        "/bin/app": program("getpid", "liba.so"),
        "/lib/liba.so": library("getpid", needed=("libb.so", "liba.so")),
        "/lib/libb.so": library("sync", needed=("liba.so",)),
    }
    assert calls(files) == {"getpid"}


def test_a_library_that_is_not_there_is_told() -> None:
    finding = look({"/bin/app": program("getpid", "liba.so")})
    assert finding.unresolved == ("/bin/app: the image does not have liba.so, which it needs",)


def test_a_library_that_is_none_is_told() -> None:
    finding = look({"/bin/app": program("getpid", "liba.so"), "/lib/liba.so": b"INPUT(-la)"})
    assert [line.partition(":")[0] for line in finding.unresolved] == ["/lib/liba.so is no program that can be read"]


def test_a_linker_that_is_not_there_is_told() -> None:
    finding = look({"/bin/app": program("getpid", interpreter="/lib/none.so")})
    assert finding.unresolved == ("/bin/app: the image does not have /lib/none.so, which starts it",)


def test_what_is_loaded_into_every_program() -> None:
    files: dict[str, bytes | str] = {
        "/bin/app": program("getpid", "liba.so"),
        "/lib/liba.so": library("sync"),
        "/opt/before.so": library("getpid"),
    }
    assert calls(files, environment=("LD_PRELOAD=/opt/before.so",)) == {"getpid"}


def test_the_c_library_of_musl_is_its_linker() -> None:
    code = Assembler().label("start").ret().label("do_getpid").call_number(39).ret()
    own = Elf(code, exports=("do_getpid",)).build()
    files: dict[str, bytes | str] = {"/bin/app": program("getpid", "libc.so", interpreter=MUSL), MUSL: own}
    finding = look(files)
    assert "getpid" in finding.calls
    assert finding.unresolved == ()


def test_libraries_that_are_named_in_the_program() -> None:
    code = Assembler().label("dlopen").ret()
    loads = Elf(code, exports=("dlopen",)).build()
    app = Elf(
        Assembler().label("start").call_word("word").ret(),
        {"word": "dlopen"},
        imports=("dlopen",),
        needed=("libdl.so",),
        interpreter=LINKER,
        texts=("libextra.so.1", "libnone.so.2"),
    ).build()
    files: dict[str, bytes | str] = {
        "/bin/app": app,
        "/lib/libdl.so": loads,
        "/lib/libextra.so.1": library("getpid"),
        "/lib/libother.so.1": library("sync"),
    }
    assert calls(files) == {"getpid"}


def test_modules_of_an_interpreter() -> None:
    code = Assembler().label("start").call("Py_BytesMain").ret().label("Py_BytesMain").ret()
    app = Elf(code, exports=("Py_BytesMain",), interpreter=LINKER).build()
    module = Elf(Assembler().label("PyInit_fast").call_number(39).ret(), exports=("PyInit_fast",)).build()
    files: dict[str, bytes | str] = {
        "/bin/app": app,
        "/usr/lib/python3/fast.so": module,
        "/usr/lib/python3/other.so": library("sync"),
    }
    assert calls(files) == {"getpid"}


def test_name_services() -> None:
    own = Elf(Assembler().label("getpwnam").ret(), exports=("getpwnam",)).build()
    app = Elf(
        Assembler().label("start").call_word("word").ret(),
        {"word": "getpwnam"},
        imports=("getpwnam",),
        needed=("libc.so.6",),
        interpreter=LINKER,
    ).build()
    files: dict[str, bytes | str] = {
        "/bin/app": app,
        "/lib/libc.so.6": own,
        "/etc/nsswitch.conf": b"passwd: files own [NOTFOUND=return] far # last\n",
        "/lib/libnss_own.so.2": library("getpid"),
        "/lib/libnss_far.so.2": library("gettid"),
        "/lib/libnss_last.so.2": library("sync"),
    }
    assert calls(files) == {"getpid", "gettid"}


def test_a_library_that_is_too_large_to_be_read_counts_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ELF_WHOLE_BYTES", 8)
    code = Assembler().label("do_getpid").ret().label("unused").call_number(162).ret()
    code.label("other").call_word("word").ret()
    large = Elf(
        code,
        {"word": "do_getppid"},
        exports=("do_getpid", "unused", "other"),
        imports=("do_getppid",),
        soname="liba.so",
        needed=("libb.so",),
    ).build()
    files: dict[str, bytes | str] = {
        "/bin/app": program("getpid", "liba.so"),
        "/lib/liba.so": large,
        "/lib/libb.so": library("getppid", "gettid"),
    }
    assert calls(files) == {"sync", "getppid"}
