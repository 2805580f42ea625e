"""``config.toml``: read strictly; every scalar key can be set by an environment variable too.

[trust]
url = "sqlite:///store/store.db"     PYTRUST_TRUST_URL      relative to the home; or https://host
signer = "alice"                     PYTRUST_TRUST_SIGNER   who signs when --signer is not given
[registries]
insecure = ["registry.lan:5000"]     plain http is accepted from these, without any login
[[pins]]
match = "**"                         image names: * one component, ** any rest
root_keys = ["<key id>", ...]        who must have signed the first root; or one of
threshold = 1                          certificates = ["file.pem"], ca = "file.pem", first_use = "accept"
server = "https://notary.example.com"  another trust server for these images
format = "notary-v1"                   or "tuf"; without, whichever there is

Files are relative to the home.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pytrust.trust.errors import UsageError
from pytrust.trust.names import Format, KeyId, RoleName, parse_key_id, parse_role
from pytrust.trust.pins import Pin

DEFAULT_URL = "sqlite:///store/store.db"
_KEYS = {"trust": {"url", "signer"}, "registries": {"insecure"}}
_PIN_KEYS = {"match", "root_keys", "threshold", "certificates", "ca", "first_use", "server", "format"}
_FORMATS = {"notary-v1": Format.NOTARY, "tuf": Format.TUF}
Read = Callable[[str], bytes]


class Settings(NamedTuple):
    """What ``config.toml`` and the environment say."""

    url: str
    signer: RoleName | None
    insecure: frozenset[str]
    pins: tuple[Pin, ...]


def no_files(name: str) -> bytes:
    """For who reads settings without the folder that they lie in."""
    raise UsageError(f"{name} is a file, and files are not read here")


def parse_settings(text: str, environment: Mapping[str, str], what: str, read: Read = no_files) -> Settings:
    """Read the settings; ``what`` names the file in errors, ``read`` gives the files that it names.

    Raises:
        UsageError: not TOML, an unknown key, or a value of the wrong kind.
    """
    document = _parse(text, what)
    trust = document.get("trust", {})
    signer = environment.get("PYTRUST_TRUST_SIGNER") or _string(trust, "signer", "", what)
    return Settings(
        url=check_url(environment.get("PYTRUST_TRUST_URL") or _string(trust, "url", DEFAULT_URL, what), what),
        signer=parse_role(signer) if signer else None,
        insecure=frozenset(_strings(document.get("registries", {}), "insecure", what)),
        pins=tuple(_pin(item, what, read) for item in document.get("pins", ())),
    )


def _parse(text: str, what: str) -> dict[str, Any]:
    import tomllib

    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{what}: {str(error)[:200]}", hint="it is TOML: see README, Files and settings") from error
    _check_keys(document, what)
    return document


def render_settings(url: str, signer: RoleName | None, root_keys: Sequence[str], threshold: int) -> str:
    """The text of a new ``config.toml``; raises ``UsageError`` for a url that cannot be used."""
    check_url(url, "the url")
    keys = ", ".join(f'"{key}"' for key in root_keys)
    signing = f'signer = "{signer}"\n' if signer else ""
    return (
        f"[trust]\nurl = {json.dumps(url)}\n{signing}\n"
        f"# whose word counts: the first root of a collection must be signed by these keys\n"
        f'[[pins]]\nmatch = "**"\nroot_keys = [{keys}]\nthreshold = {threshold}\n'
    )


def add_root_key(text: str, old: KeyId, new: KeyId, what: str) -> str:
    """Pin ``new`` wherever ``old`` is pinned, leaving everything else as its owner wrote it.

    Raises:
        UsageError: the key is written in a way that cannot be added to.
    """
    changed = re.sub(rf"""(["'])(?:sha256:)?{old}\1""", lambda match: f'"{new}", {match[0]}', text)
    for item in _parse(changed, what).get("pins", ()):
        keys = _pin_keys(item, what)
        if old in keys and new not in keys:
            raise UsageError(
                f"{what}: the new root key cannot be added to the pin for {item['match']}", hint="add it by hand"
            )
    return changed


def add_pin(text: str, match: str, root_keys: Sequence[str], what: str) -> str:
    """Pin ``root_keys`` for ``match`` before all other pins, since the first that fits counts.

    Raises:
        UsageError: the pins are written in a way that none can be put before.
    """
    keys = ", ".join(json.dumps(key) for key in root_keys)
    entry = f"[[pins]]\nmatch = {json.dumps(match)}\nroot_keys = [{keys}]\n"
    first = re.search(r"^\s*\[\[\s*pins\s*\]\]", text, re.MULTILINE)
    changed = f"{text[: first.start()]}{entry}\n{text[first.start() :].lstrip()}" if first else f"{text}\n{entry}"
    if [item.get("match") for item in _parse(changed, what)["pins"][:1]] != [match]:
        raise UsageError(f"{what}: no pin can be put before the others", hint="add it by hand")
    return changed


def check_url(url: str, what: str) -> str:
    """A url that trust data may come from: a file, https, or (on loopback) http; raises ``UsageError`` for others."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url) if url.isprintable() and "\\" not in url else None
        host = parts.hostname if parts else None
    except ValueError:
        parts = host = None
    if (
        parts is None
        or parts.username is not None
        or not (
            (parts.scheme == "sqlite" and url.startswith("sqlite:///"))
            or (parts.scheme == "https" and host)
            or (parts.scheme == "http" and host in {"localhost", "127.0.0.1", "::1"})
        )
    ):
        raise UsageError(f"{what}: {url[:200]!r} is not a place for trust data", hint="give https://HOST[:PORT][/PATH]")
    return url


def _check_keys(document: Mapping[str, Any], what: str) -> None:
    for section, allowed in _KEYS.items():
        value = document.get(section, {})
        if not isinstance(value, dict):
            raise UsageError(f"{what}: {section} is not a table")
        if unknown := sorted(set(value) - allowed):
            raise UsageError(f"{what}: unknown key {section}.{unknown[0]}", hint=f"known: {', '.join(sorted(allowed))}")
    if not isinstance(document.get("pins", []), list):
        raise UsageError(f"{what}: pins is not a list", hint="write [[pins]]")
    if unknown := sorted(set(document) - {*_KEYS, "pins"}):
        raise UsageError(f"{what}: unknown section {unknown[0]}", hint="known: trust, registries, [[pins]]")


def _pin(item: object, what: str, read: Read) -> Pin:
    keys = _pin_keys(item, what)
    assert isinstance(item, dict)
    threshold = item.get("threshold", 1)
    if type(threshold) is not int:
        raise UsageError(f"{what}: the threshold of a pin is a number")
    try:
        return Pin(
            item["match"],
            keys,
            threshold,
            server=_string(item, "server", "", what) if "server" in item else None,
            form=_FORMATS[_word(item, "format", _FORMATS, what)] if "format" in item else None,
            certificates=frozenset(_certificate(name, what, read) for name in _strings(item, "certificates", what)),
            ca=_authority(item, what, read),
            first_use="first_use" in item and bool(_word(item, "first_use", ("accept",), what)),
        )
    except UsageError as error:
        raise UsageError(f"{what}: {error}", hint=error.hint) from error


def _pin_keys(item: object, what: str) -> frozenset[KeyId]:
    if not isinstance(item, dict) or not isinstance(item.get("match"), str):
        raise UsageError(f"{what}: a pin is a table with match")
    if unknown := sorted(set(item) - _PIN_KEYS):
        raise UsageError(f"{what}: unknown key {unknown[0]} of a pin", hint=f"known: {', '.join(sorted(_PIN_KEYS))}")
    return frozenset(map(parse_key_id, _strings(item, "root_keys", what)))


def _certificate(name: str, what: str, read: Read) -> str:
    from pytrust.trust.anchor import certificate_id

    return certificate_id(read(name), f"{what}: {name}")


def _authority(item: Mapping[str, Any], what: str, read: Read) -> bytes:
    from pytrust.trust.anchor import check_authority

    name = _string(item, "ca", "", what)
    return check_authority(read(name), f"{what}: {name}") if name else b""


def _word(item: Mapping[str, Any], key: str, known: Iterable[str], what: str) -> str:
    if (word := _string(item, key, "", what)) not in known:
        raise UsageError(f"{what}: {key} is {word[:60]!r}", hint=f"known: {', '.join(sorted(known))}")
    return word


def _string(section: Mapping[str, Any], key: str, default: str, what: str) -> str:
    value = section.get(key, default)
    if not isinstance(value, str):
        raise UsageError(f"{what}: {key} is not text")
    return value


def _strings(section: Mapping[str, Any], key: str, what: str) -> list[str]:
    value = section.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UsageError(f"{what}: {key} is not a list of texts")
    return value
