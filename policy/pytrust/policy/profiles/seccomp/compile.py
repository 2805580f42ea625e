"""The program that runc would load for a profile: made by libseccomp, with runc's stub before it.

Only public functions of pyseccomp. Two programs of one profile need not be alike byte for byte (runc orders its stub by
chance), but say the same of every call.
"""

from __future__ import annotations

import tempfile
from errno import EACCES, EEXIST, EINVAL
from importlib import import_module
from types import ModuleType
from typing import IO, Final, Protocol

from pytrust.policy.profiles.model import Arg, Resolved
from pytrust.policy.profiles.names import Arch, Op, Syscall
from pytrust.policy.profiles.seccomp.bpf import Program, parse_program, unknown_calls_stub
from pytrust.policy.profiles.seccomp.runc import split_conditions
from pytrust.policy.profiles.seccomp.verdict import Verdict, to_value, verdict_of
from pytrust.trust.errors import BadContent, Unsound

_UNRESOLVED: Final = -1
_TREE_FROM: Final = 32  # runc asks for a binary tree beyond so many rules
_TREE: Final = 2  # CTL_OPTIMIZE


class _Filter(Protocol):
    """What is used of pyseccomp's ``SyscallFilter``; the package has no types."""

    def exist_arch(self, arch: int) -> bool: ...
    def add_arch(self, arch: int) -> None: ...
    def remove_arch(self, arch: int) -> None: ...
    def set_attr(self, attr: int, value: int) -> None: ...
    def add_rule(self, action: int, syscall: int, *args: object) -> None: ...
    def export_bpf(self, file: IO[bytes]) -> None: ...


def compile_program(resolved: Resolved, host: Arch) -> Program:
    """What runc on ``host`` loads for ``resolved``.

    Raises:
        BadContent: runc would refuse the profile: it contradicts itself, or names what libseccomp cannot do.
        UsageError: an architecture whose numbers we do not know.
        Unsound: libseccomp is missing.
    """
    library = _library()
    found: _Filter = library.SyscallFilter(to_value(verdict_of(resolved.default, resolved.default_errno)))
    _set_arches(library, found, resolved, host)
    if sum(len(rule.names) for rule in resolved.rules) > _TREE_FROM:
        found.set_attr(library.Attr.CTL_OPTIMIZE, _TREE)
    _add_rules(library, found, resolved)
    return unknown_calls_stub(resolved, unknown_names(resolved)) + _exported(found)


def unknown_names(resolved: Resolved) -> frozenset[Syscall]:
    """Names that the libseccomp of this host does not know: runc drops them without a word.

    Raises:
        Unsound: libseccomp is missing.
    """
    library = _library()
    named = {name for rule in resolved.rules for name in rule.names}
    return frozenset(name for name in named if _number(library, name) == _UNRESOLVED)


def system_arch() -> Arch:
    """The architecture of this host.

    Raises:
        Unsound: libseccomp is missing.
    """
    library = _library()
    own = library.system_arch()
    return next(Arch(f"SCMP_ARCH_{name}") for name, value in vars(library.Arch).items() if value == own)


def _library() -> ModuleType:
    try:
        return import_module("pyseccomp")
    except (ImportError, RuntimeError) as error:
        raise Unsound("libseccomp is not installed", hint="apt-get install libseccomp2") from error


def _number(library: ModuleType, name: Syscall) -> int:
    """Of this host's architecture; below -1 where only another one has it."""
    number: int = library.resolve_syscall(library.Arch.NATIVE, name)
    return number


def _set_arches(library: ModuleType, found: _Filter, resolved: Resolved, host: Arch) -> None:
    wanted = dict.fromkeys((host, *resolved.architectures))
    try:
        for arch in wanted:
            value = getattr(library.Arch, arch.removeprefix("SCMP_ARCH_"))
            if not found.exist_arch(value):
                found.add_arch(value)
        if system_arch() not in wanted:
            found.remove_arch(library.system_arch())
    except (AttributeError, OSError) as error:
        hint = "name the architectures of one kind of host, or let archMap choose"
        raise BadContent(f"runc would refuse the profile: {arch} cannot be filtered on {host}", hint=hint) from error


def _add_rules(library: ModuleType, found: _Filter, resolved: Resolved) -> None:
    default = verdict_of(resolved.default, resolved.default_errno)
    for rule in resolved.rules:
        verdict = verdict_of(rule.action, rule.errno)
        if verdict == default:
            continue
        for name in rule.names:
            for args in split_conditions(rule.args):
                _add(library, found, verdict, name, args)


def _add(library: ModuleType, found: _Filter, verdict: Verdict, name: Syscall, args: tuple[Arg, ...]) -> None:
    number = _number(library, name)
    if number == _UNRESOLVED:
        return
    try:
        found.add_rule(to_value(verdict), number, *(_condition(library, arg) for arg in args))
    except OSError as error:
        text = f"runc would refuse the profile: a rule for {name} {_reason(error)}"
        raise BadContent(text, hint="change one of its rules: a container with it does not start") from error


def _reason(error: OSError) -> str:
    return {
        EEXIST: "contradicts another one for the same arguments",
        EINVAL: "has an action that this kernel does not know",
        EACCES: "does what the default does",
    }.get(error.errno or 0, f"cannot be added: {(error.strerror or str(error)).lower()}")


def _condition(library: ModuleType, arg: Arg) -> object:
    operator = getattr(library, arg.op.removeprefix("SCMP_CMP_"))
    return library.Arg(arg.index, operator, arg.value, arg.second if arg.op is Op.MASKED_EQ else 0)


def _exported(found: _Filter) -> Program:
    with tempfile.TemporaryFile() as file:
        found.export_bpf(file)
        file.seek(0)
        return parse_program(file.read(), "the program that libseccomp made")
