"""The least profile for what was seen: nothing more is open, nothing that was seen is shut, and all of it has evidence."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytrust.policy.profiles.apparmor.simulate import allows
from pytrust.policy.profiles.document import decode_profile, encode_profile
from pytrust.policy.profiles.floor import floor, missing_floor
from pytrust.policy.profiles.model import AppArmor, Evidence, FileRule, NetworkRule, Profile, Rule, Seccomp, Why
from pytrust.policy.profiles.names import (
    DEFAULT_CAPABILITIES,
    X86_64,
    Action,
    Arch,
    Capability,
    Generation,
    GoArch,
    Syscall,
)
from pytrust.policy.profiles.propose import Wanted, propose, with_floor, with_static
from pytrust.policy.profiles.seccomp.docker_default import NAMESPACE_FLAGS, docker_default
from pytrust.policy.profiles.seccomp.evaluate import evaluate
from pytrust.policy.profiles.seccomp.resolve import Host, resolve
from pytrust.policy.profiles.seccomp.syscalls import X86, table
from pytrust.policy.profiles.seccomp.verdict import Verdict
from pytrust.policy.profiles.seen import Argument, Seen
from pytrust.policy.profiles.siblings import siblings
from pytrust.trust.errors import UsageError
from pytrust.trust.limits import PROFILE_MAX_BYTES

HOST = Host(GoArch("amd64"), (6, 1), DEFAULT_CAPABILITIES, Generation.BEFORE_23)
LIMITED = {"clone", "clone3", "socket", "socketpair", "personality"}
THREAD = 0x3D0F00
PLAIN = sorted(table(X86_64).keys() - LIMITED)
slow = settings(max_examples=25, deadline=None)
plain_calls = st.frozensets(st.sampled_from(PLAIN), min_size=1, max_size=40)


def seen(*names: str, arguments: set[Argument] | None = None, arches: set[Arch] | None = None, **more: object) -> Seen:
    return Seen(
        method="audit",
        calls={(Syscall(name), "web"): 1 for name in names},
        arguments=None if arguments is None else frozenset(arguments),
        arches=frozenset(arches or {X86_64}),
        files=more.get("files"),  # type: ignore[arg-type] # a dictionary of text
    )


def verdict(profile: Profile, call: str, first: int = 0) -> Verdict:
    return evaluate(resolve(profile.seccomp, HOST), X86_64, Syscall(call), (first, 0, 0, 0, 0, 0))


def actions(profile: Profile) -> dict[Syscall, Action]:
    resolved = resolve(profile.seccomp, HOST)
    return {call: evaluate(resolved, X86_64, call).action for call in table(X86_64)}


def allowed(profile: Profile) -> set[Syscall]:
    return {call for call, action in actions(profile).items() if action is Action.ALLOW}


@slow
@given(plain_calls)
def test_open_is_what_was_seen_and_what_stands_in_for_it(calls: frozenset[Syscall]) -> None:
    profile = propose("web", [seen(*calls)], Wanted())
    wanted = calls | siblings(calls).keys()
    assert allowed(profile) - LIMITED == wanted - LIMITED
    assert {line.subject for line in profile.evidence} >= {f"syscall:{call}" for call in wanted - {"clone3"}}
    assert decode_profile(encode_profile(profile), "x") == profile


@slow
@given(plain_calls)
def test_the_floor_is_joined_where_it_is_missing_and_nowhere_else(calls: frozenset[Syscall]) -> None:
    profile = propose("web", [seen(*calls)], Wanted())
    needed = floor("1.1.5", False)
    whole = with_floor(profile, needed)
    assert missing_floor(whole.seccomp, "1.1.5", False) == ()
    assert allowed(whole) == allowed(profile) | needed
    floors = {line.subject for line in whole.evidence if line.why is Why.FLOOR}
    assert floors == {f"syscall:{call}" for call in needed - allowed(profile)}
    assert with_floor(whole, needed) == whole


def test_a_floor_that_was_refused_by_name_is_let_through() -> None:
    rules = (Rule(names=(Syscall("write"), Syscall("ptrace")), action=Action.ERRNO, errno=38), *docker_default().rules)
    whole = with_floor(Profile(seccomp=Seccomp(default=Action.ERRNO, rules=rules)), {Syscall("write")})
    assert verdict(whole, "write").action is Action.ALLOW
    assert verdict(whole, "ptrace").action is Action.ERRNO


def test_the_floor_brings_threads_and_no_namespaces() -> None:
    whole = with_floor(propose("web", [seen("read")], Wanted()), floor("1.1.5", no_new_privileges=True))
    assert verdict(whole, "clone", THREAD).action is Action.ALLOW
    for bit in range(64):
        if NAMESPACE_FLAGS >> bit & 1:
            assert verdict(whole, "clone", THREAD | 1 << bit).action is Action.ERRNO


def test_threads_are_let_through_and_namespaces_are_not() -> None:
    profile = propose("web", [seen("clone", arguments={Argument(Syscall("clone"), (THREAD,))})], Wanted())
    assert verdict(profile, "clone", THREAD | 17).action is Action.ALLOW
    for bit in range(64):
        if NAMESPACE_FLAGS >> bit & 1:
            assert verdict(profile, "clone", THREAD | 1 << bit).action is Action.ERRNO


def test_a_namespace_that_was_made_is_let_through_alone_and_with_evidence() -> None:
    profile = propose("web", [seen("clone", arguments={Argument(Syscall("clone"), (0x10000000,))})], Wanted())
    assert verdict(profile, "clone", 0x10000000).action is Action.ALLOW
    assert verdict(profile, "clone", 0x20000000).action is Action.ERRNO
    assert Evidence(subject="argument:clone:CLONE_NEWUSER", why=Why.RECORDED) in profile.evidence


@pytest.mark.parametrize("calls", [("clone3",), ("clone",), ("read",)])
def test_clone3_is_never_let_through_but_not_there(calls: tuple[str, ...]) -> None:
    profile = propose("web", [seen(*calls)], Wanted())
    assert verdict(profile, "clone3") == Verdict(Action.ERRNO, 38)
    assert (verdict(profile, "clone", THREAD).action is Action.ALLOW) == ("read" not in calls)


def test_sockets_of_the_families_that_were_seen() -> None:
    arguments = {Argument(Syscall("socket"), (1, 1)), Argument(Syscall("socket"), (2, 2))}
    profile = propose("web", [seen("socket", arguments=arguments)], Wanted())
    assert [family for family in range(50) if verdict(profile, "socket", family).action is Action.ALLOW] == [1, 2]
    assert {line.subject for line in profile.evidence} >= {"argument:socket:AF_UNIX", "argument:socket:AF_INET"}


@pytest.mark.parametrize("call", ["socket", "personality"])
@pytest.mark.parametrize("arguments", [None, set()])
def test_arguments_that_nobody_saw_have_dockers_limits(call: str, arguments: set[Argument] | None) -> None:
    profile = propose("web", [seen(call, arguments=arguments)], Wanted())
    docker = Profile(seccomp=docker_default())
    for first in (*range(64), 0x20000, 0x20008, 0xFFFFFFFF):
        assert verdict(profile, call, first) == verdict(docker, call, first)


def test_what_any_run_saw_is_let_through() -> None:
    runs = [seen("read"), seen("write", arguments={Argument(Syscall("socket"), (2, 1))}), seen("socket")]
    profile = propose("web", runs, Wanted())
    assert {"read", "write"} <= allowed(profile)
    assert verdict(profile, "socket", 2).action is Action.ALLOW
    assert verdict(profile, "socket", 10).action is Action.ERRNO


@pytest.mark.parametrize(
    ("arches", "let_in"), [({X86_64}, ()), ({X86_64, X86}, (X86,)), ({Arch("SCMP_ARCH_AARCH64")}, ())]
)
def test_only_architectures_that_ran_are_let_in(arches: set[Arch], let_in: tuple[Arch, ...]) -> None:
    found = propose("web", [seen("read", arches=arches)], Wanted()).seccomp.arch_map
    assert [(entry.architecture, entry.also) for entry in found] == [(max(arches), let_in)]


def test_nothing_comes_of_nothing() -> None:
    for runs in ([], [seen()]):
        with pytest.raises(UsageError, match="nothing was seen"):
            propose("web", runs, Wanted())


def test_what_a_program_calls_itself_is_written_so_that_nobody_obeys_it() -> None:
    run = Seen(method="audit", calls={(Syscall("read"), "\x1b[2J\nx" * 100): 1})
    note = next(line.note for line in propose("web", [run], Wanted()).evidence if line.subject == "syscall:read")
    assert note.isprintable()
    assert len(note) <= 200


def test_capabilities_have_their_proof_or_were_given() -> None:
    proof = Evidence(subject="capability:CHOWN", why=Why.PROVEN, note="fails without")
    wanted = Wanted(capabilities=(Capability("SETUID"), Capability("CHOWN")))
    profile = propose("web", [seen("read")], wanted, evidence=[proof])
    assert profile.capabilities == ("CHOWN", "SETUID")
    whys = {line.subject: line.why for line in profile.evidence if line.subject.startswith("capability:")}
    assert whys == {"capability:CHOWN": Why.PROVEN, "capability:SETUID": Why.GIVEN}


def test_files_and_sockets_become_rules() -> None:
    files = {"/usr/bin/web": "mrx", "/etc/web.conf": "r", "/var/log/web.log": "w", "/run/": "r", "/we ird[1]": "r"}
    arguments = {Argument(Syscall("socket"), (2, 1)), Argument(Syscall("socketpair"), (1, 5))}
    part = propose("web", [seen("read", arguments=arguments, files=files)], Wanted()).apparmor
    assert part is not None
    assert part.files == (
        FileRule(path="/etc/web.conf", modes="r"),
        FileRule(path="/run/", modes="r"),
        FileRule(path="/usr/bin/web", modes="rm", transition="ix"),
        FileRule(path="/var/log/web.log", modes="w"),
        *(rule for rule in part.files if "ird" in rule.path),
    )
    assert part.networks == (NetworkRule(family="inet", kind="stream"), NetworkRule(family="unix", kind="seqpacket"))
    assert propose("web", [seen("read")], Wanted()).apparmor is None
    assert propose("web", [seen("read", files={})], Wanted()).apparmor == AppArmor()


@slow
@given(plain_calls, plain_calls)
def test_the_grey_zone_is_logged_and_the_rest_refused(
    recorded: frozenset[Syscall], reachable: frozenset[Syscall]
) -> None:
    profile = propose("web", [seen(*recorded)], Wanted())
    before, after = actions(profile), actions(with_static(profile, reachable, Action.LOG))
    for call in PLAIN:
        grey = call in reachable and before[call] is not Action.ALLOW
        assert after[call] is (Action.LOG if grey else before[call]), call


@pytest.mark.parametrize("action", [Action.LOG, Action.ALLOW])
def test_what_is_limited_by_its_arguments_is_not_let_through_because_it_can_be_reached(action: Action) -> None:
    grown = with_static(propose("web", [seen("read")], Wanted()), {*map(Syscall, (*LIMITED, "ptrace"))}, action)
    assert {name for rule in grown.seccomp.rules if rule.action is action for name in rule.names} >= {"ptrace"}
    for call in LIMITED:
        assert verdict(grown, call, 2).action is Action.ERRNO, call


def test_no_sibling_does_more_than_the_call_it_stands_for() -> None:
    everything = frozenset(table(X86_64))
    for wide in (False, True):
        found = {sibling for call in everything for sibling in siblings({call}, other_builds=wide)}
        assert not found & {
            "execveat",
            "clone3",
            "socket",
            "ptrace",
            "memfd_create",
            "open_by_handle_at",
            "mount",
            "bpf",
        }
        assert found <= everything | {"clock_gettime64"}


@pytest.mark.parametrize(
    ("call", "stands_in"),
    [("clone3", "clone"), ("faccessat2", "faccessat"), ("close_range", "close"), ("epoll_pwait2", "epoll_pwait")],
)
def test_a_kernel_that_lacks_a_call_is_provided_for(call: str, stands_in: str) -> None:
    assert siblings({Syscall(call)})[Syscall(stands_in)] == call
    assert stands_in not in siblings({Syscall("read")})
    assert stands_in not in siblings({Syscall(call), Syscall(stands_in)})


@pytest.mark.parametrize(("call", "other"), [("openat", "open"), ("stat", "newfstatat"), ("poll", "ppoll")])
def test_another_build_is_provided_for_where_it_is_asked_for(call: str, other: str) -> None:
    assert other not in siblings({Syscall(call)})
    assert other in siblings({Syscall(call)}, other_builds=True)


@pytest.mark.parametrize(
    "make",
    [
        lambda number: f"/app/node_modules/{number % 90}/lib/file{number}x.js",
        lambda number: f"/app/data/{number:x}a/{number}b/{number}c.txt",
        lambda number: f"/usr/share/words/{chr(97 + number % 26)}/{number:x}q.txt",
    ],
)
def test_thousands_of_files_fit_a_document_and_are_all_covered(make: Callable[[int], str]) -> None:
    files = {make(number): "r" for number in range(3000)} | {
        "/etc/passwd": "r",
        "/usr/bin/node": "mrx",
        "/app/log": "w",
    }
    profile = propose("web", [seen("read", files=files)], Wanted())
    assert profile.apparmor is not None
    assert len(encode_profile(profile)) < PROFILE_MAX_BYTES
    assert all(allows(profile.apparmor, path, letter) for path in [*files][::-50] for letter in files[path])
    for path, letter in (
        ("/etc/shadow", "r"),
        ("/app/log", "r"),
        ("/usr/bin/sh", "x"),
        ("/root/.key", "r"),
        ("/boot", "r"),
    ):
        assert not allows(profile.apparmor, path, letter), path


def test_a_path_that_no_rule_can_say_is_left_out() -> None:
    files = {"/" + "\\" * 4000: "r", '/a\udc80\n"{*}': "r"}
    part = propose("web", [seen("read", files=files)], Wanted()).apparmor
    assert part is not None
    assert len(part.files) == 1
    assert allows(part, b'/a\x80\n"{*}', "r")
