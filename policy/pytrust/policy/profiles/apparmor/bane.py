"""A file of bane taken over as a profile, with what bane makes of it in fact. Pure.

bane's template allows everything (``file,``, ``network,``) and then denies: what a file allows grants nothing, and what
it does not name stays open. A profile of ours has no denials, and allows only what the file names. Where the two cannot
mean the same, the profile allows less, and a sentence says so (bane 0.4.4, ``apparmor/template.go``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final, NamedTuple

from pytrust.policy.profiles.apparmor.automaton import includes, overlap
from pytrust.policy.profiles.apparmor.bane_file import BaneFile, Filesystem, read_bane_file
from pytrust.policy.profiles.apparmor.glob import parse_glob
from pytrust.policy.profiles.apparmor.names import check_name
from pytrust.policy.profiles.model import AppArmor, Evidence, FileRule, NetworkRule, Profile, Why
from pytrust.policy.profiles.names import CAPABILITIES, DEFAULT_CAPABILITIES, Capability
from pytrust.policy.profiles.seccomp.docker_default import docker_default
from pytrust.trust.errors import BadContent, InvalidName

_KINDS: Final = {"tcp": "stream", "udp": "dgram", "icmp": "raw"}
_READ, _WRITE, _RUN = "rm", "rmw", "rmx"
_OPEN: Final = "bane opens every file, and then denies some: here nothing is open but what the file names"
_SIGNALS: Final = "bane has no rules for signals: where the kernel mediates them, docker stop fails; here it works"
_SECCOMP: Final = "bane sets no seccomp profile: docker's own is taken over with this one"


class Imported(NamedTuple):
    """The profile, and a sentence for each trap of the file, without a full stop."""

    profile: Profile
    findings: tuple[str, ...]


def parse_bane(data: bytes, what: str) -> Imported:
    """Take over a file of bane; ``what`` names it in errors.

    Raises:
        BadContent: it is none, or something in it has no meaning.
    """
    file = read_bane_file(data, what)
    name = _name(file.name)
    files = tuple(_files(file.filesystem))
    profile = Profile(
        name=name,
        seccomp=docker_default(),
        capabilities=tuple(sorted(_capabilities(file))),
        no_new_privileges=False,
        apparmor=AppArmor(files=files, networks=tuple(_networks(file))),
        evidence=tuple(Evidence(subject=f"file:{rule.path}", why=Why.GIVEN, note="a file of bane") for rule in files),
    )
    findings = (_OPEN, _SIGNALS, _SECCOMP, *_of_files(file.filesystem), *_of_networks(file), *_of_capabilities(file))
    return Imported(profile, findings)


def _name(name: str) -> str:
    try:
        return check_name(name)
    except InvalidName as error:
        raise BadContent(
            f"{name[:60]!r} is no name: bane writes it into the profile and into a file's name as it is",
            hint="letters, digits, dots, dashes and underscores",
        ) from error


def _files(named: Filesystem) -> Iterator[FileRule]:
    letters = defaultdict[str, set[str]](set)
    for paths, given in ((named.read_only_paths, _READ), (named.writable_paths, _WRITE), (named.allow_exec, _RUN)):
        for path in paths:
            letters[path] |= set(given)
    for path in sorted(letters):
        parse_glob(path)  # which bane pastes between its rules without a look
        kept = letters[path] - set("w" if _read_only_beside(path, named) else "")
        modes = "".join(letter for letter in "rwm" if letter in kept)
        yield FileRule(path=path, modes=modes, transition="ix" if "x" in kept and not _denied(path, named) else "")


def _read_only_beside(path: str, named: Filesystem) -> list[str]:
    return [each for each in named.read_only_paths if overlap(path, each)]


def _denied(path: str, named: Filesystem) -> list[str]:
    return [each for each in named.deny_exec if overlap(path, each)]


def _of_files(named: Filesystem) -> Iterator[str]:
    for path in named.writable_paths:
        for over in _read_only_beside(path, named)[:1]:
            part = "all" if includes((over,), path) else "a part"
            yield (
                f"WritablePaths {path} is refused in {part} by ReadOnlyPaths {over}, for a denial beats a permission: "
                "writing there is left out; name what is written in neither but WritablePaths"
            )
    for path in named.allow_exec:
        for over in _denied(path, named)[:1]:
            yield f"AllowExec {path} is refused by DenyExec {over}: executing is left out"
    if named.deny_exec:
        yield "DenyExec needs no rules here: only what AllowExec names is executed, where bane lets all else run"
    if named.log_on_write_paths:
        yield "LogOnWritePaths allows writing and logs it; here it is left out: what is refused is logged"


def _networks(file: BaneFile) -> Iterator[NetworkRule]:
    for protocol in dict.fromkeys(file.network.protocols):
        if protocol not in _KINDS:
            raise BadContent(f"{protocol[:60]!r} is none of bane's protocols", hint="tcp, udp, icmp")
        if _KINDS[protocol] != "raw" or file.network.raw:
            yield NetworkRule(family="inet", kind=_KINDS[protocol])
    if file.network.packet:
        yield NetworkRule(family="packet")


def _of_networks(file: BaneFile) -> Iterator[str]:
    network = file.network
    if network.protocols:
        yield "Protocols are for inet alone: neither inet6 nor unix sockets are open; add them where they are needed"
    else:
        yield "without Protocols bane opens every network; here none is open"
    if "icmp" in network.protocols and not network.raw:
        yield "icmp takes raw sockets, which Raw = false refuses: it is left out"
    if network.raw and "icmp" not in network.protocols:
        yield "Raw = true is left out: no protocol uses it"


def _capabilities(file: BaneFile) -> frozenset[Capability]:
    allowed, denied = (
        frozenset(map(_capability, names)) for names in (file.capabilities.allow, file.capabilities.deny)
    )
    return DEFAULT_CAPABILITIES - denied if denied else allowed


def _capability(name: str) -> Capability:
    found = Capability(name.upper().removeprefix("CAP_"))
    if found not in CAPABILITIES:
        raise BadContent(f"{name[:60]!r} is no capability")
    return found


def _of_capabilities(file: BaneFile) -> Iterator[str]:
    if file.capabilities.deny:
        yield "Capabilities.Deny makes bane allow all others, beyond docker's too; here docker's remain without them"
    if file.capabilities.deny and file.capabilities.allow:
        yield "Capabilities.Allow means nothing beside Deny"
