"""A Compose file without its secrets: labels tell which ones pytrust delivers; or, for a swarm, its driver does. Pure.

Nothing but the secrets changes, and that is checked: the new text is read again, and compared with the old one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from pytrust.policy.engine.call import Malformed
from pytrust.policy.engine.secret_label import SECRETS_LABEL as LABEL
from pytrust.policy.engine.secret_label import parse_secrets
from pytrust.policy.stack.edit import Edit, apply, indent, insert_in_flow, insert_line, lines, newline, unclear
from pytrust.policy.stack.find import use_of
from pytrust.policy.stack.found import Moved, Stack, Use
from pytrust.policy.stack.tree import Alias, Entry, Mapping, Node, Scalar, Sequence, Tree, read_tree
from pytrust.trust.errors import UsageError

NAME_LABEL: Final = "pytrust.secret"
"""What the vault calls a secret of the swarm, whose own name begins with that of its stack."""
DRIVER: Final = "pytrust"
_STEP: Final = "  "


def rewrite(tree: Tree, found: Stack, *, swarm: bool) -> bytes:
    """The file without the secrets in ``found.moved``; raises ``UsageError`` where its layout does not allow it."""
    if not found.moved:
        return tree.text.encode()
    edits = list(_for_swarm(tree, found) if swarm else _for_compose(tree, found))
    text = apply(tree.text, edits).encode()
    _check(tree, read_tree(text, tree.what), found, swarm=swarm)
    return text


def label(uses: Iterable[Use], names: dict[str, str]) -> str:
    """``name:file=..:uid=..:gid=..:mode=..`` for each, between commas; what is not asked for is left out."""
    return ",".join(_spec(use, names[use.key]) for use in uses)


def _spec(use: Use, name: str) -> str:
    parts = [name]
    parts += [f"file={use.file}"] if use.file != name.rpartition("/")[2] else []
    parts += [f"{word}={value}" for word, value in (("uid", use.uid), ("gid", use.gid)) if value is not None]
    parts += [f"mode={use.mode:04o}"] if use.mode is not None else []
    return ":".join(parts)


def _for_swarm(tree: Tree, found: Stack) -> Iterator[Edit]:
    secrets = _own(tree, tree.root, "secrets")
    if secrets.flow:
        raise unclear(tree, secrets)
    for moved in found.moved:
        entry = secrets.entries[moved.key]
        before = indent(tree, entry.start)
        key = tree.text[entry.start :].partition(":")[0]
        step = f"{before}{_STEP}"
        name = f"{step}{_STEP}{NAME_LABEL}: {json.dumps(moved.name)}"
        new = (f"{before}{key}:", f"{step}driver: {DRIVER}", f"{step}labels:", name)
        yield lines(tree, entry)._replace(text="".join(f"{line}{newline(tree)}" for line in new))


def _for_compose(tree: Tree, found: Stack) -> Iterator[Edit]:
    names: dict[str, str] = {moved.key: moved.name for moved in found.moved}
    yield from _definitions(tree, found.moved)
    for service in dict.fromkeys(use.service for use in found.uses):
        uses = [use for use in found.uses if use.service == service]
        yield from _service(tree, service, names, label(uses, names))


def _definitions(tree: Tree, moved: tuple[Moved, ...]) -> Iterator[Edit]:
    secrets = _own(tree, tree.root, "secrets")
    if len(moved) == len(secrets.entries) and secrets.merged is None:
        yield lines(tree, tree.root.entries["secrets"])
    elif secrets.flow:
        raise unclear(tree, secrets)
    else:
        for each in moved:
            yield lines(tree, secrets.entries[each.key])


def _service(tree: Tree, service: str, names: dict[str, str], text: str) -> Iterator[Edit]:
    definition = _own(tree, _own(tree, tree.root, "services"), service)
    entry = definition.entries.get("secrets")
    if entry is None or not isinstance(entry.value, Sequence) or entry.value.marked or definition.flow:
        raise _shared(tree, definition, f"the secrets of {service}")
    listed = entry.value
    gone = [item for item in listed.items if use_of(tree, service, item).key in names]
    labels = _labels(tree, service, definition)
    new = "" if labels else _new_labels(tree, entry, text)
    if labels:
        yield _add_label(tree, labels, text)
    if len(gone) == len(listed.items):
        yield lines(tree, entry)._replace(text=new)
        return
    if new:
        yield Edit(*(lines(tree, entry).start,) * 2, new)
    yield from _without_items(tree, listed, gone)


def _without_items(tree: Tree, listed: Sequence, gone: list[Node]) -> Iterator[Edit]:
    if not listed.flow:
        for item in gone:
            yield lines(tree, item, before="-")
        return
    left = [tree.text[item.start : item.end] for item in listed.items if item not in gone]
    yield Edit(listed.start, listed.end, f"[{', '.join(left)}]")


def _labels(tree: Tree, service: str, definition: Mapping) -> Mapping | Sequence | None:
    found = tree.find(definition, "labels")
    if found is None:
        return None
    entry = definition.entries.get("labels")
    if entry is None or entry.value is not found or found.marked or not isinstance(found, Mapping | Sequence):
        raise _shared(tree, definition, f"the labels of {service}")
    return found


def _new_labels(tree: Tree, beside: Entry, text: str) -> str:
    before, end = indent(tree, beside.start), newline(tree)
    return f"{before}labels:{end}{before}{_STEP}{LABEL}: {json.dumps(text)}{end}"


def _add_label(tree: Tree, labels: Mapping | Sequence, text: str) -> Edit:
    old = _label_of(labels)
    pair = isinstance(labels, Sequence)
    if old is not None:
        if old.marked:
            raise _shared(tree, old, f"the label {LABEL}")
        value = f"{_value(old, pair=pair)},{text}" if _value(old, pair=pair) else text
        return Edit(old.start, old.end, json.dumps(f"{LABEL}={value}" if pair else value))
    new = json.dumps(f"{LABEL}={text}") if pair else f"{LABEL}: {json.dumps(text)}"
    if labels.flow:
        return insert_in_flow(labels, new)
    return insert_line(tree, labels.start, f"- {new}" if pair else new)


def _label_of(labels: Node | None) -> Scalar | None:
    """The label of ours: its value under a key, or the whole item of a list."""
    if isinstance(labels, Mapping):
        entry = labels.entries.get(LABEL)
        return entry.value if entry and isinstance(entry.value, Scalar) else None
    for item in labels.items if isinstance(labels, Sequence) else ():
        if isinstance(item, Scalar) and item.text.startswith(f"{LABEL}="):
            return item
    return None


def _value(label: Scalar, *, pair: bool) -> str:
    return label.text.partition("=")[2] if pair else label.text


def _own(tree: Tree, parent: Mapping, key: str) -> Mapping:
    """What stands under ``key`` itself, there and nowhere else."""
    entry = parent.entries.get(key)
    if entry is None or not isinstance(entry.value, Mapping):
        raise _shared(tree, parent, key)
    return entry.value


def _shared(tree: Tree, part: Node, what: str) -> UsageError:
    hint = "write it out there, as a list or keys without anchors and tags"
    return tree.error(part, f"{what} cannot be rewritten: written elsewhere, or otherwise", hint)


def _check(before: Tree, after: Tree, found: Stack, *, swarm: bool) -> None:
    """Nothing changed but what was to change."""
    keys = frozenset(moved.key for moved in found.moved)
    if _rest(before, keys, swarm=swarm) != _rest(after, keys, swarm=swarm):
        raise UsageError(f"{before.what} cannot be rewritten safely", hint="give each key a line of its own")
    for service in dict.fromkeys(use.service for use in found.uses) if not swarm else ():
        _check_label(after, service)


def _check_label(tree: Tree, service: str) -> None:
    """Whoever delivers secrets reads it."""
    definition = _own(tree, _own(tree, tree.root, "services"), service)
    labels = tree.find(definition, "labels")
    written = _label_of(labels)
    try:
        parse_secrets(_value(written, pair=isinstance(labels, Sequence)) if written else "")
    except Malformed as error:
        raise tree.error(definition, f"{service}: {error}", "call one of the files otherwise: target") from error


def _rest(tree: Tree, keys: frozenset[str], *, swarm: bool) -> Any:  # noqa: ANN401 - a nested value
    """The file as values, without the secrets that are moved, and without our label."""
    root = _plain(tree.root)
    _drop(root, "secrets", keys)
    for name, service in root.get("services", {}).items() if not swarm else ():
        if isinstance(service, dict):
            _drop_uses(tree, name, service, keys)
    return root


def _drop_uses(tree: Tree, name: str, service: dict[str, Any], keys: frozenset[str]) -> None:
    node = tree.real(_own(tree, tree.root, "services").entries[name].value)
    listed = tree.find(node, "secrets") if isinstance(node, Mapping) else None
    if isinstance(listed, Sequence) and isinstance(service.get("secrets"), list):
        service["secrets"] = [_plain(item) for item in listed.items if use_of(tree, name, item).key not in keys]
    labels = service.get("labels")
    if isinstance(labels, dict):
        labels.pop(LABEL, None)
    elif isinstance(labels, list):
        service["labels"] = [item for item in labels if not str(item[1]).startswith(f"{LABEL}=")]
    for word in ("secrets", "labels"):
        if not service.get(word):
            service.pop(word, None)


def _drop(parent: dict[str, Any], word: str, keys: frozenset[str]) -> None:
    found = parent.get(word)
    if isinstance(found, dict):
        parent[word] = {key: value for key, value in found.items() if key not in keys}
    if not parent.get(word):
        parent.pop(word, None)


def _plain(node: Node | None) -> Any:  # noqa: ANN401 - a nested value
    match node:
        case Mapping(entries=entries, merged=merged, marked=marked):
            pairs = {key: _plain(entry.value) for key, entry in entries.items()}
            return {**pairs, **({"<<": _plain(merged)} if merged else {}), **({"&": True} if marked else {})}
        case Sequence(items=items):
            return [_plain(item) for item in items]
        case Scalar(text=text, plain=plain):
            return ("text", text, plain)
        case Alias(name=name):
            return ("alias", name)
    return None
