"""The key of a certificate: which are refused, what it may be used for, signing and verifying with it."""

from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, rsa, x448, x25519
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID

from secmail import der
from secmail.algorithms import (
    RSASSA_PSS,
    UNSUPPORTED_KEYS,
    AlgorithmIdentifier,
    Message,
    Signature,
    SigningAlgorithm,
    may_verify,
    proves_nothing,
    signing,
    verify,
)
from secmail.certificates.encoded import Encoded, remembered
from secmail.errors import BadSignature, Malformed, Unsupported

MAX_RSA_BITS = 16_384
PSS_PLACE = 32  # octets of a public key, in which its algorithm is
MIN_RSA_BITS = 1_024  # shorter ones are weak no longer, but broken
MAX_EXPONENT_BITS = 32  # those of Windows; the cost of verifying grows with the exponent
SMIME_CAPABILITIES = "1.2.840.113549.1.9.15"  # RFC 4262 section 2
KEY_USAGE, EXTENDED_KEY_USAGE = "2.5.29.15", "2.5.29.37"
MAIL_PURPOSES = {
    der.oid(each.dotted_string) for each in (ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
}
LONGEST_KEY_USAGE = 5  # octets: nine bits
KEY_USAGES = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign")
ENCRYPTION_USAGES = (
    (rsa.RSAPublicKey | mlkem.MLKEM768PublicKey | mlkem.MLKEM1024PublicKey, "key_encipherment"),
    (ec.EllipticCurvePublicKey | x25519.X25519PublicKey | x448.X448PublicKey, "key_agreement"),
)


@dataclass(frozen=True, repr=False)
class Keyed(Encoded):
    """A certificate's key, and the extensions that say what it is for."""

    @remembered
    def public_key(self) -> CertificatePublicKeyTypes:
        """The ``cryptography`` key; Unsupported for an unknown kind, explicit EC parameters or a huge RSA modulus."""
        try:
            key = self._x509.public_key()
        except (ValueError, UnsupportedAlgorithm) as error:
            kind = der.read(self.public_key_info).inside().oid()
            name = UNSUPPORTED_KEYS.get(kind, kind)
            raise Unsupported(f"public keys of the algorithm {name} are not supported") from error
        if getattr(key, "key_size", 0) > MAX_RSA_BITS:
            raise Unsupported(f"an RSA key longer than {MAX_RSA_BITS} bits")
        if isinstance(key, rsa.RSAPublicKey):
            if flaw := _flaw(key):
                raise Unsupported(flaw)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            if not self._names_its_curve:
                # RFC 5480 section 2.1.1: "implicitCurve and specifiedCurve MUST NOT be used in PKIX"
                raise Unsupported("an elliptic curve that is given by parameters and not by name")
        elif proves_nothing(key):
            raise Unsupported("a key for which anybody can sign, a point of small order")
        return key

    @property
    def _names_its_curve(self) -> bool:
        return self.key_algorithm.parameters[:1] == bytes((der.OBJECT_IDENTIFIER,))

    @remembered
    def key_algorithm(self) -> AlgorithmIdentifier:
        """What the certificate says the key is for; id-RSASSA-PSS limits an RSA key (RFC 4055 section 1.2)."""
        return AlgorithmIdentifier.read(der.read(self.public_key_info))

    @property
    def _is_for_pss_only(self) -> bool:
        """Without going through the structure, because the question is asked for each recipient."""
        return der.oid(RSASSA_PSS) in self.public_key_info[:PSS_PLACE]

    def signing(self, *, pss: bool = False) -> SigningAlgorithm:
        """What to sign with by this key; ``pss`` gives RSASSA-PSS for RSA keys. Unsupported for other keys than the engine signs with."""
        planned = signing(self.public_key, pss=pss or self._is_for_pss_only)
        if not may_verify(self.key_algorithm, planned.identifier):
            raise Unsupported("the certificate limits its key to signatures that are not made here")
        return planned

    @remembered
    def verifying_cost(self) -> int:
        """How much a signature by this key takes to verify, at least 1: it grows with the square of an RSA modulus, and 3,000 bits are 1."""
        key = self.public_key
        return max(1, (key.key_size // 2_048) ** 2 // 2) if isinstance(key, rsa.RSAPublicKey) else 1

    def verify(self, identifier: AlgorithmIdentifier, signature: bytes, message: Message) -> Signature:
        """Check a signature by this key and return the algorithm's row; BadSignature or Unsupported. Trust is not looked at."""
        if not may_verify(self.key_algorithm, identifier):
            raise BadSignature("RFC 4056 section 3: the certificate limits its key to other signatures than this one")
        return verify(self.public_key, identifier, signature, message)

    @remembered
    def key_usage(self) -> frozenset[str] | None:
        """The names of RFC 5280 section 4.2.1.3 in snake_case; None where the extension is absent, which allows every use."""
        found = self.extension_value(KEY_USAGE)
        if found is not None and len(found) > LONGEST_KEY_USAGE:
            raise Malformed("a key usage of too many bits")
        return None if found is None else _key_usages(found)

    @property
    def can_sign(self) -> bool:
        """RFC 8550 section 4.4.2: digitalSignature or nonRepudiation, or no key usage at all."""
        return self.is_for_mail and self.may("digital_signature", "content_commitment")

    @remembered
    def can_encrypt(self) -> bool:
        """Key encipherment for RSA and ML-KEM, key agreement for elliptic curves, or no key usage at all."""
        try:
            usage = _encryption_usage(type(self.public_key))
        except Unsupported:
            return False
        return usage is not None and self.is_for_mail and self.may(usage) and not self._is_for_pss_only

    @remembered
    def capabilities(self) -> tuple[str, ...] | None:
        """OIDs of the S/MIME capabilities that the certificate states (RFC 4262), None if it states none."""
        if der.oid(SMIME_CAPABILITIES) not in self.der:  # which few state: the extensions need not be gone through
            return None
        value = self.extension_value(SMIME_CAPABILITIES)
        return None if value is None else tuple(each.inside().oid() for each in der.read(value))

    def may(self, *usages: str) -> bool:
        """Whether the key usage allows one of these, or leaves everything open."""
        return self.key_usage is None or not self.key_usage.isdisjoint(usages)

    @property
    def is_for_mail(self) -> bool:
        """RFC 8550 section 4.4.4: an extended key usage must name e-mail protection or any purpose."""
        found = self.extension_value(EXTENDED_KEY_USAGE)
        if found is None:
            return True
        purposes = der.read(found).rest()
        return not MAIL_PURPOSES.isdisjoint(der.encodings(purposes, 0, len(purposes)))


def _flaw(key: rsa.RSAPublicKey) -> str | None:
    """Why an RSA key is good for nothing, if so; no more than a look at its numbers."""
    if key.key_size < MIN_RSA_BITS:
        return f"an RSA key shorter than {MIN_RSA_BITS} bits, which anybody can break"
    numbers = key.public_numbers()
    if numbers.n % 2 == 0:
        return "an RSA key whose modulus is even, and so no product of large primes"
    if numbers.e.bit_length() > MAX_EXPONENT_BITS:
        return f"an RSA key with an exponent longer than {MAX_EXPONENT_BITS} bits"
    return None


@lru_cache
def _key_usages(encoded: bytes) -> frozenset[str]:
    content = der.Reader(encoded).element(der.BIT_STRING).content
    if len(content) < 2 or content[0] > 7:
        raise Malformed("a key usage that is no bit string")
    return frozenset(name for number, name in enumerate(KEY_USAGES) if content[1] & 0x80 >> number)


@lru_cache
def _encryption_usage(kind: type) -> str | None:
    """By type, because the question is asked for each recipient and ``isinstance`` takes its time with abstract classes."""
    return next((usage for kinds, usage in ENCRYPTION_USAGES if issubclass(kind, kinds)), None)
