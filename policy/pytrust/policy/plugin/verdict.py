"""Whether a call to the engine may pass: who comes over TLS needs a certificate that counts at this moment. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from pytrust.policy.plugin.messages import Call
from pytrust.trust.errors import BadMetadata
from pytrust.trust.pki.clients.standing import Bad, ClientTrust, Good


class Verdict(NamedTuple):
    """``code`` and ``text`` say why not; both are empty where the call may pass. ``who`` is asking."""

    who: str
    code: str = ""
    text: str = ""

    @property
    def allowed(self) -> bool:
        """Whether the call may pass."""
        return not self.code


LOCAL = Verdict("local")


def judge(call: Call, trust: ClientTrust, now: datetime) -> Verdict:
    """The verdict on one call; ``now`` is aware.

    Nobody without a certificate is asked for one: over TLS dockerd does that, and its socket belongs to root.
    """
    if call.local:
        return LOCAL
    try:
        standing = trust.judge(call.leaf(), now)
    except BadMetadata as error:
        return Verdict(call.user or "unknown", "malformed", str(error))
    match standing:
        case Good(identity=identity) if identity.common_name != call.user:
            return Verdict(str(identity), "malformed", f"the certificate of {identity} is shown for {call.user[:80]!r}")
        case Good(identity=identity):
            return Verdict(str(identity))
        case Bad(code=code, text=text, hint=hint, identity=who):
            return Verdict(str(who or call.user), code, f"{text} (hint: {hint})" if hint else text)
