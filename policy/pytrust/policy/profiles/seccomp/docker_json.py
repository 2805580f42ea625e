"""Docker's seccomp files: strict JSON in, compact JSON out. Pure.

The format is that of moby/profiles ``seccomp.go``. Docker reads it loosely: keys in any case, unknown ones skipped,
names of capabilities that match nothing. What could mean something else to it than to a reader is refused here.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from pytrust.policy.profiles.model import ArchMap, Arg, Condition, Errno, Rule, Seccomp
from pytrust.policy.profiles.names import CAPABILITIES, Action, Arch, Capability, GoArch, Op, Syscall
from pytrust.policy.profiles.seccomp.oci_json import arg_json
from pytrust.policy.profiles.seccomp.syscalls import SPELLINGS
from pytrust.trust.canonical import parse_json
from pytrust.trust.errors import BadContent, BadMetadata
from pytrust.trust.limits import SECCOMP_DIGITS_MAX, SECCOMP_FILE_MAX_BYTES

_MAX_DEPTH: Final = 6  # a condition's list of names lies five deep
_KERNEL: Final = re.compile(r"([0-9]{1,3})\.([0-9]{1,3})")
_KERNEL_MAX: Final = 255  # of either number: Docker reads eight bits

_Name = Annotated[str, Meta(pattern="^[a-z0-9_]{1,64}$")]
_ArchName = Annotated[str, Meta(pattern="^[a-z0-9]{1,32}$")]
_Value = Annotated[int, Meta(ge=0)]
_Flag = Annotated[str, Meta(pattern="^SECCOMP_FILTER_FLAG_[A-Z_]{1,32}$")]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """As the file has it; ``null`` is what Go writes for an empty list."""


class _Arg(_Part, frozen=True, kw_only=True):
    index: Annotated[int, Meta(ge=0, le=5)]
    value: _Value = 0
    value_two: _Value = 0
    op: Op


class _Filter(_Part, frozen=True, kw_only=True):
    caps: tuple[str, ...] | None = None
    arches: tuple[_ArchName, ...] | None = None
    min_kernel: str | None = None


class _Rule(_Part, frozen=True, kw_only=True):
    name: str = ""
    names: tuple[_Name, ...] | None = None
    action: Action
    errno_ret: Errno | None = None
    args: tuple[_Arg, ...] | None = None
    comment: str = ""
    includes: _Filter | None = None
    excludes: _Filter | None = None


class _ArchMap(_Part, frozen=True, kw_only=True):
    architecture: str
    sub_architectures: tuple[str, ...] | None = None


class _File(_Part, frozen=True, kw_only=True):
    default_action: Action
    default_errno_ret: Errno | None = None
    architectures: tuple[str, ...] | None = None
    arch_map: tuple[_ArchMap, ...] | None = None
    flags: tuple[_Flag, ...] | None = None
    listener_path: str = ""
    listener_metadata: str = ""
    syscalls: tuple[_Rule, ...] | None = None


def parse_docker(data: bytes, what: str) -> Seccomp:
    """Read a file; ``what`` names it in errors.

    Raises:
        BadContent: it is none, or has two readings.
    """
    try:
        value = parse_json(
            data, what=what, max_bytes=SECCOMP_FILE_MAX_BYTES, max_depth=_MAX_DEPTH, max_digits=SECCOMP_DIGITS_MAX
        )
        return _seccomp(msgspec.convert(value, _File))
    except (BadMetadata, ValueError) as error:
        reason = str(error).partition("\n")[0].removeprefix(f"{what} ")
        raise BadContent(f"{what} is no seccomp file of docker: {reason}", hint=_hint(reason)) from error


def docker_text(profile: Seccomp) -> str:
    """The file, on one line, keys in the order of Docker's own; what is empty is left out."""
    document: dict[str, object] = {
        "defaultAction": profile.default,
        "defaultErrnoRet": profile.default_errno,
        "architectures": list(profile.architectures),
        "archMap": [{"architecture": entry.architecture, "subArchitectures": entry.also} for entry in profile.arch_map],
        "flags": list(profile.flags),
        "listenerPath": profile.listener_path,
        "listenerMetadata": profile.listener_metadata,
    }
    rules = [_without_empty(_rule_json(rule)) for rule in profile.rules]
    return msgspec.json.encode({**_without_empty(document), "syscalls": rules}).decode()


def _hint(reason: str) -> str:
    if "missing required field `defaultAction`" in reason:
        return "docker would run the container without any filter: say what happens to calls that no rule names"
    return "say what is meant: docker passes over it, or the container does not start"


def _seccomp(file: _File) -> Seccomp:
    if file.architectures and file.arch_map:
        raise ValueError("both architectures and archMap stand there")
    entries = tuple(map(_arch_map, file.arch_map or ()))
    if len({entry.architecture for entry in entries}) != len(entries):
        raise ValueError("archMap names an architecture twice")
    return Seccomp(
        default=file.default_action,
        default_errno=file.default_errno_ret,
        architectures=tuple(map(_arch, file.architectures or ())),
        arch_map=entries,
        flags=file.flags or (),
        listener_path=file.listener_path,
        listener_metadata=file.listener_metadata,
        rules=tuple(map(_rule, file.syscalls or ())),
    )


def _arch_map(entry: _ArchMap) -> ArchMap:
    return ArchMap(architecture=_arch(entry.architecture), also=tuple(map(_arch, entry.sub_architectures or ())))


def _arch(name: str) -> Arch:
    if name not in SPELLINGS:
        raise ValueError(f"{name[:60]!r} is no architecture, which read SCMP_ARCH_X86_64")
    return Arch(name)


def _rule(rule: _Rule) -> Rule:
    return Rule(
        names=_names(rule),
        action=rule.action,
        errno=rule.errno_ret,
        args=tuple(Arg(index=arg.index, op=arg.op, value=arg.value, second=arg.value_two) for arg in rule.args or ()),
        comment=rule.comment,
        includes=_condition(rule.includes, "includes"),
        excludes=_condition(rule.excludes, "excludes"),
    )


def _names(rule: _Rule) -> tuple[Syscall, ...]:
    if rule.name and rule.names:
        raise ValueError(f"a rule has both name ({rule.name[:60]!r}) and names")
    if rule.name and not re.fullmatch("[a-z0-9_]{1,64}", rule.name):
        raise ValueError(f"{rule.name[:60]!r} cannot be the name of a system call")
    names = (rule.name,) if rule.name else rule.names or ()
    if not names:
        raise ValueError("a rule names no system call")
    return tuple(map(Syscall, names))


def _condition(found: _Filter | None, key: str) -> Condition:
    if found is None:
        return Condition()
    if found.min_kernel == "" and key == "excludes":
        raise ValueError("an empty minKernel in excludes, by which docker leaves the rule out everywhere")
    return Condition(
        caps=tuple(map(_capability, found.caps or ())),
        arches=tuple(map(GoArch, found.arches or ())),
        min_kernel=_kernel(found.min_kernel) if found.min_kernel else "",
    )


def _capability(name: str) -> Capability:
    bare = Capability(name.removeprefix("CAP_"))
    if bare == name or bare not in CAPABILITIES:
        raise ValueError(f"{name[:60]!r} is no capability, which read CAP_SYS_ADMIN: docker would never find it held")
    return bare


def _kernel(text: str) -> str:
    found = _KERNEL.fullmatch(text)
    numbers = tuple(map(int, found.groups())) if found else (0, 0)
    if max(numbers) > _KERNEL_MAX or not any(numbers):
        raise ValueError(f"{text[:30]!r} is no minKernel, which read 4.8")
    return "{}.{}".format(*numbers)


def _rule_json(rule: Rule) -> dict[str, object]:
    return {
        "names": list(rule.names),
        "action": rule.action,
        "errnoRet": rule.errno,
        "args": list(map(arg_json, rule.args)),
        "comment": rule.comment,
        "includes": _condition_json(rule.includes),
        "excludes": _condition_json(rule.excludes),
    }


def _condition_json(condition: Condition) -> dict[str, object]:
    caps = [f"CAP_{name}" for name in condition.caps]
    return _without_empty({"caps": caps, "arches": list(condition.arches), "minKernel": condition.min_kernel})


def _without_empty(values: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in values.items() if value not in (None, "", [], {}, ())}
