"""AppArmor of this host's kernel: whether it is there, what is loaded, and loading a profile with apparmor_parser.

Loading takes root. A profile stays until the host is rebooted; loading it again replaces it at once, also for what
runs under it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from pytrust.policy.profiles.apparmor.names import check_name
from pytrust.policy.profiles.apparmor.parser import NOT_ENFORCED, PROGRAM, complaint_lines, reason_of, run_parser
from pytrust.policy.profiles.apparmor.text import ABI
from pytrust.trust.errors import AccessDenied, BadContent, NotSetUp, Unsound
from pytrust.trust.limits import APPARMOR_LOADED_MAX_BYTES

LOAD: Final = ("--replace", "--skip-cache", "--warn=all")
"""How the parser is asked to load what it reads."""
SECURITYFS: Final = Path("/sys/kernel/security/apparmor")
_ENABLED: Final = Path("/sys/module/apparmor/parameters/enabled")
_FOLDER: Final = Path("/etc/apparmor.d")
_LINE: Final = re.compile(r"(.+) \(([a-z]+)\)")
_ENFORCED: Final = "enforce"
_NO_KERNEL: Final = "boot it with AppArmor, or leave the AppArmor part out of the profile"


def available() -> bool:
    """Whether the kernel confines by AppArmor, and the parser is there to load profiles."""
    try:
        return _ENABLED.read_text().strip() == "Y" and Path(PROGRAM).is_file()
    except OSError:
        return False


def host_abi() -> str:
    """The set of features that texts for this host name, or nothing where its parser's package does not have it."""
    return ABI if (_FOLDER / ABI).is_file() else ""


def loaded(name: str, folder: Path = SECURITYFS) -> bool:
    """Whether a profile of that name is loaded and enforced; one that only complains is not.

    Raises:
        AccessDenied: this process may not look.
        NotSetUp: the kernel has no AppArmor, or securityfs is not mounted.
        Unsound: the list is longer than any honest one.
    """
    try:
        with (folder / "profiles").open("rb") as file:
            data = file.read(APPARMOR_LOADED_MAX_BYTES + 1)
    except PermissionError as error:
        raise AccessDenied("the kernel does not show its AppArmor profiles", hint="it takes root") from error
    except OSError as error:
        raise NotSetUp("this host's kernel shows no AppArmor profiles", hint=_NO_KERNEL) from error
    if len(data) > APPARMOR_LOADED_MAX_BYTES:
        raise Unsound(f"the kernel lists more than {APPARMOR_LOADED_MAX_BYTES} bytes of AppArmor profiles")
    lines = map(_LINE.fullmatch, data.decode(errors="surrogateescape").splitlines())
    return any(line and line.groups() == (name, _ENFORCED) for line in lines)


def load(text: str, name: str) -> tuple[str, ...]:
    """Load a profile into this host's kernel, in the place of one that has its name.

    Args:
        text: what ``apparmor_text`` made for ``name``.
        name: what must be loaded afterwards.

    Returns:
        What this kernel does not enforce, a line of the parser each. That it tells some rules less apart than they are
        written is not said: it then enforces more.

    Raises:
        NotSetUp: no kernel with AppArmor, or no parser.
        AccessDenied: this process may not load profiles.
        BadContent: the parser or the kernel refuses the profile.
        TooSlow: it took longer than any honest profile does.
    """
    check_name(name)
    if not available():
        raise NotSetUp("this host's kernel does not confine by AppArmor, or has no apparmor_parser", hint=_NO_KERNEL)
    done = run_parser(list(LOAD), text)
    complaints = complaint_lines(done.stderr)
    if done.returncode and any("ermission denied" in line or "not permitted" in line for line in complaints):
        raise AccessDenied(
            f"the AppArmor profile {name} cannot be loaded: {reason_of(complaints)}", hint="it takes root"
        )
    if done.returncode or not loaded(name):
        raise BadContent(f"the AppArmor profile {name} cannot be loaded: {reason_of(complaints)}")
    return tuple(dict.fromkeys(line for line in complaints if NOT_ENFORCED in line))
