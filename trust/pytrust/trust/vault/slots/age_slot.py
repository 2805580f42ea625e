"""The seed, as an age file for one recipient or several: whoever has an identity of one of them unlocks the vault.

The recipients are kept beside it, so that people see who they are. They are classical keys (X25519, RSA): a copy of
the vault falls with them, whatever the header's own hybrid seal withstands.
"""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from pytrust.trust.errors import UsageError
from pytrust.trust.limits import SLOT_BLOB_MAX_CHARS, SLOT_RECIPIENTS_MAX_CHARS
from pytrust.trust.vault import age
from pytrust.trust.vault.age_keys import bare_recipient
from pytrust.trust.vault.slots.made import SEED_BYTES, Made, Params, checked_seed, damaged, read_params

KIND: Final = "age"


class _Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    file: Annotated[str, msgspec.Meta(max_length=SLOT_BLOB_MAX_CHARS)]
    recipients: Annotated[str, msgspec.Meta(max_length=SLOT_RECIPIENTS_MAX_CHARS)]


def make(recipients: Sequence[str]) -> Made:
    """A slot for ``recipients``, as age spells them, or SSH; raises ``UsageError`` where one is none."""
    bare = list(dict.fromkeys(map(bare_recipient, recipients)))
    seed = secrets.token_bytes(SEED_BYTES)
    file, spelled = b64encode(age.encrypt(seed, bare)).decode(), "\n".join(bare)
    if len(file) > SLOT_BLOB_MAX_CHARS or len(spelled) > SLOT_RECIPIENTS_MAX_CHARS:
        raise UsageError("those are too many recipients for one slot", hint="make several")
    return Made(seed, {"file": file, "recipients": spelled})


def seed(params: Params, identities: bytes) -> bytes:
    """The seed, by ``identities``: the text of a file of private keys.

    Raises:
        WrongPassphrase: none of them opens it.
        UsageError: they are none.
        Damaged: the parameters are not ours.
    """
    return checked_seed(age.decrypt(_file(params), identities), KIND)


def recipients(params: Params) -> tuple[str, ...]:
    """For whom the slot says it is; raises ``Damaged``."""
    return tuple(read_params(params, _Params, KIND).recipients.splitlines())


def _file(params: Params) -> bytes:
    try:
        return b64decode(read_params(params, _Params, KIND).file, validate=True)
    except ValueError:
        raise damaged(KIND, "file is not base64") from None
