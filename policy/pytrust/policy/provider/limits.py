"""Every limit of the secret provider: name, unit, reason. Those of its socket are the plugin's."""

from __future__ import annotations

from typing import Final

CALL_MAX_BYTES: Final = 1024 * 1024  # of a call; honest ones are below 10 KiB, and swarm's own messages end at 4 MiB
CALL_MAX_DEPTH: Final = 16  # nesting of a call; deepest honest one: 4
SWARM_VALUE_MAX_BYTES: Final = 511_999  # of a secret, as swarm takes it: less than 500 KiB, and not nothing
ANSWER_TIMEOUT: Final = 5.0  # seconds for the vault; swarm's dispatcher waits, and with it every task of the node
THREADS: Final = 8  # that ask the vault at one time
