"""The archive of an image as a tree of files: layers over layers, in both spellings, and hostile ones."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytrust.policy.observe.image_files import ImageTree, read_archive
from pytrust.policy.profiles.elf.tree import Config, Entry, resolve
from pytrust.trust.errors import BadContent
from pytrust.trust.limits import IMAGE_DEPTH_MAX, IMAGE_TAR_HEAD_MAX_BYTES

File = tuple[str, bytes | str | None]  # a name, and what is in it; the text of a link; None for a folder
CONFIG = {"architecture": "amd64", "config": {"Cmd": ["/app"]}}


def tar(*files: File | tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for file in files:
            member, data = (file, b"") if isinstance(file, tarfile.TarInfo) else _member(*file)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def _member(name: str, content: bytes | str | None) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.mode = 0o755
    if isinstance(content, bytes):
        member.size = len(content)
        return member, content
    member.type = tarfile.DIRTYPE if content is None else tarfile.SYMTYPE
    member.linkname = content or ""
    return member, b""


def hard(name: str, target: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.LNKTYPE, target
    return member


def saved(*layers: bytes, config: Any = CONFIG) -> bytes:
    """As ``docker save`` of an engine of 20.10 writes it."""
    names = [f"{number:064x}/layer.tar" for number in range(len(layers))]
    manifest = json.dumps([{"Config": "c.json", "RepoTags": ["a:1"], "Layers": names}]).encode()
    parts: list[File] = [("c.json", json.dumps(config).encode()), ("manifest.json", manifest)]
    return tar(*zip(names, layers, strict=True), *parts)


@pytest.fixture
def read() -> Iterator[Callable[[bytes], tuple[ImageTree, Config]]]:
    with ExitStack() as stack:

        def reader(data: bytes) -> tuple[ImageTree, Config]:
            return read_archive(stack.enter_context(_spooled(data)), len(data), "the image a:1", stack)

        yield reader


Read = Callable[[bytes], tuple[ImageTree, Config]]


def contents(tree: ImageTree) -> dict[str, bytes | str]:
    found: dict[str, bytes | str] = {}
    for path in tree.paths():
        entry = tree.entry(path)
        assert entry is not None
        found[path] = tree.read(path, 100) if entry.link is None else entry.link
    return found


def test_one_layer(read: Read) -> None:
    layer = tar(("./etc/", None), ("etc/a", b"one"), ("/etc/b", "a"), hard("etc/c", "./etc/a"))
    tree, config = read(saved(layer))
    assert contents(tree) == {"/etc/a": b"one", "/etc/b": "a", "/etc/c": b"one"}
    assert config == Config(command=("/app",))
    assert tree.read("/etc/a", 2) == b"on"
    assert resolve(tree, "/etc/b") == "/etc/a"
    assert tree.entry("/etc") is None


LAYERS: dict[str, tuple[list[bytes], dict[str, bytes | str]]] = {
    "a file over another": ([tar(("a", b"1"), ("b", b"1")), tar(("a", b"2"))], {"/a": b"2", "/b": b"1"}),
    "a file is gone": ([tar(("a", b"1"), ("b", b"1")), tar((".wh.a", b""))], {"/b": b"1"}),
    "a folder is gone": ([tar(("d/a", b"1"), ("da", b"1")), tar((".wh.d", b""))], {"/da": b"1"}),
    "a folder is emptied": (
        [tar(("d/a", b"1"), ("d/e/b", b"1")), tar(("d/c", b"2"), ("d/.wh..wh..opq", b""))],
        {"/d/c": b"2"},
    ),
    "gone, and there again": ([tar(("a", b"1")), tar((".wh.a", b""), ("a", b"2"))], {"/a": b"2"}),
    "a folder becomes a file": ([tar(("d/a", b"1")), tar(("d", b"2"))], {"/d": b"2"}),
    "a folder becomes a link": ([tar(("d/a", b"1"), ("e/a", b"1")), tar(("d", "e"))], {"/d": "e", "/e/a": b"1"}),
    "a link becomes a folder": ([tar(("d", "e"), ("e/a", b"1")), tar(("d/b", b"2"))], {"/d/b": b"2", "/e/a": b"1"}),
    "an empty folder over a file": ([tar(("d", b"1")), tar(("d", None))], {}),
    "gone in one of three": ([tar(("a", b"1")), tar((".wh.a", b"")), tar(("b", b"3"))], {"/b": b"3"}),
    "marks of the union file system": ([tar((".wh..wh.plnk", None), ("a", b"1"), (".wh..wh.aufs", b""))], {"/a": b"1"}),
}


@pytest.mark.parametrize(("layers", "expected"), LAYERS.values(), ids=LAYERS.keys())
def test_layers(read: Read, layers: list[bytes], expected: dict[str, bytes | str]) -> None:
    assert contents(read(saved(*layers))[0]) == expected


def test_the_layout_of_oci_with_compressed_layers(read: Read) -> None:
    layers = [gzip.compress(tar(("a", b"1"), ("b", b"1"))), gzip.compress(tar((".wh.a", b"")))]
    parts: list[File] = [(f"blobs/sha256/{number}", layer) for number, layer in enumerate(layers)]
    manifest = [{"Config": "blobs/sha256/c", "Layers": ["blobs/sha256/0", "blobs/sha256/1"]}]
    parts += [("blobs/sha256/c", json.dumps(CONFIG).encode()), ("manifest.json", json.dumps(manifest).encode())]
    parts += [("oci-layout", b"{}"), ("blobs", None)]
    assert contents(read(tar(*parts))[0]) == {"/b": b"1"}


def test_a_layer_that_two_have_in_common(read: Read) -> None:
    """Engines write the second as a link."""
    manifest = [{"Config": "c.json", "Layers": ["1/layer.tar", "2/layer.tar"]}]
    parts: list[File] = [("1/layer.tar", tar(("a", b"1"))), ("2/layer.tar", "../1/layer.tar")]
    parts += [("c.json", json.dumps(CONFIG).encode()), ("manifest.json", json.dumps(manifest).encode())]
    assert contents(read(tar(*parts))[0]) == {"/a": b"1"}


def test_what_the_configuration_says(read: Read) -> None:
    config = {
        "Entrypoint": ["/bin/sh", "-c"],
        "Cmd": ["app"],
        "Env": ["A=b"],
        "User": "1000",
        "WorkingDir": "/srv",
        "ExposedPorts": {"443/tcp": {}, "80": {}, "none": {}, "99999999/tcp": {}},
    }
    found = read(saved(tar(), config={"architecture": "arm64", "config": config}))[1]
    assert found == Config(("/bin/sh", "-c"), ("app",), ("A=b",), "1000", "/srv", (80, 443), "arm64")


def test_modes_and_capabilities(read: Read) -> None:
    member = tarfile.TarInfo("ping")
    member.mode, member.pax_headers = 0o4755, {"SCHILY.xattr.security.capability": "\x01\x00\x00\x02"}
    assert read(saved(tar(member)))[0].entry("/ping") == Entry(0, 0o4755, b"\x01\x00\x00\x02")


def test_devices_and_pipes_are_no_files(read: Read) -> None:
    members = []
    for number, kind in enumerate((tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)):
        member = tarfile.TarInfo(f"d{number}")
        member.type = kind
        members.append(member)
    assert contents(read(saved(tar(*members)))[0]) == {}


def sparse() -> bytes:
    member = tarfile.TarInfo("a")
    member.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "1000"}
    member.size = 512
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(member, io.BytesIO(b"1\n0\n9\n".ljust(512, b"\0")))
    return out.getvalue()


def long_name() -> bytes:
    """A name of which the head says that it has a gigabyte."""
    head = bytearray(tarfile.TarInfo("././@LongLink").tobuf(tarfile.GNU_FORMAT))
    head[156:157] = b"L"
    head[124:136] = b"%011o\0" % (1 << 30)
    head[148:156] = b"        "
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + bytes(4096)


def commented(text: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo("a")
    member.pax_headers = {"comment": text}
    return member


MANIFEST = b'[{"Config":"c.json","Layers":[]}]'

HOSTILE = {
    "a name that climbs": saved(tar(("../a", b""))),
    "a name that climbs within": saved(tar(("a/../../b", b""))),
    "a hard link that climbs": saved(tar(("a", b""), hard("b", "../../a"))),
    "a whiteout that climbs": saved(tar(("../.wh.a", b""))),
    "folders without end": saved(tar(("a/" * (IMAGE_DEPTH_MAX + 1) + "b", b""))),
    "a longer path than there can be": saved(tar(("a" * 5000, b""))),
    "a file with holes": saved(sparse()),
    "a name of a gigabyte": saved(long_name()),
    "attributes of megabytes": saved(tar(commented("x" * (IMAGE_TAR_HEAD_MAX_BYTES + 1)))),
    "a layer that is cut off": saved(tar(("a", b"x" * 2000))[:1536]),
    "a layer that is none": saved(b"x" * 2048),
    "a layer of zstd": saved(b"\x28\xb5\x2f\xfd" + bytes(600)),
    "a layer that cannot be unpacked": saved(b"\x1f\x8b" + bytes(600)),
    "an archive that is none": b"x" * 2048,
    "an archive that is empty": tar(),
    "nothing": b"",
    "two manifests": tar(
        ("c.json", json.dumps(CONFIG).encode()), ("manifest.json", MANIFEST), ("./manifest.json", MANIFEST)
    ),
    "no image in it": tar(("manifest.json", b"[]")),
    "two images in it": tar(
        ("c", b"{}"), ("manifest.json", b'[{"Config":"c","Layers":[]},{"Config":"c","Layers":[]}]')
    ),
    "a layer that is not there": tar(("c", b"{}"), ("manifest.json", b'[{"Config":"c","Layers":["l"]}]')),
    "a layer elsewhere": tar(("c", b"{}"), ("manifest.json", b'[{"Config":"c","Layers":["../l"]}]')),
    "a layer that leads to itself": tar(
        ("l", "l"), ("c", b"{}"), ("manifest.json", b'[{"Config":"c","Layers":["l"]}]')
    ),
    "too many layers": tar(
        ("c", b"{}"), ("l", b""), ("manifest.json", b'[{"Config":"c","Layers":[%b]}]' % b",".join([b'"l"'] * 300))
    ),
    "a key that stands twice": tar(
        ("c", b'{"architecture":"amd64","architecture":"arm64"}'), ("manifest.json", b'[{"Config":"c","Layers":[]}]')
    ),
    "no architecture": saved(tar(), config={}),
    "a command that is none": saved(tar(), config={"architecture": "amd64", "config": {"Cmd": "/app"}}),
    "a configuration that is none": saved(tar(), config=[1]),
    "a manifest that is nested without end": tar(("manifest.json", b"[" * 10000)),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_archives(read: Read, data: bytes) -> None:
    with pytest.raises(BadContent) as caught:
        read(data)
    assert "\n" not in str(caught.value)
    assert not str(caught.value).endswith(".")


def test_a_compression_that_is_not_read_is_told(read: Read) -> None:
    with pytest.raises(BadContent, match="zstd"):
        read(HOSTILE["a layer of zstd"])


def test_a_link_out_of_the_image_leads_nowhere(read: Read) -> None:
    tree, _ = read(saved(tar(("a", "/etc/passwd"), ("b", "../../../etc/passwd"))))
    assert resolve(tree, "/a") is None
    assert resolve(tree, "/b") is None


@given(st.binary(max_size=600), st.integers(0, 4000))
@settings(max_examples=200, deadline=None)
def test_bytes_that_are_changed(new: bytes, at: int) -> None:
    data = bytearray(saved(tar(("etc/a", b"one"), ("b", "etc/a"), hard("c", "etc/a")), tar((".wh.b", b""))))
    place = at % len(data)
    data[place : place + len(new)] = new
    with ExitStack() as stack:
        file = stack.enter_context(_spooled(bytes(data)))
        try:
            tree, _ = read_archive(file, len(data), "the image a:1", stack)
        except BadContent:
            return
        contents(tree)


def _spooled(data: bytes) -> Any:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - who asks for it closes it
    file.write(data)
    file.flush()
    return file
