"""A container create that is only tried: judged as the proxy judges it, with the engine's answers made up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final, assert_never

import msgspec

from pytrust.policy.core.facts import (
    ContainerQuery,
    Deliverable,
    EngineInfo,
    EngineQuery,
    ExecQuery,
    Fact,
    HeldImage,
    HostPath,
    ImageQuery,
    Missing,
    PathQuery,
    ProfileQuery,
    Query,
    RepoDigest,
    ScanQuery,
    SecretsQuery,
    TrustQuery,
    Unavailable,
    VolumeQuery,
)
from pytrust.policy.core.request import Create, Held
from pytrust.policy.core.rules import Policy
from pytrust.policy.engine.body import decode
from pytrust.policy.engine.call import Malformed
from pytrust.policy.engine.normalise import normalise
from pytrust.policy.engine.routes import match
from pytrust.policy.journal import Decided, Entry
from pytrust.policy.profile_facts import ProfileFacts
from pytrust.policy.profiles.names import GoArch
from pytrust.policy.profiles.parts import EngineParts
from pytrust.policy.proxy.judge import Answers, Judge
from pytrust.policy.scan_facts import ScanFacts
from pytrust.policy.trust_facts import TrustFacts
from pytrust.trust.errors import PytrustError, UsageError
from pytrust.trust.names import ImageRef
from pytrust.trust.vault.delivery import ROOT

Signature = TrustQuery | ProfileQuery | ScanQuery
EngineSide = ImageQuery | PathQuery | VolumeQuery | EngineQuery | ContainerQuery | ExecQuery | SecretsQuery

_TARGET: Final = "/containers/create"
_IMAGE_ID: Final = f"sha256:{'0' * 64}"
_PARTS: Final = EngineParts(version="28.0", runc="", kernel="6.1", arch=GoArch("amd64"))
_NO_ENGINE: Final = Unavailable(
    code="no-engine", why="this command asks no engine", hint="name images by tag or digest, and no other container"
)


def read_request(image: str | None, body: bytes | None) -> Create:
    """The request that docker makes for ``image``, with the other fields of ``body``, a ``/containers/create``.

    Raises:
        UsageError: the engine or the proxy would not understand it.
    """
    try:
        call = match("POST", _TARGET)
        assert call is not None
        model = decode(call.route.body, b"{}" if body is None else body)
        assert model is not None
        request = normalise(call, model if image is None else msgspec.structs.replace(model, image=image))
    except Malformed as error:
        raise UsageError(str(error), hint="docs/policy.md, Trying it out") from error
    assert isinstance(request, Create)
    return request


class Supposed:
    """Looks up signatures, profiles and scans with ``trust``, and makes up what an ordinary engine would answer.

    It holds every image that is named (one by digest under that very id), and runs it as ``user``. Of the images that
    ``request`` names by id it knows nothing.
    """

    def __init__(self, request: Create, user: str, trust: Callable[[], TrustFacts]) -> None:
        self._ids = {image.text for image in (request.image, *request.mounts) if isinstance(image, Held)}
        self._user, self._trust = user, trust

    async def answer(self, queries: Iterable[Query]) -> dict[Query, Fact]:
        """One fact for each query."""
        return {
            query: await self._look_up(query) if isinstance(query, Signature) else self._suppose(query)
            for query in queries
        }

    async def _look_up(self, query: Signature) -> Fact:
        """Opened when a rule asks for it."""
        try:
            match query:
                case TrustQuery():
                    return await self._trust().answer(query)
                case ProfileQuery():
                    return await ProfileFacts(self._trust(), _AnyEngine()).answer(query)
                case ScanQuery():
                    return await ScanFacts(self._trust(), _AnyEngine()).answer(query)
                case _:
                    assert_never(query)
        except PytrustError as error:
            return Unavailable(code=error.code, why=str(error), hint=error.hint)

    def _suppose(self, query: EngineSide) -> Fact:
        match query:
            case ImageQuery(name=name):
                return _NO_ENGINE if name in self._ids else self._image(ImageRef.parse(name))
            case PathQuery(path=path):
                return HostPath(real=path)
            case VolumeQuery():
                return Missing()
            case EngineQuery():
                return EngineInfo(seccomp=True)
            case SecretsQuery():
                return Deliverable(folder=str(ROOT / ("0" * 32)))
            case ContainerQuery() | ExecQuery():
                return _NO_ENGINE
            case _:
                assert_never(query)

    def _image(self, ref: ImageRef) -> HeldImage:
        given = (RepoDigest(collection=ref.collection, digest=ref.digest),) if ref.digest else ()
        held = str(ref.digest) if ref.digest else _IMAGE_ID
        return HeldImage(id=held, repo_digests=given, tags=() if ref.digest else (ref,), user=self._user)


class _AnyEngine:
    """One that is made of the usual parts."""

    async def parts(self) -> EngineParts:
        return _PARTS

    def kept_parts(self) -> EngineParts | None:
        return _PARTS


async def settle(request: Create, policy: Policy, answers: Answers, now: Callable[[], datetime]) -> Decided:
    """The entry that the proxy would write to its journal."""
    notes = _Notes()
    await Judge(policy, answers, notes, now).settle(request, "pytrust policy test")
    entry = notes.entries[-1]
    assert isinstance(entry, Decided)
    return entry


class _Notes:
    """A journal that nobody keeps."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def append(self, entry: Entry) -> int:
        self.entries.append(entry)
        return len(self.entries)
