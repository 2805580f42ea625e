"""Row 15: all spellings of one image are one question, and what has two readings is none."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.attack.scene import Scene, write_home
from tests.fakes.repository import FakeCollection, FakeRepository, MetadataServer

from pytrust.cli.root import run
from pytrust.trust.errors import InvalidName
from pytrust.trust.names import ImageRef

HEX = "0123456789abcdef" * 4
HUB = ("", "docker.io/", "index.docker.io/", "DOCKER.IO/", "Docker.io/", "docker.io/")
component = st.from_regex(r"[a-z0-9]{1,8}(?:[._-][a-z0-9]{1,5})?", fullmatch=True)


@st.composite
def spelled(draw: st.DrawFn) -> tuple[str, str]:
    """Two spellings of one image on Docker Hub."""
    parts = draw(st.lists(component, min_size=1, max_size=3))
    if "." in parts[0] or parts[0] == "localhost":
        parts = ["library", *parts]  # would be read as a host
    official = len(parts) == 1
    tag = draw(st.sampled_from([("", ":latest"), (":v2", ":v2"), (f":v2@sha256:{HEX}", f":v2@sha256:{HEX}")]))

    def one(end: str) -> str:
        host = draw(st.sampled_from(HUB))
        library = "library/" if official and draw(st.booleans()) else ""
        return f"{host}{library}{'/'.join(parts)}{end}"

    return one(tag[0]), one(tag[1])


@given(spelled())
def test_spellings_name_one_image(pair: tuple[str, str]) -> None:
    """And the canonical spelling is a fixed point."""
    one, other = map(ImageRef.parse, pair)
    assert one == other
    assert str(one) == str(other)
    assert ImageRef.parse(str(one)) == one


@given(st.text(max_size=80) | st.from_regex(r"[a-zA-Z0-9./:@_\-%\[\]]{1,80}", fullmatch=True))
def test_any_text_is_one_image_or_none(text: str) -> None:
    """Nothing else than ``InvalidName`` is raised, and what is read survives being written."""
    try:
        ref = ImageRef.parse(text)
    except InvalidName:
        return
    assert ImageRef.parse(str(ref)) == ref
    assert ref.collection == ref.collection.lower()
    assert ".." not in ref.collection
    assert "//" not in ref.collection
    assert "%" not in ref.collection
    assert str(ref).isascii()


SPELLINGS = (
    ("foo/web", "docker.io/foo/web"),
    ("foo/web", "index.docker.io/foo/web"),
    ("DOCKER.IO/foo/web", "docker.io/foo/web"),
    ("web", "docker.io/library/web"),
    ("library/web", "web"),
    ("Registry.Example.com/foo/web", "registry.example.com/foo/web"),
)


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(SPELLINGS), st.booleans())
def test_spellings_get_one_decision(pair: tuple[str, str], signed: bool) -> None:
    """Through the black box: same answer, same name in it, same collection asked for."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        ref = ImageRef.parse(pair[0])
        collection = FakeCollection(ref.collection)
        if signed:
            collection.release("v2", f"sha256:{HEX}", 7)
        repository = FakeRepository(collection)
        with MetadataServer(repository) as server:
            write_home(home, server.url, [collection.pin])
            first = _inspect(home, pair[0])
            second = _inspect(home, pair[1])
    assert first == second
    assert {name for name, _ in repository.asked} == {ref.collection}


def _inspect(home: Path, name: str) -> tuple[int, object]:
    """``inspect`` asks no registry, of which there is none here."""
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(io.StringIO()):
        code = run(["--home", str(home), "inspect", name, "--json"])
    document = json.loads(said.getvalue())
    return code, (document["name"], document["tags"])


@pytest.mark.parametrize(
    "name",
    [
        "foo/../web:v2",
        "foo//web:v2",
        "/foo/web:v2",
        "foo/web/:v2",
        "foo%2fweb:v2",
        "foo/web%3av2",
        "foo/Web:v2",
        "FOO/web/:v2",
        "docker.io./foo/web:v2",
        "docker.io/foo/web:",
        "docker.io/foo/web:v2:v3",
        "docker.io/foo/web@sha256:" + "A" * 64,
        "docker.io/foo/web@sha512:" + "a" * 128,
        "docker.io/foo/web@" + "a" * 64,
        "docker.io/foo/w\u0435b:v2",
        "d\u043ecker.io/foo/web:v2",
        "docker.io\\foo\\web:v2",
        "https://docker.io/foo/web:v2",
        "user:pass@docker.io/foo/web:v2",
        "docker.io/foo/web:v2?x",
        "docker.io/foo/web:v2#x",
        "docker.io/foo/web:v2\n",
        " docker.io/foo/web:v2",
        "docker.io/foo/web:.v2",
        "a" * 64,
        "",
    ],
)
def test_names_with_two_readings(known: Scene, name: str) -> None:
    """Refused as usage; nobody is asked."""
    known.repository.asked.clear()
    known.registry.seen.clear()
    answer = known.verify(name)
    assert answer.code == 2
    assert answer.complaint.startswith("error: ")
    assert not known.repository.asked
    assert not known.registry.seen


NEIGHBOURS = ("{host}/foo/web", "{host}/foo/web2:v2", "{host}/foo/we:v2", "{host}/web:v2", "{host}/foo/web/web:v2")


@pytest.mark.parametrize("name", NEIGHBOURS)
def test_neighbours_are_other_images(known: Scene, name: str) -> None:
    """Close is not the same."""
    known.refuse("unsigned", 1, name.format(host=known.registry.host))


def test_another_port_or_host_is_another_image(known: Scene) -> None:
    """127.0.0.1 and localhost may be one machine; they are two names."""
    known.refuse("unsigned", 1, known.image.replace("127.0.0.1", "localhost"))
    known.believe()


def test_valid_entry_of_another_tag(known: Scene) -> None:
    """A digest that is signed under one tag is not signed under another."""
    known.refuse("unsigned", 1, f"{known.web.name}:v3@{known.digests['v2']}")
    known.believe(f"{known.image}@{known.digests['v2']}")


def test_long_names(known: Scene) -> None:
    """As long as a registry allows: an answer for it, and for the others beside it."""
    name = f"{known.registry.host}/{'a/' * 40}{'b' * 60}:v2"
    answer = known.verify(known.image, name)
    assert answer.code == 1
    assert [document["ok"] for document in answer.documents] == [True, False]
