"""Recorded paths as patterns: the next run is covered, and little else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytrust.policy.profiles.apparmor.automaton import matches
from pytrust.policy.profiles.apparmor.paths import generalise, pattern


@pytest.mark.parametrize(
    ("path", "glob"),
    [
        ("/", "/"),
        ("/etc/", "/etc/"),
        ("/etc/passwd", "/etc/passwd"),
        ("/proc/12/status", "/proc/[0-9]*/status"),
        ("/proc/self/maps", "/proc/[0-9]*/maps"),
        ("/proc/thread-self/comm", "/proc/[0-9]*/task/[0-9]*/comm"),
        ("/proc/1/task/23/stat", "/proc/[0-9]*/task/[0-9]*/stat"),
        ("/proc/self/task/23/comm", "/proc/[0-9]*/task/[0-9]*/comm"),
        ("/proc/self/task/23/fd/4", "/proc/[0-9]*/task/[0-9]*/fd/[0-9]*"),
        ("/proc/self/fd/3", "/proc/[0-9]*/fd/[0-9]*"),
        ("/proc/thread-self/fdinfo/3", "/proc/[0-9]*/task/[0-9]*/fdinfo/[0-9]*"),
        ("/proc/7/fd/3", "/proc/[0-9]*/fd/[0-9]*"),
        ("/proc/7/fd/", "/proc/[0-9]*/fd/"),
        ("/proc/sys/kernel/cap_last_cap", "/proc/sys/kernel/cap_last_cap"),
        ("/dev/pts/0", "/dev/pts/[0-9]*"),
        ("/sys/devices/system/cpu/cpu3/cache/index0/size", "/sys/devices/system/cpu/cpu[0-9]*/cache/index0/size"),
        ("/tmp/tmpab12_xyz", "/tmp/tmp????????"),
        ("/tmp/upload.aB3dE9", "/tmp/upload.??????"),
        ("/tmp/hello", "/tmp/hello"),
        ("/tmp/nginx.lock", "/tmp/nginx.lock"),
        ("/dev/shm/PostgreSQL.1234567890", "/dev/shm/PostgreSQL.[0-9]*"),
        ("/data/temp-15.rdb", "/data/temp-[0-9]*.rdb"),
        ("/data/#4711", "/data/\\043[0-9]*"),
        ("/data/#4711 (deleted)", "/data/\\043[0-9]*"),
        ("/data/temp-rewriteaof-bg-12.aof", "/data/temp-rewriteaof-bg-[0-9]*.aof"),
        ("/data/temperature-12.csv", "/data/temperature-12.csv"),
        ("/data/log/postgresql-2026-12-01_052446.log", "/data/log/postgresql-[0-9]*-[0-9]*-[0-9]*_[0-9]*.log"),
        ("/log/20261201.gz", "/log/[0-9]*.gz"),
        ("/log/12026120155.gz", "/log/12026120155.gz"),
        ("/data/dump.rdb", "/data/dump.rdb"),
        ("/usr/lib/libssl.so.3", "/usr/lib/libssl.so.3"),
        ("/srv/2024/12/31", "/srv/2024/12/31"),
        ("/a*b/\udcff", "/a\\052b/\\377"),
    ],
)
def test_one_path(path: str, glob: str) -> None:
    assert pattern(path) == glob


@pytest.mark.parametrize(
    ("paths", "globs"),
    [
        (["/usr/lib/x/libc.so.6", "/usr/lib/x/libm.so.6"], ("/usr/lib/x/*.so{,.*}",)),
        (["/usr/lib/x/libc.so.6", "/opt/y/lib/libm.so"], ("/opt/y/lib/libm.so", "/usr/lib/x/libc.so.6")),
        (["/data/1/112", "/data/1/113", "/data/2/114"], ("/data/1/[0-9]*", "/data/2/114")),
        (["/data/temp-15.rdb", "/data/temp-16.rdb"], ("/data/temp-[0-9]*.rdb",)),
        (["/etc/a1", "/etc/b1"], ("/etc/a1", "/etc/b1")),
        (["/proc/1/stat", "/proc/22/stat"], ("/proc/[0-9]*/stat",)),
        ([], ()),
    ],
)
def test_several_paths(paths: list[str], globs: tuple[str, ...]) -> None:
    assert generalise(paths) == globs


@pytest.mark.parametrize(
    ("path", "glob"),
    [
        ("/data/base/5/pg_internal.init.32", "/data/base/5/pg_internal.init.[0-9]*"),
        ("/data/base/5/16384", "/data/base/5/[0-9]*"),
        ("/data/appendonly.aof.1.base.rdb", "/data/appendonly.aof.[0-9]*.base.rdb"),
        ("/data/wal/000000010000000000000001", "/data/wal/[0-9]*"),
        ("/data/v2/x", "/data/v2/x"),
        ("/data/cache2", "/data/cache2"),
        ("/12", "/[0-9]*"),
        ("/tmp/tmpab12cd34", "/tmp/tmp????????"),
    ],
)
def test_numbers_in_what_a_program_writes(path: str, glob: str) -> None:
    assert generalise([path], written={path}) == (glob,)
    assert matches(glob, path.encode())


parts = st.sampled_from(
    ["a", "b1", "b2", "tmp", "tmpab12cd34", "proc", "self", "12", "345", "lib", "libx.so", "liby.so.1", "x.aB3dE9", "*"]
)
paths = st.lists(
    st.lists(parts, min_size=1, max_size=4).map(lambda names: "/" + "/".join(names)), min_size=1, max_size=8
)


@settings(max_examples=300)
@given(seen=paths, written=paths)
def test_all_that_was_seen_is_covered(seen: list[str], written: list[str]) -> None:
    globs = generalise(seen, written)
    for path in seen:
        resolved = path.replace("/proc/self", "/proc/1", 1) if f"{path}/".startswith("/proc/self/") else path
        assert any(matches(glob, resolved.encode()) for glob in globs), (path, globs)
    assert generalise(reversed(seen), written) == globs


@settings(max_examples=200)
@given(seen=paths, other=st.lists(parts, min_size=1, max_size=4))
def test_a_pattern_stays_in_the_folder_of_what_was_seen(seen: list[str], other: list[str]) -> None:
    path = "/" + "/".join(other)
    depths = {each.count("/") for each in seen} | {each.count("/") + 2 for each in seen if "proc" in each}
    if any(matches(glob, path.encode()) for glob in generalise(seen)):
        assert path.count("/") in depths
