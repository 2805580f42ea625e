"""How long it takes to read a report of Trivy, and in how much memory: 100 MB of findings and packages, made here.

Beside ``jq``, which counts severities in the same file.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.vectors.trivy import make

from bench.harness import alternate, command, report

_FINDINGS: Final = 21_234
_LARGE: Final = 100e6  # bytes; what figures are given for
_SMALL: Final = 320  # findings in 1.5 MB
_ROUNDS: Final = 5
_JQ_GOAL, _COMMAND_GOAL = 3.0, 2.5  # times as fast
_GOAL, _FULL_GOAL, _SMALL_GOAL = 0.4, 1.5, 0.05  # seconds
_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
_MEMORY_GOAL, _FULL_MEMORY_GOAL = 250, 400  # MiB over what a started program has
_COUNT: Final = "[.Results[].Vulnerabilities[]?.Severity] | group_by(.) | map({(.[0]): length}) | add"
_OURS: Final = """
import sys
from collections import Counter
from pytrust.scanner import read_report
with open(sys.argv[1], "rb") as file:
    print(Counter(finding.severity.name for finding in read_report(file.read()).findings))
"""
_MEMORY: Final = """
import sys
from pytrust.scanner import read_report, {name}
read_report(b"[]", legacy=True)
def highest():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
before = highest()
with open(sys.argv[1], "rb") as file:
    kept = {name}(file.read(){more})
print(highest() - before)
"""
_TEXT: Final = 'A crafted "input" with <tags> & more\nleads to a heap overflow in the parser of headers. '
_WORDS: Final = ("LOW", "MEDIUM", "HIGH", "CRITICAL", "UNKNOWN")


def parse() -> None:
    """From the file to findings: in a program that runs, as a command with all that starts it, and without the file."""
    from pytrust.scanner import read_report

    with large() as (path, size):
        work = (lambda: read_report(path.read_bytes()), command([sys.executable, "-c", _OURS, path], {}))
        ours, started, theirs = alternate(*work, command(["jq", _COUNT, path], {"PATH": _PATH}), rounds=_ROUNDS)
        data = path.read_bytes()
        seconds = _per_100mb(lambda: read_report(data), size)
    report("scan.parse", "s", ours, _JQ_GOAL, peer=theirs, peer_name="jq", ratio=theirs / ours)
    report("scan.parse_command", "s", started, _COMMAND_GOAL, peer=theirs, peer_name="jq", ratio=theirs / started)
    report("scan.parse_alone", "s for 100 MB", seconds, 1.0, ratio=_GOAL / seconds)


def parse_memory() -> None:
    """The most that a process holds beyond what it has when it is started, the file included."""
    with large() as (path, size):
        used = _memory("read_report", "", path) * _LARGE / size
    report("scan.parse_memory", "MiB for 100 MB", used, 1.0, ratio=_MEMORY_GOAL / used)


def parse_full() -> None:
    """With texts for people, and Trivy's whole model."""
    from pytrust.scanner import read_model, read_report

    with large() as (path, size):
        data = path.read_bytes()
        for name, read in (("details", lambda: read_report(data, details=True)), ("model", lambda: read_model(data))):
            seconds = _per_100mb(read, size)
            report(f"scan.parse_full_{name}", "s for 100 MB", seconds, 1.0, ratio=_FULL_GOAL / seconds)
        for name, more in (("read_report", ", details=True"), ("read_model", "")):
            used = _memory(name, more, path) * _LARGE / size
            report(f"scan.parse_full_memory_{name}", "MiB for 100 MB", used, 1.0, ratio=_FULL_MEMORY_GOAL / used)


def parse_small() -> None:
    """What real images have at most."""
    from pytrust.scanner import read_report

    data = "".join(pieces(_SMALL)).encode()
    (seconds,) = alternate(lambda: read_report(data, details=True))
    report("scan.parse_small", f"ms for {len(data) / 1e6:.1f} MB", seconds * 1e3, 1.0, ratio=_SMALL_GOAL / seconds)


def _per_100mb(read: Callable[[], object], size: int) -> float:
    (seconds,) = alternate(read, rounds=_ROUNDS)
    return seconds * _LARGE / size


def _memory(name: str, more: str, path: Path) -> float:
    words = [sys.executable, "-c", _MEMORY.format(name=name, more=more), str(path)]
    return float(subprocess.run(words, check=True, capture_output=True).stdout)


@contextmanager
def large() -> Iterator[tuple[Path, int]]:
    """A report of 100 MB, and its length in bytes."""
    with tempfile.TemporaryDirectory(prefix="pt-") as folder:
        path = Path(folder, "report.json")
        with path.open("w", encoding="utf-8") as file:
            file.writelines(pieces(_FINDINGS))
        yield path, path.stat().st_size


def pieces(findings: int) -> Iterator[str]:
    """A report in ten results, as Trivy writes it; each finding is of a package of its own."""
    share = findings // 10
    for number in range(10):
        numbers = range(number * share, (number + 1) * share)
        vulnerabilities, packages = [vulnerability(each) for each in numbers], [package(each) for each in numbers]
        text = make.encode(make.report([make.os_result(*vulnerabilities, Packages=packages)]))
        before, results, after = text.partition('"Results": [')
        inner, _, end = after.rpartition("]")
        yield f"{before}{results}{inner}" if number == 0 else f",{inner}"
    yield f"]{end}"


def vulnerability(number: int) -> dict[str, Any]:
    """One, with as much text as real ones have."""
    purl = f"pkg:deb/debian/libfoo{number}@2.36-{number}%2Bdeb12u1?arch=amd64&distro=debian-12.7"
    scores = {  # hardly two alike
        "nvd": {
            "V3Score": 9.8,
            "V2Vector": "AV:N/AC:L/Au:N/C:P/I:P/A:P",
            "V2Score": number // 100 % 100 / 10,
            "V3Vector": _VECTOR,
        },
        "redhat": {"V3Vector": _VECTOR, "V3Score": number % 100 / 10},
    }
    return make.vulnerability(**make.AT_0_49, Fingerprint=make.SHA["f"]) | {
        "VulnerabilityID": f"CVE-20{10 + number % 15}-{1000 + number}",
        "PkgName": f"libfoo{number}",
        "PkgIdentifier": {"PURL": purl, "UID": f"{number:016x}"},
        "FixedVersion": f"2.36-{number}u8" if number % 5 else "",
        "Severity": _WORDS[number % 5],
        "SeveritySource": "debian",
        "Layer": make.LAYER,
        "Description": _TEXT * 8,
        "VendorSeverity": {"debian": 1, "nvd": 3, "redhat": 2, "ubuntu": 2},
        "CVSS": scores,
        "References": [f"https://example.org/advisories/{number}/{each}/announcement" for each in range(10)],
    }


_VECTOR: Final = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"


def package(number: int) -> dict[str, Any]:
    """One, with a dozen files."""
    files = [f"/usr/lib/x86_64-linux-gnu/libfoo{number}/file{each}.so" for each in range(8)]
    return {
        **make.PACKAGE,
        "ID": f"libfoo{number}@2.36-{number}",
        "Name": f"libfoo{number}",
        "Identifier": {"PURL": f"pkg:deb/debian/libfoo{number}@2.36", "UID": f"{number:016x}"},
        "Licenses": ["LGPL-2.1-only", "GPL-2.0-only"],
        "Maintainer": "GNU Libc Maintainers <debian-glibc@lists.debian.org>",
        "DependsOn": [f"libgcc-s{each}@12.2.0-14" for each in range(6)],
        "Layer": make.LAYER,
        "InstalledFiles": files,
    }


BENCHES: Final[dict[str, Callable[[], None]]] = {
    "scan.parse": parse,
    "scan.parse_memory": parse_memory,
    "scan.parse_full": parse_full,
    "scan.parse_small": parse_small,
}
