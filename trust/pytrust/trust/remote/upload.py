"""The body of a publish (Notary v1, ``POST .../_trust/tuf/``), and what a server says to it. Pure."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Final

from pytrust.trust.errors import AccessDenied, Conflict, NotFound, PytrustError, Refused, ServerError
from pytrust.trust.http import Response

_BOUNDARY_BYTES: Final = 30
_SHOWN_CHARS: Final = 400


def encode_upload(files: Mapping[str, bytes]) -> tuple[str, bytes]:
    """Media type and body; ``files`` maps full role names to signed files."""
    boundary = secrets.token_hex(_BOUNDARY_BYTES)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{role}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n".encode()
        + data
        + b"\r\n"
        for role, data in files.items()
    ]
    return f"multipart/form-data; boundary={boundary}", b"".join(parts) + f"--{boundary}--\r\n".encode()


def refusal(server: str, answer: Response) -> PytrustError:
    """The error for an answer that is not 200."""
    code, reason = _reason(answer.body)
    match answer.status:
        case 400 if code == "VERSION":
            return Conflict(f"{server}: {reason}", hint="somebody else published meanwhile: run the command again")
        case 400:
            return Refused(f"{server} refused the publish: {reason}")
        case 401 | 403:
            return AccessDenied(
                f"{server} does not let us publish", hint="log in to the image's registry: docker login"
            )
        case 404:
            return NotFound(f"{server} is no trust server, or does not keep this name", hint="check trust.url")
        case status:
            return ServerError(f"{server} answered {status} to the publish", hint="try again later")


def _reason(body: bytes) -> tuple[str, str]:
    """Code and text of the one error in a body, as far as there is one."""
    try:
        error = json.loads(body)["errors"][0]
        detail = error.get("detail")
        text = detail["Error"]["Msg"] if isinstance(detail, dict) else error["message"]
        return str(error["code"])[:40], str(text)[:_SHOWN_CHARS]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "", "without a reason"
