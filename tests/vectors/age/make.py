"""Make age files, sound and broken ones, without age and without pytrust: the format is written here, from its text.

Run from the root of the repository: ``.venv/bin/python tests/vectors/age/make.py``. Every byte follows from the names
of the vectors, so a second run writes the same. The keys are known to everybody who reads this.

``vectors.json`` says of each file what becomes of it: ``opens``, ``damaged``, ``no-key`` (the key is another) or
``usage`` (it takes another way, or asks for too much work). Large files are there by their hash only: ``vectors()``
makes them again. What is broken is broken alone: the MAC of a malformed header is right.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

FILE: Final = Path(__file__).with_name("vectors.json")
PASSPHRASE: Final = "correct horse"
CHUNK: Final = 65_536
LARGE: Final = 4_096  # bytes; larger files are there by their hash
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


class Vector(NamedTuple):
    """A file and what becomes of it; ``identities`` and ``passphrase``: one is empty."""

    name: str
    expect: str
    file: bytes
    plain: bytes
    identities: str
    passphrase: str


def pseudo(label: str, size: int) -> bytes:
    """Bytes that follow from their label."""
    blocks = (hashlib.sha256(f"{label} {number}".encode()).digest() for number in range(size // 32 + 1))
    return b"".join(blocks)[:size]


OURS: Final = pseudo("identity", 32)
THEIRS: Final = pseudo("another identity", 32)


# The format.


def derived(secret: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt, info).derive(secret)


def b64(data: bytes) -> bytes:
    return b64encode(data).rstrip(b"=")


def wrapped(data: bytes) -> bytes:
    """The body of a stanza: full lines of 64, and a last one that is not full."""
    text = b64(data)
    return b"".join(text[at : at + 64] + b"\n" for at in range(0, len(text) + 1, 64))


def sealed(key: bytes, data: bytes, number: int = 0, final: bool = False) -> bytes:
    return ChaCha20Poly1305(key).encrypt(number.to_bytes(11, "big") + bytes([final]), data, b"")


def public(private: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def x25519(name: str, file_key: bytes, private: bytes = OURS) -> tuple[bytes, bytes]:
    """The arguments and the body of a stanza."""
    ephemeral = X25519PrivateKey.from_private_bytes(pseudo(f"{name} ephemeral", 32))
    share, recipient = ephemeral.public_key().public_bytes_raw(), public(private)
    secret = ephemeral.exchange(X25519PrivateKey.from_private_bytes(private).public_key())
    key = derived(secret, share + recipient, b"age-encryption.org/v1/X25519")
    return b"X25519 " + b64(share), sealed(key, file_key)


def scrypt(name: str, file_key: bytes, factor: int = 8, passphrase: str = PASSPHRASE) -> tuple[bytes, bytes]:
    salt = pseudo(f"{name} salt", 16)
    key = Scrypt(b"age-encryption.org/v1/scrypt" + salt, 32, 2**factor, 8, 1).derive(passphrase.encode())
    return b"scrypt " + b64(salt) + b" " + str(factor).encode(), sealed(key, file_key)


def stanza(arguments: bytes, body: bytes) -> bytes:
    return b"-> " + arguments + b"\n" + wrapped(body)


def with_mac(file_key: bytes, head: bytes) -> bytes:
    """A header from all that stands before its last line."""
    mac = hmac.digest(derived(file_key, b"", b"header"), head + b"---", "sha256")
    return head + b"--- " + b64(mac) + b"\n"


VERSION: Final = b"age-encryption.org/v1\n"


def payload(name: str, file_key: bytes, chunks: list[tuple[int, bool, bytes]]) -> bytes:
    """Chunks as (number, whether it says it is the last, plaintext)."""
    nonce = pseudo(f"{name} nonce", 16)
    key = derived(file_key, nonce, b"payload")
    return nonce + b"".join(sealed(key, data, number, final) for number, final, data in chunks)


def chunked(plain: bytes) -> list[tuple[int, bool, bytes]]:
    parts = [plain[at : at + CHUNK] for at in range(0, len(plain), CHUNK)] or [b""]
    return [(number, number == len(parts) - 1, part) for number, part in enumerate(parts)]


def armored(data: bytes, columns: int = 64, end: bytes = b"\n") -> bytes:
    text = b64encode(data)
    lines = [text[at : at + columns] for at in range(0, len(text), columns)]
    return end.join([b"-----BEGIN AGE ENCRYPTED FILE-----", *lines, b"-----END AGE ENCRYPTED FILE-----", b""])


def bech32(prefix: str, data: bytes) -> str:
    """BIP 173."""
    number = int.from_bytes(data) << 4  # 256 bits are 52 groups of five, the last with four zeros
    words = [number >> 5 * place & 31 for place in reversed(range(52))]
    spread = [ord(letter) >> 5 for letter in prefix] + [0] + [ord(letter) & 31 for letter in prefix]
    check = _polymod([*spread, *words, 0, 0, 0, 0, 0, 0]) ^ 1
    return (
        prefix
        + "1"
        + "".join(_BECH32[word] for word in words + [check >> 5 * place & 31 for place in range(5, -1, -1)])
    )


def _polymod(words: list[int]) -> int:
    check = 1
    for word in words:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ word
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> bit & 1 else 0
    return check


IDENTITY: Final = bech32("age-secret-key-", OURS).upper()
STRANGER: Final = bech32("age-secret-key-", THEIRS).upper()
RECIPIENT: Final = bech32("age", public(OURS))


# The vectors.


def simple(name: str, plain: bytes = b"a secret\n") -> bytes:
    key = pseudo(f"{name} key", 16)
    return with_mac(key, VERSION + stanza(*x25519(name, key))) + payload(name, key, chunked(plain))


def by_passphrase(name: str, factor: int = 8) -> bytes:
    key = pseudo(f"{name} key", 16)
    return with_mac(key, VERSION + stanza(*scrypt(name, key, factor))) + payload(name, key, chunked(b"a secret\n"))


def headed(name: str, change: Callable[[bytes, bytes], bytes]) -> bytes:
    """``change`` makes all of the header but the MAC, from the file key and an honest stanza."""
    key = pseudo(f"{name} key", 16)
    return with_mac(key, change(key, stanza(*x25519(name, key)))) + payload(name, key, chunked(b"a secret\n"))


def paid(name: str, chunks: list[tuple[int, bool, bytes]]) -> bytes:
    """An honest header before any payload."""
    key = pseudo(f"{name} key", 16)
    return with_mac(key, VERSION + stanza(*x25519(name, key))) + payload(name, key, chunks)


def vectors() -> Iterator[Vector]:
    """All of them."""
    yield from _sound()
    for name, file in _headers():
        yield Vector(f"header, {name}", "damaged", file, b"", IDENTITY, "")
    for name, file in _payloads():
        yield Vector(f"payload, {name}", "damaged", file, b"", IDENTITY, "")
    for name, file in _armor():
        yield Vector(f"armor, {name}", "damaged", file, b"", IDENTITY, "")
    for name, file in _scrypt():
        yield Vector(f"passphrase, {name}", "damaged", file, b"", "", PASSPHRASE)
    yield from _others()


def _sound() -> Iterator[Vector]:
    for size in (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK):
        name, plain = f"{size} bytes", pseudo("plain", size)
        yield Vector(name, "opens", simple(name, plain), plain, IDENTITY, "")
    plain = b"a secret\n"
    armor = armored(simple("armor"))
    yield Vector("armor", "opens", armor, plain, IDENTITY, "")
    yield Vector("armor, CRLF", "opens", armored(simple("armor"), end=b"\r\n"), plain, IDENTITY, "")
    yield Vector("armor, white space outside", "opens", b"\n \t\r\n" + armor + b"\n\n ", plain, IDENTITY, "")
    yield Vector("passphrase", "opens", by_passphrase("passphrase"), plain, "", PASSPHRASE)
    yield Vector("passphrase, armor", "opens", armored(by_passphrase("passphrase")), plain, "", PASSPHRASE)
    yield Vector(
        "second recipient",
        "opens",
        headed("second recipient", lambda key, ours: VERSION + _theirs(key) + ours),
        plain,
        IDENTITY,
        "",
    )
    yield Vector(
        "second identity", "opens", simple("second identity"), plain, f"# a file\n\n{STRANGER}\n{IDENTITY}\n", ""
    )
    for body in (0, 1, 47, 48, 49, 96):  # 48 bytes fill a line, and an empty one follows
        yield Vector(f"unknown stanza, {body} bytes", "opens", _greased(body), plain, IDENTITY, "")


def _headers() -> Iterator[tuple[str, bytes]]:
    whole = simple("base")
    lines = whole.split(b"\n")
    version, arguments, body, mac = lines[:4]
    rest = b"\n".join(lines[4:])
    flipped = b64(bytes(a ^ b for a, b in zip(b"\x01" + bytes(31), _unb64(mac[4:]), strict=True)))

    def join(*words: bytes) -> bytes:
        return b"\n".join([*words, rest])

    yield "empty file", b""
    yield "nothing but a version", VERSION
    yield "leading newline", b"\n" + whole
    yield "leading garbage", b"x" + whole
    yield "byte order mark", b"\xef\xbb\xbf" + whole
    yield "another version", whole.replace(b"/v1", b"/v2", 1)
    yield "version with a space", headed("base", lambda _, ours: b"age-encryption.org/v1 \n" + ours)
    yield "CRLF", headed("base", lambda _, ours: (VERSION + ours).replace(b"\n", b"\r\n"))
    yield "no stanza", headed("base", lambda *_: VERSION)
    yield "MAC of another file", join(version, arguments, body, b"--- " + flipped)
    yield "MAC cut short", join(version, arguments, body, mac[:-1])
    yield "MAC with padding", join(version, arguments, body, mac + b"=")
    yield "MAC in another spelling", join(version, arguments, body, _respelled(mac))
    yield "MAC after two spaces", join(version, arguments, body, mac.replace(b"--- ", b"---  "))
    yield "no MAC", join(version, arguments, body)
    yield "MAC line without end", b"\n".join([version, arguments, body, mac])
    yield "stanza without arguments", headed("base", lambda _, ours: VERSION + b"-> \n\n" + ours)
    yield "stanza without a space", headed("base", lambda _, ours: VERSION + b"->x\n\n" + ours)
    yield "two spaces between arguments", headed("base", lambda _, ours: VERSION + b"-> a  b\n\n" + ours)
    yield "space behind arguments", headed("base", lambda _, ours: VERSION + b"-> a \n\n" + ours)
    yield "argument beyond ASCII", headed("base", lambda _, ours: VERSION + b"-> a \xc3\xa4\n\n" + ours)
    yield "tab in an argument", headed("base", lambda _, ours: VERSION + b"-> a\tb\n\n" + ours)
    yield "body with padding", headed("base", lambda _, ours: VERSION + b"-> a\nAA==\n" + ours)
    yield "body in another spelling", headed("base", lambda _, ours: VERSION + b"-> a\nAB\n" + ours)
    yield "body of one character", headed("base", lambda _, ours: VERSION + b"-> a\nA\n" + ours)
    yield "body with a space", headed("base", lambda _, ours: VERSION + b"-> a\nAA A\n" + ours)
    yield "body in url-safe base64", headed("base", lambda _, ours: VERSION + b"-> a\n-_-_\n" + ours)
    yield "long line in a body", headed("base", lambda _, ours: VERSION + b"-> a\n" + b"A" * 68 + b"\n\n" + ours)
    yield "full line, and no short one", headed("base", lambda _, ours: VERSION + b"-> a\n" + b"A" * 64 + b"\n" + ours)
    yield "short line within a body", headed("base", lambda _, ours: VERSION + b"-> a\nAAAA\nAAAA\n" + ours)
    yield "no body", headed("base", lambda _, ours: VERSION + b"-> a\n" + ours)
    yield "X25519 with another argument", headed("base", lambda *a: VERSION + a[1].replace(b"\n", b" x\n", 1))
    yield "X25519 without share", headed("base", lambda key, _: VERSION + stanza(b"X25519", x25519("base", key)[1]))
    yield "X25519, short share", headed("base", lambda key, _: _shared(key, b64(bytes(31))))
    yield "X25519, long share", headed("base", lambda key, _: _shared(key, b64(bytes(33))))
    yield "X25519, share of low order", headed("base", lambda key, _: _shared(key, b64(bytes(32))))
    yield "X25519, share in another spelling", headed("base", lambda key, _: _shared(key, _respelled(b64(bytes(32)))))
    yield "X25519, short body", headed("base", lambda key, _: _bodied(key, -1))
    yield "X25519, long body", headed("base", lambda key, _: _bodied(key, 1))


def _payloads() -> Iterator[tuple[str, bytes]]:
    head = simple("base").partition(b"--- ")[0]
    whole, large = simple("base"), pseudo("plain", CHUNK)
    size = len(with_mac(pseudo("base key", 16), head))
    yield "nothing", whole[:size]
    yield "short nonce", whole[: size + 15]
    yield "nonce alone", whole[: size + 16]
    yield "cut in the tag", whole[:-1]
    yield "cut in the chunk", whole[: size + 18]
    yield "garbage behind", whole + b"\0"
    yield "newline behind", whole + b"\n"
    yield "one bit", whole[:-1] + bytes([whole[-1] ^ 1])
    yield "another nonce", whole[:size] + bytes([whole[size] ^ 1]) + whole[size + 1 :]
    yield "the last chunk does not say so", paid("base", [(0, False, b"a secret\n")])
    yield "wrong number", paid("base", [(1, True, b"a secret\n")])
    yield "two last chunks", paid("base", [(0, True, b"a"), (1, True, b"b")])
    yield "missing last chunk", paid("base", [(0, False, large)])
    yield "empty last chunk", paid("base", [(0, False, large), (1, True, b"")])
    yield "short chunk within", paid("base", [(0, False, b"a"), (1, True, b"b")])
    yield "chunks swapped", paid("base", [(1, False, large), (0, True, b"b")])
    yield "last chunk twice", paid("base", [(0, False, large), (1, True, b"b"), (1, True, b"b")])
    yield "full chunk says it is the last, and is not", paid("base", [(0, True, large), (1, True, b"b")])


def _armor() -> Iterator[tuple[str, bytes]]:
    data = simple("base", b"a secret, padded.\n")
    whole = armored(data)
    assert b"=" in whole
    begin, *lines, end, _ = whole.split(b"\n")

    def join(*words: bytes) -> bytes:
        return b"\n".join([*words, b""])

    yield "no end", join(begin, *lines)
    yield "end alone", join(begin, end)
    yield "garbage before", b"x\n" + whole
    yield "garbage behind", whole + b"x\n"
    yield "a second file behind", whole + whole
    yield "text on the line of the begin", whole.replace(begin, begin + b" x")
    yield "space behind the begin", whole.replace(begin, begin + b" ")
    yield "lines of 63 characters", armored(data, columns=63)
    yield "lines of 68 characters", armored(data, columns=68)
    yield "one long line", armored(data, columns=10_000)
    yield "empty line", join(begin, lines[0], b"", *lines[1:], end)
    yield "empty line at the end", join(begin, *lines, b"", end)
    yield "space in a line", join(begin, lines[0][:-1] + b" ", *lines[1:], end)
    yield "space behind a line", join(begin, lines[0] + b" ", *lines[1:], end)
    yield "a header as in PEM", join(begin, b"Comment: x", b"", *lines, end)
    yield "no padding", whole.replace(b"=", b"")
    yield "padding too much", join(begin, *lines[:-1], lines[-1] + b"=", end)
    spelled = lines[-1].rstrip(b"=")
    padding = lines[-1][len(spelled) :]
    yield "other spelling of the last character", join(begin, *lines[:-1], _respelled(spelled) + padding, end)
    yield "last line too long", join(begin, *lines[:-2], lines[-2] + lines[-1], end)
    yield "another label", whole.replace(b"AGE ENCRYPTED FILE", b"ENCRYPTED FILE")
    yield "label in lower case", whole.replace(b"AGE ENCRYPTED FILE", b"age encrypted file")
    yield "url-safe base64", join(begin, lines[0][:-1] + b"_", *lines[1:], end)
    yield "lone CR", whole.replace(b"\n", b"\r")
    yield "within armor, a broken file", armored(data[:-1])


def _scrypt() -> Iterator[tuple[str, bytes]]:
    name = "base"
    key = pseudo(f"{name} key", 16)
    honest, body = scrypt(name, key)
    salt = honest.split(b" ")[1]

    def file(head: bytes) -> bytes:
        return with_mac(key, VERSION + head) + payload(name, key, chunked(b"a secret\n"))

    def argued(factor: bytes, spelled: bytes = salt) -> bytes:
        return file(stanza(b"scrypt " + spelled + b" " + factor, body))

    yield "twice", file(stanza(honest, body) * 2)
    yield "and a recipient", file(stanza(honest, body) + stanza(*x25519(name, key)))
    yield "after a recipient", file(stanza(*x25519(name, key)) + stanza(honest, body))
    yield "and an unknown stanza", file(stanza(honest, body) + stanza(b"grease", b""))
    yield "no factor", file(stanza(b"scrypt " + salt, body))
    yield "a third argument", file(stanza(honest + b" 8", body))
    for factor in (b"08", b"+8", b"-8", b"0", b"0x8", b"8.0", b"8e0", b"99999999999999999999", b"1" * 4000):
        yield f"factor {factor[:24].decode()}", argued(factor)
    yield "short salt", argued(b"8", b64(bytes(15)))
    yield "long salt", argued(b"8", b64(bytes(17)))
    yield "salt in another spelling", argued(b"8", _respelled(salt))
    yield "salt with padding", argued(b"8", salt + b"==")
    yield "short body", file(stanza(honest, body[:-1]))
    yield "long body", file(stanza(honest, body + b"\0"))


def _others() -> Iterator[Vector]:
    key = pseudo("other key", 16)
    yield Vector("another identity", "no-key", simple("other"), b"", STRANGER, "")
    yield Vector("another passphrase", "no-key", by_passphrase("other"), b"", "", "incorrect horse")
    alone = headed("other", lambda *_: VERSION + stanza(b"unknown", b"x"))
    yield Vector("recipients of an unknown kind alone", "no-key", alone, b"", IDENTITY, "")
    broken = headed("other", lambda *a: VERSION + stanza(a[1].split(b"\n")[0][3:], bytes(32)))
    yield Vector("X25519, wrong tag", "no-key", broken, b"", IDENTITY, "")
    yield Vector("a passphrase for recipients", "usage", simple("other"), b"", "", PASSPHRASE)
    yield Vector("an identity for a passphrase", "usage", by_passphrase("other"), b"", IDENTITY, "")
    for factor in (b"23", b"40", b"63", b"4294967297"):
        arguments, body = scrypt("other", key)
        head = VERSION + stanza(arguments.rpartition(b" ")[0] + b" " + factor, body)
        file = with_mac(key, head) + payload("other", key, chunked(b"a secret\n"))
        yield Vector(f"work factor {factor.decode()}", "usage", file, b"", "", PASSPHRASE)


def _theirs(key: bytes) -> bytes:
    return stanza(*x25519("stranger", key, THEIRS))


def _greased(body: int) -> bytes:
    grease = stanza(b"joint@ /grease !", pseudo("grease", body))
    return headed(f"unknown stanza, {body} bytes", lambda _, ours: VERSION + grease + ours)


def _shared(key: bytes, share: bytes) -> bytes:
    return VERSION + stanza(b"X25519 " + share, x25519("base", key)[1])


def _bodied(key: bytes, more: int) -> bytes:
    arguments, body = x25519("base", key)
    return VERSION + stanza(arguments, body[:more] if more < 0 else body + bytes(more))


def _unb64(text: bytes) -> bytes:
    return b64decode(text + b"=" * (-len(text) % 4))


def _respelled(text: bytes) -> bytes:
    """Base64 of the same bytes, with a bit set that no byte has."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return text[:-1] + bytes([alphabet[alphabet.index(text[-1]) | 1]])


def row(vector: Vector) -> dict[str, Any]:
    """As ``vectors.json`` has it."""
    small = {"file": b64encode(vector.file).decode()} if len(vector.file) <= LARGE else {}
    return {
        "name": vector.name,
        "expect": vector.expect,
        "identities": vector.identities,
        "passphrase": vector.passphrase,
        "sha256": hashlib.sha256(vector.file).hexdigest(),
        "plain": hashlib.sha256(vector.plain).hexdigest() if vector.expect == "opens" else "",
        **small,
    }


def main() -> None:
    rows = [row(vector) for vector in vectors()]
    FILE.write_text("[\n" + ",\n".join(json.dumps(each) for each in rows) + "\n]\n")


if __name__ == "__main__":
    main()
