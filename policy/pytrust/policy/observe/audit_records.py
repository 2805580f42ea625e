"""Records of the kernel's audit system about system calls that a seccomp filter logged, as values. Pure.

The form is that of ``audit_seccomp`` in the kernel's auditsc.c: ``audit(SECONDS.MS:SERIAL): auid=.. uid=.. gid=..
ses=.. subj=.. pid=.. comm=.. exe=.. sig=.. arch=.. syscall=.. compat=.. ip=.. code=..``. A program's name is between
quotes, or in hexadecimal where it holds a quote, a blank or what does not print: neither can imitate another field.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from pytrust.trust.errors import BadContent

AUDIT_SECCOMP: Final = 1326
"""The type of these records (``linux/audit.h``)."""

RET_LOG: Final = 0x7FFC0000
RET_ERRNO: Final = 0x00050000
RET_TRAP: Final = 0x00030000
RET_KILL_THREAD: Final = 0x00000000
RET_KILL_PROCESS: Final = 0x80000000
"""What the filter said (``linux/seccomp.h``), as ``SeccompRecord.code`` has it."""

_STAMP: Final = re.compile(rb"audit\(([0-9]{1,12})\.([0-9]{3}):([0-9]{1,10})\): ?")
_PID: Final = re.compile(rb" pid=([0-9]{1,10}) comm=")
_NAME: Final = rb'"[^"]{0,4096}"|[0-9A-F]{2,8192}|\(null\)'
_SECCOMP: Final = re.compile(
    rb"auid=[0-9]+ uid=(?P<uid>[0-9]{1,10}) gid=[0-9]+ ses=[0-9]+(?: subj=[^\"]{1,1024}?)?"
    rb" pid=(?P<pid>[0-9]{1,10}) comm=(?P<comm>" + _NAME + rb") exe=(?P<exe>" + _NAME + rb")"
    rb" sig=(?P<sig>[0-9]{1,3}) arch=(?P<arch>[0-9a-f]{1,8}) syscall=(?P<call>[0-9]{1,10})"
    rb" compat=[01] ip=0x[0-9a-f]{1,16} code=0x(?P<code>[0-9a-f]{1,8})"
)


class Stamp(NamedTuple):
    """Which event: the kernel counts them, so that a gap is a loss. ``at`` is in milliseconds since 1970, UTC."""

    serial: int
    at: int


class SeccompRecord(NamedTuple):
    """One call that a filter did not just allow.

    ``pid`` is the process's (not the thread's) on this host; ``comm`` and ``exe`` are what the process says it is, and
    prove nothing; ``arch`` is AUDIT_ARCH of the call, ``code`` the filter's answer, ``sig`` the signal it died of or 0.
    """

    serial: int
    at: int
    pid: int
    uid: int
    comm: str
    exe: str
    arch: int
    call: int
    code: int
    sig: int


def parse_stamp(text: bytes) -> Stamp:
    """Which event any audit record belongs to; raises ``BadContent``."""
    found = _STAMP.match(text)
    if found is None:
        raise BadContent("an audit record has no serial number")
    return Stamp(int(found[3]), int(found[1]) * 1000 + int(found[2]))


def quick_pid(text: bytes) -> int:
    """The process of a record, found without reading it whole; 0 where it has none. Good for looking it up in time."""
    found = _PID.search(text)
    return int(found[1]) if found else 0


def parse_seccomp(text: bytes) -> SeccompRecord:
    """A record of type ``AUDIT_SECCOMP``, whole; raises ``BadContent``."""
    stamp = _STAMP.match(text)
    found = _SECCOMP.fullmatch(text.rstrip(b"\n\0"), stamp.end()) if stamp else None
    if stamp is None or found is None:
        raise BadContent("an audit record of seccomp does not read as one")
    return SeccompRecord(
        serial=int(stamp[3]),
        at=int(stamp[1]) * 1000 + int(stamp[2]),
        pid=int(found["pid"]),
        uid=int(found["uid"]),
        comm=_name(found["comm"]),
        exe=_name(found["exe"]),
        arch=int(found["arch"], 16),
        call=int(found["call"]),
        code=int(found["code"], 16),
        sig=int(found["sig"]),
    )


def _name(text: bytes) -> str:
    if text.startswith(b'"'):
        return text[1:-1].decode("utf-8", "replace")
    if text == b"(null)":
        return ""
    if len(text) % 2:
        raise BadContent("an audit record of seccomp has a name of half a byte")
    return bytes.fromhex(text.decode()).decode("utf-8", "replace")
