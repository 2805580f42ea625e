"""Which signed profile confines an image's containers? The statement of its collection, as this engine is to get it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from msgspec.structs import replace

from pytrust.policy.core.facts import Fact, Missing, NotProfiled, Profiled, ProfileQuery, Unavailable
from pytrust.policy.engine.words import one_line
from pytrust.policy.profiles.apparmor.names import profile_name
from pytrust.policy.profiles.applied import applied
from pytrust.policy.profiles.document import decode_profile
from pytrust.policy.profiles.model import Profile
from pytrust.policy.profiles.parts import EngineParts
from pytrust.policy.profiles.sound import require_sound
from pytrust.policy.threads import Threads
from pytrust.policy.trust_facts import Opened, TrustFacts
from pytrust.trust.collection.model import PROFILES
from pytrust.trust.errors import BadContent, PytrustError, Refused
from pytrust.trust.names import Digest

if TYPE_CHECKING:
    from pytrust.policy.profiles.floor import Floors
    from pytrust.trust.client.trusted import SignedStatement

KEPT_MAX: Final = 256  # profiles of images that a host runs; each has some 2 kB
AT_ONCE: Final = 2  # threads that compile for AppArmor
_DOCUMENT: Final = "the signed document"

Load = Callable[[Profile, str], None]
"""Loads the AppArmor part of a profile under a name into the kernel of the engine; raises ``PytrustError``."""

_FAR: Final = NotProfiled(
    code="apparmor-elsewhere",
    why="the engine is on another host, and its AppArmor profile cannot be loaded there",
    hint="let a proxy on that host speak to the engine's unix socket, or sign a profile without AppArmor",
)


class Engine(Protocol):
    """Who knows what an engine is made of (``engine_facts.EngineFacts``)."""

    async def parts(self) -> EngineParts:
        """Once it was asked."""

    def kept_parts(self) -> EngineParts | None:
        """Where it need not be asked."""


class ProfileFacts:
    """Answers from what ``trust`` verified.

    ``load`` stays None where the engine is not on this host; ``measured`` are floors of its runtime; ``on_use`` is
    called when a profile is prepared for it.
    """

    def __init__(self, trust: TrustFacts, engine: Engine) -> None:
        self.load: Load | None = None
        self.measured: Floors = {}
        self.on_use: Callable[[], None] = lambda: None
        self._trust, self._engine = trust, engine
        self._threads = Threads(AT_ONCE)
        self._made: dict[tuple[Digest, EngineParts], Profiled] = {}

    async def answer(self, query: ProfileQuery) -> Fact:
        """``Profiled``, ``Missing``, ``NotProfiled`` or ``Unavailable``; raises as ``TrustFacts``, ``EngineFacts``."""
        found = _statement(await self._trust.collection(query.ref.collection, query.roots), query)
        if isinstance(found, Missing | NotProfiled | Unavailable):
            return found
        parts = await self._engine.parts()
        if kept := self._made.get((found.digest, parts)):
            return replace(kept, expires=found.expires)
        try:
            return self._keep(await self._threads.run(partial(self._make, found, parts)))
        except (BadContent, Refused) as error:
            return NotProfiled(code=error.code, why=one_line(str(error)), hint=error.hint)

    def at_once(self, query: ProfileQuery) -> Fact | None:
        """The same, where it takes no looking up."""
        opened, parts = self._trust.kept_collection(query.ref.collection, query.roots), self._engine.kept_parts()
        if opened is None or parts is None:
            return None
        found = _statement(opened, query)
        if isinstance(found, Missing | NotProfiled | Unavailable):
            return found
        kept = self._made.get((found.digest, parts))
        return replace(kept, expires=found.expires) if kept else None

    def _make(self, found: SignedStatement, parts: EngineParts) -> Profiled | NotProfiled:
        profile = decode_profile(found.content, _DOCUMENT)
        require_sound(profile, _DOCUMENT)
        name = ""
        if profile.apparmor is not None and parts.apparmor:
            if self.load is None:
                return _FAR
            name = profile_name(found.digest)
            self.load(profile, name)
        return Profiled(
            digest=found.digest,
            seccomp=applied(profile, parts, self.measured),
            capabilities=tuple(sorted(profile.capabilities)),
            no_new_privileges=profile.no_new_privileges,
            read_only=profile.read_only,
            user=profile.user,
            apparmor=name,
            expires=found.expires,
            parts=parts,
        )

    def _keep(self, made: Profiled | NotProfiled) -> Profiled | NotProfiled:
        if isinstance(made, Profiled):
            self.on_use()
            while len(self._made) >= KEPT_MAX:
                del self._made[next(iter(self._made))]
            self._made[made.digest, made.parts] = made
        return made


def _statement(opened: Opened, query: ProfileQuery) -> SignedStatement | Missing | NotProfiled | Unavailable:
    """What the collection says of the image."""
    if isinstance(opened.outcome, PytrustError):
        return _refused(opened.outcome)
    assert query.ref.digest is not None
    try:
        return opened.outcome.statement(PROFILES, query.ref.digest) or Missing()
    except PytrustError as error:
        return _refused(error)


def _refused(error: PytrustError) -> NotProfiled | Unavailable:
    kind = NotProfiled if isinstance(error, Refused) else Unavailable
    return kind(code=error.code, why=one_line(str(error)), hint=error.hint)
