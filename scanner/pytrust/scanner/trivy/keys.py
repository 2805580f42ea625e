"""Which keys an object has, each as often as it stands there.

Every JSON parser at hand keeps the last of two members with one name and says nothing, so ``"Results": [...]``
followed by ``"Results": []`` would be a clean report. And Go, in which Trivy is written, reads ``severity`` as
``Severity``. So wherever pytrust reads an object of a report, a name that stands twice is refused, and one that
differs from a name that is read only in case.

How it is seen: msgspec lets a dictionary have keys of a type of our own and calls ``dec_hook`` for each, after
escapes were resolved, in the order of the text, duplicates included. ``Member`` makes keys that never equal
another, so the dictionary keeps all members. Where there are many objects, ``Watch`` only writes the names down; most
objects of a report have the same few sequences of names, and each sequence is judged once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec
from msgspec import Raw

from pytrust.scanner.limits import MEMBERS_MAX, SHAPES_MAX
from pytrust.scanner.trivy.fault import Fault, misfit, quoted


class Member:
    """The key of one member; not even the same name makes two of them equal."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


_OBJECT: Final = dict[Member, Raw] | None


class Spellings:
    """The names that are read of an object; ``also`` are older spellings of the same."""

    def __init__(self, *names: str, also: Iterable[str] = ()) -> None:
        self._spelled = frozenset({*names, *also})
        self._folded = {name.casefold() for name in self._spelled}

    def __contains__(self, name: str) -> bool:
        return name in self._spelled

    def judge(self, names: Iterable[str], place: str) -> None:
        """Raises ``Fault`` where the members called ``names`` have more than one reading."""
        seen: set[str] = set()
        for name in names:
            mark = name.casefold() if name.casefold() in self._folded else f"\0{name}"
            if mark in seen:
                raise Fault(f"the key {quoted(name)} stands twice", place, hint=_HINT)
            if mark in self._folded and name not in self._spelled:
                raise Fault(f"the key {quoted(name)} is spelled unlike Trivy does", place, hint=_HINT)
            seen.add(mark)


_HINT: Final = "do not use it: programs read such a file differently; let trivy write it again"


def make(kind: type[Any], value: str) -> Any:  # noqa: ANN401
    """A ``dec_hook`` for types with ``Member``."""
    return kind(value)


def bounded() -> Callable[[type[Any], str], Any]:
    """As ``make``, for so many members and no more: each takes thirty times the bytes that it has in the file."""
    left = iter(range(MEMBERS_MAX))

    def hook(kind: type[Any], name: str) -> object:
        if next(left, None) is None:
            raise Fault(f"its outer objects have more than {MEMBERS_MAX:,} members")
        return make(kind, name)

    return hook


def settle(members: Any, names: Spellings, place: str) -> dict[str, Any]:  # noqa: ANN401
    """The members of an object by name; of null, none. Raises ``Fault`` where it is something else."""
    if members is None:
        return {}
    if not isinstance(members, dict):
        raise Fault("expected an object", place)
    names.judge((member.name for member in members), place)
    return {member.name: value for member, value in members.items()}


def settle_raw(raw: Raw | None, names: Spellings, place: str) -> dict[str, Raw]:
    """As ``settle``, of an object that is not decoded yet; None is null."""
    if raw is None:
        return {}
    try:
        return settle(msgspec.json.decode(raw, type=_OBJECT, dec_hook=bounded()), names, place)
    except msgspec.ValidationError as error:
        raise misfit(error, place) from error


class _Noted:
    """Stands for every key in ``Watch``; what the dictionary then holds is of no interest."""


class Watch:
    """Judges many objects of one kind. Belongs to one reading: it is not for two threads."""

    def __init__(self, names: Spellings) -> None:
        self._names = names
        self._noted: list[str] = []
        self._sound: set[tuple[str, ...]] = set()
        self._decode = msgspec.json.Decoder(dict[_Noted, Raw], dec_hook=self._hook()).decode

    def look(self, raw: Raw, place: object) -> None:
        """Raises ``Fault`` where the object has more than one reading, ``ValidationError`` where it is none.

        ``place`` is its JSON path, or what ``str`` makes one of.
        """
        self._noted.clear()
        self._decode(raw)
        shape = tuple(self._noted)
        if shape not in self._sound:
            self._names.judge(shape, str(place))
            if len(self._sound) < SHAPES_MAX:
                self._sound.add(shape)

    def _hook(self) -> Any:  # noqa: ANN401
        note, always = self._noted.append, _Noted()

        def hook(_kind: type[Any], name: str) -> _Noted:
            note(name)
            return always

        return hook
