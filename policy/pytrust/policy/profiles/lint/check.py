"""Everything that is wrong with a profile. Pure: what the host's libseccomp says is asked before, and passed in."""

from __future__ import annotations

from collections.abc import Iterator

from pytrust.policy.profiles.lint.finding import Code, Finding, Setting, Severity, error
from pytrust.policy.profiles.lint.meaning import meaning
from pytrust.policy.profiles.lint.openings import openings
from pytrust.policy.profiles.lint.surroundings import surroundings
from pytrust.policy.profiles.lint.text import rules_as_written
from pytrust.policy.profiles.model import Profile
from pytrust.trust.errors import BadContent

__all__ = ["Code", "Finding", "Setting", "Severity", "lint"]


def lint(profile: Profile, setting: Setting) -> tuple[Finding, ...]:
    """Errors first, then by the order in which they were looked for.

    Raises:
        UsageError: the host's calls are not known.
    """
    every = [*rules_as_written(profile), *_as_used(profile, setting)]
    return tuple(sorted(dict.fromkeys(every), key=lambda one: one.severity))


def _as_used(profile: Profile, setting: Setting) -> Iterator[Finding]:
    try:
        found = openings(profile, setting.host)
    except BadContent as refusal:
        yield _refused(str(refusal))
        return
    if setting.refused:
        yield _refused(setting.refused)
    yield from meaning(profile, found)
    yield from surroundings(profile, found, setting)


def _refused(why: str) -> Finding:
    return error(Code.REFUSED, "syscalls", why, "no container starts with it: change the rule that is named")
