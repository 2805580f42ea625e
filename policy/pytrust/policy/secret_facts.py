"""May this image have these secrets? The vault is asked, without a value being read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

from pytrust.policy.core.facts import Deliverable, Fact, NotDeliverable, SecretsQuery
from pytrust.policy.threads import Threads
from pytrust.trust.errors import NoSuchSecret, NotSetUp
from pytrust.trust.limits import DELIVERED_MAX_BYTES
from pytrust.trust.names import CollectionName
from pytrust.trust.vault.asking import Vaulted
from pytrust.trust.vault.callers import ImageCaller
from pytrust.trust.vault.delivery import Deliveries, new_token
from pytrust.trust.vault.model import Secret
from pytrust.trust.vault.names import SecretName
from pytrust.trust.vault.operations import Find, Page

VAULT_QUESTIONS_AT_ONCE: Final = 4  # threads that a vault which does not answer can hold


class SecretFacts:
    """Answers of ``vault``, which may be closed."""

    def __init__(self, vault: Vaulted, deliveries: Deliveries, now: Callable[[], datetime]) -> None:
        self._vault, self._deliveries, self._now = vault, deliveries, now
        self._threads = Threads(VAULT_QUESTIONS_AT_ONCE)

    async def answer(self, query: SecretsQuery) -> Fact:
        """Raises what ``Vaulted.ask`` does, but for what is an answer."""
        return await self._threads.run(partial(self._answer, query))

    def _answer(self, query: SecretsQuery) -> Fact:
        size = 0
        for name in query.names:
            found = self._find(name, query.image)
            if isinstance(found, NotDeliverable):
                return found
            size += found.current.size
        if size > DELIVERED_MAX_BYTES:
            why = f"the secrets of one container have at most {DELIVERED_MAX_BYTES} bytes, and these have {size}"
            return NotDeliverable(code="too-many-secrets", why=why, hint="give it fewer, or smaller ones")
        return Deliverable(folder=str(self._deliveries.place / new_token()))

    def _find(self, name: SecretName, image: CollectionName) -> Secret | NotDeliverable:
        try:
            page = self._vault.ask(Find(name=name), caller=ImageCaller(image))
        except NoSuchSecret as error:
            return no_such_secret(name, image, error)
        except NotSetUp as error:
            return NotDeliverable(code="no-vault", why=f"{name} cannot be had: {error}", hint=error.hint)
        assert isinstance(page, Page)
        (secret,) = page.secrets
        expires = secret.terms.expires
        if expires is not None and self._now().timestamp() >= expires:
            hint = f"put a new value, or: pytrust secret expire {name} never"
            return NotDeliverable(code="secret-expired", why=f"the time of the secret {name} is over", hint=hint)
        return secret


def no_such_secret(name: SecretName, image: CollectionName, error: NoSuchSecret) -> NotDeliverable:
    """One answer to a name that is none, and to one that is not for the image."""
    return NotDeliverable(
        code=error.code,
        why=f"there is no secret {name}, or {image} may not read it",
        hint=f"pytrust secret allow {name} image:{image}",
    )
