"""Everything that is wrong with a profile. Pure: what the host's libseccomp says is asked before, and passed in."""

from __future__ import annotations

from pytrust.policy.profiles.lint.finding import Code, Finding, Setting, Severity
from pytrust.policy.profiles.lint.meaning import meaning
from pytrust.policy.profiles.lint.openings import openings
from pytrust.policy.profiles.lint.surroundings import surroundings
from pytrust.policy.profiles.lint.text import rules_as_written
from pytrust.policy.profiles.model import Profile

__all__ = ["Code", "Finding", "Setting", "Severity", "lint"]


def lint(profile: Profile, setting: Setting) -> tuple[Finding, ...]:
    """Errors first, then by the order in which they were looked for.

    Raises:
        UsageError: the host's calls are not known.
        BadContent: runc refuses the profile, and nothing else can be said of it.
    """
    found = openings(profile, setting.host)
    every = [*rules_as_written(profile), *meaning(profile, found), *surroundings(profile, found, setting)]
    return tuple(sorted(dict.fromkeys(every), key=lambda one: one.severity))
