"""Asks the kernel what it does with calls under a filter: a program of its own, started by ``kernel_check``.

It needs the standard library alone, and never returns into its starter. What is asked stands in a table in shared
memory; a process that is forked for it gives up its rights, and then runs a loop of machine code (x86-64) over the
table: two calls that load the filter, and those that are asked about, of x86-64 or of 32-bit x86. The loop makes no
other call, so that no filter can keep it from working; it ends by being killed. A call that kills it is noted, and the
next process goes on behind.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import resource
import signal
import struct
import sys
import time

_ROW = struct.Struct("=8Q")  # number, six arguments, what came back
_NOBODY = 65534
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_MODE_FILTER = 2
_SYS_PRCTL = 157
_LOADING = 2  # rows before those that are asked about
_POLL = 0.0005  # seconds
_MASK = 2**64 - 1

NARROW = 1 << 63  # in a row's number: a call of 32-bit x86

# The first eleven registers are a call's; r13 is at the table's next row, r14 counts those left, r12 is at those done.
_WIDE_CALL = bytes.fromhex(
    "498b7d08498b7510498b5518"  # mov rdi, [r13+8]; rsi, [r13+16]; rdx, [r13+24]
    "4d8b55204d8b45284d8b4d30"  # mov r10, [r13+32]; r8, [r13+40]; r9, [r13+48]
    "0f05"  # syscall
)
_NARROW_CALL = bytes.fromhex(
    "498b5d08498b4d10498b5518"  # mov rbx, [r13+8]; rcx, [r13+16]; rdx, [r13+24]
    "498b7520498b7d28498b6d30"  # mov rsi, [r13+32]; rdi, [r13+40]; rbp, [r13+48]
    "cd80"  # int 0x80
)
_BODY = (
    bytes.fromhex("498b4500480fbae03f72")  # mov rax, [r13]; bt rax, 63; jc to the narrow call
    + bytes((len(_WIDE_CALL) + 2,))
    + _WIDE_CALL
    + bytes((0xEB, len(_NARROW_CALL)))  # jmp behind it
    + _NARROW_CALL
    + bytes.fromhex("4989453849ff04244983c54049ffce")  # mov [r13+56], rax; inc qword [r12]; add r13, 64; dec r14
)
_CODE = (
    bytes.fromhex("4989fd4989f64989d4")  # mov r13, rdi; mov r14, rsi; mov r12, rdx
    + bytes.fromhex("4d85f674")  # test r14, r14; jz behind the loop
    + bytes((len(_BODY) + 2,))
    + _BODY
    + b"\xeb"  # jmp to the test
    + struct.pack("b", -(len(_BODY) + 7))
    + bytes.fromhex("49c744240801000000f390ebfc")  # mov qword [r12+8], 1: all done; pause; jmp to the pause
)


def main() -> None:
    """One request on stdin, one answer on stdout: a number for each call, or null where it killed the process."""
    asked = json.load(sys.stdin)
    program, calls = bytes.fromhex(asked["program"]), asked["calls"]
    deadline = time.monotonic() + asked["seconds"]
    answers: list[int | None] = []
    while len(answers) < len(calls):
        answers += _some(program, calls[len(answers) :], deadline)
    json.dump(answers, sys.stdout)


def _some(program: bytes, calls: list[list[int]], deadline: float) -> list[int | None]:
    """The answers of one process: those of all calls, or up to the one that killed it."""
    rows = len(calls) + _LOADING
    memory = mmap.mmap(-1, 16 + rows * _ROW.size)
    code = mmap.mmap(-1, len(_CODE), prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(_CODE)
    held = ctypes.create_string_buffer(program, max(len(program), 1))
    loading = ctypes.create_string_buffer(struct.pack("=H6xQ", len(program) // 8, ctypes.addressof(held)))
    _fill(memory, calls, ctypes.addressof(loading) if program else 0)
    child = os.fork()
    if not child:
        _ask(memory, code, rows)
    died = _watch(child, memory, deadline)
    done = struct.unpack_from("=Q", memory)[0]
    found = [_ROW.unpack_from(memory, 16 + place * _ROW.size)[7] for place in range(done)]
    if done < _LOADING or any(value for value in found[:_LOADING]):
        sys.exit("the filter could not be loaded")
    if died not in {0, signal.SIGSYS}:
        sys.exit(f"call {calls[done - _LOADING]} ended the process")
    return [*(value - (value >> 63 << 64) for value in found[_LOADING:]), *([None] if died else [])]


def _fill(memory: mmap.mmap, calls: list[list[int]], loading: int) -> None:
    first = [_SYS_PRCTL, _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0]
    second = [_SYS_PRCTL, _PR_SET_SECCOMP, _MODE_FILTER, loading, 0, 0, 0] if loading else first
    for place, (number, *args) in enumerate([first, second, *calls]):
        _ROW.pack_into(memory, 16 + place * _ROW.size, number, *(arg & _MASK for arg in args), 0)


def _ask(memory: mmap.mmap, code: mmap.mmap, rows: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    table = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    loop = ctypes.CFUNCTYPE(None, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64)(
        ctypes.addressof(ctypes.c_char.from_buffer(code))
    )
    loop(table + 16, rows, table)


def _watch(child: int, memory: mmap.mmap, deadline: float) -> int:
    """The signal that ended it, 0 where it did everything that was asked."""
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.WTERMSIG(status) or -1
        if struct.unpack_from("=Q", memory, 8)[0]:
            break
        time.sleep(_POLL)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    if not struct.unpack_from("=Q", memory, 8)[0]:
        sys.exit("a call did not return")
    return 0


if __name__ == "__main__":
    main()
