"""What a seccomp file does with one call on one host, rule by rule, for people. Pure."""

from __future__ import annotations

from errno import errorcode
from typing import Final, NamedTuple

from pytrust.policy.profiles.model import Arg, Evidence, Profile, Seccomp
from pytrust.policy.profiles.names import Action, Op, Syscall
from pytrust.policy.profiles.seccomp.evaluate import NO_ARGS, Args, decide, number_of
from pytrust.policy.profiles.seccomp.resolve import Host, left_out, resolve
from pytrust.policy.profiles.seccomp.runc import filter_of, split_conditions
from pytrust.policy.profiles.seccomp.syscalls import arch_of
from pytrust.policy.profiles.seccomp.verdict import Verdict

_SIGNS: Final = {Op.EQ: "==", Op.NE: "!=", Op.LT: "<", Op.LE: "<=", Op.GT: ">", Op.GE: ">="}
_SMALL: Final = 1024  # below, numbers are written in tens
_WORDS: Final = {
    Action.ALLOW: "allowed",
    Action.LOG: "allowed, and logged",
    Action.TRAP: "SIGSYS",
    Action.KILL_PROCESS: "the process is killed",
    Action.KILL_THREAD: "the thread is killed",
    Action.NOTIFY: "left to a listener",
}
_WHYS: Final = {
    "default": "no rule applies: the default",
    "foreign": "the profile does not name the architecture",
    "unknown": "its number is above every one that the profile names, and the runtime says so",
}


class RuleWords(NamedTuple):
    """A rule of the file that names the call: its number from 1, what it says, and why the engine leaves it out."""

    number: int
    text: str
    left_out: str


class Explanation(NamedTuple):
    """``verdict`` is None where arguments decide and none were given; ``why`` is the reason for it in words."""

    number: int
    verdict: Verdict | None
    why: str
    default: Verdict
    rules: tuple[RuleWords, ...]


def explain(
    profile: Seccomp, host: Host, call: Syscall, args: Args | None, unknown: frozenset[Syscall] = frozenset()
) -> Explanation:
    """What becomes of ``call``, and by which rule; ``unknown`` are names that the host's libseccomp does not know.

    Raises:
        BadContent: runc refuses the profile.
        UsageError: no such call, or an architecture whose calls are not known.
    """
    arch, resolved = arch_of(host.arch), resolve(profile, host)
    number, loaded = number_of(arch, call), filter_of(resolved, arch, unknown)
    rules = tuple(
        RuleWords(place, _rule_words(rule.args, verdict_words(rule.action, rule.errno)), left_out(rule, host))
        for place, rule in enumerate(profile.rules, 1)
        if call in rule.names
    )
    if args is None and any(case.conditions for case in loaded.cases.get(number, ())):
        return Explanation(number, None, "its arguments decide", loaded.default, rules)
    decision = decide(resolved, arch, number, args or NO_ARGS, host=arch, unknown=unknown)
    taken = [place for place, rule in enumerate(profile.rules, 1) if not left_out(rule, host)]
    why = _WHYS[decision.why] if decision.rule is None else f"rule {taken[decision.rule]}"
    return Explanation(number, decision.verdict, why, loaded.default, rules)


def words(verdict: Verdict) -> str:
    """What a verdict is to a program."""
    return verdict_words(verdict.action, verdict.errno)


def verdict_words(action: Action, errno: int | None) -> str:
    """What an action is to a program."""
    number = 1 if errno is None else errno
    if action is Action.ERRNO:
        return f"fails with {errorcode.get(number, f'error {number}')}"
    if action is Action.TRACE:
        return f"left to a tracer ({number}), or fails with ENOSYS"
    return _WORDS[Action.KILL_THREAD if action is Action.KILL else action]


def condition_words(arg: Arg) -> str:
    """``arg0 & 0x7e020000 == 0``."""
    if arg.op is Op.MASKED_EQ:
        return f"arg{arg.index} & {arg.value:#x} == {_number(arg.second & arg.value)}"
    return f"arg{arg.index} {_SIGNS[arg.op]} {_number(arg.value)}"


def evidence_of(profile: Profile, call: Syscall) -> tuple[Evidence, ...]:
    """Why the call, or some of its arguments, are open."""
    return tuple(
        one
        for one in profile.evidence
        if one.subject == f"syscall:{call}" or one.subject.startswith(f"argument:{call}:")
    )


def _rule_words(args: tuple[Arg, ...], verdict: str) -> str:
    alternatives = (" and ".join(map(condition_words, several)) for several in split_conditions(args))
    condition = " or ".join(filter(None, alternatives))
    return f"{verdict} if {condition}" if condition else verdict


def _number(value: int) -> str:
    return str(value) if value < _SMALL else f"{value:#x}"
