"""When two distinguished names are the same (RFC 5280 section 7.1), which decides who issued what."""

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from pki import certificate
from test_paths import ROOT, TRUST, check, issue

from secmail import Malformed, der
from secmail.certificates import comparable_name
from secmail.cms.signer_info import SignerInfo

COMMON_NAME, UNIT = NameOID.COMMON_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME


def named(*rdns: list[tuple[x509.ObjectIdentifier, str]]) -> x509.Name:
    return x509.Name([x509.RelativeDistinguishedName([x509.NameAttribute(*each) for each in rdn]) for rdn in rdns])


def same(one: x509.Name | bytes, other: x509.Name | bytes) -> bool:
    return comparable_name(encoded(one)) == comparable_name(encoded(other))


def encoded(name: x509.Name | bytes) -> bytes:
    return name if isinstance(name, bytes) else name.public_bytes()


def attribute(value: bytes, *behind: bytes) -> bytes:
    return der.sequence(der.oid("2.5.4.3"), der.tlv(0x0C, value), *behind)


def rdn(*attributes: bytes) -> bytes:
    return der.sequence(der.tlv(der.SET, *attributes))


def test_case_and_spaces_make_no_difference():
    assert same(named([(COMMON_NAME, "The  Issuer ")]), named([(COMMON_NAME, "the issuer")]))


def test_the_order_in_an_rdn_makes_none_and_that_of_rdns_does():
    one, other = (UNIT, "fuel"), (COMMON_NAME, "ada")
    assert comparable_name(rdn(attribute(b"a"), attribute(b"b"))) == comparable_name(rdn(attribute(b"b"), attribute(b"a")))
    assert not same(named([one], [other]), named([other], [one]))


@pytest.mark.parametrize(
    "other",
    [
        rdn(attribute(b"ca"), attribute(b"ca")),
        rdn(attribute(b"another"), attribute(b"ca")),
        rdn(attribute(b"ca", der.tlv(0x0C, b"ca"))),
        rdn(attribute(b"ca")) + b"\x05\x00",
        der.sequence(der.tlv(der.SET, attribute(b"ca")), der.tlv(der.SET)),
        der.sequence(der.sequence(attribute(b"ca"))),
        rdn(der.tlv(der.SET, attribute(b"ca")[2:])),
    ],
    ids=["twice", "one more", "behind the value", "behind the name", "empty RDN", "no SET", "no SEQUENCE"],
)
def test_what_is_more_in_a_name_or_of_another_kind_makes_it_another(other):
    assert comparable_name(rdn(attribute(b"ca"))) != comparable_name(other)


@pytest.mark.parametrize(("tag", "coding"), [(0x13, "ascii"), (0x14, "ascii"), (0x16, "ascii"), (0x1C, "utf-32-be"), (0x1E, "utf-16-be")])
def test_the_type_of_a_string_makes_no_difference(tag, coding):
    assert comparable_name(of_type(tag, "The CA".encode(coding))) == comparable_name(rdn(attribute(b"the ca")))


@pytest.mark.parametrize("tag", [0x02, 0x04, 0x06, 0x0A, 0x17, 0x2C])
def test_what_is_no_string_is_another_name_than_a_string(tag):
    """An object identifier is not the string by which people write it."""
    other = der.oid("1.2.3") if tag == 0x06 else der.tlv(tag, der.tlv(0x0C, b"1.2.3"))
    assert comparable_name(of_type(0x13, b"1.2.3")) != comparable_name(rdn(der.sequence(der.oid("2.5.4.3"), other)))


@pytest.mark.parametrize(("one", "other", "equal"), [
    ("Stra\u00dfe", "STRASSE", True),
    ("\ufb01rst", "First", True),
    ("e\u0301", "\u00c9", True),
    ("a\u00ad\ufe0f\u200bb", "ab", True),
    ("a\u3000\u00a0b", "A B", True),
    ("a\ufe56b", "ab", False),
    ("a\ufe70b", "ab", False),
    ("a\uff0eb", "ab", False),
    ("\ue000a", "\ue000A", False),
    ("\ufffda", "\ufffdA", False),
])  # fmt: skip
def test_strings_are_prepared_as_for_directories(one, other, equal):
    """RFC 4518 section 2: variation selectors go away, and what has its place behind them in Unicode does not; private use is prohibited."""
    assert (comparable_name(rdn(attribute(one.encode()))) == comparable_name(rdn(attribute(other.encode())))) is equal


def test_a_long_name_is_the_same_only_in_the_same_octets():
    """Anybody may send certificates, and to put many marks in order takes as long as the square of them."""
    for letters, equal in ((2_000, True), (2_100, False)):
        assert (comparable_name(rdn(attribute(b"a" * letters))) == comparable_name(rdn(attribute(b"A" * letters)))) is equal


def of_type(tag: int, value: bytes) -> bytes:
    return rdn(der.sequence(der.oid("2.5.4.3"), der.tlv(tag, value)))


def test_a_signer_is_not_named_by_a_longer_name():
    """The identifier of a signer is under no signature: a certificate must not be found by what only resembles its issuer's name."""

    ada = certificate("ada")
    issuer, serial_number = der.read(ada.issuer_and_serial_number)
    other_case = der.sequence(issuer.content.replace(b"ca", b"CA"))
    for name, found in ((issuer.der, [ada]), (other_case, [ada]), (der.sequence(issuer.content, issuer.content), [])):
        assert signer(name, serial_number.der).certificates_in([ada]) == found
    with pytest.raises(Malformed):
        signer(other_case, serial_number.der, serial_number.der).certificates_in([ada])


def signer(*identifier: bytes) -> SignerInfo:
    return SignerInfo(der.read(der.sequence(der.sequence(*identifier))).element(), None, None, None, b"", None)


@pytest.mark.parametrize(("units", "valid"), [(["First", "Authority"], True), (["Other", "Authority"], False), (["Authority"], False)])
def test_a_name_that_resembles_the_issuers_is_not_self_issued(units, valid):
    """Only certificates whose names are the same do not count for the path length (RFC 5280 section 6.1.4 l)."""
    limited = issue(named([(UNIT, "First"), (UNIT, "Authority")]), ROOT, ca=0)
    further = issue(named([(UNIT, each) for each in units]), limited, ca=True)
    assert check(issue("Ada", further), further, limited, trust=TRUST).valid is valid
