"""What an engine makes of a file: the cases of moby's own tests in words of our own, and its default on every host."""

from __future__ import annotations

from collections import Counter

import pytest

from pytrust.policy.profiles.model import ArchMap, Arg, Condition, Resolved, Rule, Seccomp
from pytrust.policy.profiles.names import (
    AARCH64,
    CAPABILITIES,
    DEFAULT_CAPABILITIES,
    X86_64,
    Action,
    Arch,
    Capability,
    Generation,
    GoArch,
    Op,
    Syscall,
)
from pytrust.policy.profiles.seccomp.docker_default import docker_default
from pytrust.policy.profiles.seccomp.docker_json import parse_docker
from pytrust.policy.profiles.seccomp.evaluate import evaluate
from pytrust.policy.profiles.seccomp.generation import generation_of, losses
from pytrust.policy.profiles.seccomp.oci_json import oci_text
from pytrust.policy.profiles.seccomp.resolve import Host, kernel_of, left_out, resolve
from pytrust.policy.profiles.seccomp.syscalls import ARM, X32, X86, table

HOST = Host(GoArch("amd64"), (4, 15), frozenset(), Generation.FROM_23)
SYS_ADMIN, SYSLOG, CHOWN = Capability("SYS_ADMIN"), Capability("SYSLOG"), Capability("CHOWN")


def allow(name: str, includes: Condition = Condition(), excludes: Condition = Condition()) -> Rule:  # noqa: B008
    return Rule(names=(Syscall(name),), action=Action.ALLOW, includes=includes, excludes=excludes)


def taken(rule: Rule, host: Host = HOST) -> bool:
    resolved = resolve(Seccomp(default=Action.ERRNO, rules=(rule,)), host)
    assert bool(resolved.rules) == (not left_out(rule, host))
    return bool(resolved.rules)


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ((), ["chmod", "ptrace"]),
        ((SYSLOG,), ["chmod", "syslog", "ptrace"]),
        ((SYS_ADMIN,), ["chmod"]),
    ],
)
def test_rules_by_capability(held: tuple[Capability, ...], expected: list[str]) -> None:
    """As moby's ``TestLoadConditional``."""
    rules = (
        allow("chmod"),
        allow("syslog", includes=Condition(caps=(SYSLOG,))),
        allow("ptrace", excludes=Condition(caps=(SYS_ADMIN,))),
    )
    found = resolve(Seccomp(default=Action.ERRNO, rules=rules), HOST._replace(capabilities=frozenset(held)))
    assert [rule.names[0] for rule in found.rules] == expected


def test_a_file_as_of_2016() -> None:
    """As moby's ``TestLoadLegacyProfile``: architectures in a list, one name a rule, empty lists."""
    data = b"""{"defaultAction": "SCMP_ACT_ERRNO",
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
        "syscalls": [{"name": "accept", "action": "SCMP_ACT_ALLOW", "args": []},
                     {"name": "personality", "action": "SCMP_ACT_ALLOW",
                      "args": [{"index": 0, "value": 8, "valueTwo": 0, "op": "SCMP_CMP_EQ"}]}]}"""
    assert oci_text(resolve(parse_docker(data, "x"), HOST)) == (
        b'{"defaultAction":"SCMP_ACT_ERRNO",'
        b'"architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_X86","SCMP_ARCH_X32"],"syscalls":['
        b'{"names":["accept"],"action":"SCMP_ACT_ALLOW"},'
        b'{"names":["personality"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":8,"op":"SCMP_CMP_EQ"}]}]}'
    )


def test_a_file_with_everything() -> None:
    """As moby's ``TestLoadProfile`` and those beside it; comments and conditions are gone."""
    clone = Rule(
        names=(Syscall("clone"),),
        action=Action.ALLOW,
        args=(Arg(index=0, op=Op.MASKED_EQ, value=2114060288),),
        comment="no new namespaces",
        includes=Condition(min_kernel="4.15"),
    )
    profile = Seccomp(
        default=Action.ERRNO,
        default_errno=6,
        flags=("SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_LOG"),
        listener_path="/var/run/agent.sock",
        listener_metadata="opaque",
        rules=(clone, allow("open")),
    )
    bare = Rule(names=clone.names, action=clone.action, args=clone.args)
    assert resolve(profile, HOST) == Resolved(
        default=Action.ERRNO,
        default_errno=6,
        flags=profile.flags,
        listener_path="/var/run/agent.sock",
        listener_metadata="opaque",
        rules=(bare, allow("open")),
    )
    assert resolve(profile, HOST._replace(generation=Generation.BEFORE_23)) == Resolved(
        default=Action.ERRNO, rules=(bare, allow("open"))
    )
    assert [loss.split()[0] for loss in losses(profile, Generation.BEFORE_23)] == [
        "defaultErrnoRet",
        "flags",
        "listenerPath",
        "listenerMetadata",
    ]
    assert losses(profile, Generation.FROM_23) == ()


def test_what_an_old_engine_would_do_anyway_is_no_loss() -> None:
    assert losses(Seccomp(default=Action.ERRNO, default_errno=1), Generation.BEFORE_23) == ()
    assert losses(Seccomp(default=Action.KILL, default_errno=38), Generation.BEFORE_23) == ()


@pytest.mark.parametrize(
    ("version", "generation"),
    [
        ("20.10.24", Generation.BEFORE_23),
        ("20.10.24+dfsg1", Generation.BEFORE_23),
        ("v19.03.8", Generation.BEFORE_23),
        ("22.06.0-beta.0", Generation.BEFORE_23),
        ("23.0.0", Generation.FROM_23),
        ("28.5.1-rc.1", Generation.FROM_23),
        ("dev", Generation.FROM_23),
        ("", Generation.FROM_23),
    ],
)
def test_generations(version: str, generation: Generation) -> None:
    assert generation_of(version) is generation


@pytest.mark.parametrize(
    ("condition", "as_included", "as_excluded"),
    [
        (Condition(), True, False),
        (Condition(arches=(GoArch("amd64"), GoArch("arm64"))), True, True),
        (Condition(arches=(GoArch("x32"),)), False, False),
        (Condition(min_kernel="4.15"), True, True),
        (Condition(min_kernel="4.16"), False, False),
        (Condition(min_kernel="3.99"), True, True),
        (Condition(caps=(CHOWN,)), True, True),
        (Condition(caps=(CHOWN, SYS_ADMIN)), False, True),  # all of them, and any of them
        (Condition(caps=(SYS_ADMIN,)), False, False),
        (Condition(caps=(CHOWN,), min_kernel="9.0"), False, True),
        (Condition(caps=(SYS_ADMIN,), arches=(GoArch("amd64"),)), False, True),
    ],
)
def test_conditions(condition: Condition, *, as_included: bool, as_excluded: bool) -> None:
    host = HOST._replace(capabilities=frozenset({CHOWN}))
    assert taken(allow("read", includes=condition), host) is as_included
    assert taken(allow("read", excludes=condition), host) is not as_excluded


def test_an_exclusion_beats_an_inclusion() -> None:
    assert not taken(allow("read", Condition(arches=(GoArch("amd64"),)), Condition(arches=(GoArch("amd64"),))))


def test_conditions_have_libseccomps_names_of_architectures() -> None:
    host = HOST._replace(arch=GoArch("386"))
    assert taken(allow("read", includes=Condition(arches=(GoArch("x86"),))), host)
    assert not taken(allow("read", includes=Condition(arches=(GoArch("386"),))), host)


@pytest.mark.parametrize(
    ("arch", "expected"),
    [("amd64", (X86_64, X86, X32)), ("arm64", (AARCH64, ARM)), ("arm", ()), ("riscv64", ())],
)
def test_of_an_arch_map_the_own_entry_remains(arch: str, expected: tuple[Arch, ...]) -> None:
    entries = (ArchMap(architecture=X86_64, also=(X86, X32)), ArchMap(architecture=AARCH64, also=(ARM,)))
    found = resolve(Seccomp(default=Action.ERRNO, arch_map=entries), HOST._replace(arch=GoArch(arch)))
    assert found.architectures == expected


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        ("6.1.0-18-amd64", (6, 1)),
        ("3.12-rc5", (3, 12)),
        ("4.8", (4, 8)),
        ("6", (0, 0)),
        ("", (0, 0)),
        ("\u00b2.0", (0, 0)),
        ("9" * 5000 + ".1", (0, 0)),
        ("x.y", (0, 0)),
    ],
)
def test_kernels(release: str, expected: tuple[int, int]) -> None:
    assert kernel_of(release) == expected


# Of Docker's default as of June 2026, on x86-64 with kernel 4.8 or later (measured with moby's own code): calls that are
# open, argument rules included, beyond those of a container without capabilities (305 and 3).
OPENED = {
    "BPF": {"bpf"},
    "DAC_READ_SEARCH": {"open_by_handle_at"},
    "PERFMON": {"perf_event_open"},
    "SYSLOG": {"syslog"},
    "SYS_ADMIN": {
        *("bpf", "clone3", "fanotify_init", "fsconfig", "fsmount", "fsopen"),
        *("fspick", "lookup_dcookie", "lsm_get_self_attr", "lsm_list_modules", "lsm_set_self_attr", "mount"),
        *("mount_setattr", "move_mount", "open_tree", "perf_event_open", "quotactl", "quotactl_fd"),
        *("setdomainname", "sethostname", "setns", "syslog", "umount2", "unshare"),
    },
    "SYS_BOOT": {"reboot"},
    "SYS_CHROOT": {"chroot"},
    "SYS_MODULE": {"delete_module", "finit_module", "init_module"},
    "SYS_NICE": {"get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"},
    "SYS_PACCT": {"acct"},
    "SYS_PTRACE": {"kcmp", "pidfd_getfd", "process_madvise"},
    "SYS_RAWIO": {"iopl", "ioperm"},
    "SYS_TIME": {"clock_settime", "settimeofday"},
    "SYS_TTY_CONFIG": {"vhangup"},
}


def opened(capabilities: frozenset[Capability]) -> set[str]:
    resolved = resolve(docker_default(), HOST._replace(capabilities=capabilities))
    return {name for name in table(X86_64) if evaluate(resolved, X86_64, name).action is Action.ALLOW}


@pytest.mark.parametrize("name", CAPABILITIES)
def test_the_default_of_docker_with_each_capability_alone(name: Capability) -> None:
    assert opened(frozenset({name})) - opened(frozenset()) == OPENED.get(name, set())


def test_the_default_of_docker_with_none_its_own_and_all() -> None:
    counts = [len(opened(frozenset(some))) for some in ((), DEFAULT_CAPABILITIES, CAPABILITIES)]
    assert counts == [305 + 3, 306 + 3, 385 - 34]


def test_the_default_of_docker_closes_clone3_in_a_way_that_programs_understand() -> None:
    resolved = resolve(docker_default(), HOST)
    assert str(evaluate(resolved, X86_64, Syscall("clone3"))) == "ERRNO(38)"
    whole = resolve(docker_default(), HOST._replace(capabilities=frozenset({SYS_ADMIN})))
    assert str(evaluate(whole, X86_64, Syscall("clone3"))) == "ALLOW"


@pytest.mark.parametrize("arch", ["amd64", "arm64", "arm", "386", "ppc64le", "s390x", "riscv64", "loong64"])
def test_the_default_of_docker_on_other_hosts(arch: str) -> None:
    """What is said for one architecture is not there on the others, and the number of rules is moby's."""
    resolved = resolve(docker_default(), HOST._replace(arch=GoArch(arch)))
    named = Counter(name for rule in resolved.rules for name in rule.names)
    assert ("arm_fadvise64_64" in named) == (arch in {"arm", "arm64"})
    assert ("arch_prctl" in named) == (arch == "amd64")
    assert ("modify_ldt" in named) == (arch in {"amd64", "386"})
    assert ("s390_pci_mmio_read" in named) == (arch == "s390x")
    assert ("sync_file_range2" in named) == (arch in {"ppc64le", "arm", "arm64"})
    assert [arg.index for rule in resolved.rules if "clone" in rule.names for arg in rule.args] == [arch == "s390x"]
