"""What rules for files allow, asked without a kernel: the same answers as the policy that apparmor_parser compiles.

A denial beats every permission. Permissions are the letters of a rule's modes, and ``x`` for executing. ``w`` takes in
``a``, and executing in place (``ix``) takes in ``m``. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from pytrust.policy.profiles.apparmor.automaton import matches
from pytrust.policy.profiles.apparmor.base import BASE_DENIALS, BASE_FILES
from pytrust.policy.profiles.model import AppArmor, FileRule


def permissions(rule: FileRule) -> frozenset[str]:
    """What a rule gives."""
    implied = ("a" if "w" in rule.modes else "") + ("m" if rule.transition == "ix" else "")
    return frozenset(rule.modes) | frozenset(implied) | (frozenset("x") if rule.transition else frozenset())


def allows(apparmor: AppArmor, path: str | bytes, mode: str, *, owner: bool = True) -> bool:
    """Whether everything in ``mode`` (letters of ``rwalkmx``) may be done with a path, by a profile as it is loaded.

    Args:
        apparmor: the profile's part; what every profile gets is added.
        path: absolute, as the kernel spells it: resolved, and a directory's ends with a slash.
        mode: what is to be done.
        owner: whether the file belongs to who asks.

    Raises:
        BadContent: a pattern in the profile has no reading.
    """
    data = path if isinstance(path, bytes) else path.encode(errors="surrogateescape")
    given = _given((*BASE_FILES, *apparmor.files), data, owner=owner)
    return frozenset(mode) <= given - _given(BASE_DENIALS, data, owner=True)


def _given(rules: Iterable[FileRule], path: bytes, *, owner: bool) -> frozenset[str]:
    fitting = (rule for rule in rules if (owner or not rule.owner) and matches(rule.path, path))
    return frozenset[str]().union(*map(permissions, fitting))
