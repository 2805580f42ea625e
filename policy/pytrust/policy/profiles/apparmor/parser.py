"""apparmor_parser as a compiler: text in, binary policy out, and nothing is loaded.

Without a kernel that has AppArmor the parser assumes that almost no feature is there, and leaves out rules with a
warning at most. So it is always told the features (the shipped ``abi/3.0``), and a rule that would not be enforced is
an error. Bounded in time and output.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Final

from pytrust.trust.errors import BadContent, NotSetUp, TooSlow, Unsound
from pytrust.trust.limits import (
    APPARMOR_BINARY_MAX_BYTES,
    APPARMOR_PARSER_MAX_BYTES,
    APPARMOR_PARSER_TIMEOUT,
    APPARMOR_TEXT_MAX_BYTES,
)

PROGRAM: Final = "/usr/sbin/apparmor_parser"
FEATURES: Final = Path("/etc/apparmor.d/abi/3.0")
"""What the kernel can enforce, as the parser's package describes it."""
_ENVIRONMENT: Final = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C"}
NOT_ENFORCED: Final = "not enforce"  # of mount rules, it is spelled so
_NOISE: Final = re.compile(r"^(Warning from stdin.*: )?.*(Cache read/write disabled|[Uu]nable to find a suitable fs)")
_SIMPLER: Final = "let fewer of its patterns have ** before other wildcards"
_PACKAGE: Final = "install the package apparmor"


def compile_text(text: str, features: Path = FEATURES) -> bytes:
    """Compile a profile's text; the binary is what a kernel would load.

    Args:
        text: one or several profiles.
        features: a file that says what the kernel can enforce.

    Raises:
        BadContent: the parser refuses it, or a rule would not be enforced; the message has the parser's own line.
        NotSetUp: there is no parser, or no file of features.
        TooSlow: it took longer than any honest profile does.
        Unsound: the binary is larger than any honest one.
    """
    if len(text) > APPARMOR_TEXT_MAX_BYTES:
        raise BadContent(f"the AppArmor profile has more than {APPARMOR_TEXT_MAX_BYTES} characters")
    if not features.is_file():
        raise NotSetUp(f"apparmor_parser's file of features {features} is missing", hint=_PACKAGE)
    done = run_parser(
        ["--skip-kernel-load", "--skip-cache", "--stdout", "--warn=all", "--kernel-features", str(features)], text
    )
    complaints = complaint_lines(done.stderr)
    if done.returncode:
        raise BadContent(f"apparmor_parser refuses the profile: {reason_of(complaints)}")
    for line in complaints:
        if NOT_ENFORCED in line:
            raise BadContent(f"a rule of the AppArmor profile would not be enforced: {line}")
    if len(done.stdout) > APPARMOR_BINARY_MAX_BYTES:
        raise Unsound(f"apparmor_parser made a policy of {len(done.stdout)} bytes")
    return done.stdout


def run_parser(options: list[str], text: str) -> subprocess.CompletedProcess[bytes]:
    """Run the parser on a text, within its time and memory.

    Raises:
        NotSetUp: there is no parser.
        TooSlow: it took longer than any honest profile does.
        BadContent: patterns of the profile take more memory than any honest ones: what they cover grows exponentially.
    """
    if not Path(PROGRAM).is_file():
        raise NotSetUp(f"{PROGRAM} is not installed", hint=_PACKAGE)
    bounds = ("prlimit", f"--as={APPARMOR_PARSER_MAX_BYTES}", "--core=0")
    command = [*bounds, PROGRAM, "--config-file", "/dev/null", *options]
    try:
        done = subprocess.run(
            command,
            input=text.encode(errors="surrogateescape"),
            capture_output=True,
            check=False,
            env=_ENVIRONMENT,
            timeout=APPARMOR_PARSER_TIMEOUT,
        )
    except OSError as error:
        raise NotSetUp(f"{PROGRAM} cannot be started: {error.strerror}", hint=_PACKAGE) from error
    except subprocess.TimeoutExpired as error:
        raise TooSlow(f"apparmor_parser took more than {APPARMOR_PARSER_TIMEOUT:g} s", hint=_SIMPLER) from error
    if b"bad_alloc" in done.stderr:
        raise BadContent("patterns of the AppArmor profile take too much memory to be compiled", hint=_SIMPLER)
    return done


def reason_of(complaints: list[str]) -> str:
    """The first complaint that is no warning."""
    worst = [line for line in complaints if not line.startswith("Warning")]
    return (worst or complaints or ["without a word"])[0]


def complaint_lines(stderr: bytes) -> list[str]:
    """What the parser said, a line each, without what it says on every host of this kind."""
    lines = (" ".join(line.split()) for line in stderr.decode(errors="backslashreplace").splitlines())
    return [line[:300] for line in lines if line and not _NOISE.match(line)]
