"""Which functions of a program can be reached from where it starts.

A function is reached when a reached one calls it, jumps or falls into it, or takes its address; or when its address
lies in a datum that a reached function refers to, directly or through other data. That is more than can happen, since
not every address that is taken is called. What the dynamic linker is asked for while the program runs is not among it:
``loading`` looks for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from pytrust.policy.profiles.elf.code import Function
from pytrust.policy.profiles.elf.dynamic import Pointer
from pytrust.policy.profiles.elf.module import Module
from pytrust.trust.errors import BadContent
from pytrust.trust.limits import ELF_WORK_MAX

_MOVED: Final = 4096  # words that are moved in memory while one reference is followed


class Branch(NamedTuple):
    """A call or jump: in which module and function, and where."""

    module: Module
    function: Function
    place: int


@dataclass(slots=True)
class Reached:
    """What was reached.

    ``functions`` by module and start; ``entered`` the branches to each address; ``pointed`` addresses of code that
    something holds or passes on; ``missing`` symbols that no file has.
    """

    modules: Sequence[Module]
    functions: dict[tuple[str, int], tuple[Module, Function]] = field(default_factory=dict)
    entered: dict[tuple[str, int], list[Branch]] = field(default_factory=dict)
    pointed: set[tuple[str, int]] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)


class Explorer:
    """Follows references through the modules of one process; more modules may come while it does."""

    def __init__(self, modules: Iterable[Module]) -> None:
        self._scope: dict[str, tuple[Module, tuple[int, ...]]] = {}
        self._modules: list[Module] = []
        self.reached = Reached(self._modules)
        self._code: list[tuple[Module, Function]] = []
        self._data: list[tuple[Module, int]] = []
        self._slots: set[tuple[str, int]] = set()
        self._work = 0
        for module in modules:
            self.add(module)

    def add(self, module: Module) -> None:
        """Load one more: its initialisers run, its symbols are found after those of the others."""
        self._modules.append(module)
        for name, addresses in module.exports.items():
            self._scope.setdefault(name, (module, addresses))

    def start(self, module: Module) -> None:
        """What is called in a module that is loaded, without being asked for."""
        for address in module.dynamic.starters:
            self.point(module, address)
        for start, size in module.dynamic.arrays:
            for slot in range(start, min(start + size, module.code.high), 8):
                self._slot(module, slot)
        if module.whole:
            for function in module.code.functions():
                self._enter(module, function.start)
        if module.go is None and module.whole:
            for slot in module.pointers:
                self._slot(module, slot)

    def point(self, module: Module, address: int) -> None:
        """The address is known to something that is reached."""
        if not module.code.is_code(address):
            module.add_edge(address)
            self._data.append((module, address))
        elif (word := module.code.stub(address)) is not None:
            self._slot(module, word)
        else:
            self._enter(module, address, pointed=True)
            self.reached.pointed.add((module.path, address))

    def export(self, module: Module, name: str) -> None:
        """The function is asked for by its name."""
        for address in module.exports.get(name, ()):
            self.point(module, address)

    def explore(self) -> None:
        """Follow everything that is not followed yet.

        Raises:
            BadContent: that is more than honest programs have.
        """
        while self._code or self._data:
            if self._code:
                self._follow(*self._code.pop())
            else:
                module, address = self._data.pop()
                slots = module.slots_of(address)
                self._count(len(slots) + len(module.edges) // _MOVED)
                for slot in slots:
                    self._slot(module, slot)

    def _count(self, work: int) -> None:
        self._work += work
        if self._work > ELF_WORK_MAX:
            raise BadContent(
                f"the programs of the image refer to each other more than {ELF_WORK_MAX} times",
                hint="name the one that is started: --entrypoint PROGRAM",
            )

    def _follow(self, module: Module, function: Function) -> None:
        if module.whole and (module.go is None or module.go.holds(function.start)):
            return  # all of it is reached already
        references = module.code.references(function)
        self._count(sum(map(len, references)))
        for place, target in references.branches:
            self._branch(Branch(module, function, place), module, target)
        for place, word in references.through:
            self._branch_through(Branch(module, function, place), module, word)
        for word in references.loads:
            self._slot(module, word)
        for address in references.addresses:
            self.point(module, address)

    def _branch(self, branch: Branch, module: Module, address: int) -> None:
        if not module.code.is_code(address):
            return
        if (word := module.code.stub(address)) is not None:
            self._branch_through(branch, module, word)
            return
        self._enter(module, address)
        self.reached.entered.setdefault((module.path, address), []).append(branch)

    def _branch_through(self, branch: Branch, module: Module, word: int) -> None:
        pointer = module.pointers.get(word)
        for target, address in () if pointer is None else self._targets(module, pointer):
            self._branch(branch, target, address)

    def _enter(self, module: Module, address: int, *, pointed: bool = False) -> None:
        function = module.code.function(address)
        if function is not None and pointed and address == function.start + 1:
            function = Function(address, function.end)  # returns from signals: their frames begin a byte earlier
        if function is not None and (module.path, function.start) not in self.reached.functions:
            self.reached.functions[module.path, function.start] = (module, function)
            self._code.append((module, function))

    def _slot(self, module: Module, slot: int) -> None:
        pointer = module.pointers.get(slot)
        if pointer is None or (module.path, slot) in self._slots:
            return
        self._slots.add((module.path, slot))
        for target, address in self._targets(module, pointer):
            self.point(target, address)

    def _targets(self, module: Module, pointer: Pointer) -> list[tuple[Module, int]]:
        found = self._scope.get(pointer.symbol) if pointer.symbol else None
        if found is not None:
            return [(found[0], address) for address in found[1]]
        if pointer.address:
            return [(module, pointer.address)]
        self.reached.missing.add(pointer.symbol)
        return []
