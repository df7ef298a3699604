"""Parameters of RSA: RSASSA-PSS (RFC 4055 section 3.1) and RSAES-OAEP (section 4.1)."""

from cryptography.hazmat.primitives.asymmetric import padding

from secmail import der
from secmail.algorithms.digests import SHA1, SHA224, SHA256, SHA384, SHA512, Digest, digest_algorithm
from secmail.algorithms.identifiers import NULL, AlgorithmIdentifier
from secmail.errors import Malformed, Unsupported

RSA_ENCRYPTION = "1.2.840.113549.1.1.1"
RSAES_OAEP = "1.2.840.113549.1.1.7"
MGF1 = "1.2.840.113549.1.1.8"
P_SPECIFIED = "1.2.840.113549.1.1.9"
RSASSA_PSS = "1.2.840.113549.1.1.10"
PSS_SALT_LENGTH = 32
MAX_SALT_LENGTH = 2048  # octets of a signature with a key of 16,384 bits
OAEP_DIGESTS = {SHA1, SHA224, SHA256, SHA384, SHA512}  # RFC 4055 section 2.1

_SHA256_WITH_NULL = der.sequence(der.oid(SHA256.oid), NULL)
_SHA256_AND_MGF1 = (
    der.tlv(der.context(0), _SHA256_WITH_NULL),
    der.tlv(der.context(1), der.sequence(der.oid(MGF1), _SHA256_WITH_NULL)),
)
OAEP_SHA256 = AlgorithmIdentifier(RSAES_OAEP, der.sequence(*_SHA256_AND_MGF1))
PKCS1_V15 = AlgorithmIdentifier(RSA_ENCRYPTION, NULL)
PSS_SHA256 = AlgorithmIdentifier(
    RSASSA_PSS, der.sequence(*_SHA256_AND_MGF1, der.tlv(der.context(2), der.integer(PSS_SALT_LENGTH)))
)


def pss_parameters(parameters: bytes) -> tuple[Digest, Digest, int]:
    """(hash, hash of MGF1, salt length in octets); absent members have RFC 4055's defaults."""
    members = der.read(parameters)
    hash_, mgf = _hash_and_mgf(members)
    salt = members.optional(der.context(2))
    trailer = members.optional(der.context(3))
    members.end()
    if trailer and _integer(trailer) != 1:
        raise Unsupported("an RSASSA-PSS trailer field other than 1")
    salt_length = _integer(salt) if salt else 20
    if not 0 <= salt_length <= MAX_SALT_LENGTH:
        raise Malformed("a salt of RSASSA-PSS that is longer than any signature, or of less than no octets")
    return hash_, mgf, salt_length


def may_verify(key: AlgorithmIdentifier, signature: AlgorithmIdentifier) -> bool:
    """Whether a key whose certificate gives it this algorithm may verify a signature of that one.

    RFC 4055 section 1.2 has id-RSASSA-PSS limit a key to PSS; with parameters, RFC 4056 section 3 wants the same hashes and no shorter salt: "If any
    of the above four steps is not true, the signature checking algorithm MUST fail validation."
    """
    if key.oid != RSASSA_PSS:
        return True
    if signature.oid != RSASSA_PSS:
        return False
    if not key.parameters:
        return True
    *hashes, salt_length = pss_parameters(key.parameters)
    *used, used_salt_length = pss_parameters(signature.parameters)
    return used == hashes and used_salt_length >= salt_length


def _algorithm(tagged: der.Element) -> AlgorithmIdentifier:
    members = tagged.inside()
    value = AlgorithmIdentifier.read(members)
    members.end()
    return value


def _integer(tagged: der.Element) -> int:
    members = tagged.inside()
    value = members.integer()
    members.end()
    return value


def oaep_parameters(parameters: bytes) -> padding.OAEP:
    """The padding for ``cryptography``; absent members mean SHA-1, as RFC 4055 section 4.1 says."""
    members = der.read(parameters or der.sequence())
    hash_, mgf = _hash_and_mgf(members)
    source = members.optional(der.context(2))
    members.end()
    if not {hash_, mgf} <= OAEP_DIGESTS:
        raise Unsupported("OAEP with another hash than SHA-1 or SHA-2")
    label = b""
    if source:
        algorithm = AlgorithmIdentifier.read(source.inside())
        if algorithm.oid != P_SPECIFIED:
            raise Unsupported("an OAEP label source that is not pSpecified")
        label = der.Reader(algorithm.parameters).octets()
    return padding.OAEP(padding.MGF1(mgf.hash), hash_.hash, label)


def _hash_and_mgf(members: der.Reader) -> tuple[Digest, Digest]:
    hash_ = mgf = SHA1
    if found := members.optional(der.context(0)):
        hash_ = digest_algorithm(_algorithm(found))
    if found := members.optional(der.context(1)):
        generator = _algorithm(found)
        if generator.oid != MGF1:
            raise Unsupported("a mask generation function other than MGF1")
        mgf = digest_algorithm(AlgorithmIdentifier.read(der.Reader(generator.parameters)))
    return hash_, mgf
