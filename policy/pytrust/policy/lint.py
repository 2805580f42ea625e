"""What a reviewer of the policy file should know: lines that do not do what they seem to, lines that give away. Pure.

A mistake is never a hole: what is not allowed in so many words is denied. A risk is somebody's decision, said aloud.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from enum import StrEnum
from itertools import chain
from typing import Final, NamedTuple

from pytrust.policy import scan_lint
from pytrust.policy.core.request import Field
from pytrust.policy.core.rules import ImageRule, Isolation, Lift, Mode, Policy, ProfileNeed
from pytrust.policy.document import Reading
from pytrust.policy.pattern import covers, meet
from pytrust.trust.pins import matches


class Severity(StrEnum):
    """``mistake``: the line does not do what it seems to. ``risk``: it does, and gives something away."""

    MISTAKE = "mistake"
    RISK = "risk"


class Finding(NamedTuple):
    """``where`` names the line, or the file where no line is to blame."""

    severity: Severity
    where: str
    text: str


_STRONG = (
    "ALL", "BPF", "DAC_READ_SEARCH", "MAC_ADMIN", "MAC_OVERRIDE", "NET_ADMIN", "PERFMON", "SYS_ADMIN", "SYS_BOOT",
    "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO", "SYS_TIME",
)  # fmt: skip
_SYSTEM = (
    "/", "/boot", "/dev", "/dev/sda", "/etc", "/etc/shadow", "/home", "/proc", "/proc/sys", "/root", "/root/.ssh",
    "/run", "/run/docker.sock", "/sys", "/sys/kernel", "/usr", "/var", "/var/lib/docker", "/var/run/docker.sock",
)  # fmt: skip
# Values that open a way to the host; for the rules of the second table, every value does.
_OPENINGS: Final[Mapping[Field, tuple[str, ...]]] = {
    Field.CAPABILITY: _STRONG,
    Field.SECCOMP: ("unconfined", "custom"),
    Field.APPARMOR: ("unconfined",),
    Field.SELINUX: ("disable", "type:spc_t"),
    Field.PID_MODE: ("host",),
    Field.IPC_MODE: ("host",),
    Field.NETWORK_MODE: ("host",),
    Field.UTS_MODE: ("host",),
    Field.USERNS_MODE: ("host",),
    Field.CGROUPNS_MODE: ("host",),
    Field.BIND: _SYSTEM,
    Field.BIND_OPTION: ("shared", "rshared"),
}
_OPEN: Final = frozenset(
    {
        Field.PRIVILEGED,
        Field.SYSTEM_PATHS,
        Field.SECURITY_OPTION,
        Field.CGROUP_PARENT,
        Field.DEVICE,
        Field.DEVICE_RULE,
        Field.DEVICE_REQUEST,
        Field.WRITABLE_BIND,
        Field.VOLUME,  # a volume can stand for any path or device
        Field.VOLUME_DRIVER,
        Field.VOLUME_OPTION,
        Field.RUNTIME,
        Field.ANNOTATION,  # read by runtimes
        Field.WORKING_DIR,
        Field.CHECKPOINT,
    }
)
# The values that a rule can have, where they are few; elsewhere how they are spelled.
_WORDS: Final[Mapping[Field, tuple[str, ...]]] = {
    Field.PRIVILEGED: ("true",),
    Field.PUBLISH_ALL: ("true",),
    Field.NEW_PRIVILEGES: ("allowed",),
    Field.SECCOMP: ("unconfined", "builtin", "custom"),
    Field.SYSTEM_PATHS: ("masked", "readonly"),
    Field.UTS_MODE: ("host",),
    Field.USERNS_MODE: ("host",),
    Field.CGROUPNS_MODE: ("host",),
}
_LOOSE_HOST: Final = re.compile(r"\*+[^*.:/]|[^/]*[^*:/]\*+(?:/|\Z)")
_LOOSE_PATH: Final = re.compile(r"[^*/]\*\*|\*\*[^*/]")
_PATH: Final = re.compile(r"/|(?!.*/\.{0,2}/)[/*].*(?<!/)(?<!/\.)(?<!/\.\.)", re.DOTALL)
_SPELLINGS: Final[Mapping[Field, re.Pattern[str]]] = {
    Field.CAPABILITY: re.compile(r"(?!CAP_)[A-Z0-9_*]+"),
    Field.BIND: _PATH,
    Field.WRITABLE_BIND: _PATH,
    Field.DEVICE: _PATH,
    Field.SWAP: re.compile(r"unlimited|[0-9*]+"),
}


def lint(reading: Reading, today: date | None = None) -> tuple[Finding, ...]:
    """Everything worth saying, by line; without ``today`` (UTC) nothing is said of days."""
    policy = reading.policy
    found = chain(_whole(reading), _roots(reading), _images(policy), _scans(policy, today), _containers(policy))
    return tuple(sorted(found, key=_line))


def _line(finding: Finding) -> int:
    line = finding.where.rpartition(":")[2]
    return int(line) if line.isdecimal() else 0


def _whole(reading: Reading) -> Iterator[Finding]:
    if not reading.policy.images:
        yield Finding(Severity.MISTAKE, reading.name, "no image may run: images has no rule")
    if reading.policy.mode is Mode.WARN:
        yield Finding(Severity.RISK, reading.name, "mode warn: what would be denied runs, and is journalled")


def _roots(reading: Reading) -> Iterator[Finding]:
    for name, where in reading.unused_roots:
        yield Finding(Severity.MISTAKE, where, f"no rule uses the root keys {name}")


def _images(policy: Policy) -> Iterator[Finding]:
    for index, rule in enumerate(policy.images):
        if earlier := next((other for other in policy.images[:index] if covers(other.match, rule.match)), None):
            text = f"never reached: {earlier.match} ({earlier.where}) fits first"
            yield Finding(Severity.MISTAKE, rule.where, f"{rule.match} is {text}")
        yield from _image(rule)


def _image(rule: ImageRule) -> Iterator[Finding]:
    yield from _loose(rule.match, rule.where)
    if rule.trust is None:
        yield Finding(Severity.RISK, rule.where, f"unsigned images run: {rule.match}")
    if rule.trust is not None and rule.trust.roots is not None and rule.trust.roots.first_use:
        yield Finding(Severity.RISK, rule.where, f"first_use: whoever answers first is believed: {rule.match}")
    if rule.profile is ProfileNeed.IGNORE:
        yield Finding(Severity.RISK, rule.where, f"profile ignore: what is signed to confine {rule.match} does not")
    if rule.isolation is Isolation.PRIVILEGED:
        yield Finding(Severity.RISK, rule.where, f"isolation privileged: {rule.match} may have all of the host")


def _scans(policy: Policy, today: date | None) -> Iterator[Finding]:
    for waiver in policy.waivers:
        yield from _loose(waiver.match, waiver.where)
    for remark in scan_lint.mistakes(policy, today):
        yield Finding(Severity.MISTAKE, *remark)
    for remark in scan_lint.risks(policy, today):
        yield Finding(Severity.RISK, *remark)


def _loose(match: str, where: str) -> Iterator[Finding]:
    """Stars glued to a name take in the names of others: ``example.com*`` also fits ``example.com.evil.net``."""
    if _LOOSE_HOST.match(match):
        yield Finding(Severity.MISTAKE, where, f"{match} also fits hosts of others: write *.DOMAIN, or the whole host")
    elif _LOOSE_PATH.search(match):
        yield Finding(Severity.MISTAKE, where, f"{match} also fits names that only begin or end so: write /**/")


def _containers(policy: Policy) -> Iterator[Finding]:
    section = policy.containers
    if section.isolation is Isolation.PRIVILEGED:
        yield Finding(Severity.RISK, section.where, "isolation privileged: containers may have all of the host")
    for lift in section.lifts:
        yield from _loose(lift.match, lift.where)
        yield from _idle(lift, section.lifts)
        if opened := _opened(lift):
            text = f"{lift.field} {opened} opens a way to the host, for {lift.match}"
            yield Finding(Severity.RISK, lift.where, text)


def _idle(lift: Lift, lifts: tuple[Lift, ...]) -> Iterator[Finding]:
    """Exceptions that except nothing."""
    if lift.field is Field.LABEL:
        yield Finding(Severity.MISTAKE, lift.where, "labels of pytrust itself are never allowed")
    for value in lift.values:
        if not _spelled(lift.field, value):
            yield Finding(Severity.MISTAKE, lift.where, f"{lift.field} never reads {value}: see docs/policy.md")
    if lift.field is Field.WRITABLE_BIND and not any(_goes_with(lift, other) for other in lifts):
        yield Finding(Severity.MISTAKE, lift.where, "writable-bind does nothing without bind for the same values")


def _spelled(field: Field, value: str) -> bool:
    if field in _WORDS:
        return any(matches(value, word) for word in _WORDS[field])
    return field not in _SPELLINGS or _SPELLINGS[field].fullmatch(value) is not None


def _goes_with(writable: Lift, bind: Lift) -> bool:
    """Whether ``bind`` lets a container mount what ``writable`` lets it write to."""
    return (
        bind.field is Field.BIND
        and meet(bind.match, writable.match)
        and any(meet(one, two) for one in bind.values or ("**",) for two in writable.values or ("**",))
    )


def _opened(lift: Lift) -> str:
    """The values that reach the host, or nothing."""
    if lift.field in _OPEN:
        return ", ".join(lift.values) or "of any value"
    opened = _OPENINGS.get(lift.field, ())
    if not lift.values:
        return "of any value" if opened else ""
    return ", ".join(pattern for pattern in lift.values if any(matches(pattern, value) for value in opened))
