"""Accounts of what clients and servers say, with everything replaced that is another each time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any, Final

from tests.rig.tls_recorder import Exchange

_METADATA: Final = frozenset({"Root", "Targets", "Snapshot", "Timestamp"})
_RULES: Final = [
    (re.compile(r"sha(256|512) checksum (.*: expected )[0-9a-f]+"), r"<either> checksum \2<hash>"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<sha256>"),
    (re.compile(r"by sha512, sha256 hash"), "by sha256, sha512 hash"),  # Go goes through maps in any order
    (re.compile(r":pull,push\""), ':push,pull"'),
    (re.compile(r"\.\.\.\S*(/\w+/private)$", re.MULTILINE), r"...\1"),  # notary cuts long paths
    (re.compile(r"change_id=\d+"), "change_id=<id>"),
    (re.compile(r"\b[0-9a-f]{12}\b"), "<short>"),
    (re.compile(r"\b[0-9a-f]{7}\.\.\."), "<id>..."),
    (re.compile(r"\b[0-9a-f]{7}\b(?= \()"), "<id>"),
    (re.compile(r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( ?Z| [+-]\d{4} [A-Z]+)?"), "<time>"),
    (re.compile(r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} .*?\d{4}\b"), "<time>"),
]
_PROGRESS: Final = re.compile(r"^<short>: |^Sending build context|.* msg=\"Can't close tar writer")


@dataclass(frozen=True, slots=True)
class Plain:
    """Replaces the names of one run."""

    names: dict[str, str]

    def text(self, text: str) -> str:
        """One line, or several."""
        for name, word in self.names.items():
            text = text.replace(name, word)
        for pattern, word in _RULES:
            text = pattern.sub(word, text)
        return text

    def output(self, text: str) -> Iterator[str]:
        """The lines that a command printed, without empty ones, and without those that come as they like."""
        for line in self.text(text).splitlines():
            if line.strip() and not _PROGRESS.match(line):
                yield line.rstrip()


def told(exchange: Exchange) -> str:
    """One line on what went over the wire: the request, the status, what the client is to do, and what the body is."""
    parts = f" [{' '.join(exchange.parts)}]" if exchange.parts else ""
    headers = {name.lower(): value for name, value in exchange.answer.headers.items()}
    age = f" {headers['cache-control']}" if "cache-control" in headers else ""
    wants = f" {headers['www-authenticate']}" if "www-authenticate" in headers else ""
    body = _body(exchange.answer.body)
    return f"{exchange.method} {exchange.target}{parts} {exchange.answer.status}{age}{wants} {body}".rstrip()


def _body(body: bytes) -> str:
    if not body:
        return ""
    try:
        return _json(json.loads(body))
    except ValueError:
        return "not JSON"


def _json(answer: Any) -> str:
    match answer:
        case {"signed": {"_type": kind, "version": version} as signed} if kind in _METADATA:
            return f"{kind} {version}{_meta(signed)}"
        case {"keytype": kind}:
            return f"key {kind}"
        case {"errors": [{"code": code}, *_]}:
            return f"error {code}"
        case {"records": records}:
            return f"changes {[(r['Category'], r['Version']) for r in records or []]}"
    return json.dumps(answer)


def _meta(signed: dict[str, Any]) -> str:
    """What a file lists."""
    listed = signed.get("meta") or signed.get("targets")
    return f" {{{' '.join(sorted(listed))}}}" if listed else ""


def difference(ours: list[str], real: list[str]) -> str:
    """Where two accounts are not the same; empty if they are."""
    return "\n".join(unified_diff(real, ours, "notary-server", "pytrust serve", n=8, lineterm=""))
