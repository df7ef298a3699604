"""A certificate's members and extensions, each as encoded and as ``cryptography`` reads it."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Self, TypeVar, overload

from cryptography import x509

from secmail import der
from secmail.errors import Malformed

EXTENSIONS = der.context(3)
USUAL_EXTENSIONS = 2_048  # octets

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
class Encoded:
    """What can be said of a certificate by where its members are. Two are equal if their bytes are."""

    der: bytes

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

    @property
    def public_key_info(self) -> bytes:
        """The SubjectPublicKeyInfo exactly as encoded."""
        return self._members[3]

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

    @property
    def names_its_signature(self) -> bool:
        """RFC 5280 section 4.1.1.2: the algorithm beside the signature "MUST contain the same algorithm identifier" as the one that is signed."""
        _, start, end = der.header(self.der, 0, len(self.der))
        return self.der.startswith(self._members[5], der.header(self.der, start, end)[2])

    @property
    def extension_octets(self) -> int:
        return len(self._members[4])

    @property
    def validating_cost(self) -> int:
        """How much a certificate in a path takes, at least 1: the path library goes over names and policies one by one."""
        return 1 + max(0, self.extension_octets - USUAL_EXTENSIONS) // 64

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
    def _members(self) -> tuple[bytes, bytes, bytes, bytes, bytes, bytes]:
        """Serial number, issuer, subject, public key, extensions and signature as encoded: re-encoding a foreign Name may change it."""
        _, start, end = der.header(self.der, 0, len(self.der))
        _, start, end = der.header(self.der, start, end)
        members = der.encodings(self.der, start, end)
        first = 1 if members[0][0] == der.context(0) else 0
        serial_number, signature, issuer, _, subject, public_key_info = members[first : first + 6]
        extensions = members[-1] if members[-1][0] == EXTENSIONS else b""
        return serial_number, issuer, subject, public_key_info, extensions, signature

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
