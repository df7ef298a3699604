"""What a certificate says: RFC 5280, RFC 8550 sections 3 and 4.4, RFC 4262."""

import warnings
from contextlib import suppress
from functools import cached_property
from inspect import getmembers_static

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from pki import NOW, PKI, SHARED, certificate, pem, private_key

from secmail import Certificate, Malformed, SecmailError, SoftwareDecryptionKey, SoftwareSigningKey, Unsupported, der
from secmail.algorithms import AES256_CBC, AES256_GCM


@pytest.mark.parametrize("name", PKI)
def test_a_certificate_is_what_asn1crypto_reads(name):
    mine, theirs = certificate(name), asn1_x509.Certificate.load(certificate(name).der)
    assert mine.serial_number == theirs.serial_number
    assert (mine.issuer_der, mine.subject_der) == (theirs.issuer.dump(), theirs.subject.dump())
    assert mine.public_key_info == theirs.public_key.dump()
    assert mine.subject_key_identifier == theirs.key_identifier
    assert (mine.not_before, mine.not_after) == (theirs.not_valid_before, theirs.not_valid_after)
    assert mine.asn1.dump() == mine.der
    assert mine.common_name == (PKI[name].common_name or name)


@pytest.mark.parametrize(
    ("name", "can_sign", "can_encrypt"),
    [
        ("ada", True, True),
        ("rita", True, True),
        ("gwen", False, True),
        ("signer-only", True, False),
        ("root", False, False),
    ],
)
def test_rfc8550_4_4_2_key_usage_decides_what_a_key_is_for(name, can_sign, can_encrypt):
    assert (certificate(name).can_sign, certificate(name).can_encrypt) == (can_sign, can_encrypt)


def test_capabilities_come_from_the_extension_of_rfc4262():
    assert certificate("gwen").capabilities == (AES256_GCM.oid, AES256_CBC.oid)
    assert certificate("ada").capabilities is None


def issued(*extensions, subject=()) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(*each) for each in subject])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW, NOW)
    for each in extensions:
        builder = builder.add_extension(each, critical=False)
    return Certificate.from_der(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER))


def test_addresses_come_from_all_three_places_each_once():
    """RFC 8550 section 3: rfc822Name, the name form of RFC 8398 and the PKCS #9 attribute."""
    mailbox = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.5.5.7.8.9"), der.tlv(der.UTF8_STRING, "jürg@EXAMPLE.org".encode()))
    names = x509.SubjectAlternativeName([x509.RFC822Name("Ada@Example.ORG"), mailbox, x509.DNSName("example.org")])
    found = issued(names, subject=[(NameOID.EMAIL_ADDRESS, "Ada@example.org"), (NameOID.EMAIL_ADDRESS, "a@b.org")])
    assert found.emails == ("Ada@example.org", "jürg@example.org", "a@b.org")
    assert issued().emails == ()


@pytest.mark.parametrize("address", ["ada@example.org", "ADA@Example.Org"])
def test_rfc8550_3_addresses_are_compared_without_case(address):
    assert certificate("ada").speaks_for(address)


@pytest.mark.parametrize("address", ["", "bob@example.org", "ada@example.org.evil", "ada", "x ada@example.org"])
def test_other_addresses_are_others(address):
    assert not certificate("ada").speaks_for(address)


def test_without_key_usage_everything_is_allowed():
    assert issued().can_sign
    assert issued().can_encrypt
    assert issued().key_usage is None


def test_equal_bytes_make_equal_certificates():
    again = Certificate.from_pem(pem("ada"))
    assert again == certificate("ada")
    assert len({again, certificate("ada"), certificate("bob")}) == 2


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_no_damaged_certificate_raises_anything_but_our_errors(position, value):
    data = bytearray(certificate("gwen").der)
    data[position % len(data)] = value
    with suppress(SecmailError):
        found = Certificate.from_der(bytes(data))
        repr(found)
        for each in PROPERTIES:
            getattr(found, each)


PROPERTIES = [name for name, value in getmembers_static(Certificate) if isinstance(value, property | cached_property)]


@pytest.mark.parametrize("data", [b"", b"0", b"\x30\x80", bytes(100)])
def test_what_is_no_certificate_is_malformed(data):
    with pytest.raises(Malformed):
        Certificate.from_der(data)
    with pytest.raises(Malformed):
        Certificate.from_pem(data)


@pytest.mark.parametrize("kind", [SoftwareSigningKey, SoftwareDecryptionKey])
def test_a_key_and_a_certificate_must_belong_together(kind):
    kind(private_key("ada"), certificate("ada"))
    with pytest.raises(ValueError, match="another key"):
        kind(private_key("ada"), certificate("bob"))
    with pytest.raises(Unsupported):
        kind(object(), certificate("ada"))


def test_the_repr_of_a_key_says_nothing_about_it():
    assert repr(private_key("ada").private_numbers().private_value) not in repr(vars(SoftwareSigningKey(private_key("ada"), certificate("ada"))))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared vectors are not here")
def test_the_certificates_of_rfc9216_are_read():
    paths = sorted((SHARED / "rfc9216").glob("*Certificate.crt.pem"))
    assert paths
    for path in paths:
        found = Certificate.from_pem(path.read_bytes())
        if "End-Entity" in path.name:
            assert found.emails == (f"{found.common_name.split()[0].lower()}@smime.example",)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared vectors are not here")
@pytest.mark.parametrize("name", ["smec2.pem", "sm_mlkem512.pem"])
def test_keys_of_unknown_kinds_are_unsupported_and_not_usable(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = Certificate.from_pem((SHARED / "openssl-smime-certs" / name).read_bytes())
        assert not found.can_encrypt
        with pytest.raises(Unsupported):
            found.public_key  # noqa: B018


# Addresses that are the same, RFC 9598 section 4 and RFC 8550 section 3


def with_mailbox(address: str) -> Certificate:
    mailbox = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.5.5.7.8.9"), der.tlv(der.UTF8_STRING, address.encode()))
    return issued(x509.SubjectAlternativeName([mailbox]))


@pytest.mark.parametrize(
    ("certified", "written"),
    [
        ("jürg@bücher.example", "jürg@bücher.example"),
        ("jürg@bücher.example", "jürg@xn--bcher-kva.example"),
        ("jürg@xn--bcher-kva.example", "jürg@bücher.example"),
        ("jürg@bücher.example", "JürG@BÜCHER.Example"),
        ("jürg@bücher.example", "jürg@bu\u0308cher.example"),
        ("jürg@bücher.example", "jürg@bücher.example."),
    ],
)
def test_domains_are_compared_in_a_labels(certified, written):
    assert with_mailbox(certified).speaks_for(written)


@pytest.mark.parametrize(
    ("certified", "written"),
    [
        ("ada@strasse.example", "ada@straße.example"),
        ("strasse@example.org", "straße@example.org"),
        ("kim@example.org", "\u212aim@example.org"),  # the Kelvin sign, which lower() makes a k
        ("jürg@example.org", "JÜRG@example.org"),
        ("ada@example.org", "ada@example.org\0"),
        ("ada@example.org", "ada\u200b@example.org"),
    ],
)
def test_what_only_folding_would_make_the_same_is_not(certified, written):
    """RFC 9598 section 4 compares the local part as it is; only ASCII is folded, as mail programs do."""
    assert not with_mailbox(certified).speaks_for(written)
    assert not with_mailbox(written).speaks_for(certified)
