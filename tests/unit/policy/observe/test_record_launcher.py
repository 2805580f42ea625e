"""The launcher is a program that any Linux takes: one segment, which holds all of it and is not written to."""

from __future__ import annotations

import io

import pytest
from elftools.elf.elffile import ELFFile

from pytrust.policy.observe.launcher import FOLDER, SOCKET_NAME, floor_program, launcher


@pytest.mark.parametrize("file", [launcher(), floor_program()])
def test_the_file_is_one_segment(file: bytes) -> None:
    elf = ELFFile(io.BytesIO(file))
    assert (elf["e_type"], elf["e_machine"], elf.num_segments()) == ("ET_EXEC", "EM_X86_64", 1)
    segment = elf.get_segment(0)
    assert segment["p_type"] == "PT_LOAD"
    assert segment["p_flags"] == 5  # read, execute
    assert segment["p_filesz"] == segment["p_memsz"] == len(file)
    assert segment["p_vaddr"] % segment["p_align"] == segment["p_offset"] == 0
    assert segment["p_vaddr"] < elf["e_entry"] < segment["p_vaddr"] + len(file)


def test_it_knows_where_its_supervisor_is() -> None:
    assert f"{FOLDER}/{SOCKET_NAME}\0".encode() in launcher()
    assert len(launcher()) < 512
