"""What a server CA may issue for: the edges of domains and ranges, and three opinions on each of them that agree."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.pki import NOW, SERVER_NAMES, authorities, public, stamp

from pytrust.trust.errors import InvalidName, Refused
from pytrust.trust.pki.mint.build import SigningCa, make_server
from pytrust.trust.pki.mint.constraints import PERMITTED_MAX, Permitted, check_names
from pytrust.trust.pki.names import ServerNames

EDGES = [
    # permitted, name, allowed
    ("example.com", "example.com", True),
    ("example.com", "a.example.com", True),
    ("example.com", "*.example.com", True),
    ("example.com", "a.b.c.example.com", True),
    ("example.com", "notexample.com", False),
    ("example.com", "example.com.test", False),
    ("example.com", "com", False),
    ("host.example.com", "*.example.com", False),
    ("EXAMPLE.com.", "a.example.com", True),
    ("bücher.example", "xn--bcher-kva.example", True),
    ("localhost", "localhost", True),
    ("example.com", "10.0.0.1", False),
    ("example.com", "::1", False),
    ("10.1.0.0/16", "10.1.0.0", True),
    ("10.1.0.0/16", "10.1.255.255", True),
    ("10.1.0.0/16", "10.0.255.255", False),
    ("10.1.0.0/16", "10.2.0.0", False),
    ("10.1.2.3", "10.1.2.3", True),
    ("10.1.2.3", "10.1.2.4", False),
    ("10.0.0.0/8", "::ffff:10.0.0.1", False),
    ("10.0.0.0/8", "fd00::1", False),
    ("10.0.0.0/8", "engine.example", False),
    ("0.0.0.0/0", "255.255.255.255", True),
    ("0.0.0.0/0", "::", False),
    ("fd00::/8", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", True),
    ("fd00::/8", "fcff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", False),
    ("fd00::/8", "fe00::", False),
    ("fd00::/8", "10.0.0.1", False),
    ("::1", "::1", True),
]


def subject(name: str) -> x509.DNSName | x509.IPAddress:
    """What is dialled to reach ``name``."""
    names = ServerNames.parse([name.replace("*", "any")])
    return x509.IPAddress(names.addresses[0]) if names.addresses else x509.DNSName(names.dns[0])


@pytest.mark.parametrize(("permitted", "name", "allowed"), EDGES)
def test_edges(permitted: str, name: str, *, allowed: bool) -> None:
    ca = authorities(permitted=Permitted.parse([permitted])).server
    names = ServerNames.parse([name])
    if allowed:
        make_server(ca, names, public("leaf"), stamp())
    else:
        with pytest.raises(Refused, match="may not issue for"):
            make_server(ca, names, public("leaf"), stamp())


@pytest.mark.parametrize(("permitted", "name", "allowed"), EDGES)
def test_verifiers_draw_the_same_line(permitted: str, name: str, *, allowed: bool) -> None:
    """A certificate that an unbound CA with the same key signed is refused by the chain of the bound one."""
    unbound, bound = authorities(), authorities(permitted=Permitted.parse([permitted]))
    leaf = make_server(unbound.server, ServerNames.parse([name]), public("leaf"), stamp())
    verifier = PolicyBuilder().store(Store([bound.root.certificate])).time(NOW).build_server_verifier(subject(name))
    if allowed:
        verifier.verify(leaf, [bound.server.certificate])
    else:
        with pytest.raises(VerificationError):
            verifier.verify(leaf, [bound.server.certificate])


def test_each_form_is_bound_by_its_own() -> None:
    ca = authorities(permitted=Permitted.parse(["example.com", "10.0.0.0/8", "fd00::/8"])).server.certificate
    check_names(ca, ServerNames.parse(["a.example.com", "10.9.9.9", "fd12::1"]))
    for wrong in ("a.test", "11.0.0.0", "2001:db8::1"):
        with pytest.raises(Refused, match=f"may not issue for {wrong}$"):
            check_names(ca, ServerNames.parse(["a.example.com", wrong, "10.9.9.9"]))


def test_the_refusal_says_what_is_permitted() -> None:
    ca = authorities(permitted=Permitted.parse(["example.com", "10.0.0.0/8"])).server.certificate
    with pytest.raises(Refused, match=r"^this authority may not issue for a.test, 11.0.0.1$") as refused:
        check_names(ca, ServerNames.parse(["a.test", "b.example.com", "11.0.0.1"]))
    assert "it may for example.com, 10.0.0.0/8" in refused.value.hint


@given(SERVER_NAMES)
def test_without_constraints_everything_is_permitted(names: ServerNames) -> None:
    check_names(authorities().server.certificate, names)


def test_excluded_over_permitted() -> None:
    """Constraints that another tool wrote."""
    trees = x509.NameConstraints([x509.DNSName("example.com")], [x509.DNSName("secret.example.com")])
    ca = constrained(trees)
    check_names(ca, ServerNames.parse(["a.example.com"]))
    for name in ("secret.example.com", "a.secret.example.com"):
        with pytest.raises(Refused):
            check_names(ca, ServerNames.parse([name]))


def test_an_empty_tree_is_every_name() -> None:
    check_names(constrained(x509.NameConstraints([x509.DNSName("")], None)), ServerNames.parse(["a.example"]))
    with pytest.raises(Refused):
        check_names(constrained(x509.NameConstraints(None, [x509.DNSName("")])), ServerNames.parse(["a.example"]))


def constrained(constraints: x509.NameConstraints) -> x509.Certificate:
    ca: SigningCa = authorities().server
    builder = x509.CertificateBuilder(ca.certificate.issuer, ca.certificate.subject, ca.key.public_key())
    builder = builder.serial_number(1).not_valid_before(NOW).not_valid_after(NOW)
    return builder.add_extension(constraints, critical=True).sign(ca.key, SHA256())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10.0.0.1/8",
        "10.0.0.0/33",
        "fd00::1/8",
        "*.example.com",
        ".example.com",
        "a b",
        "-",
        "1.2.3",
        "a/b",
        "é" * 300,
    ],
)
def test_what_is_neither_domain_nor_range(text: str) -> None:
    with pytest.raises(InvalidName, match="is not a"):
        Permitted.parse([text])


@given(st.lists(st.text(max_size=30), max_size=3))
def test_any_text_is_read_or_refused(texts: list[str]) -> None:
    try:
        permitted = Permitted.parse(texts)
    except InvalidName:
        return
    assert (permitted.extension is None) == (not texts)


def test_too_many() -> None:
    Permitted.parse([f"d{number}.example" for number in range(PERMITTED_MAX)])
    with pytest.raises(InvalidName, match="are more than"):
        Permitted.parse([f"d{number}.example" for number in range(PERMITTED_MAX + 1)])
