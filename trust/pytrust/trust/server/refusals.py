"""What a client is told when the answer is no, in Notary v1's words. Pure.

Stock clients read at most 1,024 bytes of a 400, want exactly one error in it, and print its reason only if the detail
is an object of this shape; so every 400 has one. They take any status but 200, 400, 401 and 404 for a server that
cannot be reached, so what is the caller's fault is a 400. Source: Notary v1, ``notary/errors.go``,
``storage/httpstore.go``, ``tuf/validation/errors.go``.
"""

from __future__ import annotations

import json
from enum import Enum, StrEnum
from typing import Final

from pytrust.trust.errors import Refused

_BODY_MAX_BYTES: Final = 1000  # clients read 1,024
_CUT: Final = "..."
_CHAR_MAX_BYTES: Final = 12  # of one character as JSON: two escapes of half a pair


class Code(Enum):
    """The errors that clients know: code, status, and the text that always goes with it."""

    NO_FILENAME = 400, "No file/role name provided."
    INVALID_ROLE = 400, "The role you are attempting to operate on is invalid."
    MALFORMED_JSON = 400, "JSON sent by the client could not be parsed by the server"
    VERSION = 400, "A newer version of metadata is already available."
    INVALID_UPDATE = 400, "Update sent by the client is invalid."
    MALFORMED_UPLOAD = 400, "The body of your request is malformed."
    INVALID_GUN = 400, "The server does not support actions on images of this name."
    INVALID_PARAMETERS = 400, "The parameters provided are not valid."
    METADATA_NOT_FOUND = 404, "You have requested metadata that does not exist."
    TIMEOUT = 408, "The request took too long to arrive."
    UPDATING = 500, "An error has occurred while updating the TUF repository."
    UNKNOWN = 500, "unknown error"
    UNAVAILABLE = 503, "The service is not available now."

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        self.text = text

    @property
    def is_ours(self) -> bool:
        """Whether the fault is the server's."""
        return self.status >= Code.UPDATING.status


class Name(StrEnum):
    """What of an update is wrong; clients begin their line with words for it."""

    VALIDATION = "ErrValidation"
    BAD_HIERARCHY = "ErrBadHierarchy"
    BAD_ROOT = "ErrBadRoot"
    BAD_TARGETS = "ErrBadTargets"
    BAD_SNAPSHOT = "ErrBadSnapshot"


class Refusal(Refused):
    """An answer that is no.

    Args:
        reason: which of the errors that clients know.
        message: printed by stock clients behind their words for ``name``; heard for a 400 only.
        name: what of the update is wrong.
        missing: the role that an update lacks (``BAD_HIERARCHY``).
    """

    code = "refused-update"

    def __init__(self, reason: Code, message: str, *, name: Name = Name.VALIDATION, missing: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.name = name
        self.missing = missing

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.reason.status

    def body(self) -> bytes:
        """The error as JSON, one line; a message that is too long for clients is cut."""
        if self.status != Code.INVALID_UPDATE.status:
            return _encode(self.reason, None)
        body, message = self._with(str(self)), str(self)[:_BODY_MAX_BYTES]
        while len(body) > _BODY_MAX_BYTES:
            body = self._with(message + _CUT)
            message = message[: -max(1, (len(body) - _BODY_MAX_BYTES) // _CHAR_MAX_BYTES)]
        return body

    def _with(self, message: str) -> bytes:
        error = {"Msg": message} | ({"Missing": self.missing} if self.missing else {})
        return _encode(self.reason, {"Name": self.name, "Error": error})


def _encode(reason: Code, detail: object) -> bytes:
    error = {"code": reason.name, "message": reason.text} | ({"detail": detail} if detail else {})
    return json.dumps({"errors": [error]}, separators=(",", ":")).encode() + b"\n"
