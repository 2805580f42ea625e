"""Findings in one line of code. Pure."""

from __future__ import annotations

from pytrust.trust.pki.finding import Finding, Severity


def error(code: str, thing: str, text: str, hint: str = "") -> Finding:
    """It does not work, or is not safe."""
    return Finding(code=code, severity=Severity.ERROR, thing=thing, text=text, hint=hint)


def warning(code: str, thing: str, text: str, hint: str = "") -> Finding:
    """It soon will not work, or is not wise."""
    return Finding(code=code, severity=Severity.WARNING, thing=thing, text=text, hint=hint)


def note(code: str, thing: str, text: str, hint: str = "") -> Finding:
    """Good to know."""
    return Finding(code=code, severity=Severity.NOTE, thing=thing, text=text, hint=hint)
