"""Docker's ``config.json`` and the credential helpers' reply, as pure functions of bytes.

Source: docker/cli ``cli/config/configfile`` and docker/docker-credential-helpers. As there, a helper that is named for
a host decides alone: ``auths`` is then not read. An error names the field, never its value.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pytrust.trust.canonical import encode_json, parse_json
from pytrust.trust.errors import BadMetadata, Unsound
from pytrust.trust.limits import CREDENTIALS_MAX_BYTES
from pytrust.trust.names import DEFAULT_REGISTRY
from pytrust.trust.registry.tokens import is_header_safe

HUB_KEY: Final = "https://index.docker.io/v1/"
_HUB_HOSTS = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_HELPER_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_IDENTITY_USER = "<token>"  # a helper's user name that marks the secret as an identity token
_HINT = "log in again with `docker login`"


@dataclass(frozen=True, slots=True)
class Login:
    """How to prove who we are to one registry: a password, an identity token, or a ready bearer token."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)

    def basic(self) -> str:
        """The ``Authorization`` header of HTTP Basic (RFC 7617)."""
        return "Basic " + b64encode(f"{self.username}:{self.password}".encode()).decode()


@dataclass(frozen=True, slots=True)
class DockerConfig:
    """The parts of ``config.json`` that tell logins; keys are host names, Docker Hub's is ``docker.io``."""

    auths: Mapping[str, Any] = field(repr=False)
    helpers: Mapping[str, Any]
    store: str

    def helper(self, registry: str) -> str | None:
        """The name of the credential helper that decides for ``registry``; raises ``Unsound`` for no valid name."""
        name = self.helpers.get(registry, self.store)
        if name == "":
            return None
        if not isinstance(name, str) or not _HELPER_NAME.fullmatch(name):
            raise Unsound(f"docker's config.json names the credential helper {name!r:.60}", hint=_HINT)
        return name

    def login(self, registry: str) -> Login | None:
        """What ``auths`` holds for ``registry``; raises ``Unsound`` for an entry that cannot be read."""
        entry = self.auths.get(registry)
        if entry is None:
            return None
        if not isinstance(entry, dict):
            raise Unsound(f"docker's config.json: the entry of {registry} is not a JSON object", hint=_HINT)
        username, password = _pair(entry)
        login = Login(username, password, _text(entry, "identitytoken"), _text(entry, "registrytoken"))
        return _usable(login)


def server_key(registry: str) -> str:
    """The name of ``registry`` in docker's configuration and to credential helpers."""
    return HUB_KEY if registry == DEFAULT_REGISTRY else registry


def parse_config(data: bytes) -> DockerConfig:
    """Read ``config.json``; raises ``Unsound`` when it is not what docker writes."""
    config = _object(data, "docker's config.json")
    store = config.get("credsStore", "")
    if not isinstance(store, str):
        raise Unsound("docker's config.json: credsStore is not a string", hint=_HINT)
    return DockerConfig(_by_host(config, "auths"), _by_host(config, "credHelpers"), store)


def parse_helper_reply(data: bytes) -> Login | None:
    """Read what ``docker-credential-NAME get`` prints; raises ``Unsound``."""
    reply = _object(data, "the credential helper's reply")
    username, secret = _text(reply, "Username"), _text(reply, "Secret")
    if username == _IDENTITY_USER:
        return _usable(Login(identity_token=secret))
    return _usable(Login(username, secret))


def encode_engine_auth(login: Login | None, registry: str) -> str:
    """The Engine API's ``X-Registry-Auth`` value: base64url of JSON (Engine API, "Authentication").

    Without a login this is the empty object, as the docker client sends it.
    """
    if login is None:
        fields = {}
    elif login.registry_token:
        fields = {"registrytoken": login.registry_token, "serveraddress": server_key(registry)}
    elif login.identity_token:
        fields = {"identitytoken": login.identity_token, "serveraddress": server_key(registry)}
    else:
        fields = {"username": login.username, "password": login.password, "serveraddress": server_key(registry)}
    return urlsafe_b64encode(encode_json(fields)).decode()


def _object(data: bytes, what: str) -> dict[str, Any]:
    try:
        value = parse_json(data, what=what, max_bytes=CREDENTIALS_MAX_BYTES)
    except BadMetadata:
        # The reason may quote what stands there, and a secret may stand there.
        raise Unsound(f"{what} is not JSON that can be read", hint=_HINT) from None
    if not isinstance(value, dict):
        raise Unsound(f"{what} is not a JSON object", hint=_HINT)
    return value


def _by_host(config: dict[str, Any], name: str) -> dict[str, Any]:
    """Docker looks an entry up by its exact key, else by the host part of keys that are URLs."""
    entries = config.get(name) or {}
    if not isinstance(entries, dict):
        raise Unsound(f"docker's config.json: {name} is not a JSON object", hint=_HINT)
    found: dict[str, Any] = {}
    for key in sorted(entries, key=_is_url):
        found.setdefault(_host(key), entries[key])
    if HUB_KEY in entries:
        found[DEFAULT_REGISTRY] = entries[HUB_KEY]
    return found


def _is_url(key: str) -> bool:
    return "/" in key


def _host(key: str) -> str:
    host = key.removeprefix("https://").removeprefix("http://").partition("/")[0].lower()
    return DEFAULT_REGISTRY if host in _HUB_HOSTS else host


def _pair(entry: dict[str, Any]) -> tuple[str, str]:
    encoded = _text(entry, "auth")
    if not encoded:
        return _text(entry, "username"), _text(entry, "password")
    try:
        username, colon, password = b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        colon = ""
    if not colon:
        raise Unsound("docker's config.json: an auth entry is not base64 of user:password", hint=_HINT)
    return username, password.rstrip("\0")


def _text(entry: dict[str, Any], name: str) -> str:
    value = entry.get(name, "")
    try:
        if isinstance(value, str) and value.encode():
            return value
    except UnicodeEncodeError:  # half a surrogate pair: JSON can say it, no header or form can carry it
        value = None
    if value != "":
        raise Unsound(f"the login's {name} is not a text", hint=_HINT)
    return ""


def _usable(login: Login) -> Login | None:
    if login.registry_token and not is_header_safe(login.registry_token):
        raise Unsound("the login's registrytoken cannot stand in a header", hint=_HINT)
    return login if login.username or login.identity_token or login.registry_token else None
