"""TUF 1.0 metadata through python-tuf: the model to bytes and back. Pure.

Mapping (ADR 0007, docs/metadata.md): a released tag ``v2`` is the target path ``v2`` of the role ``releases``; what a
signer vouches for lies under a path of its own, ``alice/v2``, so that every delegation is disjoint and terminating, and
an expired signer never stands in the way of a release. ``length`` is the manifest's size, ``sha256`` its digest.

Every file carries its collection and its role in its signed part and is read for these only: keys are shared between
collections and roles, and TUF itself does not say which repository a file belongs to.

Read more strictly than python-tuf does: no duplicate JSON keys, versions and thresholds are integers, and no key
material twice in a role (python-tuf counts key *ids*, so one key under two ids would reach a threshold of two).
"""

from pytrust.trust.formats.tuf.envelope import max_bytes, payload, sign, signed_by
from pytrust.trust.formats.tuf.paths import target_path
from pytrust.trust.formats.tuf.read import (
    check,
    read_header,
    read_root,
    read_snapshot,
    read_snapshot_version,
    read_target,
    read_targets,
)
from pytrust.trust.formats.tuf.write import write_root, write_snapshot, write_targets, write_timestamp

__all__ = [
    "check",
    "max_bytes",
    "payload",
    "read_header",
    "read_root",
    "read_snapshot",
    "read_snapshot_version",
    "read_target",
    "read_targets",
    "sign",
    "signed_by",
    "target_path",
    "write_root",
    "write_snapshot",
    "write_targets",
    "write_timestamp",
]
