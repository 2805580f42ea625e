"""Extensions of profiles: what was refused gets through, and nothing else does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given as forall
from hypothesis import settings
from hypothesis import strategies as st

from pytrust.policy.observe.denials_argument import argument_number, argument_word
from pytrust.policy.observe.denials_extension import (
    Opening,
    capabilities_for,
    dangers_of,
    extended,
    openings,
    parse_opening,
    shut_by_docker,
    strangers,
    wanted_capabilities,
    with_capabilities,
)
from pytrust.policy.observe.denials_model import Denial
from pytrust.policy.profiles.compare.diff import diff
from pytrust.policy.profiles.model import ArchMap, Arg, Profile, Rule, Seccomp, Why
from pytrust.policy.profiles.names import X86_64, Action, Generation, GoArch, Op, Syscall
from pytrust.policy.profiles.seccomp.docker_default import ENOSYS, NAMESPACE_FLAGS, docker_default
from pytrust.policy.profiles.seccomp.evaluate import evaluate
from pytrust.policy.profiles.seccomp.resolve import Host, resolve
from pytrust.policy.profiles.seccomp.syscalls import X86
from pytrust.policy.profiles.seccomp.verdict import Verdict
from pytrust.trust.errors import UsageError

HOST = Host(GoArch("amd64"), (6, 1), frozenset(), Generation.FROM_23)
ALLOW = Verdict(Action.ALLOW)
PLAIN = tuple(map(Syscall, ("read", "mkdir", "openat", "mount", "bpf", "getpid")))


def profile(*rules: Rule, default: Action = Action.ERRNO) -> Profile:
    first = Rule(names=(Syscall("read"), Syscall("listns")), action=Action.ALLOW)
    return Profile(
        name="web", seccomp=Seccomp(default=default, arch_map=(ArchMap(architecture=X86_64),), rules=(first, *rules))
    )


def verdict(found: Profile, call: str, *args: int) -> Verdict:
    first = args[0] if args else 0
    return evaluate(resolve(found.seccomp, HOST), X86_64, Syscall(call), (first, 0, 0, 0, 0, 0))


def given(call: str, argument: str = "") -> Opening:
    return parse_opening(f"{call}:{argument}" if argument else call)


def denial(call: str, count: int = 1, program: str = "nginx", name: str = "web", **more: Any) -> Denial:
    fields = {
        "container": "a" * 64,
        "image": "foo/web",
        "arch": X86_64,
        "action": Action.ERRNO,
        "sure": True,
        "capability": "",
        "argument": "",
        "first": 1.0,
        "last": 2.0,
    }
    return Denial(syscall=Syscall(call), count=count, program=program, name=name, **{**fields, **more})


refusing = st.builds(
    Rule,
    names=st.lists(st.sampled_from(PLAIN[1:]), min_size=1, max_size=3, unique=True).map(tuple),
    action=st.sampled_from([Action.ERRNO, Action.LOG, Action.KILL_PROCESS]),
    errno=st.sampled_from([None, 13]),
)


@settings(max_examples=150, deadline=None)
@forall(st.lists(refusing, max_size=3), st.sets(st.sampled_from(PLAIN), min_size=1, max_size=3))
def test_what_is_asked_for_gets_through_and_nothing_else_changes(rules: list[Rule], calls: set[Syscall]) -> None:
    old = profile(*rules)
    new = extended(old, [Opening(call) for call in sorted(calls)])
    for call in PLAIN:
        assert verdict(new, call) == (ALLOW if call in calls else verdict(old, call))
    opened = {word for change in diff(old, new, HOST).widened for word in change.subject.replace(",", " ").split()}
    assert opened <= set(calls)
    assert extended(new, [Opening(call) for call in sorted(calls)]) == new


def test_a_socket_is_opened_for_its_family_alone() -> None:
    new = extended(profile(), [given("socket", "AF_INET6")])
    assert verdict(new, "socket", 10) == ALLOW
    assert {verdict(new, "socket", family).action for family in (0, 1, 2, 16, 17, 38, 40)} == {Action.ERRNO}
    both = extended(new, [given("socket", "AF_NETLINK")])
    assert (verdict(both, "socket", 10), verdict(both, "socket", 16)) == (ALLOW, ALLOW)


def test_a_socket_changes_nothing_about_threads() -> None:
    old = profile(Rule(names=(Syscall("clone3"),), action=Action.KILL_PROCESS))
    assert verdict(extended(old, [given("socket", "AF_INET")]), "clone3") == verdict(old, "clone3")
    assert all("clone3" not in rule.names for rule in extended(profile(), [given("socket")]).seccomp.rules)


def test_a_socket_whose_family_nobody_knows_has_dockers_limits() -> None:
    new = extended(profile(), [given("socket")])
    assert verdict(new, "socket", 2) == ALLOW
    assert {verdict(new, "socket", family).action for family in (38, 40)} == {Action.ERRNO}  # AF_ALG, AF_VSOCK


def test_new_namespaces_stay_shut_when_clone_is_opened() -> None:
    new = extended(profile(), [given("clone")])
    assert verdict(new, "clone", 0x11) == ALLOW
    assert verdict(new, "clone", 0x10000000).action is Action.ERRNO
    one = extended(profile(), [given("clone", "CLONE_NEWUSER")])
    assert verdict(one, "clone", 0x10000011) == ALLOW
    assert verdict(one, "clone", 0x30000011).action is Action.ERRNO


def test_clone3_is_never_opened_but_clone_in_its_place() -> None:
    new = extended(profile(), [given("clone3")])
    assert verdict(new, "clone3") == Verdict(Action.ERRNO, ENOSYS)
    assert verdict(new, "clone", 0x11) == ALLOW
    assert extended(new, [given("clone3")]) == new


def test_nothing_is_added_where_all_is_open() -> None:
    whole = profile(Rule(names=(Syscall("socket"), Syscall("clone")), action=Action.ALLOW))
    assert extended(whole, [given("socket", "AF_INET"), given("clone"), given("read")]) == whole
    assert extended(profile(default=Action.ALLOW), [given("mkdir")]) == profile(default=Action.ALLOW)


def test_what_is_noted_is_let_through_in_silence() -> None:
    old = profile(Rule(names=(Syscall("mkdir"), Syscall("rmdir")), action=Action.LOG))
    new = extended(old, [given("mkdir")])
    assert (verdict(new, "mkdir"), verdict(new, "rmdir").action) == (ALLOW, Action.LOG)


def test_a_rule_that_holds_under_a_capability_alone_opens_nothing() -> None:
    old = Profile(seccomp=docker_default())
    assert verdict(extended(old, [given("mount")]), "mount") == ALLOW


def test_evidence_says_who_was_refused_how_often() -> None:
    found = openings([denial("mkdir", 3), denial("mkdir", 2, program="sh", name="web2"), denial("bpf", program="")])
    assert [(one.call, one.times, one.note) for one in found] == [
        ("bpf", 1, "refused to a program in web"),
        ("mkdir", 5, "refused to nginx, sh in web, web2"),
    ]
    evidence = extended(profile(), [*found, given("socket", "AF_INET")]).evidence
    assert [(one.subject, one.why, one.count) for one in evidence] == [
        ("syscall:bpf", Why.RECORDED, 1),
        ("syscall:mkdir", Why.RECORDED, 5),
        ("argument:socket:AF_INET", Why.GIVEN, 0),
    ]


def test_capabilities_are_added_only_when_they_are_asked_for() -> None:
    found = [denial("chown", capability="CHOWN", sure=False), denial("mkdir")]
    assert [one.call for one in openings(found)] == ["mkdir"]
    assert wanted_capabilities(found) == ("CHOWN",)
    new = with_capabilities(profile(), wanted_capabilities(found))
    assert (new.capabilities, [(one.subject, one.why) for one in new.evidence]) == (
        ("CHOWN",),
        [("capability:CHOWN", Why.GIVEN)],
    )
    assert with_capabilities(new, wanted_capabilities(found)) == new


def test_the_argument_that_was_refused_is_opened_and_no_other() -> None:
    found = openings([denial("socket", argument="AF_INET6"), denial("clone", argument="CLONE_NEWUSER+CLONE_NEWPID")])
    new = extended(profile(), found)
    assert verdict(new, "socket", 10) == ALLOW
    assert verdict(new, "socket", 2).action is Action.ERRNO
    assert verdict(new, "clone", 0x30000011) == ALLOW
    assert verdict(new, "clone", 0x40000011).action is Action.ERRNO
    assert {one.subject for one in new.evidence} == {
        "argument:socket:AF_INET6",
        "argument:clone:CLONE_NEWUSER+CLONE_NEWPID",
    }


@pytest.mark.parametrize(
    ("call", "value", "word"),
    [
        ("socket", 10, "AF_INET6"),
        ("socketpair", 1, "AF_UNIX"),
        ("socket", 4000, ""),
        ("clone", 0x01200011, ""),
        ("clone", 0x10000011, "CLONE_NEWUSER"),
        ("clone", 0x60000011, "CLONE_NEWPID+CLONE_NEWNET"),
        ("mkdir", 10, ""),
        ("socket", None, ""),
    ],
)
def test_first_arguments_have_words(call: str, value: int | None, word: str) -> None:
    assert argument_word(Syscall(call), value) == word
    if word and value is not None:
        number = argument_number(Syscall(call), word)
        assert number == (value if call != "clone" else value & NAMESPACE_FLAGS)


def test_a_program_with_a_hostile_name_makes_one_short_line() -> None:
    (found,) = openings([denial("mkdir", program="a\nb\x1b[2J", name="x" * 3000)])
    assert found.note.isprintable()
    assert len(found.note) <= 500
    extended(profile(), [found])


def test_programs_that_the_profile_has_no_architecture_for_are_told_apart() -> None:
    foreign = denial("mkdir", arch=X86, action=Action.KILL_THREAD)
    assert strangers(profile(), [foreign, denial("mkdir")]) == (X86,)
    assert strangers(Profile(seccomp=Seccomp(default=Action.ERRNO)), [foreign]) == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mkdri",
        "mkdir:0700",
        "socket:AF_NONE",
        "socket:",
        "clone:0x10000000",
        "clone:CLONE_NEWUSER+",
        "socket:AF_INET+AF_INET6",
        "clone3:CLONE_NEWUSER",
        "MKDIR",
        "mkdir ",
    ],
)
def test_what_is_no_call_or_no_argument_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_opening(text)


def test_a_slip_is_helped() -> None:
    with pytest.raises(UsageError) as caught:
        parse_opening("mkdri")
    assert caught.value.hint == "do you mean mkdir?"


def test_what_docker_itself_refuses_is_known() -> None:
    assert [call for call in PLAIN if shut_by_docker(call)] == ["mount", "bpf"]
    assert capabilities_for(Syscall("bpf")) == ("BPF", "SYS_ADMIN")
    assert capabilities_for(Syscall("mkdir")) == ()
    assert shut_by_docker(Syscall("io_uring_setup"))
    assert capabilities_for(Syscall("io_uring_setup")) == ()


@pytest.mark.parametrize(
    ("opening", "count"),
    [
        ("bpf", 1),
        ("mkdir", 0),
        ("clone3", 0),
        ("clone", 0),
        ("clone:CLONE_NEWUSER+CLONE_NEWNET", 2),
        ("socket:AF_ALG", 1),
        ("socket:AF_INET", 0),
    ],
)
def test_what_is_dangerous_to_open_is_known(opening: str, count: int) -> None:
    assert len(dangers_of(parse_opening(opening))) == count


def test_the_mask_of_an_old_rule_stays() -> None:
    arg = Arg(index=0, op=Op.MASKED_EQ, value=NAMESPACE_FLAGS)
    old = profile(Rule(names=(Syscall("clone"),), action=Action.ALLOW, args=(arg,)))
    assert extended(old, [given("clone")]) == old
