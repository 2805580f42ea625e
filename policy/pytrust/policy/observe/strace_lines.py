"""Lines of strace(1), as ``strace -f -q -Y -e raw=all`` writes them, counted. Pure.

Every argument is a number, so that nothing a program writes can be read as a line of its own; its name has neither ends
of lines nor, as strace spells it, angle brackets. A call that strace could not tell is a line that is lost.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import Final

from pytrust.policy.observe.call_files import signed
from pytrust.policy.profiles.names import X86_64, Arch, Syscall
from pytrust.policy.profiles.seen import Argument

_LINE: Final = re.compile(r"(?P<pid>[0-9]{1,10})(?:<(?P<program>[^>]*)>)? +(?P<rest>.*)")
_CALL: Final = re.compile(r"(?P<name>[a-z0-9_]{1,40})\((?P<arguments>[^)=<]*)")
_RESUMED: Final = re.compile(r"<\.\.\. (?P<name>[a-z0-9_]{1,40}) resumed>")
_RESULT: Final = re.compile(r"\) *= (?:-1 (?P<error>E[A-Z0-9]+)|)")
_UNNAMED: Final = re.compile(r"syscall_0x([0-9a-f]{1,8})")
_TOLD: Final = ("---", "+++", "???")  # signals and ends
_NO: Final = frozenset({"EPERM", "ENOSYS"})
_EXECVE: Final = frozenset({"execve", "execveat"})
_SIGNALS: Final = 0xFF
_KINDS: Final = 0xF


class Lines:
    """What was seen from the moment that ``pid``, which was a launcher until then, became a program."""

    def __init__(self, pid: int) -> None:
        self.calls: Counter[tuple[Syscall, str]] = Counter()
        self.arguments: set[Argument] = set()
        self.unnamed: Counter[tuple[Arch, int]] = Counter()
        self.records = 0
        self.lost = 0
        self._results: dict[Syscall, set[str]] = defaultdict(set)
        self._pid, self._begun = pid, False

    def take(self, line: str) -> None:
        """One line."""
        found = _LINE.fullmatch(line)
        if found is None:
            self.lost += 1
            return
        rest, result = found["rest"], _RESULT.search(found["rest"])
        if rest.startswith(_TOLD):
            return
        if resumed := _RESUMED.match(rest):
            self._end(Syscall(resumed["name"]), result)
        elif call := _CALL.match(rest):
            self._call(int(found["pid"]), Syscall(call["name"]), call["arguments"], found["program"] or "", result)
        else:
            self.lost += 1

    def refused(self) -> frozenset[Syscall]:
        """The calls that never were anything but refused, as a filter does it."""
        return frozenset(name for name, results in self._results.items() if results <= _NO)

    def _call(self, pid: int, name: Syscall, arguments: str, program: str, result: re.Match[str] | None) -> None:
        if not self._begun:
            self._begun = pid == self._pid and name in _EXECVE
            return
        self.records += 1
        if unnamed := _UNNAMED.fullmatch(name):
            self.unnamed[X86_64, int(unnamed[1], 16)] += 1
            return
        self.calls[name, program] += 1
        if argument := _argument(name, arguments):
            self.arguments.add(argument)
        self._end(name, result)

    def _end(self, name: Syscall, result: re.Match[str] | None) -> None:
        if result is not None:
            self._results[name].add(result["error"] or "")


def _argument(name: Syscall, text: str) -> Argument | None:
    """The numbers that a rule can be made of."""
    values = [int(word, 0) for word in re.findall(r"0x[0-9a-f]+|[0-9]+", text)]
    match name, values:
        case "socket" | "socketpair", [family, kind, *_]:
            return Argument(name, (signed(family), kind & _KINDS))
        case "clone", [flags, *_]:
            return Argument(name, (flags & 0xFFFFFFFF & ~_SIGNALS,))
        case "personality", [what, *_]:
            return Argument(name, (what & 0xFFFFFFFF,))
        case _:
            return None
