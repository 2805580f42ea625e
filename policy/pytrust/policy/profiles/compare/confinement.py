"""How two profiles differ beside their system calls: capabilities, privileges, user, root file system, AppArmor. Pure.

Capabilities and flags are compared as they are. AppArmor rules are compared by what they cover: a rule that adds
nothing to what the other side's rules allow together is no difference, however it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Final, NamedTuple

import msgspec

from pytrust.policy.profiles.apparmor.glob import Glob, parse_glob
from pytrust.policy.profiles.compare.difference import Change, Difference, joined, placed
from pytrust.policy.profiles.compare.globs import Cover
from pytrust.policy.profiles.model import AppArmor, FileRule, NetworkRule, Profile
from pytrust.trust.errors import BadContent

_LETTERS: Final = {"r": "read", "w": "write", "a": "append", "l": "link", "k": "lock", "m": "map as code"}
# What else allows a mode or a way of executing: ``w`` holds ``a``; a capital letter only cleans the environment.
_HELD_BY: Final = {
    "a": ("a", "w"),
    "ix": ("ix", "ux", "Ux"),
    "Px": ("Px", "px"),
    "Cx": ("Cx", "cx"),
    "Ux": ("Ux", "ux"),
}
_ROOT: Final = frozenset({"", "0", "root"})  # an image's own user may be root


class _Need(NamedTuple):
    """A mode on the files of a glob, and whether for their owner only."""

    mode: str
    owner: bool


def confinement(before: Profile, after: Profile) -> Difference:
    """Everything but the seccomp part."""
    return joined(*(part(before, after) for part in (_capabilities, _flags, _user, _apparmor)))


def _capabilities(before: Profile, after: Profile) -> Difference:
    def told(names: set[str], was: str, is_: str) -> tuple[Change, ...]:
        return tuple(Change(f"capability {name}", was, is_) for name in sorted(names))

    ours, theirs = set[str](before.capabilities), set[str](after.capabilities)
    return Difference(told(theirs - ours, "dropped", "held"), told(ours - theirs, "held", "dropped"))


def _flags(before: Profile, after: Profile) -> Difference:
    rows = (
        ("new privileges", not before.no_new_privileges, not after.no_new_privileges, ("refused", "allowed")),
        ("root file system", not before.read_only, not after.read_only, ("read-only", "writable")),
    )
    changed = [row for row in rows if row[1] != row[2]]
    return joined(*(placed(Change(subject, words[was], words[is_]), was, is_) for subject, was, is_, words in changed))


def _user(before: Profile, after: Profile) -> Difference:
    if before.user == after.user:
        return Difference()
    change = Change("user", before.user or "the image's own", after.user or "the image's own")
    return placed(change, might(before.user), might(after.user))


def might(user: str) -> int:
    """How much a user can do: 2 for root, 1 for a user in root's group, 0 for others."""
    uid, _, gid = user.partition(":")
    return 2 if uid in _ROOT else int(gid in _ROOT - {""})


def _apparmor(before: Profile, after: Profile) -> Difference:
    """Without rules of its own, a container has Docker's profile, which allows every file and network."""
    match before.apparmor, after.apparmor:
        case None, None:
            return Difference()
        case AppArmor(), None:
            return Difference(widened=(Change("apparmor", "rules of its own", "docker's profile"),))
        case None, AppArmor():
            return Difference(narrowed=(Change("apparmor", "docker's profile", "rules of its own"),))
        case AppArmor() as ours, AppArmor() as theirs:
            gained = (*_files(ours, theirs), *_networks(ours, theirs))
            lost = (*_files(theirs, ours), *_networks(theirs, ours))
            return Difference(gained, tuple(Change(subject, is_, was) for subject, was, is_ in lost))
    raise AssertionError(before, after)  # pragma: no cover


def covered_rules(rules: AppArmor, by: AppArmor) -> tuple[FileRule, ...]:
    """File rules with those of their modes that ``by`` allows on all of their files."""
    covers, same = _covers(by), set(by.files)
    kept = []
    for rule in rules.files:
        modes = [need.mode for need in _needs(rule) if rule in same or covers(need, rule.path)]
        letters = "".join(mode for mode in modes if mode in _LETTERS)
        transition = rule.transition if rule.transition in modes else ""
        if modes:
            kept.append(msgspec.structs.replace(rule, modes=letters, transition=transition))
    return tuple(kept)


def covered_networks(rules: AppArmor, by: AppArmor) -> tuple[NetworkRule, ...]:
    """Those that ``by`` allows, too."""
    refused = {change.subject for change in _networks(by, rules)}
    return tuple(rule for rule in rules.networks if _network(rule) not in refused)


def _network(rule: NetworkRule) -> str:
    return f"network {rule.family} {rule.kind}".rstrip()


def _networks(ours: AppArmor, theirs: AppArmor) -> Iterator[Change]:
    held = set(ours.networks)
    whole = {rule.family for rule in ours.networks if not rule.kind}
    for rule in theirs.networks:
        if rule not in held and rule.family not in whole:
            yield Change(_network(rule), "refused", "allowed")


def _files(ours: AppArmor, theirs: AppArmor) -> Iterator[Change]:
    """What ``theirs`` allows and ``ours`` does not."""
    covers, same = _covers(ours), set(ours.files)
    for rule in theirs.files:
        if rule in same:
            continue
        missing = [need for need in _needs(rule) if not covers(need, rule.path)]
        if missing:
            words = ", ".join(_LETTERS.get(need.mode, f"execute {need.mode}") for need in missing)
            yield Change(f"files {rule.path}", f"no {words}", words + (" of the owner" if rule.owner else ""))


def _needs(rule: FileRule) -> Iterator[_Need]:
    modes = [*rule.modes, *([rule.transition] if rule.transition else [])]
    return (_Need(mode, rule.owner) for mode in modes)


def _covers(rules: AppArmor) -> Callable[[_Need, str], bool]:
    @cache
    def cover(need: _Need) -> Cover:
        return Cover(filter(None, (_glob(rule.path) for rule in rules.files if _gives(rule, need))))

    @cache
    def verbatim(need: _Need) -> frozenset[str]:
        return frozenset(rule.path for rule in rules.files if _gives(rule, need))

    def covered(need: _Need, path: str) -> bool:
        glob = _glob(path)
        return path in verbatim(need) or (glob is not None and cover(need).covers(glob))

    return covered


def _gives(rule: FileRule, need: _Need) -> bool:
    modes = {*rule.modes, rule.transition}
    return not modes.isdisjoint(_HELD_BY.get(need.mode, (need.mode,))) and (need.owner or not rule.owner)


def _glob(path: str) -> Glob | None:
    """None where AppArmor itself could read it in two ways: it covers nothing but its own spelling."""
    try:
        return parse_glob(path)
    except BadContent:
        return None
