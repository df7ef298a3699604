"""What ``make fuzz`` has found, each as the rule that was broken. Inputs are made by code, as small as they get."""

import io
from datetime import timedelta

import forge
import layered
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12
from layered import POLICY
from pki import NOW, certificate, private_key, trust

from secmail import Certificate, Malformed, Recipient, Unsupported, der, enveloping, load_private_key
from secmail.cms.ber import BerReader
from secmail.cms.summary import name_of
from secmail.containers import read_contents
from secmail.labels import Category, Clearance, TagType
from secmail.labels.reading import read_label
from secmail.paths import PathOptions, validate

# Certificates and paths


def reissued(name: str, *extensions: tuple[str, bytes]) -> Certificate:
    """A certificate with further extensions."""
    old = x509.load_der_x509_certificate(certificate(name).der)
    builder = x509.CertificateBuilder(old.issuer, old.subject, old.public_key(), 1, old.not_valid_before_utc, old.not_valid_after_utc)
    for each in old.extensions:
        builder = builder.add_extension(each.value, each.critical)
    for oid, value in extensions:
        builder = builder.add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value), False)
    return Certificate.from_der(builder.sign(private_key("ca"), hashes.SHA256()).public_bytes(Encoding.DER))


def resigned(name: str, old: bytes, new: bytes) -> Certificate:
    """A certificate whose signed part has other octets in one place, of the same length; its signature is right again."""
    return Certificate.from_der(signed(x509.load_der_x509_certificate(certificate(name).der).tbs_certificate_bytes.replace(old, new)))


def signed(tbs: bytes) -> bytes:
    value = private_key("ca").sign(tbs, ec.ECDSA(hashes.SHA256()))
    return der.sequence(tbs, der.sequence(der.oid("1.2.840.10045.4.3.2")), der.tlv(der.BIT_STRING, b"\0", value))


def test_a_certificate_with_a_clearance_of_categories_is_no_worse_than_others():
    """RFC 5755 section 4.4.6; asn1crypto refuses the SET of categories, as any SET whose type it does not know."""
    clearance = Clearance(POLICY, frozenset({1}), (Category(f"{POLICY}.1", TagType.RESTRICTIVE, 1),))
    cleared = reissued("ada", ("2.5.29.9", der.sequence(clearance.to_attribute())))
    assert validate(cleared, trust=trust(), at=NOW, intermediates=[certificate("ca")]).valid


def test_a_name_may_hold_a_value_that_is_no_text():
    """X.501: the value of an attribute type that is not known is of any type. Then its octets count."""
    odd = resigned("ada", der.oid("2.5.4.3") + b"\x0c\x03ada", der.oid("2.5.4.127") + b"\x04\x03ada")
    assert validate(odd, trust=trust(), at=NOW, intermediates=[certificate("ca")]).valid
    others = [odd, certificate("ca")]
    assert validate(certificate("bob"), trust=trust(), at=NOW, intermediates=others).valid


def test_a_serial_number_of_thousands_of_digits_makes_a_certificate_malformed():
    """RFC 5280 section 4.1.2.2: "up to 20 octets". Python refuses to write a number of more than 4,300 digits."""
    tbs = der.read(x509.load_der_x509_certificate(certificate("ada").der).tbs_certificate_bytes).rest()
    version, _, *rest = der.encodings(tbs, 0, len(tbs))
    long = Certificate.from_der(signed(der.sequence(version, der.integer(1 << 16_000), *rest)))
    assert validate(long, trust=trust(), at=NOW, intermediates=[certificate("ca")]).reason == "the certificate is malformed"
    assert validate(certificate("bob"), trust=trust(), at=NOW, intermediates=[long, certificate("ca")]).valid


def test_an_extension_that_is_cut_off_makes_a_certificate_malformed():
    cut_off = reissued("ada", ("2.5.29.9", b""))
    assert validate(cut_off, trust=trust(), at=NOW, intermediates=[certificate("ca")]).reason == "the certificate is malformed"


@pytest.mark.parametrize("tag", [0x07, 0x87])
def test_evidence_that_cannot_be_read_is_passed_over(tag):
    """PathOptions: "what of it is malformed or does not belong here is passed over"."""
    times = der.time(NOW), der.time(NOW + timedelta(1))
    algorithm = der.sequence(der.oid("1.2.840.10045.4.3.2"))
    crl = signed(der.sequence(der.integer(1), algorithm, certificate("ca").subject_der, *times, der.tlv(tag, der.sequence()), der.sequence()))
    options = PathOptions(crls=(crl,), ocsps=(crl,))
    assert validate(certificate("ada"), trust=trust(), at=NOW, intermediates=[certificate("ca")], options=options).valid


def test_nobody_encrypts_to_an_rsa_key_that_is_none():
    """RFC 8017 section 3.1: the modulus is a product of odd primes. OpenSSL loads an even one, and fails when it is used."""
    even = rsa.RSAPublicNumbers(65537, 2**2047 + 2).public_key()
    old = x509.load_der_x509_certificate(certificate("ada").der)
    builder = x509.CertificateBuilder(old.issuer, old.subject, even, 1, old.not_valid_before_utc, old.not_valid_after_utc)
    issued = builder.sign(private_key("ca"), hashes.SHA256())
    recipient = Recipient(Certificate.from_der(issued.public_bytes(Encoding.DER)), frozenset())
    with pytest.raises(Unsupported), enveloping(io.BytesIO(), recipients=[recipient]):
        pass


# Structures that are cut off


@pytest.mark.parametrize("cut_off", ["0282", "028201", "30843000", "048801"])
def test_a_length_that_is_cut_off_is_malformed(cut_off):
    """X.690 section 8.1.3.5. A reader that steps beyond the end of the stream waits there for ever."""
    data = bytes.fromhex(cut_off)
    with pytest.raises(Malformed):
        BerReader(io.BytesIO(data)).element()
    with pytest.raises(Malformed):
        b"".join(BerReader(io.BytesIO(data)).octets())
    with pytest.raises(Malformed):
        der.Reader(data).element()


def test_a_message_that_is_cut_off_within_a_length_is_malformed():
    structure = forge.signed_data(forge.Forged())
    assert structure[1] == 0x82
    with pytest.raises(Malformed):
        layered.opened(layered.mime(structure[:3]))


def test_an_octet_string_in_pieces_of_pieces_has_one_value():
    """X.690 section 8.7.3.2: the pieces of a constructed octet string may be constructed themselves."""
    data = bytes.fromhex("2480 2408 0402 4142 0402 4344 0402 4546 0000")
    assert der.definite(data)[0] == der.octets(b"ABCDEF")
    assert BerReader(io.BytesIO(data)).element().der == der.octets(b"ABCDEF")
    assert b"".join(BerReader(io.BytesIO(data)).octets()) == b"ABCDEF"
    assert der.Reader(bytes.fromhex("240a 2404 0402 4142 0402 4344")).octets() == b"ABCD"


@pytest.mark.parametrize("data", ["2480 0302 0041 0402 4142 0000", "2408 0302 0041 0402 4142"])
def test_the_pieces_of_an_octet_string_are_octet_strings(data):
    with pytest.raises(Malformed):
        der.Reader(bytes.fromhex(data)).octets()
    with pytest.raises(Malformed):
        b"".join(BerReader(io.BytesIO(bytes.fromhex(data))).octets())


# Names of many members


def test_a_name_of_many_members_is_malformed():
    """asn1crypto goes one call deeper for each member of a kind when it writes a name for people."""
    name = der.sequence(*[der.tlv(der.SET, der.sequence(der.oid("2.5.4.3"), der.tlv(der.UTF8_STRING, b"x")))] * 2000)
    tbs = x509.load_der_x509_certificate(certificate("ada").der).tbs_certificate_bytes
    head, tail = der.read(tbs).rest().split(certificate("ada").subject_der)
    many = Certificate.from_der(signed(der.sequence(head, name, tail)))
    assert not validate(many, trust=trust(), at=NOW, intermediates=[certificate("ca")]).valid
    with pytest.raises(Malformed):
        name_of(der.Reader(der.sequence(name, der.integer(1))).element())


def test_a_recipient_named_by_what_is_no_text_is_malformed():
    name = der.sequence(*[der.tlv(der.SET, der.sequence(der.oid("2.5.4.127"), der.sequence(der.oid("1.2.3"))))] * 2)
    with pytest.raises(Malformed):
        name_of(der.Reader(der.sequence(name, der.integer(1))).element())


# Private keys


@pytest.mark.parametrize("algorithm", ["1.3.101.110", "1.3.101.111", "1.3.101.112", "1.3.101.113"])
def test_a_private_key_of_another_length_than_its_algorithm_has_is_malformed(algorithm):
    """RFC 8410 section 7; cryptography answers with an InternalError, which is no ValueError."""
    key = der.sequence(der.integer(0), der.sequence(der.oid(algorithm)), der.octets(der.octets(b"\xa7")))
    with pytest.raises(Malformed):
        load_private_key(key)


def test_a_pkcs12_whose_mac_takes_for_ever_is_refused_at_once():
    """The iterations of RFC 7292's MacData are up to whoever made the file."""
    own = x509.load_der_x509_certificate(certificate("ada").der)
    data = pkcs12.serialize_key_and_certificates(b"ada", private_key("ada"), own, None, BestAvailableEncryption(b"secret"))
    *start, mac = der.read(data)
    *others, iterations = mac.inside()
    assert iterations.integer() < 1_000_000
    costly = der.sequence(*(each.der for each in start), der.sequence(*(each.der for each in others), der.integer(2**31 - 1)))
    with pytest.raises(Malformed, match="too long"):
        read_contents(costly, b"secret")
    assert read_contents(data, b"secret").keys


def test_a_namespace_with_a_brace_is_an_unknown_one():
    with pytest.raises(Malformed, match="unknown namespace"):
        read_label(b'<label xmlns="ht}p://example.org"><label xmlns="1"/></label>')  # the second makes the parser forgive the first
