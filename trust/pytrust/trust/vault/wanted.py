"""Which secrets somebody wants as files: ``db_password,shop/key:file=api_key``. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from pytrust.trust.errors import UsageError
from pytrust.trust.limits import SECRETS_WANTED_MAX
from pytrust.trust.vault.names import SecretName, file_name, is_own, parse_secret_name


class Wanted(NamedTuple):
    """A secret, and the name of the file it becomes."""

    name: SecretName
    file: str


def parse_wanted(texts: Iterable[str]) -> tuple[Wanted, ...]:
    """Read lists of ``NAME[:file=FILE]``, in their order.

    Raises:
        InvalidName: a secret or file is called what none can be called.
        UsageError: none, too many, one of pytrust's own, or two that would be the same file.
    """
    wanted = tuple(_one(text) for given in texts for text in given.split(","))
    if not 1 <= len(wanted) <= SECRETS_WANTED_MAX:
        raise UsageError(f"between 1 and {SECRETS_WANTED_MAX} secrets can be wanted", hint="--secret NAME")
    for file, count in Counter(each.file for each in wanted).items():
        if count > 1:
            raise UsageError(f"two secrets would be the file {file}", hint="give one another: NAME:file=FILE")
    return wanted


def _one(text: str) -> Wanted:
    name, colon, rest = text.strip().partition(":")
    secret = parse_secret_name(name)
    if is_own(secret):
        raise UsageError(
            f"{secret} is pytrust's own, and is not handed out", hint="see which are yours: pytrust secret ls"
        )
    if not colon:
        return Wanted(secret, file_name(secret))
    word, equals, file = rest.partition("=")
    if word != "file" or not equals or "/" in file:
        raise UsageError(f"{text[:80]!r} is not understood", hint="NAME, or NAME:file=FILE with a name and no path")
    return Wanted(secret, parse_secret_name(file))
