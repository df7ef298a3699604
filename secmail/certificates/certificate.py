"""An X.509 certificate, made of bytes that are checked: whose it is, beside all that ``encoded`` and ``key`` know of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from secmail import der
from secmail.certificates.addresses import comparable_address, normal_address
from secmail.certificates.asn1 import as_asn1
from secmail.certificates.encoded import remembered
from secmail.certificates.key import Keyed
from secmail.errors import Malformed

MAX_LENGTH = 256 * 1024  # octets of a certificate; those with keys of post-quantum algorithms have up to 60,000
UNSCANNED = 4_096  # octets, which hold too little to make a parser slow or deep
SMTP_UTF8_MAILBOX = x509.ObjectIdentifier("1.3.6.1.5.5.7.8.9")  # RFC 9598 section 3


@dataclass(frozen=True, repr=False)
class Certificate(Keyed):
    """An X.509 certificate (RFC 5280 section 4). Two are equal if their bytes are; made by ``from_der`` or ``from_pem``."""

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
        if not self.names_its_signature:
            raise Malformed("a certificate that is signed with another algorithm than it says")
        signed = der.read(self.der)
        signed.element(), signed.element(), signed.bits()
        signed.end()
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
        return comparable_address(address) in self.comparable_emails

    @remembered
    def comparable_emails(self) -> frozenset[str]:
        """``emails`` as ``comparable_address`` has them, for those who compare many: a message may have 60,000 addresses and 64 signers."""
        return frozenset(map(comparable_address, self.emails))

    @remembered
    def asn1(self) -> asn1_x509.Certificate:
        """The same certificate as asn1crypto sees it."""
        return as_asn1(self.der)

    @remembered
    def _subject(self) -> x509.Name:
        return _read_name(lambda: self._x509.subject)

    @remembered
    def _issuer(self) -> x509.Name:
        return _read_name(lambda: self._x509.issuer)


def _read_name(name: Callable[[], x509.Name]) -> x509.Name:
    try:
        return name()
    except Exception as error:
        raise Malformed("not a valid name in a certificate") from error


def _utf8(encoded: bytes) -> str:
    value = der.Reader(encoded).element(der.UTF8_STRING)
    return value.content.decode("utf-8", "replace")
