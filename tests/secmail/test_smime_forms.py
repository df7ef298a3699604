"""Every form in which RFC 8551 lets an S/MIME message travel, and all of them read alike."""

import base64
import io

import pytest
from forge import CONTENT, Forged, signed_data
from layered import E, S, header, message, opened
from pki import NOW, certificate, signing_key

from secmail import SignedLayer, Unwrapped, compressing, send_certificates, signing


def entity(fields: str, structure: bytes, encoding="base64") -> bytes:
    body = base64.encodebytes(structure).replace(b"\n", b"\r\n") if encoding == "base64" else structure
    return header() + f"Content-Type: {fields}\r\nContent-Transfer-Encoding: {encoding}\r\n".encode() + b"\r\n" + body


def structure_of(made: bytes) -> bytes:
    return base64.b64decode(made.partition(b"\r\n\r\n")[2])


def carried(make, *arguments, **options) -> bytes:
    out = io.BytesIO()
    with make(out, *arguments, **options) as sink:
        sink.write(CONTENT)
    return structure_of(out.getvalue())


SIGNED = signed_data(Forged())
STRUCTURES = {
    "signed-data": SIGNED,
    "enveloped-data": structure_of(message(E(content_encryption="cbc"), S(), top=b"")),
    "authEnveloped-data": structure_of(message(E(), S(), top=b"")),
    "compressed-data": carried(compressing),
}


@pytest.mark.parametrize("smime_type", [*(f"; smime-type={each}" for each in STRUCTURES), "; smime-type=something-else", ""])
@pytest.mark.parametrize("name", STRUCTURES)
def test_3_2_2_the_structure_decides_whatever_the_smime_type_says(name, smime_type):
    """RFC 8551 section 3.2 has an "optional "smime-type" parameter": what is inside says what it is."""
    expected = opened(entity("application/pkcs7-mime", STRUCTURES[name]))
    found = opened(entity(f"application/pkcs7-mime{smime_type}", STRUCTURES[name]))
    assert found.content.open().read() == CONTENT
    assert [type(each) for each in found.layers] == [type(each) for each in expected.layers]


@pytest.mark.parametrize("media_type", ["application/pkcs7-mime", "application/x-pkcs7-mime", "Application/PKCS7-MIME"])
def test_3_10_the_media_type_is_enough(media_type):
    assert opened(entity(media_type, SIGNED)).verdict == "verified"


@pytest.mark.parametrize("suffix", ["p7m", "p7s", "p7c", "p7z", "P7M"])
@pytest.mark.parametrize("place", ['application/octet-stream; name="smime.{}"', 'application/octet-stream\r\nContent-Disposition: attachment; filename="x.{}"'])
def test_3_10_octets_with_such_a_suffix_are_smime(place, suffix):
    """The suffix "comes from the "name" parameter in the Content-Type header field or the "filename" parameter"."""
    assert opened(entity(place.format(suffix), SIGNED)).verdict == "verified"


@pytest.mark.parametrize("fields", ['application/octet-stream; name="p7m"', "application/octet-stream", 'application/pdf; name="smime.p7m"'])
def test_3_10_octets_without_it_are_an_attachment(fields):
    assert opened(entity(fields, SIGNED)).layers == ()


@pytest.mark.parametrize("encoding", ["base64", "binary", "8bit", "7bit"])
def test_3_2_the_transfer_encoding_may_be_any_that_keeps_the_octets(encoding):
    assert opened(entity("application/pkcs7-mime", SIGNED, encoding)).verdict == "verified"


def clear(protocol="application/pkcs7-signature", signature_type="application/pkcs7-signature", micalg="sha-256") -> bytes:
    signature = base64.encodebytes(signed_data(Forged(), detached=True)).decode().replace("\n", "\r\n")
    return header() + (
        f'Content-Type: multipart/signed; protocol="{protocol}"; micalg={micalg}; boundary=b\r\n\r\n--b\r\n{CONTENT.decode()}\r\n--b\r\n'
        f"Content-Type: {signature_type}; name=smime.p7s\r\nContent-Transfer-Encoding: base64\r\n\r\n{signature}\r\n--b--\r\n"
    ).encode()


@pytest.mark.parametrize("name", ["application/pkcs7-signature", "application/x-pkcs7-signature", "APPLICATION/PKCS7-SIGNATURE"])
def test_3_5_3_multipart_signed_by_every_name_of_its_protocol(name):
    assert opened(clear(name, name)).verdict == "verified"


@pytest.mark.parametrize("micalg", ["sha1", "unknown", "rsa-md5", "sha-512"])
def test_3_5_3_2_a_wrong_micalg_changes_nothing(micalg):
    """ "Receiving agents SHOULD be able to recover gracefully from a micalg parameter value that they do not recognize." """
    assert opened(clear(micalg=micalg)).verdict == "verified"


def test_3_8_certificates_only_is_read_as_it_was_made():
    out = io.BytesIO(header())
    out.seek(0, io.SEEK_END)
    send_certificates([certificate("ada"), certificate("ca")], out)
    assert b"smime-type=certs-only" in out.getvalue()
    assert b'filename="smime.p7c"' in out.getvalue()
    found: Unwrapped = opened(out.getvalue())
    assert isinstance(found.layers[0], SignedLayer)
    assert set(found.layers[0].certificates) == {certificate("ada"), certificate("ca")}
    assert (found.verdict, found.layers[0].signers) == ("unsigned", ())


@pytest.mark.parametrize("newline", ["\r\n", "\n"])
def test_3_5_2_an_opaque_signature_is_over_the_octets_inside(newline):
    """Opaque content needs no canonical form to be verified: it is read as it was signed."""
    out = io.BytesIO()
    content = f"Content-Type: text/plain{newline}{newline}Hello{newline}".encode()
    with signing(out, signer=signing_key("ada"), certificates=[certificate("ca")], now=NOW) as sink:
        sink.write(content)
    found = opened(header() + out.getvalue())
    assert (found.verdict, found.content.open().read()) == ("verified", content)
