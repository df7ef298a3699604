"""A certificate is read in parts: what ``from_der`` leaves for later is refused wherever it is used, and with nothing but our errors."""

import io
from contextlib import suppress

import pytest
from commandline import CommandLine
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from forge import Forged, signed_data
from hypothesis import given
from hypothesis import strategies as st
from pki import NOW, certificate, private_key, trust
from test_certificates import PROPERTIES

from secmail import BytesSource, Certificate, Malformed, Recipient, SecmailError, TrustStore, der, encrypt
from secmail.algorithms import RSAES_OAEP, RSASSA_PSS
from secmail.cms.signed import verify
from secmail.paths import Purpose, validate

EXTENSION = bytes.fromhex("06 03 55 1d")
DAMAGES = {
    "a name that is no UTF-8": (b"\x0c\x03ada", b"\x0c\x03\xff\xfe\xfd"),
    "an address that is no ASCII": (b"\x81\x0fada@", b"\x81\x0f\xff\xff\xff\xff"),
    "a name of an unknown kind": (b"\x81\x0fada@", b"\x9e\x0fada@"),
    "an extension twice": (EXTENSION + b"\x23", EXTENSION + b"\x0e"),
    "a key usage that is no bit string": (b"\x04\x04\x03\x02", b"\x04\x04\x04\x02"),
    "purposes that are no sequence": (EXTENSION + b"\x25\x04\x0c\x30", EXTENSION + b"\x25\x04\x0c\x04"),
    "a purpose that is cut off": (EXTENSION + b"\x25\x04\x0c\x30\x0a", EXTENSION + b"\x25\x04\x0c\x30\x0b"),
    "constraints that are none": (EXTENSION + b"\x13\x01\x01\xff\x04\x02\x30\x00", EXTENSION + b"\x13\x01\x01\xff\x04\x02\x05\x00"),
}
FOR_RECIPIENTS = ("an extension twice", "a key usage that is no bit string", "purposes that are no sequence", "a purpose that is cut off")


def damaged(damage: str, name: str = "ada") -> Certificate:
    """Signed by its authority after the damage, so that nothing else is wrong with it."""
    tbs, algorithm, _ = der.read(certificate(name).der)
    before, after = DAMAGES[damage]
    assert tbs.der.count(before) == 1
    return Certificate.from_der(signed(tbs.der.replace(before, after), algorithm.der))


def signed(tbs: bytes, algorithm: bytes) -> bytes:
    signature = private_key("ca").sign(tbs, ec.ECDSA(hashes.SHA256()))
    return der.sequence(tbs, algorithm, der.tlv(der.BIT_STRING, b"\0", signature))


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_left_for_later_is_malformed_then(damage):
    with pytest.raises(Malformed):
        damaged(damage).checked()
    assert certificate("ada").checked() is certificate("ada")


@pytest.mark.parametrize("damage", DAMAGES)
def test_no_path_is_valid_for_it_or_through_it(damage):
    for purpose in Purpose:
        verdict = validate(damaged(damage), trust=trust(), at=NOW, intermediates=[certificate("ca")], purpose=purpose)
        assert (verdict.valid, verdict.reason) == (False, "the certificate is malformed")
    beside = validate(certificate("ada"), trust=trust(), at=NOW, intermediates=[damaged(damage), certificate("ca")])
    assert beside.valid, "others are not concerned"


@pytest.mark.parametrize("damage", DAMAGES)
def test_who_brings_it_along_in_a_message_signed_with_no_certificate(damage):
    bag = der.tlv(der.context(0), *sorted((damaged(damage).der, certificate("ca").der)))
    message, old = signed_data(Forged()), der.set_of((certificate("ada").der, certificate("ca").der), der.context(0))
    assert message.count(old) == 1
    read = verify(BytesSource(resized(message, old, bag)), trust=trust(), now=NOW)
    assert read.certificates == (certificate("ca"),)
    assert [each.status for each in read.signers] == ["unverifiable"]


def resized(data: bytes, old: bytes, new: bytes) -> bytes:
    """DER with one element replaced by a longer or shorter one."""
    if data == old:
        return new
    element = der.Reader(data).element()
    if old not in element.content:
        return data
    return der.tlv(element.tag, *(resized(each.der, old, new) for each in element.inside()))


@pytest.mark.parametrize("damage", FOR_RECIPIENTS)
def test_nothing_is_encrypted_to_it(damage):
    with pytest.raises(Malformed):
        encrypt(io.BytesIO(b"x"), io.BytesIO(), recipients=[Recipient(damaged(damage))])


@pytest.mark.parametrize("command", ["wrap --key bob.pem --recipient F -o out letter.eml", "open --trust F signed.eml", "sign --key bob.pem --cert F letter.eml"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_holds_it_is_named_in_one_line(secmail: CommandLine, command: str, damage: str) -> None:
    assert secmail("sign --key bob.pem -o signed.eml letter.eml").status == 0
    secmail.write("F", damaged(damage).der)
    ended = secmail(command)
    assert (ended.status, ended.out, ended.err.count("\n")) == (3, b"", 1)
    assert ended.err.startswith("secmail: F: ")


# Parameters of algorithms, which nothing reads but the use of the key or the signature


def nested(depth: int) -> bytes:
    encoded = der.sequence()
    for _ in range(depth):
        encoded = der.sequence(encoded)
    return encoded


PARAMETERS = [nested(70), nested(700), b"\x30\x05\xa0"]


def with_parameters(parameters: bytes, oid: str) -> tuple[bytes, bytes]:
    """Ada's certificate with an algorithm of its key, and with one of its signature."""
    tbs, algorithm, _ = der.read(certificate("ada").der)
    members = [each.der for each in tbs.inside()]
    named = der.sequence(der.oid(oid), parameters)
    key = [*members[:6], der.sequence(named, *(each.der for each in list(der.read(members[6]))[1:])), *members[7:]]
    return signed(der.sequence(*key), algorithm.der), signed(der.sequence(*members[:2], named, *members[3:]), named)


@pytest.mark.parametrize("oid", [RSASSA_PSS, RSAES_OAEP, "1.2.3.4"])
@pytest.mark.parametrize("parameters", PARAMETERS)
def test_broken_or_deep_parameters_are_refused_wherever_the_certificate_is_used(secmail: CommandLine, parameters, oid):
    assert secmail("sign --key bob.pem -o signed.eml letter.eml").status == 0
    for data in with_parameters(parameters, oid):
        secmail.write("F", data)
        assert secmail("open --trust F signed.eml").status in (1, 3)
        with suppress(SecmailError):
            found = Certificate.from_der(data)
            assert not validate(found, trust=trust(), at=NOW, intermediates=[certificate("ca")])
            assert validate(certificate("ada"), trust=trust(), at=NOW, intermediates=[found, certificate("ca")])
    keys, _ = with_parameters(parameters, oid)
    with pytest.raises(SecmailError):
        encrypt(io.BytesIO(b"x"), io.BytesIO(), recipients=[Recipient(Certificate.from_der(keys))])


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_no_damage_raises_anything_but_our_errors_at_any_use(position, value):
    data = bytearray(certificate("ada").der)
    data[position % len(data)] = value
    with suppress(SecmailError):
        found = Certificate.from_der(bytes(data))
        for each in PROPERTIES:
            with suppress(SecmailError):
                getattr(found, each)
        validate(found, trust=trust(), at=NOW, intermediates=[certificate("ca"), found])
        validate(certificate("ada"), trust=TrustStore([found, certificate("root")]), at=NOW, intermediates=[certificate("ca"), found])
