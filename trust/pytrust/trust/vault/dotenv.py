r"""Files of ``KEY=VALUE`` lines, as docker compose reads ``.env``, but only where they have one reading. Pure.

Source: Docker's manual, "Syntax for .env files". A value without quotes ends at `` #`` and loses the spaces around it;
single quotes take everything as it stands; double quotes know ``\n``, ``\r``, ``\t``, ``\\`` and ``\"``. Refused
are variables in a value, keys that stand twice, keys without ``=``, and what compose and a shell read differently. No
error quotes a value.
"""

from __future__ import annotations

import re
from typing import Final

from pytrust.trust.errors import UsageError
from pytrust.trust.limits import ENV_FILE_MAX_BYTES, ENV_FILE_MAX_KEYS

_BLANK: Final = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_LINE: Final = re.compile(
    r"[ \t]*(?:export[ \t]+)?(?P<key>[A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=[ \t]*"
    r"(?:'(?P<single>[^']*)'|\"(?P<double>(?:[^\"\\]|\\.)*+)\"|(?P<plain>(?!['\"#])[^\n]*))"
    r"[ \t]*(?:(?<=[ \t])#[^\n]*)?(?:\n|\Z)",
    re.DOTALL,
)
_COMMENT: Final = re.compile(r"[ \t]#")
_ODD_COMMENT: Final = re.compile(r"\s#")
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"'}
_QUOTE: Final = "put the value in single quotes"


def parse_env(data: bytes, what: str) -> dict[str, str]:
    """Values by key, in the order of the file; raises ``UsageError``, as ``<what>:<line>: <reason>``."""
    text = _decode(data, what)
    found: dict[str, str] = {}
    place = 0
    while place < len(text):
        if blank := _BLANK.match(text, place):
            place = blank.end()
            continue
        where = f"{what}:{text.count(chr(10), 0, place) + 1}"
        key, value, place = _pair(text, place, where)
        if key in found or len(found) == ENV_FILE_MAX_KEYS:
            raise UsageError(f"{where}: {key[:60]} stands twice, or is one of more than {ENV_FILE_MAX_KEYS} keys")
        found[key] = value
    return found


def _pair(text: str, place: int, where: str) -> tuple[str, str, int]:
    line = _LINE.match(text, place)
    if line is None:
        raise UsageError(f"{where}: not KEY=VALUE", hint="quotes end on the line's last word, # begins after a space")
    single, double, plain = line["single"], line["double"], line["plain"]
    if single is not None:
        value = _single(single, where)
    elif double is not None:
        value = _double(double, where)
    else:
        value = plain[: cut.start()] if (cut := _COMMENT.search(plain)) else plain
        value = value.strip(" \t")
    if plain is not None and (value != value.strip() or _ODD_COMMENT.search(value)):
        raise UsageError(f"{where}: {line['key'][:60]} has an unusual space, which is none to some", hint=_QUOTE)
    if single is None and "$" in value:
        raise UsageError(f"{where}: {line['key'][:60]} holds a $, which is a variable to some", hint=_QUOTE)
    return line["key"], value, line.end()


def _single(text: str, where: str) -> str:
    if text.endswith("\\"):
        raise UsageError(f"{where}: a backslash before a single quote", hint="put the value in double quotes")
    return text


def _double(text: str, where: str) -> str:
    if any(escape not in _ESCAPES for escape in _ESCAPE.findall(text)):
        raise UsageError(f"{where}: an escape that is none", hint=_QUOTE)
    return _ESCAPE.sub(lambda found: _ESCAPES[found[1]], text)


def _decode(data: bytes, what: str) -> str:
    if len(data) > ENV_FILE_MAX_BYTES:
        raise UsageError(f"{what} is larger than {ENV_FILE_MAX_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise UsageError(f"{what}: byte {error.start} is not UTF-8", hint="save it as UTF-8") from None
    if "\0" in text or "\r" in text:
        raise UsageError(f"{what} is no text file", hint="lines end with LF or CR LF")
    return text
