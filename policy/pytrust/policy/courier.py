"""Carries secrets from the vault to the folder of a container that is about to be started.

The vault checks the right to read each of them anew, and has every reading in its audit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pytrust.policy.core.facts import Delivery
from pytrust.policy.core.request import SecretAsk
from pytrust.policy.engine.answers import Users
from pytrust.policy.secret_facts import VAULT_QUESTIONS_AT_ONCE
from pytrust.policy.threads import Threads
from pytrust.trust.errors import NotFound, TooSlow, UsageError
from pytrust.trust.limits import DEADLINE, DELIVERED_MAX_BYTES
from pytrust.trust.vault.asking import Vaulted
from pytrust.trust.vault.callers import ImageCaller
from pytrust.trust.vault.delivery import Deliveries, SecretFile
from pytrust.trust.vault.operations import Get, Value


class Courier:
    """Between ``vault`` and ``deliveries``."""

    def __init__(self, vault: Vaulted, deliveries: Deliveries) -> None:
        self._vault, self.deliveries = vault, deliveries
        self._threads = Threads(VAULT_QUESTIONS_AT_ONCE)

    def prepare(self, delivery: Delivery, users: Users) -> None:
        """An empty folder, unless it is there; raises ``Unsound``."""
        root = _users(delivery, users)
        self.deliveries.make(token_of(delivery), uid=root.uid, gid=root.gid)

    async def fill(self, container: str, delivery: Delivery, users: Users) -> None:
        """The values of this moment, all or none.

        Raises:
            NoSuchSecret: one is gone, or not for the image any more.
            NotFound: the container mounts a folder elsewhere: this process has another place than the one that made it.
            UsageError: they are too large, or for users that the container does not have.
            PytrustError: the vault is closed, or there is no room.
        """
        if Path(delivery.folder) != self.deliveries.place / token_of(delivery):
            place = self.deliveries.place
            text = f"the secrets of {container[:12]} belong into {delivery.folder}, and now lie below {place}"
            raise NotFound(text, hint="create the container again, or start the proxy as before: --secrets")
        try:
            async with asyncio.timeout(DEADLINE):
                values = await self._threads.run(partial(self._read, container, delivery))
        except TimeoutError as error:
            raise TooSlow(f"the vault gave no secrets within {DEADLINE:g} s", hint="try again") from error
        root = _users(delivery, users)
        files = [_file(ask, value, root) for ask, value in zip(delivery.secrets, values, strict=True)]
        self.prepare(delivery, users)
        self.deliveries.fill(token_of(delivery), files)

    def _read(self, container: str, delivery: Delivery) -> Sequence[bytes]:
        caller = ImageCaller(delivery.ref.collection)
        purpose = f"container {container[:12]} {delivery.ref}"
        values = []
        for ask in delivery.secrets:
            answer = self._vault.ask(Get(name=ask.name, purpose=purpose), caller=caller)
            assert isinstance(answer, Value)
            values.append(answer.value)
        if sum(map(len, values)) > DELIVERED_MAX_BYTES:
            raise UsageError(f"the secrets of one container have at most {DELIVERED_MAX_BYTES} bytes")
        return values


def token_of(delivery: Delivery) -> str:
    """The name of its folder."""
    return Path(delivery.folder).name


def _users(delivery: Delivery, users: Users) -> Users:
    return Users() if delivery.host_users else users


def _file(ask: SecretAsk, value: bytes, root: Users) -> SecretFile:
    if max(ask.uid, ask.gid) >= root.ids:
        raise UsageError(f"{ask.name} is for a user that the container does not have", hint=f"below {root.ids}")
    return SecretFile(ask.file, value, root.uid + ask.uid, root.gid + ask.gid, ask.mode)
