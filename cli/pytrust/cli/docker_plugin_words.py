"""docker's global flags, which it hands on before a plugin's name, as the environment that pytrust reads. Pure.

    docker -H tcp://build:2376 pytrust verify foo/web  ->  docker-pytrust -H tcp://build:2376 pytrust verify foo/web

What cannot be said in the environment is refused: a flag that is passed over would lead to another engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from getopt import GetoptError, getopt
from typing import Final, NamedTuple

from pytrust.trust.errors import UsageError

_SHORT: Final = "c:DH:l:"
_LONG: Final = (
    "config=",
    "context=",
    "debug",
    "help",
    "host=",
    "log-level=",
    "tls",
    "tlscacert=",
    "tlscert=",
    "tlskey=",
    "tlsverify",
)
_PASSED_OVER: Final = frozenset({"-D", "--debug", "-l", "--log-level"})
_FILES: Final = frozenset({"--tlscacert", "--tlscert", "--tlskey"})
_HELP: Final = "--help"


class Words(NamedTuple):
    """What docker was told: variables to set, and the words after the plugin's name."""

    environment: dict[str, str]
    rest: list[str]


def read_words(name: str, words: Sequence[str]) -> Words:
    """Take apart what docker started the plugin ``name`` with; raises ``UsageError``."""
    try:
        flags, rest = getopt(list(words), _SHORT, list(_LONG))
    except GetoptError as error:
        raise UsageError(f"docker's flags: {error}", hint=f"docker {name} --help") from error
    help_first = rest[:1] == ["help"]  # `docker help NAME COMMAND`
    rest = rest[1:] if help_first else rest
    if rest[:1] != [name]:
        raise UsageError(f"this is a plugin, which docker starts as: docker {name}", hint=f"docker {name} --help")
    asked = help_first or (_HELP, "") in flags
    return Words(_environment(flags), [*rest[1:], _HELP] if asked else rest[1:])


def _environment(flags: Iterable[tuple[str, str]]) -> dict[str, str]:
    settings: dict[str, str] = {}
    for flag, given in flags:
        value = given.removeprefix("=") if not flag.startswith("--") else given
        match flag:
            case "--config":
                settings["DOCKER_CONFIG"] = value
            case "-H" | "--host":
                settings["DOCKER_HOST"] = value
            case "--tlsverify":
                settings["DOCKER_TLS_VERIFY"] = "1"
            case "--help":
                pass
            case flag if flag not in _PASSED_OVER:
                raise _refused(flag)
    return settings


def _refused(flag: str) -> UsageError:
    if flag in _FILES:
        hint = "put ca.pem, cert.pem and key.pem in one folder, and set DOCKER_CERT_PATH"
    elif flag == "--tls":
        hint = "an engine is not spoken to without a look at its certificate: --tlsverify"
    else:
        hint = "docker context use NAME, or docker --host"
    return UsageError(f"{flag} of docker means nothing to pytrust", hint=hint)
