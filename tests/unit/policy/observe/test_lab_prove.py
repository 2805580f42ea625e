"""The proof of a profile: what is looked at, in which order, and what is enough to say no."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace
from tests.fakes.laboratory import GOOD, FakeLaboratory

from pytrust.policy.observe.judgement import as_good, why_not
from pytrust.policy.observe.proof import Check, Proof
from pytrust.policy.observe.prove import Means, Task, verify
from pytrust.policy.observe.recording import Recorded
from pytrust.policy.observe.shadow import shadow_of
from pytrust.policy.observe.trial import Confinement, EngineKind, Laboratory, Live, Outcome, RunOptions
from pytrust.policy.profiles.floor import floor
from pytrust.policy.profiles.model import AppArmor, ArchMap, Arg, FileRule, Profile, Rule, Seccomp
from pytrust.policy.profiles.names import X86_64, Action, Arch, Capability, Op, Syscall
from pytrust.policy.profiles.seccomp.docker_json import docker_text, parse_docker
from pytrust.policy.profiles.seen import Method, Seen

NAMES = tuple(map(Syscall, ("execve", "openat", "read", "write")))
ENOSYS = 38


@dataclass(slots=True)
class FakeRecorder:
    """Sees ``calls`` wherever the filter notes what it does not name."""

    calls: dict[str, int] = field(default_factory=dict)
    unnamed: dict[tuple[Arch, int], int] = field(default_factory=dict)
    lost: int = 0
    lacks: str = ""
    watched: list[Seccomp] = field(default_factory=list)

    def watching(self, seccomp: Seccomp) -> FakeRecorder:
        self.watched.append(seccomp)
        return self

    @property
    def method(self) -> Method:
        return "audit"

    def missing(self) -> str:
        return self.lacks

    def record(
        self,
        laboratory: Laboratory,
        image: str,
        options: RunOptions,
        confinement: Confinement,
        workload: Callable[[Live], int],
    ) -> Recorded:
        under = confinement._replace(seccomp=docker_text(self.watched[-1]))
        outcome = laboratory.run(image, options, under, workload)
        calls = Counter({(Syscall(name), "web"): count for name, count in {"execve": 1, **self.calls}.items()})
        seen = Seen(method="audit", calls=calls, unnamed=self.unnamed, records=calls.total(), lost=self.lost)
        return Recorded(outcome, seen)


def profile(*rules: Rule, names: tuple[Syscall, ...] = NAMES) -> Profile:
    seccomp = Seccomp(
        default=Action.ERRNO,
        arch_map=(ArchMap(architecture=X86_64),),
        rules=(Rule(names=names, action=Action.ALLOW), *rules),
    )
    return Profile(name="web", seccomp=seccomp, capabilities=(Capability("CHOWN"),), read_only=True, user="1000")


def prove(
    given: Profile,
    laboratory: FakeLaboratory | None = None,
    recorder: FakeRecorder | None = None,
    *,
    runs: int = 1,
    as_is: bool = False,
) -> Proof:
    means = Means(laboratory or FakeLaboratory(), (recorder or FakeRecorder()).watching, {})
    told: list[str] = []
    proof = verify(given, means, Task("image", RunOptions(), lambda live: 0, runs, as_is), told.append)
    assert told
    return proof


def answers(proof: Proof) -> dict[str, bool | None]:
    return {check.name: check.good for check in proof.checks}


def note(proof: Proof, name: str) -> str:
    return next(check.note for check in proof.checks if check.name == name)


def test_a_good_profile() -> None:
    laboratory = FakeLaboratory()
    proof = prove(profile(), laboratory)
    assert proof.good
    assert [check.name for check in proof.checks] == ["floor", "meaning", "kernel", "refused", "run"]
    shadow, enforced = laboratory.trials
    assert enforced.capabilities == shadow.capabilities == ("CHOWN",)
    assert enforced.no_new_privileges
    assert enforced.read_only
    assert '"SCMP_ACT_LOG"' not in enforced.seccomp
    assert parse_docker(shadow.seccomp.encode(), "shadow").default is Action.LOG


@pytest.mark.parametrize(("asked", "user"), [("", "1000"), ("33:33", "33:33")])
def test_it_runs_as_the_user_of_the_profile_unless_one_is_asked_for(asked: str, user: str) -> None:
    laboratory = FakeLaboratory()
    means = Means(laboratory, FakeRecorder().watching, {})
    verify(profile(), means, Task("image", RunOptions(user=asked), lambda live: 0), lambda line: None)
    assert [options.user for options in laboratory.options] == [user, user]


def test_it_is_run_as_often_as_wanted() -> None:
    laboratory = FakeLaboratory()
    proof = prove(profile(), laboratory, runs=3)
    assert [check.name for check in proof.checks][-3:] == ["run 1", "run 2", "run 3"]
    assert len(laboratory.trials) == 4


@pytest.mark.parametrize("lacking", sorted(floor("1.1.5", True)))
def test_a_floor_that_is_too_tight_never_reaches_the_engine(lacking: str) -> None:
    laboratory = FakeLaboratory()
    names = tuple(sorted(floor("1.1.5", True) - {lacking}))
    proof = prove(profile(names=names), laboratory, as_is=True)
    assert not proof.good
    assert note(proof, "floor") == f"it refuses what runc 1.1.5 needs, which can hang the engine: {lacking}"
    assert laboratory.trials == []
    assert answers(proof)["run"] is None


def test_the_floor_is_joined() -> None:
    laboratory = FakeLaboratory()
    assert prove(profile(), laboratory).good
    named = {name for rule in parse_docker(laboratory.trials[1].seccomp.encode(), "it").rules for name in rule.names}
    assert named >= floor("1.1.5", True)


def test_rules_that_runc_refuses_are_not_run() -> None:
    laboratory = FakeLaboratory()
    masked = Arg(index=0, op=Op.EQ, value=1)
    twice = [Rule(names=(Syscall("ptrace"),), action=action, args=(masked,)) for action in (Action.TRAP, Action.ALLOW)]
    proof = prove(profile(*twice), laboratory)
    assert answers(proof) == {"floor": True, "meaning": False, "run": None}
    assert "contradicts" in note(proof, "meaning")
    assert laboratory.trials == []


def test_what_the_engine_drops_is_told() -> None:
    given = profile()
    lossy = replace(given, seccomp=replace(given.seccomp, default_errno=ENOSYS))
    assert "defaultErrnoRet 38 is dropped" in note(prove(lossy), "meaning")
    newer = FakeLaboratory(kind=EngineKind("28.5.1", "1.3.0", "6.12", "amd64"))
    assert "dropped" not in note(prove(lossy, newer), "meaning")


def test_a_call_that_would_be_refused_is_a_no_though_the_workload_says_yes() -> None:
    proof = prove(profile(), recorder=FakeRecorder({"statx": 3, "uname": 1}))
    assert answers(proof)["run"]
    assert note(proof, "refused") == "it would refuse statx of web, uname of web"
    assert not proof.good


def test_a_call_that_has_no_name_yet_is_a_no_too() -> None:
    proof = prove(profile(), recorder=FakeRecorder(unnamed={(X86_64, 999): 2}))
    assert not proof.good
    assert "would refuse 999 of SCMP_ARCH_X86_64" in note(proof, "refused")


def test_beginning_a_program_is_no_refusal_where_it_is_allowed() -> None:
    assert prove(profile(), recorder=FakeRecorder({"execve": 5})).good


def test_lost_records_are_no_proof_and_no_refusal() -> None:
    proof = prove(profile(), recorder=FakeRecorder(lost=2))
    assert answers(proof)["refused"] is None
    assert note(proof, "refused").startswith("2 records were lost")


def test_where_records_are_lost_it_is_run_again_and_a_refusal_that_was_seen_is_enough() -> None:
    cases: list[tuple[dict[str, int], int, bool | None]] = [({}, 3, None), ({"statx": 1}, 1, False)]
    for calls, shadows, answer in cases:
        laboratory = FakeLaboratory()
        proof = prove(profile(), laboratory, FakeRecorder(calls, lost=2))
        assert answers(proof)["refused"] is answer
        assert ["SCMP_ACT_LOG" in trial.seccomp for trial in laboratory.trials] == [True] * shadows + [False]


def test_without_the_audit_stream_the_runs_count() -> None:
    laboratory = FakeLaboratory()
    proof = prove(profile(), laboratory, FakeRecorder(lacks="no rights"))
    assert (proof.good, answers(proof)["refused"]) == (True, None)
    assert note(proof, "refused") == "what is refused cannot be seen: no rights"
    assert len(laboratory.trials) == 1


def enforced(outcome: Outcome) -> FakeLaboratory:
    """Good in the shadow, and so under the profile."""
    return FakeLaboratory(lambda asked: GOOD if "SCMP_ACT_LOG" in asked.seccomp else outcome)


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Outcome(True, 1, 0, "cannot open"), "the workload ended with 1: cannot open"),
        (Outcome(True, None, 0), "the workload did not end in time"),
        (Outcome(True, 0, None), "it did not stop in 3 s"),
        (Outcome(True, 0, 2), "the container ended with 2, not with 0"),
        (Outcome(False, None, None, "too tight"), "it was not started: too tight"),
    ],
)
def test_how_it_ends_under_the_profile(outcome: Outcome, said: str) -> None:
    proof = prove(profile(), enforced(outcome))
    assert (proof.good, note(proof, "run")) == (False, said)


def test_how_it_ended_when_the_workload_failed_is_no_measure() -> None:
    failed = Outcome(True, 1, 139)
    proof = prove(profile(), FakeLaboratory(lambda asked: failed if "SCMP_ACT_LOG" in asked.seccomp else GOOD))
    assert (answers(proof)["refused"], answers(proof)["run"]) == (False, True)


def test_one_bad_run_of_many_is_enough() -> None:
    outcomes = iter([GOOD, GOOD, Outcome(True, 1, 0), GOOD])
    proof = prove(profile(), FakeLaboratory(lambda asked: next(outcomes)), runs=3)
    assert [answers(proof)[f"run {number}"] for number in (1, 2, 3)] == [True, False, True]
    assert not proof.good


def test_an_image_that_never_stops_by_itself_is_not_the_profiles_fault() -> None:
    proof = prove(profile(), FakeLaboratory(lambda asked: Outcome(True, 0, None)))
    assert (proof.good, note(proof, "run")) == (True, "the workload said yes, the container does not stop by itself")


def test_an_image_that_fails_without_refusals_is_told_apart() -> None:
    proof = prove(profile(), FakeLaboratory(lambda asked: Outcome(True, 1, 1, "no disk")))
    assert "though no call was refused" in note(proof, "refused")


def test_an_apparmor_part_is_compiled() -> None:
    given = profile()
    good = replace(given, apparmor=AppArmor(files=(FileRule(path="/etc/passwd", modes="r"),)))
    bad = replace(given, apparmor=AppArmor(files=(FileRule(path="etc", modes="r"),)))
    assert answers(prove(good))["apparmor"] in {True, None}
    assert answers(prove(bad))["apparmor"] is False
    assert "apparmor" not in answers(prove(given))


def test_the_shadow_notes_what_is_refused_by_default_only() -> None:
    masked = Arg(index=0, op=Op.MASKED_EQ, value=0x7E020000)
    rules = (
        Rule(names=(Syscall("clone"),), action=Action.ALLOW, args=(masked,)),
        Rule(names=(Syscall("clone3"),), action=Action.ERRNO, errno=ENOSYS),
    )
    shadow = shadow_of(profile(*rules).seccomp)
    assert shadow.default is Action.LOG
    assert shadow.rules[-2:] == rules
    actions = {name: rule.action for rule in shadow.rules for name in rule.names}
    assert (actions[Syscall("execve")], actions[Syscall("openat")]) == (Action.LOG, Action.ALLOW)


def test_the_shadow_has_nothing_that_old_engines_or_runtimes_do_not_take() -> None:
    given = replace(profile().seccomp, default_errno=ENOSYS, flags=("SECCOMP_FILTER_FLAG_LOG",))
    assert shadow_of(given) == shadow_of(profile().seccomp)


def test_what_is_open_by_default_has_no_shadow() -> None:
    assert shadow_of(Seccomp(default=Action.ALLOW)).default is Action.ALLOW


@pytest.mark.parametrize(
    ("checks", "good"),
    [
        ((True, True), True),
        ((None, True), True),
        ((False, True), False),
        ((True, None), False),
        ((True, False), False),
    ],
)
def test_what_is_proven(checks: tuple[bool | None, ...], good: bool) -> None:
    assert Proof(tuple(Check("x", each, "", 0.0) for each in checks)).good is good


def test_as_good_as_before() -> None:
    assert as_good(Outcome(True, 0, 143), Outcome(True, 0, 143))
    assert not as_good(Outcome(True, 0, 0), Outcome(True, 0, 143))
    assert why_not(GOOD) == ""
