"""What the engine and its callers want to know about a certificate; trust in it is decided in ``paths``."""

import hashlib
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any, ClassVar, Self, TypeVar, overload

from asn1crypto import core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, rsa, x448, x25519
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

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
from secmail.errors import BadSignature, Malformed, Unsupported

MAX_LENGTH = 256 * 1024  # octets of a certificate; those with keys of post-quantum algorithms have up to 60,000
MAX_RSA_BITS = 16_384
PSS_PLACE = 32  # octets of a public key, in which its algorithm is
MIN_RSA_BITS = 1_024  # shorter ones are weak no longer, but broken
UNSCANNED = 4_096  # octets, which hold too little to make a parser slow or deep
MAX_NAME = 100  # attributes in it
MAX_DOMAIN = 255  # octets (RFC 1035 section 2.3.4); what is longer is no domain, and would take long to convert
MAX_EXPONENT_BITS = 32  # those of Windows; the cost of verifying grows with the exponent
SMTP_UTF8_MAILBOX = x509.ObjectIdentifier("1.3.6.1.5.5.7.8.9")  # RFC 9598 section 3
SMIME_CAPABILITIES = "1.2.840.113549.1.9.15"  # RFC 4262 section 2
AUTHORITY_CLEARANCE_CONSTRAINTS = "1.3.6.1.5.5.7.1.21"  # RFC 5913 section 3
EXTENSIONS = der.context(3)
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


class _Extension(asn1_x509.Extension):
    """asn1crypto 1.5 refuses a SET of no type it knows, as in the categories of a clearance; ``labels`` reads these attributes."""

    _oid_specs: ClassVar = {  # type: ignore[misc]
        name: spec for name, spec in asn1_x509.Extension._oid_specs.items() if name != "subject_directory_attributes"
    }


class _Extensions(asn1_x509.Extensions):
    _child_spec = _Extension


_OURS: dict[Any, Any] = {core.OctetBitString: core.BitString, asn1_x509.Extensions: _Extensions}


class _TbsCertificate(asn1_x509.TbsCertificate):
    """asn1crypto 1.5 forgets the unused bits of a BIT STRING that it reads as octets, and writes other bytes than were signed."""

    _fields: ClassVar = [  # type: ignore[misc]
        (name, _OURS.get(spec, spec), *options) for name, spec, *options in asn1_x509.TbsCertificate._fields
    ]


class _Certificate(asn1_x509.Certificate):
    _fields: ClassVar = [("tbs_certificate", _TbsCertificate), *asn1_x509.Certificate._fields[1:]]  # type: ignore[misc]

    @property
    def critical_extensions(self) -> set[str]:
        """Without those that are processed here, whatever the path library knows."""
        return set(super().critical_extensions) - {AUTHORITY_CLEARANCE_CONSTRAINTS}


Extension = TypeVar("Extension", bound=x509.ExtensionType)
Value = TypeVar("Value")


class remembered(cached_property[Value]):
    """``cached_property`` without its lock, as from Python 3.12 on, which costs a microsecond a property of each of 10,000 certificates."""

    @overload
    def __get__(self, instance: None, owner: type[Any] | None = None) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> Value: ...
    def __get__(self, instance: object, owner: type[Any] | None = None) -> Self | Value:
        if instance is None:
            return self
        value = instance.__dict__[self.attrname or ""] = self.func(instance)
        return value


@dataclass(frozen=True, repr=False)
class Certificate:
    """An X.509 certificate (RFC 5280 section 4). Two are equal if their bytes are; made by ``from_der`` or ``from_pem``."""

    der: bytes

    @classmethod
    def from_der(cls, data: bytes) -> "Certificate":
        """Read one DER certificate; Malformed or Unsupported if the engine cannot work with it.

        Names are read when they are first asked for, and may be Malformed then: who encrypts to 10,000 people needs none. So are most extensions. See ``checked``.
        """
        if len(data) > MAX_LENGTH:
            raise Malformed(f"a certificate of more than {MAX_LENGTH} octets")
        certificate = cls(bytes(data))
        if len(certificate.der) > UNSCANNED:
            der.scan(certificate.der)
        certificate._x509, certificate._members, certificate.capabilities  # noqa: B018 (errors come out here)
        return certificate

    def checked(self) -> Self:
        """The same after reading what ``from_der`` leaves for later: Malformed now, or from none of the properties any more."""
        self._extensions, self._issuer, self.emails, self.key_usage, self.is_for_mail  # noqa: B018
        return self

    @classmethod
    def from_pem(cls, data: bytes) -> "Certificate":
        """Read the first certificate of a PEM text; Malformed or Unsupported as ``from_der``."""
        try:
            return cls.from_der(x509.load_pem_x509_certificate(data).public_bytes(Encoding.DER))
        except ValueError as error:
            raise Malformed("not a PEM certificate") from error

    def __repr__(self) -> str:
        return f"<Certificate {self.subject}, serial number {self.serial_number:x}>"

    # Names

    @remembered
    def subject(self) -> str:
        """The subject as RFC 4514 writes it."""
        return self._subject.rfc4514_string()

    @remembered
    def issuer(self) -> str:
        """The issuer as RFC 4514 writes it."""
        return self._issuer.rfc4514_string()

    @remembered
    def common_name(self) -> str | None:
        """The subject's (last) common name."""
        names = self._subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(names[-1].value) if names else None

    @remembered
    def emails(self) -> tuple[str, ...]:
        """The addresses this certificate speaks for, domain in lower case, each once: rfc822Name, SmtpUTF8Mailbox, emailAddress."""
        found: list[str] = []
        if names := self.extension(x509.SubjectAlternativeName):
            found += names.get_values_for_type(x509.RFC822Name)
            others = names.get_values_for_type(x509.OtherName)
            found += [_utf8(each.value) for each in others if each.type_id == SMTP_UTF8_MAILBOX]
        found += [str(each.value) for each in self._subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS)]
        return tuple(dict.fromkeys(map(normal_address, found)))

    def speaks_for(self, address: str) -> bool:
        """RFC 8550 section 3: whether one of the certificate's addresses is this one, upper and lower case being the same."""
        return comparable_address(address) in map(comparable_address, self.emails)

    # Identity

    @property
    def issuer_der(self) -> bytes:
        """The issuer's Name exactly as encoded."""
        return self._members[1]

    @property
    def subject_der(self) -> bytes:
        """The subject's Name exactly as encoded."""
        return self._members[2]

    @remembered
    def serial_number(self) -> int:
        return der.Reader(self._members[0]).integer()

    @remembered
    def issuer_and_serial_number(self) -> bytes:
        """The DER of RFC 5652's IssuerAndSerialNumber."""
        return der.sequence(self.issuer_der, self._members[0])

    @remembered
    def subject_key_identifier(self) -> bytes | None:
        found = self.extension(x509.SubjectKeyIdentifier)
        return found.digest if found else None

    @remembered
    def fingerprint(self) -> bytes:
        """SHA-256 of the certificate."""
        return hashlib.sha256(self.der).digest()

    @property
    def not_before(self) -> datetime:
        """Aware, in UTC."""
        return self._x509.not_valid_before_utc

    @property
    def not_after(self) -> datetime:
        """Aware, in UTC."""
        return self._x509.not_valid_after_utc

    @remembered
    def prepared(self) -> dict[object, Any]:
        """What is found out or encoded once for this certificate and kept with it, such as the constant part of its recipient infos."""
        return {}

    # The key

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
        if isinstance(key, rsa.RSAPublicKey) and key.key_size < MIN_RSA_BITS:
            raise Unsupported(f"an RSA key shorter than {MIN_RSA_BITS} bits, which anybody can break")
        if proves_nothing(key):
            raise Unsupported("a key for which anybody can sign, a point of small order")
        if isinstance(key, rsa.RSAPublicKey) and key.public_numbers().e.bit_length() > MAX_EXPONENT_BITS:
            raise Unsupported(f"an RSA key with an exponent longer than {MAX_EXPONENT_BITS} bits")
        if isinstance(key, ec.EllipticCurvePublicKey) and not self._names_its_curve:
            # RFC 5480 section 2.1.1: "implicitCurve and specifiedCurve MUST NOT be used in PKIX"
            raise Unsupported("an elliptic curve that is given by parameters and not by name")
        return key

    @property
    def _names_its_curve(self) -> bool:
        algorithm = der.read(self.public_key_info).inside()
        algorithm.oid()
        return algorithm.peek() == der.OBJECT_IDENTIFIER

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

    def verify(self, identifier: AlgorithmIdentifier, signature: bytes, message: Message) -> Signature:
        """Check a signature by this key and return the algorithm's row; BadSignature or Unsupported. Trust is not looked at."""
        if not may_verify(self.key_algorithm, identifier):
            raise BadSignature("RFC 4056 section 3: the certificate limits its key to other signatures than this one")
        return verify(self.public_key, identifier, signature, message)

    @property
    def public_key_info(self) -> bytes:
        """The SubjectPublicKeyInfo exactly as encoded."""
        return self._members[3]

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

    @remembered
    def asn1(self) -> asn1_x509.Certificate:
        """The same certificate as asn1crypto sees it."""
        return der.load(_Certificate, self.der, _names_and_extensions)

    def extension(self, kind: type[Extension]) -> Extension | None:
        """The extension of this kind as ``cryptography`` has it, None if there is none."""
        found: Extension | None = self._extensions.get(kind.oid)
        return found

    def extension_value(self, oid: str) -> bytes | None:
        """The DER that an extension's octet string holds, None if there is no such extension."""
        return self._encoded_extensions.get(der.oid(oid))

    @property
    def is_authority(self) -> bool:
        """RFC 5280 section 4.2.1.9: basic constraints say cA."""
        found = self.extension(x509.BasicConstraints)
        return found is not None and found.ca

    # How it is read

    @remembered
    def _x509(self) -> x509.Certificate:
        try:
            loaded = x509.load_der_x509_certificate(self.der)
            loaded.not_valid_before_utc, loaded.not_valid_after_utc  # noqa: B018 (read when first asked for)
        except Exception as error:  # its errors about certificates have no base of their own
            raise Malformed("not a valid certificate") from error
        return loaded

    @remembered
    def _extensions(self) -> dict[x509.ObjectIdentifier, Any]:
        try:
            return {each.oid: each.value for each in self._x509.extensions}
        except Exception as error:
            raise Malformed("not a valid certificate") from error

    @remembered
    def _subject(self) -> x509.Name:
        return _read_name(lambda: self._x509.subject)

    @remembered
    def _issuer(self) -> x509.Name:
        return _read_name(lambda: self._x509.issuer)

    @remembered
    def _members(self) -> tuple[bytes, bytes, bytes, bytes, bytes]:
        """Serial number, issuer, subject, public key and extensions as encoded: re-encoding a foreign Name may change it."""
        _, start, end = der.header(self.der, 0, len(self.der))
        _, start, end = der.header(self.der, start, end)
        members = der.encodings(self.der, start, end)
        first = 1 if members[0][0] == der.context(0) else 0
        serial_number, _, issuer, _, subject, public_key_info = members[first : first + 6]
        extensions = members[-1] if members[-1][0] == EXTENSIONS else b""
        return serial_number, issuer, subject, public_key_info, extensions

    @remembered
    def _encoded_extensions(self) -> dict[bytes, bytes]:
        """What is inside each extension, by its OID as encoded: the few that decide about recipients are read from here.

        ``cryptography``, which has read the certificate before, makes objects of all of them, and there may be 10,000 recipients.
        """
        found: dict[bytes, bytes] = {}
        extensions = self._members[4]
        if not extensions:
            return found
        _, position, limit = der.header(extensions, 0, len(extensions))
        _, position, limit = der.header(extensions, position, limit)
        while position < limit:
            _, start, end = der.header(extensions, position, limit)
            oid_end = der.header(extensions, start, end)[2]
            tag, content, position = der.header(extensions, oid_end, end)
            if tag == der.BOOLEAN:  # whether it is critical
                tag, content, position = der.header(extensions, position, end)
            oid = extensions[start:oid_end]
            if tag != der.OCTET_STRING or position != end or oid in found:
                raise Malformed("a certificate with the same extension twice, or one that is none")
            found[oid] = extensions[content:end]
        return found

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


def normal_address(address: str) -> str:
    """An address in the form in which two are compared: the domain in lower case, the local part as it is."""
    local, at, domain = address.rpartition("@")
    return local + at + domain.lower()


def _names_and_extensions(loaded: asn1_x509.Certificate) -> tuple[object, ...]:
    """What paths are built by: a name may hold a value that is no text, an extension may be cut off."""
    if max(sum(map(len, name.chosen)) for name in (loaded.subject, loaded.issuer)) > MAX_NAME:
        raise Malformed("a name has too many members")  # asn1crypto recurses once for each of a kind
    return loaded.subject.hashable, loaded.issuer.hashable, loaded.critical_extensions


def comparable_address(address: str) -> str:
    """A form that is equal for equal addresses, whether the domain is written in U-labels or in A-labels (RFC 9598 section 4).

    Case is folded in ASCII only: outside of it, ``casefold`` makes "ß" and "ss" one, which are two mailboxes and two domains.
    """
    local, at, domain = address.rpartition("@")
    return local.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass") + at + comparable_domain(domain)


def comparable_domain(domain: str) -> str:
    """The domain in lower-case A-labels (RFC 5890); a final period counts for nothing."""
    folded = domain.removesuffix(".").lower()
    return folded if len(folded) > MAX_DOMAIN else ".".join(map(_a_label, folded.split(".")))


def _a_label(label: str) -> str:
    if label.isascii():
        return label
    return "xn--" + unicodedata.normalize("NFC", label).encode("punycode").decode("ascii")


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


def _read_name(name: Callable[[], x509.Name]) -> x509.Name:
    try:
        return name()
    except Exception as error:
        raise Malformed("not a valid name in a certificate") from error


def _utf8(encoded: bytes) -> str:
    value = der.Reader(encoded).element(der.UTF8_STRING)
    return value.content.decode("utf-8", "replace")
