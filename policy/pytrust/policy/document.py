"""The policy file: YAML in, ``core.rules.Policy`` out. Strict and pure.

    bytes ─> strictyaml (lines) ─> schema (shape) ─> here: names, patterns, references ─> Policy

Nothing in the file is passed over: an unknown key, a pattern that can fit nothing, a name that ``roots`` does not
have are errors with their line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final, NamedTuple, TypeVar

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from pytrust.policy.blame import Blame
from pytrust.policy.complaint import complaint
from pytrust.policy.core.facts import Roots
from pytrust.policy.core.rules import Containers, ImageRule, Lift, Policy, ProfileNeed, Trust
from pytrust.policy.pattern import check_name_pattern, check_value_pattern
from pytrust.policy.scan_rules import scan_rules, waiver
from pytrust.policy.schema import Document, ImageEntry, LiftEntry, RootKeys, RootSet, TrustEntry
from pytrust.policy.strictyaml import Path, Tree, parse_yaml
from pytrust.trust.anchor import certificate_id, check_authority
from pytrust.trust.collection.model import parse_signer
from pytrust.trust.errors import UsageError
from pytrust.trust.names import Format, parse_key_id
from pytrust.trust.pins import check_server

_FORMATS: Final = {"notary-v1": Format.NOTARY, "tuf": Format.TUF}
_Name = TypeVar("_Name", bound=str)


class Reading(NamedTuple):
    """A policy, and what only its document shows: its file's ``name``, the ``roots`` that no rule uses (with where)."""

    policy: Policy
    name: str
    unused_roots: tuple[tuple[str, str], ...]


def parse_policy(text: bytes | str, *, what: str) -> Policy:
    """Read a policy file; ``what`` names it in errors, its last part in ``where``.

    Raises:
        UsageError: it is no policy; the message begins with ``<what>:<line>:`` wherever a line is to blame.
    """
    return read_document(text, what=what).policy


def read_document(text: bytes | str, *, what: str) -> Reading:
    """As ``parse_policy``, for who reviews the document itself."""
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    tree = parse_yaml(data, what=what)
    try:
        document = msgspec.convert(tree.value, Document)
    except msgspec.ValidationError as error:
        raise complaint(error, tree, what) from error
    return _Builder(document, tree, what).reading(sha256(data).hexdigest())


class _Builder:
    """Makes values of the core from a document of the right shape; each is told its line."""

    def __init__(self, document: Document, tree: Tree, what: str) -> None:
        self._document = document
        self._blame = Blame(tree, what)
        self._roots = {name: self._root_set(item, ("roots", name)) for name, item in document.roots.items()}

    def reading(self, version: str) -> Reading:
        document = self._document
        images = tuple(self._image(entry, ("images", index)) for index, entry in enumerate(document.images))
        used = {entry.trust.root for entry in document.images if entry.trust is not UNSET}
        return Reading(
            Policy(
                version=version,
                images=images,
                containers=self._containers(),
                waivers=tuple(
                    waiver(entry, ("exceptions", index), self._blame) for index, entry in enumerate(document.exceptions)
                ),
                mode=document.mode,
            ),
            self._blame.name,
            tuple((name, self._blame.where(("roots", name))) for name in self._roots if name not in used),
        )

    def _image(self, entry: ImageEntry, path: Path) -> ImageRule:
        with self._blame.at(*path, "match"):
            check_name_pattern(entry.match)
        return ImageRule(
            match=entry.match,
            where=self._blame.where(path),
            trust=self._trust(entry.trust, (*path, "trust")) if entry.unsigned is UNSET else None,
            isolation=None if entry.isolation is UNSET else entry.isolation,
            profile=ProfileNeed.OPTIONAL if entry.profile is UNSET else entry.profile,
            scan=None if entry.scan is UNSET else scan_rules(entry.scan, (*path, "scan"), self._blame),
        )

    def _trust(self, entry: TrustEntry | UnsetType, path: Path) -> Trust:
        if entry is UNSET:
            return Trust()
        roots = self._accepted(entry, path)
        if entry.signers is UNSET:
            return Trust(roots=roots)
        signers = self._distinct(entry.signers.any_of, parse_signer, (*path, "signers", "any_of"))
        return Trust(roots=roots, signers=signers, threshold=entry.signers.threshold)

    def _accepted(self, entry: TrustEntry, path: Path) -> Roots | None:
        """Where trust starts; None leaves it to the pins of the host."""
        roots = self._start(entry, path)
        if roots is None or (entry.server is UNSET and entry.format is UNSET):
            return roots
        with self._blame.at(*path, "server"):
            server = "" if entry.server is UNSET else check_server(entry.server)
        return replace(roots, server=server, form=None if entry.format is UNSET else _FORMATS[entry.format])

    def _start(self, entry: TrustEntry, path: Path) -> Roots | None:
        if entry.root_keys is not UNSET:
            return self._root_set(entry.root_keys, (*path, "root_keys"))
        if entry.certificates is not UNSET:
            return Roots(certificates=self._distinct(entry.certificates, _certificate, (*path, "certificates")))
        if entry.ca is not UNSET:
            with self._blame.at(*path, "ca"):
                return Roots(ca=check_authority(entry.ca.encode(), "ca").decode())
        if entry.first_use is not UNSET:
            return Roots(first_use=True)
        return None if entry.root is UNSET else self._named(entry.root, (*path, "root"))

    def _named(self, name: str, path: Path) -> Roots:
        if name not in self._roots:
            known = ", ".join(self._roots) or "none"
            with self._blame.at(*path):
                raise UsageError(f"roots has no {name[:60]!r}; known: {known[:300]}", hint="add it to roots")
        return self._roots[name]

    def _root_set(self, item: RootSet, path: Path) -> Roots:
        if isinstance(item, RootKeys):
            return Roots(keys=self._distinct(item.keys, parse_key_id, (*path, "keys")), threshold=item.threshold)
        return Roots(keys=self._distinct(item, parse_key_id, path))

    def _distinct(self, texts: Sequence[str], parse: Callable[[str], _Name], path: Path) -> tuple[_Name, ...]:
        """Read names; one that stands twice would count once, whatever the threshold seems to say."""
        names: set[_Name] = set()
        for index, text in enumerate(texts):
            with self._blame.at(*path, index):
                name = parse(text)
                if name in names:
                    shown = text.partition("\n")[0][:80]
                    raise UsageError(f"{shown} stands twice", hint="keep one of them")
            names.add(name)
        return tuple(sorted(names))

    def _containers(self) -> Containers:
        section = self._document.containers
        return Containers(
            isolation=section.isolation,
            pids=section.pids,
            memory=section.memory_bytes,
            lifts=tuple(self._lift(entry, ("containers", "allow", index)) for index, entry in enumerate(section.allow)),
            where=self._blame.where(("containers",)),
        )

    def _lift(self, entry: LiftEntry, path: Path) -> Lift:
        with self._blame.at(*path, "match"):
            check_name_pattern(entry.match)
        values = () if entry.values is UNSET else tuple(entry.values)
        for index, value in enumerate(values):
            with self._blame.at(*path, "values", index):
                check_value_pattern(value)
        return Lift(field=entry.rule, where=self._blame.where(path), match=entry.match, values=values)


def _certificate(pem: str) -> str:
    return certificate_id(pem.encode(), "it")
