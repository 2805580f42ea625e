"""What a key is called: by docker and notary after its role, in the key ring by a name that no other key has.

The first key of a role has the role's name, any other one that name and eight digits of its id, as a key that was
rotated away has it.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Final

from pytrust.trust.errors import InvalidName, UsageError
from pytrust.trust.keys.notary_file import NotaryKeyFile
from pytrust.trust.keys.public import PublicKey
from pytrust.trust.names import CollectionName, RoleName, parse_role

_DELEGATIONS: Final = "targets/"
_ID_DIGITS: Final = 8
_OF_ONE_IMAGE: Final = frozenset({"targets", "snapshot"})


def role_name(file: NotaryKeyFile, what: str) -> RoleName:
    """The role, as a name for the key ring; raises ``UsageError`` where it says none, or one that is no name here."""
    hint = "give it a name: pytrust key import NAME FILE"
    if not file.role:
        raise UsageError(f"{what} does not say whose key it is", hint=hint)
    try:
        return parse_role(file.role.removeprefix(_DELEGATIONS).replace("/", "-"))
    except InvalidName as error:
        raise UsageError(f"{what}: {error}", hint=hint) from error


def free_name(role: RoleName, public: PublicKey, taken: Container[RoleName]) -> RoleName:
    """What the key ring can call the key; raises ``InvalidName`` where that is too long."""
    return role if role not in taken else parse_role(f"{role}{_ending(public)}")


def role_of(name: RoleName, public: PublicKey) -> RoleName:
    """The role that a key of the key ring is for: ``targets`` for ``targets`` and for ``targets-3f9ab210``."""
    return RoleName(name.removesuffix(_ending(public)))


def check_image(role: RoleName, image: CollectionName | None) -> None:
    """Keys of ``targets`` and ``snapshot`` are for one image, all others for any; raises ``UsageError``."""
    if (role in _OF_ONE_IMAGE) == (image is not None):
        return
    if image is None:
        raise UsageError(f"a key of {role} is for one image", hint="name it: --gun NAME")
    raise UsageError(f"a key of {role} is for any image", hint="leave --gun out")


def _ending(public: PublicKey) -> str:
    return f"-{public.id[:_ID_DIGITS]}"
