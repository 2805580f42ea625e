"""A profile as it is shown: what is open, for what, why, and beside Docker's default. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from pytrust.policy.profiles.floor import floor, refused
from pytrust.policy.profiles.model import Profile, Recording, Resolved
from pytrust.policy.profiles.names import DEFAULT_CAPABILITIES, Action, Arch, Capability, Syscall
from pytrust.policy.profiles.seccomp.docker_default import docker_default
from pytrust.policy.profiles.seccomp.resolve import Host, resolve
from pytrust.policy.profiles.seccomp.syscalls import arch_of, names
from pytrust.policy.profiles.seccomp.verdict import verdict_of
from pytrust.policy.profiles.view.dangers import danger_words
from pytrust.policy.profiles.view.limits import limit_words
from pytrust.policy.profiles.view.opened import OPENS, Opened, opened
from pytrust.policy.profiles.view.purpose import Purpose, purpose
from pytrust.policy.profiles.view.why import Seen, by_subject, why

_HOW: Final = {
    Action.LOG: "let through, noted",
    Action.NOTIFY: "a listener is asked",
    Action.TRACE: "a tracer is asked",
}


class Line(NamedTuple):
    """One thing that is open: ``limit`` says of what part, ``why`` where it comes from.

    ``danger`` is what it is good for to others; ``beyond``: Docker's own profile refuses it.
    """

    name: str
    limit: str = ""
    why: str = ""
    danger: str = ""
    beyond: bool = False


class Section(NamedTuple):
    """What is open for one purpose."""

    title: str
    lines: tuple[Line, ...]


class Figures(NamedTuple):
    """Calls of the host's architecture: open here, open under docker's default, of those shut here, and all there are.

    ``floor``: how many the runtime adds when the profile is applied.
    """

    open: int
    docker: int
    shut: int
    every: int
    floor: int


class View(NamedTuple):
    """``facts`` are pairs of a word and what it is; ``rest`` says what becomes of calls that no section names."""

    name: str
    figures: Figures
    facts: tuple[tuple[str, str], ...]
    calls: tuple[Section, ...]
    rest: tuple[Line, ...]
    capabilities: tuple[Line, ...]
    files: tuple[Line, ...]
    networks: tuple[Line, ...]
    recordings: tuple[tuple[str, ...], ...]

    @property
    def dangerous(self) -> tuple[Line, ...]:
        """All that is open and dangerous."""
        return tuple(line for section in self.calls for line in section.lines if line.danger)


def look(profile: Profile, host: Host) -> View:
    """How a profile looks on one host.

    Args:
        profile: what is shown.
        host: its architecture, kernel and engine; the capabilities are the profile's.

    Raises:
        UsageError: an architecture whose calls we do not know.
    """
    arch, here = arch_of(host.arch), host._replace(capabilities=frozenset(profile.capabilities))
    resolved, seen = resolve(profile.seccomp, here), by_subject(profile.evidence)
    docker, own = _docker(host, arch), opened(resolved, arch)
    lines = [
        _call(call, found, seen)._replace(beyond=call not in docker, danger=danger_words(resolved, arch, call))
        for call, found in own.items()
    ]
    return View(
        name=profile.name,
        figures=_figures(profile, own.keys(), docker, arch),
        facts=tuple(_facts(profile, resolved)),
        calls=tuple(_sections(lines)),
        rest=tuple(_rest(resolved, arch)),
        capabilities=tuple(_capability(one, seen) for one in profile.capabilities),
        files=tuple(_files(profile, seen)),
        networks=tuple(_networks(profile)),
        recordings=tuple(map(_recording, profile.recordings)),
    )


def _docker(host: Host, arch: Arch) -> frozenset[Syscall]:
    """What Docker's default opens on this host for a container with the usual capabilities."""
    usual = host._replace(capabilities=DEFAULT_CAPABILITIES)
    return frozenset(opened(resolve(docker_default(), usual), arch))


def _figures(profile: Profile, own: AbstractSet[Syscall], docker: frozenset[Syscall], arch: Arch) -> Figures:
    known = frozenset(names(arch).values())
    added = refused(profile.seccomp, floor("", profile.no_new_privileges))
    return Figures(len(own), len(docker), len(docker - own), len(known), len(known & set(added) - own))


def _call(call: Syscall, found: Opened, seen: Seen) -> Line:
    limit = limit_words(call, found)
    how = sorted(_HOW[action] for action in found.actions if action in _HOW)
    return Line(call, "; ".join([*([limit] if limit else []), *how]), why(seen, f"syscall:{call}", f"argument:{call}"))


def _sections(lines: Iterable[Line]) -> Iterator[Section]:
    groups: dict[Purpose, list[Line]] = {group: [] for group in Purpose}
    for line in lines:
        groups[purpose(Syscall(line.name))].append(line)
    return (Section(group, tuple(found)) for group, found in groups.items() if found)


def _rest(resolved: Resolved, arch: Arch) -> Iterator[Line]:
    """What is not open: by its own rule, or by the default."""
    known = set(names(arch).values())
    for rule in resolved.rules:
        if rule.action not in OPENS:
            shown = [name for name in rule.names if name in known]
            if shown:
                yield Line(" ".join(shown), str(verdict_of(rule.action, rule.errno)))
    yield Line("every other call", str(verdict_of(resolved.default, resolved.default_errno)))


def _facts(profile: Profile, resolved: Resolved) -> Iterator[tuple[str, str]]:
    yield "new privileges", "never" if profile.no_new_privileges else "possible (setuid programs, file capabilities)"
    yield "root file system", "read-only" if profile.read_only else "writable"
    yield "user", profile.user or "the image's own"
    yield "AppArmor", "a profile of its own" if profile.apparmor else "no part"
    words = [arch.removeprefix("SCMP_ARCH_").lower() for arch in resolved.architectures]
    yield "programs of", ", ".join(words) or "the host's architecture"
    yield "capabilities", f"{len(profile.capabilities)} (docker gives {len(DEFAULT_CAPABILITIES)})"


def _capability(capability: Capability, seen: Seen) -> Line:
    beyond = capability not in DEFAULT_CAPABILITIES
    return Line(capability, why=why(seen, f"capability:{capability}"), beyond=beyond)


def _files(profile: Profile, seen: Seen) -> Iterator[Line]:
    for rule in profile.apparmor.files if profile.apparmor else ():
        modes = rule.modes + rule.transition
        yield Line(rule.path, f"owner {modes}" if rule.owner else modes, why(seen, f"file:{rule.path}"))


def _networks(profile: Profile) -> Iterator[Line]:
    for rule in profile.apparmor.networks if profile.apparmor else ():
        yield Line(rule.family, rule.kind or "every type")


def _recording(one: Recording) -> tuple[str, ...]:
    parts = (("engine", one.engine), ("runc", one.runc), ("kernel", one.kernel))
    where = ", ".join(f"{word} {value}" for word, value in parts if value)
    lost = f"{one.lost} lost" if one.lost else "none lost"
    return one.method, f"{one.records} records, {lost}", one.workload, one.image, where
