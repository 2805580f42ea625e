"""Parameters of a header: ``form-data; name="files"; filename="targets/releases"``. Pure.

Read here, and not by a library: a file name must come out as it stands. Most readers cut folders from it, and then
``targets/releases`` is ``releases`` (Notary v1's own trap). A parameter that stands twice, or in the extended notation
of RFC 2231 (forbidden in forms by RFC 7578, 4.2), is refused.
"""

from __future__ import annotations

import re
from typing import Final

_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED: Final = r'"(?:[^"\\\x00-\x1f\x7f]|\\[ -~])*"'
_HEADER: Final = re.compile(rf"[ \t]*({_WORD}(?:/{_WORD})?)((?:[ \t]*;[ \t]*{_WORD}=(?:{_WORD}|{_QUOTED}))*)[ \t]*")
_PARAMETER: Final = re.compile(rf"({_WORD})=({_WORD}|{_QUOTED})")
_ESCAPED: Final = re.compile(r"\\(.)")


def parse_parameters(value: bytes) -> tuple[str, dict[str, str]] | None:
    """The value of a header in lower case, and its parameters as they stand; None where that has not one reading."""
    try:
        found = _HEADER.fullmatch(value.decode())
    except UnicodeDecodeError:
        return None
    if found is None:
        return None
    pairs = [(name.lower(), _plain(text)) for name, text in _PARAMETER.findall(found[2])]
    parameters = dict(pairs)
    if len(parameters) != len(pairs) or any("*" in name for name in parameters):
        return None
    return found[1].lower(), parameters


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text[1:-1]) if text.startswith('"') else text
