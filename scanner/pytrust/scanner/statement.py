"""The signed scan. (A signature only: its author replaces this file.)"""

from __future__ import annotations

from pytrust.scanner.scan import Scan


def encode_scan(scan: Scan) -> bytes:
    raise NotImplementedError


def decode_scan(data: bytes, what: str) -> Scan:
    raise NotImplementedError
