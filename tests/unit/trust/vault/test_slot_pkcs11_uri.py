"""PKCS#11 URIs: one token, one key, one module, and no place for a PIN."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytrust.trust.errors import UsageError
from pytrust.trust.vault.slots.pkcs11_uri import Target, parse_uri

MODULE = "?module-path=/usr/lib/softhsm/libsofthsm2.so"
SO = "/usr/lib/softhsm/libsofthsm2.so"

READ = {
    f"pkcs11:token=ops;object=vault{MODULE}": Target(SO, {"token": "ops"}, "vault", None),
    f"pkcs11:object=vault;token=ops{MODULE}": Target(SO, {"token": "ops"}, "vault", None),
    f"pkcs11:serial=0a1b;id=%01%FF{MODULE}": Target(SO, {"serial": "0a1b"}, None, b"\x01\xff"),
    f"pkcs11:token=my%20token;object=a%3Bb;id=k{MODULE}": Target(SO, {"token": "my token"}, "a;b", b"k"),
    f"pkcs11:token=%C3%A4;object=%C3%B6{MODULE}": Target(SO, {"token": "ä"}, "ö", None),
    f"pkcs11:model=SoftHSM%20v2;manufacturer=SoftHSM;token=t;object=o;type=private{MODULE}": Target(
        SO, {"manufacturer": "SoftHSM", "model": "SoftHSM v2", "token": "t"}, "o", None
    ),
    f"pkcs11:token=t;object=o;type=secret-key{MODULE}": Target(SO, {"token": "t"}, "o", None),
}
REFUSED = [
    "",
    "pkcs11:",
    "pkcs11:" + MODULE,
    "pkcs11:token=t;object=o",
    "pkcs11:token=t;object=o?module-path=libsofthsm2.so",
    "pkcs11:token=t;object=o?module-path=../x.so",
    "pkcs11:token=t;object=o?module-name=softhsm2",
    f"pkcs11:token=t{MODULE}",
    f"pkcs11:object=o{MODULE}",
    f"PKCS11:token=t;object=o{MODULE}",
    f"token=t;object=o{MODULE}",
    f"pkcs11:token=t;object=o;{MODULE}",
    f"pkcs11:;token=t;object=o{MODULE}",
    f"pkcs11:token=t;token=t;object=o{MODULE}",
    f"pkcs11:token=;object=o{MODULE}",
    f"pkcs11:token=t;object=o;type=cert{MODULE}",
    f"pkcs11:token=t;object=o;type=public{MODULE}",
    f"pkcs11:token=t;object=o;slot-id=0{MODULE}",
    f"pkcs11:token=t;object=o;unknown=x{MODULE}",
    f"pkcs11:token=%ff;object=o{MODULE}",
    f"pkcs11:token=t%00;object=o{MODULE}",
    f"pkcs11:token=t%0a;object=o{MODULE}",
    f"pkcs11:token=%4;object=o{MODULE}",
    f"pkcs11:token=a b;object=o{MODULE}",
    f"pkcs11:token=t;object=o{MODULE}&module-path=/x.so",
    f"pkcs11:token=t;object=o{MODULE}&pin-value=1234",
    f"pkcs11:token=t;object=o;pin-value=1234{MODULE}",
    f"pkcs11:token=t;object=o{MODULE}&pin-source=/etc/pin",
    f"pkcs11:token=t;object=o{MODULE}?x",
    f"pkcs11:token=t;object=o{MODULE}#x",
    f"pkcs11:token=t;object={'o' * 600}{MODULE}",
    f"pkcs11:token=t;object=o{MODULE}\n",
]


@pytest.mark.parametrize("uri", READ)
def test_it_names_a_key(uri: str) -> None:
    assert parse_uri(uri) == READ[uri]


@pytest.mark.parametrize("uri", REFUSED)
def test_anything_that_names_no_one_key_is_refused(uri: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_uri(uri)
    assert "1234" not in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(alphabet="pkcs1:token=object;id?module-path/&%0aAF \n", max_size=120))
def test_nothing_else_leaves_the_parser(text: str) -> None:
    try:
        target = parse_uri("pkcs11:" + text)
    except UsageError:
        return
    assert target.module.startswith("/")
    assert target.token
    assert target.label or target.id
