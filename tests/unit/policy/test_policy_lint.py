"""What a reviewer is told about a policy: every kind of finding, and silence about what is right."""

from __future__ import annotations

import pytest

from pytrust.policy.core.request import Field
from pytrust.policy.core.rules import Isolation
from pytrust.policy.document import read_document
from pytrust.policy.lint import Severity, lint
from pytrust.policy.starter import starter

KEY = "a1" * 32


def findings(text: str) -> list[str]:
    reading = read_document(f"version: 1\n{text}", what="/x/policy.yaml")
    return [f"{found.where} {found.severity} {found.text}" for found in lint(reading)]


def of_images(*rules: str) -> list[str]:
    """Findings for image rules, the first of them on line 3."""
    return findings("images:\n" + "".join(f"  - {{{rule}}}\n" for rule in rules))


def of_lifts(*lifts: str) -> list[str]:
    """Findings for exceptions, the first of them on line 5."""
    return findings("images: [{match: '**'}]\ncontainers:\n  allow:\n" + "".join(f"  - {{{lift}}}\n" for lift in lifts))


@pytest.mark.parametrize("isolation", [Isolation.RESTRICTED, Isolation.BASELINE])
def test_the_starter_is_silent(isolation: Isolation) -> None:
    assert lint(read_document(starter(isolation), what="policy.yaml")) == ()


def test_an_orderly_policy_is_silent() -> None:
    assert findings(f"""\
roots: {{org: [{KEY}]}}
images:
  - {{match: registry.example.com/foo/**, trust: {{root: org}}}}
  - {{match: registry.example.com/**}}
  - {{match: '*.example.com/**'}}
  - {{match: 'localhost:*/**'}}
containers:
  isolation: baseline
  allow:
    - {{rule: capability, match: registry.example.com/foo/**, values: [NET_RAW, SYS_CHROOT]}}
    - {{rule: bind, values: [/srv/data, /srv/data/**, /opt/*/x]}}
    - {{rule: user, values: ['0']}}
    - {{rule: pid-mode, values: ['container:*']}}
    - {{rule: seccomp, values: [builtin]}}
    - {{rule: publish-all}}
mode: enforce
""") == []  # fmt: skip


def test_first_use() -> None:
    server = "server: 'https://n.example.com'"
    assert of_images(
        "match: a.example.com/**, trust: {first_use: accept}",
        f"match: b.example.com/**, trust: {{root_keys: [{KEY}], {server}}}",
    ) == ["policy.yaml:3 risk first_use: whoever answers first is believed: a.example.com/**"]


def test_no_rule_and_learning_mode() -> None:
    assert findings("mode: warn") == [
        "policy.yaml mistake no image may run: images has no rule",
        "policy.yaml risk mode warn: what would be denied runs, and is journalled",
    ]


def test_findings_come_by_line() -> None:
    found = findings(
        "mode: warn\ncontainers: {isolation: privileged}\nimages:\n"
        + "  - {match: localhost/dev/**, unsigned: allow}\n" * 9
        + f"roots: {{org: [{KEY}]}}"
    )
    lines = [int(line.split()[0].partition(":")[2] or 0) for line in found]
    assert (lines, lines[:2], lines[-1]) == (sorted(lines), [0, 3], 14)


def test_roots_that_nobody_uses() -> None:
    assert "policy.yaml:2 mistake no rule uses the root keys org" in findings(f"roots: {{org: [{KEY}]}}")


@pytest.mark.parametrize(
    ("broad", "narrow"),
    [("**", "docker.io/foo/**"), ("docker.io/**", "docker.io/foo/*"), ("docker.io/foo/*", "docker.io/foo/web"), ("**", "**")],
)  # fmt: skip
def test_rules_that_are_never_reached(broad: str, narrow: str) -> None:
    assert of_images(f"match: '{broad}'", f"match: '{narrow}'") == [
        f"policy.yaml:4 mistake {narrow} is never reached: {broad} (policy.yaml:3) fits first"
    ]
    if broad != narrow:
        assert of_images(f"match: '{narrow}'", f"match: '{broad}'") == []


def test_unsigned_images() -> None:
    assert of_images("match: localhost/dev/**, unsigned: allow") == [
        "policy.yaml:3 risk unsigned images run: localhost/dev/**"
    ]


def test_ignored_profiles() -> None:
    assert of_images("match: a.b/**, profile: ignore", "match: a.c/**, profile: required") == [
        "policy.yaml:3 risk profile ignore: what is signed to confine a.b/** does not"
    ]


def test_privileged_isolation() -> None:
    assert of_images("match: a.b/**, isolation: privileged") == [
        "policy.yaml:3 risk isolation privileged: a.b/** may have all of the host"
    ]
    assert findings("images: [{match: '**'}]\ncontainers: {isolation: privileged}") == [
        "policy.yaml:3 risk isolation privileged: containers may have all of the host"
    ]


@pytest.mark.parametrize("match", ["example.com*/**", "example.com**", "*example.com/**", "reg*/foo/**"])
def test_patterns_that_fit_hosts_of_others(match: str) -> None:
    expected = [f"policy.yaml:3 mistake {match} also fits hosts of others: write *.DOMAIN, or the whole host"]
    assert of_images(f"match: '{match}'") == expected
    assert of_lifts(f"rule: publish-all, match: '{match}'") == [expected[0].replace(":3", ":5")]


@pytest.mark.parametrize("match", ["docker.io/foo**", "docker.io/**-web", "a.b/x**/y", "**.com/x"])
def test_patterns_that_fit_half_a_name(match: str) -> None:
    assert of_images(f"match: '{match}'") == [
        f"policy.yaml:3 mistake {match} also fits names that only begin or end so: write /**/"
    ]


OPENINGS = [
    ("capability", "SYS_ADMIN"), ("capability", "ALL"), ("capability", "SYS_*"), ("capability", "NET_ADMIN"),
    ("seccomp", "unconfined"), ("apparmor", "unconfined"), ("selinux", "disable"), ("pid-mode", "host"),
    ("ipc-mode", "*"), ("network-mode", "host"), ("uts-mode", "host"), ("userns-mode", "host"),
    ("cgroupns-mode", "host"), ("bind", "/"), ("bind", "/etc"), ("bind", "/etc/**"), ("bind", "/**"), ("bind", "**"),
    ("bind", "/var/run/docker.sock"), ("bind", "/run/*"), ("bind", "/proc/sys"), ("device", "/dev/sda"),
    ("device-rule", "a *:* rwm"), ("system-paths", "masked"), ("security-option", "writable-cgroups"),
    ("cgroup-parent", "/x"), ("volume-option", "device=/dev/sda1"), ("runtime", "kata"), ("privileged", "true"),
    ("bind-option", "rshared"), ("volume", "db"), ("working-dir", "/proc/self/fd/8"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "value"), OPENINGS)
def test_exceptions_that_open_a_way_to_the_host(rule: str, value: str) -> None:
    assert of_lifts(f"rule: {rule}, match: a.b/**, values: ['{value}']") == [
        f"policy.yaml:5 risk {rule} {value} opens a way to the host, for a.b/**"
    ]
    assert of_lifts(f"rule: {rule}") == [f"policy.yaml:5 risk {rule} of any value opens a way to the host, for **"]


def test_only_the_values_that_open_a_way_are_named() -> None:
    assert of_lifts("rule: capability, values: [NET_RAW, SYS_ADMIN, CHOWN, BPF]") == [
        "policy.yaml:5 risk capability SYS_ADMIN, BPF opens a way to the host, for **"
    ]


HARMLESS = [("capability", "NET_RAW"), ("bind", "/srv/data/**"), ("bind", "/etcetera"), ("network-mode", "container:*"), ("user", "0"), ("restart", "always")]  # fmt: skip


@pytest.mark.parametrize(("rule", "value"), HARMLESS)
def test_exceptions_that_do_not(rule: str, value: str) -> None:
    assert of_lifts(f"rule: {rule}, values: ['{value}']") == []


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("capability", "CAP_NET_RAW"), ("capability", "net_raw"), ("bind", "srv/data"), ("bind", "/srv/data/"),
        ("bind", "/srv//data"), ("bind", "/srv/../data"), ("bind", "/srv/./data"), ("bind", "/srv/.."),
        ("publish-all", "yes"), ("new-privileges", "true"), ("seccomp", "/etc/seccomp.json"), ("swap", "-1"),
    ],
)  # fmt: skip
def test_values_that_never_occur(rule: str, value: str) -> None:
    assert of_lifts(f"rule: {rule}, values: ['{value}']") == [
        f"policy.yaml:5 mistake {rule} never reads {value}: see docs/policy.md"
    ]


def test_labels_are_never_lifted() -> None:
    assert of_lifts("rule: label") == ["policy.yaml:5 mistake labels of pytrust itself are never allowed"]


WRITABLE = "rule: writable-bind, match: a.b/**, values: [/srv/data/**]"
ALONE = "mistake writable-bind does nothing without bind for the same values"


@pytest.mark.parametrize(
    "bind",
    ["rule: publish-all", "rule: bind, match: c.d/**, values: [/srv/data/**]", "rule: bind, values: [/srv/other]"],
)
def test_a_writable_bind_alone(bind: str) -> None:
    assert f"policy.yaml:5 {ALONE}" in of_lifts(WRITABLE, bind)


@pytest.mark.parametrize(
    "bind",
    ["rule: bind", "rule: bind, values: [/srv/**]", "rule: bind, match: a.b/c, values: [/srv/data/x, /tmp/x]"],
)
def test_a_writable_bind_beside_a_bind(bind: str) -> None:
    assert not any(ALONE in line for line in of_lifts(WRITABLE, bind))


# Rules whose exceptions cost the host's resources or a neighbour's peace, but open no way to the host by themselves.
NO_OPENING = {
    Field.NEW_PRIVILEGES, Field.VOLUMES_FROM, Field.MOUNT_TYPE, Field.USER, Field.GROUP, Field.SYSCTL, Field.ULIMIT,
    Field.SHM_SIZE, Field.STORAGE_OPTION, Field.PIDS, Field.MEMORY, Field.SWAP, Field.CPU_REALTIME, Field.OOM,
    Field.WINDOWS, Field.PORT, Field.PUBLISH_ALL, Field.RESTART, Field.LOG_DRIVER, Field.LABEL, Field.NETWORK_DRIVER,
    Field.NETWORK_OPTION, Field.NETWORK_SCOPE, Field.ENDPOINT_OPTION,
}  # fmt: skip


@pytest.mark.parametrize("field", Field)
def test_every_rule_is_judged(field: Field) -> None:
    opens = any("opens a way" in line for line in of_lifts(f"rule: {field}"))
    assert opens != (field in NO_OPENING)


def test_severities_are_words() -> None:
    assert [str(item) for item in Severity] == ["mistake", "risk"]
