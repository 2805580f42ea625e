"""Every limit of the proxy: name, unit, reason."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

# From clients.
PENDING_MAX_BYTES: Final = 256 * 1024  # read ahead while a request is worked on: pipelined, or before a 101
CONNECTIONS_MAX: Final = 4096  # at once; beyond, the longest idle one is closed, or the new one turned away
HANDSHAKE_TIMEOUT: Final = 10.0  # seconds from the connection to the end of TLS's handshake
HEAD_TIMEOUT: Final = 10.0  # seconds from the first byte of a head to its last
BODY_TIMEOUT: Final = 30.0  # seconds from the head to the end of the body
SESSIONS_MAX: Final = 256  # of TLS 1.2 that are kept, 10 KB each; with more, the TLS context is made anew
REFUSALS_SAID_MAX: Final = 20  # lines about failed handshakes, in each
REFUSALS_SECONDS: Final = 60.0
LINGER_TIMEOUT: Final = 5.0  # seconds in which a refused body is read and thrown away, so that the refusal is read
AUTH_MAX_CHARS: Final = 16 * 1024  # X-Registry-Auth; identity tokens of cloud registries reach 8 KiB

# From the engine.
ANSWER_MAX_BYTES: Final = 16 * 1024 * 1024  # an answer that is read here; what is only passed on has no limit
ANSWER_HEAD_MAX_BYTES: Final = 64 * 1024
ASK_TIMEOUT: Final = 10.0  # seconds for an answer to a question of our own
CONNECT_TIMEOUT: Final = 5.0  # seconds until the engine accepts
IDLE_ENGINES_MAX: Final = 64  # connections kept open for the next request

# Streams.
WRITE_HIGH_BYTES: Final = 256 * 1024  # unsent bytes on one side at which the other side is no longer read
KEEPALIVE_SECONDS: Final = 20  # of silence before the kernel asks whether a TCP client is still there
SWEEP_INTERVAL: Final = 0.5  # seconds between two looks at clocks, vanished clients and the policy file

ROUNDS_MAX: Final = 8  # of questions before a decision; an honest request needs three
DRAIN_TIMEOUT: Final = 5.0  # seconds that running requests get when the proxy is told to end
ENDINGS_TOLD_EVERY: Final = timedelta(days=1)  # that a revocation list or a CA ends soon
