"""Judge a scan. (A signature only: the gate's author replaces this file.)"""

from __future__ import annotations

from datetime import datetime

from pytrust.scanner.claim import Claims
from pytrust.scanner.rules import Policed
from pytrust.scanner.scan import Scan
from pytrust.scanner.verdict import Verdict


def judge(scan: Scan, policed: Policed, claims: Claims, now: datetime) -> Verdict:
    raise NotImplementedError


def decide(scan: Scan, policed: Policed, claims: Claims, now: datetime) -> Verdict:
    raise NotImplementedError
