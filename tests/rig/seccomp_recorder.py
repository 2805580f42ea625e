"""Stands in for libseccomp's own Python module when its tests build their filters: says what they asked for.

Run as ``python seccomp_recorder.py TEST.py``; prints one JSON document. The tests' names (``f.add_rule_exactly``) are
those of that module, not ours.
"""

from __future__ import annotations

import copy
import json
import runpy
import sys
import types
from importlib import import_module
from typing import Any, Self

pyseccomp = import_module("pyseccomp")  # it has no types
_NATIVE = "x86_64"
_WORDS = ("ALLOW", "KILL", "KILL_PROCESS", "TRAP", "LOG", "NOTIFY", "NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ")


class Arch(str):
    """``Arch()`` is this machine's."""

    __slots__ = ()
    NATIVE = _NATIVE

    def __new__(cls, name: str = _NATIVE) -> Self:
        return super().__new__(cls, name)


class Arg:
    def __init__(self, arg: int, op: int, datum_a: int, datum_b: int = 0) -> None:
        self.parts = [arg, op, datum_a, datum_b]


class Attr:
    """Names alone."""

    ACT_DEFAULT, ACT_BADARCH, CTL_NNP, CTL_TSYNC, API_TSKIP, CTL_LOG, CTL_SSB, CTL_OPTIMIZE, API_SYSRAWRC = range(1, 10)


class SyscallFilter:
    def __init__(self, defaction: int) -> None:
        self.asked: dict[str, Any] = {}
        self.kept: list[dict[str, Any]] = []
        self.reset(defaction)

    def reset(self, defaction: int = -1) -> None:
        before = self.asked.get("default", 0)
        self.asked = {
            "default": before if defaction == -1 else defaction,
            "rules": [],
            "arches": [_NATIVE],
            "other": [],
        }

    def add_arch(self, arch: str) -> None:
        self.asked["arches"].append(str(arch))

    def remove_arch(self, arch: str) -> None:
        self.asked["arches"].remove(str(arch))

    def add_rule(self, action: int, syscall: str | int, *args: Arg) -> None:
        self.asked["rules"].append([action, syscall, [arg.parts for arg in args]])

    add_rule_exactly = add_rule

    def syscall_priority(self, syscall: str | int, priority: int) -> None:
        """Of the order alone."""

    def start_transaction(self) -> None:
        self.kept.append(copy.deepcopy(self.asked))

    def commit_transaction(self) -> None:
        self.kept.pop()

    def reject_transaction(self) -> None:
        self.asked = self.kept.pop()

    def precompute(self) -> None:
        """Of the time that it takes alone."""

    def set_attr(self, attr: int, value: int) -> None:
        self.asked["other"].append(["attribute", attr, value])

    def merge(self, _: SyscallFilter) -> None:
        self.asked["other"].append(["merge"])


def resolve_syscall(arch: str, syscall: str | int) -> Any:
    return pyseccomp.resolve_syscall(getattr(pyseccomp.Arch, str(arch).upper()), syscall)


def main() -> None:
    """Run one test with this in place of the modules that it imports."""
    module: Any = types.ModuleType("seccomp")
    for word in _WORDS:
        setattr(module, word, getattr(pyseccomp, word))
    for word in ("ERRNO", "TRACE", "set_api", "get_api"):
        setattr(module, word, getattr(pyseccomp, word))
    for one in (Arch, Arg, Attr, SyscallFilter, resolve_syscall):
        setattr(module, one.__name__, one)
    module.system_arch = Arch
    utility: Any = types.ModuleType("util")
    utility.get_opt = lambda: None
    utility.filter_output = lambda _, found: json.dump(found.asked, sys.stdout)
    sys.modules |= {"seccomp": module, "util": utility}
    runpy.run_path(sys.argv[1], run_name="__main__")


if __name__ == "__main__":
    main()
