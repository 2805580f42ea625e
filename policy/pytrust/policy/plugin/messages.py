"""The words of Docker's authorization plugin protocol, as dockerd 20.10 and later say them. Pure.

A call is JSON: who asks (``User``, ``UserAuthNMethod``, ``RequestPeerCertificates``: the chain that the client showed,
each certificate PEM in base64) and for what (``RequestMethod``, ``RequestUri``; headers and bodies are not looked at).
Over TLS dockerd fills in all three of the first kind, over its unix socket none of them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pytrust.policy.plugin.limits import PEERS_KNOWN_MAX
from pytrust.trust.errors import BadMetadata

REQUEST: Final = "/AuthZPlugin.AuthZReq"
RESPONSE: Final = "/AuthZPlugin.AuthZRes"
ALLOWED: Final = msgspec.json.encode({"Allow": True})
_TLS: Final = "TLS"
_TEXT_MAX_CHARS: Final = 200  # of what others wrote, in an error


class Call(msgspec.Struct, frozen=True, rename="pascal"):
    """What dockerd asks, twice for every request: before it does it, and before it hands out the answer."""

    request_method: str
    request_uri: str
    user: str = ""
    method: str = msgspec.field(name="UserAuthNMethod", default="")
    peer: tuple[bytes, ...] = msgspec.field(name="RequestPeerCertificates", default=())

    @property
    def thing(self) -> str:
        """What is asked for, without the query."""
        return f"{self.request_method} {self.request_uri.partition('?')[0]}"[:_TEXT_MAX_CHARS]

    @property
    def local(self) -> bool:
        """Whether the client came without TLS, and so over a socket of this host."""
        return not (self.user or self.method or self.peer)

    def leaf(self) -> bytes:
        """The client's own certificate in DER; raises ``BadMetadata`` where dockerd did not show one."""
        if self.method != _TLS or not self.peer:
            raise BadMetadata("dockerd tells of a client, but not of its certificate")
        return _der(self.peer[0])


_decoder = msgspec.json.Decoder(Call)


def read_call(body: bytes) -> Call:
    """Read a call; raises ``BadMetadata``."""
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadMetadata(f"the call of dockerd cannot be understood: {str(error)[:_TEXT_MAX_CHARS]}") from error


def refusal(text: str) -> bytes:
    """The answer to a call whose client may not; dockerd shows the text to the client."""
    return msgspec.json.encode({"Allow": False, "Msg": text})


def failure(text: str) -> bytes:
    """The answer to what is no call; dockerd takes it for a no."""
    return msgspec.json.encode({"Allow": False, "Err": text})


@lru_cache(PEERS_KNOWN_MAX)
def _der(pem: bytes) -> bytes:
    try:
        (certificate,) = x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise BadMetadata("the client's certificate is not one certificate in PEM") from error
    return certificate.public_bytes(Encoding.DER)
