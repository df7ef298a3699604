"""SignedData whose signature is of something else: attributes, digests, algorithms, several signers, encodings."""

from forge import CONTENT, Forged, content_info, signed_data
from layered import mime
from pki import NOW, certificate, private_key, signing_key
from spoofs import (
    MALFORMED,
    NOT_VERIFIED,
    PAID,
    UNSIGNED,
    UNSUPPORTED,
    VERIFIED,
    Family,
    by_ada,
    clear_signed,
    message,
    spoilt,
    standard,
)

from secmail import der
from secmail.algorithms import SHA1, SHA256, AlgorithmIdentifier, signing
from secmail.cms import DATA, DIGESTED_DATA, ENCRYPTED_DATA, SIGNED_DATA
from secmail.cms.attributes import CONTENT_TYPE, COUNTERSIGNATURE, MESSAGE_DIGEST, attribute

FAMILY = Family()
RECEIPT, TST_INFO = "1.2.840.113549.1.9.16.1.1", "1.2.840.113549.1.9.16.1.4"
MD5 = AlgorithmIdentifier("1.2.840.113549.2.5", der.tlv(der.NULL))
ED25519_IDENTITY = b"\1" + bytes(31)


def with_attributes(**instead: bytes):
    return lambda: by_ada(attributes=standard(**instead))


def structure(infos: list[bytes], content: bytes | None = CONTENT, content_type=DATA, digests=(SHA256.identifier.der,), names=("ada", "ca")) -> bytes:
    """A SignedData of SignerInfos as encoded."""
    body = b"" if content is None else der.tlv(der.context(0), der.octets(content))
    return content_info(
        SIGNED_DATA,
        der.sequence(
            der.integer(1),
            der.set_of(digests),
            der.sequence(der.oid(content_type), body),
            der.set_of({certificate(each).der for each in names}, der.context(0)),
            der.set_of(infos),
        ),
    )


def signer_info(attributes: bytes, signature: bytes, *, digest=SHA256.identifier, algorithm=None, name="ada", unsigned=b"") -> bytes:
    algorithm = algorithm or signing(private_key(name).public_key()).identifier
    return der.sequence(
        der.integer(1), certificate(name).issuer_and_serial_number, digest.der, attributes, algorithm.der, der.octets(signature), unsigned
    )


def signature_of(octets: bytes, name="ada") -> bytes:
    return signing_key(name).sign(octets, signing(private_key(name).public_key()))


# Attributes

CHANGED = {
    "digest_of_other_content": {"digest_values": der.octets(SHA256.of(PAID))},
    "digest_cut_off": {"digest_values": der.octets(SHA256.of(CONTENT)[:16])},
    "digest_empty": {"digest_values": der.octets(b"")},
    "digest_of_another_type": {"digest_values": der.tlv(der.BIT_STRING, SHA256.of(CONTENT))},
    "digest_by_another_algorithm": {"digest": SHA1},
    "digest_twice": {"digest_values": der.octets(SHA256.of(CONTENT)) + der.octets(SHA256.of(PAID))},
    "digest_twice_the_other_first": {"digest_values": der.octets(SHA256.of(PAID)) + der.octets(SHA256.of(CONTENT))},
    "digest_without_a_value": {"digest_values": b"\5\0"},
    "content_type_of_another_type": {"content_type": RECEIPT},
    "content_type_twice": {"type_values": der.oid(DATA) + der.oid(RECEIPT)},
    "content_type_absent": {"type_values": b""},
    "digest_absent": {"digest_values": b""},
    "signing_time_twice": {"time_values": der.time(NOW) * 2},
    "signing_time_no_time": {"time_values": der.octets(b"now")},
}
for name, instead in CHANGED.items():
    FAMILY.add(name, "RFC 5652 section 11: content type, message digest and signing time have one value, and it is right", NOT_VERIFIED, with_attributes(**instead))


@FAMILY.spoof("RFC 5652 section 11.2: there is one message-digest attribute")
def two_digest_attributes() -> bytes:
    return by_ada(attributes=[*standard(), attribute(MESSAGE_DIGEST, der.octets(SHA256.of(PAID)))])


@FAMILY.spoof("RFC 5652 section 11.1: there is one content-type attribute")
def two_content_type_attributes() -> bytes:
    return by_ada(attributes=[*standard(), attribute(CONTENT_TYPE, der.oid(RECEIPT))])


@FAMILY.spoof("RFC 5652 section 5.3: signed attributes are absent only where the content is id-data and no attributes")
def signed_attributes_as_content() -> bytes:
    """Whoever has a signature with attributes presents the attributes as what was signed."""
    attributes = der.set_of(standard())
    return mime(structure([signer_info(b"", signature_of(attributes))], attributes))


@FAMILY.spoof("RFC 5652 section 5.3: also where one of the attributes should not have been signed")
def signed_attributes_with_one_out_of_place_as_content() -> bytes:
    attributes = der.set_of((*standard(), attribute(COUNTERSIGNATURE, Forged("carl").signer_info())))
    return mime(structure([signer_info(b"", signature_of(attributes))], attributes))


@FAMILY.spoof("RFC 5652 section 5.3: the same in a multipart/signed, where it is no part either", MALFORMED)
def signed_attributes_as_detached_content() -> bytes:
    attributes = der.set_of(standard())
    return message(clear_signed(attributes, structure([signer_info(b"", signature_of(attributes))], None)))


@FAMILY.spoof("RFC 5652 section 5.3: signed attributes that are absent are not made up from content")
def content_as_signed_attributes() -> bytes:
    """What was signed without attributes is presented as the attributes of other content."""
    attributes = der.set_of(standard(PAID))
    info = signer_info(der.tlv(der.context(0), der.read(attributes, der.SET).rest()), signature_of(attributes, "mallory"))
    return mime(structure([info], PAID))


@FAMILY.spoof("RFC 5652 section 5.3: attributes that were signed can't be left out")
def stripped_attributes() -> bytes:
    return mime(structure([signer_info(b"", signature_of(der.set_of(standard())))]))


@FAMILY.spoof("RFC 5652 section 5.3: an empty set of attributes is no digest of the content")
def empty_attributes() -> bytes:
    return mime(structure([signer_info(der.tlv(der.context(0)), signature_of(der.set_of(())))]))


@FAMILY.spoof("RFC 5652 section 5.3: content of another type needs signed attributes")
def other_type_without_attributes() -> bytes:
    return mime(structure([signer_info(b"", signature_of(CONTENT))], content_type=TST_INFO))


@FAMILY.spoof("RFC 5652 section 5.4: what is signed has the tag SET OF, not the [0] that travels")
def signed_with_the_travelling_tag() -> bytes:
    attributes = der.tlv(der.context(0), *sorted(standard()))
    return mime(structure([signer_info(attributes, signature_of(attributes))]))


@FAMILY.spoof("signed attributes of one message don't go with another")
def attributes_of_another_message() -> bytes:
    attributes = der.set_of(standard())
    info = signer_info(der.tlv(der.context(0), der.read(attributes, der.SET).rest()), signature_of(attributes))
    return mime(structure([info], PAID))


@FAMILY.spoof("content is what was signed", UNSIGNED, label_state="absent")
def signers_removed() -> bytes:
    return mime(structure([], PAID))


@FAMILY.spoof("RFC 8551 section 3.8: certificates alone sign nothing", UNSIGNED)
def certificates_only() -> bytes:
    return mime(structure([], None), smime_type="signed-data")


@FAMILY.spoof("a signature about nothing proves nothing", MALFORMED)
def content_absent() -> bytes:
    return mime(signed_data(Forged(), detached=True))


# Signers


@FAMILY.spoof("a signature that is wrong speaks against the message, in whatever order it stands")
def a_further_signature_is_wrong() -> bytes:
    return mime(signed_data(Forged(), Forged("rita", attributes=standard(PAID))))


@FAMILY.spoof("the author's signature is wrong, though another's is right")
def another_signs_beside_a_wrong_one() -> bytes:
    return mime(signed_data(Forged("carl"), Forged(attributes=standard(PAID))))


@FAMILY.spoof("RFC 8550 section 3: somebody else's good signature does not make From right", from__matches_signer=False)
def another_signs() -> bytes:
    return mime(signed_data(Forged("carl")))


@FAMILY.spoof("a signer who is not trusted does not speak for the address that another's certificate lacks", from__matches_signer=False)
def untrusted_author_beside_a_trusted_stranger() -> bytes:
    return mime(signed_data(Forged("mallory"), Forged("carl"), certificates=("ca", "stranger")))


@FAMILY.spoof("a signer without a certificate proves nothing")
def certificate_withheld() -> bytes:
    return mime(structure([Forged().signer_info()], names=("ca",)))


@FAMILY.spoof("RFC 5652 section 11.4: a countersignature has no content type, and is none of the content")
def countersignature_as_signature() -> bytes:
    signed = signature_of(PAID, "carl")
    attributes = der.set_of(standard(signed, type_values=b""))
    info = signer_info(der.tlv(der.context(0), der.read(attributes, der.SET).rest()), signature_of(attributes))
    return mime(structure([info], signed))


@FAMILY.spoof("RFC 5652 section 11.4: who countersigns a signature is not who wrote", from__matches_signer=False)
def countersigned_by_the_pretended_author() -> bytes:
    counter = attribute(COUNTERSIGNATURE, Forged().signer_info())
    return mime(signed_data(Forged("carl", unsigned=(counter,)), certificates=("ca", "ada")))


# Algorithms


@FAMILY.spoof("RFC 5652 section 5.4: the signer's digest algorithm is the one of the message digest")
def digest_algorithm_substituted() -> bytes:
    return mime(spoilt(signed_data(Forged()), SHA256.identifier.der, AlgorithmIdentifier("2.16.840.1.101.3.4.2.3").der))


@FAMILY.spoof("MD5 is not read")
def md5() -> bytes:
    attributes = standard()
    info = signer_info(der.tlv(der.context(0), *sorted(attributes)), signature_of(der.set_of(attributes)), digest=MD5)
    return mime(structure([info], digests=(MD5.der, SHA256.identifier.der)))


@FAMILY.spoof("RFC 5652 section 5.1: the digest algorithm is one of those of the SignedData")
def digest_algorithm_not_announced() -> bytes:
    return mime(structure([Forged().signer_info()], digests=()))


@FAMILY.spoof("RFC 6211: the algorithms are those that were signed along")
def algorithm_protection_of_others() -> bytes:
    other = der.sequence(AlgorithmIdentifier("2.16.840.1.101.3.4.2.3").der, der.tlv(der.context(1), der.oid("1.2.840.10045.4.3.4")))
    return by_ada(extra=(attribute("1.2.840.113549.1.9.52", other),))


@FAMILY.spoof("a signature algorithm fits the key")
def algorithm_of_another_key() -> bytes:
    return by_ada(algorithm=AlgorithmIdentifier("1.2.840.113549.1.1.11", der.tlv(der.NULL)))


@FAMILY.spoof("a signature algorithm that is not known proves nothing")
def algorithm_unknown() -> bytes:
    return by_ada(algorithm=AlgorithmIdentifier("1.2.3.4"))


@FAMILY.spoof("RFC 5652 section 5.6: a digest is no signature")
def no_signature_algorithm() -> bytes:
    """RFC 8933's id-alg-noSignature, and RFC 6402's: the signature value is the digest itself."""
    attributes = standard()
    algorithm = AlgorithmIdentifier("1.3.6.1.5.5.7.6.2", der.tlv(der.NULL))
    return mime(structure([signer_info(der.tlv(der.context(0), *sorted(attributes)), SHA256.of(der.set_of(attributes)), algorithm=algorithm)]))


for name, value in {
    "empty": b"",
    "zeros": bytes(64),
    "ecdsa_of_zeros": der.sequence(der.integer(0), der.integer(0)),
    "ecdsa_of_ones": der.sequence(der.integer(1), der.integer(1)),
    "ecdsa_of_the_order": der.sequence(*[der.integer(0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551)] * 2),
}.items():
    FAMILY.add(
        f"signature_{name}",
        "a signature value is one of the key",
        NOT_VERIFIED,
        lambda value=value: mime(structure([signer_info(der.tlv(der.context(0), *sorted(standard())), value)])),
    )


def rsa_value(value: bytes):
    def build() -> bytes:
        attributes = der.tlv(der.context(0), *sorted(standard()))
        info = signer_info(attributes, value, name="rita", algorithm=AlgorithmIdentifier("1.2.840.113549.1.1.1", der.tlv(der.NULL)))
        return mime(structure([info], names=("rita", "ca")), sender="rita@example.org")

    return build


DIGEST_INFO = der.sequence(SHA256.identifier.der, der.octets(SHA256.of(der.set_of(standard()))))
FAMILY.add("rsa_of_one", "an RSA signature is no fixed point", NOT_VERIFIED, rsa_value(bytes(255) + b"\1"))
FAMILY.add("rsa_cube_root", "PKCS #1 padding fills the modulus", NOT_VERIFIED, rsa_value((b"\0\1\xff\xff\0" + DIGEST_INFO).ljust(256, b"\0")))
FAMILY.add("rsa_digest_in_clear", "PKCS #1 padding fills the modulus", NOT_VERIFIED, rsa_value(DIGEST_INFO.rjust(256, b"\0")))
FAMILY.add(
    "pss_hash_of_another",
    "RFC 4056 section 3: the PSS hash is the digest algorithm of the signer",
    NOT_VERIFIED,
    lambda: mime(signed_data(Forged("rita", algorithm=AlgorithmIdentifier("1.2.840.113549.1.1.10", der.sequence()))), sender="rita@example.org"),
)

# Encodings


@FAMILY.spoof("nothing follows the structure", MALFORMED)
def trailing_structure() -> bytes:
    return mime(signed_data(Forged()) + signed_data(Forged("carl", content=PAID)))


@FAMILY.spoof("nothing stands in the structure that its type does not have", MALFORMED)
def surplus_member() -> bytes:
    whole = der.read(signed_data(Forged()))
    whole.oid()
    inner = whole.inside(der.context(0)).element()
    return mime(content_info(SIGNED_DATA, der.sequence(inner.content, der.octets(PAID))))


@FAMILY.spoof("a SignerInfo has no more members than its type")
def surplus_member_of_a_signer() -> bytes:
    return mime(structure([der.sequence(der.read(Forged().signer_info()).rest(), der.octets(b""))]))


@FAMILY.spoof("lengths end inside what encloses them", MALFORMED)
def element_longer_than_its_enclosure() -> bytes:
    inner = der.read(signed_data(Forged())).rest()
    return mime(der.tlv(der.SEQUENCE, inner)[:-40] + b"\0" * 10)


@FAMILY.spoof("an octet string is made of octet strings", MALFORMED)
def content_in_pieces_of_another_type() -> bytes:
    pieces = der.tlv(der.OCTET_STRING | der.CONSTRUCTED, der.octets(CONTENT), der.tlv(der.UTF8_STRING, PAID))
    body = der.sequence(
        der.integer(1),
        der.set_of([SHA256.identifier.der]),
        der.sequence(der.oid(DATA), der.tlv(der.context(0), pieces)),
        der.set_of({certificate("ada").der, certificate("ca").der}, der.context(0)),
        der.set_of([Forged().signer_info()]),
    )
    return mime(content_info(SIGNED_DATA, body))


@FAMILY.spoof("content that comes twice is no content", MALFORMED)
def content_twice() -> bytes:
    body = der.sequence(
        der.integer(1),
        der.set_of([SHA256.identifier.der]),
        der.sequence(der.oid(DATA), der.tlv(der.context(0), der.octets(CONTENT)), der.tlv(der.context(0), der.octets(PAID))),
        der.set_of({certificate("ada").der, certificate("ca").der}, der.context(0)),
        der.set_of([Forged().signer_info()]),
    )
    return mime(content_info(SIGNED_DATA, body))


# Posing


@FAMILY.spoof("DigestedData proves nothing about anybody", UNSIGNED)
def digested_data_poses() -> bytes:
    body = der.sequence(
        der.integer(0), SHA256.identifier.der, der.sequence(der.oid(DATA), der.tlv(der.context(0), der.octets(PAID))), der.octets(SHA256.of(PAID))
    )
    return mime(content_info(DIGESTED_DATA, body))


@FAMILY.spoof("a digest that is wrong is malformed", MALFORMED)
def digested_data_with_another_digest() -> bytes:
    body = der.sequence(
        der.integer(0), SHA256.identifier.der, der.sequence(der.oid(DATA), der.tlv(der.context(0), der.octets(PAID))), der.octets(SHA256.of(CONTENT))
    )
    return mime(content_info(DIGESTED_DATA, body))


@FAMILY.spoof("EncryptedData is opened with a shared key alone")
def encrypted_data_poses() -> bytes:
    algorithm = AlgorithmIdentifier("2.16.840.1.101.3.4.1.42", der.octets(bytes(16))).der
    body = der.sequence(der.integer(0), der.sequence(der.oid(DATA), algorithm, der.tlv(der.context(0, constructed=False), bytes(32))))
    return mime(content_info(ENCRYPTED_DATA, body))


@FAMILY.spoof("a content type that is not known is not opened", UNSUPPORTED)
def unknown_content_type_poses() -> bytes:
    return mime(content_info("1.2.840.113549.1.9.16.1.99", der.sequence()))


@FAMILY.spoof("the smime-type is a remark: a structure is what it is", VERIFIED, from__matches_signer=True)
def smime_type_lies() -> bytes:
    return mime(signed_data(Forged()), smime_type="certs-only")
