"""RecipientInfos (RFC 5652 section 6.2): all kinds together, each of which has a module with ``make`` for writing and ``open`` for reading.

A key that a recipient info is not for gives None, which is no error; a kind that no class here reads is passed over. What is
constant for a certificate is encoded once and remembered; for each message only the public-key operation is left.
"""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa

from secmail import der
from secmail.algorithms import (
    AES256_GCM,
    KEY_AGREEMENTS,
    KEY_ENCAPSULATIONS,
    KEY_TRANSPORTS,
    OAEP_SHA256,
    PKCS1_V15,
    RSAES_OAEP,
    AlgorithmIdentifier,
    KeyEncapsulation,
)
from secmail.certificates import Certificate
from secmail.cms.bare import open_bare
from secmail.cms.identifiers import encodings_naming, few
from secmail.cms.kemri import KEMRecipientInfo, encapsulation
from secmail.cms.keyagree import Domain, KeyAgreeRecipientInfo, domain
from secmail.cms.keytrans import KeyTransRecipientInfo
from secmail.cms.shared import MAX_ITERATIONS, KEKRecipientInfo, PasswordRecipientInfo
from secmail.errors import DecryptionError, Malformed, NotARecipient, Unsupported
from secmail.keys import BareKey, OpeningKey, Password, SecretKey

MAX_RECIPIENTS = 50_000
MAX_PASSWORD_RECIPIENTS = 16


@dataclass(frozen=True)
class Recipient:
    """Somebody to encrypt to: a certificate and what its owner is known to read.

    ``capabilities`` are OIDs from a verified signature or from knowledge of one's own; None leaves it to the certificate (RFC 4262).
    """

    certificate: Certificate
    capabilities: frozenset[str] | None = None

    def reads(self, oid: str) -> bool:
        """Whether the recipient is known to read this algorithm."""
        known = self.certificate.capabilities if self.capabilities is None else self.capabilities
        return oid in (known or ())

    def check(self) -> None:
        """Unsupported if the certificate is not for encryption, or its key of a kind that is not encrypted to."""
        _means(self.certificate)
        if not self.certificate.can_encrypt:
            raise Unsupported(f"the certificate of {self.certificate.subject} is not for encryption")

    @property
    def key_management(self) -> AlgorithmIdentifier:
        """RFC 8551 section 2.3: OAEP where it is known to be read, else PKCS#1 v1.5; by the certificate's key ECDH or ML-KEM.

        Unsupported for keys of other kinds.
        """
        means = _means(self.certificate)
        if isinstance(means, Domain):
            return means.algorithm
        if isinstance(means, KeyEncapsulation):
            return AlgorithmIdentifier(means.oid)
        return OAEP_SHA256 if self.reads(RSAES_OAEP) else PKCS1_V15

    @property
    def key_management_name(self) -> str:
        """The same for people."""
        return _algorithm_name(self.key_management.oid)


AnyRecipient = Recipient | SecretKey | Password


Means = Domain | KeyEncapsulation | type[KeyTransRecipientInfo]


def _means(certificate: Certificate) -> Means:
    """How content-encryption keys get to the certificate's key, by its kind; found out once."""
    means: Means | None = certificate.prepared.get(_means)
    if means is None:
        key = certificate.public_key
        means = KeyTransRecipientInfo if isinstance(key, rsa.RSAPublicKey) else domain(key) or encapsulation(key)
        if means is None:
            raise Unsupported("encrypting to a key of this kind is not supported")
        certificate.prepared[_means] = means
    return means


def _algorithm_name(oid: str) -> str:
    if oid in KEY_TRANSPORTS:
        return KEY_TRANSPORTS[oid]
    row = KEY_AGREEMENTS.get(oid) or KEY_ENCAPSULATIONS.get(oid)
    return row.name if row else oid


# Making


def make_all(recipients: Sequence[AnyRecipient], cek: bytes) -> tuple[list[bytes], int]:
    """(the members of a SET OF RecipientInfo, the version they give an EnvelopedData). A key is listed once, however often it is given."""
    unique = {each.certificate.der if isinstance(each, Recipient) else each: each for each in recipients}.values()
    infos: list[bytes] = []
    pkcs1, oaep = list[Certificate](), list[Certificate]()
    others: dict[Means, list[Certificate]] = {}
    version = 0
    for each in unique:
        if isinstance(each, Recipient):
            means = _means(each.certificate)
            if means is KeyTransRecipientInfo:
                (oaep if each.reads(RSAES_OAEP) else pkcs1).append(each.certificate)
            else:
                others.setdefault(means, []).append(each.certificate)
        elif isinstance(each, SecretKey):
            infos.append(KEKRecipientInfo.make(each, cek))
            version = max(version, 2)
        else:
            infos.append(PasswordRecipientInfo.make(each, cek))
            version = 3
    for algorithm, certificates in (PKCS1_V15, pkcs1), (OAEP_SHA256, oaep):
        infos += KeyTransRecipientInfo.make_all(certificates, algorithm, cek)
    for means, certificates in others.items():
        if isinstance(means, Domain):
            infos.append(KeyAgreeRecipientInfo.make(certificates, means, cek))
            version = max(version, 2)
        elif isinstance(means, KeyEncapsulation):
            infos += [KEMRecipientInfo.make(each, cek) for each in certificates]
            version = 3
    return infos, version


def without_gcm(recipients: Iterable[AnyRecipient]) -> list[AnyRecipient]:
    """Those who are not known to read AES-256-GCM."""
    return [each for each in recipients if not (isinstance(each, Recipient) and each.reads(AES256_GCM.oid))]


# Reading


CERTIFICATE_KINDS: dict[int, Any] = {
    der.SEQUENCE: KeyTransRecipientInfo,
    der.context(1): KeyAgreeRecipientInfo,
    der.context(4): KEMRecipientInfo,
}
KEK_KIND, PASSWORD_KIND = der.context(2), der.context(3)


def open_first(recipient_infos: der.Element, keys: Sequence[OpeningKey], key_length: int) -> tuple[bytes, OpeningKey]:
    """The content-encryption key from the first recipient info that is for the first key that there is one for, and that key.

    Passwords come last, because trying them is slow. NotARecipient if nothing is for any of them, Unsupported if its algorithm is not
    read. From one that does not open comes a random key (RFC 3218 section 2.3), so that all failures look alike: as content that
    can't be decrypted. Shared keys and passwords tell by themselves that they are not the right ones, which is a DecryptionError at
    once: a random key would, behind CBC, now and then make content of noise.
    """
    substitute = secrets.token_bytes(key_length)
    for element, key in few(_candidates(recipient_infos, keys)):
        try:
            cek = _opened(element, key)
        except (ValueError, UnsupportedAlgorithm):
            if isinstance(key, SecretKey):
                raise DecryptionError from None
            cek = substitute
        if cek is not None:
            return cek if len(cek) == key_length else substitute, key
    for key in keys:
        cek = _opened_bare(recipient_infos, key, key_length) if isinstance(key, BareKey) else None
        if cek is not None:
            return cek if len(cek) == key_length else substitute, key
    passwords = [key for key in keys if isinstance(key, Password)]
    infos = _password_infos(recipient_infos) if passwords else []
    if not infos:
        raise NotARecipient("the message is not encrypted to any of these keys")
    if sum(each.iterations for each in infos) * len(passwords) > MAX_ITERATIONS:
        raise Malformed(f"trying the password takes more than {MAX_ITERATIONS} iterations")
    for info in infos:
        for password in passwords:
            cek = info.open(password)
            if cek is not None and len(cek) == key_length:
                return cek, password
    raise DecryptionError


def _candidates(recipient_infos: der.Element, keys: Sequence[OpeningKey]) -> Iterator[tuple[der.Element, OpeningKey]]:
    """For each of the keys that are no passwords, the recipient infos that it may be for."""
    members = recipient_infos.content
    for key in keys:
        if isinstance(key, Password | BareKey):
            continue
        if isinstance(key, SecretKey):
            found, kinds = der.holding(members, key.identifier, MAX_RECIPIENTS), {KEK_KIND}
        else:
            found, kinds = encodings_naming(key.certificate, members, MAX_RECIPIENTS), set(CERTIFICATE_KINDS)
        for encoded in found:
            element = der.Reader(encoded).element()
            if element.tag in kinds:
                yield element, key


def _opened_bare(recipient_infos: der.Element, key: BareKey, key_length: int) -> bytes | None:
    try:
        return open_bare(list(recipient_infos.inside().at_most(MAX_RECIPIENTS)), key, key_length)
    except (ValueError, UnsupportedAlgorithm):  # as if it were of no use: the content then says so
        return b""


def _opened(element: der.Element, key: OpeningKey) -> bytes | None:
    if isinstance(key, SecretKey):
        return KEKRecipientInfo.from_element(element).open(key)
    info = CERTIFICATE_KINDS[element.tag].from_element(element)
    opened: bytes | None = None if info is None else info.open(key)
    return opened


def _password_infos(recipient_infos: der.Element) -> list[PasswordRecipientInfo]:
    found = [each for each in recipient_infos.inside().at_most(MAX_RECIPIENTS) if each.tag == PASSWORD_KIND]
    if len(found) > MAX_PASSWORD_RECIPIENTS:
        raise Malformed(f"more than {MAX_PASSWORD_RECIPIENTS} password recipients")
    return [PasswordRecipientInfo.from_element(each) for each in found]
