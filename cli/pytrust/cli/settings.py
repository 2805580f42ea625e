"""``config.toml``: read strictly; every scalar key can be set by an environment variable too.

[trust]
url = "sqlite:///store/store.db"     PYTRUST_TRUST_URL      relative to the home; or https://host
signer = "alice"                     PYTRUST_TRUST_SIGNER   who signs when --signer is not given
[registries]
insecure = ["registry.lan:5000"]     plain http is accepted from these, without any login
[[pins]]
match = "**"                         image names: * one component, ** any rest
root_keys = ["<key id>", ...]        who must have signed the first root
threshold = 1
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pytrust.trust.errors import UsageError
from pytrust.trust.names import KeyId, RoleName, parse_key_id, parse_role
from pytrust.trust.pins import Pin

DEFAULT_URL = "sqlite:///store/store.db"
_KEYS = {"trust": {"url", "signer"}, "registries": {"insecure"}}
_PIN_KEYS = {"match", "root_keys", "threshold"}


class Settings(NamedTuple):
    """What ``config.toml`` and the environment say."""

    url: str
    signer: RoleName | None
    insecure: frozenset[str]
    pins: tuple[Pin, ...]


def parse_settings(text: str, environment: Mapping[str, str], what: str) -> Settings:
    """Read the settings; ``what`` names the file in errors.

    Raises:
        UsageError: not TOML, an unknown key, or a value of the wrong kind.
    """
    import tomllib

    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{what}: {str(error)[:200]}", hint="it is TOML: see README, Files and settings") from error
    _check_keys(document, what)
    trust = document.get("trust", {})
    signer = environment.get("PYTRUST_TRUST_SIGNER") or _string(trust, "signer", "", what)
    return Settings(
        url=check_url(environment.get("PYTRUST_TRUST_URL") or _string(trust, "url", DEFAULT_URL, what), what),
        signer=parse_role(signer) if signer else None,
        insecure=frozenset(_strings(document.get("registries", {}), "insecure", what)),
        pins=tuple(_pin(item, what) for item in document.get("pins", ())),
    )


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
    for pin in parse_settings(changed, {}, what).pins:
        if old in pin.root_keys and new not in pin.root_keys:
            raise UsageError(
                f"{what}: the new root key cannot be added to the pin for {pin.match}", hint="add it by hand"
            )
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


def _pin(item: object, what: str) -> Pin:
    if not isinstance(item, dict) or set(item) - _PIN_KEYS or not isinstance(item.get("match"), str):
        raise UsageError(f"{what}: a pin has match, root_keys and threshold, and nothing else")
    threshold = item.get("threshold", 1)
    if type(threshold) is not int:
        raise UsageError(f"{what}: the threshold of a pin is a number")
    return Pin(item["match"], frozenset(map(parse_key_id, _strings(item, "root_keys", what))), threshold)


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
