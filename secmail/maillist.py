"""The mail list agent: one message to a list becomes one message to its members (RFC 2634 section 4).

Where section 4.2.3.2 (step 2) contradicts sections 4.2 and 4.2.1 about the "outer" layer, the latter prevail.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime

from secmail import der
from secmail.algorithms import ContentEncryption
from secmail.certificates import Certificate
from secmail.cms import DATA
from secmail.cms import attributes as attribute
from secmail.cms.attributes import EssAttributes
from secmail.cms.enveloped import DecryptedContent, readdress
from secmail.cms.ess import UB_ML_EXPANSION_HISTORY, MLData, MLReceiptPolicy, merged_policy
from secmail.cms.recipients import Recipient
from secmail.cms.signers import RejectedSigner, VerifiedSigner
from secmail.envelope import ContentEncryptionChoice, Envelope, plan_envelope
from secmail.errors import LabelError, MailListError, MailListLoop, SecmailError, VerificationError
from secmail.keys import OpeningKey, SigningKey
from secmail.labels.label import SecurityLabel
from secmail.layers import EnvelopedLayer, Layer, SignedLayer
from secmail.mime import Entity
from secmail.mime.encodings import CrlfReader, CrlfWriter
from secmail.paths import TrustStore
from secmail.peeling import Peeled, peel, read_message
from secmail.streams import Source, Writable, copy
from secmail.unwrap import counting_headers
from secmail.verdict import would_be_author
from secmail.wrap import enveloping, pkcs7_entity, signing

Admits = Callable[[Sequence[SecurityLabel], Recipient], bool]
"""Whether a member may have a message with these labels, those of all its layers, the outermost first (none: ``()``)."""

# Bound to the old signature, its signer or the old content, or (the last two) belonging into the inside signature only
REPLACED = {
    attribute.CONTENT_TYPE,
    attribute.MESSAGE_DIGEST,
    attribute.SIGNING_TIME,
    attribute.SMIME_CAPABILITIES,
    attribute.ALGORITHM_PROTECTION,
    attribute.ENCRYPTION_KEY_PREFERENCE,
    attribute.SIGNING_CERTIFICATE,
    attribute.SIGNING_CERTIFICATE_V2,
    attribute.ML_EXPANSION_HISTORY,
    attribute.RECEIPT_REQUEST,
    attribute.MSG_SIG_DIGEST,
}


@dataclass(frozen=True)
class MailList:
    """A mail list as its agent knows it (RFC 2634 section 4). ValueError without a certificate.

    ``certificates`` are its own: the current one first, which identifies it in expansion histories, then all it ever had. Each list needs
    its own, or two lists on one agent would look like a loop. ``receipt_policy`` None leaves receipts to originators and other
    lists. ``owner`` (for people) is named where a person has to act.
    """

    certificates: tuple[Certificate, ...]
    owner: str
    receipt_policy: MLReceiptPolicy | None = None

    def __post_init__(self) -> None:
        if not self.certificates:
            raise ValueError("a mail list needs a certificate")

    def expanded(self, history: Sequence[MLData], now: datetime) -> tuple[MLData, ...]:
        """The history after this list (section 4.1); MailListLoop if it is in there, MailListError if there is no room."""
        if any(entry.names(certificate) for entry in history for certificate in self.certificates):
            raise MailListLoop(self.told("the message went through this list before: two lists have each other as members"))
        if len(history) >= UB_ML_EXPANSION_HISTORY:
            raise MailListError(self.told(f"the message went through {UB_ML_EXPANSION_HISTORY} lists, and no more are allowed"))
        former = history[-1].ml_receipt_policy if history else None
        identifier = self.certificates[0].issuer_and_serial_number
        return (*history, MLData(identifier, now, merged_policy(former, self.receipt_policy)))

    def told(self, reason: str) -> str:
        """The reason why a message is not distributed, with whom to tell."""
        return f"{reason}; tell {self.owner}, who owns the list"


@dataclass(frozen=True)
class Expansion:
    """What became of a message: who gets it and who may not, under which labels, and the history it carries now.

    ``envelope`` is None for a message that is not encrypted.
    """

    members: tuple[Recipient, ...]
    refused: tuple[Recipient, ...]
    labels: tuple[SecurityLabel, ...]
    ml_expansion_history: tuple[MLData, ...]
    envelope: Envelope | None


def expand(
    message: Source,
    out: Writable,
    *,
    mail_list: MailList,
    members: Sequence[Recipient | Certificate],
    signer: SigningKey,
    keys: Sequence[OpeningKey],
    trust: TrustStore,
    now: datetime,
    certificates: Iterable[Certificate] = (),
    lists: Collection[str] | None = None,
    admits: Admits | None = None,
) -> Expansion:
    """Write the message for the members of a list to ``out``, whole, with the header fields it came with (RFC 2634 section 4.2).

    Inside signatures stay as they are, byte for byte. ``keys`` are the list's, ``certificates`` go along in its signature. ``lists``
    are the addresses of lists whose histories are believed (None: of every verified signer), as in ``unwrap``. Nothing is written
    before all layers are looked at. Raises MailListLoop and MailListError (to be told to the owner), LabelError for labels that
    conflict or can't be read, VerificationError for a layer without a valid signature, and what ``unwrap`` raises.
    """
    received = read_message(message)
    peeled: list[Peeled] = []
    for each in peel(received, keys=keys, trust=trust, now=now):
        if isinstance(each.layer, SignedLayer):
            _check(each.layer, mail_list, lists, now)
        peeled.append(each)
    signed = [each.layer for each in peeled if isinstance(each.layer, SignedLayer)]
    labels = tuple(layer.label for layer in signed if layer.label is not None)
    admitted, refused = _admitted(members, labels, admits, mail_list)
    outer, envelope = _outer(peeled), _first_envelope(peeled)
    _check_author(received, peeled, outer, signer.certificate, mail_list)
    old = peeled[outer].layer if outer is not None else None
    history = mail_list.expanded(old.ml_expansion_history if isinstance(old, SignedLayer) else (), now)
    attributes = EssAttributes(ml_expansion_history=history, others=_kept(old) if isinstance(old, SignedLayer) else ())
    certificates = tuple(certificates)
    plan = _Plan.of(peeled[envelope].content, admitted) if envelope is not None else None
    _write_header_fields(received, out)
    with signing(out, signer=signer, now=now, certificates=certificates, attributes=attributes) as sink:
        if plan is not None:
            plan.write(sink, (signer.certificate, *certificates))
        elif outer is not None:
            with closing(peeled[outer].content.open()) as stream:
                copy(stream, sink)
        else:
            _write_entity(received, sink)
    return Expansion(admitted, refused, labels, history, plan.envelope if plan else None)


def _check(layer: SignedLayer, mail_list: MailList, lists: Collection[str] | None, now: datetime) -> None:
    """Section 4.2: "MUST verify the signature and fully process the signedAttributes in each"."""
    if not layer.verified_signers:
        rejected = next((each for each in layer.signers if isinstance(each, RejectedSigner)), None)
        raise _failure(rejected.error if rejected else None)
    if layer.label_state in ("conflict", "malformed"):
        raise LabelError("the security labels of the signers differ, or can't be read")
    if layer.history_state in ("conflict", "malformed"):
        raise MailListError(mail_list.told("the expansion histories of the signers differ, can't be read, or have more than 64 entries"))
    authors = [each.certificate for each in layer.verified_signers if each.ml_expansion_history]
    if lists is not None and authors and not any(author.speaks_for(address) for author in authors for address in lists):
        raise MailListError(mail_list.told("the message has the expansion history of a list that is not known here"))
    if layer.ml_expansion_history and layer.content_type != DATA:
        # Section 2.4.1: "MUST NOT be included [...] in a SignedData object that encapsulates a Receipt content"
        raise MailListError(mail_list.told("an expansion history is where none may be: in a signature over something that is no MIME"))
    if layer.ml_expansion_history:
        mail_list.expanded(layer.ml_expansion_history, now)


def _check_author(received: Entity, peeled: Sequence[Peeled], outer: int | None, own: Certificate, mail_list: MailList) -> None:
    """The list signs what nobody else signed, too. In its own name that would be its word, and anybody may have written it."""
    inside = peeled if outer is None else peeled[outer + 1 :]
    if any(isinstance(each.layer, SignedLayer | EnvelopedLayer) for each in inside):
        return
    entity = peeled[-1].entity if peeled else received
    if would_be_author(own, counting_headers(received, entity, (), signed=True)):
        raise MailListError(mail_list.told("nobody signed the message, and it says to be from the list itself"))


def _failure(error: SecmailError | None) -> VerificationError:
    return error if isinstance(error, VerificationError) else VerificationError("a layer of the message has no valid signature")


def _admitted(
    members: Sequence[Recipient | Certificate], labels: Sequence[SecurityLabel], admits: Admits | None, mail_list: MailList
) -> tuple[tuple[Recipient, ...], tuple[Recipient, ...]]:
    known = [each if isinstance(each, Recipient) else Recipient(each) for each in members]
    verdicts = [(each, admits is None or admits(labels, each)) for each in known]
    admitted = tuple(each for each, granted in verdicts if granted)
    if not admitted:
        raise MailListError(mail_list.told("the list has no member who may have the message"))
    return admitted, tuple(each for each, granted in verdicts if not granted)


# The layers


def _outer(peeled: Sequence[Peeled]) -> int | None:
    """Section 4.2: the first layer "that includes an mlExpansionHistory attribute or encapsulates an envelopedData object"."""
    for number, each in enumerate(peeled):
        if not isinstance(each.layer, SignedLayer):
            return None
        encloses = number + 1 < len(peeled) and _is_enveloped(peeled[number + 1].layer)
        if each.layer.ml_expansion_history or encloses:
            return number
    return None


def _first_envelope(peeled: Sequence[Peeled]) -> int | None:
    """The envelope to expand: all signatures around it are stripped, because the new recipients invalidate them."""
    for number, each in enumerate(peeled):
        if not isinstance(each.layer, SignedLayer):
            return number if _is_enveloped(each.layer) else None
    return None


def _is_enveloped(layer: Layer) -> bool:
    """An EncryptedData is encrypted too, but has no recipients to replace."""
    return isinstance(layer, EnvelopedLayer) and layer.kind != "encrypted"


def _kept(layer: SignedLayer) -> tuple[bytes, ...]:
    """Section 4.2: "each signed attribute present in the original "outer" signedData layer", unless replaced."""
    kept: dict[str, bytes] = {}
    for signer in sorted(layer.verified_signers, key=_has_no_history):
        for member in der.read(signer.signed_attributes, der.SET) if signer.signed_attributes else ():
            kept.setdefault(member.inside().oid(), member.der)
    return tuple(encoded for oid, encoded in kept.items() if oid not in REPLACED)


def _has_no_history(signer: VerifiedSigner) -> bool:
    return signer.ml_expansion_history is None


# What is written


@dataclass(frozen=True)
class _Plan:
    """How the encrypted content goes on: with the key for others, or (``algorithm``) encrypted again for those who could not read it."""

    content: DecryptedContent
    recipients: tuple[Recipient, ...]
    envelope: Envelope
    algorithm: ContentEncryption | None

    @classmethod
    def of(cls, content: Source, recipients: tuple[Recipient, ...]) -> "_Plan":
        if not isinstance(content, DecryptedContent):
            raise TypeError("what an envelope holds is decrypted content")
        used = content.algorithm
        unable = [each for each in recipients if not each.reads(used.oid)] if used.authenticated else []
        # Never GCM for what was CBC: that would vouch for content which nothing authenticated
        algorithm, envelope = plan_envelope(recipients, "auto" if used.authenticated else "cbc")
        if not used.weak and not unable:
            return cls(content, recipients, replace(envelope, content_encryption=used.name, reason="encrypted as it came"), None)
        why = f"encrypted again: {used.name} is weak" if used.weak else f"encrypted again: not every member is known to read {used.name}"
        return cls(content, recipients, replace(envelope, reason=why), algorithm)

    def write(self, sink: Writable, originator: Sequence[Certificate]) -> None:
        if self.algorithm is None:
            with pkcs7_entity(sink, "authEnveloped-data" if self.content.algorithm.authenticated else "enveloped-data") as body:
                readdress(self.content, body, recipients=self.recipients, originator=originator)
            return
        choice: ContentEncryptionChoice = "gcm" if self.algorithm.authenticated else "cbc"
        with enveloping(sink, recipients=self.recipients, content_encryption=choice) as inside, closing(self.content.open()) as stream:
            copy(stream, inside)


def _is_content_field(name: str) -> bool:
    """RFC 2045: these describe the body, so they stay with it."""
    return name.lower().startswith("content-")


def _write_header_fields(received: Entity, out: Writable) -> None:
    fields = CrlfWriter(out)
    for field in received.headers:
        if not _is_content_field(field.name) and field.name.lower() != "mime-version":
            fields.write(field.raw.rstrip(b"\r\n") + b"\r\n")
    fields.write(b"MIME-Version: 1.0\r\n")
    fields.close()


def _write_entity(received: Entity, sink: Writable) -> None:
    """The whole message as it came, which gets a signature around it: in canonical form, which changes no signature inside."""
    fields = CrlfWriter(sink)
    for field in received.headers:
        if _is_content_field(field.name):
            fields.write(field.raw.rstrip(b"\r\n") + b"\r\n")
    fields.write(b"\r\n")
    fields.close()
    stream = received.body.open()
    with closing(stream if received.encoding == "binary" else CrlfReader(stream)) as body:
        copy(body, sink)
