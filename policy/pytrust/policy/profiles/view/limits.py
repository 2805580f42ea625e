"""The conditions of rules in words: which arguments of a call get through. Pure."""

from __future__ import annotations

from typing import Final

from pytrust.policy.profiles.apparmor.networks import FAMILIES
from pytrust.policy.profiles.arguments import NAMESPACES
from pytrust.policy.profiles.model import Arg
from pytrust.policy.profiles.names import Op, Syscall
from pytrust.policy.profiles.seccomp.docker_default import NAMESPACE_FLAGS
from pytrust.policy.profiles.view.opened import Opened

_SIGNS: Final = {Op.NE: "≠", Op.LT: "<", Op.LE: "≤", Op.EQ: "=", Op.GE: "≥", Op.GT: ">"}
_PLAIN_MAX: Final = 4096
_FAMILIES: Final = {number: f"AF_{word.upper()}" for word, number in FAMILIES.items()}
_SOCKETS: Final = frozenset(map(Syscall, ("socket", "socketpair")))
_CLONE: Final = Syscall("clone")


def limit_words(call: Syscall, found: Opened) -> str:
    """What of a call gets through; empty where all of it does."""
    cases = dict.fromkeys(" and ".join(_condition(call, arg) for arg in case) for case in found.cases)
    words = ", or ".join(cases)
    return f"but for {words}" if found.but else words


def _condition(call: Syscall, arg: Arg) -> str:
    if call in _SOCKETS and arg.index == 0 and arg.op is Op.EQ:
        return _FAMILIES.get(arg.value, str(arg.value))
    if arg.op is Op.MASKED_EQ:
        return _masked(call, arg)
    return f"argument {arg.index} {_SIGNS[arg.op]} {_number(arg.value)}"


def _masked(call: Syscall, arg: Arg) -> str:
    if call == _CLONE and arg.index == 0 and not arg.second and arg.value & ~NAMESPACE_FLAGS == 0:
        new = [word for flag, word in NAMESPACES.items() if not arg.value & flag]
        return f"no new namespaces but {' '.join(new)}" if new else "no new namespaces"
    return f"argument {arg.index} & {_number(arg.value)} = {_number(arg.second & arg.value)}"


def _number(value: int) -> str:
    return str(value) if value <= _PLAIN_MAX else hex(value)
