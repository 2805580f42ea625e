"""The registers of x86-64 by all their names, and which instructions change them."""

from __future__ import annotations

from typing import Final

_NUMBERED: Final = range(8, 16)
_OLD: Final = {"rax": "eax ax al", "rbx": "ebx bx bl", "rcx": "ecx cx cl", "rdx": "edx dx dl"} | {
    "rsi": "esi si sil",
    "rdi": "edi di dil",
    "rbp": "ebp bp bpl",
    "rsp": "esp sp spl",
}
FAMILY: Final = (
    {part: whole for whole, parts in _OLD.items() for part in (whole, *parts.split())}
    | {f"r{number}{suffix}": f"r{number}" for number in _NUMBERED for suffix in ("", "d", "w", "b")}
    | {f"{letter}h": f"r{letter}x" for letter in "abcd"}
)
WIDE: Final = frozenset({*_OLD, *(parts.split()[0] for parts in _OLD.values())}) | {
    f"r{number}{suffix}" for number in _NUMBERED for suffix in ("", "d")
}
LOW: Final = frozenset({"al", "bl", "cl", "dl", "sil", "dil", *(f"r{number}b" for number in _NUMBERED)})
_CALLEE_KEEPS: Final = frozenset({"rbx", "rbp", "rsp", "r12", "r13", "r14", "r15"})
_READS: Final = frozenset({"cmp", "test", "push", "nop", "bt", "ret", "jmp", "endbr64", "ud2", "prefetcht0"})
MOVES: Final = frozenset({"mov", "movabs", "movsxd", "movzx"})
CLEARS: Final = frozenset({"xor", "sub"})
_ALSO: Final = {
    "syscall": {"rax", "rcx", "r11"},
    "mul": {"rax", "rdx"},
    "div": {"rax", "rdx"},
    "idiv": {"rax", "rdx"},
    "cdq": {"rdx"},
    "cqo": {"rdx"},
    "cpuid": {"rax", "rbx", "rcx", "rdx"},
    "rdtsc": {"rax", "rdx"},
    "xgetbv": {"rax", "rdx"},
    "cmpxchg": {"rax"},
    "lock cmpxchg": {"rax"},
}
_STRINGS: Final = {"rcx", "rdi", "rsi"}


def wide_names(register: str) -> frozenset[str]:
    """Names of a register that tell all of a number in it."""
    return frozenset(name for name, family in FAMILY.items() if family == register and name in WIDE)


def is_number(text: str) -> bool:
    """The operand is a constant."""
    return text[:1].isdigit() or (text[:1] == "-" and text[1:2].isdigit())


def writes(name: str, target: str, register: str) -> bool:
    """An instruction whose first operand is ``target`` changes the register."""
    if name == "call":
        return register not in _CALLEE_KEEPS
    if register in _ALSO.get(name, ()) or (name.startswith("rep") and register in _STRINGS):
        return True
    if name.startswith(("xchg", "xadd", "lock xadd")):
        return True
    if name in _READS or name[0] == "j" or name.startswith("prefetch"):
        return False
    return FAMILY.get(target) == register
