"""A profile's part for AppArmor as the text that apparmor_parser compiles. Pure.

Only explicit permissions: no bare ``file``, ``capability`` or ``network`` rule, and none that leads out of the profile:
what is executed runs under the same one. Every profile also gets what every container needs (``base``), and the signals
by which a container is stopped. Paths are spelled byte by byte in one way, and every other word comes from a closed
table, so that nothing in a profile can be read as another rule (apparmor.d(5)).

There is no rule about mounts, and so none is allowed. ``audit deny umount`` would open them all: seen with
apparmor_parser 3.0.8 and Linux 6.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from pytrust.policy.profiles.apparmor.base import BASE_DENIALS, BASE_FILES
from pytrust.policy.profiles.apparmor.glob import parse_glob, spell_glob
from pytrust.policy.profiles.apparmor.names import check_name
from pytrust.policy.profiles.apparmor.networks import FAMILIES, KINDS
from pytrust.policy.profiles.model import AppArmor, FileRule, NetworkRule, Profile
from pytrust.policy.profiles.names import CAPABILITIES, Capability
from pytrust.trust.errors import BadContent, InvalidName, UsageError
from pytrust.trust.limits import APPARMOR_RULES_MAX

ABI: Final = "abi/3.0"
"""The set of features that profiles are written for; a host may lack the file of it."""
_MODES: Final = "rwalkm"
_LABEL: Final = re.compile(r"[A-Za-z0-9/][A-Za-z0-9/._+-]{0,254}")
# Who stops containers: newer distributions confine runtimes, in profiles of their names, and snaps the engine.
_ABOVE: Final = ("unconfined", "runc", "crun", "snap.docker.dockerd")


def apparmor_text(profile: Profile, name: str, *, abi: str = ABI, daemon: str = "unconfined") -> str:
    """The text of a profile named ``name``.

    Args:
        profile: its AppArmor part and its capabilities; without a part, no file but those of every container.
        name: as the kernel is to know it.
        abi: of the features, below the parser's folder; empty where the loading host has none.
        daemon: the profile under which the engine itself runs, which signals containers.

    Raises:
        InvalidName: a name is none.
        BadContent: a rule has no meaning, or two.
        UsageError: a rule leads out of the profile, or there are too many.
    """
    part = profile.apparmor or AppArmor()
    body = (
        *_signals(check_name(name), _check_label(daemon)),
        *_capabilities(profile.capabilities),
        *_networks(part.networks),
        *_files(part.files),
        *_denials(),
    )
    head = [f"abi <{_check_abi(abi)}>,", ""] if abi else []
    opening = f'profile "{name}" flags=(attach_disconnected,mediate_deleted) {{'
    return "\n".join([*head, opening, *(f"  {line}" for line in body), "}", ""])


def _signals(name: str, daemon: str) -> Iterator[str]:
    yield from (f'signal (receive) peer="{peer}",' for peer in dict.fromkeys((*_ABOVE, daemon)))
    yield f'signal (send receive) peer="{name}",'
    yield f'ptrace (trace read tracedby readby) peer="{name}",'


def _capabilities(names: Iterable[Capability]) -> Iterator[str]:
    for name in sorted(set(names)):
        if name not in CAPABILITIES:
            raise BadContent(f"{str(name)[:60]!r} is no capability")
        yield f"capability {name.lower()},"


def _networks(rules: Iterable[NetworkRule]) -> Iterator[str]:
    for rule in sorted(set(rules), key=lambda rule: (rule.family, rule.kind)):
        if rule.family not in FAMILIES or rule.kind not in {*KINDS, ""}:
            raise BadContent(f"{f'{rule.family} {rule.kind}'[:60]!r} is no family and type of sockets")
        yield f"network {rule.family} {rule.kind},".replace(" ,", ",")


def _files(rules: tuple[FileRule, ...]) -> Iterator[str]:
    if len(rules) > APPARMOR_RULES_MAX:
        raise UsageError(
            f"{len(rules)} rules for files are more than {APPARMOR_RULES_MAX}", hint="let patterns stand for many files"
        )
    yield from sorted({_file(rule) for rule in (*BASE_FILES, *rules)})


def _denials() -> Iterator[str]:
    for rule in BASE_DENIALS:
        yield f'audit deny "{spell_glob(parse_glob(rule.path))}" {rule.modes}{"x" if rule.transition else ""},'


def _file(rule: FileRule) -> str:
    if rule.transition not in {"", "ix"}:
        raise UsageError(
            f"what {rule.path[:100]!r} starts would leave the profile ({rule.transition})",
            hint="let it run under the same one: ix",
        )
    given = rule.modes.replace("a", "") if "w" in rule.modes else rule.modes  # the parser takes one of them
    if not set(given) <= set(_MODES) or not (given or rule.transition):
        raise BadContent(f"{rule.modes[:20]!r} is nothing that may be done with {rule.path[:100]!r}")
    modes = "".join(mode for mode in _MODES if mode in given) + rule.transition
    return f'{"owner " if rule.owner else ""}"{spell_glob(parse_glob(rule.path))}" {modes},'


def _check_label(label: str) -> str:
    """The label of an engine: a name, or a program's path where a profile was written for that."""
    if not _LABEL.fullmatch(label):
        raise InvalidName(f"{label[:60]!r} is no AppArmor profile of an engine")
    return label


def _check_abi(abi: str) -> str:
    if not all(part.replace(".", "").replace("-", "").isalnum() and part.isascii() for part in abi.split("/")):
        raise UsageError(f"{abi[:60]!r} names no set of features", hint=f"such as {ABI}")
    return abi
