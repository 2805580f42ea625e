"""A trust server to publish to: its files, its keys, and its answer to a publish."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from pytrust.trust.canonical import parse_json
from pytrust.trust.client.source import HttpSource
from pytrust.trust.formats.notary.keys import WireKey
from pytrust.trust.http import Deadline
from pytrust.trust.keys.online import OnlineRole
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.limits import DEADLINE, TOKEN_MAX_BYTES
from pytrust.trust.names import CollectionName
from pytrust.trust.registry.session import Session
from pytrust.trust.remote.upload import encode_upload, refusal

_OK: Final = 200


class RemoteServer(HttpSource):
    """The server at ``url``, with the logins of ``session``."""

    def __init__(self, url: str, session: Session) -> None:
        super().__init__(url, session.http(), session)
        self._server = url.rstrip("/")
        self._logins = session

    def key(self, name: CollectionName, role: OnlineRole) -> PublicKey:
        """The key with which the server signs ``role`` of a collection, new or not; raises what a publish does."""
        answer = self._logins.ask(
            name, self._place(name, f"{role}.key"), TOKEN_MAX_BYTES, Deadline(DEADLINE), writes=True
        )
        if answer.status != _OK:
            raise refusal(self._server, answer)
        document = parse_json(answer.body, what=f"the {role} key of {self._server}", max_bytes=TOKEN_MAX_BYTES)
        return WireKey.read(document).material

    def publish(self, name: CollectionName, files: Mapping[str, bytes]) -> None:
        """Publish signed files by full role name, all or none.

        Raises:
            Conflict: somebody else published first.
            Refused: the server does not take it, and says why.
            Unknown: the server cannot be reached, or did not say what became of it.
        """
        kind, body = encode_upload(files)
        answer = self._logins.post(name, self._place(name, ""), body, kind, Deadline(DEADLINE))
        if answer.status != _OK:
            raise refusal(self._server, answer)

    def offered(self, name: CollectionName) -> tuple[PublicKey, PublicKey]:
        """The keys of snapshot and timestamp that a new collection is to name."""
        return self.key(name, "snapshot"), self.key(name, "timestamp")

    def _place(self, name: CollectionName, file: str) -> str:
        return f"{self._server}/v2/{quote(name, safe='/:')}/_trust/tuf/{file}"
