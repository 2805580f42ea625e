"""Where logins come from. Reading docker's files is left until a registry asks for a login."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pytrust.trust.errors import Unsound
from pytrust.trust.files import read_bounded
from pytrust.trust.http import Deadline
from pytrust.trust.limits import CREDENTIALS_MAX_BYTES, HELPER_TIMEOUT
from pytrust.trust.names import ImageRef

if TYPE_CHECKING:
    from pytrust.trust.registry.dockerconfig import DockerConfig, Login


class CredentialSource(Protocol):
    """Anything that knows logins."""

    def login(self, registry: str, deadline: Deadline) -> Login | None:
        """The login for a registry host (``docker.io``, ``HOST[:PORT]``); None means anonymous."""


class Anonymous:
    """Knows no login."""

    def login(self, registry: str, deadline: Deadline) -> Login | None:  # noqa: ARG002
        """Always None."""
        return None


class DockerCredentials:
    """What ``docker login`` left behind, read anew for each question.

    Args:
        directory: docker's configuration directory, ``~/.docker`` by default in docker; it need not exist.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / "config.json"

    def login(self, registry: str, deadline: Deadline) -> Login | None:
        """Ask the helper that decides for ``registry``, else read ``auths``.

        Raises:
            Unsound: a configuration or helper that does not work.
            TooSlow: the helper did not answer in time.
        """
        config = self._config()
        if config is None:
            return None
        helper = config.helper(registry)
        if helper is None:
            return config.login(registry)
        from pytrust.trust.registry.dockerconfig import parse_helper_reply, server_key
        from pytrust.trust.registry.helper import ask_helper

        seconds = min(HELPER_TIMEOUT, deadline.remaining(f"docker-credential-{helper}"))
        reply = ask_helper(helper, server_key(registry), seconds)
        return None if reply is None else parse_helper_reply(reply)

    def _config(self) -> DockerConfig | None:
        from pytrust.trust.registry.dockerconfig import parse_config

        try:
            return parse_config(read_bounded(self._path, CREDENTIALS_MAX_BYTES))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise Unsound(f"{self._path}: {error.strerror}", hint="let this user read it, or remove it") from error


def engine_auth(credentials: CredentialSource, ref: ImageRef, deadline: Deadline) -> str:
    """The ``X-Registry-Auth`` value with which the engine may pull or push ``ref``; raises as ``login`` does."""
    from pytrust.trust.registry.dockerconfig import encode_engine_auth

    return encode_engine_auth(credentials.login(ref.registry, deadline), ref.registry)
