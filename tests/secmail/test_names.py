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
