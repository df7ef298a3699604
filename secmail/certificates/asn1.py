"""A certificate as asn1crypto sees it, which the path library works with."""

from collections.abc import Hashable
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


class _Name(asn1_x509.Name):
    """asn1crypto 1.5 keeps one attribute of each type of an RDN, and prepares strings without a limit: a second for 250,000 letters."""

    __hash__ = None  # type: ignore[assignment]

    @property
    def hashable(self) -> str:
        return repr(_comparable(self))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, asn1_x509.Name) and _comparable(self) == _comparable(other)


def _comparable(name: asn1_x509.Name) -> Hashable:
    return comparable_name(name.dump())  # type: ignore[no-untyped-call]


_OURS: dict[Any, Any] = {
    core.OctetBitString: core.BitString,
    asn1_x509.Extensions: _Extensions,
    asn1_x509.Name: _Name,
}


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


def as_asn1(encoded: bytes) -> asn1_x509.Certificate:
    """A DER certificate, parsed as far as paths need it; Malformed."""
    return der.load(_Certificate, encoded, _names_and_extensions)


def _names_and_extensions(loaded: asn1_x509.Certificate) -> tuple[object, ...]:
    """What is asked for before the path library validates: an extension may be cut off, a serial number have 9,000 digits.

    Not all of it: anybody may have made the certificate, and long lists of names take a second.
    """
    if max(sum(map(len, name.chosen)) for name in (loaded.subject, loaded.issuer)) > MAX_NAME:
        raise Malformed("a name has too many members")  # asn1crypto recurses once for each of a kind
    return loaded.issuer_serial, loaded.critical_extensions, loaded.max_path_length, loaded["tbs_certificate"]["version"].native, names_and_constraints(loaded)


def names_and_constraints(loaded: asn1_x509.Certificate) -> tuple[int, int]:
    """How many names a certificate has, and how many name constraints."""
    names = len(loaded.subject.chosen) + len(loaded.subject_alt_name_value or ())
    trees = loaded.name_constraints_value
    return names, sum(len(trees[kind] or ()) for kind in ("permitted_subtrees", "excluded_subtrees")) if trees else 0
