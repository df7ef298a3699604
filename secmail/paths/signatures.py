"""Who signed a certificate, a revocation list or an OCSP response."""

from collections.abc import Sequence
from contextlib import suppress

from cryptography.hazmat.primitives.asymmetric import rsa

from .. import der
from ..algorithms import RSASSA_PSS, SIGNATURES, AlgorithmIdentifier, Digest, Message, lookup, pss_parameters
from ..certificates import Certificate
from ..errors import SecmailError, Unsupported

SMALL_RSA = 2048  # bits; a shorter key is weak


def signed_by(data: bytes, issuer: Certificate, *, weak: bool = False) -> bool:
    """Whether the issuer's key made the signature of X.509's SIGNED structure; nothing else about the issuer is looked at.

    ``weak`` accepts SHA-1, too. ``data`` begins with what is signed, its algorithm and the signature as BIT STRING.
    """
    try:
        members = der.read(data)
        signed, algorithm = members.element().der, AlgorithmIdentifier.read(members)
        signature = members.bits()
        digest = _digest(algorithm)
        if digest.weak and not weak:
            return False
        issuer.verify(algorithm, signature, Message.of(signed, digest))
    except SecmailError:
        return False
    return True


def weaknesses(chain: Sequence[Certificate]) -> tuple[str, ...]:
    """What is accepted in a path although it is no longer strong, for people; the leaf's own key is not looked at."""
    found = []
    for certificate in chain[:-1]:
        with suppress(SecmailError):
            members = der.read(certificate.der)
            members.element()
            digest = _digest(AlgorithmIdentifier.read(members))
            if digest.weak:
                found.append(f"a certificate of the path is signed with {digest.name}, which is weak")
    for issuer in chain[1:]:
        key = issuer.public_key
        if isinstance(key, rsa.RSAPublicKey) and key.key_size < SMALL_RSA:
            found.append(f"an issuer's RSA key of {key.key_size} bits is weak")
    return tuple(dict.fromkeys(found))


def _digest(algorithm: AlgorithmIdentifier) -> Digest:
    if algorithm.oid == RSASSA_PSS:
        return pss_parameters(algorithm.parameters)[0]
    digests = lookup(SIGNATURES, algorithm.oid, "signature algorithm").digests
    if digests is None:
        raise Unsupported("a signature algorithm that leaves its digest open")
    return digests[0]
