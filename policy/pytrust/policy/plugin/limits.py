"""Every limit of the plugin: name, unit, reason. Its only rightful peer is dockerd; its socket has mode 0600."""

from __future__ import annotations

from typing import Final

HEAD_MAX_BYTES: Final = 16 * 1024  # of a call; dockerd's has 170
AUTHZ_MAX_BYTES: Final = 32 * 1024 * 1024  # of a call: up to 4 MiB of a request and some of an answer, in base64
CALL_TIMEOUT: Final = 10.0  # seconds from the first byte of a call to its last
CONNECTIONS_MAX: Final = 1024  # at once; dockerd opens one for each call that runs; beyond, the longest silent one goes
WRITE_HIGH_BYTES: Final = 64 * 1024  # of answers that nobody reads, at which no more calls are read
WAITING_MAX: Final = 4  # calls on one connection that wait for one before them; dockerd has none
BACKLOG: Final = 1024  # connections that wait to be accepted

PEERS_KNOWN_MAX: Final = 4096  # certificates whose PEM is not decoded twice
LOOK_INTERVAL: Final = 0.5  # seconds between two looks at clocks and files
