"""Messages, certificates, labels, policies and keys made to cost their reader much: small functions that build them, by name.

Run as a program it reads names, one a line, and explodes each in a process of its own, which has limits; see ``main``.
"""

import base64
import io
import json
import os
import resource
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import islice, product
from pathlib import Path

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.padding import PKCS7
from forge import CONTENT, Forged, content_info, signed_data
from layered import E, S, header, message, mime
from pki import NOW, certificate, decryption_key, private_key, signing_key, trust

from secmail import (
    BadSignature,
    BytesSource,
    Certificate,
    DecryptionError,
    MailList,
    Malformed,
    MLData,
    Password,
    ReceiptRequest,
    Recipient,
    SecmailError,
    SecretKey,
    SecurityLabel,
    SignerMismatch,
    Unsupported,
    check_receipt,
    der,
    expand,
    load_private_key,
    unwrap,
)
from secmail.algorithms import AES256_CBC, AES256_GCM, AES256_WRAP, DIGESTS, ECDH_SHA256, PKCS1_V15, SHA256, Digest
from secmail.algorithms import AlgorithmIdentifier as Algorithm
from secmail.cli import report
from secmail.cms import (
    AUTH_ENVELOPED_DATA,
    COMPRESSED_DATA,
    DATA,
    ENVELOPED_DATA,
    SIGNED_DATA,
)
from secmail.cms import attributes as attribute
from secmail.cms.ess import encoded_history
from secmail.cms.kemri import ORI_KEM
from secmail.cms.recipients import make_all
from secmail.cms.shared import MAX_ITERATIONS, PBKDF2, PWRI_KEK
from secmail.inspection import inspect_message
from secmail.keys import OpeningKey
from secmail.labels import Clearance, authority_clearance_constraints, read_label
from secmail.labels.policy import SecurityPolicy
from secmail.mime import display
from secmail.receipts import RECEIPT, Receipt

ANY = "1.3.6.1.4.1.22112.9"  # of nothing that is known here
ZLIB = Algorithm("1.2.840.113549.1.9.16.3.8")
MIB = 1024 * 1024
REQUEST = ReceiptRequest(b"id", "all_receipts", ("eve@example.org",))


# How a victim meets them


@cache
def keys() -> tuple[OpeningKey, ...]:
    """Of every kind."""
    return (*map(decryption_key, ("bob", "rita", "ada", "kem768")), SecretKey(bytes(32), b"kek"), Password(b"secret"))


def opened(data: bytes) -> None:
    """Open a message with keys of every kind, and look at all of it as a page does."""
    result = unwrap(BytesSource(data), keys=keys(), trust=trust(), now=NOW, lists=["list@example.org"], translators=["ada@example.org"])
    for layer in result.layers:
        getattr(layer, "recipients", None)
    for field in result.headers.values():
        field.value, field.addresses, field.outer, field.outer_addresses  # noqa: B018
    if result.entity is not None:
        shown = display(result.entity, encrypted=True)
        for body in shown.bodies:
            for text in filter(None, (body.plain, body.html)):
                text.text(MIB)
        for attached in shown.attachments:
            attached.open().read(MIB)
    wrong = [layer for layer in result.layers for layer in getattr(layer, "signers", ()) if layer.status == "invalid"]
    if wrong:
        raise wrong[0].error
    result.require_verified()


def told_as_opened(data: bytes) -> None:
    json.dumps(report.opened(unwrap(BytesSource(data), keys=keys(), trust=trust(), now=NOW)))


def told_as_written(data: bytes) -> None:
    json.dumps(report.written(inspect_message(BytesSource(data), now=NOW)))


def expanded(data: bytes) -> None:
    expand(
        BytesSource(data),
        io.BytesIO(),
        mail_list=MailList((certificate("list"),), "the owner"),
        members=[certificate("bob")],
        signer=signing_key("list"),
        keys=[decryption_key("list"), decryption_key("bob")],
        trust=trust(),
        now=NOW,
    )


def receipt_checked(data: bytes) -> None:
    original = unwrap(BytesSource(message(S())), keys=[], trust=trust(), now=NOW)
    check_receipt(unwrap(BytesSource(data), keys=[], trust=trust(), now=NOW), original)


def label_in_a_message(data: bytes) -> None:
    """A verified message whose label can't be read says so."""
    result = unwrap(BytesSource(signed(Forged(extra=(attribute.attribute(attribute.SECURITY_LABEL, data),)))), keys=[], trust=trust(), now=NOW)
    if result.label_state == "malformed":
        raise Malformed("the label")


@dataclass(frozen=True)
class Bomb:
    build: Callable[[], bytes]
    meets: Callable[[bytes], object]
    ends: tuple[type[SecmailError] | None, ...]  # None: it costs too little to be refused


BOMBS: dict[str, Bomb] = {}


def bomb(meets=opened, *, ends=(Malformed,), **variants):
    """Register a builder; with variants one for each of them, whose value it is given."""

    def register(build):
        name = build.__name__.replace("_", " ")
        for variant, value in variants.items():
            BOMBS[f"{name}: {variant.replace('_', ' ')}"] = Bomb(lambda value=value: build(value), meets, ends)
        if not variants:
            BOMBS[name] = Bomb(build, meets, ends)
        return build

    return register


# Pieces


def nest(depth: int, *, indefinite: bool = False, tag: int = der.SEQUENCE, inside: bytes = b"\5\0") -> bytes:
    if indefinite:
        return bytes((tag, 0x80)) * depth + inside + b"\0\0" * depth
    for _ in range(depth):
        inside = der.tlv(tag, inside)
    return inside


def signed_parts(*infos: bytes, digests=None, content=None, certificates=None, crls=b"", content_type=DATA) -> bytes:
    bag = (certificate("ca").der, certificate("ada").der) if certificates is None else certificates
    return content_info(
        SIGNED_DATA,
        der.sequence(
            der.integer(1),
            der.set_of([SHA256.identifier.der]) if digests is None else digests,
            der.sequence(der.oid(content_type), der.tlv(0xA0, der.octets(CONTENT) if content is None else content)),
            der.tlv(0xA0, *bag),
            crls,
            der.tlv(der.SET, *infos),
        ),
    )


def signed(*signers: Forged, **parts) -> bytes:
    return mime(signed_parts(*(each.signer_info() for each in signers or (Forged(),)), **parts))


def with_attribute(oid: str, *values: bytes) -> bytes:
    """A message whose signer signed this attribute too."""
    return signed(Forged(extra=(der.sequence(der.oid(oid), der.tlv(der.SET, *values)),)))


def enveloped(*infos: bytes, algorithm=None, kind=ENVELOPED_DATA, originator=b"", content=b"", after=b"") -> bytes:
    algorithm = algorithm or Algorithm(AES256_CBC.oid, der.octets(bytes(16))).der
    encrypted = der.sequence(der.oid(DATA), algorithm, content or der.tlv(0x80, bytes(64)))
    structure = der.sequence(der.integer(2), originator, der.tlv(der.SET, *infos), encrypted, after)
    return mime(content_info(kind, structure), smime_type="enveloped-data")


def ktri(name="rita", rid=None, algorithm=None, encrypted_key=bytes(256)) -> bytes:
    return der.sequence(
        der.integer(0),
        certificate(name).issuer_and_serial_number if rid is None else rid,
        (algorithm or PKCS1_V15).der,
        der.octets(encrypted_key),
    )


def kari(*keys: bytes, originator=None, ukm=b"", algorithm=None) -> bytes:
    ephemeral = der.tlv(0xA1, der.sequence(der.oid("1.2.840.10045.2.1")), der.tlv(der.BIT_STRING, b"\0\4" + bytes(96)))
    agreement = algorithm or Algorithm(ECDH_SHA256.oid, Algorithm(AES256_WRAP.oid).der)
    ukm = der.tlv(0xA1, der.octets(ukm)) if ukm else b""
    return der.tlv(0xA1, der.integer(3), der.tlv(0xA0, originator or ephemeral), ukm, agreement.der, der.sequence(*keys))


def kari_key(name: str, encrypted_key=bytes(40), rid=None) -> bytes:
    return der.sequence(rid or certificate(name).issuer_and_serial_number, der.octets(encrypted_key))


def kekri(identifier: bytes) -> bytes:
    return der.tlv(0xA2, der.integer(4), der.sequence(der.octets(identifier)), Algorithm(AES256_WRAP.oid).der, der.octets(bytes(40)))


def pwri(iterations=1, salt=bytes(8), parameters=None) -> bytes:
    derivation = der.tlv(0xA0, der.oid(PBKDF2), parameters or der.sequence(der.octets(salt), der.integer(iterations)))
    wrap = Algorithm(PWRI_KEK, Algorithm(AES256_CBC.oid, der.octets(bytes(16))).der)
    return der.tlv(0xA3, der.integer(0), derivation, wrap.der, der.octets(bytes(48)))


def ori(value: bytes, oid: str = ORI_KEM) -> bytes:
    return der.tlv(0xA4, der.oid(oid), value)


def kemri(kemct=bytes(1088), kek_length=32, wrapped=bytes(40), ukm=b"") -> bytes:
    members = (
        certificate("kem768").issuer_and_serial_number,
        der.sequence(der.oid("2.16.840.1.101.3.4.4.2")),
        der.octets(kemct),
        der.sequence(der.oid("1.2.840.113549.1.9.16.3.28")),
        der.integer(kek_length),
        der.tlv(0xA0, der.octets(ukm)) if ukm else b"",
        Algorithm(AES256_WRAP.oid).der,
        der.octets(wrapped),
    )
    return ori(der.sequence(der.integer(0), *members))


def numbered_names(count: int) -> list[bytes]:
    return [der.tlv(0x81, b"%d@example.org" % number) for number in range(count)]


# Depth


@bomb(definite=False, indefinite=True)
def depth_of_the_whole_structure(indefinite):
    return mime(nest(3_000, indefinite=indefinite))


@bomb(definite=False, indefinite=True)
def depth_of_content_infos_in_each_other(indefinite):
    structure = signed_parts()
    for _ in range(50):
        structure = content_info(SIGNED_DATA, structure)
    return mime(structure)


DEEP = {"definite": nest(1_000), "indefinite": nest(1_000, indefinite=True)}


@bomb(**DEEP)
def depth_in_parameters_of_a_digest_algorithm(deep):
    return signed(digests=der.tlv(der.SET, der.sequence(der.oid(SHA256.oid), deep)))


@bomb(**DEEP)
def depth_in_place_of_a_certificate(deep):
    return signed(certificates=(certificate("ada").der, deep))


@bomb(**DEEP)
def depth_in_other_certificate_formats(deep):
    return signed(certificates=(certificate("ada").der, der.tlv(0xA3, der.oid(ANY), deep)))


@bomb(**DEEP)
def depth_in_a_crl(deep):
    return signed(crls=der.tlv(0xA1, deep))


@bomb(**DEEP)
def depth_in_other_revocation_information(deep):
    return signed(crls=der.tlv(0xA1, der.tlv(0xA1, der.oid("1.3.6.1.5.5.7.16.2"), deep)))


@bomb(**DEEP)
def depth_in_a_signer_info(deep):
    return mime(signed_parts(deep))


@bomb(**DEEP)
def depth_in_a_signed_attribute(deep):
    return with_attribute(ANY, deep)


@bomb(**DEEP)
def depth_in_an_unsigned_attribute(deep):
    return signed(Forged(unsigned=(attribute.attribute(ANY, deep),)))


@bomb(**DEEP)
def depth_in_parameters_of_a_signature_algorithm(deep):
    return signed(Forged(algorithm=Algorithm("1.2.840.113549.1.1.10", deep)))


@bomb(**DEEP)
def depth_in_a_receipt_request(deep):
    return with_attribute(attribute.RECEIPT_REQUEST, der.sequence(der.octets(b"id"), der.tlv(0xA1, deep), der.sequence(deep)))


@bomb(**DEEP)
def depth_in_an_expansion_history(deep):
    return with_attribute(attribute.ML_EXPANSION_HISTORY, der.sequence(der.sequence(deep)))


@bomb(**DEEP)
def depth_in_a_security_label(deep):
    return with_attribute(attribute.SECURITY_LABEL, der.tlv(der.SET, deep))


@bomb(definite=nest(200, tag=0x24, inside=der.octets(CONTENT)), indefinite=nest(200, tag=0x24, indefinite=True, inside=der.octets(CONTENT)))
def depth_of_content_octets(deep):
    return signed(content=deep)


@bomb(**DEEP)
def depth_in_a_recipient_info(deep):
    return enveloped(deep)


@bomb(ends=(DecryptionError,), **DEEP)
def depth_in_an_originator_info(deep):
    return enveloped(ktri(), originator=der.tlv(0xA0, der.tlv(0xA0, deep)))


@bomb(**DEEP)
def depth_in_parameters_of_the_content_encryption(deep):
    return enveloped(ktri(), algorithm=der.sequence(der.oid(AES256_CBC.oid), deep))


@bomb(**DEEP)
def depth_in_parameters_of_key_transport(deep):
    return enveloped(ktri(algorithm=Algorithm("1.2.840.113549.1.1.7", deep)))


@bomb(**DEEP)
def depth_in_other_recipient_infos(deep):
    return enveloped(ori(deep, ANY), ktri())


@bomb(**DEEP)
def depth_in_authenticated_attributes(deep):
    gcm = Algorithm(AES256_GCM.oid, der.sequence(der.octets(bytes(12)), der.integer(16))).der
    after = der.tlv(0xA1, deep) + der.octets(bytes(16))
    return enveloped(ktri(), algorithm=gcm, kind=AUTH_ENVELOPED_DATA, after=after)


@bomb(Certificate.from_der, **DEEP)
def depth_of_a_certificate_by_itself(deep):
    return deep


@bomb(SecurityLabel.from_der, ends=(None,), **DEEP)
def depth_of_a_label_by_itself(deep):
    return der.tlv(der.SET, der.oid(ANY), der.tlv(der.SET, der.sequence(b"\x80\1\x2a", der.tlv(0xA1, deep))))


@bomb(Clearance.from_der, ends=(None,), **DEEP)
def depth_of_a_clearance_by_itself(deep):
    return der.sequence(der.oid(ANY), der.tlv(der.SET, der.sequence(b"\x80\1\x2a", der.tlv(0xA1, deep))))


@bomb(load_private_key, **DEEP)
def depth_of_a_private_key(deep):
    return deep


# Lengths, OIDs and integers


@bomb(
    eight_octets=b"\x88" + b"\x7f" * 8,
    nine_octets=b"\x89" + bytes(9),
    two_to_the_1008=b"\xfe" + b"\xff" * 126,
    two_gibibytes=b"\x84\x7f\xff\xff\xff",
    longer_by_one=b"\x81\xff",
)
def length_that_is_absurd(octets_):
    return mime(b"\x30" + octets_ + bytes(64))


@bomb()
def lengths_that_overlap():
    return signed(digests=b"\x31\x20\x30\x7f" + bytes(30))


@bomb()
def length_of_content_beyond_the_message():
    return signed(content=b"\x04\x84\x7f\xff\xff\xff" + CONTENT)


@bomb()
def tag_numbers_of_many_octets():
    return mime(b"\x3f" + b"\xff" * MIB + b"\1\2\5\0")


LONG_OID = der.tlv(der.OBJECT_IDENTIFIER, b"\x81" * 65_536 + b"\1")
MANY_ARCS = der.tlv(der.OBJECT_IDENTIFIER, b"\x2a" * MIB)


@bomb(of_one_arc=LONG_OID, of_many_arcs=MANY_ARCS)
def object_identifier_as_content_type(oid):
    return mime(der.sequence(oid, der.tlv(0xA0, der.sequence())))


@bomb(of_one_arc=LONG_OID, of_many_arcs=MANY_ARCS)
def object_identifier_as_digest_algorithm(oid):
    return signed(digests=der.tlv(der.SET, der.sequence(oid)))


@bomb(of_one_arc=LONG_OID, of_many_arcs=MANY_ARCS)
def object_identifier_of_an_attribute(oid):
    return signed(Forged(extra=(der.sequence(oid, der.tlv(der.SET, b"\5\0")),)))


@bomb(Certificate.from_der, of_one_arc=LONG_OID, of_many_arcs=MANY_ARCS)
def object_identifier_in_a_certificate(oid):
    return built_certificate(extensions=[der.sequence(oid, der.octets(b""))])


@bomb(SecurityLabel.from_der, of_one_arc=LONG_OID, of_many_arcs=der.tlv(der.OBJECT_IDENTIFIER, b"\x2a" * 60_000))
def object_identifier_of_a_label_policy(oid):
    return der.tlv(der.SET, oid)


@bomb()
def object_identifiers_that_are_all_different():
    known = (der.sequence(der.tlv(der.OBJECT_IDENTIFIER, number.to_bytes(61, "big").replace(b"\0", b"\x2a")[:60])) for number in range(60_000))
    return signed(digests=der.tlv(der.SET, *known))


HUGE = der.tlv(der.INTEGER, b"\x7f" + b"\xff" * 3 * MIB)


@bomb()
def integer_of_megabytes_as_version():
    return mime(content_info(SIGNED_DATA, der.sequence(HUGE, der.set_of(()))))


@bomb()
def integer_of_megabytes_as_serial_number_of_a_signer():
    return signed(Forged(sid=der.sequence(der.sequence(), HUGE)))


@bomb(SecurityLabel.from_der)
def integer_of_kilobytes_as_classification():
    return der.tlv(der.SET, der.oid(ANY), der.tlv(der.INTEGER, b"\x7f" + b"\xff" * 60_000))


@bomb(Certificate.from_der)
def integer_of_megabytes_as_serial_number():
    return built_certificate(serial_number=HUGE)


# Certificates


SHA256_ECDSA = Algorithm("1.2.840.10045.4.3.2").der
VALIDITY = der.sequence(der.tlv(der.UTC_TIME, b"260101000000Z"), der.tlv(der.UTC_TIME, b"270101000000Z"))
CA_EXTENSIONS = (
    der.sequence(der.oid("2.5.29.19"), b"\1\1\xff", der.octets(der.sequence(b"\1\1\xff"))),
    der.sequence(der.oid("2.5.29.15"), b"\1\1\xff", der.octets(b"\3\2\1\6")),
)
ADA_EXTENSIONS = (der.sequence(der.oid("2.5.29.17"), der.octets(der.sequence(der.tlv(0x81, b"ada@example.org")))),)


def named(*common_names: str) -> bytes:
    return der.sequence(
        *(der.tlv(der.SET, der.sequence(der.oid("2.5.4.3"), der.tlv(der.UTF8_STRING, each.encode()))) for each in common_names)
    )


@cache
def key_info(name: str) -> bytes:
    return certificate(name).public_key_info


def built_certificate(
    subject=None, issuer=None, *, key=None, extensions=(), serial_number=None, issuer_key="ca", signature=None, algorithm=SHA256_ECDSA
) -> bytes:
    """A certificate of these members, signed by a key of P-256."""
    to_be_signed = der.sequence(
        der.tlv(0xA0, der.integer(2)),
        serial_number or der.integer(77),
        algorithm,
        named("ca") if issuer is None else issuer,
        VALIDITY,
        named("ada") if subject is None else subject,
        key_info("ada") if key is None else key,
        der.tlv(0xA3, der.sequence(*extensions)) if extensions else b"",
    )
    if signature is None:
        from cryptography.hazmat.primitives.asymmetric import ec

        signature = private_key(issuer_key).sign(to_be_signed, ec.ECDSA(hashes.SHA256()))
    return der.sequence(to_be_signed, algorithm, der.tlv(der.BIT_STRING, b"\0", signature))


def extension(oid: str, value: bytes) -> bytes:
    return der.sequence(der.oid(oid), der.octets(value))


def rsa_info(modulus: int, exponent: int) -> bytes:
    return der.sequence(PKCS1_V15.der, der.tlv(der.BIT_STRING, b"\0", der.sequence(der.integer(modulus), der.integer(exponent))))


def odd(bits: int) -> int:
    return int.from_bytes(os.urandom(bits // 8), "big") | 1 << (bits - 1) | 1


def signed_by(key: bytes, signature: bytes, algorithm: Algorithm, copies=1, extras: tuple[bytes, ...] = ()) -> bytes:
    """A message of so many signers with a certificate of this key, which never signed it."""
    cert = built_certificate(key=key, extensions=ADA_EXTENSIONS)
    issuer_and_serial = der.sequence(named("ca"), der.integer(77))
    attributes = [
        attribute.attribute(attribute.CONTENT_TYPE, der.oid(DATA)),
        attribute.attribute(attribute.MESSAGE_DIGEST, der.octets(SHA256.of(CONTENT))),
    ]
    infos = [
        der.sequence(
            der.integer(1),
            issuer_and_serial,
            SHA256.identifier.der,
            # Unsorted, so that it is tried twice
            der.tlv(0xA0, *sorted([*attributes, attribute.attribute(ANY, der.integer(each))], reverse=True)),
            algorithm.der,
            der.octets(signature),
        )
        for each in range(copies)
    ]
    return mime(signed_parts(*infos, certificates=(cert, certificate("ca").der, *extras)))


RSA_SHA256 = Algorithm("1.2.840.113549.1.1.11", b"\5\0")


def rsa_flood(bits: int, exponent_bits: int, copies: int) -> bytes:
    return signed_by(rsa_info(odd(bits), odd(exponent_bits)), bytes((1,)) * (bits // 8), RSA_SHA256, copies)


@bomb(
    ends=(Unsupported, SecmailError),
    modulus_of_16384_bits_64_times=(16_384, 32, 64),
    modulus_of_32768_bits=(32_768, 64, 64),
    modulus_of_1_million_bits=(1_000_000, 64, 64),
    exponent_as_long_as_a_modulus_of_3072_bits=(3_072, 3_064, 64),
)
def rsa_key(figures):
    return rsa_flood(*figures)


@bomb(ends=(SecmailError,))
def rsa_key_in_a_certificate_of_megabytes():
    return signed_by(rsa_info(odd(8 * 3 * MIB), 65_537), bytes(256), RSA_SHA256)


EXPLICIT_P256 = der.sequence(
    der.integer(1),
    der.sequence(der.oid("1.2.840.10045.1.1"), der.integer(0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF)),
    der.sequence(
        der.octets(bytes.fromhex("FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFC")),
        der.octets(bytes.fromhex("5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B")),
    ),
    der.octets(
        bytes.fromhex(
            "046B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296"
            "4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5"
        )
    ),
    der.integer(0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551),
    der.integer(1),
)


def explicit(parameters: bytes) -> bytes:
    _, key = der.read(key_info("ada"))
    return der.sequence(der.sequence(der.oid("1.2.840.10045.2.1"), parameters), key.der)


@bomb(lambda data: Certificate.from_der(data).public_key, ends=(Unsupported,))
def elliptic_curve_with_explicit_parameters():
    return built_certificate(key=explicit(EXPLICIT_P256))


@bomb(lambda data: Certificate.from_der(data).public_key, ends=(Unsupported,))
def elliptic_curve_of_huge_parameters():
    """A prime field of 16,384 bits."""
    prime = der.sequence(der.oid("1.2.840.10045.1.1"), der.integer(odd(16_384)))
    curve = der.sequence(der.octets(bytes(2048)), der.octets(bytes(2048)))
    point = der.octets(b"\4" + bytes(4096))
    return built_certificate(key=explicit(der.sequence(der.integer(1), prime, curve, point, der.integer(odd(16_384)), der.integer(1))))


@bomb(Certificate.from_der)
def certificate_with_a_flood_of_extensions():
    return built_certificate(extensions=[extension(f"{ANY}.{number}", b"") for number in range(50_000)])


@bomb(Certificate.from_der)
def certificate_with_a_flood_of_addresses():
    return built_certificate(extensions=[extension("2.5.29.17", der.sequence(*numbered_names(100_000)))])


@bomb(Certificate.from_der)
def certificate_with_a_flood_of_names():
    return built_certificate(subject=named(*map(str, range(60_000))))


@bomb(Certificate.from_der)
def certificate_with_a_flood_of_capabilities():
    capabilities = [der.sequence(der.oid(f"{ANY}.{number}")) for number in range(100_000)]
    return built_certificate(extensions=[extension("1.2.840.113549.1.9.15", der.sequence(*capabilities))])


@bomb(ends=(SecmailError,))
def addresses_in_a_certificate_times_addresses_in_the_message():
    sender = b",".join(b"%d@x.org" % number for number in range(20_000))
    names = der.sequence(*(der.tlv(0x81, b"%d@y.org" % number) for number in range(3_000)))
    cert = Certificate.from_der(built_certificate(extensions=[extension("2.5.29.17", names)]))
    return signed_with(cert, b"From: " + sender + b"\r\n")


def signed_with(cert: Certificate, top=b"From: ada@example.org\r\n", certificates: tuple[bytes, ...] = (), crls: bytes = b"") -> bytes:
    """A message signed by Ada's key with another certificate."""
    forged = Forged(sid=cert.issuer_and_serial_number)
    structure = signed_parts(forged.signer_info(), certificates=(cert.der, *certificates, certificate("ca").der), crls=crls)
    fields = b"Content-Type: application/pkcs7-mime; smime-type=signed-data\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return top + fields + base64.encodebytes(structure)


@bomb()
def certificates_by_the_thousand():
    return signed(certificates=[built_certificate(serial_number=der.integer(number), signature=bytes(70)) for number in range(1, 5_000)])


def leaf(issuer: str, issuer_key="ada", extensions=()) -> bytes:
    return built_certificate(
        named("victim"), named(issuer), serial_number=der.integer(78), extensions=(*ADA_EXTENSIONS, *extensions), issuer_key=issuer_key
    )


def hostile(cas, last="ca 0", extensions=(), crls=b"") -> bytes:
    """A message whose signer's certificate comes from an authority below the trusted one that certifies anything."""
    return signed_with(Certificate.from_der(leaf(last, extensions=extensions)), certificates=tuple(cas), crls=crls)


def authority(subject: str, issuer: str, number: int, extensions=(), issuer_key="ada") -> bytes:
    return built_certificate(
        named(subject), named(issuer), serial_number=der.integer(number), extensions=(*CA_EXTENSIONS, *extensions), issuer_key=issuer_key
    )


@bomb(ends=(SecmailError,))
def self_issued_certificates_in_a_loop():
    first = authority("ca 0", "ca", 1000, issuer_key="ca")
    return hostile([first, *(authority("ca 0", "ca 0", number) for number in range(190))], extensions=[UNKNOWN_CRITICAL])


@bomb(ends=(SecmailError,))
def cross_certificates_in_a_mesh():
    """Fourteen authorities, each certified by each other: 10^10 ways."""
    mesh = [authority(f"ca {a}", f"ca {b}", 20 * a + b) for a in range(14) for b in range(14) if a != b]
    return hostile([authority("ca 13", "ca", 1000, issuer_key="ca"), *mesh], extensions=[UNKNOWN_CRITICAL])


@bomb(ends=(SecmailError,))
def a_mesh_that_leads_nowhere():
    mesh = [authority(f"ca {a}", f"ca {b}", 20 * a + b) for a in range(14) for b in range(14) if a != b]
    return hostile(mesh)


@bomb(ends=(SecmailError,))
def a_path_of_190_certificates():
    chain = [authority(f"ca {number}", f"ca {number + 1}", number) for number in range(188)]
    return hostile([authority("ca 188", "ca", 1000, issuer_key="ca"), *chain], extensions=[UNKNOWN_CRITICAL])


UNKNOWN_CRITICAL = der.sequence(der.oid(ANY), b"\1\1\xff", der.octets(b""))


@bomb(ends=(SecmailError,))
def cross_certificates_around_a_way_out_that_is_used_up():
    """After "out" and "back" only dead ends are left: 15! of them."""
    loop = [authority("ca 0", "ca 0", number) for number in range(15)]
    around = [authority("ca 0", "ca 1", 100), authority("ca 1", "ca 0", 101)]
    return hostile([authority("ca 1", "ca", 1000, issuer_key="ca"), *around, *loop], extensions=[UNKNOWN_CRITICAL])


@bomb(ends=(SecmailError,))
def certificates_with_a_flood_of_addresses_each():
    names = extension("2.5.29.17", der.sequence(*numbered_names(10_000)))
    flood = [built_certificate(named(f"x {n}"), serial_number=der.integer(n), extensions=[names], issuer_key="ca") for n in range(15)]
    return signed(certificates=(certificate("ada").der, certificate("ca").der, *flood))


@bomb(ends=(SecmailError,))
def signers_with_a_certificate_each_times_revocation_evidence():
    leaves = [
        Certificate.from_der(
            built_certificate(named("victim"), serial_number=der.integer(5_000 + n), extensions=(*ADA_EXTENSIONS, UNKNOWN_CRITICAL), issuer_key="ca")
        )
        for n in range(64)
    ]
    infos = [Forged(sid=each.issuer_and_serial_number).signer_info() for each in leaves]
    evidence = [*(crl(400) for n in range(30)), *[der.tlv(0xA1, der.oid("1.3.6.1.5.5.7.16.2"), ocsp_response(700))]]
    return mime(signed_parts(*infos, certificates=(*(each.der for each in leaves), certificate("ca").der), crls=der.tlv(0xA1, *evidence)))


@bomb(ends=(SecmailError, None))
def signing_certificates_that_name_others_in_64_signers():
    ids = der.sequence(
        der.sequence(der.octets(SHA256.of(certificate("ada").der))), *[der.sequence(der.octets(bytes([n]) * 32)) for n in range(19)]
    )
    mine = attribute.attribute(attribute.SIGNING_CERTIFICATE_V2, der.sequence(ids))
    bag = [built_certificate(named(f"x {n}"), serial_number=der.integer(n), issuer_key="ca") for n in range(190)]
    infos = [Forged(extra=(mine, attribute.attribute(ANY, der.integer(n)))).signer_info() for n in range(64)]
    return mime(signed_parts(*infos, certificates=(certificate("ada").der, certificate("ca").der, *bag)))


@bomb(ends=(SecmailError, None))
def content_signed_without_attributes_by_64_signers_that_take_no_digest():
    content = CONTENT + bytes(2 * MIB)
    forged = Forged("eddy", content=content, attributes=None)
    info = forged.signer_info()
    return mime(signed_parts(*[info] * 64, content=der.octets(content), digests=der.tlv(der.SET, der.sequence(der.oid("2.16.840.1.101.3.4.2.3"))),
                             certificates=(certificate("eddy").der, certificate("ca").der)), sender="eddy@example.org")  # fmt: skip


@bomb(ends=(SecmailError, None))
def equivalent_labels_of_bit_maps():
    one = der.tlv(der.SET, der.oid(ANY), der.tlv(der.SET, missi(*[BIT_MAP] * 1)))
    labels = [one.replace(der.oid(ANY), der.oid(f"1.3.6.1.4.1.22112.{n}"), 1) for n in range(10, 109)]
    return with_attribute(attribute.EQUIVALENT_LABELS, der.sequence(*labels))


def equivalent_labels_of_each(signers: int, categories: int) -> bytes:
    bits = der.tlv(0xA1, der.tlv(der.BIT_STRING, b"\0" + b"\xff" * (categories // 8)))
    labels = [der.tlv(der.SET, der.oid(f"{ANY}.{number}"), der.tlv(der.SET, missi(bits))) for number in range(32)]
    extra = (attribute.attribute(attribute.EQUIVALENT_LABELS, der.sequence(*labels)),)
    return mime(signed_data(*[Forged(extra=extra)] * signers))


@bomb(told_as_opened, ends=(None,), of_4000_categories=(1, 4_000), of_900_categories=(60, 900))
def equivalent_labels_of_each_signer_opened(figures):
    return equivalent_labels_of_each(*figures)


@bomb(told_as_written, ends=(None,))
def equivalent_labels_of_each_signer_shown():
    return equivalent_labels_of_each(60, 900)


@bomb(ends=(SecmailError,))
def name_constraints_times_names():
    subtrees = [der.sequence(der.tlv(0x81, b"%d.example.org" % number)) for number in range(2_000)]
    constraints = der.sequence(der.tlv(0xA1, *subtrees))
    ca = authority("ca 0", "ca", 1000, [extension("2.5.29.30", constraints)], issuer_key="ca")
    cert = built_certificate(
        named("victim"), named("ca 0"), serial_number=der.integer(78),
        extensions=[extension("2.5.29.17", der.sequence(*numbered_names(2_000)))], issuer_key="ada",
    )  # fmt: skip
    return signed_with(Certificate.from_der(cert), certificates=(ca,))


def policies(*oids: str) -> bytes:
    return extension("2.5.29.32", der.sequence(*(der.sequence(der.oid(each)) for each in oids)))


def mappings(*pairs: tuple[str, str]) -> bytes:
    return extension("2.5.29.33", der.sequence(*(der.sequence(der.oid(a), der.oid(b)) for a, b in pairs)))


@bomb(ends=(SecmailError,))
def policy_mappings_that_double_at_each_level():
    two = (f"{ANY}.1", f"{ANY}.2")
    each = [policies(*two), mappings(*((a, b) for a in two for b in two))]
    chain = [authority(f"ca {number}", f"ca {number + 1}", number, each) for number in range(24)]
    top = authority("ca 24", "ca", 1000, each, issuer_key="ca")
    return hostile([top, *chain], extensions=[policies(*two), UNKNOWN_CRITICAL])


@bomb(ends=(SecmailError,))
def policy_mappings_by_the_hundred():
    many = [f"{ANY}.{number}" for number in range(60)]
    each = [policies(*many), mappings(*((a, b) for a in many[:40] for b in many[:40]))]
    chain = [authority(f"ca {number}", f"ca {number + 1}", number, each) for number in range(3)]
    return hostile([authority("ca 3", "ca", 1000, each, issuer_key="ca"), *chain], extensions=[policies(*many), UNKNOWN_CRITICAL])


@bomb(ends=(SecmailError,))
def certificates_that_all_claim_the_trust_anchor_as_issuer():
    """Each has to be tried, for each of 64 signers."""
    claimed = [
        built_certificate(named(f"ca {number}"), named("root"), serial_number=der.integer(number), extensions=CA_EXTENSIONS, issuer_key="ada")
        for number in range(190)
    ]
    infos = [Forged(extra=(attribute.attribute(ANY, der.integer(number)),)).signer_info() for number in range(64)]
    return mime(signed_parts(*infos, certificates=(certificate("ada").der, *claimed)))


@bomb(ends=(SecmailError,))
def signers_with_a_certificate_each_times_a_mesh():
    mesh = [authority(f"ca {a}", f"ca {b}", 20 * a + b) for a in range(11) for b in range(11) if a != b]
    leaves = [
        Certificate.from_der(
            built_certificate(
                named("victim"), named("ca 0"), serial_number=der.integer(5_000 + number),
                extensions=(*ADA_EXTENSIONS, UNKNOWN_CRITICAL), issuer_key="ada",
            )
        )
        for number in range(64)
    ]  # fmt: skip
    infos = [Forged(sid=each.issuer_and_serial_number).signer_info() for each in leaves]
    top = authority("ca 10", "ca", 1000, issuer_key="ca")
    return mime(signed_parts(*infos, certificates=(*(each.der for each in leaves), top, *mesh, certificate("ca").der)))


@bomb(ends=(SecmailError,))
def authorities_of_one_name_times_certificates_of_none_of_them():
    """Each of these might have been issued by each of those."""
    authorities = [authority("ca 0", "ca", 1000 + number, issuer_key="ca") for number in range(95)]
    claimed = [authority(f"x {number}", "ca 0", number, issuer_key="bob") for number in range(1, 96)]
    return hostile([*authorities, *claimed], extensions=[UNKNOWN_CRITICAL])


@bomb(ends=(SecmailError,))
def authorities_with_rsa_keys_of_16384_bits():
    info = rsa_info(odd(16_384), odd(32))
    ca = built_certificate(named("ca 0"), named("ca"), key=info, serial_number=der.integer(1000), extensions=CA_EXTENSIONS)
    below = [
        built_certificate(
            named(f"ca {number}"), named("ca 0"), serial_number=der.integer(number), extensions=CA_EXTENSIONS, algorithm=RSA_SHA256.der,
            signature=bytes((1,)) * 2048,
        )
        for number in range(1, 190)
    ]  # fmt: skip
    return hostile([ca, *below])


MARKS = "\u0301\u0327"  # which normalization puts into another order


@bomb(ends=(SecmailError, None), letters="a", marks=MARKS)
def certificates_of_somebody_with_a_long_name(piece):
    """Nobody trusts them; who issued them is looked for."""
    names = [named(f"{number}" + piece * (250_000 // len(piece.encode()))) for number in range(4)]
    bag = [built_certificate(issuer=each, serial_number=der.integer(number), signature=bytes(70)) for number, each in enumerate(names, 1)]
    return signed(certificates=(certificate("ada").der, certificate("ca").der, *bag))


@bomb(ends=(SecmailError, None), letters="a", marks=MARKS)
def certificates_of_many_with_long_names(piece):
    names = [named(f"{number}" + piece * (2_000 // len(piece.encode()))) for number in range(190)]
    bag = [built_certificate(each, each, serial_number=der.integer(number), signature=bytes(70)) for number, each in enumerate(names, 1)]
    return signed(certificates=(certificate("ada").der, certificate("ca").der, *bag))


@bomb(ends=(SecmailError, None), letters="a", marks=MARKS)
def signers_with_long_names(piece):
    def made(number: int) -> Certificate:
        name = named(f"{number}" + piece * (7_000 // len(piece.encode())))
        return Certificate.from_der(built_certificate(name, name, serial_number=der.integer(number), issuer_key="ada"))

    leaves = [made(number) for number in range(1, 60)]
    infos = [Forged(sid=each.issuer_and_serial_number).signer_info() for each in leaves]
    return mime(signed_parts(*infos, certificates=[each.der for each in leaves]))


LONG_NAMES = {
    "labels": lambda octets: [der.tlv(0x81, b"a@" + b"xn--bcher-kva." * (octets // 14))],
    "a label": lambda octets: [der.tlv(0x81, b"a@xn--" + b"9" * octets)],
    "addresses": lambda octets: numbered_names(octets // 18),
    "directory names": lambda octets: [der.tlv(0xA4, named("a"))] * (octets // 17),
    "network addresses": lambda octets: [der.tlv(0x87, bytes(4))] * (octets // 6),
}
SHARES = {"two": (2, 120_000), "fifteen": (15, 16_000), "sixty": (60, 4_000)}


@bomb(ends=(SecmailError, None), **{
    f"{kind} in {share} by {by}": (LONG_NAMES[kind], *SHARES[share], by) for kind in LONG_NAMES for share in SHARES for by in ("nobody", "the authority")
})  # fmt: skip
def signers_with_long_alternative_names(given):
    names, count, octets, by = given
    alternative, issuer_key = [extension("2.5.29.17", der.sequence(*names(octets)))], "ada" if by == "nobody" else "ca"
    leaves = [
        Certificate.from_der(built_certificate(named("x"), serial_number=der.integer(number), extensions=alternative, issuer_key=issuer_key))
        for number in range(1, count + 1)
    ]
    infos = [Forged(sid=each.issuer_and_serial_number).signer_info() for each in leaves]
    return mime(signed_parts(*infos, certificates=(certificate("ca").der, *(each.der for each in leaves))))


@bomb()
def certificates_with_a_mebibyte_of_names():
    names = extension("2.5.29.17", der.sequence(*LONG_NAMES["directory names"](190_000)))
    return signed(certificates=[built_certificate(serial_number=der.integer(number), extensions=[names], signature=bytes(70)) for number in range(1, 6)])


# Revocation evidence in the message


def crl(entries: int, issuer_key="ca", **_) -> bytes:
    revoked = [der.sequence(der.integer(number), der.tlv(der.UTC_TIME, b"260101000000Z")) for number in range(1, entries + 1)]
    to_be_signed = der.sequence(
        der.integer(1), SHA256_ECDSA, named("ca"), der.tlv(der.UTC_TIME, b"260201000000Z"), der.tlv(der.UTC_TIME, b"260401000000Z"),
        der.sequence(*revoked),
    )  # fmt: skip
    from cryptography.hazmat.primitives.asymmetric import ec

    signature = private_key(issuer_key).sign(to_be_signed, ec.ECDSA(hashes.SHA256()))
    return der.sequence(to_be_signed, SHA256_ECDSA, der.tlv(der.BIT_STRING, b"\0", signature))


@bomb()
def crl_of_100000_entries():
    return signed(crls=der.tlv(0xA1, crl(100_000)))


@bomb(ends=(SecmailError, None))
def crls_that_each_authority_of_a_name_may_have_signed():
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    keys = [ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) for _ in range(150)]
    namesakes = [
        built_certificate(named("ca"), named("ca 0"), key=key, serial_number=der.integer(number), extensions=CA_EXTENSIONS, issuer_key="ada")
        for number, key in enumerate(keys, 1)
    ]
    leaves = [
        Certificate.from_der(built_certificate(named("victim"), serial_number=der.integer(5_000 + n), extensions=ADA_EXTENSIONS, issuer_key="ca"))
        for n in range(20)
    ]
    infos = [Forged(sid=each.issuer_and_serial_number).signer_info() for each in leaves]
    bag = (certificate("ca").der, authority("ca 0", "ca", 1000, issuer_key="ca"), *namesakes, *(each.der for each in leaves))
    return mime(signed_parts(*infos, certificates=bag, crls=der.tlv(0xA1, *(crl(number + 1, "ada") for number in range(8)))))


@bomb()
def crls_by_the_hundred():
    return signed(crls=der.tlv(0xA1, *(crl(number + 500, "ada") for number in range(190))))


@bomb()
def crls_by_the_thousand():
    return signed(crls=der.tlv(0xA1, *[crl(1)] * 20_000))


def ocsp_response(answers: int) -> bytes:
    single = der.sequence(
        der.sequence(Algorithm("1.3.14.3.2.26", b"\5\0").der, der.octets(bytes(20)), der.octets(bytes(20)), der.integer(1)),
        der.tlv(0x80), der.tlv(der.GENERALIZED_TIME, b"20260301000000Z"),
    )  # fmt: skip
    data = der.sequence(der.tlv(0xA2, der.octets(bytes(20))), der.tlv(der.GENERALIZED_TIME, b"20260301000000Z"), der.sequence(*[single] * answers))
    basic = der.sequence(data, SHA256_ECDSA, der.tlv(der.BIT_STRING, bytes(71)))
    return der.sequence(
        der.tlv(0x0A, b"\0"), der.tlv(0xA0, der.sequence(der.oid("1.3.6.1.5.5.7.48.1.1"), der.octets(basic)))
    )


@bomb(too_many=30_000)
def ocsp_responses_with_answers(number):
    return signed(crls=der.tlv(0xA1, der.tlv(0xA1, der.oid("1.3.6.1.5.5.7.16.2"), ocsp_response(number))))


# Signers and attributes


@bomb()
def signers_by_the_thousand():
    return mime(signed_parts(*[Forged().signer_info()] * 5_000))


@bomb()
def signer_infos_that_are_empty():
    return mime(signed_parts(*[der.sequence()] * 1_000_000))


@bomb()
def digest_algorithms_by_the_hundred_thousand():
    return signed(digests=der.tlv(der.SET, *[SHA256.identifier.der] * 200_000))


@bomb(signed="extra", unsigned="unsigned")
def attributes_by_the_hundred_thousand(place):
    return signed(Forged(**{place: tuple([attribute.attribute(ANY, b"\5\0")] * 100_000)}))


@bomb(signed="extra", unsigned="unsigned")
def attribute_values_by_the_hundred_thousand(place):
    return signed(Forged(**{place: (der.sequence(der.oid(ANY), der.tlv(der.SET, *[b"\5\0"] * 900_000)),)}))


@bomb(signed="extra", unsigned="unsigned")
def attributes_times_values(place):
    values = der.tlv(der.SET, *[b"\5\0"] * 990)
    return signed(Forged(**{place: tuple(der.sequence(der.oid(f"{ANY}.{number}"), values) for number in range(990))}))


@bomb()
def attributes_of_64_signers():
    infos = [
        Forged(extra=tuple(attribute.attribute(ANY, der.integer(number)) for number in range(900))).signer_info() for _ in range(64)
    ]
    return mime(signed_parts(*infos))


@bomb(ends=(BadSignature,))
def content_that_is_a_set_of_attributes_times_values():
    values = der.tlv(der.SET, *[b"\5\0"] * 990)
    content = der.tlv(der.SET, *(der.sequence(der.oid(f"{ANY}.{number}"), values) for number in range(500)))
    return mime(signed_parts(Forged(content=content, attributes=None).signer_info(), content=der.octets(content)))


@bomb()
def capabilities_by_the_hundred_thousand():
    return with_attribute(attribute.SMIME_CAPABILITIES, der.sequence(*[der.sequence(der.oid(ANY))] * 200_000))


@bomb()
def equivalent_labels_by_the_ten_thousand():
    return with_attribute(attribute.EQUIVALENT_LABELS, der.sequence(*[SecurityLabel(ANY, 1).to_der()] * 50_000))


@bomb()
def receipts_to_of_entities_with_a_flood_of_names():
    entities = [der.sequence(*numbered_names(6_000))] * 16
    return with_attribute(attribute.RECEIPT_REQUEST, der.sequence(der.octets(b"id"), b"\x80\1\0", der.sequence(*entities)))


@bomb()
def receipts_from_of_a_hundred_thousand_entities():
    entities = [der.sequence(each) for each in numbered_names(100_000)]
    request = der.sequence(der.octets(b"id"), der.tlv(0xA1, *entities), der.sequence(entities[0]))
    return with_attribute(attribute.RECEIPT_REQUEST, request)


@bomb()
def expansion_history_with_a_flood_of_receipt_policies():
    policy = der.tlv(0xA2, *[der.sequence(each) for each in numbered_names(900)])
    entry = der.sequence(der.octets(b"list"), der.tlv(der.GENERALIZED_TIME, b"20260301000000Z"), policy)
    return with_attribute(attribute.ML_EXPANSION_HISTORY, der.sequence(*[entry] * 64))


@bomb()
def expansion_history_by_the_ten_thousand():
    entry = der.sequence(der.octets(b"list"), der.tlv(der.GENERALIZED_TIME, b"20260301000000Z"))
    return with_attribute(attribute.ML_EXPANSION_HISTORY, der.sequence(*[entry] * 50_000))


@bomb()
def signing_certificates_by_the_hundred_thousand():
    cert_id = der.sequence(der.octets(SHA256.of(certificate("ada").der)))
    return with_attribute(attribute.SIGNING_CERTIFICATE_V2, der.sequence(der.sequence(*[cert_id] * 90_000)))


def countersignature(unsigned: bytes = b"") -> bytes:
    return der.sequence(
        der.integer(1), certificate("ada").issuer_and_serial_number, SHA256.identifier.der, SHA256_ECDSA, der.octets(bytes(70)), unsigned
    )


@bomb()
def countersignatures_by_the_ten_thousand():
    return signed(Forged(unsigned=(der.sequence(der.oid(attribute.COUNTERSIGNATURE), der.tlv(der.SET, *[countersignature()] * 20_000)),)))


@bomb()
def countersignatures_of_countersignatures():
    info = countersignature()
    for _ in range(500):
        info = countersignature(der.tlv(0xA1, attribute.attribute(attribute.COUNTERSIGNATURE, info)))
    return signed(Forged(unsigned=(attribute.attribute(attribute.COUNTERSIGNATURE, info),)))


@bomb(ends=(None,))
def digests_of_every_kind_over_much_content():
    from secmail.algorithms import DIGESTS

    known = der.tlv(der.SET, *(each.identifier.der for each in DIGESTS.values()))
    content = CONTENT + bytes(4 * MIB)
    return signed(Forged(content=content), digests=known, content=der.octets(content))


# Recipients


@bomb()
def recipients_that_are_empty_by_the_million():
    return enveloped(*[der.sequence()] * 1_000_000, ktri())


@bomb()
def recipients_in_indefinite_lengths():
    """Inside definite ones, so that they have to be rewritten."""
    return enveloped(*[nest(3, indefinite=True)] * 120_000)


@bomb()
def recipients_of_key_transport_by_the_ten_thousand():
    return enveloped(*[ktri("ada", encrypted_key=bytes(64))] * 60_000, ktri())


@bomb()
def recipients_of_key_transport_that_name_somebody_falsely():
    """The identifier of the victim's certificate, where no identifier is read."""
    decoy = ktri(rid=der.tlv(0x80, b"x"), encrypted_key=certificate("rita").issuer_and_serial_number)
    return enveloped(*[decoy] * 49_000)


@bomb()
def recipients_of_key_agreement_by_the_hundred_thousand():
    return enveloped(kari(*[kari_key("rita")] * 150_000, kari_key("bob")))


@bomb()
def recipients_of_key_agreement_that_name_somebody_falsely():
    decoy = kari_key("", certificate("bob").issuer_and_serial_number, rid=der.tlv(0xA0, der.octets(b"x")))
    return enveloped(kari(*[decoy] * 100_000))


@bomb()
def recipients_of_key_agreement_with_one_key_each():
    decoy = kari(kari_key("", certificate("bob").issuer_and_serial_number, rid=der.tlv(0xA0, der.octets(b"x"))))
    return enveloped(*[decoy] * 40_000)


@bomb()
def recipients_with_shared_keys_by_the_ten_thousand():
    return enveloped(*[kekri(b"kekk")] * 100_000)


@bomb()
def recipients_with_shared_keys_that_name_one_falsely():
    return enveloped(*[kekri(b"kekk")] * 49_000)


@bomb()
def recipients_with_encapsulated_keys_by_the_ten_thousand():
    decoy = kemri(kemct=certificate("bob").issuer_and_serial_number + bytes(100))
    return enveloped(*[decoy] * 49_000)


@bomb()
def recipients_of_unknown_kinds_by_the_ten_thousand():
    return enveloped(*[ori(certificate("bob").issuer_and_serial_number, ANY)] * 60_000)


@bomb()
def recipients_with_passwords_by_the_thousand():
    return enveloped(*[pwri()] * 1_000)


@bomb(lambda data: [layer.recipients for layer in unwrap(BytesSource(data), keys=[SecretKey(bytes(32), b"k")], trust=trust(), now=NOW).layers], ends=(SecmailError,))
def recipients_with_names_that_take_long_to_show():
    names = named(*(f"{number:09}" for number in range(5)))
    infos = [ktri(rid=der.sequence(names, der.integer(number)), encrypted_key=b"") for number in range(40_000)]
    from cryptography.hazmat.primitives.keywrap import aes_key_wrap

    kek = der.tlv(0xA2, der.integer(4), der.sequence(der.octets(b"k")), Algorithm(AES256_WRAP.oid).der, der.octets(aes_key_wrap(bytes(32), bytes(32))))
    return enveloped(kek, *infos, content=der.tlv(0x80, zero_cbc()))


def zero_cbc() -> bytes:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    encryptor = Cipher(algorithms.AES(bytes(32)), modes.CBC(bytes(16))).encryptor()
    return encryptor.update(b"\r\nHi" + bytes((12,)) * 12) + encryptor.finalize()


@bomb(
    iterations_2_to_the_31=pwri(2**31 - 1),
    iterations_2_to_the_1000=pwri(2**1000),
    salt_of_a_megabyte=pwri(1000, bytes(MIB)),
    parameters_that_are_deep=pwri(parameters=nest(1_000)),
)
def password_recipient_with(info):
    return enveloped(info)


@bomb()
def password_recipients_with_many_iterations_together():
    return enveloped(*[pwri(1_000_000)] * 16)


@bomb(ends=(SecmailError,), SHA_1=(16, 7), SHA_512=(32, 11))
def password_recipients_just_within_the_limit(figures):
    share, prf = figures
    parameters = der.sequence(der.octets(bytes(8)), der.integer(MAX_ITERATIONS // share), der.sequence(der.oid(f"1.2.840.113549.2.{prf}")))
    return enveloped(*[pwri(parameters=parameters)] * 16)


@bomb(ends=(SecmailError,), ciphertext=kemri(bytes(2 * MIB)), key=kemri(wrapped=bytes(2 * MIB)), ukm=kemri(ukm=bytes(2 * MIB)))
def encapsulated_key_with_a_huge(info):
    return enveloped(info)


@bomb()
def encapsulated_key_with_a_huge_kek_length():
    return enveloped(kemri(kek_length=2**4096))


@bomb(ends=(SecmailError,))
def key_material_of_users_that_is_huge():
    return enveloped(kari(kari_key("bob"), ukm=bytes(8 * MIB)))


@bomb(ends=(SecmailError,))
def oaep_label_that_is_huge():
    label = der.sequence(der.tlv(0xA2, der.sequence(der.oid("1.2.840.113549.1.1.9"), der.octets(bytes(8 * MIB)))))
    return enveloped(ktri(algorithm=Algorithm("1.2.840.113549.1.1.7", label)))


@bomb(ends=(DecryptionError,))
def originator_certificates_by_the_hundred_thousand():
    return enveloped(ktri(), originator=der.tlv(0xA0, der.tlv(0xA0, *[der.sequence()] * 1_000_000)))


# Content in pieces


@bomb(empty=b"\4\0", of_one_octet=b"\4\1x")
def pieces_by_the_million(piece):
    return signed(content=b"\x24\x80" + piece * 1_000_000 + b"\0\0")


@bomb(empty=b"\4\0", of_one_octet=b"\4\1x")
def pieces_of_encrypted_content_by_the_million(piece):
    return enveloped(ktri(), content=b"\xa0\x80" + piece * 1_000_000 + b"\0\0")


@bomb(ends=(None,), empty=b"\4\0", of_one_octet=b"\4\1x")
def pieces_just_within_the_limit_in_ten_layers(piece):
    content = b"\x24\x80" + der.octets(CONTENT) + piece * 45_000 + b"\0\0"
    inner = CONTENT + piece[2:] * 45_000
    for _ in range(9):
        structure = signed_parts(Forged(content=inner).signer_info(), content=content)
        inner = b"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: binary\r\n\r\n" + structure
        content = der.octets(inner)
    return header() + inner


@bomb()
def pieces_inside_pieces_by_the_ten_thousand():
    return signed(content=b"\x24\x80" + nest(50, tag=0x24, inside=b"\4\1x") * 40_000 + b"\0\0")


# Layers


@bomb()
def layers_of_signatures():
    return message(*[S()] * 11)


@bomb()
def layers_of_signatures_and_envelopes():
    return message(*[S(), E()] * 6)


@bomb()
def layers_of_multipart_signed():
    inner = CONTENT
    for number in range(40):
        part = b"Content-Type: application/pkcs7-signature\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(
            signed_parts(Forged(content=inner).signer_info())
        )
        kind = b'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; boundary="b%d"\r\n\r\n' % number
        inner = kind + b"--b%d\r\n" % number + inner + b"\r\n--b%d\r\n" % number + part + b"\r\n--b%d--\r\n" % number
    return header() + inner


@bomb(ends=(SecmailError,))
def signers_in_every_layer():
    """64 signers with 200 certificates in each of ten layers."""
    certificates = [built_certificate(named(f"x {number}"), named("root"), serial_number=der.integer(number), signature=bytes(70)) for number in range(190)]
    inner = CONTENT
    for _ in range(10):
        infos = [Forged(content=inner, extra=(attribute.attribute(ANY, der.integer(each)),)).signer_info() for each in range(64)]
        structure = signed_parts(*infos, content=der.octets(inner), certificates=(*certificates, certificate("ada").der, certificate("ca").der))
        inner = b"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: binary\r\n\r\n" + structure
    return header() + inner


@bomb(ends=(SecmailError,))
def rsa_signers_of_16384_bits_in_every_layer():
    info = rsa_info(odd(16_384), odd(32))
    cert = built_certificate(key=info, extensions=ADA_EXTENSIONS)
    inner = CONTENT
    for _ in range(10):
        attributes = [
            attribute.attribute(attribute.CONTENT_TYPE, der.oid(DATA)),
            attribute.attribute(attribute.MESSAGE_DIGEST, der.octets(SHA256.of(inner))),
        ]
        infos = [
            der.sequence(
                der.integer(1), der.sequence(named("ca"), der.integer(77)), SHA256.identifier.der,
                der.tlv(0xA0, *sorted(attributes, reverse=True)), RSA_SHA256.der, der.octets(bytes((1,)) * 2048),
            )
        ] * 64  # fmt: skip
        structure = signed_parts(*infos, content=der.octets(inner), certificates=(cert, certificate("ca").der))
        inner = b"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: binary\r\n\r\n" + structure
    return header() + inner


# Compression


def compressed(data: bytes, level: int = 9) -> bytes:
    """A CompressedData whose content is given compressed."""
    structure = der.sequence(der.integer(0), ZLIB.der, der.sequence(der.oid(DATA), der.tlv(0xA0, der.octets(data))))
    return content_info(COMPRESSED_DATA, structure)


@bomb()
def compression_a_thousandfold():
    return mime(compressed(zlib.compress(CONTENT + bytes(200 * MIB), 1)), smime_type="compressed-data")


@bomb()
def compression_inside_compression():
    inner = mime(compressed(zlib.compress(CONTENT + bytes(MIB))))
    return mime(compressed(zlib.compress(inner)))


@bomb()
def compression_around_layers_around_compression():
    inner = b"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: binary\r\n\r\n" + compressed(zlib.compress(CONTENT))
    signed_ = mime(signed_parts(Forged(content=inner).signer_info(), content=der.octets(inner)))
    return mime(compressed(zlib.compress(signed_)))


@bomb(ends=(SecmailError,))
def compression_just_within_the_limit():
    packed = zlib.compress(CONTENT + os.urandom(MIB) + bytes(100 * MIB), 1)
    return header() + b"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: binary\r\n\r\n" + compressed(packed)


@bomb()
def compression_around_eight_signatures():
    inner = CONTENT + os.urandom(MIB)
    for _ in range(8):
        structure = signed_parts(Forged(content=inner).signer_info(), content=der.octets(inner))
        inner = b"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: binary\r\n\r\n" + structure
    return header() + b"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: binary\r\n\r\n" + compressed(
        zlib.compress(inner, 1)
    )


BINARY = b"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: binary\r\n\r\n"
SLOWEST = sorted(DIGESTS.values(), key=lambda each: ("SHA3" in each.name, each.name))[-6:]


def in_layers(make: Callable[[bytes], bytes], count: int, content: bytes) -> bytes:
    """Content inside so many layers that are all alike, without the header section of a message."""
    for _ in range(count):
        content = BINARY + make(content)
    return content


def quoted(octets: bytes) -> bytes:
    """All of them as quoted-printable."""
    return b"=\r\n".join(b"".join(b"=%02X" % each for each in octets[start : start + 24]) for start in range(0, len(octets), 24))


def signed_once(digests: list[Digest]) -> Callable[[bytes], bytes]:
    named_ = der.tlv(der.SET, *(each.identifier.der for each in digests))
    return lambda content: signed_parts(Forged().signer_info(), digests=named_, content=der.octets(content))


@bomb(
    five_with_a_digest=(5, [SHA256]),
    five_with_six_digests=(5, SLOWEST),
    one_with_six_digests=(1, SLOWEST),
    one_with_a_digest=(1, [SHA256]),
)
def compression_of_a_hundred_megabytes_around_signatures(figures):
    """Just within the limit of expansion, which layers inside multiply."""
    count, digests = figures
    inner = in_layers(signed_once(digests), count, CONTENT + os.urandom(MIB) + bytes(95 * MIB))
    return header() + BINARY + compressed(zlib.compress(inner, 1))


@bomb(digests_in_nine_layers=9, digests_in_three_layers=3)
def six_slow(count):
    return header() + in_layers(signed_once(SLOWEST), count, CONTENT + bytes(4 * MIB))


def triple_des(content: bytes) -> bytes:
    """An EnvelopedData to Bob, whose certificate is all that an attacker needs."""
    cek, padder = os.urandom(24), PKCS7(64).padder()
    encryptor = Cipher(TripleDES(cek), modes.CBC(bytes(8))).encryptor()
    ciphertext = encryptor.update(padder.update(content) + padder.finalize()) + encryptor.finalize()
    infos, version = make_all([Recipient(certificate("bob"))], cek)
    algorithm = Algorithm("1.2.840.113549.3.7", der.octets(bytes(8))).der
    encrypted = der.sequence(der.oid(DATA), algorithm, der.tlv(0x80, ciphertext))
    return content_info(ENVELOPED_DATA, der.sequence(der.integer(version), der.set_of(infos), encrypted))


@bomb(base64=("base64", 9, base64.encodebytes, MIB // 8), quoted_printable=("quoted-printable", 5, quoted, MIB // 32))
def layers_in_layers_of_text(figures):
    """Each is decoded again for each that is inside it."""
    encoding, count, encode, size = figures
    fields = f"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode()
    inner = CONTENT + bytes(size)
    for _ in range(count):
        inner = fields + encode(signed_once([SHA256])(inner))
    return header() + inner


@bomb(in_nine_layers=9, in_two_layers=2)
def triple_des_of_megabytes(count):
    return header() + in_layers(triple_des, count, CONTENT + bytes(4 * MIB))


@bomb()
def triple_des_around_signatures():
    return header() + BINARY + triple_des(in_layers(signed_once([SHA256]), 8, CONTENT + bytes(2 * MIB)))


@bomb(deep=(9, 2 * MIB), in_three_layers=(3, 2 * MIB))
@bomb(ends=(SignerMismatch, BadSignature, None), small=(6, 150 * 1024))
def multipart_signed_in_multipart_signed(figures):
    depth, lines = figures
    inner = CONTENT + b"x\n" * lines
    signature = b"\r\nContent-Type: application/pkcs7-signature\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    signature += base64.encodebytes(content_info(SIGNED_DATA, detached_parts()))
    for number in range(depth):
        boundary = b"--level-%d" % number
        start = b'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; boundary=' + boundary[2:] + b"\r\n\r\n"
        inner = start + boundary + b"\r\n" + inner + b"\r\n" + boundary + signature + boundary + b"--\r\n"
    return header() + inner


def detached_parts() -> bytes:
    return der.sequence(
        der.integer(1),
        der.set_of([SHA256.identifier.der]),
        der.sequence(der.oid(DATA)),
        der.tlv(0xA0, certificate("ca").der, certificate("ada").der),
        der.tlv(der.SET, Forged().signer_info()),
    )


@bomb()
def compressed_content_that_never_ends():
    deflate = zlib.compressobj()
    return mime(compressed(deflate.compress(CONTENT + os.urandom(1000)) + deflate.flush(zlib.Z_SYNC_FLUSH) + b"\0\0\0\xff\xff" * 500_000))


# MIME


def multipart(depth: int, boundary="b{}".format) -> bytes:
    return b"".join(
        b'Content-Type: multipart/mixed; boundary="%b"\r\n\r\n--%b\r\n' % ((boundary(number).encode(),) * 2) for number in range(depth)
    )


@bomb()
def parts_by_the_hundred_thousand():
    return header() + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 100_000 + b"--b--\r\n"


@bomb()
def parts_inside_parts():
    return header() + multipart(5_000)


@bomb(ends=(SecmailError,))
def parts_whose_boundaries_are_almost_alike():
    return header() + multipart(29, lambda number: "a" * 150 + chr(65 + number)) + (b"\r\n--" + b"a" * 150 + b"?") * 20_000


@bomb(ends=(SecmailError,))
def lines_that_are_almost_boundaries():
    return header() + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + b"--b\t\t\t\t\t\t\t\t\t\t\t\t\t\t\tx\r\n" * 100_000


@bomb()
def boundary_of_a_megabyte():
    return header() + b"Content-Type: multipart/mixed; boundary=" + b"b" * MIB + b"\r\n\r\n"


@bomb()
def boundary_of_thousands():
    return header() + b"Content-Type: multipart/mixed; boundary=" + b"b" * 2_000 + b"\r\n\r\n"


@bomb()
def header_fields_by_the_hundred_thousand():
    return b"X: y\r\n" * 100_000 + CONTENT


@bomb()
def header_fields_by_the_ten_thousand_in_parts():
    part = b"--b\r\n" + b"X: y\r\n" * 1_001 + b"\r\nx\r\n"
    return header() + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * 400


@bomb()
def header_field_of_a_megabyte():
    return b"Subject: " + b"x" * MIB + b"\r\n" + CONTENT


@bomb()
def header_field_continued_without_end():
    return b"Subject: x\r\n" + b" x\r\n" * 500_000 + CONTENT


@bomb()
def header_section_without_end():
    return b"x" * 4 * MIB


def unsigned_once(field: bytes) -> bytes:
    return field + b"\r\n" + CONTENT


FILL = 250_000  # octets, just within the limit of header sections


@bomb(
    ends=(SecmailError,),
    tiny=b"=?a?b?YQ==?=",
    separated=b"=?a?q?a?= ",
    unterminated=b"=?utf-8?q?a",
    of_changing_charsets=b"=?utf-8?q?=?= =?latin1?q?a?= ",
    of_question_marks=b"=?",
)
def encoded_words_by_the_ten_thousand(word):
    return unsigned_once(b"Subject: " + word * (FILL // len(word)))


@bomb(
    ends=(SecmailError,),
    commas=b",",
    addresses=b"a@b,",
    comments=b"(a)b",
    open_comments=b"(",
    quotes=b'"',
    backslashes=b'"\\',
    angles=b"<",
    groups=b"a:b;",
    brackets=b"[",
    spaces=b"a ",
    encoded_words=b"=?a?q?a?= <a@b>,",
)
def address_list_of_many(piece):
    return unsigned_once(b"From: " + piece * (FILL // len(piece)))


@bomb(
    ends=(SecmailError,),
    parameters=b";a=b",
    continuations=b";name*999=b",
    encoded_continuations=b";name*1*=%41",
    semicolons=b";",
    spaces=b"; ",
    quotes=b';a="',
    backslashes=b';a="\\',
    stars=b";*",
    open_names=b";aaaa ",
)
def content_type_of_many(piece):
    return unsigned_once(b"Content-Type: text/plain" + piece * (FILL // len(piece)))


@bomb(ends=(SecmailError,))
def continuations_of_every_number():
    pieces = b"".join(b";name*%d*=%%41%%42" % number for number in range(1_000))
    return unsigned_once(b"Content-Disposition: attachment" + pieces * 10)


@bomb(ends=(SecmailError,), digits=b"9" * FILL, spaces=b" " * FILL, colons=b"1:" * (FILL // 2), commas=b"Mon, " * (FILL // 5))
def date_of_many(piece):
    return unsigned_once(b"From: a@b\r\nDate: " + piece)


@bomb(ends=(None,))
def date_of_many_digits_in_a_signed_message():
    return b"Date: 1 Jan 2026 " + b"9" * 200_000 + b":1:1 +0000\r\n" + message(S())


@bomb(
    ends=(SignerMismatch,),  # read in full: the signature holds, and From names somebody else than who signed
    marks_to_sort="\u0315" * 60_000 + "\u0316" * 60_000 + "@x",
    domain_of_one_label="a@" + "\u00e4\u00f6" * 60_000,
    domain_of_many_labels="a@" + "\u00e4." * 60_000,
    ligatures="\ufdfa" * 80_000,
    quotes='"' * 240_000,
    commas="a," * 120_000,
    marks="@ " * 120_000,
)
def sender_of_a_signed_message(sender):
    """Compared with the addresses of the signer: normalization and Punycode take the square of the length."""
    return message(S(), top=b"From: " + sender.encode() + b"\r\n")


@bomb(ends=(SecmailError,))
def hp_outer_by_the_thousand():
    inner = b"HP-Outer: Subject: =?utf-8?q?a?=\r\n" * 900 + b'Content-Type: text/plain; hp="cipher"\r\nFrom: ada@example.org\r\n\r\nHi\r\n'
    return message(E(("bob",)), content=inner)


@bomb(ends=(SecmailError,))
def hp_outer_by_the_thousand_of_a_long_field():
    """Which is decoded once and not for each of them."""
    subject = b"Subject: " + b"=?utf-8?q?a?= " * 15_000 + b"\r\n"
    inner = b"HP-Outer: Subject: x\r\n" * 900 + subject + b'Content-Type: text/plain; hp="cipher"\r\n\r\nHi\r\n'
    return message(E(("bob",)), content=inner)


def spellings(address: str) -> str:
    """16,000 spellings of an address, all of which are the same."""
    letters = product(*({each, each.upper()} for each in address))
    return ",".join("".join(each) + end for each in islice(letters, 7_000) for end in ("", "."))


@bomb(ends=(None,), author=(), request=(attribute.attribute(attribute.RECEIPT_REQUEST, REQUEST.to_der()),))
def signers_times_spellings_of_the_sender(extra):
    return mime(signed_data(*[Forged("ada", extra=extra)] * 61, Forged("carl")), spellings("carl@example.org"))


@bomb(ends=(None,))
def signers_of_a_history_times_addresses_in_to():
    to = ",".join(f"{number:x}@b" for number in range(30_000))
    letter = f'From: carl@example.org\r\nTo: {to}\r\nContent-Type: text/plain; hp="clear"\r\n\r\nHello\r\n'.encode()
    inner = mime(signed_data(Forged("carl", content=letter)))
    history = attribute.attribute(attribute.ML_EXPANSION_HISTORY, encoded_history([MLData(der.octets(b"list"), NOW)]))
    return mime(signed_data(*[Forged("bob", content=inner, extra=(history,))] * 62), "carl@example.org")


@bomb(ends=(SecmailError,))
def messages_in_messages():
    return header() + b"Content-Type: message/rfc822\r\n\r\n" * 10_000 + CONTENT


@bomb(ends=(SecmailError,), padding=b"=", alphabet=b"*", lines=b"\r\n", spaces=b" ", groups=b"A===")
def base64_of_many(piece):
    fields = b"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return header() + fields + piece * (4 * MIB // len(piece))


@bomb(
    ends=(SecmailError,),
    signs=b"=",
    blanks=b" ",
    blanks_and_lines=b" \r\n",
    soft_breaks=b"=\r\n",
    broken=b"=\r",
    escapes=b"=3D",
    tabs_and_signs=b"\t=",
)
def quoted_printable_of_many(piece):
    fields = b"Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    return header() + fields + piece * (4 * MIB // len(piece))


@bomb(ends=(SecmailError,))
def legacy_display_of_many_divs():
    inner = b'Content-Type: text/html; hp="cipher"; hp-legacy-display=1\r\n\r\n' + b'<div class="header-protection-legacy-display">' * 20_000
    return message(E(("bob",)), content=inner)


# Labels, clearances and policies


def category(value: bytes, type_: str = "2.16.840.1.101.2.1.8.1") -> bytes:
    return der.sequence(der.tlv(0x80, der.oid(type_)[2:]), der.tlv(0xA1, value))


def missi(*tags: bytes) -> bytes:
    return category(der.tlv(der.SET, der.sequence(der.oid(ANY), der.sequence(*tags))))


ENUMERATED = der.tlv(0xA2, der.set_of([der.tlv(der.INTEGER, number.to_bytes(3, "big")) for number in range(10_000)]))
BIT_MAP = der.tlv(0xA1, der.tlv(der.BIT_STRING, b"\0" + b"\xff" * 512))
LABELS = {
    "categories by the thousand": [missi()] * 5_000,
    "enumerated attributes by the ten thousand": [missi(ENUMERATED)],
    "bit map of half a million bits": [missi(der.tlv(0xA1, der.tlv(der.BIT_STRING, b"\0" + b"\xff" * 60_000)))],
    "bit maps by the hundred": [missi(*[BIT_MAP] * 120)],
    "tag sets by the hundred": [category(der.tlv(der.SET, *[der.sequence(der.oid(f"{ANY}.{n}"), der.sequence(BIT_MAP)) for n in range(120)]))],
    "attributes of kilobytes": [missi(der.tlv(0xA2, der.tlv(der.SET, der.tlv(der.INTEGER, b"\x7f" * 60_000))))],
    "more than 64 kibibytes": [category(bytes(70_000), ANY)],
}
for _name, _categories in LABELS.items():
    _label = der.tlv(der.SET, der.oid(ANY), der.tlv(der.SET, *_categories))
    BOMBS[f"label with {_name}"] = Bomb(lambda label=_label: label, SecurityLabel.from_der, (Malformed,))
    BOMBS[f"label in a message with {_name}"] = Bomb(lambda label=_label: label, label_in_a_message, (Malformed,))


def privileges(*tags: bytes) -> bytes:
    return category(der.tlv(der.SET, der.sequence(der.oid(ANY), der.sequence(*tags))), "2.16.840.1.101.2.1.8.2")


@bomb(
    Clearance.from_der,
    categories_by_the_thousand=[privileges()] * 5_000,
    attributes_by_the_ten_thousand=[privileges(der.tlv(0xA2, ENUMERATED[4:]))],
    bit_maps_by_the_hundred=[privileges(*[der.tlv(0x81, b"\0" + b"\xff" * 512)] * 120)],
    attributes_of_kilobytes=[privileges(der.tlv(0xA2, der.tlv(der.INTEGER, b"\x7f" * 60_000)))],
)
def clearance_with(categories):
    return der.sequence(der.oid(ANY), der.tlv(der.SET, *categories))


@bomb(Clearance.from_der)
def clearance_with_a_class_list_of_half_a_million():
    return der.sequence(der.oid(ANY), der.tlv(der.BIT_STRING, b"\0" + b"\xff" * 60_000))


@bomb(Clearance.from_attributes)
def directory_attributes_by_the_hundred_thousand():
    return der.sequence(*[attribute.attribute("2.5.4.55", Clearance(ANY).to_der())] * 100_000)


@bomb(authority_clearance_constraints)
def clearance_constraints_by_the_hundred_thousand():
    return der.sequence(*[Clearance(ANY).to_der()] * 100_000)


SPIF = '<SPIF xmlns="http://www.xmlspif.org/spif"><securityPolicyId name="A" id="1.2.3"/>%s</SPIF>'


@bomb(read_label)
def label_of_a_flood_of_elements():
    return b'<label xmlns="http://surevine.com/xmlns/spiffy"><policy id="1.2.3"/>' + b"<tag/>" * 600_000 + b"</label>"


@bomb(SecurityPolicy.from_xml, in_text="<a>&i;</a>", in_an_attribute='<a b="&i;"/>')
def policy_with_a_billion_laughs(where):
    entities = "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(8))
    return f'<!DOCTYPE SPIF [<!ENTITY a "ha">{entities}]>{SPIF % where}'.encode()


@bomb(SecurityPolicy.from_xml)
def policy_with_a_quadratic_entity():
    return f'<!DOCTYPE SPIF [<!ENTITY i "{"x" * 50_000}">]>{SPIF % ("<a b=" + chr(34) + "&i;" * 50_000 + chr(34) + "/>")}'.encode()


@bomb(SecurityPolicy.from_xml)
def policy_with_an_external_entity():
    return f'<!DOCTYPE SPIF [<!ENTITY i SYSTEM "file:///dev/zero">]>{SPIF % "<a>&i;</a>"}'.encode()


@bomb(SecurityPolicy.from_xml)
def policy_that_is_deep():
    return (SPIF % ("<a>" * 100_000)).encode()


@bomb(SecurityPolicy.from_xml)
def policy_of_many_attributes():
    return (SPIF % ("<a " + " ".join(f'b{n}=""' for n in range(150_000)) + "/>")).encode()


@bomb(SecurityPolicy.from_xml)
def policy_of_many_namespaces():
    return (SPIF % ("<a " + " ".join(f'xmlns:b{n}="c{n}"' for n in range(100_000)) + "/>")).encode()


@bomb(SecurityPolicy.from_xml)
def policy_of_five_mebibytes():
    return (SPIF % ("<a/>" * MIB)).encode()


@bomb(SecurityPolicy.from_xml)
def policy_with_categories_that_all_exclude_all():
    everything = '<excludedCategory tagSetRef="T" tagType="restrictive" all="true"/><excludedCategory tagSetRef="T" tagType="restrictive" lacv="0"/>'
    categories = "".join(f'<tagCategory name="{n}" lacv="{n}">{everything}</tagCategory>' for n in range(4_000))
    tag = f'<securityCategoryTag name="t" tagType="restrictive">{categories}</securityCategoryTag>'
    return (SPIF % f'<securityCategoryTagSets><securityCategoryTagSet name="T" id="1.2.4">{tag}</securityCategoryTagSet></securityCategoryTagSets>').encode()


# Private keys


def encrypted_key(derivation: Algorithm) -> bytes:
    scheme = Algorithm("1.2.840.113549.1.5.13", der.sequence(derivation.der, Algorithm(AES256_CBC.oid, der.octets(bytes(16))).der))
    return der.sequence(scheme.der, der.octets(bytes(128)))


def with_passphrase(data: bytes) -> object:
    return load_private_key(data, b"secret")


def scrypt(cost: int, block: int = 8, parallel: int = 1) -> bytes:
    return encrypted_key(
        Algorithm("1.3.6.1.4.1.11591.4.11", der.sequence(der.octets(bytes(8)), der.integer(cost), der.integer(block), der.integer(parallel)))
    )


@bomb(
    with_passphrase,
    iterations_2_to_the_31=encrypted_key(Algorithm(PBKDF2, der.sequence(der.octets(bytes(8)), der.integer(2**31 - 1)))),
    scrypt_that_costs_memory=scrypt(2**20, 64),
    scrypt_that_costs_time=scrypt(2**14, 8, 10_000),
    old_scheme=der.sequence(Algorithm("1.2.840.113549.1.12.1.3", der.sequence(der.octets(bytes(8)), der.integer(2**31 - 1))).der, der.octets(bytes(128))),
)
def private_key_under(encrypted):
    return encrypted


@bomb(with_passphrase)
def private_key_under_iterations_in_pem():
    data = encrypted_key(Algorithm(PBKDF2, der.sequence(der.octets(bytes(8)), der.integer(2**31 - 1))))
    return b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + base64.encodebytes(data) + b"-----END ENCRYPTED PRIVATE KEY-----\n"


@bomb(load_private_key)
def private_key_of_megabytes():
    return der.sequence(der.integer(0), PKCS1_V15.der, der.octets(bytes(2 * MIB)))


@bomb(load_private_key, bits_8192=8_192, bits_16384=16_384)
def private_key_of_rsa_with(bits):
    """Whose factors have to be proven prime, which they are not far from."""
    p, q = odd(bits // 2), odd(bits // 2)
    numbers = (0, p * q, 65_537, odd(bits - 8), p, q, odd(bits // 2 - 8), odd(bits // 2 - 8), odd(bits // 2 - 8))
    key = der.sequence(*map(der.integer, numbers))
    return der.sequence(der.integer(0), PKCS1_V15.der, der.octets(key))


# Receipts and mail lists


@bomb(receipt_checked, ends=(SecmailError,))
def receipt_of_megabytes():
    receipt = Receipt(DATA, bytes(2 * MIB), bytes(2 * MIB)).to_der()
    return mime(signed_parts(Forged("bob", content=receipt, content_type=RECEIPT).signer_info(), content=der.octets(receipt), content_type=RECEIPT,
                             certificates=(certificate("bob").der, certificate("ca").der)))  # fmt: skip


@bomb(receipt_checked)
def receipt_with_a_flood_of_attributes():
    receipt = Receipt(DATA, b"id", b"signature").to_der()
    forged = Forged("bob", content=receipt, content_type=RECEIPT, extra=tuple([attribute.attribute(ANY, b"\5\0")] * 50_000))
    return mime(signed_parts(forged.signer_info(), content=der.octets(receipt), content_type=RECEIPT))


@bomb(expanded)
def list_message_with_a_flood_of_histories():
    entry = der.sequence(der.octets(b"list"), der.tlv(der.GENERALIZED_TIME, b"20260301000000Z"))
    return with_attribute(attribute.ML_EXPANSION_HISTORY, der.sequence(*[entry] * 50_000))


@bomb(expanded)
def list_message_of_many_layers():
    return message(*[S()] * 11)


@bomb(expanded)
def list_message_to_a_million():
    return enveloped(*[der.sequence()] * 1_000_000)


# Exploding them


PATIENCE = 20  # seconds of CPU after which a bomb that is not defused is ended
ROOM = 4096 * MIB


def explode(name: str) -> dict[str, object]:
    """Build the bomb, let it be met in a process of its own, and tell how that ended and what it cost."""
    made = BOMBS[name]
    data = made.build()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        resource.setrlimit(resource.RLIMIT_CPU, (PATIENCE, PATIENCE))
        resource.setrlimit(resource.RLIMIT_AS, (ROOM, ROOM))
        before, start = _resident(), time.process_time()
        try:
            made.meets(data)
            outcome = "nothing"
        except BaseException as error:
            outcome = " ".join(kind.__name__ for kind in type(error).__mro__)
        seconds = time.process_time() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before
        os.write(writing, json.dumps({"outcome": outcome, "seconds": seconds, "mebibytes": peak}).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        answer = told.read()
    os.waitpid(child, 0)
    return json.loads(answer) if answer else {"outcome": "died", "seconds": float(PATIENCE), "mebibytes": 0.0}


def _resident() -> float:
    """Mebibytes now in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / MIB


def main() -> None:
    keys(), trust()  # made once, and not by each victim
    for line in sys.stdin:
        print(json.dumps(explode(line.rstrip("\n"))), flush=True)


if __name__ == "__main__":
    main()
