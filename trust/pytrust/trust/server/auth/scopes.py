"""What a client asks a token for: ``repository:docker.io/foo/web:pull,push`` (Docker's token scope grammar). Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from pytrust.trust.errors import UsageError
from pytrust.trust.limits import SCOPES_MAX
from pytrust.trust.server.auth.access import Access

# A name ends at the last colon: hosts have ports. The class, as in repository(plugin), says nothing about access.
_SCOPE: Final = re.compile(
    r"(?P<kind>[a-z]{1,32})(?:\((?P<type>[a-z0-9]{1,32})\))?:(?P<name>[!-)+-~]{1,255}):(?P<actions>[a-z*,]{0,64})"
)
_HINT: Final = "write it as docker does: repository:HOST/NAME:pull,push"


class Scope(NamedTuple):
    """One scope, and the class that was written behind its kind."""

    access: Access
    type: str

    def narrowed(self, actions: Sequence[str]) -> Scope:
        """The same, for ``actions`` alone."""
        return self._replace(access=self.access._replace(actions=tuple(actions)))

    def __str__(self) -> str:
        kind = f"{self.access.kind}({self.type})" if self.type else self.access.kind
        return f"{kind}:{self.access.name}:{','.join(self.access.actions)}"


def parse_scopes(values: Sequence[str]) -> tuple[Scope, ...]:
    """Read the ``scope`` parameters, each of which may hold several scopes with a space between.

    Raises:
        UsageError: too many, too long, or not a scope.
    """
    texts = [text for value in values for text in value.split(" ") if text]
    if len(texts) > SCOPES_MAX:
        raise UsageError(f"more than {SCOPES_MAX} scopes are asked for")
    return tuple(map(_parse, texts))


def _parse(text: str) -> Scope:
    found = _SCOPE.fullmatch(text)
    if not found:
        raise UsageError(f"{text[:100]!r} is not a scope", hint=_HINT)
    actions = dict.fromkeys(action for action in found["actions"].split(",") if action)
    return Scope(Access(found["kind"], found["name"], tuple(actions)), found["type"] or "")
