"""Whose word counts: the portal's own authority alone for addresses of its own, further ones for everybody else's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache

from portal.keys.services.outside import Proven
from secmail import Certificate, DecryptionKey, PathCache, PathOptions, Source, TrustStore, Unwrapped, unwrap
from secmail.certificates import comparable_domain

# The same few people write to somebody again and again. A path that was valid is remembered with its anchors and lists: without one of
# these, or with a newer list, it is another question. The signature of each message is verified each time.
_verdicts = PathCache(1_000)


@dataclass(frozen=True)
class Trust:
    """Anchors as DER. An authority in `further` that certifies an address of `domain` is not believed: only `own` may.

    `crls` are revocation lists (DER), which count for whoever signed them.
    """

    own: Sequence[bytes]
    further: Sequence[bytes] = ()
    domain: str = ""
    crls: Sequence[bytes] = ()

    @property
    def options(self) -> PathOptions:
        return PathOptions(crls=tuple(self.crls), cache=_verdicts)

    @cached_property
    def store(self) -> TrustStore:
        return _store(*self.own, *self.further)

    def unwrap(self, message: Source, *, keys: Sequence[DecryptionKey], now: datetime) -> Unwrapped:
        """Errors as for the engine's `unwrap`."""
        opened = unwrap(message, keys=keys, trust=self.store, now=now, options=self.options)
        address = opened.author.address if opened.author else None
        if self.further and address and lies_in(address, self.domain):
            return unwrap(message, keys=keys, trust=_store(*self.own), now=now, options=PathOptions(cache=_verdicts))
        return opened


@lru_cache(maxsize=8)
def _store(*anchors: bytes) -> TrustStore:
    """These anchors, parsed once."""
    return TrustStore(map(Certificate.from_der, anchors))


def lies_in(address: str, domain: str) -> bool:
    """Whether this is an address of that domain, however it is written."""
    return comparable_domain(address.rpartition("@")[2]) == comparable_domain(domain)


def proven(opened: Unwrapped) -> Proven | None:
    """What a verified signature says about answering its author in secret; None if it says nothing."""
    if opened.verdict != "verified" or opened.author is None or opened.author.address is None:
        return None
    signer, address = opened.author.signer, opened.author.address
    certificate = signer.encryption_certificate or signer.certificate
    if signer.signing_time is None or not certificate.can_encrypt or not certificate.speaks_for(address):
        return None
    layer = opened.innermost_signature
    others = [each for each in layer.certificates if each.der != certificate.der] if layer else []
    return Proven(
        address=address.lower(),
        certificate=certificate.der,
        issuers=b"".join(each.der for each in others),
        capabilities=None if signer.capabilities is None else list(signer.capabilities),
        signed_at=signer.signing_time,
    )
