"""Every size, count and time limit: name, unit, reason.

Values are chosen so that an honest collection of 10,000 tags passes and a hostile peer costs little.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

# Metadata (the first four are python-tuf's and go-tuf's own figures, so that other clients agree with us).
ROOT_MAX_BYTES: Final = 512_000
TIMESTAMP_MAX_BYTES: Final = 16_384
SNAPSHOT_MAX_BYTES: Final = 2_000_000
TARGETS_MAX_BYTES: Final = 5_000_000
METADATA_MAX_VALUES: Final = 600_000  # a file of 33,000 tags, the most that fits, has half as many
METADATA_MAX_DEPTH: Final = 32  # nesting; deepest honest file: 8
ROOT_ROTATIONS_MAX: Final = 256  # new roots walked in one refresh
ROLES_MAX: Final = 32  # delegated roles consulted for one name; python-tuf's default
SIGNERS_MAX: Final = 28  # of one collection; leaves room for releases, scans and profiles within ROLES_MAX

# Registry.
MANIFEST_MAX_BYTES: Final = 4 * 1024 * 1024  # OCI distribution specification, "Pushing Manifests"
TOKEN_MAX_BYTES: Final = 64 * 1024
ERROR_BODY_MAX_BYTES: Final = 64 * 1024
CREDENTIALS_MAX_BYTES: Final = 1024 * 1024  # docker's config.json, or what a credential helper prints
REDIRECTS_MAX: Final = 5
RESOLVE_CONCURRENCY: Final = 16  # simultaneous registry look-ups; enough to hide latency, few enough to be polite

# Time, seconds.
CONNECT_TIMEOUT: Final = 5.0
DEADLINE: Final = 10.0  # all of one verification, whatever the peers do
HELPER_TIMEOUT: Final = 10.0  # one credential helper
LOCK_TIMEOUT: Final = 10.0  # waiting for another pytrust process
CHUNK_BYTES: Final = 16_384  # read size: the most that arrives after a limit is passed

# Lifetimes. Root, targets and delegations live as long as Docker's tools make them (notary: 10, 3 and 3 years).
ROOT_LIFETIME: Final = timedelta(days=3650)
TARGETS_LIFETIME: Final = timedelta(days=3 * 365)
SNAPSHOT_LIFETIME: Final = timedelta(days=30)
TIMESTAMP_LIFETIME: Final = timedelta(days=14)
RENEW_ONLINE_BEFORE: Final = timedelta(days=7)  # a writer renews snapshot and timestamp this early
WARN_BEFORE: Final = timedelta(days=180)  # `status` points at offline roles this early, as docker does
OFFLINE_MAX_AGE: Final = timedelta(days=7)  # offline: how long the last refresh may lie back

CLOCK_TOLERANCE: Final = timedelta(minutes=5)
CLOCK_GRANULARITY: Final = timedelta(hours=1)  # how often an unchanged cache is rewritten to remember the time

# Names: OCI distribution specification, and docker's reference grammar.
REFERENCE_MAX_CHARS: Final = 512  # host, 255 of repository, 128 of tag, a digest
COLLECTION_MAX_CHARS: Final = 240  # docker allows 255; a name is also the name of a cache file
TAG_MAX_CHARS: Final = 128
NAMES_MAX: Final = 10_000  # one command, one publish
NAMES_FILE_MAX_BYTES: Final = 4 * 1024 * 1024
KEY_FILE_MAX_BYTES: Final = 64 * 1024
PASSPHRASE_MIN_CHARS: Final = 8
PASSPHRASE_MAX_BYTES: Final = 1000  # openssl takes no more than 1023

# Notary v1. Its own clients read up to 100 MiB a file; the limits above hold here too.
SIGNATURES_MAX: Final = 64  # of one file; more than signers and thresholds can need
NOTARY_NAME_MAX_BYTES: Final = 255  # of a collection or a role: a column of the stock server's database
NOTARY_ROLE_MAX_BYTES: Final = NOTARY_NAME_MAX_BYTES + 1
