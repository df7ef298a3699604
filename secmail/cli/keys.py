"""Keys and certificates from files: PEM, DER, PKCS#7 and PKCS#12, and which of them belong together."""

import re
import warnings
from argparse import Namespace
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from asn1crypto import pkcs12 as asn1_pkcs12
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, pkcs12

from secmail import der
from secmail.certificates import Certificate
from secmail.cli.failures import Failure, concerning
from secmail.cli.inputs import blocks, small
from secmail.cms.signed import verify
from secmail.errors import Malformed, Unsupported
from secmail.keys import (
    OpeningKey,
    Password,
    PrivateKey,
    SecretKey,
    SoftwareDecryptionKey,
    SoftwareSigningKey,
    load_private_key,
)
from secmail.paths import TrustStore
from secmail.streams import BytesSource

CERTIFICATE_BLOCKS = ("CERTIFICATE", "X509 CERTIFICATE")
CMS_BLOCKS = ("CMS", "PKCS7", "PKCS #7 SIGNED DATA")
HEX_KEY = re.compile(rb"(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{48}|[0-9A-Fa-f]{64})")
NOBODY = TrustStore([])


@dataclass(frozen=True)
class Contents:
    """What a file holds."""

    certificates: tuple[Certificate, ...] = ()
    keys: tuple[PrivateKey, ...] = ()


def certificates(names: Iterable[str], passphrase: bytes | None = None) -> list[Certificate]:
    """All certificates in these files, which have at least one each."""
    found: list[Certificate] = []
    for name in names:
        with concerning(name):
            inside = _contents(small(name), passphrase, keys=False).certificates
            if not inside:
                raise Malformed("there is no certificate in it")
            found += inside
    return found


def crls(names: Iterable[str]) -> tuple[bytes, ...]:
    """CRLs as DER, from DER or PEM."""
    return tuple(each for name in names for each in _revocation(name, "X509 CRL"))


def ocsps(names: Iterable[str]) -> tuple[bytes, ...]:
    """OCSP responses as DER, from DER or PEM."""
    return tuple(each for name in names for each in _revocation(name, "OCSP RESPONSE"))


def _revocation(name: str, label: str) -> list[bytes]:
    with concerning(name):
        data = small(name)
        found = [each.der for each in blocks(data) if each.label == label] if b"-----BEGIN" in data else [data]
        for each in found:
            der.read(der.definite(each)[0])
        if not found:
            raise Malformed(f"there is no {label} in it")
    return found


# The keys a command is given


@dataclass(frozen=True)
class Keys:
    """Private keys with their certificates, in the order given, and the certificates that came along with them."""

    signing: tuple[SoftwareSigningKey, ...]
    decryption: tuple[SoftwareDecryptionKey, ...]
    secrets: tuple[SecretKey | Password, ...]
    certificates: tuple[Certificate, ...]

    @property
    def opening(self) -> tuple[OpeningKey, ...]:
        return (*self.decryption, *self.secrets)

    @property
    def holders(self) -> tuple[Certificate, ...]:
        """The certificates of the keys."""
        return tuple(dict.fromkeys([*(each.certificate for each in self.signing), *(each.certificate for each in self.decryption)]))

    @property
    def chain(self) -> tuple[Certificate, ...]:
        """What goes along in a signature: no trust anchor, for those who verify have it or distrust it."""
        return tuple(each for each in self.certificates if each.issuer_der != each.subject_der)

    @property
    def anchors(self) -> TrustStore:
        """The self-signed certificates that came along."""
        return TrustStore(each for each in self.certificates if each.issuer_der == each.subject_der)

    def encryption_certificate(self, signer: SoftwareSigningKey) -> Certificate | None:
        """What answers are encrypted to: the signer's own certificate if it can, else that of another key."""
        own = (signer.certificate, *(each.certificate for each in self.decryption))
        return next((each for each in own if each.can_encrypt), None)

    def signer(self) -> SoftwareSigningKey:
        """The first key that may sign."""
        return self.signers()[0]

    def signers(self) -> tuple[SoftwareSigningKey, ...]:
        """All keys that may sign, each with one certificate."""
        found = {_public(each.certificate): each for each in reversed(self.signing) if each.certificate.can_sign}
        if not found:
            raise Failure("none of the keys given is for signing e-mail: --key and --cert")
        return tuple(reversed(found.values()))


def keys(arguments: Namespace) -> Keys:
    """Those of --key, --cert, --kek and --password-file."""
    passphrase = secret_line(arguments.passphrase_file)
    loaded: list[tuple[str, PrivateKey]] = []
    pool = certificates(arguments.cert, passphrase)
    for name in arguments.key:
        with concerning(name):
            inside = _contents(small(name), passphrase)
            if not inside.keys:
                raise Malformed("there is no private key in it")
            loaded += [(name, key) for key in inside.keys]
            pool += inside.certificates
    pool = list(dict.fromkeys(pool))
    signing, decryption = [], []
    for name, key in loaded:
        own = _certificates_of(key, pool)
        if not own:
            raise Failure(f"{name}: no certificate for this key is given: --cert")
        for certificate in own:
            signing += _made(SoftwareSigningKey, key, certificate)
            decryption += _made(SoftwareDecryptionKey, key, certificate)
    return Keys(tuple(signing), tuple(decryption), tuple(shared_secrets(arguments)), tuple(pool))


def shared_secrets(arguments: Namespace) -> list[SecretKey | Password]:
    """Those of --kek and --password-file."""
    found: list[SecretKey | Password] = []
    if arguments.kek is not None:
        found.append(SecretKey(_secret_octets(arguments.kek), _hex(arguments.kek_id)))
    elif arguments.kek_id is not None:
        raise Failure("--kek-id names the key in --kek, which is absent")
    if (password := secret_line(arguments.password_file)) is not None:
        found.append(Password(password))
    return found


def secret_line(name: str | None) -> bytes | None:
    """A passphrase or password: the first line of a file."""
    if name is None:
        return None
    return small(name).partition(b"\n")[0].removesuffix(b"\r")


def _secret_octets(name: str) -> bytes:
    """A key of 16, 24 or 32 octets, as they are or in hexadecimal digits."""
    data = small(name)
    if HEX_KEY.fullmatch(data.strip()):
        return bytes.fromhex(data.strip().decode("ascii"))
    if len(data) not in (16, 24, 32):
        raise Failure(f"{name}: a key has 16, 24 or 32 octets, or as many pairs of hexadecimal digits")
    return data


def _hex(text: str | None) -> bytes:
    try:
        return bytes.fromhex(text or "")
    except ValueError:
        raise Failure("--kek-id: no hexadecimal digits") from None


def _made(kind: Any, key: PrivateKey, certificate: Certificate) -> list[Any]:
    try:
        return [kind(key, certificate)]
    except Unsupported:
        return []  # some keys only sign, and some only decrypt


def _certificates_of(key: PrivateKey, pool: Sequence[Certificate]) -> list[Certificate]:
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return [each for each in pool if _public(each) == public]


def _public(certificate: Certificate) -> bytes:
    try:
        return certificate.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except Unsupported:
        return b""


# What a file holds


def _contents(data: bytes, passphrase: bytes | None, *, keys: bool = True) -> Contents:
    if b"-----BEGIN" in data:
        parts = [_armoured(label, pem, inside, passphrase, keys=keys) for label, pem, inside in blocks(data)]
    else:
        parts = [_bare(data, passphrase, keys=keys)]
    return Contents(tuple(c for part in parts for c in part.certificates), tuple(k for part in parts for k in part.keys))


def _armoured(label: str, pem: bytes, inside: bytes, passphrase: bytes | None, *, keys: bool) -> Contents:
    if label in CERTIFICATE_BLOCKS:
        return Contents((Certificate.from_der(inside),))
    if label in CMS_BLOCKS:
        return Contents(_certificates_only(inside))
    if label == "PKCS12":
        return _pkcs12(inside, passphrase)
    if label.endswith("PRIVATE KEY") and keys:
        return Contents(keys=(_private_key(pem, passphrase),))
    return Contents()


def _bare(data: bytes, passphrase: bytes | None, *, keys: bool) -> Contents:
    """DER or BER: the first members tell what it is."""
    members = der.read(der.definite(data)[0])
    first = members.element()
    if first.tag == der.OBJECT_IDENTIFIER:
        return Contents(_certificates_only(data))
    if first.tag == der.INTEGER and first.integer() == 3:
        return _pkcs12(data, passphrase)
    if first.tag == der.SEQUENCE and members.peek() == der.SEQUENCE:
        return Contents((Certificate.from_der(data),))
    return Contents(keys=(_private_key(data, passphrase),)) if keys else Contents()


def _private_key(data: bytes, passphrase: bytes | None) -> PrivateKey:
    """One passphrase is for all files, so that some of their keys may need none."""
    try:
        return load_private_key(data)
    except Malformed:
        if passphrase is None:
            raise
        return load_private_key(data, passphrase)


def _certificates_only(data: bytes) -> tuple[Certificate, ...]:
    """A certs-only message (RFC 8551 section 3.8), or what else of PKCS#7 carries certificates; who signed it is not asked."""
    return verify(BytesSource(data), trust=NOBODY, now=datetime.now(UTC)).certificates


def _pkcs12(data: bytes, passphrase: bytes | None) -> Contents:
    """RFC 7292. ``cryptography`` checks and decrypts, but gives only one key; further ones are in bags of their own."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some programs write BER
            key, certificate, others = pkcs12.load_key_and_certificates(data, passphrase)
        found = [each.public_bytes(Encoding.DER) for each in (certificate, *others) if each is not None]
        private: dict[bytes, Any] = {_public_key(each): each for each in (key, *_further_keys(data, passphrase)) if each}
    except UnsupportedAlgorithm as error:
        raise Unsupported("a PKCS#12 with algorithms that are not supported") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Malformed("no PKCS#12, or the passphrase is not the right one") from error
    return Contents(tuple(map(Certificate.from_der, found)), tuple(private.values()))


def _further_keys(data: bytes, passphrase: bytes | None) -> list[PrivateKey]:
    found = []
    for safe in der.load(asn1_pkcs12.Pfx, der.definite(data)[0]).authenticated_safe:
        if safe["content_type"].native == "data":
            for bag in der.load(asn1_pkcs12.SafeContents, safe["content"].native):
                if bag["bag_id"].native in ("key_bag", "pkcs8_shrouded_key_bag"):
                    found.append(_private_key(bag["bag_value"].untag().dump(), passphrase))
    return found


def _public_key(key: Any) -> bytes:
    encoded: bytes = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return encoded
