"""What an engine tells of its swarm: ``GET /info``, ``/swarm`` and ``/secrets`` of the Engine API, read. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec
from cryptography import x509

from pytrust.policy.swarm.keys import CLUSTER_ID, ClusterId, JoinToken, UnlockKey
from pytrust.trust.errors import BadContent, Unknown

_Id = Annotated[str, msgspec.Meta(pattern=CLUSTER_ID)]
_T = TypeVar("_T")


class Local(msgspec.Struct, frozen=True, rename="pascal"):
    """This node: ``local_node_state`` is inactive, pending, active, error or locked."""

    local_node_state: str
    control_available: bool = False

    @property
    def locked(self) -> bool:
        """Whether it waits for the unlock key."""
        return self.local_node_state == "locked"


class Cluster(NamedTuple):
    """A swarm, as a manager tells of it.

    Attributes:
        id: of the swarm.
        version: of ``spec``, which an update has to name.
        spec: how it was set up, everything in it.
        autolock: whether managers need the unlock key to start.
        since: the root certificate, or the one of several that ends first, is as old as this.
        until: it ends.
        rotating: it is being replaced.
        worker: join token.
        manager: join token.
    """

    id: ClusterId
    version: int
    spec: dict[str, Any]
    autolock: bool
    since: datetime
    until: datetime
    rotating: bool
    worker: JoinToken
    manager: JoinToken

    def __repr__(self) -> str:
        return f"Cluster({self.id})"


class Held(NamedTuple):
    """Names of docker's secrets: those whose values lie in the swarm, and those that a plugin gives."""

    in_swarm: tuple[str, ...]
    by_plugin: tuple[str, ...]


def read_local(info: object) -> Local:
    """From ``/info``."""
    return _convert(info, _Info).swarm


def check_manager(local: Local, address: object) -> None:
    """Raises ``Unknown`` for an engine that cannot tell of a swarm."""
    state = local.local_node_state
    if state == "inactive":
        raise Unknown(f"the engine at {address} is in no swarm", hint="begin one: docker swarm init")
    if state == "active" and not local.control_available:
        raise Unknown(f"the engine at {address} is a worker", hint="ask a manager: DOCKER_HOST=tcp://MANAGER:2376")
    if state != "active":
        raise Unknown(f"the swarm of the engine at {address} is {state[:30]}", hint="docker info tells more")


def read_cluster(answer: object) -> Cluster:
    """From ``/swarm``."""
    told = _convert(answer, _Swarm)
    spec = _convert(told.spec, _Spec)
    first = min(_roots(told.tls.trust_root), key=lambda each: each.not_valid_after_utc)
    return Cluster(
        ClusterId(told.id),
        told.version.index,
        told.spec,
        spec.encryption.auto_lock_managers,
        first.not_valid_before_utc,
        first.not_valid_after_utc,
        told.root_rotation_in_progress,
        told.tokens.worker,
        told.tokens.manager,
    )


def read_unlock_key(answer: object) -> UnlockKey | None:
    """From ``/swarm/unlockkey``; None where there is none, because autolock is off."""
    if answer == {"UnlockKey": ""}:
        return None
    return _convert(answer, _Unlock).unlock_key


def read_secrets(answer: object) -> Held:
    """From ``/secrets``."""
    specs = [each.spec for each in _convert(answer, list[_Secret])]
    in_swarm = sorted(spec.name for spec in specs if spec.driver is None)
    return Held(tuple(in_swarm), tuple(sorted(spec.name for spec in specs if spec.driver is not None)))


def locking(spec: dict[str, Any]) -> dict[str, Any]:
    """``spec`` with autolock on."""
    return {**spec, "EncryptionConfig": {**spec.get("EncryptionConfig", {}), "AutoLockManagers": True}}


class _Info(msgspec.Struct, rename="pascal"):
    swarm: Local


class _Version(msgspec.Struct, rename="pascal"):
    index: Annotated[int, msgspec.Meta(ge=0)]


class _Encryption(msgspec.Struct, rename="pascal"):
    auto_lock_managers: bool = False


class _Spec(msgspec.Struct, rename="pascal"):
    encryption: _Encryption = msgspec.field(name="EncryptionConfig", default_factory=_Encryption)


class _Tls(msgspec.Struct, rename="pascal"):
    trust_root: str


class _Tokens(msgspec.Struct, rename="pascal"):
    worker: JoinToken
    manager: JoinToken


class _Swarm(msgspec.Struct, rename="pascal"):
    id: _Id = msgspec.field(name="ID")
    version: _Version
    spec: dict[str, Any]
    tls: _Tls = msgspec.field(name="TLSInfo")
    tokens: _Tokens = msgspec.field(name="JoinTokens")
    root_rotation_in_progress: bool = False


class _Unlock(msgspec.Struct, rename="pascal"):
    unlock_key: UnlockKey


class _SecretSpec(msgspec.Struct, rename="pascal"):
    name: str
    driver: dict[str, Any] | None = None


class _Secret(msgspec.Struct, rename="pascal"):
    spec: _SecretSpec


def _convert(value: object, kind: type[_T]) -> _T:
    """Errors of msgspec name a place and a type, and no value."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise BadContent(f"the engine tells of its swarm in words that are not known here: {error}") from error


def _roots(pem: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except ValueError as error:
        raise BadContent("the engine's swarm has a root that is no certificate") from error
