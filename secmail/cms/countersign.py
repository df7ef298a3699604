"""Adding countersignatures to a SignedData (RFC 5652 section 11.4): what was signed stays byte for byte."""

from collections.abc import Iterable
from contextlib import closing
from datetime import datetime

from secmail import der
from secmail.certificates import Certificate
from secmail.cms import SIGNED_DATA
from secmail.cms.allowance import MAX_SIGNERS
from secmail.cms.attributes import COUNTERSIGNATURE, attribute, countersignature_attributes
from secmail.cms.ber import END_OF_CONTENTS, BerReader, OctetsWriter, content_info, enter_content_info, opening
from secmail.cms.signed import CERTIFICATES, CRLS, MAX_COLLECTION
from secmail.cms.signer_info import UNSIGNED_ATTRS, SignerInfo, signer_info
from secmail.errors import Malformed, VerificationError
from secmail.keys import SigningKey
from secmail.streams import Source, Writable


def countersign(
    source: Source,
    target: Writable,
    *,
    signer: SigningKey,
    signature: bytes,
    signing_time: datetime,
    certificates: Iterable[Certificate] = (),
) -> None:
    """Write the SignedData of ``source`` with a countersignature of the signature value ``signature`` (``VerifiedSigner.signature``).

    The caller has verified it before; ``certificates`` (the countersigner's path) go into the message. Raises VerificationError if no signer has
    this signature, Malformed for anything else than a SignedData.
    """
    with closing(source.open()) as stream:
        reader = BerReader(stream)
        if enter_content_info(reader) != SIGNED_DATA:
            raise Malformed("not a SignedData")
        reader.enter(der.SEQUENCE)
        target.write(content_info(SIGNED_DATA) + opening(der.SEQUENCE))
        target.write(reader.element(der.INTEGER).der + reader.element(der.SET).der)
        _copy_content(reader, target)
        bag = reader.optional(CERTIFICATES, MAX_COLLECTION)
        members = {each.der for each in bag.inside()} if bag else set()
        target.write(der.set_of(members | {each.der for each in (signer.certificate, *certificates)}, CERTIFICATES))
        if crls := reader.optional(CRLS, MAX_COLLECTION):
            target.write(crls.der)
        infos = list(reader.element(der.SET, MAX_COLLECTION).inside().at_most(MAX_SIGNERS))
        for _ in range(3):
            reader.leave()
    made = _countersignature(signer, signature, signing_time)
    signed = [SignerInfo.from_element(each).signature == signature for each in infos]
    if not any(signed):
        raise VerificationError("no signer of the message has the signature that is to be countersigned")
    target.write(der.set_of(_with(each, made) if mine else each.der for each, mine in zip(infos, signed, strict=True)))
    target.write(END_OF_CONTENTS * 3)


def _copy_content(reader: BerReader, target: Writable) -> None:
    reader.enter(der.SEQUENCE)
    target.write(opening(der.SEQUENCE) + reader.element(der.OBJECT_IDENTIFIER).der)
    if reader.peek() is not None:
        reader.enter(der.context(0))
        target.write(opening(der.context(0)) + opening(der.OCTET_STRING))
        content = OctetsWriter(target)
        for chunk in reader.octets():
            content.write(chunk)
        content.close()
        target.write(END_OF_CONTENTS)
        reader.leave()
    reader.leave()
    target.write(END_OF_CONTENTS)


def _countersignature(signer: SigningKey, signature: bytes, signing_time: datetime) -> bytes:
    algorithm = signer.certificate.signing()
    attributes = countersignature_attributes(
        message_digest=algorithm.digest.of(signature), signing_time=signing_time, certificate=signer.certificate
    )
    return signer_info(signer, algorithm, attributes)


def _with(info: der.Element, countersignature: bytes) -> bytes:
    """The SignerInfo with one more unsigned attribute; its other members as they are."""
    members = list(info.inside())
    added = attribute(COUNTERSIGNATURE, countersignature)
    unsigned = [each.der for each in members.pop().inside()] if members[-1].tag == UNSIGNED_ATTRS else []
    return der.sequence(*(each.der for each in members), der.set_of([*unsigned, added], UNSIGNED_ATTRS))
