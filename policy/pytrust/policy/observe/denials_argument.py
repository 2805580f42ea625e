"""The first argument of calls that profiles limit, in words: families of sockets, new namespaces. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pytrust.policy.profiles.apparmor.networks import FAMILIES
from pytrust.policy.profiles.arguments import CLONE, NAMESPACES
from pytrust.policy.profiles.names import Syscall

_SOCKETS: Final = tuple(map(Syscall, ("socket", "socketpair")))
_FAMILIES: Final = {f"AF_{word.upper()}": number for word, number in FAMILIES.items()}
_FLAGS: Final = {word: flag for flag, word in NAMESPACES.items()}
_WORDS: Final[Mapping[Syscall, Mapping[str, int]]] = {CLONE: _FLAGS, **dict.fromkeys(_SOCKETS, _FAMILIES)}


def argument_words(call: Syscall) -> tuple[str, ...]:
    """The words that there are for a call; those of ``clone`` can be joined by ``+``."""
    return tuple(_WORDS.get(call, ()))


def argument_word(call: Syscall, value: int | None) -> str:
    """``AF_INET6``, ``CLONE_NEWUSER+CLONE_NEWPID``; empty where there is no word for it."""
    if value is None:
        return ""
    if call == CLONE:
        return "+".join(word for word, flag in _FLAGS.items() if value & flag)
    return next((word for word, number in _WORDS.get(call, {}).items() if number == value), "")


def argument_number(call: Syscall, text: str) -> int | None:
    """The other way round; None for what is no word of the call."""
    words = _WORDS.get(call, {})
    parts = text.split("+") if call == CLONE else [text]
    if not parts or any(part not in words for part in parts):
        return None
    return sum({words[part] for part in parts})
