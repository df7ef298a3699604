"""S/MIME becomes what a page shows: a verdict in words, the layers, the text, the attachments."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO

from cryptography.hazmat.primitives.serialization import load_der_private_key

from portal.keys.services.outside import Proven
from portal.mail.engine.trust import Trust, proven
from secmail import (
    Certificate,
    CompressedLayer,
    DecryptionError,
    DigestedLayer,
    EnvelopedLayer,
    FileSource,
    Layer,
    Malformed,
    NotARecipient,
    RejectedSigner,
    SoftwareDecryptionKey,
    Source,
    Unsupported,
    Unwrapped,
    VerifiedSigner,
    mime,
)
from secmail.peeling import peel, read_message
from secmail.verdict import another_sender_outside

TEXT_LIMIT = 180_000  # octets of text on a page: the answer of a call stays under 256 KB


@dataclass(frozen=True)
class File:
    """An attachment of an opened message; `open` decrypts again, as long as the message's file is open."""

    name: str
    content_type: str
    size: int | None
    open: Callable[[], BinaryIO]


@dataclass(frozen=True)
class Shown:
    """An opened message: verdict in words, what was signed, and its parts."""

    verdict: str  # "verified", "not-verified", "unsigned", "broken"
    sentence: str
    subject: str = ""
    from_name: str = ""
    from_address: str = ""
    to: list[str] = field(default_factory=list)
    cc: list[str] = field(default_factory=list)
    to_addresses: list[str] = field(default_factory=list)
    date: str = ""
    message_id: str = ""
    references: list[str] = field(default_factory=list)
    layers: list[dict[str, object]] = field(default_factory=list)
    text: str = ""
    text_cut: bool = False
    html_hidden: bool = False
    files: list[File] = field(default_factory=list)
    label_der: bytes | None = None
    proven: Proven | None = None  # how to answer the signer in secret

    def withheld(self, sentence: str) -> "Shown":
        """The same message without anything of its content."""
        return Shown("broken", sentence, layers=self.layers)

    def to_payload(self) -> dict[str, object]:
        """What a page is given, as JSON types."""
        names = (
            "verdict",
            "sentence",
            "subject",
            "from_name",
            "from_address",
            "to",
            "cc",
            "layers",
            "text",
            "text_cut",
            "html_hidden",
        )
        shown: dict[str, object] = {name: getattr(self, name) for name in names}
        shown["attachments"] = [
            {"n": n, "name": each.name, "content_type": each.content_type, "size": each.size or 0}
            for n, each in enumerate(self.files)
        ]
        return shown


CHANGED = "This message was changed or damaged on the way, or it is not what it claims to be. Its content is not shown."
NOT_OURS = "This message is not encrypted to any key of yours, current or retired, so it can't be opened."


def show(
    file: BinaryIO, *, keys: Sequence[tuple[bytes, bytes]], trust: Trust, now: datetime, wrapped: bool = False
) -> Shown:
    """Opens a stored message. `keys` are (PKCS#8, certificate) pairs; `now` is the moment at which certificates must hold.

    One that was `wrapped` here on arrival is judged as it came, without the envelope it was put into.
    """
    message: Source = FileSource(file)
    opening = [SoftwareDecryptionKey(load_der_private_key(key, None), Certificate.from_der(der)) for key, der in keys]
    try:
        if wrapped:
            peeled = next(peel(read_message(message), keys=opening, trust=trust.store, now=now), None)
            if peeled is None or not isinstance(peeled.layer, EnvelopedLayer):
                return Shown("broken", CHANGED)
            message = peeled.content
        return _shown(trust.unwrap(message, keys=opening, now=now))
    except NotARecipient:
        return Shown("broken", NOT_OURS)
    except (DecryptionError, Malformed):
        return Shown("broken", CHANGED)
    except Unsupported as unsupported:
        return Shown("broken", f"This message can't be opened here: {unsupported}.")


def _shown(opened: Unwrapped) -> Shown:
    layers = [_layer(each) for each in opened.layers]
    label_der = opened.label.to_der() if opened.label else None
    if opened.entity is None:
        return Shown("broken", f"{_sentence(opened)} Its content is not shown.", layers=layers, label_der=label_der)
    display = mime.display(mime.message_root(opened.entity), encrypted=opened.is_encrypted)
    texts, cut, html_hidden = _texts(display.bodies)
    files = [File(each.name, each.content_type, each.size, each.open) for each in display.attachments]
    if cut:
        files += [
            File(f"text-{n}.txt", "text/plain", each.plain.size, each.plain.content.open)
            for n, each in enumerate(display.bodies, 1)
            if each.plain
        ]
    from_name, from_address = _from(opened)
    return Shown(
        verdict=_verdict(opened),
        sentence=_sentence(opened),
        subject=_header(opened, "subject"),
        from_name=from_name,
        from_address=from_address,
        to=_people(opened, "to"),
        cc=_people(opened, "cc"),
        to_addresses=[each.addr_spec for name in ("to", "cc") if _answerable(opened, name) for each in _addresses(opened, name)],
        date=_header(opened, "date"),
        message_id=_repeatable(opened, "message-id"),
        references=_repeatable(opened, "references").split(),
        layers=layers,
        text="\n\n".join(texts),
        text_cut=cut,
        html_hidden=html_hidden,
        files=files,
        label_der=label_der,
        proven=proven(opened),
    )


def _texts(bodies: Sequence[mime.Body]) -> tuple[list[str], bool, bool]:
    texts, cut, html_hidden, left = [], False, False, TEXT_LIMIT
    for body in bodies:
        html_hidden |= body.html is not None
        if body.plain is not None:
            text = body.plain.text(left)
            cut |= (body.plain.size or 0) > left
            left = max(0, left - len(text.encode()))
            texts.append(text)
    return texts, cut, html_hidden


def _verdict(opened: Unwrapped) -> str:
    """The engine accepts certificates that name no address (RFC 8550 section 3); a tick beside a sender's name needs that it is proven."""
    if opened.verdict == "verified" and (opened.author is None or opened.author.address is None):
        return "not-verified"
    return opened.verdict


def _sentence(opened: Unwrapped) -> str:
    """One sentence about the signature. It names the address that was proven, never a name the message merely claims."""
    if _verdict(opened) == "verified" and opened.author is not None:
        certificate = opened.author.signer.certificate
        name = certificate.common_name or opened.author.address
        signed = f"Signed by {name} ({opened.author.address}); certificate valid until {certificate.not_after:%B %Y}."
        return " ".join([signed, *_limits(opened)])
    if opened.verdict == "unsigned":
        nobody = "Nobody signed this; anyone may have written it."
        return f"{nobody} Note: outside, it names another sender." if another_sender_outside(opened.headers) else nobody
    return f"The signature could not be verified: {opened.reason.rstrip('.')}."


def _limits(opened: Unwrapped) -> Iterator[str]:
    """What stands beside the verdict on the page and is not under it, so that nobody takes it for signed."""
    if opened.reason:
        yield f"Note: {opened.reason.rstrip('.')}."
    shown = [name for name in ("subject", "date") if name in opened.headers]
    unsigned = [name for name in shown if "signed" not in opened.headers[name].protection]
    if unsigned:
        yield f"The signature does not cover the {' and the '.join(unsigned)}."


def _layer(layer: Layer) -> dict[str, object]:
    if isinstance(layer, CompressedLayer):
        return {"title": "Compressed", "facts": []}
    if isinstance(layer, DigestedLayer):
        return {"title": "With a digest", "facts": [("Digest", layer.digest_algorithm), ("Proof", "None: anybody can make one")]}
    if isinstance(layer, EnvelopedLayer):
        proof = (
            "Yes: any change would have been noticed"
            if layer.authenticated
            else "No: the signature inside tells about changes"
        )
        facts = [
            ("Content encryption", layer.content_encryption + (" (weak)" if layer.weak else "")),
            ("Authenticated", proof),
            ("Opened with", _opened_with(layer)),
        ]
        return {"title": "Encrypted", "facts": facts}
    facts = [fact for signer in layer.signers for fact in _signer(signer)]
    facts.append(
        (
            "Security label",
            {"present": "in the signed attributes", "absent": "none"}.get(layer.label_state, layer.label_state),
        )
    )
    if layer.receipt_request is not None:
        facts.append(("Receipt", "A signed receipt is requested"))
    return {"title": "Signed", "facts": facts}


def _opened_with(layer: EnvelopedLayer) -> str:
    if layer.recipient is None:
        return layer.opened_with
    return f"the key of certificate {layer.recipient.serial_number:x}, valid until {layer.recipient.not_after:%d %B %Y}"


def _signer(signer: VerifiedSigner | RejectedSigner) -> list[tuple[str, str]]:
    if isinstance(signer, RejectedSigner):
        return [("Signature", f"Not accepted: {signer.reason}")]
    certificate = signer.certificate
    facts = [
        ("Signer", ", ".join([certificate.subject, *certificate.emails])),
        ("Algorithms", f"{signer.signature_algorithm}, digest {signer.digest_algorithm}"),
        ("Certificate", f"{certificate.serial_number:x}, issued by {certificate.issuer}"),
        ("Valid", f"{certificate.not_before:%d %B %Y} to {certificate.not_after:%d %B %Y}"),
    ]
    if signer.signing_time is not None:
        facts.append(("Signing time", f"{signer.signing_time:%d %B %Y, %H:%M:%S} UTC"))
    return facts + [("Warning", each) for each in signer.warnings]


def _header(opened: Unwrapped, name: str) -> str:
    found = opened.headers.get(name)
    return found.value if found else ""


def _answerable(opened: Unwrapped, name: str) -> bool:
    """RFC 9788 section 6.2: nobody gets an answer who was added outside of the protection."""
    return name in opened.headers and opened.headers[name].answerable


def _repeatable(opened: Unwrapped, name: str) -> str:
    """What an answer will have outside of its encryption: only what the original had there too (RFC 9788 section 6.1)."""
    found = opened.headers.get(name)
    return found.value if found and found.answerable and found.exposed_field == found.field else ""


def _addresses(opened: Unwrapped, name: str) -> Sequence[mime.Address]:
    """Never parsed from the decoded text: a decoded name can imitate an address."""
    found = opened.headers.get(name)
    return found.addresses if found else ()


def _people(opened: Unwrapped, name: str) -> list[str]:
    return [each.display_name or each.addr_spec for each in _addresses(opened, name)]


def _from(opened: Unwrapped) -> tuple[str, str]:
    found = _addresses(opened, "from")
    return (found[0].display_name, found[0].addr_spec) if found else ("", "")
