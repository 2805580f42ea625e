"""The whole analysis of an image: every program that it starts, and what those start.

Only x86-64 is understood. What cannot be known is told, and never silently left out; what is looked at and found is
more than will ever be called.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from pytrust.policy.profiles.elf.files import Files
from pytrust.policy.profiles.elf.finding import Found, StaticFinding
from pytrust.policy.profiles.elf.hints import hints
from pytrust.policy.profiles.elf.process import Calls, Process
from pytrust.policy.profiles.elf.programs import Program, Programs
from pytrust.policy.profiles.elf.tree import Config, FileTree, resolve
from pytrust.policy.profiles.names import X86_64, Syscall
from pytrust.policy.profiles.seccomp.syscalls import names as names_of
from pytrust.trust.errors import BadContent, UsageError
from pytrust.trust.limits import STATIC_PROGRAMS_MAX

_STARTS: Final = frozenset(
    {"execve", "execv", "execvp", "execvpe", "execl", "execlp", "execle", "fexecve", "posix_spawn", "posix_spawnp"}
)
_SHELLS_OUT: Final = frozenset({"system", "popen", "wordexp"})
_STARTED: Final = Syscall("execve")
_INTERRUPTED: Final = frozenset(
    map(Syscall, ("poll", "ppoll", "nanosleep", "clock_nanosleep", "futex", "select", "pselect6"))
)
_RESUMED: Final = Syscall("restart_syscall")


def analyse(tree: FileTree, config: Config) -> StaticFinding:
    """What the programs that an image starts could call.

    Raises:
        BadContent: the image starts nothing that can be looked at.
        UsageError: it is made for an architecture that cannot be looked at, or a library for it is missing.
    """
    if config.architecture != "amd64":
        raise UsageError(
            f"the image is made for {config.architecture}; only programs of amd64 can be looked at without being run",
            hint="record it on a machine of its kind: pytrust profile record IMAGE -- WORKLOAD",
        )
    return _Analysis(tree, config).run()


class _Analysis:
    """One image."""

    def __init__(self, tree: FileTree, config: Config) -> None:
        self._tree = tree
        self._config = config
        self._files = Files(tree)
        self._programs = Programs(tree, config)
        self._calls: set[Syscall] = {_STARTED}
        self._found: dict[str, Found] = {}
        self._lost: dict[str, None] = {}
        self._go = False

    def run(self) -> StaticFinding:
        started = self._programs.started()
        if not started:
            raise BadContent(
                "the image starts no program that is in it", hint="name one: --entrypoint PROGRAM, as for docker run"
            )
        todo, seen = deque(started), set[str]()
        while todo and len(seen) < STATIC_PROGRAMS_MAX:
            program = todo.popleft()
            if program.path not in seen:
                seen.add(program.path)
                todo += self._look(program, first=len(seen) == 1)
        if todo:
            self._lost[f"more than {STATIC_PROGRAMS_MAX} programs are started: {todo[0].path} is not looked at"] = None
        return self._finding(seen)

    def _finding(self, programs: set[str]) -> StaticFinding:
        if not self._calls.isdisjoint(_INTERRUPTED):
            self._calls.add(_RESUMED)  # the kernel makes programs call it that were stopped while they waited
        calls = frozenset(self._calls)
        capabilities, lines = hints(self._tree, self._config, sorted(programs), calls)
        lost = (*self._files.problems, *self._lost)
        return StaticFinding(calls, lost, tuple(self._found.values()), capabilities, lines, self._go)

    def _look(self, program: Program, *, first: bool) -> list[Program]:
        """Look at one program; gives those that it may start."""
        if self._programs.is_script(program.path):
            self._found.setdefault(program.path, Found(program.path, program.why))
            started, shell = self._programs.of_script(program.path)
            if not shell:
                self._lost[f"{program.path}: a script, of which only the interpreter is looked at"] = None
            return started
        try:
            process = Process(self._files, self._config, program.path)
        except (BadContent, UsageError) as error:
            if first:
                raise
            self._lost[str(error)] = None
            return []
        return self._take(program, process.run())

    def _take(self, program: Program, calls: Calls) -> list[Program]:
        table = names_of(X86_64)
        for module, why in calls.modules:
            numbers = calls.numbers.get(module.path, set())
            own = frozenset(table[number] for number in numbers if number in table)
            for number in sorted(numbers - table.keys()):
                self._lost[f"{module.path}: calls number {number}, which has no name"] = None
            self._calls |= own
            self._go = self._go or module.go is not None
            told = program.why if module.path == program.path else why
            self._merge(Found(module.path, told, own, calls.reached.get(module.path, 0), len(module.code.starts)))
        self._lost |= dict.fromkeys(calls.lost)
        return self._started(program, calls)

    def _merge(self, new: Found) -> None:
        old = self._found.get(new.path, new)
        self._found[new.path] = old._replace(own=old.own | new.own, reached=max(old.reached, new.reached))

    def _started(self, program: Program, calls: Calls) -> list[Program]:
        main = calls.modules[0][0]
        static = not main.dynamic.interpreter and any(_STARTED in self._found[m.path].own for m, _ in calls.modules)
        if not static and calls.names.isdisjoint(_STARTS | _SHELLS_OUT):
            return []
        self._lost[f"{program.path}: may start programs whose names are not in it"] = None
        linker = resolve(self._tree, main.dynamic.interpreter)  # which every program names
        texts = self._programs.of_texts(main.path, main.heads.data)
        found = [one for one in texts if one.path != linker]
        shell = None if calls.names.isdisjoint(_SHELLS_OUT) else self._programs.find("/bin/sh")
        return found + ([] if shell is None else [Program(shell, f"started by {main.path}")])
