"""Who may do what: the union of all permissions that match, so that one more never takes anything away. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pytrust.trust.pins import matches
from pytrust.trust.server.auth.access import ALL, CATALOG, PULL, PUSH, REPOSITORY, Access, covers
from pytrust.trust.server.auth.settings import Permission

_ANYTHING: Final = "**"
DEFAULT: Final = (
    Permission(match=_ANYTHING, anonymous=True, actions=(PULL,)),
    Permission(match=_ANYTHING, users=("*",), actions=(PULL, PUSH)),
)
"""Everybody reads, whoever has a password signs, and nobody deletes."""


def held_by(user: str, access: Access, permissions: Sequence[Permission]) -> frozenset[str]:
    """The actions that ``user`` (empty: anonymous) has on what ``access`` names, whatever it needs.

    The list of all collections is for users who may read every collection.
    """
    if access.kind == REPOSITORY:
        return _actions(user, [one for one in permissions if matches(one.match, access.name)])
    everywhere = _actions(user, [one for one in permissions if one.match == _ANYTHING])
    named = user and access[:2] == CATALOG[:2] and covers(everywhere, (PULL,))
    return frozenset({ALL}) if named else frozenset()


def _actions(user: str, permissions: Sequence[Permission]) -> frozenset[str]:
    return frozenset(action for one in permissions if _is_for(one, user) for action in one.actions)


def _is_for(permission: Permission, user: str) -> bool:
    return permission.anonymous or (user != "" and any(matches(pattern, user) for pattern in permission.users))
