"""Instructions of x86-64, as capstone tells them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, cast

from pytrust.trust.errors import BadContent, UsageError
from pytrust.trust.limits import ELF_CODE_MAX_BYTES

if TYPE_CHECKING:
    from capstone import Cs

Instruction = tuple[int, int, str, str]
"""Address, length, mnemonic and operands: ``(0x1000, 5, "mov", "eax, 0x3c")``."""

_HINT: Final = "pip install 'pytrust[static]'"
_CHUNK: Final = 64 * 1024  # bytes given to capstone at once: it takes 250 bytes of memory for an instruction
_LONGEST: Final = 15  # bytes of an instruction


class Disassembler:
    """Reads machine code, up to a limit in all; bytes that are no instruction are passed over one by one."""

    def __init__(self) -> None:
        self._capstone = _capstone()
        self._left = ELF_CODE_MAX_BYTES

    def instructions(self, code: bytes, address: int) -> Iterator[Instruction]:
        """What ``code``, which lies at ``address``, does, from its first byte to its last.

        Raises:
            BadContent: more was read than any image needs.
        """
        self._left -= len(code)
        if self._left < 0:
            raise BadContent(
                f"the programs of the image have more than {ELF_CODE_MAX_BYTES} bytes of code to look at",
                hint="name the one that is started: --entrypoint PROGRAM",
            )
        if len(code) <= _CHUNK:
            return cast("Iterator[Instruction]", self._capstone.disasm_lite(code, address))
        return self._in_chunks(code, address)

    def _in_chunks(self, code: bytes, address: int) -> Iterator[Instruction]:
        at = 0
        while at < len(code):
            end = at + _CHUNK
            for instruction in self._capstone.disasm_lite(code[at : end + _LONGEST], address + at):
                if instruction[0] >= address + end:
                    break
                yield instruction
                at = instruction[0] + instruction[1] - address


def _capstone() -> Cs:
    try:
        import capstone
    except ImportError as error:
        raise UsageError("programs cannot be looked at: the library capstone is not installed", hint=_HINT) from error
    made = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    made.skipdata = True
    return made
