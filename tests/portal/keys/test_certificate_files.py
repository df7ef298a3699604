"""Certificates of others, as somebody brings them in a file."""

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from portal.keys.engine import NotUsable, read_certificates

DAY = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)


def issued() -> bytes:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Grace")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, DAY, DAY)
    names = x509.SubjectAlternativeName([x509.RFC822Name("grace@example.org")])
    return builder.add_extension(names, critical=False).sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.mark.parametrize(("before", "after"), [(b"Grace", b"\xff\xff\xff\xff\xff"), (b"\x81\x11grace@", b"\x9e\x11grace@")])
def test_a_certificate_whose_names_cannot_be_read_is_refused_when_it_comes(before, after):
    assert [each.emails for each in read_certificates(issued())] == [("grace@example.org",)]
    with pytest.raises(NotUsable):
        read_certificates(issued().replace(before, after))
