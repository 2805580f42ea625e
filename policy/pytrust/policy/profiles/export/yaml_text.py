"""Plain values as YAML. Pure.

Every text is in double quotes: what another reader takes for a number, a truth value or a time (YAML 1.1 has more of
those than 1.2) stays a text.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

Plain: TypeAlias = "str | int | bool | Sequence[Plain] | Mapping[str, Plain]"

_WIDE: Final = 100_000  # columns before a text is folded: never


def yaml_text(value: Mapping[str, Plain]) -> str:
    """One document in block style; keys are ours and stand bare."""
    yaml = YAML()
    yaml.width = _WIDE
    yaml.allow_unicode = False
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    yaml.dump(_quoted(value), out)
    return out.getvalue()


def _quoted(value: Plain) -> Any:  # noqa: ANN401 - the library's values have no types
    if isinstance(value, str):
        return DoubleQuotedScalarString(value)
    if isinstance(value, Mapping):
        return {key: _quoted(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_quoted(item) for item in value]
    return value
