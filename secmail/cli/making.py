"""``sign``, ``encrypt`` and ``wrap``."""

import secrets
from argparse import Namespace, _ArgumentGroup, _SubParsersAction
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Literal

from secmail.certificates import Certificate
from secmail.cli import inputs
from secmail.cli.arguments import Parser, add_input, add_keys, add_moment, add_output, add_secrets, command, many
from secmail.cli.content import Content, Fields, Protected, read_content
from secmail.cli.failures import OK, Failure, concerning
from secmail.cli.keys import keys, readers, shared_secrets
from secmail.cli.labels import add_label, label_from, label_of
from secmail.cli.output import note, output
from secmail.cli.smime import written_as
from secmail.cms import DATA
from secmail.cms.attributes import ContentHints, EssAttributes, ReceiptRequest
from secmail.errors import Unsupported
from secmail.keys import SigningKey
from secmail.mime import format_headers, protect
from secmail.streams import Writable
from secmail.wrap import EncryptTo, Wrapping, enveloping, signing, triple_wrapping, wrapping

CONTENT = "what to sign or encrypt: a message, a text or any file"
BLIND = ("bcc", "resent-bcc")
Layers = Callable[[Writable], AbstractContextManager[Writable]]
EVERYBODY: dict[str, Literal["all_receipts", "first_tier_recipients"]] = {"all": "all_receipts", "first-tier": "first_tier_recipients"}


def add(commands: "_SubParsersAction[Parser]") -> None:
    sign = command(
        commands,
        "sign",
        run_sign,
        help="sign a message or file",
        example="secmail sign --key ada.p12 --passphrase-file ada.txt --detached -o signed.eml letter.eml",
    )
    add_input(sign, help=CONTENT)
    add_output(sign)
    _add_form(sign)
    sign.add_argument("--detached", action="store_true", help="make a multipart/signed, which every mail program shows")
    sign.add_argument("--pss", action="store_true", help="RSA keys sign with RSASSA-PSS")
    _add_signer(sign, "every --key signs")
    _add_message(sign)

    encrypt = command(
        commands,
        "encrypt",
        run_encrypt,
        help="encrypt a message or file",
        example="secmail encrypt --recipient bob.pem --recipient carl.pem -o secret.eml letter.eml",
    )
    add_input(encrypt, help=CONTENT)
    add_output(encrypt)
    _add_form(encrypt)
    add_secrets(_add_recipients(encrypt))
    _add_message(encrypt)

    wrap = command(
        commands,
        "wrap",
        run_wrap,
        help="sign and encrypt a message or file, and with --triple sign it again",
        example="secmail wrap --key ada.pem --cert ada.crt --recipient bob.pem --policy spif.xml --classification SECRET"
        " -o letter.p7.eml letter.eml",
    )
    add_input(wrap, help=CONTENT)
    add_output(wrap)
    _add_form(wrap)
    wrap.add_argument("--triple", action="store_true", help="sign the encrypted form again (RFC 2634 section 1.1)")
    wrap.add_argument("--outer-label", metavar="FILE", help="a label for the encrypted form, in the outer signature of --triple")
    _add_recipients(wrap)
    _add_signer(wrap, "the first --key signs, further ones sign with it; --kek and --password-file are for those who open")
    _add_message(wrap)


def _add_form(parser: Parser) -> None:
    parser.add_argument(
        "--outform", choices=("eml", "der", "pem"), type=str.lower, default="eml", help="a message (the default), or bare CMS"
    )


def _add_message(parser: Parser) -> None:
    group = parser.add_argument_group("message", "a message keeps its header fields: the inner copies are protected (RFC 9788)")
    group.add_argument("--type", metavar="TYPE/SUBTYPE", help="FILE is content of this media type, whatever it looks like")
    group.add_argument("--from", dest="sender", metavar="ADDRESS", help="the From field")
    many(group, "--to", "the To field", "ADDRESS")
    group.add_argument("--subject", metavar="TEXT", help="the Subject field")


def _add_recipients(parser: Parser) -> _ArgumentGroup:
    group = parser.add_argument_group("recipients")
    many(group, "--recipient", "certificates of those who shall read it", "CERTS")
    choice = group.add_mutually_exclusive_group()
    choice.add_argument(
        "--content-encryption",
        choices=("auto", "gcm", "cbc", "chacha20-poly1305"),
        type=str.lower,
        default="auto",
        help="AES-256-GCM, AES-256-CBC or ChaCha20-Poly1305 (auto: AES-256-GCM if every recipient is known to read it, else AES-256-CBC)",
    )
    for each in ("gcm", "cbc"):
        help = f"the same as --content-encryption {each}"
        choice.add_argument(f"--{each}", dest="content_encryption", action="store_const", const=each, help=help)
    return group


def _add_signer(parser: Parser, help: str) -> None:
    add_keys(parser, help)
    add_moment(parser, "the signing time")
    services = parser.add_argument_group("security services")
    add_label(services)
    many(services, "--receipt-from", "who shall return a signed receipt: all, first-tier or an address", "WHO")
    many(services, "--receipt-to", "where receipts go (absent: to the signer)", "ADDRESS")
    services.add_argument("--content-description", metavar="TEXT", help="content hints: what it is, for those who sort it")


# Running


def run_sign(arguments: Namespace) -> int:
    if arguments.detached and arguments.outform != "eml":
        raise Failure("--detached makes a multipart/signed, which is a message and no bare CMS")
    signed = _Signed.by(arguments)

    def layers(out: Writable) -> AbstractContextManager[Writable]:
        return signing(
            out,
            signer=signed.signer,
            co_signers=signed.co_signers,
            now=signed.now,
            certificates=signed.certificates,
            encryption_certificate=signed.encryption_certificate,
            attributes=signed.attributes,
            detached=arguments.detached,
            pss=arguments.pss,
        )

    return _make(arguments, signed.now, layers, encrypted=False, seven_bit=arguments.detached)


def run_encrypt(arguments: Namespace) -> int:
    recipients = _recipients(arguments)

    def layers(out: Writable) -> AbstractContextManager[Writable]:
        return enveloping(out, recipients=recipients, content_encryption=arguments.content_encryption)

    return _make(arguments, inputs.moment(None), layers, encrypted=True)


def run_wrap(arguments: Namespace) -> int:
    if arguments.outer_label and not arguments.triple:
        raise Failure("--outer-label goes into the outer signature that --triple makes")
    recipients, signed = _recipients(arguments), _Signed.by(arguments)
    if arguments.triple and signed.co_signers:
        raise Failure("--triple signs with one key")
    alike = {
        "signer": signed.signer,
        "recipients": recipients,
        "now": signed.now,
        "certificates": signed.certificates,
        "encryption_certificate": signed.encryption_certificate,
        "attributes": signed.attributes,
        "content_encryption": arguments.content_encryption,
    }
    outer_label = label_from(arguments.outer_label) if arguments.outer_label else None

    def layers(out: Writable) -> AbstractContextManager[Writable]:
        if arguments.triple:
            return triple_wrapping(out, outer_label=outer_label, **alike)
        return wrapping(out, co_signers=signed.co_signers, **alike)

    return _make(arguments, signed.now, layers, encrypted=True)


def _make(arguments: Namespace, now: datetime, layers: Layers, *, encrypted: bool, seven_bit: bool = False) -> int:
    with inputs.content(arguments.file) as stream, concerning(arguments.file), ExitStack() as stack:
        content = read_content(stream, arguments.file, arguments.type)
        if seven_bit and not content.is_seven_bit:
            raise Unsupported("8-bit and binary content does not survive in a multipart/signed: sign it without --detached")
        try:
            protected = _protected(content, _fields(content.fields, arguments, now), encrypted=encrypted)
            format_headers((*protected.inner, *protected.outer))
        except ValueError as error:
            raise Unsupported(str(error)) from None
        out = stack.enter_context(output(arguments.output))
        message = stack.enter_context(written_as(arguments.outform, out, protected.outer))
        sink = stack.enter_context(layers(message))
        content.write(sink, protected)
        if isinstance(sink, Wrapping):
            note(f"{sink.envelope.content_encryption}: {sink.envelope.reason}")
    return OK


def _fields(found: Fields, arguments: Namespace, now: datetime) -> list[tuple[str, str]]:
    """The header fields of the message: those of the options instead of those found, and a date."""
    given = {"From": arguments.sender, "To": ", ".join(arguments.to), "Subject": arguments.subject}
    given = {name: value for name, value in given.items() if value}
    fields = [each for each in found if each[0].title() not in given]
    fields += given.items()
    names = {name.lower() for name, _ in fields}
    if "from" in names and "date" not in names:
        fields.append(("Date", format_datetime(now)))
    return fields


def _protected(content: Content, fields: Fields, *, encrypted: bool) -> Protected:
    """RFC 9788 section 5.2; around what is S/MIME already the fields stay outside, and without fields there is nothing to protect."""
    if content.is_layer or not fields:
        return Protected((), [each for each in fields if each[0].lower() not in BLIND], None, ())
    found = protect(fields, encrypted=encrypted)
    return Protected(found.inner, found.outer, found.hp, found.legacy_display)


# Who signs, and who reads


@dataclass(frozen=True)
class _Signed:
    """What the signature is made with."""

    signer: SigningKey
    co_signers: Sequence[SigningKey]
    now: datetime
    certificates: Sequence[Certificate]
    encryption_certificate: Certificate | None
    attributes: EssAttributes

    @classmethod
    def by(cls, arguments: Namespace) -> "_Signed":
        who, now = keys(arguments), inputs.moment(arguments.at)
        signer, *co_signers = who.signers()
        return cls(signer, co_signers, now, who.chain, who.encryption_certificate(signer), _attributes(arguments, signer.certificate, now))


def _attributes(arguments: Namespace, signer: Certificate, now: datetime) -> EssAttributes:
    description = arguments.content_description
    return EssAttributes(
        security_label=label_of(arguments),
        receipt_request=_receipt_request(arguments, signer, now),
        content_hints=ContentHints(DATA, description) if description else None,
        equivalent_labels=tuple(map(label_from, arguments.equivalent_label)),
    )


def _receipt_request(arguments: Namespace, signer: Certificate, now: datetime) -> ReceiptRequest | None:
    asked = arguments.receipt_from
    if not asked:
        if arguments.receipt_to:
            raise Failure("--receipt-to says where receipts go, --receipt-from who sends them")
        return None
    to = tuple(arguments.receipt_to) or signer.emails[:1]
    if not to:
        raise Failure("the signer's certificate names no address for receipts: --receipt-to")
    if not all((*asked, *to)):
        raise Failure("--receipt-from and --receipt-to take addresses, and an empty one is none")
    if others := [each for each in (*asked, *to) if not each.isascii()]:
        raise Failure(f"--receipt-from and --receipt-to take addresses in ASCII: {others[0]}")
    everybody = [EVERYBODY[each] for each in asked if each in EVERYBODY]
    if everybody and len(asked) > 1:
        raise Failure("--receipt-from is all, first-tier or addresses")
    try:
        request = ReceiptRequest(_content_identifier(to[0], now), everybody[0] if everybody else tuple(asked), to)
        request.to_der()
    except ValueError as error:
        raise Failure(f"the request for receipts: {error}") from None
    return request


def _content_identifier(address: str, now: datetime) -> bytes:
    """RFC 2634 section 2.7 wants it unique, and names such parts: who, when and a random number."""
    return f"{address} {now:%Y%m%d%H%M%S} ".encode() + secrets.token_bytes(16)


def _recipients(arguments: Namespace) -> list[EncryptTo]:
    recipients: list[EncryptTo] = [*readers(arguments.recipient), *shared_secrets(arguments)]
    if not recipients:
        raise Failure("nobody could read it: --recipient, --kek or --password-file")
    return recipients
