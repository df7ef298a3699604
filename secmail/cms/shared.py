"""Recipient infos for secrets that people share: KEKRecipientInfo (RFC 5652 section 6.2.3), PasswordRecipientInfo (RFC 3211)."""

import secrets
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from secmail import der
from secmail.algorithms import (
    AES256_CBC,
    AES_WRAPS,
    CONTENT_ENCRYPTIONS,
    KEY_WRAPS,
    SHA1,
    SHA224,
    SHA256,
    SHA384,
    SHA512,
    AlgorithmIdentifier,
    ContentEncryption,
    lookup,
)
from secmail.errors import Malformed, Unsupported
from secmail.keys import Password, SecretKey

PBKDF2 = "1.2.840.113549.1.5.12"
PWRI_KEK = "1.2.840.113549.1.9.16.3.9"
HMACS = {f"1.2.840.113549.2.{number}": digest for number, digest in enumerate((SHA1, SHA224, SHA256, SHA384, SHA512), 7)}
HMAC_SHA256 = AlgorithmIdentifier("1.2.840.113549.2.9", der.tlv(der.NULL))
ITERATIONS = 600_000
MAX_ITERATIONS = 2 * ITERATIONS  # of all passwords of a message together: two of those made here
SLOW = {"1.2.840.113549.2.10", "1.2.840.113549.2.11"}  # with SHA-384 and SHA-512 each iteration takes twice as long
MAX_SALT = 1024
CHECK = 3


# KEKRecipientInfo


@dataclass(frozen=True)
class KEKRecipientInfo:
    key_identifier: bytes
    key_encryption_algorithm: AlgorithmIdentifier
    encrypted_key: bytes

    @staticmethod
    def make(key: SecretKey, cek: bytes) -> bytes:
        wrap = next(each for each in AES_WRAPS if each.key_length == len(key.value))
        return der.tlv(
            der.context(2),
            der.integer(4),
            der.sequence(der.octets(key.identifier)),
            AlgorithmIdentifier(wrap.oid).der,
            der.octets(aes_key_wrap(key.value, cek)),
        )

    @classmethod
    def from_element(cls, element: der.Element) -> "KEKRecipientInfo":
        members = element.inside()
        members.integer()
        kekid, algorithm, encrypted_key = members.inside(), AlgorithmIdentifier.read(members), members.octets()
        members.end()
        return cls(kekid.octets(), algorithm, encrypted_key)

    def open(self, key: SecretKey) -> bytes | None:
        if self.key_identifier != key.identifier:
            return None
        wrap = lookup(KEY_WRAPS, self.key_encryption_algorithm.oid, "key wrap algorithm")
        # Identifiers are not unique; a key of another length is another key
        return wrap.unwrap(key.value, self.encrypted_key) if wrap.key_length == len(key.value) else None


# PasswordRecipientInfo


@dataclass(frozen=True)
class PasswordRecipientInfo:
    key_derivation_algorithm: AlgorithmIdentifier | None
    key_encryption_algorithm: AlgorithmIdentifier
    encrypted_key: bytes

    @staticmethod
    def make(password: Password, cek: bytes) -> bytes:
        salt, initialization_vector = secrets.token_bytes(16), secrets.token_bytes(16)
        kek = PBKDF2HMAC(SHA256.hash, AES256_CBC.key_length, salt, ITERATIONS).derive(password.value)
        derivation = der.sequence(der.octets(salt), der.integer(ITERATIONS), HMAC_SHA256.der)
        encryption = AlgorithmIdentifier(AES256_CBC.oid, der.octets(initialization_vector)).der
        return der.tlv(
            der.context(3),
            der.integer(0),
            der.tlv(der.context(0), der.oid(PBKDF2), derivation),
            AlgorithmIdentifier(PWRI_KEK, encryption).der,
            der.octets(wrap_cek(cek, kek, AES256_CBC, initialization_vector)),
        )

    @classmethod
    def from_element(cls, element: der.Element) -> "PasswordRecipientInfo":
        members = element.inside()
        members.integer()
        derivation = members.optional(der.context(0))
        algorithm, encrypted_key = AlgorithmIdentifier.read(members), members.octets()
        members.end()
        return cls(AlgorithmIdentifier.from_element(derivation) if derivation else None, algorithm, encrypted_key)

    @property
    def iterations(self) -> int:
        """What trying one password costs, in iterations; Malformed or Unsupported if it can't be tried at all."""
        _, iterations, prf = self._derivation()
        return 2 * iterations if prf in SLOW else iterations

    def open(self, password: Password) -> bytes | None:
        """The content-encryption key, None if the password is not the right one (which three octets tell)."""
        cipher, initialization_vector = self._encryption()
        salt, iterations, prf = self._derivation()
        digest = lookup(HMACS, prf, "pseudo-random function")
        kek = PBKDF2HMAC(digest.hash, cipher.key_length, salt, iterations).derive(password.value)
        return unwrap_cek(self.encrypted_key, kek, cipher, initialization_vector)

    def _encryption(self) -> tuple[ContentEncryption, bytes]:
        if self.key_encryption_algorithm.oid != PWRI_KEK:
            raise Unsupported(f"password key wrap algorithm {self.key_encryption_algorithm.oid} is not supported")
        inner = AlgorithmIdentifier.read(der.Reader(self.key_encryption_algorithm.parameters))
        cipher = lookup(CONTENT_ENCRYPTIONS, inner.oid, "key-encryption algorithm")
        if cipher.authenticated:
            raise Unsupported("a password key wrap with a cipher that is not in CBC mode")
        initialization_vector = der.Reader(inner.parameters).octets()
        if len(initialization_vector) != cipher.block_length:
            raise Malformed("an initialization vector of the wrong length")
        return cipher, initialization_vector

    def _derivation(self) -> tuple[bytes, int, str]:
        """(salt, iterations, OID of the pseudo-random function), RFC 8018 appendix A.2."""
        if self.key_derivation_algorithm is None:
            raise Unsupported("a password recipient without key derivation")
        if self.key_derivation_algorithm.oid != PBKDF2:
            raise Unsupported(f"key derivation algorithm {self.key_derivation_algorithm.oid} is not supported")
        members = der.read(self.key_derivation_algorithm.parameters)
        salt, iterations = members.octets(), members.integer()
        if members.peek() == der.INTEGER:
            members.integer()  # the length of the key, which the cipher tells too
        prf = AlgorithmIdentifier.read(members).oid if members.peek() == der.SEQUENCE else "1.2.840.113549.2.7"
        members.end()
        if not 1 <= iterations <= MAX_ITERATIONS or len(salt) > MAX_SALT:
            raise Malformed(f"PBKDF2 with no or more than {MAX_ITERATIONS} iterations, or with a huge salt")
        return salt, iterations, prf


def wrap_cek(cek: bytes, kek: bytes, cipher: ContentEncryption, initialization_vector: bytes) -> bytes:
    """RFC 3211 section 2.3.1: length, three check octets, key and padding, encrypted twice."""
    block = cipher.block_length
    formatted = bytes((len(cek), *(octet ^ 0xFF for octet in cek[:CHECK]))) + cek
    padded = formatted + secrets.token_bytes(max(2 * block - len(formatted), -len(formatted) % block))
    once = _encrypted(padded, kek, cipher, initialization_vector)
    return _encrypted(once, kek, cipher, once[-block:])


def unwrap_cek(wrapped: bytes, kek: bytes, cipher: ContentEncryption, initialization_vector: bytes) -> bytes | None:
    """RFC 3211 section 2.3.2; None if the check octets are not those of the key."""
    block = cipher.block_length
    if len(wrapped) < 2 * block or len(wrapped) % block or len(wrapped) > 256 + block:
        raise Malformed("a key wrapped with a password has an impossible length")
    last = _decrypted(wrapped[-block:], kek, cipher, wrapped[-2 * block : -block])
    once = _decrypted(wrapped[:-block], kek, cipher, last) + last
    formatted = _decrypted(once, kek, cipher, initialization_vector)
    size, check, cek = formatted[0], formatted[1 : 1 + CHECK], formatted[1 + CHECK :]
    matches = secrets.compare_digest(bytes(octet ^ 0xFF for octet in check), cek[:CHECK])
    return cek[:size] if matches and CHECK <= size <= len(cek) else None


def _encrypted(data: bytes, kek: bytes, cipher: ContentEncryption, initialization_vector: bytes) -> bytes:
    encryptor = Cipher(cipher.cipher(kek), modes.CBC(initialization_vector)).encryptor()
    return encryptor.update(data) + encryptor.finalize()


def _decrypted(data: bytes, kek: bytes, cipher: ContentEncryption, initialization_vector: bytes) -> bytes:
    decryptor = Cipher(cipher.cipher(kek), modes.CBC(initialization_vector)).decryptor()
    return decryptor.update(data) + decryptor.finalize()
