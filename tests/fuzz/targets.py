"""What is fuzzed: one function for each way in which foreign bytes enter the engine, from whole messages down to single values.

A target may raise SecmailError and nothing else. The first octet of its input chooses among variants; the rest is the foreign bytes. Where a
signature or an encryption would keep a mutant out, the target signs or encrypts it rightly, so that what lies behind is reached too.
"""

import base64
import io
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256, sha384
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from forge import CONTENT, Forged, content_info, signed_data
from layered import header, mime
from pki import NOW, certificate, decryption_key, private_key, signing_key, trust
from said import FULL_LABEL, HISTORY, REQUEST

from secmail import (
    OWN_CAPABILITIES,
    BytesSource,
    Certificate,
    EssAttributes,
    LabelError,
    MailList,
    Password,
    ReceiptRequest,
    Recipient,
    SecmailError,
    SecretKey,
    SecurityLabel,
    TrustStore,
    Unwrapped,
    VerifiedSigner,
    check_receipt,
    compressing,
    der,
    enveloping,
    expand,
    inspect_message,
    load_private_key,
    make_receipt,
    paths,
    receipt_owed,
    signing,
    unwrap,
)
from secmail.algorithms import AES256_GCM, SigningAlgorithm
from secmail.algorithms import signing as algorithm_of
from secmail.cli import report, text
from secmail.cms import AUTH_ENVELOPED_DATA, DATA
from secmail.cms.attributes import COUNTERSIGNATURE, MESSAGE_DIGEST, MSG_SIG_DIGEST, attribute
from secmail.cms.ber import BerReader
from secmail.containers import read_contents
from secmail.inspection import claims_of
from secmail.labels import (
    Clearance,
    SecurityPolicy,
    authority_clearance_constraints,
    clearance_marking,
    decide,
    effective_clearance,
    marking,
    not_lower,
    read_clearance,
    read_label,
    short_marking,
)
from secmail.mime import (
    Entity,
    display,
    format_headers,
    forward,
    message_root,
    parse_addresses,
    parse_parameters,
    read_entity,
    reply,
    safe_filename,
)
from secmail.mime.encodings import CrlfReader
from secmail.mime.sio_label import read_sio_label
from secmail.mime.text import decode_text, decode_words, encode_words
from secmail.paths import PathCache, PathOptions
from secmail.receipts import RECEIPT

SHARED_KEY, PASSWORD = SecretKey(bytes(32), b"fuzz"), Password(b"fuzz")
CEK, NONCE = bytes(range(32)), bytes(12)
POLICY_XML = (Path(__file__).resolve().parents[2] / "portal/policy/demo-policy.xml").read_bytes()
SIGNERS = ("ada", "bob", "rita", "eddy")
RECIPIENTS = ("bob", "ada", "carl", "rita", "xena", "goldie", "kem768", "kem1024")
TYPES = ("signed-data", "enveloped-data", "authEnveloped-data", "compressed-data", "certs-only", "signed-receipt")
READ = 1 << 20


@cache
def policy() -> SecurityPolicy:
    return SecurityPolicy.from_xml(POLICY_XML)


@cache
def options() -> PathOptions:
    return PathOptions(cache=PathCache())


@cache
def keys() -> tuple:
    return (*map(decryption_key, RECIPIENTS), SHARED_KEY, PASSWORD)


# Looking at everything


@cache
def at_root() -> TrustStore:
    return trust()


def opened(message: bytes) -> Unwrapped:
    result = unwrap(BytesSource(message), keys=keys(), trust=at_root(), now=NOW, options=options(), max_size=READ)
    look_at(result)
    return result


def look_at(result: Unwrapped) -> None:
    """What a page would ask for."""
    with suppress(SecmailError):
        result.require_verified()
    for field in result.headers.values():
        field.value, field.outer, field.addresses, field.outer_addresses  # noqa: B018
    for answer in (reply(result.headers, everybody=True), forward(result.headers)):
        with suppress(ValueError):  # an address or a word that can't be written
            format_headers(answer.protect(answer.fields).outer)
    told(report.opened(result))
    receipt_owed(result, addresses=["bob@example.org"])
    with suppress(SecmailError):
        make_receipt(io.BytesIO(), result, signer=signing_key("bob"), now=NOW)
    for label in (result.label, *result.equivalent_labels):
        judge(label)
    if result.content is not None:
        with suppress(SecmailError), result.content.open() as stream:
            stream.read(READ)
    if result.entity is not None:
        with suppress(SecmailError):
            look_into(result.entity)


def told(found: report.Json) -> None:
    """As the command line writes it."""
    json.dumps(found).encode()
    "\n".join(text.lines(found)).encode()


def shown(variant: int, message: bytes) -> None:
    """What is written in a message, looked at with or without the keys."""
    found = inspect_message(BytesSource(message), now=NOW, keys=keys() if variant & 2 else (), max_size=READ)
    told(report.written(found))
    for layer in found.layers:
        for signer in getattr(layer, "signers", ()):
            assert not isinstance(signer, VerifiedSigner), "verified, and nobody is trusted"
            claims_of(signer)
    for label in (found.label, *found.equivalent_labels):
        judge(label)
    if found.entity is not None:
        with suppress(SecmailError):
            look_into(found.entity)


def look_into(entity: Entity) -> None:
    root = message_root(entity)
    shown = display(root, encrypted=True)
    for body in shown.bodies:
        for part in (body.plain, body.html):
            if part is not None:
                with suppress(SecmailError):
                    part.text(READ)
    for attached in shown.attachments:
        attached.name, attached.content_type, attached.size, attached.content_id  # noqa: B018
        with suppress(SecmailError), attached.open() as stream:
            stream.read(READ)


def judge(label: SecurityLabel | None) -> None:
    if label is None:
        return
    clearance = Clearance(policy().oid, frozenset(range(6)))
    decide(label, clearance, policy(), NOW)
    policy().invalid_reason(label)
    for look in (lambda: marking(label, policy()), lambda: short_marking(label, policy(), "fr"), lambda: not_lower(policy(), label, label)):
        with suppress(LabelError):  # of a policy that is not known here
            look()
    assert SecurityLabel.from_der(label.to_der()) == label


# Messages


def message(variant: int, data: bytes) -> None:
    """A whole message as it comes from the network, or a bare CMS structure from a file."""
    if variant & 1:
        shown(variant, data)
    else:
        opened(data)


def cms(variant: int, data: bytes) -> None:
    """A ContentInfo in a message. Nobody signs the mutants, so what is verified is one of the contents that were signed."""
    if variant & 16:
        raw = header() + b"Content-Type: application/octet-stream; name=smime.p7m\r\nContent-Transfer-Encoding: binary\r\n\r\n" + data
    elif variant & 8:
        raw = data
    else:
        raw = mime(data, smime_type=TYPES[variant % len(TYPES)])
    if variant & 32:
        shown(variant, raw)
        return
    result = opened(raw)
    if result.verdict == "verified":
        if result.content is not None:
            with result.content.open() as stream:
                assert stream.read(READ) == CONTENT, "verified, and nobody signed it"
        assert result.label in (None, FULL_LABEL)
        assert result.receipt_request in (None, REQUEST)
        assert result.ml_expansion_history in ((), HISTORY)


def detached(variant: int, data: bytes) -> None:
    """A detached signature beside its content."""
    fields = b'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary=b\r\n\r\n'
    signature = b"Content-Type: application/pkcs7-signature\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(data)
    opened(header() + fields + b"--b\r\n" + CONTENT + b"\r\n--b\r\n" + signature + b"\r\n--b--\r\n")


def recipients(variant: int, data: bytes) -> None:
    """The recipient infos of an envelope whose content is right."""
    opened(mime(enveloped(data), smime_type="authEnveloped-data"))


def enveloped(recipient_infos: bytes) -> bytes:
    sealed = AESGCM(CEK).encrypt(NONCE, CONTENT, None)
    algorithm = der.sequence(der.oid(AES256_GCM.oid), der.sequence(der.octets(NONCE), der.integer(16)))
    encrypted = der.sequence(der.oid(DATA), algorithm, der.tlv(0x80, sealed[:-16]))
    structure = der.sequence(der.integer(0), der.tlv(der.SET, recipient_infos), encrypted, der.octets(sealed[-16:]))
    return content_info(AUTH_ENVELOPED_DATA, structure)


def attributes(variant: int, data: bytes) -> None:
    """Signed attributes, rightly signed, beside those that every signature has; or unsigned ones; or those of a countersignature."""
    forged = Forged(SIGNERS[variant % 4])
    extra = tuple(split(data))
    if variant & 4:
        forged.unsigned = extra
    elif variant & 8:
        forged = _Countersigned(forged.name, extra=extra)
    elif variant & 16:
        forged.attributes = list(extra)
    else:
        forged.extra = extra
    raw = mime(signed_data(forged), sender=f"{forged.name}@example.org")
    opened(raw)
    if variant & 32:
        expanded(raw)


def signing_algorithm(name: str) -> SigningAlgorithm:
    return algorithm_of(private_key(name).public_key())


def split(data: bytes) -> list[bytes]:
    """The elements one after the other; what is left stays together."""
    found: list[bytes] = []
    reader = der.Reader(data)
    with suppress(SecmailError):
        found.extend(each.der for each in reader)
    return [*found, rest] if (rest := reader.rest()) else found


class _Countersigned(Forged):
    """A signer with a countersignature, in which the extra attributes are."""

    def signer_info(self) -> bytes:
        plain = list(der.read(Forged(self.name).signer_info()))
        digest = der.sequence(der.oid("2.16.840.1.101.3.4.2.2"))
        attributes = der.set_of([attribute(MESSAGE_DIGEST, der.octets(sha384(plain[-1].content).digest())), *self.extra])
        value = private_key("bob").sign(attributes, ec.ECDSA(hashes.SHA384()))
        algorithm = der.sequence(der.oid("1.2.840.10045.4.3.3"))
        inside = der.tlv(der.context(0), der.read(attributes, der.SET).rest())
        sid = certificate("bob").issuer_and_serial_number
        made = der.sequence(der.integer(1), sid, digest, inside, algorithm, der.octets(value))
        unsigned = der.set_of([attribute(COUNTERSIGNATURE, made)], der.context(1))
        return der.sequence(*(each.der for each in plain), unsigned)


def expanded(raw: bytes) -> None:
    """What a mail list agent makes of it."""
    members = [Recipient(certificate("rita"), OWN_CAPABILITIES), Recipient(certificate("carl"), frozenset())]
    out = io.BytesIO()
    expand(
        BytesSource(raw),
        out,
        mail_list=MailList((certificate("list"),), "the owner"),
        members=members,
        signer=signing_key("list"),
        keys=keys(),
        trust=at_root(),
        now=NOW,
        admits=lambda labels, member: True,
    )
    opened(out.getvalue())


def layered(variant: int, data: bytes) -> None:
    """An entity inside layers that are all right."""
    out = io.BytesIO()
    out.write(header())
    wrap_into(out, variant & 15, data)
    raw = out.getvalue()
    if variant & 16:
        expanded(raw)
    else:
        opened(raw)


def wrap_into(out: io.BytesIO, variant: int, data: bytes) -> None:
    layers = [
        lambda sink: signing(sink, signer=signing_key("ada"), now=NOW, certificates=[certificate("ca")]),
        lambda sink: enveloping(sink, recipients=[Recipient(certificate("bob"), OWN_CAPABILITIES)]),
        compressing,
        lambda sink: enveloping(sink, recipients=[certificate("bob")], content_encryption="cbc"),
    ]
    plans = ((0,), (1,), (2,), (3,), (1, 0), (3, 0), (0, 1, 0), (0, 2), (2, 0), (1, 2, 0), (0, 0), (1, 1), (3, 2), (0, 1), (0, 3, 0), (3, 3))
    _nest(out, [layers[each] for each in plans[variant]], data)


def _nest(sink, layers, data: bytes) -> None:
    if not layers:
        sink.write(data)
        return
    with layers[0](sink) as inside:
        _nest(inside, layers[1:], data)


# Receipts


@cache
def original() -> Unwrapped:
    """The message the receipts are for. Its signature is another one in each process, and receipts for it are made anew."""
    request = ReceiptRequest(b"identifier", "all_receipts", ("ada@example.org",))
    out = io.BytesIO()
    out.write(header())
    with signing(out, signer=signing_key("ada"), now=NOW, attributes=EssAttributes(receipt_request=request)) as sink:
        sink.write(CONTENT)
    return unwrap(BytesSource(out.getvalue()), keys=keys(), trust=TrustStore([certificate("ca")]), now=NOW)


def receipt(variant: int, data: bytes) -> None:
    """A Receipt, rightly signed by a recipient."""
    asking = original().author
    signed = asking.signer if asking else None
    digest = sha256(signed.signed_attributes if signed else b"").digest()
    name = "ada" if variant & 1 else "bob"
    extra = () if variant & 2 else (attribute(MSG_SIG_DIGEST, der.octets(digest)),)
    raw = mime(signed_data(Forged(name, data, RECEIPT, extra)), sender=f"{name}@example.org", smime_type="signed-receipt")
    check_receipt(opened(raw), original(), recipients=["bob@example.org"])


# Certificates and evidence


def certificate_(variant: int, data: bytes) -> None:
    """The bytes of a certificate."""
    found = Certificate.from_der(data)
    repr(found), found.subject, found.issuer, found.common_name, found.emails, found.serial_number
    found.issuer_and_serial_number, found.subject_key_identifier, found.not_before, found.not_after, found.key_usage  # noqa: B018
    found.can_sign, found.can_encrypt, found.capabilities, found.subject_der, found.public_key_info  # noqa: B018
    with suppress(SecmailError):
        found.public_key  # noqa: B018
    with suppress(SecmailError):
        found.asn1  # noqa: B018
    paths.validate(found, trust=at_root(), at=NOW, intermediates=[certificate("ca")])
    if found.can_encrypt:
        with suppress(UnsupportedAlgorithm), enveloping(io.BytesIO(), recipients=[found]) as sink:
            sink.write(b"content")


def resigned(tbs: bytes, issuer: str) -> bytes:
    algorithm = der.sequence(der.oid("1.2.840.10045.4.3.2"))
    value = private_key(issuer).sign(tbs, ec.ECDSA(hashes.SHA256()))
    return der.sequence(tbs, algorithm, der.tlv(der.BIT_STRING, b"\0", value))


def path(variant: int, data: bytes) -> None:
    """A TBSCertificate, rightly signed: of a signer under the authority, or of the authority between him and the anchor."""
    wanted = PathOptions(policies=frozenset({"1.2.3.4"} if variant & 4 else ()), explicit_policy=bool(variant & 8))
    leaf, anchors, between = certificate("ada"), at_root(), [certificate("ca")]
    if variant & 1:
        between = [Certificate.from_der(resigned(data, "root"))]
    elif variant & 2:
        anchors = TrustStore([Certificate.from_der(resigned(data, "ca"))])
    else:
        leaf = Certificate.from_der(resigned(data, "ca"))
    verdict = paths.validate(leaf, trust=anchors, at=NOW, intermediates=between, options=wanted)
    assert bool(verdict.chain) == verdict.valid


def crl(variant: int, data: bytes) -> None:
    """A TBSCertList, rightly signed (or, with the first bit, a CRL as it is), as evidence."""
    evidence = data if variant & 1 else resigned(data, "ca")
    with_evidence(variant, crls=(evidence,))


def ocsp(variant: int, data: bytes) -> None:
    """A ResponseData, rightly signed (or, with the first bit, a response as it is), as evidence."""
    evidence = data
    if not variant & 1:
        algorithm = der.sequence(der.oid("1.2.840.10045.4.3.2"))
        value = private_key("ca").sign(data, ec.ECDSA(hashes.SHA256()))
        basic = der.sequence(data, algorithm, der.tlv(der.BIT_STRING, b"\0", value))
        response = der.sequence(der.oid("1.3.6.1.5.5.7.48.1.1"), der.octets(basic))
        evidence = der.sequence(der.tlv(0x0A, b"\0"), der.tlv(der.context(0), response))
    with_evidence(variant, ocsps=(evidence,))


def with_evidence(variant: int, **evidence) -> None:
    revocation = paths.Revocation.HARD if variant & 2 else paths.Revocation.SOFT
    wanted = PathOptions(revocation=revocation, **evidence)
    paths.validate(certificate("ada"), trust=at_root(), at=NOW, intermediates=[certificate("ca")], options=wanted)


def private_key_(variant: int, data: bytes) -> None:
    """A private key from a file."""
    load_private_key(data, b"passphrase" if variant & 1 else None)


def key_file(variant: int, data: bytes) -> None:
    """A file with keys and certificates, as the command line reads it."""
    read_contents(data, b"passphrase" if variant & 1 else None, keys=not variant & 2)


# Labels


def label(variant: int, data: bytes) -> None:
    judge(SecurityLabel.from_der(data))


def stored(variant: int, data: bytes) -> None:
    """A label or a clearance from a file."""
    if variant & 1:
        read_clearance(data)
    else:
        judge(read_label(data))


def clearance(variant: int, data: bytes) -> None:
    """A clearance, in each of its three forms."""
    if variant % 3 == 0:
        found = Clearance.from_der(data)
    elif variant % 3 == 1:
        in_attributes = Clearance.from_attributes(data)
        if in_attributes is None:
            return
        found = in_attributes
    else:
        constraints = authority_clearance_constraints(data)
        left = effective_clearance(constraints[0], [constraints])
        if left is None:  # nothing was permitted to begin with
            return
        found = left
    assert Clearance.from_der(found.to_der()) == found
    with suppress(LabelError):
        clearance_marking(found, policy())
    decide(SecurityLabel(policy().oid, 1), found, policy(), NOW)


def spif(variant: int, data: bytes) -> None:
    """A security policy in XML, and one label judged by it."""
    found = SecurityPolicy.from_xml(data)
    values = [each.value for each in found.classifications] or [None]
    categories = tuple(each.category for tag in found.tags for each in tag.categories)
    for each in (SecurityLabel(found.oid, values[variant % len(values)]), SecurityLabel(found.oid, values[0], "mark", categories[:20])):
        found.invalid_reason(each)
        with suppress(LabelError):
            marking(each, found), short_marking(each, found)
        decide(each, Clearance(found.oid, frozenset(v for v in values if v is not None)), found, NOW)
        with suppress(LabelError):
            not_lower(found, each, each)


# Codecs


def der_(variant: int, data: bytes) -> None:
    """The readers of DER and BER, which must agree."""
    with suppress(SecmailError):
        der.scan(data)
    with suppress(SecmailError):
        walk(der.Reader(data), 0)
    stream = BerReader(io.BytesIO(data))
    if variant & 1:
        for chunk in stream.octets():
            bytes(chunk)
        return
    element = stream.element()
    encoded, end = der.definite(data)
    assert element.der == encoded or der.definite(element.der)[0] == encoded
    assert end <= len(data)
    assert der.definite(encoded) == (encoded, len(encoded))
    der.scan(encoded)


def walk(reader: der.Reader, depth: int) -> None:
    for element in reader:
        with suppress(SecmailError):
            element.integer()
        with suppress(SecmailError):
            assert der.oid(element.oid()) == der.tlv(6, element.content)
        with suppress(SecmailError):
            element.time()
        if element.tag & der.CONSTRUCTED and depth < 10:
            with suppress(SecmailError):
                walk(element.inside(), depth + 1)


def entity(variant: int, data: bytes) -> None:
    """A MIME entity without any cryptography."""
    found = read_entity(BytesSource(data))
    found.filename, found.disposition, found.content_id, found.size  # noqa: B018
    for field in found.headers:
        decode_words(field.value), parse_addresses(field.value)
    look_into(found)
    with suppress(SecmailError):
        read_sio_label(found.headers)
    with CrlfReader(io.BytesIO(data)) as stream:
        stream.read()


def words(variant: int, data: bytes) -> None:
    """The value of one header field, as anything it may be."""
    value = data.decode("latin-1") if variant & 1 else data.decode("utf-8", "replace")
    decode_words(value)
    parse_addresses(value)
    parse_parameters(value)
    assert "/" not in safe_filename(value)
    decode_text(data, value[:20])
    plain = data.decode("utf-8", "ignore")
    if plain and plain.isprintable():
        assert decode_words(" ".join(encode_words(plain))).split() == plain.split()


@dataclass(frozen=True)
class Target:
    """``kind`` says how its input is mutated: a tree of BER, the lines of a MIME entity, XML, or octets."""

    run: Callable[[int, bytes], None]
    kind: str = "ber"
    weight: int = 1
    variants: tuple[int, ...] = (0,)


TARGETS = {
    "message": Target(message, "mime", 3, (0, 1, 3)),
    "cms": Target(cms, "ber", 4, (0, 1, 8, 16, 32, 34)),
    "detached": Target(detached),
    "recipients": Target(recipients, "ber", 2),
    "attributes": Target(attributes, "ber", 3, (0, 2, 4, 8, 16, 32)),
    "layered": Target(layered, "mime", 3, (*range(16), 20)),
    "receipt": Target(receipt, variants=(0, 1, 2)),
    "certificate": Target(certificate_, "ber", 2),
    "path": Target(path, "ber", 3, (0, 1, 2, 4, 5, 6)),
    "crl": Target(crl, "ber", 2, (0, 1, 2, 3)),
    "ocsp": Target(ocsp, "ber", 2, (0, 1, 2, 3)),
    "private-key": Target(private_key_, variants=(0, 1)),
    "key-file": Target(key_file, variants=(0, 1, 2)),
    "label": Target(label),
    "clearance": Target(clearance, variants=(0, 1, 2)),
    "spif": Target(spif, "xml"),
    "der": Target(der_, variants=(0, 1)),
    "entity": Target(entity, "mime", 2),
    "stored": Target(stored, "xml", variants=(0, 1)),
    "words": Target(words, "text", variants=(0, 1)),
}
