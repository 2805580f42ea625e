"""Which image is meant, and may it run? Cases 1 to 27 of the adversarial cases: references, ids, names, pulls.

``good:1`` is signed, ``good:2`` and ``evil:1`` are not; the engine and the registry hold all three. Every case says
what the client is told, and what the engine was asked.

Case 15 (trust data that is stale, rolled back or out of reach) is in ``test_proxy_trust``: rows 4, 7 and 8 there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.attack.front import RULE, Front, Ware, refused
from tests.fakes.registry import FakeRegistry, Fault, oci_manifest
from tests.rig.dockerd import private_engine
from tests.rig.proxy import API, Proxy, Reply, Stage

BY_ID = "[images: an id is allowed by a name that is]"
NAMED_TAG = "[images: a pull names its tag]"
CLOSED = "[routes: what is not open is closed]"
NO_HEX = "[images: no name may be taken for an id]"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
MULTIPART = {"Content-Type": "multipart/form-data; boundary=x"}
TAR = {"Content-Type": "application/x-tar"}


@pytest.fixture(scope="module")
def words(stage: Stage) -> Mapping[str, str]:
    """What the tables below stand for."""
    ids = {name: _image_id(stage, f"{stage.registry.host}/stage/{name}:1") for name in ("good", "evil")}
    return {
        "good": stage.good,
        "evil": stage.evil,
        "d1": stage.digests["good:1"],
        "d2": stage.digests["good:2"],
        "e1": stage.digests["evil:1"],
        **{f"{name}_id": found for name, found in ids.items()},
        **{f"{name}_hex": found.removeprefix("sha256:") for name, found in ids.items()},
    }


@pytest.fixture
def proxy(baseline: Proxy) -> Proxy:
    """With a witness that has seen nothing yet."""
    baseline.witness.forget()
    return baseline


def _image_id(stage: Stage, name: str) -> str:
    return stage.docker.run("image", "inspect", "--format", "{{.Id}}", name)


def _created(proxy: Proxy, reply: Reply, reference: str) -> str:
    """One creation reached the engine, and it named ``reference``; gives the container's id."""
    assert reply.status == 201, reply
    (request,) = proxy.witness.acted()
    assert request.target.startswith(f"/{API}/containers/create")
    assert request.json["Image"] == reference
    return str(reply.json["Id"])


# -- what may be created ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "image",
    [
        pytest.param("{good}:1", id="1"),
        pytest.param("{good}@{d1}", id="4"),
        pytest.param("{good}:1@{d1}", id="4-with-its-tag"),
        pytest.param("{good_id}", id="9"),
        pytest.param("{good_hex}", id="9-hex"),
        pytest.param("{good_hex:.12}", id="9-short"),
        pytest.param("{good_id:.19}", id="9-short-with-algorithm"),
    ],
)
def test_signed_image_is_pinned(stage: Stage, proxy: Proxy, words: Mapping[str, str], image: str) -> None:
    """However it is named, the engine gets name and digest; and that is what the container is made of."""
    container = _created(proxy, proxy.create(image.format_map(words)), f"{stage.good}@{words['d1']}")
    made = stage.docker.run("container", "inspect", "--format", "{{.Image}}", container)
    assert made == words["good_id"]
    assert f"{stage.good}@{words['d1']}" in stage.docker.run("image", "inspect", "--format", "{{.RepoDigests}}", made)


@pytest.mark.parametrize(
    ("image", "said"),
    [
        pytest.param("{good}:2", "{good}:2 is not signed", id="3"),
        pytest.param("{good}@{d2}", "{d2} is not signed under any tag of {good}", id="5-other-tag"),
        pytest.param("{good}@{e1}", "{e1} is not signed under any tag of {good}", id="5-other-image"),
        pytest.param("{evil}@{d1}", "nothing in {evil} is signed", id="6"),
        pytest.param("{evil}:1", "nothing in {evil} is signed", id="6-by-tag"),
        pytest.param("{good}:1@{d2}", "{d2} is not signed under the tag 1 of {good}", id="7"),
        pytest.param("{good}:2@{d1}", "{d1} is not signed under the tag 2 of {good}", id="7-swapped"),
    ],
)
def test_unsigned_reference(proxy: Proxy, words: Mapping[str, str], image: str, said: str) -> None:
    """The signer's tag, the signer's digest, the signer's name: all three, or nothing."""
    text = image.format_map(words)
    message = refused(proxy, proxy.create(text), said.format_map(words))
    assert refused(proxy, proxy.ask("POST", f"/{API}/images/create?fromImage={text}")) == message


def test_2_no_tag(proxy: Proxy, words: Mapping[str, str]) -> None:
    """It means ``latest``, of which nothing is known here; not any tag that happens to be signed."""
    refused(proxy, proxy.create(words["good"]), f"{words['good']}:latest is not signed")


@pytest.mark.parametrize(
    "image",
    [
        pytest.param("{evil_id}", id="8-full"),
        pytest.param("{evil_hex}", id="8-hex"),
        pytest.param("{evil_hex:.12}", id="8-short"),
        pytest.param("{evil_hex:.4}", id="8-shortest"),
        pytest.param("{evil_id:.13}", id="8-short-with-algorithm"),
    ],
)
def test_id_of_an_unsigned_image(proxy: Proxy, words: Mapping[str, str], image: str) -> None:
    """Any beginning of an id is an id; the message says whose."""
    text = image.format_map(words)
    refused(proxy, proxy.create(text), text, words["evil_id"], f"{words['evil']}@{words['e1']}", rule=BY_ID)


@pytest.mark.parametrize(
    "image",
    [
        pytest.param("{evil_hex}:1", id="8-with-a-tag"),
        pytest.param("{evil_hex:.12}@{d1}", id="8-with-a-digest"),
        pytest.param("docker.io/library/{evil_hex:.12}", id="8-with-a-registry"),
        pytest.param("sha256:{evil_hex:.3}", id="8-three-characters"),
    ],
)
def test_id_in_disguise(proxy: Proxy, words: Mapping[str, str], image: str) -> None:
    """What only looks like an id never comes to the engine as one."""
    reply = proxy.create(image.format_map(words))
    assert reply.status in {400, 403}
    assert reply.message.startswith("pytrust: ")
    assert proxy.witness.acted() == []
    assert not [request for request in proxy.witness.seen() if "/images/" in request.target]


def test_8_id_of_nothing(proxy: Proxy) -> None:
    """An id that the engine does not know is docker's own 404."""
    reply = proxy.create("0" * 64)
    assert (reply.status, reply.message) == (404, f"No such image: {'0' * 64}")
    assert proxy.witness.acted() == []


# -- tags on the engine prove nothing ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "said", "rule"),
    [
        pytest.param("repo={good}&tag=1", "{good}:1 may not be given to a local image", RULE, id="10"),
        pytest.param("repo={good}&tag=new", "{good}:new may not be given", RULE, id="10-new-tag"),
        pytest.param("repo={good}:1", "{good}:1 may not be given", RULE, id="10-tag-in-repo"),
        pytest.param("repo=6bade", "library/6bade:latest reads like an image id", NO_HEX, id="11-hex"),
        pytest.param("repo=sha256&tag=feed", "library/sha256:feed reads like an image id", NO_HEX, id="11-sha256"),
        pytest.param(
            "repo=docker.io/library/{evil_hex:.12}", "{evil_hex:.12}:latest reads like an image id", NO_HEX, id="11-own"
        ),
    ],
)
def test_tag_through_the_proxy(proxy: Proxy, words: Mapping[str, str], target: str, said: str, rule: str) -> None:
    """No unsigned image gets the name of a signed one, or one that engines read as an id."""
    reply = proxy.ask("POST", f"/{API}/images/{words['evil']}:1/tag?{target.format_map(words)}")
    refused(proxy, reply, said.format_map(words), rule=rule)


@pytest.fixture
def stolen_tag(stage: Stage) -> Iterator[None]:
    """On the engine, and behind the proxy's back, ``good:1`` is evil."""
    before = _image_id(stage, f"{stage.good}:1")
    stage.docker.tag(f"{stage.evil}:1", f"{stage.good}:1")
    yield
    stage.docker.tag(before, f"{stage.good}:1")


@pytest.mark.usefixtures("stolen_tag")
def test_10_out_of_band(stage: Stage, proxy: Proxy, words: Mapping[str, str]) -> None:
    """The tag is not asked for: what runs is what was signed."""
    assert stage.docker.run("run", "--rm", f"{stage.good}:1", "cat", "/content") == "evil:1"
    assert stage.client(proxy).run("run", "--rm", f"{stage.good}:1", "cat", "/content") == "good:1"
    created = next(request for request in proxy.witness.acted() if request.body)
    assert created.json["Image"] == f"{stage.good}@{words['d1']}"
    refused_id = stage.client(proxy).attempt("run", "--rm", words["evil_hex"][:12])
    assert b"is allowed under none of its names" in refused_id.stderr


# -- names ------------------------------------------------------------------------------------------------------------


class Hub(NamedTuple):
    """Docker Hub as an engine sees it through a mirror; ``web`` and ``foo/web`` have a signed ``v1``."""

    front: Front
    library: Ware
    user: Ware


@pytest.fixture(scope="module")
def hub(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("hub")
    with (
        private_engine(folder / "engine", f"--registry-mirror={stage.registry.url}") as engine,
        Front(stage, folder, engine=engine.socket) as front,
    ):
        made = Hub(front, front.ware("docker.io/library/web"), front.ware("docker.io/foo/web"))
        for ware in (made.library, made.user):
            ware.sign("v1")
            ware.push("v2")
            ware.believe("v1")
        yield made


_HOSTS = ("", "docker.io/", "index.docker.io/", "registry-1.docker.io/", "DOCKER.IO/", "Docker.io/", "INDEX.docker.io/")


class Spelled(NamedTuple):
    """One image on Docker Hub, by its canonical name and by another one; to be pulled or to be run."""

    canonical: str
    other: str
    pull: bool


@st.composite
def _spelled(draw: st.DrawFn) -> Spelled:
    """A pull without a tag is another question than ``latest``, see case 18."""
    host = draw(st.sampled_from(_HOSTS))
    name = draw(st.sampled_from(["web", "library/web", "foo/web"]))
    end = draw(st.sampled_from([":v1", ":v2", "", "@{d1}", "@{d2}", ":v1@{d1}", ":v1@{d2}", ":v2@{d1}"]))
    whole = name if "/" in name else f"library/{name}"
    return Spelled(f"docker.io/{whole}{end or ':latest'}", f"{host}{name}{end}", bool(end) and draw(st.booleans()))


def _decision(front: Front, image: str, *, pull: bool = False) -> tuple[int, str, list[str]]:
    """What the client was told, and what the engine was."""
    proxy = front.proxy
    proxy.witness.forget()
    reply = proxy.ask("POST", f"/{API}/images/create?fromImage={image}") if pull else proxy.create(image)
    acted = [str(request.json["Image"]) if request.body else str(request) for request in proxy.witness.acted()]
    return reply.status, reply.message, acted


@settings(max_examples=60, deadline=None)
@given(_spelled())
def test_12_spellings_get_one_decision(hub: Hub, words: Mapping[str, str], name: Spelled) -> None:
    """Every spelling of a reference gets the answer of its canonical name, and the engine sees no other."""
    status, message, acted = _decision(hub.front, name.other.format_map(words), pull=name.pull)
    assert (status, message, acted) == _decision(hub.front, name.canonical.format_map(words), pull=name.pull)
    assert status in {200, 201, 403}
    assert (status == 403) == (not acted)
    assert all("docker.io/" in request and words["d1"] in request for request in acted)


@pytest.mark.parametrize(
    ("image", "status"),
    [
        pytest.param("docker.io:443/library/web:v1", 403, id="12-port"),
        pytest.param("docker.io:80/library/web:v1", 403, id="12-other-port"),
        pytest.param("library/library/web:v1", 403, id="12-library-twice"),
        pytest.param("localhost/web:v1", 403, id="12-localhost"),
        pytest.param("xn--dcker-jua.io/library/web:v1", 403, id="12-punycode"),
        pytest.param("docker.io.example.com/library/web:v1", 403, id="12-longer-host"),
        pytest.param("web:V1", 403, id="12-tag-in-upper-case"),
        pytest.param("docker.io./library/web:v1", 400, id="12-final-dot"),
        pytest.param("Web:v1", 400, id="12-upper-case"),
        pytest.param("LIBRARY/web:v1", 400, id="12-library-in-upper-case"),
        pytest.param("foo/../web:v1", 400, id="12-dots"),
        pytest.param("docker.io//web:v1", 400, id="12-empty-part"),
        pytest.param("/web:v1", 400, id="12-slash-first"),
        pytest.param("library%2fweb:v1", 400, id="12-escaped-slash"),
        pytest.param("web%3av1", 400, id="12-escaped-colon"),
        pytest.param("https://docker.io/library/web:v1", 400, id="12-url"),
        pytest.param("user@docker.io/library/web:v1", 400, id="12-user"),
        pytest.param("web:v1#x", 400, id="12-fragment"),
        pytest.param("web:v1?x", 400, id="12-query"),
        pytest.param("web:v1@sha512:{d1}", 400, id="12-other-algorithm"),
    ],
)
def test_neighbours(hub: Hub, words: Mapping[str, str], image: str, status: int) -> None:
    """Close to a signed name is not that name; what has two readings has none."""
    found, message, acted = _decision(hub.front, image.format_map(words), pull=False)
    assert (found, acted) == (status, [])
    assert message.startswith("pytrust: ")


@pytest.mark.parametrize(
    "image",
    [
        pytest.param("{good}:1\0", id="13-nul"),
        pytest.param("{good}:1\n", id="13-newline"),
        pytest.param("{good}:1\r\nX-Header: x", id="13-header"),
        pytest.param("{good} :1", id="13-space"),
        pytest.param(" {good}:1", id="13-space-first"),
        pytest.param("{good}:1\u200b", id="13-invisible"),
        pytest.param("127.0.0.1/stage/g\u043eod:1", id="13-homoglyph"),
        pytest.param("{good}:\uff11", id="13-full-width-digit"),
        pytest.param("a" * 300, id="13-300"),
        pytest.param("{good}:" + "1" * 129, id="13-long-tag"),
        pytest.param("a/" * 400 + "b", id="13-many-parts"),
        pytest.param("", id="13-nothing"),
        pytest.param(":1", id="13-no-name"),
        pytest.param("{good}:1:1", id="13-two-tags"),
        pytest.param("{good}@{d1}@{d1}", id="13-two-digests"),
        pytest.param("{good}@sha256:{good_hex:.63}", id="13-short-digest"),
    ],
)
def test_no_name(proxy: Proxy, words: Mapping[str, str], image: str) -> None:
    """Refused before anybody is asked anything; the connection ends, and the message is one printable line."""
    reply = proxy.create(image.format_map(words))
    assert reply.status == 400
    assert reply.headers["connection"] == "close"
    assert reply.message.startswith("pytrust: ")
    assert reply.message.isprintable()
    assert len(reply.message) < 1000
    assert proxy.witness.seen() == []


# -- what the registry says -------------------------------------------------------------------------------------------


def test_14_moved_tag(stage: Stage, hub: Hub) -> None:
    """The registry's tag is evil now; the engine is not told any tag, and never gets the other content."""
    ware = hub.front.ware("docker.io/library/moved")
    ware.sign("v1")
    ware.push("v1", "evil:1")
    ware.believe("v1")
    client = stage.client(hub.front.proxy)
    assert client.run("run", "--rm", "moved:v1", "cat", "/content") == "good:1"
    assert stage.digests["evil:1"] not in client.run("images", "--digests", "--all")


def test_14_other_bytes(hub: Hub) -> None:
    """The registry serves other bytes under the signed digest: the engine notices, and nothing gets the tag."""
    front = hub.front
    with FakeRegistry() as registry:
        manifest = oci_manifest("signed")
        ware = front.ware(f"{registry.host}/foo/web")
        digest = registry.put("foo/web", "v1", manifest)
        ware.web.release("v1", digest, len(manifest))
        registry.fail(Fault.OTHER_BYTES)
        front.proxy.witness.forget()
        reply = ware.pull("v1")
    assert reply.status != 200 or b'"error' in reply.body
    assert b"verification failed for digest" in reply.body
    (asked,) = front.proxy.witness.acted()
    assert asked.target == f"/{API}/images/create?fromImage={ware.name}&tag={digest}"
    missing = ware.create("v1")
    assert (missing.status, missing.message) == (404, f"No such image: {ware.name}:v1")


# -- what was trusted once --------------------------------------------------------------------------------------------


def test_16_revoked(stage: Stage) -> None:
    """A container that was let in does not start again once its image is revoked; nor does one that is paused go on."""
    with stage.proxy(stage.policy()) as proxy:
        waiting, paused = (proxy.create(f"{stage.good}:1", Cmd=["sleep", "1000"]).json["Id"] for _ in range(2))
        assert proxy.ask("POST", f"/{API}/containers/{paused}/start").status == 204
        assert proxy.ask("POST", f"/{API}/containers/{paused}/pause").status == 204
        stage.pytrust("revoke", f"{stage.good}:1", home=proxy.home)
        proxy.witness.forget()
        said = f"{stage.digests['good:1']} is not signed under any tag of {stage.good}"
        for container, what in ((waiting, "start"), (waiting, "restart"), (paused, "unpause"), (paused, "restart")):
            refused(proxy, proxy.ask("POST", f"/{API}/containers/{container}/{what}"), said)
        refused(proxy, proxy.create(f"{stage.good}:1"), f"{stage.good}:1 is not signed")
        assert stage.docker.run("container", "inspect", "--format", "{{.State.Status}}", waiting) == "created"
        for container in (waiting, paused):
            assert proxy.ask("DELETE", f"/{API}/containers/{container}?force=1").status == 204


# -- images in mounts -------------------------------------------------------------------------------------------------


def _mounting(source: str) -> dict[str, object]:
    return {"Mounts": [{"Type": "image", "Source": source, "Target": "/mnt"}]}


@pytest.mark.parametrize(
    ("source", "said", "rule"),
    [
        pytest.param("{evil}:1", "nothing in {evil} is signed", RULE, id="17"),
        pytest.param("{good}:2", "{good}:2 is not signed", RULE, id="17-other-tag"),
        pytest.param("{good}@{e1}", "{e1} is not signed under any tag", RULE, id="17-other-digest"),
        pytest.param("{evil_id}", "{evil_id}", BY_ID, id="17-id"),
    ],
)
def test_unsigned_image_in_a_mount(proxy: Proxy, words: Mapping[str, str], source: str, said: str, rule: str) -> None:
    """A second image is judged as the first."""
    reply = proxy.create(f"{words['good']}:1", HostConfig=_mounting(source.format_map(words)))
    refused(proxy, reply, said.format_map(words), rule=rule)


@pytest.mark.parametrize("source", [pytest.param("{good}:1", id="17"), pytest.param("{good_hex:.12}", id="17-id")])
def test_signed_image_in_a_mount(proxy: Proxy, words: Mapping[str, str], source: str) -> None:
    """Pinned, too. This engine is too old for such mounts, and says so itself."""
    reply = proxy.create(f"{words['good']}:1", HostConfig=_mounting(source.format_map(words)))
    assert (reply.status, "mount type unknown" in reply.message) == (400, True)
    (request,) = proxy.witness.acted()
    (mount,) = request.json["HostConfig"]["Mounts"]
    assert mount["Source"] == request.json["Image"] == f"{words['good']}@{words['d1']}"


# -- pulls ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "said", "rule"),
    [
        pytest.param("fromImage={good}", "all tags of {good}", NAMED_TAG, id="18"),
        pytest.param("fromImage={good}&tag=", "all tags of {good}", NAMED_TAG, id="18-empty-tag"),
        pytest.param("fromImage={good}:1&tag={d2}", "{d2} is not signed under the tag 1 of {good}", RULE, id="19"),
        pytest.param("fromImage={good}&tag={d2}", "{d2} is not signed under any tag of {good}", RULE, id="19-alone"),
        pytest.param("fromImage={good}:", "all tags of {good}", NAMED_TAG, id="20"),
        pytest.param("fromSrc=http://example.com/x.tar&repo={good}&tag=1", "image import", CLOSED, id="27-url"),
        pytest.param("fromSrc=-&repo={good}&tag=1", "image import", CLOSED, id="27-body"),
        pytest.param("fromSrc=-", "image import", CLOSED, id="27-no-name"),
    ],
)
def test_pull_that_is_refused(proxy: Proxy, words: Mapping[str, str], query: str, said: str, rule: str) -> None:
    """Well formed, and not allowed."""
    reply = proxy.ask("POST", f"/{API}/images/create?{query.format_map(words)}")
    refused(proxy, reply, said.format_map(words), rule=rule)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        pytest.param("fromImage={good}:1&tag=2", 400, id="19-two-tags"),
        pytest.param("fromImage={good}@{d1}&tag={d2}", 400, id="19-two-digests"),
        pytest.param("fromImage={good}:1&fromImage={evil}:1", 400, id="23"),
        pytest.param("fromImage={good}&tag=1&tag=2", 400, id="23-tag"),
        pytest.param("x=1;fromImage={evil}:1", 400, id="24"),
        pytest.param("fromImage={good}:1;fromImage={evil}:1", 400, id="24-good-first"),
        pytest.param("%zz&fromImage={evil}:1", 400, id="25"),
        pytest.param("fromImage={good}:1&%zz=1", 400, id="25-good-first"),
        pytest.param("fromImage={good}%zz", 400, id="25-in-the-value"),
        pytest.param("FromImage={evil}:1", 400, id="26"),
        pytest.param("FromImage={evil}:1&fromImage={good}:1", 400, id="26-both"),
        pytest.param("from%49mage={evil}:1", 400, id="26-escaped"),
        pytest.param("fromImage=", 400, id="26-empty"),
        pytest.param("", 400, id="26-nothing"),
        pytest.param("fromSrc=-&fromImage={good}:1", 400, id="27-both"),
        pytest.param("fromsrc=-&fromImage={good}:1", 400, id="27-both-in-lower-case"),
    ],
)
def test_pull_with_two_readings(proxy: Proxy, words: Mapping[str, str], query: str, status: int) -> None:
    """Engines take the first, the last, or drop what they cannot read; here it is refused."""
    reply = proxy.ask("POST", f"/{API}/images/create?{query.format_map(words)}")
    assert reply.status == status
    assert reply.message.startswith("pytrust: ")
    assert proxy.witness.seen() == []


@pytest.mark.parametrize(
    ("body", "headers", "statuses"),
    [
        pytest.param(b"fromImage={evil}&tag=1", FORM, {400, 415}, id="21"),
        pytest.param(b"--x\r\nContent-Disposition: form-data; name=fromImage\r\n\r\nevil\r\n--x--", MULTIPART, {415}, id="22"),
    ],
)  # fmt: skip
def test_pull_with_a_form(
    proxy: Proxy, words: Mapping[str, str], body: bytes, headers: dict[str, str], statuses: set[int]
) -> None:
    """Engines add what a form says to what the query says; here a pull has no body."""
    data = body.replace(b"{evil}", words["evil"].encode())
    reply = proxy.ask("POST", f"/{API}/images/create?fromImage={words['good']}:1", data, headers)
    assert reply.status in statuses
    assert reply.message.startswith("pytrust: ")
    assert proxy.witness.seen() == []


def test_27_import_with_a_body(stage: Stage, proxy: Proxy, words: Mapping[str, str]) -> None:
    """What docker import sends: refused as an import, not for the type of its body, and no byte reaches the engine."""
    target = f"/{API}/images/create?fromSrc=-&repo={words['good']}&tag=1"
    refused(proxy, proxy.ask("POST", target, b"x" * 1000, TAR), "image import", rule=CLOSED)
    done = stage.client(proxy).attempt("import", "-", f"{stage.good}:1", stdin=b"x" * 1000)
    assert b"image import is not let through" in done.stderr
    assert b"pytrust sign" in done.stderr
    assert proxy.witness.acted() == []


def test_pull_is_pinned_wherever_the_tag_stands(stage: Stage, proxy: Proxy, words: Mapping[str, str]) -> None:
    """Cases 18 to 20 from their other side: the engine gets the digest, and then the tag for its list."""
    for query in ("fromImage={good}:1", "fromImage={good}&tag=1", "fromImage={good}:1&tag=1", "tag=1&fromImage={good}"):
        proxy.witness.forget()
        reply = proxy.ask("POST", f"/{API}/images/create?{query.format_map(words)}")
        assert (reply.status, b'"error' in reply.body) == (200, False)
        pulled, tagged = (request.target for request in proxy.witness.acted())
        assert pulled == f"/{API}/images/create?fromImage={stage.good}&tag={words['d1']}"
        assert tagged == f"/{API}/images/{stage.good}@{words['d1']}/tag?repo={stage.good}&tag=1"


def test_pull_of_a_digest_gets_no_tag(stage: Stage, proxy: Proxy, words: Mapping[str, str]) -> None:
    """Nobody said which."""
    reply = proxy.ask("POST", f"/{API}/images/create?fromImage={stage.good}&tag={words['d1']}")
    assert reply.status == 200
    (pulled,) = proxy.witness.acted()
    assert pulled.target == f"/{API}/images/create?fromImage={stage.good}&tag={words['d1']}"
