"""What apparmor_parser makes of our texts: the compiled policy is held against our own reading, path by path.

The automaton that the kernel would walk is read from the binary; where it is walked together with ours over every byte,
the two are the same for every path there is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.rig.apparmor_dfa import Tables, read_tables
from tests.rig.needs import need
from tests.rig.processes import find

from pytrust.policy.profiles.apparmor.automaton import automaton
from pytrust.policy.profiles.apparmor.base import BASE_DENIALS, BASE_FILES
from pytrust.policy.profiles.apparmor.networks import FAMILIES, KINDS
from pytrust.policy.profiles.apparmor.parser import FEATURES, compile_text, run_parser
from pytrust.policy.profiles.apparmor.paths import literal
from pytrust.policy.profiles.apparmor.simulate import allows
from pytrust.policy.profiles.apparmor.text import apparmor_text
from pytrust.policy.profiles.model import AppArmor, FileRule, NetworkRule, Profile, Seccomp
from pytrust.policy.profiles.names import CAPABILITIES, Action
from pytrust.trust.errors import BadContent, TooSlow

NAME = "pytrust-0123456789abcdef"
EMPTY = Profile(seccomp=Seccomp(default=Action.ERRNO))
PIECES = (
    "a",
    "b",
    "/",
    "*",
    "**",
    "***",
    "?",
    "{a,b}",
    "{,ab/}",
    "{a*,{b,/c}}",
    "[ab]",
    "[^a]",
    "[a-c/]",
    "[-a]",
    "[a,]",
)
ODD = (
    "é",
    "\\052",
    "\\100{a,b}",
    "[^\\001-\\176]",
    "[\\054-\\100]",
    "[\\136-z]",
    "[a\\136]",
    "\\377",
    "[^\\135]",
    "#",
    "!",
    "$",
    "|",
    "(",
    "+.",
)
globs = st.lists(st.sampled_from(PIECES + ODD), max_size=6).map(lambda parts: re.sub("//+", "/", "/x" + "".join(parts)))


def slowly(examples: int) -> settings:
    """Each example starts the parser."""
    return settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module", autouse=True)
def _parser() -> None:
    need("" if find("apparmor_parser") else "apparmor_parser is not installed: scripts/install-packages")


def with_files(*rules: FileRule) -> Profile:
    return replace(EMPTY, apparmor=AppArmor(files=rules))


def compiled(profile: Profile) -> Tables:
    return read_tables(compile_text(apparmor_text(profile, NAME)))


def alone(path: str) -> Tables:
    """The rule of a path without those that every profile gets."""
    line = next(
        line
        for line in apparmor_text(with_files(FileRule(path=path, modes="k")), NAME).splitlines()
        if line.endswith(" k,")
    )
    return read_tables(compile_text(f"abi <abi/3.0>,\nprofile x {{\n{line}\n}}\n"))


def differing(tables: Tables, glob: str) -> Iterator[bytes]:
    """Paths on which the policy and our automaton differ: both are walked at once, over every byte but NUL."""
    ours = automaton((glob,))
    begin = (tables.begin(), ours.begin())
    todo, seen = [(begin, b"")], {begin}
    while todo:
        (state, states), path = todo.pop()
        if ("k" in tables.letters(state)) != (ours.final in states):
            yield path
        for byte in range(1, 256):
            after = (tables.step(state, byte), ours.step(states, 1 << byte))
            if after not in seen:
                seen.add(after)
                todo.append((after, path + bytes((byte,))))


@slowly(120)
@given(glob=globs)
def test_a_pattern_means_the_same_to_the_parser(glob: str) -> None:
    assert next(differing(alone(glob), glob), None) is None


@pytest.mark.parametrize(
    "glob",
    [
        "/**",
        "/x/**",
        "/x/*",
        "/x/***",
        "/x/**/a",
        "/x/*/a",
        "/x{/**,b}",
        "/x{/*/,b}",
        "/x[/]*",
        "/x/{,*}",
        "/x**/",
        "/{,**/}a",
        *(rule.path for rule in (*BASE_FILES, *BASE_DENIALS)),
    ],
)
def test_patterns_that_are_easily_read_otherwise(glob: str) -> None:
    assert next(differing(alone(glob), glob), None) is None


@pytest.mark.parametrize("byte", [*range(1, 47), *range(48, 256)])
def test_every_byte_of_a_path_is_itself(byte: int) -> None:
    glob = literal(b"/a" + bytes((byte,)) + b"z")
    assert next(differing(alone(glob), glob), None) is None


hostile = st.one_of(
    st.binary(min_size=1, max_size=30),
    st.sampled_from(
        [
            b'", capability,',
            b"\n  file,\n",
            b"}\nprofile y {",
            b"@{HOME}",
            b"#include <x>",
            b"*",
            b"{a,b}",
            b"\\",
            b"\\042",
            b" r,",
        ]
    ),
).map(lambda name: b"/y" + re.sub(rb"[\0/]", b"", name) + b"/x")


@slowly(100)
@given(paths=st.lists(hostile, min_size=1, max_size=6, unique=True))
def test_no_path_changes_the_set_of_rules(paths: list[bytes]) -> None:
    text = apparmor_text(with_files(*(FileRule(path=literal(path), modes="k") for path in paths)), NAME)
    said = run_parser(["-Q", "-K", "-d", "--kernel-features", str(FEATURES)], text).stdout
    assert said.count(b"\nMode:\t") == len(BASE_FILES) + len(BASE_DENIALS) + len(paths)
    assert said.count(b"Name:\t\t") == 1
    tables = read_tables(compile_text(text))
    for path in paths:
        assert "k" in tables.permissions(path)
        assert "k" not in tables.permissions(path + b"x")
        assert "k" not in tables.permissions(path[:-1])


@pytest.mark.parametrize("piece", [b"a", b'"', b"\n", b"{", b"*", b"\\", b"\xff", b"@{", b", "])
def test_the_longest_paths_and_names(piece: bytes) -> None:
    """As many bytes as fit a rule when each takes four characters, or the kernel's 4,096."""
    path = b"/" + piece * (4095 // len(piece))
    while True:
        try:
            glob = literal(path)
            break
        except Exception:  # noqa: BLE001  (too long to be spelled)
            path = path[: len(path) // 2]
    tables = alone(glob)
    assert tables.permissions(path) == {"k"}
    assert tables.permissions(path[:-1]) == frozenset()


modes = st.sets(st.sampled_from("rwalkm"), min_size=1).map(
    lambda found: "".join(mode for mode in "rwalkm" if mode in found)
)
rules = st.builds(FileRule, path=globs, modes=modes, transition=st.sampled_from(["", "ix"]), owner=st.booleans())
wide = st.builds(
    FileRule,
    path=st.sampled_from(["/**", "/proc/**", "/sys/**", "/p*/**"]),
    modes=modes,
    transition=st.sampled_from(["", "ix"]),
)
PATHS = (
    *(
        "/x",
        "/xa",
        "/x/a",
        "/xab",
        "/xa/b",
        "/x/a/b/",
        "/xb*",
        "/proc/1/mem",
        "/proc/sys/kernel/x",
        "/proc/kcore",
        "/proc/meminfo",
    ),
    *(
        "/sys/power/state",
        "/sys/fs/cgroup/x",
        "/sys/fs/cgroups",
        "/sys/firmware/x",
        "/sys/kernel/security/x",
        "/dev/null",
        "/etc/ld.so.cache",
    ),
)


@slowly(40)
@given(found=st.lists(st.one_of(rules, wide), max_size=5))
def test_a_whole_profile_allows_what_we_say(found: list[FileRule]) -> None:
    profile = with_files(*found)
    tables = compiled(profile)
    assert profile.apparmor is not None
    for path in PATHS:
        for owner in (True, False):
            ours = {letter for letter in "rwakmx" if allows(profile.apparmor, path, letter, owner=owner)}
            assert tables.permissions(path.encode(), owner=owner) - {"l"} == ours, (path, owner)


def test_every_word_that_a_profile_can_have_is_enforced() -> None:
    networks = tuple(NetworkRule(family=family, kind=kind) for family in FAMILIES for kind in ("", *KINDS))
    part = AppArmor(files=(FileRule(path="/**", modes="rwlkm", transition="ix"),), networks=networks)
    profile = replace(EMPTY, apparmor=part, capabilities=CAPABILITIES)
    assert len(compile_text(apparmor_text(profile, NAME))) > len(compile_text(apparmor_text(EMPTY, NAME)))
    said = run_parser(["-Q", "-K", "--warn=all", "--kernel-features", str(FEATURES)], apparmor_text(profile, NAME))
    assert (said.returncode, said.stderr) == (0, b"")


def test_a_rule_that_would_not_be_enforced_is_an_error() -> None:
    """With the features of a kernel that does not tell unix sockets apart."""
    part = AppArmor(networks=(NetworkRule(family="unix", kind="stream"),))
    with pytest.raises(BadContent, match=r"would not be enforced: .*not enforced$"):
        compile_text(apparmor_text(replace(EMPTY, apparmor=part), NAME), FEATURES.parent / "kernel-5.4-vanilla")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("profile x {", "syntax error"),
        ("profile x { /a rw }\n", "syntax error"),
        ("profile x {\n /a px,\n /a ix,\n}\n", "conflicting x modifiers"),
        ("profile x {\n capability cap_chown,\n}\n", "Invalid capability"),
        ("profile x {\n /a{b r,\n}\n", "grouping"),
    ],
)
def test_what_the_parser_refuses_is_told_in_its_words(text: str, reason: str) -> None:
    with pytest.raises(BadContent, match=reason) as caught:
        compile_text(f"abi <abi/3.0>,\n{text}")
    assert "\n" not in str(caught.value)


def test_patterns_that_take_all_memory_are_refused() -> None:
    rules = tuple(FileRule(path=f"/**{letter}" + "?" * 24, modes="k") for letter in "ab")
    with pytest.raises((BadContent, TooSlow), match=r"too much memory|took more than"):
        compile_text(apparmor_text(with_files(*rules), NAME))


def test_six_hundred_rules_compile_in_time() -> None:
    many = tuple(FileRule(path=f"/usr/lib/x{number}/lib*{number}.so{{,.*}}", modes="rm") for number in range(600))
    assert compiled(with_files(*many)).permissions(b"/usr/lib/x7/liba7.so.1") == {"r", "m"}
