"""What files, user, ports and calls suggest about capabilities (capabilities(7), ``linux/capability.h``)."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final

from pytrust.policy.profiles.elf.tree import Config, FileTree
from pytrust.policy.profiles.names import CAPABILITIES, Capability, Syscall

_PRIVILEGED_PORTS: Final = 1024
_REVISIONS: Final = {0x01000000: 1, 0x02000000: 2, 0x03000000: 2}  # of the attribute: how many pairs of words
_WORD: Final = 4
_REVISION: Final = 0xFF000000
_BY_CALL: Final = {
    "CHOWN": ("chown", "fchown", "lchown", "fchownat"),
    "SETUID": ("setuid", "setreuid", "setresuid", "setfsuid"),
    "SETGID": ("setgid", "setregid", "setresgid", "setgroups", "setfsgid"),
    "SYS_CHROOT": ("chroot",),
    "MKNOD": ("mknod", "mknodat"),
    "KILL": ("kill", "tkill", "tgkill", "rt_sigqueueinfo", "pidfd_send_signal"),
    "SETPCAP": ("capset",),
}


def hints(
    tree: FileTree, config: Config, programs: Iterable[str], calls: frozenset[Syscall]
) -> tuple[frozenset[Capability], tuple[str, ...]]:
    """Capabilities that the image may want, and why, a line each. It may do without; only running it can tell."""
    found: dict[Capability, str] = {}
    lines: list[str] = []
    for path in programs:
        entry = tree.entry(path)
        if entry is None:
            continue
        for capability in file_capabilities(entry.capability):
            found.setdefault(capability, f"{path} has it as a capability of the file")
        if entry.changes_user:
            lines.append(f"{path} is executed as its owner or group: no-new-privileges stops that")
    low = sorted(port for port in config.ports if 0 < port < _PRIVILEGED_PORTS)
    if low:
        found.setdefault(Capability("NET_BIND_SERVICE"), f"port {low[0]} is exposed")
    if config.user.partition(":")[0] in {"", "0", "root"}:
        for wanted, names in _BY_CALL.items():
            call = next((name for name in names if name in calls), None)
            if call is not None:
                found.setdefault(Capability(wanted), f"it is root, and may call {call}")
    return frozenset(found), (*(f"{name}: {why}" for name, why in sorted(found.items())), *lines)


def file_capabilities(attribute: bytes) -> list[Capability]:
    """The permitted capabilities of ``security.capability``; none where it makes no sense."""
    if len(attribute) < _WORD:
        return []
    pairs = _REVISIONS.get(struct.unpack_from("<I", attribute)[0] & _REVISION, 0)
    if not pairs or len(attribute) < _WORD * (1 + pairs * 2):
        return []
    words = struct.unpack_from(f"<{pairs * 2}I", attribute, _WORD)
    permitted = sum(word << (32 * number) for number, word in enumerate(words[::2]))
    return [name for number, name in enumerate(CAPABILITIES) if permitted >> number & 1]
