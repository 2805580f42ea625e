"""The grammar of ``HostConfig.SecurityOpt`` (moby, ``daemon/daemon_unix.go``, ``parseSecurityOpt``). Pure.

``key=value``; where there is no ``=``, ``key:value``; and single words. Of a key that stands twice the last counts,
but labels add up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from pytrust.policy.core.request import Ask, Field
from pytrust.policy.engine.call import Malformed

_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})  # Go's strconv.ParseBool
_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_SINGLE: Final = {
    "disable": ("label", "disable"),
    "no-new-privileges": ("no-new-privileges", "true"),
    "writable-cgroups": ("writable-cgroups", "true"),
}
_LABEL: Final = "label"
_SECCOMP: Final = "seccomp"
_NAMED_SECCOMP: Final = frozenset({"unconfined", "builtin"})


class SecurityOptions(NamedTuple):
    """``labels`` for SELinux; ``others`` are the last value of every other key."""

    labels: tuple[str, ...]
    others: dict[str, str]

    def texts(self) -> tuple[str, ...]:
        """One canonical spelling, each key once."""
        labels = [f"label={label}" for label in self.labels]
        return (*labels, *(_spell(key, value) for key, value in self.others.items()))

    @property
    def seccomp(self) -> str:
        """The text of the seccomp file that was brought, if one was."""
        text = self.others.get(_SECCOMP, "")
        return "" if text in _NAMED_SECCOMP else text

    def asks(self) -> Iterator[Ask]:
        """What departs from the default."""
        yield from (Ask(field=Field.SELINUX, value=label) for label in self.labels if label)
        for key, value in self.others.items():
            yield from _asks(key, value)


def parse_security_options(options: Iterable[str]) -> SecurityOptions:
    """Read the list; raises ``Malformed`` where a value is missing, or is no truth value."""
    pairs = [_split(option) for option in options]
    return SecurityOptions(
        labels=tuple(value for key, value in pairs if key == _LABEL),
        others={key: value for key, value in pairs if key != _LABEL},
    )


def _split(option: str) -> tuple[str, str]:
    if option in _SINGLE:
        return _SINGLE[option]
    key, separator, value = option.partition("=" if "=" in option else ":")
    if not separator:
        raise Malformed(400, f"the security option {option[:60]!r} has no value")
    return key, _truth(value) if key == "no-new-privileges" else value


def _truth(text: str) -> str:
    if text not in _TRUE | _FALSE:
        raise Malformed(400, f"no-new-privileges={text[:60]!r} is neither true nor false")
    return "true" if text in _TRUE else "false"


def _spell(key: str, value: str) -> str:
    """``no-new-privileges`` alone is understood by every engine."""
    return key if (key, value) == ("no-new-privileges", "true") else f"{key}={value}"


def _asks(key: str, value: str) -> Iterator[Ask]:
    match key:
        case "no-new-privileges":
            yield from [Ask(field=Field.NEW_PRIVILEGES, value="allowed")] if value == "false" else []
        case "seccomp":
            named = value in _NAMED_SECCOMP
            yield from [Ask(field=Field.SECCOMP, value=value if named else "custom")] if value else []
        case "apparmor":
            yield from [Ask(field=Field.APPARMOR, value=value)] if value else []
        case "systempaths":
            yield from (Ask(field=Field.SYSTEM_PATHS, value=which) for which in ("masked", "readonly"))
        case "credentialspec":
            yield Ask(field=Field.WINDOWS, value="CredentialSpec")
        case _:
            yield Ask(field=Field.SECURITY_OPTION, value=key)
