"""Calls as requests of the core: names, references and queries, each with one meaning or refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.policy.core.request import (
    Ask,
    Attach,
    Change,
    Closed,
    Create,
    Exec,
    ExecUse,
    Field,
    Held,
    Look,
    Manage,
    Named,
    NetworkConnect,
    NetworkCreate,
    Pull,
    Rename,
    Request,
    Start,
    TagImage,
    Update,
    VolumeCreate,
)
from pytrust.policy.engine.body import decode
from pytrust.policy.engine.call import Malformed, Verdict
from pytrust.policy.engine.normalise import PROGRAM_MAX_CHARS, normalise
from pytrust.policy.engine.query import _CHECKS, canonical_query, encode_query
from pytrust.policy.engine.routes import ROUTES, match
from pytrust.policy.engine.routes_open import OPEN_ROUTES
from pytrust.trust.names import ImageRef

HEX = "0123456789abcdef" * 4
DIGEST = f"sha256:{HEX}"
OTHER = f"sha256:{'1' * 64}"


def ask(method: str, target: str, body: str = "") -> Request:
    call = match(method, target)
    assert call is not None
    return normalise(call, decode(call.route.body, body.encode()))


def post(target: str, body: str = "") -> Request:
    return ask("POST", target, body)


def named(text: str) -> Named:
    return Named(ref=ImageRef.parse(text))


def image(text: str) -> Any:
    request = post("/containers/create", f'{{"Image":"{text}"}}')
    assert isinstance(request, Create)
    return request.image


# -- every kind of call -----------------------------------------------------------------------------------------------

CALLS: list[tuple[str, str, str, Request]] = [
    ("GET", "/containers/json?all=1", "", Look(what="container list")),
    ("GET", "/containers/web/logs?follow=true&tail=all&since=1.5", "", Look(what="container logs")),
    ("POST", "/volumes/prune?filters=%7B%7D", "", Change(what="volume prune")),
    ("POST", "/containers/prune?filters=%7B%22label%22:%5B%22a%22%5D%7D", "", Change(what="container prune")),
    ("POST", "/networks/back/disconnect", '{"Container":"/web"}', Manage(what="network disconnect", container="web")),
    ("POST", "/containers/web/kill?signal=SIGKILL", "", Manage(what="container kill", container="web")),
    ("DELETE", "/containers/web?force=1", "", Manage(what="container rm", container="web")),
    ("POST", "/containers/web/start", "", Start(what="container start", container="web")),
    (
        "POST",
        "/containers/web/start?checkpoint=c&checkpoint-dir=/",
        "",
        Start(
            what="container start",
            container="web",
            asks=(Ask(field=Field.CHECKPOINT, value="c"), Ask(field=Field.CHECKPOINT, value="/")),
        ),
    ),
    ("POST", "/containers/web/unpause", "", Start(what="container unpause", container="web")),
    ("POST", "/containers/web/rename?name=/db", "", Rename(container="web", name="db")),
    ("POST", "/containers/web/attach?stdin=1", "", Attach(what="container attach", container="web")),
    ("POST", "/exec/abc/start", "", ExecUse(what="exec start", exec_id="abc")),
    ("GET", "/exec/abc/json", "", ExecUse(what="exec inspect", exec_id="abc")),
    ("POST", "/containers/web/exec", '{"Cmd":["sh","-c","secret"]}', Exec(container="web", program="sh")),
    ("POST", "/containers/web/exec", "{}", Exec(container="web")),
    (
        "POST",
        "/containers/web/update",
        '{"Memory":5}',
        Update(container="web", asks=(Ask(field=Field.MEMORY, value="5"),)),
    ),
    ("POST", "/networks/create", '{"Name":"back"}', NetworkCreate(name="back")),
    ("POST", "/networks/back/connect", '{"Container":"/web"}', NetworkConnect(network="back", container="web")),
    ("POST", "/volumes/create", "", VolumeCreate()),
    ("POST", "/volumes/create", '{"Name":"data"}', VolumeCreate(name="data")),
    (
        "POST",
        "/images/foo/web:v1/tag?repo=mine&tag=v2",
        "",
        TagImage(source="foo/web:v1", target=ImageRef.parse("mine:v2")),
    ),
    ("POST", "/images/create?fromImage=foo/web&tag=v1", "", Pull(ref=ImageRef.parse("foo/web:v1"))),
    (
        "POST",
        "/containers/create?name=/web&platform=linux/arm64",
        '{"Image":"foo/web","HostConfig":{"Mounts":[{"Type":"image","Source":"a:b"},{"Type":"image","Source":"feed"}]}}',
        Create(
            image=named("foo/web:latest"),
            name="web",
            platform="linux/arm64",
            mounts=(named("a:b"), Held(text="feed")),
        ),
    ),
]


@pytest.mark.parametrize(("method", "target", "body", "expected"), CALLS, ids=[row[1] for row in CALLS])
def test_calls(method: str, target: str, body: str, expected: Request) -> None:
    assert ask(method, target, body) == expected


def test_a_closed_route_is_closed_whatever_its_query_is() -> None:
    request = post("/build?remote=http://x&t=a&t=b")
    assert isinstance(request, Closed)
    assert request.what == "image build"
    assert request.hint


def test_every_verdict_has_a_request() -> None:
    assert {route.verdict for route in ROUTES} == set(Verdict)


def test_the_first_word_of_a_command_is_all_that_is_kept_and_not_for_ever() -> None:
    request = post("/containers/web/exec", f'{{"Cmd":["{"x" * 5000}"]}}')
    assert isinstance(request, Exec)
    assert request.program == "x" * PROGRAM_MAX_CHARS


@pytest.mark.parametrize(
    ("cmd", "program"),
    [
        ([], ""),
        ([""], ""),
        (["/bin/sh", "-c", "secret"], "/bin/sh"),
        (["mysql -psecret"], "mysql"),
        (["mysql\n-psecret"], "mysql"),
        (["PASSWORD=secret mysql"], "PASSWORD"),
        (["=secret"], ""),
    ],
)
def test_nothing_but_the_program_is_kept_of_a_command(cmd: list[str], program: str) -> None:
    assert post("/containers/web/exec", json.dumps({"Cmd": cmd})) == Exec(container="web", program=program)


@pytest.mark.parametrize("verdict", [Verdict.CREATE, Verdict.EXEC, Verdict.NETWORK_CONNECT, Verdict.VOLUME_CREATE])
def test_a_body_of_another_kind_is_refused(verdict: Verdict) -> None:
    route = next(route for route in OPEN_ROUTES if route.verdict is verdict)
    call = match("POST", "/" + "/".join(route.template).replace("{id}", "web"))
    assert call is not None
    with pytest.raises(Malformed, match="another kind"):
        normalise(call, None)


@pytest.mark.parametrize("label", ['{"label!":["a"]}', '{"label!":{"a":true},"until":{"1h":true}}', '{"label!":[]}'])
def test_pruning_with_a_filter_that_would_undo_ours_is_closed(label: str) -> None:
    request = post(f"/containers/prune?filters={quote(label)}")
    assert isinstance(request, Closed)
    assert request.what == "container prune with the filter label!"
    assert "by label" in request.hint


REFUSED = [
    ("/containers/create?name=a/b", '{"Image":"a"}'),
    ("/containers/create", "{}"),
    ("/containers/create", '{"Image":null}'),
    ("/containers/create", '{"Image":"a","HostConfig":{"Mounts":[{"Type":"image"}]}}'),
    ("/containers/create", '{"Image":"a","HostConfig":{"Binds":["x"]}}'),
    ("/containers/web/rename", ""),
    ("/containers/web/rename?name=a%20b", ""),
    ("/networks/back/connect", "{}"),
    ("/networks/back/connect", '{"Container":"a/b"}'),
    ("/networks/back/disconnect", "{}"),
    ("/volumes/create", '{"Name":"../x"}'),
    ("/images/foo/tag", ""),
    ("/images/foo/tag?repo=a:1&tag=2", ""),
    (f"/images/foo/tag?repo=a@{DIGEST}", ""),
    (f"/images/foo/tag?repo=a&tag={DIGEST}", ""),
    ("/images/foo/tag?repo=A", ""),
]


@pytest.mark.parametrize(("target", "body"), REFUSED)
def test_refused(target: str, body: str) -> None:
    with pytest.raises(Malformed) as caught:
        post(target, body)
    assert caught.value.status == 400


# -- images -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [HEX, HEX[:12], "feed", DIGEST, "sha256:feed", f"sha256:{HEX[:6]}"])
def test_what_could_be_an_id_is_left_to_the_engine_to_resolve(text: str) -> None:
    assert image(text) == Held(text=text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("good", "docker.io/library/good:latest"),
        ("library/good", "docker.io/library/good:latest"),
        ("index.docker.io/library/good:latest", "docker.io/library/good:latest"),
        ("REGISTRY.example.com/good", "registry.example.com/good:latest"),
        ("fee", "docker.io/library/fee:latest"),
        ("sha256:fee", "docker.io/library/sha256:fee"),
        ("feed:1", "docker.io/library/feed:1"),
        (f"good:1@{DIGEST}", f"docker.io/library/good:1@{DIGEST}"),
    ],
)
def test_names_have_one_identity(text: str, name: str) -> None:
    assert image(text) == named(name)


@pytest.mark.parametrize(
    "text", ["a b", "a\\n", "g\u043e\u043ed", "A", "a:", "a@sha256:1", "a/", "-a", HEX.upper(), "a" * 300]
)
def test_other_texts_are_no_images(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        image(text)
    assert caught.value.status == 400


# -- pulls ------------------------------------------------------------------------------------------------------------

PULLS: list[tuple[str, Pull | Closed]] = [
    ("fromImage=foo/web", Pull(ref=ImageRef.parse("foo/web"), every_tag=True)),
    ("fromImage=foo/web&tag=", Pull(ref=ImageRef.parse("foo/web"), every_tag=True)),
    ("fromImage=foo/web:", Pull(ref=ImageRef.parse("foo/web"), every_tag=True)),
    ("fromImage=r:5000/web", Pull(ref=ImageRef.parse("r:5000/web"), every_tag=True)),
    ("fromImage=foo/web:v1", Pull(ref=ImageRef.parse("foo/web:v1"))),
    ("fromImage=foo/web:v1&tag=v1", Pull(ref=ImageRef.parse("foo/web:v1"))),
    ("fromImage=foo/web:&tag=v1", Pull(ref=ImageRef.parse("foo/web:v1"))),
    (f"fromImage=foo/web&tag={DIGEST}", Pull(ref=ImageRef.parse(f"foo/web@{DIGEST}"))),
    (f"fromImage=foo/web@{DIGEST}", Pull(ref=ImageRef.parse(f"foo/web@{DIGEST}"))),
    # an engine would drop the tag; together they are only good if the tag has this digest
    (f"fromImage=foo/web:v1&tag={DIGEST}", Pull(ref=ImageRef.parse(f"foo/web:v1@{DIGEST}"))),
    (f"fromImage=foo/web@{DIGEST}&tag=v1", Pull(ref=ImageRef.parse(f"foo/web:v1@{DIGEST}"))),
    ("fromImage=foo&tag=latest&platform=linux/arm64/v8", Pull(ref=ImageRef.parse("foo:latest"))),
]


@pytest.mark.parametrize(("query", "expected"), PULLS)
def test_pulls(query: str, expected: Pull) -> None:
    assert post(f"/images/create?{query}") == expected


@pytest.mark.parametrize(
    "query",
    [
        "",
        "tag=v1",
        "fromImage=foo&fromSrc=-",
        "fromImage=foo:1&tag=2",
        f"fromImage=foo@{DIGEST}&tag={OTHER}",
        "fromImage=foo&tag=sha256:12",
        "fromImage=foo&tag=sha512:12",
        "fromImage=foo&tag=a/b",
        "fromImage=foo::",
        "fromImage=Foo",
        f"fromImage={HEX}",
        "fromImage=foo&tag=1&platform=a%20b",
    ],
)
def test_pulls_without_one_reading(query: str) -> None:
    with pytest.raises(Malformed) as caught:
        post(f"/images/create?{query}")
    assert caught.value.status == 400


@pytest.mark.parametrize("query", ["fromSrc=-", "fromSrc=http://x/y&repo=foo&tag=1&changes=USER+0&changes=CMD+x"])
def test_imports_are_closed(query: str) -> None:
    request = post(f"/images/create?{query}")
    assert isinstance(request, Closed)
    assert request.what == "image import"
    assert request.hint


# -- queries ----------------------------------------------------------------------------------------------------------


def canonical(method: str, target: str) -> str:
    call = match(method, target)
    assert call is not None
    return encode_query(canonical_query(call))


QUERIES = [
    ("GET", "/containers/json", ""),
    ("GET", "/containers/json?all=True&size=none&limit=-1", "?all=1&limit=-1&size=0"),
    ("GET", "/containers/json?all=", "?all=0"),
    ("GET", "/containers/json?since=old_one", "?since=old_one"),
    ("GET", "/containers/web/logs?tail=", "?tail="),
    ("GET", "/containers/web/logs?until=2024-01-01T00:00:00Z&tail=10", "?tail=10&until=2024-01-01T00:00:00Z"),
    ("GET", "/containers/web/top?ps_args=", "?ps_args="),
    ("GET", "/containers/web/top?ps_args=-ef", "?ps_args=-ef"),
    ("GET", "/containers/web/top?ps_args=-aux+-H", "?ps_args=-aux%20-H"),
    ("GET", "/containers/web/top?ps_args=-eo+pid,ppid,args+-w", "?ps_args=-eo%20pid%2Cppid%2Cargs%20-w"),
    ("GET", "/events?filters=%7B%22type%22%3A%5B%22a%22%5D%7D", "?filters=%7B%22type%22:%5B%22a%22%5D%7D"),
    ("GET", "/events?filters=%7B+%22b%22%3A%7B%22x%22%3Atrue%7D%7D", "?filters=%7B%22b%22:%7B%22x%22:true%7D%7D"),
    ("GET", "/events?filters=", "?filters="),
    ("GET", "/system/df?type=image&type=volume", "?type=image&type=volume"),
    ("GET", "/images/foo/json?platform=%7B%22os%22%3A%22linux%22%7D", "?platform=%7B%22os%22:%22linux%22%7D"),
    ("POST", "/containers/web/kill?signal=RTMIN%2B1", "?signal=RTMIN%2B1"),
    ("POST", "/containers/web/attach?detachKeys=ctrl-%40,q", "?detachKeys=ctrl-@%2Cq"),
]


@pytest.mark.parametrize(("method", "target", "expected"), QUERIES)
def test_queries_have_one_spelling(method: str, target: str, expected: str) -> None:
    assert canonical(method, target) == expected


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/containers/json?all=maybe"),
        ("GET", "/containers/json?limit=1e3"),
        ("GET", "/containers/json?limit=%D9%A1"),
        ("GET", "/containers/json?filters=1"),
        ("GET", "/containers/json?filters=%7B%22a%22:1%7D"),
        ("GET", "/containers/json?filters=%7B%22a%22:%5B%5D,%22a%22:%5B%5D%7D"),
        ("GET", "/containers/json?filters=" + "%7B%22a%22:" * 9 + "1"),
        ("GET", "/containers/web/logs?tail=some"),
        ("GET", "/containers/web/logs?since=a%20b"),
        ("POST", "/containers/web/kill?signal=%2F"),
        ("POST", "/containers/web/stop?t=1;2".replace(";", "%3B")),
        ("GET", "/images/foo/json?platform=%7B%22os%22%3A1%7D"),
        ("GET", "/images/foo/json?platform=linux/a/b/c"),
    ],
)
def test_queries_without_meaning_are_refused(method: str, target: str) -> None:
    call = match(method, target)
    assert call is not None
    with pytest.raises(Malformed, match="no meaning"):
        normalise(call, None)


PEEPING = [
    "-o args,pid",
    "-p 1 e -o args:4000=X -o ppid=C0 -o pid",
    "-oargs=PID",
    "-eo pid=X,args",
    "-o pid -o comm=PID",
    "-p 1",
    "--pid 1",
    "-M",
    "Z",
    "O args",
    "-C x",
]


@pytest.mark.parametrize("words", PEEPING)
def test_no_word_of_the_hosts_processes_stands_where_the_engine_looks_for_a_number(words: str) -> None:
    """It would quote that word in its complaint."""
    call = match("GET", f"/containers/web/top?ps_args={quote(words)}")
    assert call is not None
    with pytest.raises(Malformed, match="no meaning"):
        normalise(call, None)


@pytest.mark.parametrize("target", ["/containers/create?name={}", "/containers/web/rename?name=/{}"])
def test_no_container_is_named_like_an_id(target: str) -> None:
    """It would be taken for the container of that id, once that has gone."""
    with pytest.raises(Malformed, match="reads like the id"):
        post(target.format(HEX), '{"Image":"a"}' if "create" in target else "")
    post(target.format(HEX[:-1]), '{"Image":"a"}' if "create" in target else "")


def test_every_key_is_checked_or_free_text() -> None:
    """A new key has to be put in one of the two places."""
    known = set().union(*(route.query for route in OPEN_ROUTES))
    free = {
        "before", "changes", "checkpoint", "checkpoint-dir", "condition", "detachKeys", "filter", "fromImage",
        "fromSrc", "message", "name", "repo", "scope", "tag", "type",
    }  # fmt: skip
    assert known == set(_CHECKS) | free
    assert not free & set(_CHECKS)


@given(st.dictionaries(st.sampled_from("abc"), st.lists(st.text(max_size=5), min_size=1, max_size=3)))
def test_a_query_holds_what_was_put_into_it(query: dict[str, list[str]]) -> None:
    from urllib.parse import parse_qs

    text = encode_query({key: tuple(values) for key, values in query.items()})
    assert parse_qs(text.removeprefix("?"), keep_blank_values=True, errors="strict") == query
    assert text.isascii()
    assert text.isprintable()
    assert not set(text) & set(" #;\\\"'<>")


REFUSABLE: list[Callable[[str], Any]] = [
    image,
    lambda text: post("/containers/create?name=" + quoted(text), '{"Image":"a"}'),
    lambda text: post("/images/create?fromImage=" + quoted(text)),
    lambda text: post("/images/create?fromImage=foo&tag=" + quoted(text)),
    lambda text: post("/images/foo/tag?repo=" + quoted(text)),
]


def quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")


@given(st.sampled_from(REFUSABLE), st.text("aA0f:/@.-_ sh256\u017f\n", max_size=20))
def test_any_name_is_read_or_refused(read: Callable[[str], Any], text: str) -> None:
    try:
        read(text.replace('"', ""))
    except Malformed as error:
        assert error.status == 400
