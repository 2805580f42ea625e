"""``linux.seccomp`` of the OCI runtime specification, as Go writes it, byte for byte; and strictly back. Pure.

Source: runtime-spec ``specs-go/config.go``: the order of keys is that of its structures, and what is empty is left out,
but for an argument's index and value.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from pytrust.policy.profiles.model import Arg, Errno, Resolved, Rule
from pytrust.policy.profiles.names import Action, Arch, Op, Syscall
from pytrust.policy.profiles.seccomp.syscalls import SPELLINGS
from pytrust.trust.canonical import parse_json
from pytrust.trust.errors import BadContent, BadMetadata
from pytrust.trust.limits import SECCOMP_DIGITS_MAX, SECCOMP_FILE_MAX_BYTES

_MAX_DEPTH: Final = 6
_HINT: Final = "it is what stands under linux.seccomp in config.json, which engines write"

_Value = Annotated[int, Meta(ge=0)]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """As the document has it."""


class _Arg(_Part, frozen=True, kw_only=True):
    index: Annotated[int, Meta(ge=0, le=5)]
    value: _Value
    value_two: _Value = 0
    op: Op


class _Rule(_Part, frozen=True, kw_only=True):
    names: Annotated[tuple[Annotated[str, Meta(pattern="^[a-z0-9_]{1,64}$")], ...], Meta(min_length=1)]
    action: Action
    errno_ret: Errno | None = None
    args: tuple[_Arg, ...] = ()


class _Document(_Part, frozen=True, kw_only=True):
    default_action: Action
    default_errno_ret: Errno | None = None
    architectures: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    listener_path: str = ""
    listener_metadata: str = ""
    syscalls: tuple[_Rule, ...] = ()


def oci_json(resolved: Resolved) -> dict[str, Any]:
    """The document as a value whose keys stand in Go's order."""
    document: dict[str, object] = {
        "defaultAction": str(resolved.default),
        "defaultErrnoRet": resolved.default_errno,
        "architectures": list(resolved.architectures),
        "flags": list(resolved.flags),
        "listenerPath": resolved.listener_path,
        "listenerMetadata": resolved.listener_metadata,
        "syscalls": list(map(_rule_json, resolved.rules)),
    }
    return _without_empty(document)


def oci_text(resolved: Resolved) -> bytes:
    """The document's bytes, as Go's ``json.Marshal`` writes them for names without ``<``, ``>`` and ``&``."""
    return msgspec.json.encode(oci_json(resolved))


def parse_oci(data: bytes, what: str) -> Resolved:
    """Read a document; ``what`` names it in errors.

    Raises:
        BadContent: it is none, or has two readings.
    """
    try:
        value = parse_json(
            data, what=what, max_bytes=SECCOMP_FILE_MAX_BYTES, max_depth=_MAX_DEPTH, max_digits=SECCOMP_DIGITS_MAX
        )
        return _resolved(msgspec.convert(value, _Document))
    except (BadMetadata, ValueError) as error:
        reason = str(error).partition("\n")[0].removeprefix(f"{what} ")
        raise BadContent(f"{what} is no seccomp part of a runtime's configuration: {reason}", hint=_HINT) from error


def arg_json(arg: Arg) -> dict[str, object]:
    """One condition, as files of Docker and OCI have it."""
    second = {"valueTwo": arg.second} if arg.second else {}
    return {"index": arg.index, "value": arg.value, **second, "op": str(arg.op)}


def _rule_json(rule: Rule) -> dict[str, object]:
    return _without_empty(
        {
            "names": list(rule.names),
            "action": str(rule.action),
            "errnoRet": rule.errno,
            "args": list(map(arg_json, rule.args)),
        }
    )


def _without_empty(values: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in values.items() if value not in (None, "", [])}


def _resolved(document: _Document) -> Resolved:
    unknown = [name for name in document.architectures if name not in SPELLINGS]
    if unknown:
        raise ValueError(f"{unknown[0][:60]!r} is no architecture, which read SCMP_ARCH_X86_64")
    return Resolved(
        default=document.default_action,
        default_errno=document.default_errno_ret,
        architectures=tuple(map(Arch, document.architectures)),
        flags=document.flags,
        listener_path=document.listener_path,
        listener_metadata=document.listener_metadata,
        rules=tuple(map(_rule, document.syscalls)),
    )


def _rule(rule: _Rule) -> Rule:
    args = (Arg(index=arg.index, op=arg.op, value=arg.value, second=arg.value_two) for arg in rule.args)
    return Rule(names=tuple(map(Syscall, rule.names)), action=rule.action, errno=rule.errno_ret, args=tuple(args))
