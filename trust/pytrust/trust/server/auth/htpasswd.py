"""A file of users as ``htpasswd -B`` writes it: ``name:$2y$05$...``, one a line. Pure.

Only bcrypt is taken, as by docker's registry. What has two readings is refused: a name twice, a field too many.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import bcrypt

from pytrust.trust.errors import Unsound
from pytrust.trust.limits import BCRYPT_COST_MAX, HTPASSWD_USERS_MAX, PASSWORD_MAX_BYTES
from pytrust.trust.server.auth.credentials import is_user_name

_HASH: Final = re.compile(rb"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}")
_COST_MIN: Final = 4  # bcrypt knows no less
_COST_USUAL: Final = 10
_DIGEST_CHARS: Final = 31
_HINT: Final = "write it with: htpasswd -B FILE USER"


@dataclass(frozen=True, slots=True)
class Account:
    """One line; ``mark`` changes with the password, and tells nothing of it: the line holds 128 random bits."""

    mark: str
    hash: bytes = field(repr=False)
    known: bool = True

    def fits(self, password: str) -> bool:
        """Check a password: slow on purpose."""
        data = password.encode()
        usable = 0 < len(data) <= PASSWORD_MAX_BYTES and b"\0" not in data
        return bcrypt.checkpw(data if usable else b"?", self.hash) and usable and self.known


@dataclass(frozen=True, slots=True)
class Accounts:
    """All lines of a file."""

    users: dict[str, Account]
    nobody: Account

    def find(self, user: str) -> Account:
        """The account of ``user``; for somebody unknown one that takes as long to check, and never fits."""
        return self.users.get(user, self.nobody)


def parse_htpasswd(data: bytes, what: str) -> Accounts:
    """Read the file; ``what`` names it in errors.

    Raises:
        Unsound: a line is not one of a user with a bcrypt hash. The message has its number, and no hash.
    """
    users: dict[str, Account] = {}
    for number, line in enumerate(data.splitlines(), start=1):
        if not line.strip() or line.startswith(b"#"):
            continue
        name, account = _account(line, f"{what} line {number}")
        if name in users:
            raise Unsound(f"{what} line {number}: {name} stands twice", hint="remove one of the two lines")
        users[name] = account
        if len(users) > HTPASSWD_USERS_MAX:
            raise Unsound(f"{what} has more than {HTPASSWD_USERS_MAX} users")
    return Accounts(users, _nobody(users))


def _account(line: bytes, what: str) -> tuple[str, Account]:
    name, _, digest = line.partition(b":")
    user = name.decode("ascii", "replace")
    if not is_user_name(user):
        raise Unsound(f"{what}: not the name of a user", hint="letters, digits and . _ @ + - are possible")
    found = _HASH.fullmatch(digest)
    if not found:
        raise Unsound(f"{what}: the password of {user} is not a bcrypt hash", hint=_HINT)
    if not _COST_MIN <= int(found[1]) <= BCRYPT_COST_MAX:
        raise Unsound(f"{what}: the cost of {user} is not {_COST_MIN} to {BCRYPT_COST_MAX}", hint=_HINT)
    return user, Account(hashlib.sha256(b"pytrust htpasswd line\0" + line).hexdigest(), digest)


def _nobody(users: dict[str, Account]) -> Account:
    """With the cost that most have, since the time of an answer tells it."""
    costs = Counter(int(account.hash[4:6]) for account in users.values())
    cost = costs.most_common(1)[0][0] if costs else _COST_USUAL
    return Account("", bcrypt.gensalt(cost) + b"." * _DIGEST_CHARS, known=False)
