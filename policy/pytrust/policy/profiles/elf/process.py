"""One program with all that it loads: what of it can be reached, and which calls that makes."""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from pytrust.policy.profiles.elf.files import Files
from pytrust.policy.profiles.elf.module import Module
from pytrust.policy.profiles.elf.plugins import (
    LOADS,
    loads_by_name,
    looks_up_names,
    marked,
    module_marks,
    name_services,
    named_libraries,
)
from pytrust.policy.profiles.elf.reach import Explorer
from pytrust.policy.profiles.elf.search import Asker, Libraries
from pytrust.policy.profiles.elf.trace import Tracer
from pytrust.policy.profiles.elf.tree import Config, resolve

_MUSL_STAGES: Final = ("__dls2b", "__dls3")  # which it looks up by name, in itself
_ERRORS_FROM: Final = 0xFFFFF000  # of 32 bits: an error's number, which is no call's


class Calls(NamedTuple):
    """What one program reaches.

    ``numbers`` by the module that makes the call; ``reached`` counts functions by module; ``names`` are of functions
    that other modules can ask for; ``lost`` are places, a line each.
    """

    modules: tuple[tuple[Module, str], ...]
    numbers: dict[str, set[int]]
    reached: dict[str, int]
    names: set[str]
    lost: tuple[str, ...]


class Process:
    """One program, loaded as the linker would."""

    def __init__(self, files: Files, config: Config, path: str) -> None:
        self._files = files
        main = files.must(path)
        interpreter = resolve(files.tree, main.dynamic.interpreter) if main.dynamic.interpreter else None
        self._libraries = Libraries(files.tree, config, main.dynamic.interpreter)
        self._why: dict[str, str] = {}
        self._modules: dict[str, Module] = {}
        self._explorer = Explorer(())
        self._load(main, "a program")
        self._explorer.point(main, main.heads.entry)
        linker = None if interpreter is None else files.module(interpreter)
        if linker is not None:
            for name in self._libraries.preloaded():
                self._load_named(name, (self._asker(main),), "loaded into every program")
            self._load(linker, f"links {path}")
            self._explorer.point(linker, linker.heads.entry)
            for stage in _MUSL_STAGES:
                self._explorer.export(linker, stage)
        elif main.dynamic.interpreter:
            files.problems[f"{path}: the image does not have {main.dynamic.interpreter}, which starts it"] = None

    def run(self) -> Calls:
        """Follow everything; then what is loaded on the way, until nothing new comes."""
        known = -1
        while known != len(self._modules):
            known = len(self._modules)
            self._explorer.explore()
            names = self._names()
            self._load_plugins(names)
        return self._calls(names)

    def _calls(self, names: set[str]) -> Calls:
        reached = self._explorer.reached
        tracer = Tracer(reached)
        numbers: dict[str, set[int]] = {}
        counts: dict[str, int] = {}
        lost: dict[str, None] = {}
        for module, function in list(reached.functions.values()):
            counts[module.path] = counts.get(module.path, 0) + 1
            if not module.code.enters(function):
                continue
            for place, name in module.code.references(function).sites:
                if name != "syscall":
                    if tracer.alive(module, function, place):
                        lost[f"{module.place(place)}: calls the kernel as programs of 32 bits do"] = None
                    continue
                traced = tracer.trace(module, function, place)
                numbers.setdefault(module.path, set()).update(n for n in traced.numbers if n < _ERRORS_FROM)
                lost |= dict.fromkeys(_told(module.place(place), origin) for origin in traced.lost)
        modules = tuple((module, self._why[path]) for path, module in self._modules.items())
        return Calls(modules, numbers, counts, names, tuple(lost))

    def _names(self) -> set[str]:
        """Names of what is reached, among those that modules offer."""
        functions = self._explorer.reached.functions
        return {
            name
            for path, module in self._modules.items()
            for name, addresses in module.exports.items()
            if any((path, address) in functions for address in addresses)
        }

    def _load_plugins(self, names: set[str]) -> None:
        if looks_up_names(names):
            for name in name_services(self._files.tree, self._libraries):
                self._plug(name, next(iter(self._modules.values())), "looks up names", quiet=True)
        if not names.isdisjoint(LOADS):
            for module in [module for module in self._modules.values() if loads_by_name(module)]:
                for name in named_libraries(module):
                    self._plug(name, module, f"named in {module.path}", quiet=True)
        marks = module_marks(names)
        for path, dynamic in self._files.libraries() if marks else ():
            if path not in self._modules and marked(dynamic, marks):
                self._plug(path, next(iter(self._modules.values())), "a module of the program's kind", quiet=False)

    def _plug(self, name: str, asker: Module, why: str, *, quiet: bool) -> None:
        before = set(self._modules)
        self._load_named(name, (self._asker(asker),), why, quiet=quiet)
        for path in self._modules.keys() - before:
            if self._why[path] == why:
                for symbol in self._modules[path].exports:
                    self._explorer.export(self._modules[path], symbol)

    def _load_named(self, name: str, askers: tuple[Asker, ...], why: str, *, quiet: bool = False) -> None:
        found = self._libraries.find(name, askers)
        if found is not None and found in self._modules:
            return
        module = None if found is None else self._files.module(found)
        if module is not None:
            self._load(module, why, askers)
        elif found is None and not quiet:
            self._files.problems[f"{askers[0].path}: the image does not have {name}, which it needs"] = None

    def _load(self, module: Module, why: str, askers: tuple[Asker, ...] = ()) -> None:
        """Load a module and what it needs, breadth first, as the linker orders them."""
        todo, loaded = deque([(module, why, askers)]), list[Module]()
        while todo:
            module, why, askers = todo.popleft()
            if module.path in self._modules:
                continue
            self._modules[module.path] = module
            self._why[module.path] = why
            self._explorer.add(module)
            loaded.append(module)
            chain = (self._asker(module), *askers)
            todo += [(needed, f"needed by {module.path}", chain) for needed in self._needed(module, chain)]
        for one in loaded:  # only now are all names known
            self._explorer.start(one)

    def _needed(self, module: Module, chain: tuple[Asker, ...]) -> list[Module]:
        found: list[Module] = []
        for name in module.dynamic.needed:
            path = self._libraries.find(name, chain)
            if path is None:
                self._files.problems[f"{module.path}: the image does not have {name}, which it needs"] = None
            elif (needed := self._files.module(path)) is not None:
                found.append(needed)
        return found

    @staticmethod
    def _asker(module: Module) -> Asker:
        return Asker(module.path, module.dynamic.rpath, module.dynamic.runpath)


def _told(place: str, origin: str) -> str:
    source = "" if origin == place else f", but comes from {origin}"
    return f"{place}: a call whose number is not in the code{source}"
