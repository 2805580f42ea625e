"""What a signed profile writes into a creation, whatever the client said."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from pytrust.policy.core.decision import Allow, Injection, Mutation, Pin
from pytrust.policy.core.facts import Profiled
from pytrust.policy.core.request import Create, Named
from pytrust.policy.engine.body import decode
from pytrust.policy.engine.call import Malformed
from pytrust.policy.engine.confining import SECCOMP_MAX_CHARS
from pytrust.policy.engine.normalise import normalise
from pytrust.policy.engine.rewrite import rewrite
from pytrust.policy.engine.routes import match
from pytrust.policy.profiles.names import Capability, GoArch
from pytrust.policy.profiles.parts import EngineParts
from pytrust.trust.names import Digest, ImageRef

REF = ImageRef.parse("foo/web:v1")
PIN = Pin(image=Named(ref=REF), ref=REF.at(Digest("1" * 64)))
OURS = '{"defaultAction":"SCMP_ACT_ERRNO"}'
OURS_AGAIN = '{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[]}'
NOTED = (
    '{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","comment":"hunter2"}]}'
)
PROFILE = Profiled(
    digest=Digest("2" * 64),
    seccomp=OURS,
    capabilities=(Capability("CHOWN"), Capability("SETUID")),
    no_new_privileges=True,
    read_only=True,
    user="1000:1000",
    apparmor="pytrust-2222222222222222",
    expires=datetime(2030, 1, 1, tzinfo=UTC),
    parts=EngineParts(version="20.10.24", runc="1.1.5", kernel="6.1", arch=GoArch("amd64")),
)
LOOSE = replace(PROFILE, no_new_privileges=False, read_only=False, user="", apparmor="", capabilities=())


def asked(host: dict[str, Any]) -> Create:
    call = match("POST", "/containers/create")
    assert call is not None
    body = json.dumps({"Image": "foo/web:v1", "HostConfig": host}).encode()
    request = normalise(call, decode(call.route.body, body))
    assert isinstance(request, Create)
    return request


def sent(config: dict[str, Any], profile: Profiled | None = PROFILE, *injections: Injection) -> dict[str, Any]:
    call = match("POST", "/containers/create")
    assert call is not None
    model = decode(call.route.body, json.dumps({"Image": "foo/web:v1", **config}).encode())
    mutations = tuple(Mutation(injection=item) for item in injections)
    allow = Allow(pins=(PIN,), mutations=mutations, profile=profile)
    body = rewrite(call, model, normalise(call, model), allow, "1.41").body
    assert body is not None
    return dict(json.loads(body))


def test_all_of_it_is_written() -> None:
    written = sent({})
    host = written["HostConfig"]
    assert written["User"] == "1000:1000"
    assert set(host["SecurityOpt"]) == {f"seccomp={OURS}", "no-new-privileges", "apparmor=pytrust-2222222222222222"}
    assert (host["CapDrop"], host["CapAdd"], host["ReadonlyRootfs"]) == (["ALL"], ["CHOWN", "SETUID"], True)


@pytest.mark.parametrize("key", ["seccomp=unconfined", "seccomp:unconfined", "apparmor=mine", "no-new-privileges=true"])
@pytest.mark.parametrize("times", [1, 3])
def test_what_the_client_said_of_it_is_gone(key: str, times: int) -> None:
    options = sent({"HostConfig": {"SecurityOpt": [key] * times}})["HostConfig"]["SecurityOpt"]
    assert sorted(options) == sorted(sent({})["HostConfig"]["SecurityOpt"])


def test_what_it_does_not_speak_of_stays() -> None:
    host = {"SecurityOpt": ["label=type:container_t"], "ReadonlyRootfs": True}
    written = sent({"User": "7", "HostConfig": host}, LOOSE)
    assert written["User"] == "7"
    assert written["HostConfig"]["ReadonlyRootfs"] is True
    assert written["HostConfig"]["SecurityOpt"] == ["label=type:container_t", f"seccomp={OURS}"]


def test_the_capabilities_are_those_that_were_decided() -> None:
    written = sent({"HostConfig": {"CapDrop": ["KILL"], "CapAdd": ["SYS_ADMIN"]}})["HostConfig"]
    assert (written["CapDrop"], written["CapAdd"]) == (["ALL"], ["CHOWN", "SETUID"])


@pytest.mark.parametrize(
    ("host", "drops"),
    [
        ({}, ()),
        ({"CapDrop": None}, ()),
        ({"CapDrop": ["cap_kill", "CHOWN", "kill", "all"]}, ("ALL", "CHOWN", "KILL")),
        ({"CapDrop": ["x" * 4000, "CAP_", ""]}, ()),
    ],
)
def test_what_the_client_does_without_is_judged_in_one_spelling(host: dict[str, Any], drops: tuple[str, ...]) -> None:
    assert asked(host).drops == drops


def test_the_level_can_still_take_more_away() -> None:
    options = sent({}, LOOSE, Injection.NO_NEW_PRIVILEGES)["HostConfig"]["SecurityOpt"]
    assert set(options) == {f"seccomp={OURS}", "no-new-privileges"}


def test_without_a_profile_nothing_of_it_is_written() -> None:
    assert sent({"HostConfig": {"SecurityOpt": ["seccomp=unconfined"]}}, None)["HostConfig"]["SecurityOpt"] == [
        "seccomp=unconfined"
    ]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ([f"seccomp={OURS}"], OURS_AGAIN),
        (["seccomp=unconfined", f"seccomp={OURS}"], OURS_AGAIN),
        (['seccomp={"defaultAction":"SCMP_ACT_ERRNO","password":"hunter2"}'], ""),
        (["seccomp=hunter2"], ""),
        ([f"seccomp={NOTED}"], NOTED.replace(',"comment":"hunter2"', "")),
        ([f"seccomp={OURS}", "seccomp=unconfined"], ""),
        (["seccomp=builtin"], ""),
        ([], ""),
    ],
)
def test_the_decision_sees_the_file_that_the_engine_would_take(options: list[str], text: str) -> None:
    assert asked({"SecurityOpt": options}).seccomp == text


def test_a_huge_file_is_not_looked_at() -> None:
    with pytest.raises(Malformed, match="not looked at"):
        asked({"SecurityOpt": [f"seccomp={'x' * (SECCOMP_MAX_CHARS + 1)}"]})
