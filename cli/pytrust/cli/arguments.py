"""What several commands take: names, a signer, ``--json``."""

from __future__ import annotations

from pathlib import Path

import click

from pytrust.trust.errors import UsageError
from pytrust.trust.files import read_bounded
from pytrust.trust.limits import NAMES_FILE_MAX_BYTES, NAMES_MAX
from pytrust.trust.names import ImageRef

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")
signer_option = click.option(
    "--signer", "signers", multiple=True, metavar="NAME", help="Sign as NAME (repeatable; default: trust.signer)."
)


def parse_refs(names: tuple[str, ...], file: Path | None = None) -> list[ImageRef]:
    """Read names given as arguments and in a file (one a line, ``#`` comments).

    Raises:
        InvalidName: one of them is not an image name.
        UsageError: there are none, or too many.
    """
    texts = [*names, *(read_names(file) if file else ())]
    if not texts:
        raise UsageError("no image is named", hint="give at least one: [HOST/]NAME[:TAG]")
    if len(texts) > NAMES_MAX:
        raise UsageError(f"{len(texts)} names are more than {NAMES_MAX}", hint="split them over several commands")
    return list(dict.fromkeys(map(ImageRef.parse, texts)))


def read_names(file: Path) -> list[str]:
    """The lines of a file of names; what follows a ``#`` is left out."""
    text = read_bounded(file, NAMES_FILE_MAX_BYTES).decode("utf-8", "replace")
    stripped = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line for line in stripped if line]
