"""The part of the Engine API that is about swarms."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import urlencode

from pytrust.policy.engine.client import ANSWER_TIMEOUT, Engine
from pytrust.policy.engine.words import engine_message, failure
from pytrust.policy.swarm.keys import UnlockKey
from pytrust.policy.swarm.state import (
    Cluster,
    Held,
    Local,
    check_manager,
    locking,
    read_cluster,
    read_local,
    read_secrets,
    read_unlock_key,
)
from pytrust.trust.errors import AccessDenied, BadContent, Conflict, ServerError
from pytrust.trust.limits import ERROR_BODY_MAX_BYTES

_ERRORS_FROM: Final = 400
_CHANGED: Final = "update out of sequence"
_WRONG_KEY: Final = "invalid key"
_ROTATE: Final = {"rotateWorkerToken": "true", "rotateManagerToken": "true", "rotateManagerUnlockKey": "true"}


class SwarmEngine(Engine):
    """An engine that is asked about its swarm; errors as of ``Engine``, and ``Unknown`` where it is no manager."""

    def local(self) -> Local:
        """This node."""
        return read_local(self._get("/info"))

    def cluster(self) -> Cluster:
        """The swarm."""
        check_manager(self.local(), self.address)
        return read_cluster(self._get("/swarm"))

    def unlock_key(self) -> UnlockKey | None:
        """What managers need to start; None while autolock is off."""
        return read_unlock_key(self._get("/swarm/unlockkey"))

    def secrets(self) -> Held:
        """Docker's secrets."""
        return read_secrets(self._get("/secrets"))

    def switch_on(self, cluster: Cluster, *, rotate: bool) -> None:
        """Autolock, and new keys where ``rotate`` says so; raises ``Conflict`` where the swarm has changed since."""
        query = {"version": str(cluster.version), **(_ROTATE if rotate else {})}
        try:
            self._post(f"/swarm/update?{urlencode(query)}", locking(cluster.spec))
        except ServerError as error:
            if _CHANGED not in str(error):
                raise
            raise Conflict(f"the swarm {cluster.id} was changed at the same moment") from error

    def unlock(self, key: str) -> bool:
        """Try a key on a locked swarm; whether it is the one."""
        try:
            self._post("/swarm/unlock", {"UnlockKey": key})
        except AccessDenied as error:
            if _WRONG_KEY not in str(error):
                raise
            return False
        return True

    def _get(self, path: str) -> object:
        with self._call("GET", path) as answer:
            data = self._read(answer)
        try:
            value: object = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise BadContent(f"{self.address} does not answer like a Docker engine", hint="try: docker info") from error
        return value

    def _post(self, target: str, document: dict[str, Any]) -> None:
        connection = self._connect(ANSWER_TIMEOUT)
        try:
            with self._listening():
                body = json.dumps(document).encode()
                connection.request("POST", target, body, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                text = answer.read(ERROR_BODY_MAX_BYTES)
        finally:
            connection.close()
        if answer.status >= _ERRORS_FROM:
            raise failure(answer.status, engine_message(text))
