"""The containers of one engine, with what their seccomp files refuse."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Final

import msgspec

from pytrust.policy.engine.address import EngineAddress
from pytrust.policy.engine.answers import read_parts
from pytrust.policy.engine.call import Malformed
from pytrust.policy.engine.client import Engine
from pytrust.policy.engine.questions import VERSION
from pytrust.policy.engine.questions import container as container_path
from pytrust.policy.engine.securityopt import parse_security_options
from pytrust.policy.observe.denials_meaning import OPEN, answers
from pytrust.policy.observe.denials_model import Confined
from pytrust.policy.profiles.model import Seccomp
from pytrust.policy.profiles.names import CAPABILITIES, DEFAULT_CAPABILITIES, Capability, Generation, GoArch
from pytrust.policy.profiles.seccomp.docker_json import parse_docker
from pytrust.policy.profiles.seccomp.generation import generation_of
from pytrust.policy.profiles.seccomp.resolve import Host, kernel_of, resolve
from pytrust.policy.profiles.seccomp.syscalls import arch_of
from pytrust.trust.errors import BadContent, NotFound
from pytrust.trust.limits import DENIALS_CONTAINERS_MAX, DENIALS_LOOK_AGAIN

_NAMED: Final = frozenset({"", "unconfined", "builtin"})
_ALL: Final = "ALL"


class _Settings(msgspec.Struct, rename="pascal"):
    security_opt: list[str] | None = None
    cap_add: list[str] | None = None
    cap_drop: list[str] | None = None
    privileged: bool = False


class _Config(msgspec.Struct, rename="pascal"):
    image: str = ""


class _Described(msgspec.Struct, rename="pascal"):
    id: str
    name: str
    config: _Config
    host_config: _Settings


class EngineContainers(Engine):
    """What the engine knows of a container that runs under a seccomp file of its own. Remembers; for one thread."""

    def __init__(self, address: EngineAddress) -> None:
        super().__init__(address)
        self._host: tuple[GoArch, tuple[int, int], Generation] | None = None
        self._known: OrderedDict[str, tuple[Confined | None, float]] = OrderedDict()

    def find(self, container: str) -> Confined | None:
        """None where it is another engine's, has the default profile or none, or is only watched.

        Raises:
            Unreachable, AccessDenied, TooSlow, BadContent, ServerError: the engine does not tell.
        """
        found, until = self._known.get(container, (None, 0.0))
        if found is None and time.monotonic() > until:
            found = self._ask(container)
            self._known[container] = (found, time.monotonic() + DENIALS_LOOK_AGAIN)
        self._known.move_to_end(container)
        if len(self._known) > DENIALS_CONTAINERS_MAX:
            self._known.popitem(last=False)
        return found

    def _ask(self, container: str) -> Confined | None:
        try:
            return self._confined(self._describe(container))
        except NotFound:
            return None

    def _describe(self, name: str) -> _Described:
        with self._call("GET", container_path(name)) as answer:
            data = self._read(answer)
        try:
            return msgspec.json.decode(data, type=_Described)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise self._nonsense() from error

    def _confined(self, described: _Described) -> Confined | None:
        seccomp = _seccomp(described)
        if seccomp is None or seccomp.default in OPEN:
            return None
        arch, kernel, generation = self._host = self._host or self._parts()
        host = Host(arch, kernel, bounding_set(described.host_config), generation)
        name = described.name.removeprefix("/")
        found = answers(resolve(seccomp, host), arch_of(arch))
        return Confined(described.id, name, described.config.image, found, host.capabilities)

    def _parts(self) -> tuple[GoArch, tuple[int, int], Generation]:
        with self._call("GET", VERSION) as answer:
            parts = read_parts(self._read(answer), b"{}")
        return parts.arch, kernel_of(parts.kernel), generation_of(parts.version)


def _seccomp(described: _Described) -> Seccomp | None:
    """The seccomp file that it was made with; None where it has none of its own, or one that nobody can read."""
    try:
        text = parse_security_options(described.host_config.security_opt or ()).others.get("seccomp", "")
        return None if text in _NAMED else parse_docker(text.encode(), "the seccomp file of a container")
    except (Malformed, BadContent):
        return None


def bounding_set(settings: _Settings) -> frozenset[Capability]:
    """Capabilities as the daemon makes them of what a container asks for (profiles reference, section 4)."""
    added, dropped = _capabilities(settings.cap_add), _capabilities(settings.cap_drop)
    if settings.privileged:
        return frozenset(CAPABILITIES)
    if _ALL in added:
        return frozenset(CAPABILITIES) - dropped
    return (frozenset() if _ALL in dropped else DEFAULT_CAPABILITIES - dropped) | added


def _capabilities(names: list[str] | None) -> frozenset[Capability]:
    return frozenset(Capability(name.upper().removeprefix("CAP_")) for name in names or ())
