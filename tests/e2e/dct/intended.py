"""Where ``pytrust serve`` means to be another than the real server, and why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

# What both say is made the same: reason -> what, and the word for it.
_EVERYWHERE: Final = {
    "our refusals have a reason that stock clients print": (
        r"(trust server rejected operation\.|An error occurred during validation: .*)$",
        "refused",
    ),
    "our keys are ecdsa, as the real signer's; the real server alone makes ed25519": (r" key (ecdsa|ed25519)$", " key"),
    "what is no metadata says that it must not be kept": (r"(?<= \d{3}) no-store", ""),
    "a token that is not enough is told by the scope; stock clients do not read the error": (
        r',error="insufficient_scope"',
        "",
    ),
}
_COLLECTION: Final = "/v2/example.org/KIND/refusals/_trust/tuf/"

# Single answers: reason -> what was asked, the real server's word, and ours.
_ONCE: Final = {
    "one spelling of each version": [
        (f"> GET {_COLLECTION}01.root.json", "200 public, max-age=2592000, s-maxage=2592000 Root 1", "404 error METADATA_NOT_FOUND"),
    ],
    "the overview for people": [
        ("> GET /", "404 error METADATA_NOT_FOUND", "200 not JSON"),
    ],
    "an upload that was cut off, or says two things of one role, is refused": [
        (f"half a form> POST {_COLLECTION}", "400 error INVALID_UPDATE", "400 error MALFORMED_UPLOAD"),
        (f"again> POST {_COLLECTION} [targets targets]", "400 error INVALID_UPDATE", "400 error MALFORMED_UPLOAD"),
    ],
    "an old version is told as such before anything else": [
        (f"again> POST {_COLLECTION} [root]", "400 error INVALID_UPDATE", "400 error VERSION"),
        (f"again> POST {_COLLECTION} [targets]", "400 error INVALID_UPDATE", "400 error VERSION"),
    ],
    "a file that is none is an invalid update, with the reason in it": [
        (f"text {text!r}> POST {_COLLECTION} [targets]", "400 error MALFORMED_JSON", "400 error INVALID_UPDATE")
        for text in (b"", b"x", b"[]")
    ],
}  # fmt: skip


def as_real(ours: Sequence[str]) -> list[str]:
    """Our account, with the real server's word where we mean to say another."""
    words = {f"{asked} {mine}": f"{asked} {real}" for once in _ONCE.values() for asked, real, mine in once}
    return levelled([words.get(line, line) for line in levelled(ours)])


def levelled(account: Sequence[str]) -> list[str]:
    """An account without what is another everywhere."""
    lines = list(account)
    for pattern, word in _EVERYWHERE.values():
        lines = [re.sub(pattern, word, line) for line in lines]
    return lines
