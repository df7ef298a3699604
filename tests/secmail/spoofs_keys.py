"""Certificates that are good and whose keys are not: for other signatures only, too short, or such that anybody can sign."""

from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from forge import CONTENT, content_info
from layered import mime
from pki import certificate, private_key
from spoofs import NOT_VERIFIED, VERIFIED, Family, standard

from secmail import Certificate, der
from secmail.algorithms import (
    ED25519,
    MGF1,
    NULL,
    PSS_SHA256,
    RSA_ENCRYPTION,
    RSASSA_PSS,
    SHA256,
    SHA384,
    SHA512,
    AlgorithmIdentifier,
    Digest,
)
from secmail.cms import DATA, SIGNED_DATA

FAMILY = Family()
HASHES = {SHA256: hashes.SHA256(), SHA384: hashes.SHA384()}
RSA_SHA256 = AlgorithmIdentifier("1.2.840.113549.1.1.11", NULL)
ED = AlgorithmIdentifier(ED25519)


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def adas(algorithm: AlgorithmIdentifier, key: bytes) -> Certificate:
    """Ada's certificate, by her authority, with another public key in it."""
    tbs = x509.load_der_x509_certificate(certificate("ada").der).tbs_certificate_bytes
    members = [each.der for each in der.read(tbs)]
    members[6] = der.sequence(algorithm.der, der.tlv(der.BIT_STRING, b"\0", key))
    tbs = der.sequence(*members)
    value = private_key("ca").sign(tbs, ec.ECDSA(hashes.SHA256()))
    return Certificate.from_der(der.sequence(tbs, der.sequence(der.oid("1.2.840.10045.4.3.2")), der.tlv(der.BIT_STRING, b"\0", value)))


def signed_by(cert: Certificate, algorithm: AlgorithmIdentifier, sign, digest: Digest = SHA256) -> bytes:
    attributes = standard(digest=digest)
    info = der.sequence(
        der.integer(1),
        cert.issuer_and_serial_number,
        digest.identifier.der,
        der.tlv(der.context(0), *sorted(attributes)),
        algorithm.der,
        der.octets(sign(der.set_of(attributes))),
    )
    body = der.sequence(
        der.integer(1),
        der.set_of([digest.identifier.der]),
        der.sequence(der.oid(DATA), der.tlv(der.context(0), der.octets(CONTENT))),
        der.set_of([cert.der, certificate("ca").der], der.context(0)),
        der.set_of([info]),
    )
    return mime(content_info(SIGNED_DATA, body))


def pss(digest: Digest, mgf: Digest, salt_length: int) -> AlgorithmIdentifier:
    generator = der.sequence(der.oid(MGF1), mgf.identifier.der)
    members = (digest.identifier.der, generator, der.integer(salt_length))
    return AlgorithmIdentifier(RSASSA_PSS, der.sequence(*(der.tlv(der.context(number), each) for number, each in enumerate(members))))


def by_rsa(limit: AlgorithmIdentifier, algorithm: AlgorithmIdentifier, digest: Digest = SHA256, scheme=None, bits: int = 2048):
    def build() -> bytes:
        key = rsa_key(bits)
        cert = adas(limit, key.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1))
        return signed_by(cert, algorithm, lambda data: key.sign(data, scheme or padding.PKCS1v15(), HASHES[digest]), digest)

    return build


def salted(digest: Digest, salt_length: int, mgf: Digest | None = None) -> padding.PSS:
    return padding.PSS(padding.MGF1(HASHES[mgf or digest]), salt_length)


ANY_PSS = AlgorithmIdentifier(RSASSA_PSS)
LIMITED = {
    "pss_key_signs_pkcs1": by_rsa(ANY_PSS, RSA_SHA256),
    "limited_pss_key_signs_pkcs1": by_rsa(PSS_SHA256, RSA_SHA256),
    "limited_pss_key_signs_with_another_hash": by_rsa(PSS_SHA256, pss(SHA384, SHA384, 48), SHA384, salted(SHA384, 48)),
    "limited_pss_key_signs_with_another_mgf": by_rsa(PSS_SHA256, pss(SHA256, SHA384, 32), SHA256, salted(SHA256, 32, SHA384)),
    "limited_pss_key_signs_with_less_salt": by_rsa(PSS_SHA256, pss(SHA256, SHA256, 0), SHA256, salted(SHA256, 0)),
}
for name, build in LIMITED.items():
    FAMILY.add(name, "RFC 4056 section 3: what the certificate limits its key to holds for each signature", NOT_VERIFIED, build)
FAMILY.add("limited_pss_key", "RFC 4056 section 3: the hashes are the same, the salt no shorter", VERIFIED, by_rsa(PSS_SHA256, pss(SHA256, SHA256, 64), SHA256, salted(SHA256, 64)))
FAMILY.add("unlimited_pss_key", "RFC 4056 section 3: without parameters any PSS will do", VERIFIED, by_rsa(ANY_PSS, pss(SHA384, SHA384, 48), SHA384, salted(SHA384, 48)))
FAMILY.add(
    "rsa_of_768_bits",
    "an RSA key that was factored long ago proves nothing",
    NOT_VERIFIED,
    lambda: signed_by(certificate_of_768_bits(), RSA_SHA256, lambda data: bytes(96)),
    layers__0__signers__0__status="unverifiable",
)


def certificate_of_768_bits() -> Certificate:
    modulus = 2**767 + 1  # nobody gets as far as the signature
    return adas(AlgorithmIdentifier(RSA_ENCRYPTION, NULL), der.sequence(der.integer(modulus), der.integer(65537)))


IDENTITY = b"\1" + bytes(31)
ORDER_8 = (0x5FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826).to_bytes(32, "little")
SMALL_ORDER = {"1": IDENTITY, "1_not_canonical": (2**255 - 18).to_bytes(32, "little"), "2": (2**255 - 20).to_bytes(32, "little"), "4": bytes(32), "8": ORDER_8}
for name, point in SMALL_ORDER.items():
    FAMILY.add(
        f"ed25519_key_of_order_{name}",
        "R = identity and S = 0 are a signature of every message, or of one in a few, by such a key",
        NOT_VERIFIED,
        lambda point=point: signed_by(adas(ED, point), ED, lambda data: IDENTITY + bytes(32), SHA512),
        layers__0__signers__0__status="unverifiable",
    )
