"""What a client of a TLS listener has shown, judged anew with every request."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from pytrust.policy.engine.words import one_line
from pytrust.trust.pki.clients.standing import Bad, ClientTrust

Clock = Callable[[], datetime]


class Credentials(NamedTuple):
    """One certificate (DER), whose key the peer has proved to hold.

    ``trust`` gives the authorities and lists of the moment, ``now`` the moment.
    """

    leaf: bytes
    trust: Callable[[], ClientTrust]
    now: Clock

    @property
    def bad(self) -> Bad | None:
        """Why the certificate does not count at this moment; None if it does."""
        standing = self.trust().judge(self.leaf, self.now())
        return standing if isinstance(standing, Bad) else None

    def __str__(self) -> str:
        """The name in it, as somebody else wrote it, fit for a journal."""
        identity = self.trust().judge(self.leaf, self.now()).identity
        return "unknown" if identity is None else one_line(str(identity))


Introduce = Callable[[bytes], Credentials]
"""Makes credentials of a certificate (DER) whose key a peer has proved to hold."""
