"""What the trust server asks of authentication, whatever it is made of."""

from __future__ import annotations

from typing import Protocol

from pytrust.trust.server.auth.access import ANONYMOUS, Access, Caller
from pytrust.trust.server.auth.challenge import Challenge


class Gate(Protocol):
    """Decides who may do what. Safe to use from several threads."""

    def judge(self, authorization: str | None, access: Access, realm: str, *, peer: str = "") -> Caller | Challenge:
        """Let a request in, or challenge it. There is no third answer: docker takes 403 for a broken server.

        Args:
            authorization: the one ``Authorization`` header. More than one is the caller's to refuse.
            access: what the request needs; ``PING`` for ``GET /v2/``.
            realm: what the challenge says if it must: ``realm_of(settings, scheme, host)``.
            peer: the address of the client, by which failures are counted.

        Takes as long as a bcrypt check where ``slow`` says so, and some microseconds else.

        Raises:
            PytrustError: a file that it needs (passwords, keys of the issuer) is gone or broken: answer 503.
        """
        ...

    def slow(self, authorization: str | None) -> bool:
        """Whether ``judge`` will have a password to check: call it on a thread then."""
        ...


class TokenService(Protocol):
    """Gives tokens for passwords. Safe to use from several threads."""

    def answer(
        self, method: str, query: bytes, body: bytes, authorization: str | None, peer: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Answer a request for ``TOKEN_PATH``: status, headers (without Content-Length) and body.

        Args:
            method: GET or POST, any other is answered 405.
            query: the query string as it stands in the request target.
            body: the whole body; read no more than ``TOKEN_FORM_MAX_BYTES`` + 1.
            authorization: the one ``Authorization`` header.
            peer: the address of the client, by which failures are counted.

        May check a password, which is slow: call it on a thread, always.

        Raises:
            PytrustError: as ``Gate.judge``.
        """
        ...


class OpenGate:
    """Lets everybody do everything: for loopback, or a server behind somebody else's gate."""

    def judge(
        self,
        authorization: str | None,  # noqa: ARG002 - nobody is asked who they are
        access: Access,  # noqa: ARG002
        realm: str,  # noqa: ARG002
        *,
        peer: str = "",  # noqa: ARG002
    ) -> Caller | Challenge:
        """Always anonymous."""
        return ANONYMOUS

    def slow(self, authorization: str | None) -> bool:  # noqa: ARG002
        """Never."""
        return False
