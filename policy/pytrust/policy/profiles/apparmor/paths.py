r"""Paths that were seen, as patterns: literally, and generalised where the next run will see others. Pure.

Generalising is conservative: a pattern stays in the directory of what was seen, and takes in no more than the next
process, the next temporary file or the next version of a library.
"""

from __future__ import annotations

from pytrust.policy.profiles.apparmor.glob import spell_bytes
from pytrust.trust.errors import UsageError
from pytrust.trust.limits import APPARMOR_GLOB_MAX_CHARS


def literal(path: str | bytes) -> str:
    """A pattern for exactly this path; text stands for its bytes in UTF-8, others as ``surrogateescape`` keeps them.

    Raises:
        UsageError: it is no absolute path of the kernel, or too long to be written as a pattern.
    """
    data = path if isinstance(path, bytes) else path.encode(errors="surrogateescape")
    if not data.startswith(b"/") or b"\0" in data or b"//" in data:
        raise UsageError(f"{data[:100]!r} is no absolute path as the kernel spells it")
    glob = spell_bytes(data)
    if len(glob) > APPARMOR_GLOB_MAX_CHARS:
        raise UsageError(f"the path {data[:60]!r}... is too long for a rule", hint="let a pattern stand for it")
    return glob
