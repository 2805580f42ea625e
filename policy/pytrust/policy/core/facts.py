"""What the decision may ask about the world, and the answers.

A query that could not be answered has the answer ``Unavailable``: that too is a fact, and a rule says what follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from pytrust.policy.core.request import Ask, SecretAsk
from pytrust.policy.core.value import Value
from pytrust.policy.profiles.names import Capability
from pytrust.policy.profiles.parts import EngineParts
from pytrust.scanner.claim import Claims
from pytrust.scanner.scan import Scan
from pytrust.trust.names import CollectionName, Digest, Format, ImageRef, KeyId, RoleName
from pytrust.trust.vault.names import SecretName


class Roots(Value, frozen=True, kw_only=True):
    """Where trust starts, by a rule; without, the host's own pins count. See ``trust.pins.Pin``, which this becomes.

    One of: ``threshold`` of ``keys`` (sorted), one of ``certificates`` (Notary's ids, sorted), ``ca`` (PEM),
    ``first_use``. ``server`` is a url, empty for the one that this host asks anyway.
    """

    keys: tuple[KeyId, ...] = ()
    threshold: int = 1
    server: str = ""
    form: Format | None = None
    certificates: tuple[str, ...] = ()
    ca: str = ""
    first_use: bool = False


class TrustQuery(Value, frozen=True, kw_only=True):
    """Is ``ref`` signed? With a digest and no tag: is the digest signed under any tag?"""

    ref: ImageRef
    roots: Roots | None = None


class ImageQuery(Value, frozen=True, kw_only=True):
    """What does the engine hold under this name, digest reference or id?"""

    name: str


class ContainerQuery(Value, frozen=True, kw_only=True):
    """Which container does the engine know by this name or id?"""

    name: str


class ExecQuery(Value, frozen=True, kw_only=True):
    """Which exec instance is this?"""

    exec_id: str


class PathQuery(Value, frozen=True, kw_only=True):
    """Where does this path on the host lead?"""

    path: str


class VolumeQuery(Value, frozen=True, kw_only=True):
    """What kind of volume is this?"""

    name: str


class EngineQuery(Value, frozen=True, kw_only=True):
    """What kind of engine is this?"""


class SecretsQuery(Value, frozen=True, kw_only=True):
    """May a container of this verified image have these secrets (sorted)?"""

    names: tuple[SecretName, ...]
    image: CollectionName


class ProfileQuery(Value, frozen=True, kw_only=True):
    """Which signed profile confines containers of ``ref`` (a name and a digest)?"""

    ref: ImageRef
    roots: Roots | None = None


class ScanQuery(Value, frozen=True, kw_only=True):
    """What was found in ``ref`` (a name and a digest), of which the engine holds ``image_id``?

    ``platform`` is the one that the client asks for, empty where it leaves that to the engine.
    """

    ref: ImageRef
    image_id: str
    roots: Roots | None = None
    platform: str = ""


Query = (
    TrustQuery
    | ImageQuery
    | ContainerQuery
    | ExecQuery
    | PathQuery
    | VolumeQuery
    | EngineQuery
    | SecretsQuery
    | ProfileQuery
    | ScanQuery
)


class Unavailable(Value, frozen=True, kw_only=True):
    """It could not be found out."""

    code: str
    why: str
    hint: str = ""


class Missing(Value, frozen=True, kw_only=True):
    """There is no such thing."""


class Signed(Value, frozen=True, kw_only=True):
    """``digest`` is the one to run; ``signers`` (sorted) vouch for exactly this content; UTC ``expires`` ends it.

    ``offline``: by what this host verified before; ``fallback`` is then the code of what was wrong with the source.
    """

    digest: Digest
    signers: tuple[RoleName, ...]
    expires: datetime
    offline: bool = False
    fallback: str = ""


class NotSigned(Value, frozen=True, kw_only=True):
    """Nobody trusted vouches for it: unsigned, stale, forged, rolled back. ``code`` as in ``pytrust.trust.errors``."""

    code: str
    why: str
    hint: str = ""


class RepoDigest(Value, frozen=True, kw_only=True):
    """A name and digest under which a registry gave the engine an image."""

    collection: CollectionName
    digest: Digest


class HeldImage(Value, frozen=True, kw_only=True):
    """An image on the engine. ``user`` as in its configuration; ``tags`` are local names and prove nothing."""

    id: str
    repo_digests: tuple[RepoDigest, ...] = ()
    tags: tuple[ImageRef, ...] = ()
    user: str = ""


class Delivery(Value, frozen=True, kw_only=True):
    """Secrets for one container of the image ``ref``: a folder of the host, mounted there at ``/run/secrets``.

    ``host_users``: the container counts users as the host does, though others on its engine may not.
    """

    folder: str
    ref: ImageRef
    secrets: tuple[SecretAsk, ...]
    host_users: bool = False


class Profiled(Value, frozen=True, kw_only=True):
    """A signed profile: ``digest`` is that of the document, and the rest what a container gets on this engine.

    ``seccomp`` is the text of a Docker seccomp file, the runtime's floor in it; ``apparmor`` the name of a profile that
    is loaded there, or empty; ``user`` ``UID[:GID]``, empty for the image's own. UTC ``expires`` ends the signature.
    """

    digest: Digest
    seccomp: str
    capabilities: tuple[Capability, ...]
    no_new_privileges: bool
    read_only: bool
    user: str
    apparmor: str
    expires: datetime
    parts: EngineParts


class NotProfiled(Value, frozen=True, kw_only=True):
    """There is one, but it does not count: its time is over, it is damaged, this engine cannot apply it."""

    code: str
    why: str
    hint: str = ""


class Scanned(Value, frozen=True, kw_only=True):
    """A signed scan: ``digest`` is that of the document; UTC ``expires`` ends the signature.

    ``claims`` is what signed VEX says of the image, as far as it can be believed.
    """

    digest: Digest
    scan: Scan
    expires: datetime
    claims: Claims = Claims()


class NotScanned(Value, frozen=True, kw_only=True):
    """There is one, but it does not count: its time is over, it is damaged, it is of another platform."""

    code: str
    why: str
    hint: str = ""


class Admission(Value, frozen=True, kw_only=True):
    """A container that was let in: by which image (a signed one has a digest), which image id, under which policy.

    ``delivery``: the secrets that it gets whenever it is started; ``profile``: the signed one that confines it.
    """

    ref: ImageRef
    image_id: str
    policy: str
    delivery: Delivery | None = None
    profile: Profiled | None = None


class Container(Value, frozen=True, kw_only=True):
    """A container on the engine. ``id`` in full; ``guarded``: its operator marked it as not to be touched.

    ``binds``: the paths of the host that it mounts, as asks; ``joins``: the containers whose namespaces it shares, by
    their ids, as asks.
    """

    id: str
    image_id: str
    guarded: bool = False
    binds: tuple[Ask, ...] = ()
    joins: tuple[Ask, ...] = ()
    admission: Admission | None = None


class ExecInstance(Value, frozen=True, kw_only=True):
    """An exec instance that was let in, and its container (full id); ``overruled``: against a refusal."""

    container: str
    overruled: bool = False


class HostPath(Value, frozen=True, kw_only=True):
    """``real``: after symbolic links. ``guarded``: it holds, or lies in, what pytrust or the engine is ruled by."""

    real: str
    guarded: bool = False


class Volume(Value, frozen=True, kw_only=True):
    """A volume on the engine; ``options`` are those of its driver (sorted pairs), values only of type and device.

    ``guarded``: a guarded container mounts it.
    """

    driver: str
    options: tuple[tuple[str, str], ...] = ()
    guarded: bool = False


class EngineInfo(Value, frozen=True, kw_only=True):
    """``seccomp``: the engine's own profile confines containers that ask for none."""

    seccomp: bool


class Deliverable(Value, frozen=True, kw_only=True):
    """It may. ``folder`` is where they would go: a path that nobody can guess, and that is not in use."""

    folder: str


class NotDeliverable(Value, frozen=True, kw_only=True):
    """It may not: one of them does not exist, or is not for this image (which of the two is not told), or too large."""

    code: str
    why: str
    hint: str = ""


Fact = (
    Unavailable
    | Missing
    | Signed
    | NotSigned
    | HeldImage
    | Container
    | ExecInstance
    | HostPath
    | Volume
    | EngineInfo
    | Deliverable
    | NotDeliverable
    | Profiled
    | NotProfiled
    | Scanned
    | NotScanned
)


class Facts(NamedTuple):
    """The time (UTC) and everything known."""

    now: datetime
    known: Mapping[Query, Fact]
