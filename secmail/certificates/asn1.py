"""A certificate as asn1crypto sees it, which the path library works with."""

from typing import Any, ClassVar

from asn1crypto import core
from asn1crypto import x509 as asn1_x509

from secmail import der
from secmail.certificates.names import comparable_name
from secmail.errors import Malformed

MAX_NAME = 100  # attributes in a name
AUTHORITY_CLEARANCE_CONSTRAINTS = "1.3.6.1.5.5.7.1.21"  # RFC 5913 section 3


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

    @property
    def self_issued(self) -> bool:
        """Name constraints and path lengths pass over such a certificate (RFC 5280 section 6.1), so its names must really be the same."""
        return comparable_name(self.issuer.dump()) == comparable_name(self.subject.dump())


def as_asn1(encoded: bytes) -> asn1_x509.Certificate:
    """A DER certificate, parsed as far as paths need it; Malformed."""
    return der.load(_Certificate, encoded, _names_and_extensions)


def _names_and_extensions(loaded: asn1_x509.Certificate) -> tuple[object, ...]:
    """What paths are built by: a name may hold a value that is no text, an extension be cut off, a serial number have 9,000 digits."""
    if max(sum(map(len, name.chosen)) for name in (loaded.subject, loaded.issuer)) > MAX_NAME:
        raise Malformed("a name has too many members")  # asn1crypto recurses once for each of a kind
    names = loaded.subject.hashable, loaded.issuer.hashable
    return *names, loaded.critical_extensions, loaded.issuer_serial, loaded.authority_issuer_serial
