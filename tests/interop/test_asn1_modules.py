"""What is made here, decoded with the RFCs' ASN.1 as R. Housley has it for pyasn1, and opened with nothing but ``cryptography``.

For the post-quantum algorithms that is the peer: neither command line nor library of Debian 12 has them.
"""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap
from pyasn1.codec.ber.decoder import decode as decode_ber
from pyasn1.codec.der.decoder import decode
from pyasn1.codec.der.encoder import encode
from pyasn1.type.univ import SetOf
from pyasn1_alt_modules import rfc2634, rfc5035, rfc5083, rfc5084, rfc5652, rfc5751, rfc6211, rfc9629, rfc9936

from secmail import (
    OWN_CAPABILITIES,
    ContentHints,
    ContentReference,
    EssAttributes,
    GeneralNames,
    MLData,
    MLReceiptPolicy,
    Password,
    ReceiptRequest,
    Recipient,
    SecretKey,
    SecurityLabel,
    enveloping,
)
from secmail.algorithms import SIGNATURES
from secmail.cms import DATA
from secmail.der import definite
from tests.interop.messages import ENTITY, made, signed_here, structure
from tests.secmail.pki import NOW, RECIPIENTS, SIGNERS, certificate, private_key

MODULES = (rfc2634, rfc5035, rfc5751, rfc6211, rfc9936)  # each adds its types to those of rfc5652
LABEL = SecurityLabel("1.3.6.1.4.1.22112.1.1", classification=3, privacy_mark="ACME INTERNAL")
EVERYTHING = EssAttributes(
    security_label=LABEL,
    receipt_request=ReceiptRequest(b"id-1", ("bob@example.org",), ("ada@example.org",)),
    content_identifier=b"id-1",
    content_hints=ContentHints(DATA, "fuel"),
    content_reference=ContentReference(DATA, b"id-0", bytes(64)),
    equivalent_labels=(LABEL,),
    ml_expansion_history=(
        MLData(certificate("list").issuer_and_serial_number, NOW, MLReceiptPolicy("in_addition_to", (GeneralNames.of("owner@example.org"),))),
    ),
    msg_sig_digest=bytes(32),
)


def content_of(message: bytes, asn1_type):
    """pyasn1 0.6 does not read indefinite lengths inside an explicit tag."""
    info, rest = decode(definite(structure(message))[0], asn1Spec=rfc5652.ContentInfo())
    assert not rest
    content, rest = decode_ber(bytes(info["content"]), asn1Spec=asn1_type)
    assert not rest
    return content


def enveloped_data(*recipients, content_encryption="gcm"):
    known = [Recipient(certificate(each), OWN_CAPABILITIES) if isinstance(each, str) else each for each in recipients]
    message = made(lambda sink: enveloping(sink, recipients=known, content_encryption=content_encryption))
    return content_of(message, rfc5083.AuthEnvelopedData() if content_encryption == "gcm" else rfc5652.EnvelopedData())


@pytest.mark.parametrize("name", SIGNERS)
def test_every_signed_attribute_has_the_type_of_its_rfc(name):
    (info,) = content_of(signed_here(name, attributes=EVERYTHING), rfc5652.SignedData())["signerInfos"]
    types = [attribute["attrType"] for attribute in info["signedAttrs"]]
    assert {str(each) for each in types} >= {f"1.2.840.113549.1.9.16.2.{number}" for number in (1, 2, 3, 4, 5, 7, 9, 10, 47)}
    for attribute in info["signedAttrs"]:
        (value,) = attribute["attrValues"]
        decoded, rest = decode(bytes(value), asn1Spec=rfc5652.cmsAttributesMap[attribute["attrType"]])
        assert (encode(decoded), rest) == (bytes(value), b"")


@pytest.mark.parametrize("name", ["dil44", "dil65", "dil87", "eddy", "edna"])
def test_a_pure_signature_is_one_of_the_der_of_the_signed_attributes(name):
    """RFC 9882 section 3.2, RFC 8419 section 3.1."""
    (info,) = content_of(signed_here(name), rfc5652.SignedData())["signerInfos"]
    signed = SetOf(componentType=rfc5652.Attribute())
    signed.extend(info["signedAttrs"])
    private_key(name).public_key().verify(bytes(info["signature"]), encode(signed))
    assert SIGNATURES[str(info["signatureAlgorithm"]["algorithm"])].pure


@pytest.mark.parametrize("name", ["kem768", "kem1024"])
def test_ml_kem_recipients_open_by_the_steps_of_rfc9629(name):
    data = enveloped_data(name)
    (info,) = data["recipientInfos"]
    assert info["ori"]["oriType"] == rfc9629.id_ori_kem
    kem, rest = decode(bytes(info["ori"]["oriValue"]), asn1Spec=rfc9629.KEMRecipientInfo())
    assert (rest, kem["ukm"].hasValue()) == (b"", False)
    assert str(kem["kem"]["algorithm"]) == {"kem768": "2.16.840.1.101.3.4.4.2", "kem1024": "2.16.840.1.101.3.4.4.3"}[name]
    other = rfc9629.CMSORIforKEMOtherInfo()
    other["wrap"], other["kekLength"] = kem["wrap"], kem["kekLength"]
    secret = private_key(name).decapsulate(bytes(kem["kemct"]))
    kek = HKDF(SHA256(), int(kem["kekLength"]), None, encode(other)).derive(secret)
    cek = aes_key_unwrap(kek, bytes(kem["encryptedKey"]))
    encrypted = data["authEncryptedContentInfo"]
    parameters, _ = decode(bytes(encrypted["contentEncryptionAlgorithm"]["parameters"]), asn1Spec=rfc5084.GCMParameters())
    sealed = bytes(encrypted["encryptedContent"]) + bytes(data["mac"])
    assert AESGCM(cek).decrypt(bytes(parameters["aes-nonce"]), sealed, None) == ENTITY


@pytest.mark.parametrize("content_encryption", ["gcm", "cbc"])
def test_every_kind_of_recipient_has_the_type_of_its_rfc(content_encryption):
    data = enveloped_data(*RECIPIENTS, SecretKey(bytes(32), b"id"), Password(b"secret"), content_encryption=content_encryption)
    kinds = [info.getName() for info in data["recipientInfos"]]
    assert sorted(kinds) == ["kari"] * 5 + ["kekri", "ktri", "ori", "ori", "pwri"]
    for info in data["recipientInfos"]:
        encoded = encode(info)
        assert encode(decode(encoded, asn1Spec=rfc5652.RecipientInfo())[0]) == encoded
