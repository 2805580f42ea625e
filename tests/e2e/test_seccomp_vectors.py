"""libseccomp's own simulation vectors: what its tests expect of a filter, our meaning and our programs say, too.

Its tests are run with a module in libseccomp's place that notes what they ask for. Numbers that are no calls stand for
calls that are not asked about. What cannot be said in a profile of Docker is counted, so that it stays as it is: filters
that were merged, rules for -1, and architectures of other byte orders.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from tests.rig import libseccomp
from tests.rig.needs import need
from tests.rig.processes import RigError

from pytrust.policy.profiles.model import U64_MAX, Arg, Resolved, Rule
from pytrust.policy.profiles.names import DEFAULT_CAPABILITIES, X86_64, Action, Arch, Generation, GoArch, Op, Syscall
from pytrust.policy.profiles.seccomp.bpf import Program, program_bytes, run, unknown_calls_stub, words_of
from pytrust.policy.profiles.seccomp.compile import compile_program, system_arch, unknown_names
from pytrust.policy.profiles.seccomp.docker_default import docker_default
from pytrust.policy.profiles.seccomp.evaluate import Args, decide_in
from pytrust.policy.profiles.seccomp.resolve import Host, resolve
from pytrust.policy.profiles.seccomp.runc import filter_of
from pytrust.policy.profiles.seccomp.syscalls import KNOWN_ARCHES, MULTIPLEXED, X32_BIT, X86, is_wide, names, table
from pytrust.policy.profiles.seccomp.verdict import from_value
from pytrust.trust.errors import BadContent

RECORDER: Final = Path(__file__).parents[1] / "rig/seccomp_recorder.py"  # a program: what it imports need not be here
OPS: Final = {1: Op.NE, 2: Op.LT, 3: Op.LE, 4: Op.EQ, 5: Op.GE, 6: Op.GT, 7: Op.MASKED_EQ}
SHORT: Final = {arch.removeprefix("SCMP_ARCH_").lower(): arch for arch in KNOWN_ARCHES}
GROUPS: Final = {
    "all": ["x86_64"],
    "all_le": ["x86_64"],
    "all_64": ["x86_64"],
    "+all_le": [*SHORT],
    "+all_64": ["x86_64", "aarch64"],
}
GROUPS["+all_32"] = [short for short in SHORT if short not in GROUPS["+all_64"]]
SPARE: Final = [name for name, number in table(X86_64).items() if 424 <= number <= 450]
UNSAYABLE: Final = {"17-sim-arch_merge", "35-sim-negative_one", "29-sim-pseudo_syscall"}
BEYOND_PYSECCOMP: Final = {"loongarch64", "m68k", "sh", "sheb"}
OTHER_ORDER: Final = {"26-sim-arch_all_be_basic", "33-sim-socket_syscalls_be", "37-sim-ipc_syscalls_be"}


class Vector(NamedTuple):
    """One call and what is expected of it."""

    arch: Arch
    number: int
    args: Args
    expected: str


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need(libseccomp.missing())
    need("" if system_arch() == X86_64 else "the vectors are read as on x86-64")
    try:
        return libseccomp.fetch(tmp_path_factory.mktemp("libseccomp"))
    except RigError as error:
        need(f"the source of libseccomp does not come: {error}")
        raise


def asked(test: Path) -> dict[str, Any]:
    """What a test asks of libseccomp."""
    words = [sys.executable, str(RECORDER), test.name]
    done = subprocess.run(words, cwd=test.parent, capture_output=True, check=True, timeout=60)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def numbering(found: dict[str, Any]) -> dict[int, Syscall]:
    """Calls that stand for numbers that are none."""
    numbers = {rule[1] for rule in found["rules"] if isinstance(rule[1], int) and rule[1] not in names(X86_64)}
    return dict(zip(sorted(numbers), SPARE, strict=False))


def profile(found: dict[str, Any]) -> Resolved:
    standing = numbering(found)
    default = from_value(found["default"])
    rules = []
    for value, call, args in found["rules"]:
        verdict = from_value(value)
        name = call if isinstance(call, str) else standing.get(call) or names(X86_64)[call]
        conditions = tuple(
            Arg(index=index, op=OPS[op], value=first & U64_MAX, second=second & U64_MAX)
            for index, op, first, second in args
        )
        rules.append(Rule(names=(Syscall(name),), action=verdict.action, errno=verdict.errno, args=conditions))
    arches = tuple(Arch(f"SCMP_ARCH_{name.upper()}") for name in found["arches"] if name not in BEYOND_PYSECCOMP)
    return Resolved(default=default.action, default_errno=default.errno, architectures=arches, rules=tuple(rules))


def vectors(file: Path, standing: dict[int, Syscall]) -> Iterator[Vector]:
    """Those of its lines that are about architectures we know."""
    simulated = False
    for line in file.read_text().splitlines():
        if line.startswith("test type:"):
            simulated = line.split()[-1] == "bpf-sim"
        elif simulated and line.strip() and not line.startswith("#"):
            words = line.split()
            for short in wanted(words[1]):
                for number in numbers_of(words[2], SHORT[short], standing):
                    for args in product(*map(values, words[3:9])):
                        yield Vector(SHORT[short], number, (*args,), words[9])  # type: ignore[arg-type]


def wanted(text: str) -> list[str]:
    """As the test runner reads it, on x86-64."""
    found: list[str] = []
    for word in text.split(","):
        if word in GROUPS:
            found += GROUPS[word]
        elif word.startswith("+"):
            found.append(word[1:])
        elif word == "x86_64":
            found.append(word)
    without = {word[1:] for word in text.split(",") if word.startswith("-")}
    return [short for short in dict.fromkeys(found) if short in SHORT and short not in without]


def numbers_of(text: str, arch: Arch, standing: dict[int, Syscall]) -> Iterator[int]:
    """Numbers that a profile can mean."""
    if not text.lstrip("-")[:1].isdigit():
        call = MULTIPLEXED[Syscall(text)][0] if arch == X86 and text in MULTIPLEXED else Syscall(text)
        if call in table(arch):
            yield table(arch)[call]
        return
    for number in values(text):
        yield table(arch)[standing[number]] if number in standing else number


def values(text: str) -> list[int]:
    if text == "N":
        return [0]
    first, dash, last = text.partition("-") if not text.startswith("-") else (text, "", "")
    return list(range(int(first, 0), int(last, 0) + 1)) if dash else [int(first, 0) & U64_MAX]


def without_stub(resolved: Resolved, arches: tuple[Arch, ...]) -> Program:
    """What libseccomp alone makes of a profile."""
    program = compile_program(resolved, arches[0])
    return program[len(unknown_calls_stub(resolved, unknown_names(resolved))) :]


def check(test: Path) -> int:
    """Compare every vector; gives how many there are."""
    found = asked(test)
    resolved, count = profile(found), 0
    program = without_stub(resolved, resolved.architectures)
    for one in vectors(test.with_suffix(".tests"), numbering(found)):
        said = str(run(program, words_of(one.arch, one.number, one.args)))
        loaded = filter_of(resolved, one.arch, unknown_names(resolved))._replace(last=None)
        meant = str(decide_in(loaded, one.number, one.args, wide=is_wide(one.arch)).verdict)
        meant = meant if one.arch in resolved.architectures else "KILL"
        assert (said.replace("KILL_THREAD", "KILL"), meant.replace("KILL_THREAD", "KILL")) == (one.expected,) * 2, (
            test,
            one,
        )
        count += 1
    return count


def test_every_vector_that_a_profile_can_say(source: Path) -> None:
    outcome: Counter[str] = Counter()
    tests = [file.with_suffix(".py") for file in (source / "tests").glob("*.tests") if "bpf-sim\n" in file.read_text()]
    for test in sorted(tests):
        if test.stem in UNSAYABLE | OTHER_ORDER:
            outcome["unsayable"] += 1
            continue
        outcome["vectors"] += check(test)
        outcome["tests"] += 1
    assert outcome["unsayable"] == len(UNSAYABLE | OTHER_ORDER)
    assert outcome["tests"] == len(tests) - outcome["unsayable"] >= 34
    assert outcome["vectors"] > 5000


def test_what_cannot_be_said(source: Path) -> None:
    for name in UNSAYABLE:
        found = asked(source / "tests" / f"{name}.py")
        odd = [rule[1] for rule in found["rules"] if rule[1] in {-1, -10001, "sysmips"}]
        assert found["other"] or odd, name
    for name in OTHER_ORDER:
        resolved = profile(asked(source / "tests" / f"{name}.py"))
        with pytest.raises(BadContent, match="cannot be filtered"):
            compile_program(resolved, X86_64)


def test_the_simulator_of_libseccomp_agrees_on_programs(source: Path, tmp_path: Path) -> None:
    """A few hundred calls under Docker's default: it is a process for each. The stub has an instruction it does not know."""
    simulator, chance = libseccomp.build_simulator(source), random.Random(3)
    host = Host(GoArch("amd64"), (6, 1), DEFAULT_CAPABILITIES, Generation.FROM_23)
    program = without_stub(resolve(docker_default(), host), (X86_64,))
    file = tmp_path / "program"
    file.write_bytes(program_bytes(program))
    for _ in range(300):
        short = chance.choice(["x86_64", "x86", "x32", "aarch64"])
        number = chance.choice([*table(SHORT[short]).values(), 600, 56, 41, 135, X32_BIT + 41])
        args = [
            chance.choice([0, 2, 8, 38, 39, 40, 0x7E020000, 0x10000000, 0xFFFFFFFF, U64_MAX, chance.getrandbits(64)])
            for _ in range(6)
        ]
        words = [f"-{place}{value}" for place, value in enumerate(args)]
        done = subprocess.run(
            [simulator, "-f", file, "-a", short, f"-s{number}", *words],
            capture_output=True,
            check=True,
            text=True,
            timeout=10,
        )
        said = str(run(program, words_of(SHORT[short], number, args)))
        assert said == done.stdout.strip().replace("KILL", "KILL_THREAD"), (short, number, args)


def test_docker_actions_are_those_of_the_vectors() -> None:
    """``KILL`` there is the thread's."""
    assert str(from_value(0)) == "KILL_THREAD"
    assert from_value(0x80000000).action is Action.KILL_PROCESS
