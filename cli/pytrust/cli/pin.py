"""``pytrust pin``: which root keys this host believes, for which names."""

from __future__ import annotations

from collections.abc import Sequence

import click

from pytrust.cli import voice
from pytrust.cli.settings import add_pin
from pytrust.cli.workspace import Workspace
from pytrust.trust.errors import ExitCode, PytrustError, UsageError
from pytrust.trust.files import write_atomic
from pytrust.trust.http import Deadline
from pytrust.trust.limits import DEADLINE
from pytrust.trust.names import CollectionName, KeyId, parse_collection, parse_key_id


@click.command(
    epilog="""\b
examples:
  pytrust pin registry.example.com/foo/web 5af2...
  pytrust pin "registry.example.com/team/**" 5af2... 77c0..."""
)
@click.argument("match", metavar="NAME|PATTERN")
@click.argument("keys", nargs=-1, required=True, metavar="ROOT-KEY...")
@click.pass_obj
def pin(workspace: Workspace, match: str, keys: tuple[str, ...]) -> int:
    """Believe names that fit PATTERN when one of these root keys vouches for them.

    A key is given by its id: the one of pytrust key list, or the one that docker trust inspect and notary key list
    show. Compare it with its owner first: everything else follows from it. Other kinds of pins (certificates, a CA,
    another server) are written into config.toml by hand: see docs/operations.md.
    """
    workspace.settings  # noqa: B018 - a config.toml that cannot be read is not added to
    pattern, given = _pattern(match), [parse_key_id(key) for key in dict.fromkeys(keys)]
    keep_pin(workspace, pattern, given if "*" in pattern else _bare(workspace, CollectionName(pattern), given))
    return ExitCode.YES


def _bare(workspace: Workspace, name: CollectionName, keys: Sequence[KeyId]) -> list[KeyId]:
    """The ids of the keys themselves, as far as the collection can be asked: docker shows those of certificates."""
    from pytrust.trust.anchor import bare_id
    from pytrust.trust.client.source import NOTARY
    from pytrust.trust.formats.notary.files import read_root

    try:
        data = workspace.source.fetch(name, f"{NOTARY}root.json", Deadline(DEADLINE))
        return [bare_id(read_root(data), key) for key in keys] if data is not None else list(keys)
    except PytrustError:
        return list(keys)


def _pattern(text: str) -> str:
    """A name in full, or a pattern that some name in full can fit; raises ``InvalidName`` or ``UsageError``."""
    if "*" not in text:
        return parse_collection(text)
    sample = text.replace("*", "0")  # a digit can stand anywhere, in a port too
    if parse_collection(sample) != sample and not text.startswith("*"):
        raise UsageError(f"{text[:300]!r} fits no image: full names begin with a host", hint=f"docker.io/{text[:300]}")
    return text


def keep_pin(workspace: Workspace, match: str, root_keys: Sequence[str]) -> None:
    """Add a pin before all others in ``config.toml``, and say so."""
    path = workspace.home.config
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    changed = add_pin(text, match, root_keys, str(path))
    write_atomic(path, changed.encode("utf-8", "surrogateescape"))
    voice.note(f"pinned {', '.join(key[:12] for key in root_keys)} for {match} in {path}")
