"""The keys and certificates that options name, and which of them belong together."""

import re
from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp

from secmail import der
from secmail.certificates import Certificate
from secmail.cli.failures import Failure, concerning
from secmail.cli.inputs import small
from secmail.cms.recipients import Recipient
from secmail.containers import read_contents
from secmail.errors import Malformed, Unsupported
from secmail.keys import (
    BareKey,
    OpeningKey,
    Password,
    PrivateKey,
    SecretKey,
    SoftwareDecryptionKey,
    SoftwareSigningKey,
)
from secmail.paths import TrustStore
from secmail.pem import blocks

ADVICE = ": --passphrase-file"
NO_CERTIFICATE = "{}: no certificate for this key is given: --cert"
HEX_KEY = re.compile(rb"(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{48}|[0-9A-Fa-f]{64})")


def certificates(names: Iterable[str], passphrase: bytes | None = None, advice: str = "") -> list[Certificate]:
    """All certificates in these files, which have at least one each. ``advice`` as for ``concerning``."""
    found: list[Certificate] = []
    for name in names:
        with concerning(name, advice):
            inside = read_contents(small(name), passphrase, keys=False).certificates
            if not inside:
                raise Malformed("there is no certificate in it")
            found += inside
    return found


def readers(names: Iterable[str]) -> list[Certificate]:
    """Certificates to encrypt to. Who can't be encrypted to is found here, before anything is written."""
    found: list[Certificate] = []
    for name in names:
        inside = certificates([name])
        with concerning(name):
            for each in inside:
                Recipient(each).check()
        found += inside
    return found


def crls(names: Iterable[str]) -> tuple[bytes, ...]:
    """CRLs as DER, from DER or PEM."""
    return tuple(each for name in names for each in _revocation(name, "X509 CRL", x509.load_der_x509_crl))


def ocsps(names: Iterable[str]) -> tuple[bytes, ...]:
    """OCSP responses as DER, from DER or PEM."""
    return tuple(each for name in names for each in _revocation(name, "OCSP RESPONSE", ocsp.load_der_ocsp_response))


def _revocation(name: str, label: str, load: Callable[[bytes], object]) -> list[bytes]:
    """What is none is refused: path validation would pass over it, and who names evidence wants it looked at."""
    with concerning(name):
        data = small(name)
        found = [each.der for each in blocks(data) if each.label == label] if b"-----BEGIN" in data else [data]
        try:
            for each in found:
                load(der.definite(each)[0])
        except (ValueError, Malformed):
            found = []
        if not found:
            raise Malformed(f"there is no {label} in it")
    return found


# The keys a command is given


@dataclass(frozen=True)
class Keys:
    """Private keys with their certificates, in the order given, and the certificates that came along with them."""

    signing: tuple[SoftwareSigningKey, ...]
    decryption: tuple[SoftwareDecryptionKey, ...]
    secrets: tuple[BareKey | SecretKey | Password, ...]
    certificates: tuple[Certificate, ...]
    uncertified: tuple[str, ...] = ()  # the files of keys that came without a certificate, so that they can only open

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
        return _able(self._may_sign()[0])

    def signers(self) -> tuple[SoftwareSigningKey, ...]:
        """All keys that may sign, each with one certificate."""
        return tuple(map(_able, self._may_sign()))

    def _may_sign(self) -> tuple[SoftwareSigningKey, ...]:
        found = {_public(each.certificate): each for each in reversed(self.signing) if each.certificate.can_sign}
        if not found and self.uncertified:
            raise Failure(NO_CERTIFICATE.format(self.uncertified[0]))
        if not found:
            raise Failure("none of the keys given is for signing e-mail: --key and --cert")
        return tuple(reversed(found.values()))


def keys(arguments: Namespace) -> Keys:
    """Those of --key, --cert, --kek and --password-file."""
    passphrase = secret_line(arguments.passphrase_file)
    loaded: list[tuple[str, PrivateKey]] = []
    pool = certificates(arguments.cert, passphrase, ADVICE)
    for name in arguments.key:
        with concerning(name, ADVICE):
            inside = read_contents(small(name), passphrase)
            if not inside.keys:
                raise Malformed("there is no private key in it")
            loaded += [(name, key) for key in inside.keys]
            pool += inside.certificates
    pool = list(dict.fromkeys(pool))
    signing, decryption = [], []
    uncertified: dict[str, list[BareKey]] = {}
    for name, key in loaded:
        own = _certificates_of(key, pool)
        if not own:
            uncertified[name] = _made(BareKey, key)
            if not uncertified[name]:
                raise Failure(NO_CERTIFICATE.format(name))
        for certificate in own:
            signing += _made(SoftwareSigningKey, key, certificate)
            decryption += _made(SoftwareDecryptionKey, key, certificate)
    bare = [key for keys in uncertified.values() for key in keys]
    return Keys(tuple(signing), tuple(decryption), (*bare, *shared_secrets(arguments)), tuple(pool), tuple(uncertified))


def shared_secrets(arguments: Namespace) -> list[SecretKey | Password]:
    """Those of --kek and --password-file."""
    found: list[SecretKey | Password] = []
    if arguments.kek is not None:
        found.append(SecretKey(_secret_octets(arguments.kek), _hex(arguments.kek_id)))
    elif arguments.kek_id is not None:
        raise Failure("--kek-id names the key in --kek, which is absent")
    if (password := secret_line(arguments.password_file)) is not None:
        if not password:
            raise Failure(f"{arguments.password_file}: its first line is empty, and that is no password")
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


def _able(signer: SoftwareSigningKey) -> SoftwareSigningKey:
    """Signatures by keys of some kinds are read and not made, which is found here, before anything is written."""
    with concerning(f"the key of {signer.certificate.subject}"):
        signer.certificate.signing()
    return signer


def _made(kind: Any, key: PrivateKey, *certificate: Certificate) -> list[Any]:
    try:
        return [kind(key, *certificate)]
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
