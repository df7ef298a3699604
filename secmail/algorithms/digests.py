"""Message digest algorithms. MD5 has no row on purpose; ``weak`` rows are read, and reported as weak."""

from dataclasses import dataclass
from functools import cached_property

from cryptography.hazmat.primitives import hashes

from secmail import der
from secmail.algorithms.identifiers import NULL, AlgorithmIdentifier, lookup
from secmail.errors import Malformed, Unsupported


@dataclass(frozen=True, eq=False)
class Digest:
    """A message digest algorithm; there is one object of each."""

    oid: str
    name: str
    hash: hashes.HashAlgorithm
    weak: bool = False
    parameters: bytes = b""

    def of(self, data: bytes) -> bytes:
        return self.start(data).finalize()

    def start(self, data: bytes = b"") -> hashes.Hash:
        running = hashes.Hash(self.hash)
        running.update(data)
        return running

    @cached_property
    def identifier(self) -> AlgorithmIdentifier:
        """RFC 5754 section 2: "implementations MUST generate [...] with absent parameters"."""
        return AlgorithmIdentifier(self.oid, self.parameters)


SHA1 = Digest("1.3.14.3.2.26", "SHA-1", hashes.SHA1(), weak=True)  # noqa: S303 (read only)
SHA224 = Digest("2.16.840.1.101.3.4.2.4", "SHA-224", hashes.SHA224())
SHA256 = Digest("2.16.840.1.101.3.4.2.1", "SHA-256", hashes.SHA256())
SHA384 = Digest("2.16.840.1.101.3.4.2.2", "SHA-384", hashes.SHA384())
SHA512 = Digest("2.16.840.1.101.3.4.2.3", "SHA-512", hashes.SHA512())
SHA3_224 = Digest("2.16.840.1.101.3.4.2.7", "SHA3-224", hashes.SHA3_224())
SHA3_256 = Digest("2.16.840.1.101.3.4.2.8", "SHA3-256", hashes.SHA3_256())
SHA3_384 = Digest("2.16.840.1.101.3.4.2.9", "SHA3-384", hashes.SHA3_384())
SHA3_512 = Digest("2.16.840.1.101.3.4.2.10", "SHA3-512", hashes.SHA3_512())
SHAKE128 = Digest("2.16.840.1.101.3.4.2.11", "SHAKE128", hashes.SHAKE128(32))
SHAKE256 = Digest("2.16.840.1.101.3.4.2.12", "SHAKE256", hashes.SHAKE256(64))
# RFC 8419 section 2.3: "the parameter MUST contain 512, encoded as a positive integer value"
SHAKE256_LEN = Digest("2.16.840.1.101.3.4.2.18", "SHAKE256", hashes.SHAKE256(64), parameters=der.integer(512))
DIGESTS = {
    each.oid: each
    for each in (
        *(SHA1, SHA224, SHA256, SHA384, SHA512),
        *(SHA3_224, SHA3_256, SHA3_384, SHA3_512, SHAKE128, SHAKE256, SHAKE256_LEN),
    )
}


def digest_algorithm(identifier: AlgorithmIdentifier) -> Digest:
    """The digest of an algorithm identifier; Unsupported if there is none, or its parameters ask for another length of output.

    Malformed if there are parameters where RFC 5754 section 2 has none, or NULL.
    """
    digest = lookup(DIGESTS, identifier.oid, "digest algorithm")
    if digest.parameters and identifier.parameters != digest.parameters:
        raise Unsupported("SHAKE256 with another length of output than 512 bits is not supported")
    if not digest.parameters and identifier.parameters not in (b"", NULL):
        raise Malformed("a digest algorithm with parameters")
    return digest
