"""Where a container's secrets are mounted, and that nothing of the client's is mounted there. Pure.

The mount is written into the request as a bind of one folder of the host, read-only, without what is mounted below
it, and out of reach of later mounts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from pytrust.policy.core.request import SecretAsk
from pytrust.policy.engine.binds import parse_bind
from pytrust.policy.engine.call import Malformed
from pytrust.policy.engine.models import ContainerCreate
from pytrust.policy.engine.models_host import BindOptions, HostConfig, Mount
from pytrust.policy.engine.paths import clean
from pytrust.policy.engine.secret_label import SECRETS_LABEL, parse_secrets
from pytrust.policy.engine.shapes import given

TARGET: Final = "/run/secrets"
"""Where swarm has them, and programs look."""

_CONTAINER: Final = "container:"
_TAKEN: Final = re.compile(r"/(?:var/)?run/secrets(?:/.*)?|/var/run", re.DOTALL)
"""There, below, and what is there by another name: ``/var/run`` is a link to ``/run`` in most images."""


def read_secrets(model: ContainerCreate) -> tuple[SecretAsk, ...]:
    """What a new container asks for.

    Raises:
        Malformed: its label has no single meaning, or something else is to be mounted in the same place.
    """
    label = (given(model.labels) or {}).get(SECRETS_LABEL)
    if label is None:
        return ()
    secrets = parse_secrets(label)
    host = given(model.host_config) or HostConfig()
    if given(host.volumes_from):
        raise Malformed(400, f"{SECRETS_LABEL} and the volumes of another container do not go together")
    if (given(host.pid_mode) or "").startswith(_CONTAINER):
        raise Malformed(400, f"{SECRETS_LABEL} and the processes of another container do not go together")
    for target in _targets(model, host):
        if _TAKEN.fullmatch(clean(target)):
            text = f"{target[:100]!r} cannot be mounted over: {SECRETS_LABEL} puts its files at {TARGET}"
            raise Malformed(400, text)
    return secrets


def with_secrets(host: HostConfig, folder: str) -> HostConfig:
    """With ``folder`` mounted for secrets."""
    options = BindOptions(propagation="rprivate", non_recursive=True)
    mount = Mount(type="bind", source=folder, target=TARGET, read_only=True, bind_options=options)
    return replace(host, mounts=(*(given(host.mounts) or ()), mount))


def _targets(model: ContainerCreate, host: HostConfig) -> Iterator[str]:
    """The client's mounts, in every grammar that there is for them."""
    yield from given(model.volumes) or ()
    yield from given(host.tmpfs) or ()
    yield from (parse_bind(text).target for text in given(host.binds) or ())
    yield from (given(mount.target) or "" for mount in given(host.mounts) or ())
