"""Records of the audit stream: read whole, or not at all; nothing that a program calls itself changes another field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.policy.observe.audit_records import RET_LOG, parse_seccomp, parse_stamp
from pytrust.policy.observe.audit_socket import Serials
from pytrust.trust.errors import BadContent
from pytrust.trust.limits import AUDIT_GAP_MAX

HEAD = b"audit(1764562747.123:456): "
BODY = (
    b'auid=4294967295 uid=999 gid=999 ses=4294967295 pid=4711 comm="redis-server" exe="/usr/bin/redis-server"'
    b" sig=0 arch=c000003e syscall=257 compat=0 ip=0x7f01 code=0x7ffc0000"
)


def spelled(name: bytes) -> bytes:
    """As audit_log_untrustedstring does it."""
    plain = all(0x20 < byte < 0x7F and byte != 0x22 for byte in name)
    return b'"' + name + b'"' if plain else name.hex().upper().encode()


def record(comm: bytes = b"x", exe: bytes = b"/x", subject: bytes = b"") -> bytes:
    return (
        HEAD
        + b"auid=1 uid=0 gid=0 ses=1"
        + subject
        + b" pid=7 comm="
        + spelled(comm)
        + b" exe="
        + spelled(exe)
        + b" sig=0 arch=c000003e syscall=1 compat=0 ip=0x1 code=0x7ffc0000"
    )


def test_a_record_as_the_kernel_writes_it() -> None:
    found = parse_seccomp(HEAD + BODY)
    assert (found.serial, found.at) == (456, 1764562747123)
    assert (found.pid, found.uid, found.comm, found.exe) == (4711, 999, "redis-server", "/usr/bin/redis-server")
    assert (found.arch, found.call, found.code, found.sig) == (0xC000003E, 257, RET_LOG, 0)


@pytest.mark.parametrize(
    "subject",
    [
        b"",
        b" subj=unconfined",
        b" subj==docker-default (enforce)",
        b" subj=system_u:system_r:container_t:s0:c1,c2",
        b" subj=?",
    ],
)
def test_a_label_of_any_security_module_stands_before_the_process(subject: bytes) -> None:
    assert parse_seccomp(record(subject=subject)).pid == 7


@given(st.binary(min_size=1, max_size=15), st.binary(min_size=1, max_size=60))
def test_names_come_out_as_they_went_in(comm: bytes, exe: bytes) -> None:
    found = parse_seccomp(record(comm, exe))
    assert found.comm == comm.decode("utf-8", "replace")
    assert found.exe == exe.decode("utf-8", "replace")
    assert (found.pid, found.call) == (7, 1)


@pytest.mark.parametrize("name", [b'x" pid=1 comm="y', b"x pid=1", b"x\npid=1", b"\x00", b"runc:[2:INIT]"])
def test_a_program_cannot_name_itself_into_another_process(name: bytes) -> None:
    assert parse_seccomp(record(comm=name)).pid == 7


@pytest.mark.parametrize(
    "text",
    [
        b"",
        BODY,
        HEAD,
        HEAD + BODY + b" more=1",
        HEAD + BODY.replace(b" sig=0", b""),
        HEAD + BODY.replace(b"pid=4711", b"pid=-1"),
        HEAD + BODY.replace(b"pid=4711", b"pid=1 pid=4711"),
        HEAD + BODY.replace(b'comm="redis-server"', b"comm=redis"),
        HEAD + BODY.replace(b'comm="redis-server"', b"comm=ABC"),
        HEAD + BODY.replace(b"syscall=257", b"syscall=257 syscall=1"),
        HEAD + BODY.replace(b"code=0x7ffc0000", b"code=0x7ffc00000000"),
        b"audit(x): " + BODY,
        HEAD + BODY + b"\n" + BODY,
    ],
)
def test_what_is_no_record_is_refused(text: bytes) -> None:
    with pytest.raises(BadContent):
        parse_seccomp(text)


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(text: bytes) -> None:
    for read in (parse_stamp, parse_seccomp):
        try:
            read(text)
        except BadContent:
            continue


@given(st.permutations(list(range(1, 40))), st.sets(st.integers(2, 38), max_size=8))
def test_what_does_not_come_is_counted_whatever_the_order(order: list[int], gone: set[int]) -> None:
    order.sort(key=lambda serial: serial // 8)  # the kernel mixes neighbours up
    serials = Serials()
    serials.see(0x10000)
    for serial in order:
        if serial not in gone:
            serials.see(0x10000 + serial)
    seen = [serial for serial in order if serial not in gone]
    assert serials.lost == sum(1 for serial in gone if serial < max(seen))


def test_a_gap_without_end_is_counted_without_being_listed() -> None:
    serials = Serials()
    serials.see(1)
    serials.see(AUDIT_GAP_MAX * 1000)
    assert serials.lost >= AUDIT_GAP_MAX
