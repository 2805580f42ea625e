"""Which number a program puts into a register before it enters the kernel, followed backwards through the code.

A value is followed through registers and the stack, along every way that leads to the place, and from the beginning of
a function into everything that calls it: so ``syscall(SYS_gettid)`` is found, and what Go's and musl's own wrappers are
given. Where it comes from memory, from arithmetic or from a caller that is only known by a pointer, there is no number,
and the place is told.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from pytrust.policy.profiles.elf.body import Body, read_body
from pytrust.policy.profiles.elf.code import Function
from pytrust.policy.profiles.elf.module import Module
from pytrust.policy.profiles.elf.reach import Branch, Reached
from pytrust.policy.profiles.elf.registers import CLEARS, FAMILY, LOW, MOVES, WIDE, is_number, wide_names, writes
from pytrust.trust.limits import ELF_SITE_MAX_BYTES, ELF_TRACE_ALL_MAX, ELF_TRACE_STEPS_MAX

Location = str | int
"""Where a value lies: a register by the name of its 64 bits, or a place in the stack from where it was at the entry."""

_SUM: Final = re.compile(r"\[([a-z0-9]+)(?: ([+-]) (0x[0-9a-f]+|[0-9]+))?\]")
_VARIABLE: Final = re.compile(r"\[rip ([+-]) (0x[0-9a-f]+)\]")
_CALLS_MAX: Final = 1024  # numbers of calls are smaller
_RETURN: Final = 8  # bytes of the return address
_NUMBER_MAX: Final = 1 << 32


class State(NamedTuple):
    """A value that is looked for: before which instruction of which function, where it lies, what is added to it."""

    module: Module
    function: Function
    number: int
    location: Location
    added: int

    @property
    def key(self) -> tuple[str, int, int, Location, int]:
        """What tells it from others."""
        return (self.module.path, self.function.start, self.number, self.location, self.added)


class Traced(NamedTuple):
    """The numbers that may stand there, and the places beyond which they could not be followed."""

    numbers: frozenset[int]
    lost: tuple[str, ...]


class Tracer:
    """Follows values through what was reached."""

    def __init__(self, reached: Reached) -> None:
        self._reached = reached
        self._bodies: dict[tuple[str, int], Body | None] = {}
        self._values: dict[str, frozenset[int]] = {}
        self.left = ELF_TRACE_ALL_MAX

    def trace(self, module: Module, function: Function, place: int) -> Traced:
        """The numbers in ``rax`` where the kernel is entered."""
        body = self._body(module, function)
        at = None if body is None else body.index.get(place)
        if at is None:
            return Traced(frozenset(), (module.place(place),))
        return _Search(self).run(State(module, function, at, "rax", 0))

    def alive(self, module: Module, function: Function, place: int) -> bool:
        """Some way leads there from where the function is entered; if not, it is a table that looks like code."""
        body = self._body(module, function)
        number = None if body is None else body.index.get(place)
        if body is None or number is None:
            return True
        todo, seen = [number], {number}
        while todo:
            here = todo.pop()
            key = (module.path, body.listing[here][0])
            if here == 0 or key in self._reached.entered or key in self._reached.pointed:
                return True
            before = (source for source in body.before[here] if body.listing[source][2] != ".byte")
            fresh = [source for source in before if source not in seen]
            seen.update(fresh)
            todo += fresh
        return False

    def _body(self, module: Module, function: Function) -> Body | None:
        if function.end - function.start > ELF_SITE_MAX_BYTES:
            return None
        key = (module.path, function.start)
        if key not in self._bodies:
            self._bodies[key] = read_body(list(module.code.instructions(function)))
        return self._bodies[key]

    def body(self, state: State) -> Body | None:
        """The function that a state is in; None where it is too large to be followed."""
        return self._body(state.module, state.function)

    def entered(self, state: State, body: Body) -> tuple[list[Branch], bool]:
        """Who comes to the instruction of a state from another function, and whether others may by a pointer."""
        module, address = state.module, body.listing[state.number][0]
        branches = list(self._reached.entered.get((module.path, address), ()))
        if state.number == 0:
            branches += [Branch(module, found, at) for at, found in self._go_callers(module, address)]
        pointed = (module.path, address) in self._reached.pointed
        return branches, pointed or (module.go is not None and address in self._targets(module))

    def _targets(self, module: Module) -> frozenset[int]:
        """What words of a Go program point at: functions that are values."""
        if module.path not in self._values:
            self._values[module.path] = frozenset(pointer.address for pointer in module.pointers.values())
        return self._values[module.path]

    def _go_callers(self, module: Module, address: int) -> list[tuple[int, Function]]:
        found = ((at, module.code.function(at)) for at in module.callers.get(address, ()))
        return [(at, function) for at, function in found if function is not None]


class _Search:
    """One search: a value, and every way backwards from where it is wanted."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._todo: list[State] = []
        self._seen: set[tuple[str, int, int, Location, int]] = set()
        self._numbers: set[int] = set()
        self._lost: dict[str, None] = {}

    def run(self, state: State) -> Traced:
        self._push(state)
        most = min(ELF_TRACE_STEPS_MAX, self._tracer.left)
        while self._todo and len(self._seen) <= most:
            self._step(self._todo.pop())
        self._tracer.left -= len(self._seen)
        if self._todo:
            self._lose(state)
        return Traced(frozenset(self._numbers), tuple(self._lost))

    def _push(self, state: State) -> None:
        if state.key not in self._seen:
            self._seen.add(state.key)
            self._todo.append(state)

    def _lose(self, state: State) -> None:
        body = self._tracer.body(state)
        address = state.function.start if body is None else body.listing[state.number][0]
        self._lost[state.module.place(address)] = None

    def _step(self, state: State) -> None:
        """Look at what may come before the instruction of ``state``."""
        body = self._tracer.body(state)
        if body is None:
            self._lose(state)
            return
        for source in body.before[state.number]:
            if body.jumps_on_zero(source, state.number, _names(state.location)):
                self._found(state, 0)
            elif body.calls(source, state.number):
                self._into_caller(Branch(state.module, state.function, body.listing[source][0]), state)
            else:
                self._pass(body, source, state)
        branches, pointed = self._tracer.entered(state, body)
        for branch in branches:
            self._into_caller(branch, state)
        alone = state.number == 0 and not branches and not body.before[0]
        if pointed or alone:  # elsewhere, where nothing leads, padding and tables are read as code
            self._lose(state)

    def _into_caller(self, branch: Branch, state: State) -> None:
        body = self._tracer.body(State(branch.module, branch.function, 0, "rax", 0))
        at = None if body is None else body.index.get(branch.place)
        if body is None or at is None:
            self._lost[branch.module.place(branch.place)] = None
            return
        location = state.location
        if isinstance(location, int):
            here = body.stack[at]
            if here is None or location < _RETURN:
                self._lost[branch.module.place(branch.place)] = None
                return
            location += here - (_RETURN if body.listing[at][2] == "call" else 0)
        before = State(branch.module, branch.function, at, location, state.added)
        if body.leaves(at):
            self._push(before)
        else:  # it falls into what lies behind it
            self._pass(body, at, before)

    def _pass(self, body: Body, source: int, state: State) -> None:
        """Step over one instruction, backwards."""
        _, _, name, operands = body.listing[source]
        here = state._replace(number=source)
        if isinstance(state.location, int):
            self._pass_stack(body, here, name, operands)
        else:
            self._pass_register(body, here, name, operands)

    def _pass_stack(self, body: Body, state: State, name: str, operands: str) -> None:
        target, _, value = operands.partition(", ")
        pushed = body.stack[state.number]
        if name == "push" and pushed is not None and pushed - 8 == state.location:
            self._take(body, state, operands)
        elif name in MOVES and "[" in target and body.offset(state.number, target) == state.location:
            self._take(body, state, value)
        else:
            self._push(state)

    def _pass_register(self, body: Body, state: State, name: str, operands: str) -> None:
        target, _, value = operands.partition(", ")
        if not writes(name, target, str(state.location)):
            self._push(state)
        elif name in MOVES and (target in WIDE or name == "movzx"):
            self._take(body, state, value)
        elif name == "mov" and target in LOW and is_number(value):
            self._found(state, int(value, 0) & 0xFF)  # the rest was cleared before
        elif name in CLEARS and target == value:
            self._found(state, 0)
        elif name == "lea" and (found := _SUM.fullmatch(value)) and found[1] in WIDE:
            distance = int(found[3], 0) if found[3] else 0
            added = state.added + (-distance if found[2] == "-" else distance)
            self._push(state._replace(location=FAMILY[found[1]], added=added))
        elif name == "pop" and (here := body.stack[state.number]) is not None:
            self._push(state._replace(location=here))
        elif name == "call" and (state.location != "rax" or body.ends_at_call(state.number)):
            if state.location != "rax":  # compilers know which registers a function of their own leaves alone
                self._push(state)
        elif name.startswith("cmov"):
            self._push(state)
            self._take(body, state, value)
        else:
            self._calculated(body, state, name, value)

    def _calculated(self, body: Body, state: State, name: str, value: str) -> None:
        if name in {"add", "sub"} and is_number(value):
            amount = int(value, 0)
            self._push(state._replace(added=state.added + (amount if name == "add" else -amount)))
        elif name == "or" and value in {"-1", "0xffffffff", "0xffffffffffffffff"}:
            self._found(state, -1)
        elif name == "cdqe":
            self._push(state)
        else:
            self._lose(state)
        _ = body

    def _take(self, body: Body, state: State, value: str) -> None:
        """The value comes from an operand."""
        if is_number(value):
            self._found(state, int(value, 0))
        elif value in FAMILY:
            self._push(state._replace(location=FAMILY[value]))
        elif "[" in value and (offset := body.offset(state.number, value)) is not None:
            self._push(state._replace(location=offset))
        elif not self._variable(body, state, value):
            self._lose(state)

    def _variable(self, body: Body, state: State, value: str) -> bool:
        """What a variable holds at first; whether that is all it can hold. Go's that have a number keep it."""
        found = _VARIABLE.search(value)
        if found is None:
            return False
        place, length, _, _ = body.listing[state.number]
        module = state.module
        offset = module.heads.offset_of(place + length + int(found[1] + found[2], 0))
        number = 0 if offset is None else int.from_bytes(module.heads.data[offset : offset + 4], "little")
        if not 0 < number < _CALLS_MAX:
            return False
        self._found(state, number)
        return module.go is not None

    def _found(self, state: State, number: int) -> None:
        self._numbers.add((number + state.added) % _NUMBER_MAX)


def _names(location: Location) -> frozenset[str]:
    return wide_names(location) if isinstance(location, str) else frozenset()
