"""HKDF (RFC 5869) for many secrets with one salt: ``cryptography`` starts anew for each, which takes twice as long."""

import hashlib
from collections.abc import Callable
from typing import Any

INNER, OUTER = (bytes(octet ^ pad for octet in range(256)) for pad in (0x36, 0x5C))


def hkdf(digest: str, length: int, salt: bytes, info: bytes) -> Callable[[bytes], bytes]:
    """What makes a key of ``length`` octets, at most one output of the digest, from a secret; ``digest`` is its name for hashlib."""
    new: Callable[[bytes], Any] = getattr(hashlib, digest)
    empty = new(b"")
    if length > empty.digest_size:
        raise ValueError(f"a key of {length} octets takes more than one output of {digest}")
    block, rest = empty.block_size, bytes(empty.block_size - empty.digest_size)
    key = (new(salt).digest() if len(salt) > block else salt).ljust(block, b"\0")
    # RFC 2104 section 2, H(K XOR opad, H(K XOR ipad, text)), as far as it is the same for all secrets
    inner, outer = new(key.translate(INNER)), new(key.translate(OUTER))
    first = info + b"\x01"

    def derive(secret: bytes) -> bytes:
        extracting, outermost = inner.copy(), outer.copy()
        extracting.update(secret)
        outermost.update(extracting.digest())
        extracted = outermost.digest() + rest
        output: bytes = new(extracted.translate(OUTER) + new(extracted.translate(INNER) + first).digest()).digest()
        return output[:length]

    return derive
