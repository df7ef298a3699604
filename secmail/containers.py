"""What a file with keys or certificates holds: PEM, DER or BER, PKCS#7 and PKCS#12."""

import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from asn1crypto import pkcs12 as asn1_pkcs12
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, pkcs12

from secmail import der
from secmail.certificates import Certificate
from secmail.cms.shared import MAX_ITERATIONS
from secmail.cms.signed import verify
from secmail.errors import Malformed, Unsupported
from secmail.keys import PrivateKey, load_private_key
from secmail.paths import TrustStore
from secmail.pem import blocks
from secmail.streams import BytesSource

CERTIFICATE_BLOCKS = ("CERTIFICATE", "X509 CERTIFICATE")
CMS_BLOCKS = ("CMS", "PKCS7", "PKCS #7 SIGNED DATA")
NOBODY = TrustStore([])


class Locked(Malformed):
    """A key or container that needs a passphrase, and none was given."""


@dataclass(frozen=True)
class Contents:
    """What a file holds."""

    certificates: tuple[Certificate, ...] = ()
    keys: tuple[PrivateKey, ...] = ()


def read_contents(data: bytes, passphrase: bytes | None, *, keys: bool = True) -> Contents:
    """All certificates and (unless ``keys`` is false) private keys. Malformed, or Unsupported for kinds that are not used here."""
    if b"-----BEGIN" in data:
        parts = [_armoured(label, pem, inside, passphrase, keys=keys) for label, pem, inside in blocks(data)]
    else:
        parts = [_bare(data, passphrase, keys=keys)]
    return Contents(tuple(c for part in parts for c in part.certificates), tuple(k for part in parts for k in part.keys))


def _armoured(label: str, pem: bytes, inside: bytes, passphrase: bytes | None, *, keys: bool) -> Contents:
    if label in CERTIFICATE_BLOCKS:
        return Contents((Certificate.from_der(inside).checked(),))
    if label in CMS_BLOCKS:
        return Contents(_certificates_only(inside))
    if label == "PKCS12":
        return _pkcs12(inside, passphrase)
    if label.endswith("PRIVATE KEY") and keys:
        return Contents(keys=(_private_key(pem, passphrase),))
    return Contents()


def _bare(data: bytes, passphrase: bytes | None, *, keys: bool) -> Contents:
    """DER or BER: the first members tell what it is."""
    if not data.startswith(bytes([der.SEQUENCE])):
        raise Malformed("neither PEM nor DER")
    members = der.read(der.definite(data)[0])
    first = members.element()
    if first.tag == der.OBJECT_IDENTIFIER:
        return Contents(_certificates_only(data))
    if first.tag == der.INTEGER and first.integer() == 3:
        return _pkcs12(data, passphrase)
    if first.tag == der.SEQUENCE and members.peek() == der.SEQUENCE:
        return Contents((Certificate.from_der(data).checked(),))
    return Contents(keys=(_private_key(data, passphrase),)) if keys else Contents()


def _private_key(data: bytes, passphrase: bytes | None) -> PrivateKey:
    """One passphrase is for all files, so that some of their keys may need none."""
    try:
        return load_private_key(data)
    except Malformed as error:
        if passphrase is not None:
            return load_private_key(data, passphrase)
        if isinstance(error.__cause__, TypeError):  # how cryptography says that it is encrypted
            raise Locked("the key needs its passphrase") from error
        raise


def _certificates_only(data: bytes) -> tuple[Certificate, ...]:
    """A certs-only message (RFC 8551 section 3.8), or what else of PKCS#7 carries certificates; who signed it is not asked."""
    return verify(BytesSource(data), trust=NOBODY, now=datetime.now(UTC), detached=BytesSource(b"")).certificates


def _pkcs12(data: bytes, passphrase: bytes | None) -> Contents:
    """RFC 7292. ``cryptography`` checks and decrypts, but gives only one key; further ones are in bags of their own."""
    _check_iterations(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some programs write BER
            key, certificate, others = pkcs12.load_key_and_certificates(data, passphrase)  # None tries the empty one too
        found = [each.public_bytes(Encoding.DER) for each in (certificate, *others) if each is not None]
        private: dict[bytes, Any] = {_public_key(each): each for each in (key, *_further_keys(data, passphrase)) if each}
    except UnsupportedAlgorithm as error:
        raise Unsupported("a PKCS#12 with algorithms that are not supported") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        if passphrase is None:
            raise Locked("no PKCS#12, or it needs its passphrase") from error
        raise Malformed("no PKCS#12, or the passphrase is not the right one") from error
    return Contents(tuple(Certificate.from_der(each).checked() for each in found), tuple(private.values()))


def _check_iterations(data: bytes) -> None:
    """RFC 7292 section 4: what the MAC costs, which is checked before anything is decrypted. Malformed if that is too much."""
    members = der.read(der.definite(data)[0])
    members.integer(), members.element()
    if mac := members.optional(der.SEQUENCE):
        numbers = [each.integer() for each in mac.inside() if each.tag == der.INTEGER]
        if max(numbers, default=1) > MAX_ITERATIONS:
            raise Malformed("trying a passphrase on this PKCS#12 takes too long")


def _further_keys(data: bytes, passphrase: bytes | None) -> list[PrivateKey]:
    """Those that are encrypted need more than the empty passphrase, which ``cryptography`` takes for none."""
    kinds = ("key_bag", "pkcs8_shrouded_key_bag") if passphrase else ("key_bag",)
    found = []
    for safe in der.load(asn1_pkcs12.Pfx, der.definite(data)[0]).authenticated_safe:
        if safe["content_type"].native == "data":
            for bag in der.load(asn1_pkcs12.SafeContents, safe["content"].native):
                if bag["bag_id"].native in kinds:
                    found.append(_private_key(bag["bag_value"].untag().dump(), passphrase))
    return found


def _public_key(key: Any) -> bytes:
    encoded: bytes = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return encoded
