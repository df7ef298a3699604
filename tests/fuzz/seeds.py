"""What fuzzing begins with: for each target inputs as the engine itself makes them, over all algorithms and kinds of content."""

import base64
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import targets
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509 import ocsp
from forge import CONTENT, Forged, signed_data
from layered import LABEL, POLICY, E, S, header, message, protected
from pki import NOW, PKI, RECIPIENTS, SIGNERS, certificate, private_key, signing_key
from said import CATEGORIES, ESS, FULL_LABEL

from secmail import (
    OWN_CAPABILITIES,
    EssAttributes,
    MLData,
    Recipient,
    SecurityLabel,
    compressing,
    der,
    enveloping,
    send_certificates,
    signing,
    triple_wrapping,
)
from secmail.algorithms import AlgorithmIdentifier
from secmail.cms import DIGESTED_DATA, ENCRYPTED_DATA
from secmail.cms.attributes import SMIME_CAPABILITIES, attribute, standing_attributes
from secmail.cms.recipients import make_all
from secmail.labels import Clearance
from secmail.mime import protect, write_message
from secmail.mime.write import Attachment
from secmail.receipts import Receipt


def cms_structures() -> Iterator[bytes]:
    """ContentInfos of every type, algorithm and kind of recipient, in BER and in DER."""
    for structure in _cms():
        yield structure
        yield der.definite(structure)[0]


def _cms() -> Iterator[bytes]:
    for name in SIGNERS:
        yield _body(lambda out, name=name: signing(out, signer=signing_key(name), now=NOW, certificates=[certificate("ca")], attributes=ESS))
    yield _body(lambda out: signing(out, signer=signing_key("rita"), now=NOW, pss=True, co_signers=[signing_key("ada")]))
    for name in RECIPIENTS:
        for choice in ("gcm", "cbc"):
            yield _body(lambda out, name=name, choice=choice: enveloping(out, recipients=[certificate(name)], content_encryption=choice))
    everybody = [*(Recipient(certificate(name), OWN_CAPABILITIES) for name in RECIPIENTS), targets.SHARED_KEY]
    yield _body(lambda out: enveloping(out, recipients=everybody))
    yield _body(compressing)
    yield _sent()
    yield _inside(DIGESTED_DATA, der.integer(0), _sha256(), _encapsulated(), der.octets(targets.sha256(CONTENT).digest()))
    yield _inside(ENCRYPTED_DATA, der.integer(0), der.sequence(der.oid("1.2.840.113549.1.7.1"), _aes_cbc(), der.tlv(0x80, bytes(64))))
    yield signed_data(Forged("ada"), Forged("bob"), Forged("rita", sid=der.tlv(0x80, bytes(20))))
    yield signed_data(Forged("ada", extra=tuple(ESS.encoded())))


def _body(layer: Callable) -> bytes:
    """The structure that a layer writes, without its MIME around."""
    out = io.BytesIO()
    with layer(out) as sink:
        sink.write(CONTENT)
    return _decoded(out.getvalue())


def _decoded(entity: bytes) -> bytes:
    return base64.b64decode(entity.partition(b"\r\n\r\n")[2])


def _sent() -> bytes:
    out = io.BytesIO()
    send_certificates(map(certificate, PKI), out, crls=[crl()])
    return _decoded(out.getvalue())


def _inside(content_type: str, *members: bytes) -> bytes:
    return der.sequence(der.oid(content_type), der.tlv(der.context(0), der.sequence(*members)))


def _sha256() -> bytes:
    return AlgorithmIdentifier("2.16.840.1.101.3.4.2.1").der


def _aes_cbc() -> bytes:
    return AlgorithmIdentifier("2.16.840.1.101.3.4.1.42", der.octets(bytes(16))).der


def _encapsulated() -> bytes:
    return der.sequence(der.oid("1.2.840.113549.1.7.1"), der.tlv(der.context(0), der.octets(CONTENT)))


def detached() -> Iterator[bytes]:
    for name in ("ada", "rita", "eddy", "dil44"):
        yield signed_data(Forged(name), detached=True)


def recipient_infos() -> Iterator[bytes]:
    for name in RECIPIENTS:
        yield _infos(Recipient(certificate(name), OWN_CAPABILITIES))
    yield _infos(Recipient(certificate("rita"), frozenset()))
    yield _infos(targets.SHARED_KEY)
    yield _cheap_password()
    yield _infos(*(Recipient(certificate(name)) for name in ("ada", "hugh", "gwen", "bob", "xavier", "xena")), targets.SHARED_KEY)


def _infos(*recipients) -> bytes:
    return b"".join(sorted(make_all(recipients, targets.CEK)[0]))


def _cheap_password() -> bytes:
    """A password recipient with few iterations."""
    made = _infos(targets.PASSWORD)
    return made.replace(der.integer(600_000), der.integer(0x010000))


def attribute_sets() -> Iterator[bytes]:
    yield b"".join(ESS.encoded())
    yield from ESS.encoded()
    for name in ("ada", "rita", "eddy"):
        planned = targets.signing_algorithm(name)
        yield b"".join(standing_attributes(certificate(name), planned.digest.identifier, planned.identifier, certificate("rita")))
    yield attribute(SMIME_CAPABILITIES, der.sequence(*(der.sequence(der.oid(oid)) for oid in OWN_CAPABILITIES)))
    history = tuple(MLData(certificate(name).issuer_and_serial_number, NOW) for name in ("other-list", "list-before"))
    yield b"".join(EssAttributes(LABEL, ml_expansion_history=history).encoded())


def entities() -> Iterator[bytes]:
    """MIME entities: texts, attachments, alternatives, header protection, layers inside."""
    encoded = base64.b64encode(FULL_LABEL.to_der())
    yield b'SIO-Label: marking="ACME"; fgcolor=red; type=":ess"; label="' + encoded + b'"\r\n' + CONTENT
    yield CONTENT
    yield protected("bob@example.org")
    for hp, encrypted in (("cipher", True), ("clear", False), (None, False)):
        fields = [("Subject", "Grüße"), ("From", "Ada <ada@example.org>"), ("To", "bob@example.org"), ("Keywords", "a, b")]
        made = protect(fields, encrypted=encrypted)
        for attachments in ([], [Attachment("naïve name.pdf", "application/pdf", lambda: io.BytesIO(b"content" * 20))]):
            out = io.BytesIO()
            write_message(
                out, headers=made.inner, text="Hello\r\nWörld\r\n" * 3, attachments=attachments, hp=hp, legacy_display=made.legacy_display if hp else ()
            )
            yield out.getvalue()
    yield ALTERNATIVES
    yield b"Content-Type: message/rfc822\r\n\r\n" + header() + b"Subject: wrapped\r\n" + CONTENT
    yield message(S(attributes=ESS), top=b"")
    yield message(E(("bob",)), S(attributes=ESS), top=b"")
    yield DIGEST


ALTERNATIVES = b"""Content-Type: multipart/alternative; boundary="=_b"\r
\r
--=_b\r
Content-Type: text/plain; charset=iso-8859-1; hp-legacy-display=1\r
Content-Transfer-Encoding: quoted-printable\r
\r
Subject: x\r
\r
Gr=FC=DFe =\r
more\r
--=_b\r
Content-Type: multipart/related; boundary=inner; type="text/html"\r
\r
--inner\r
Content-Type: text/html; charset=utf-7\r
\r
<div class="header-protection-legacy-display"><pre>Subject: x</pre></div><p>Hello\r
--inner\r
Content-Type: image/png; name*0*=utf-8'en'na%C3%AFve; name*1=.png\r
Content-Disposition: inline; filename="=?utf-8?q?x=C3=BC?="\r
Content-ID: <1@example.org>\r
Content-Transfer-Encoding: base64\r
\r
iVBORw0KGgo=\r
--inner--\r
--=_b--\r
"""
DIGEST = b"""Content-Type: multipart/digest; boundary=d\r
\r
--d\r
\r
From: x\r
\r
text\r
--d--\r
"""


def messages() -> Iterator[bytes]:
    for entity in entities():
        yield header() + entity
    for layers in ((S(),), (S(attributes=ESS),), (E(),), (E(), S()), (S(), E(), S(attributes=ESS)), (E(), E(), S())):
        yield message(*layers)
    out = io.BytesIO()
    out.write(header())
    with signing(out, signer=signing_key("ada"), now=NOW, detached=True, certificates=[certificate("ca")], attributes=ESS) as sink:
        sink.write(CONTENT)
    yield out.getvalue()
    out = io.BytesIO()
    out.write(header())
    recipients = [Recipient(certificate("bob"), OWN_CAPABILITIES)]
    with triple_wrapping(out, signer=signing_key("ada"), recipients=recipients, now=NOW, attributes=ESS, outer_label=LABEL) as sink:
        sink.write(CONTENT)
    yield out.getvalue()


def receipts() -> Iterator[bytes]:
    yield Receipt("1.2.840.113549.1.7.1", b"identifier", targets.original().layers[0].signers[0].signature).to_der()


def certificates() -> Iterator[bytes]:
    for name in PKI:
        yield certificate(name).der
    yield _rich(True).public_bytes(Encoding.DER)


def tbs_certificates() -> Iterator[bytes]:
    yield _rich(False).tbs_certificate_bytes
    yield _rich(True).tbs_certificate_bytes
    for name in ("ca", "ada", "rita", "eddy", "nameless", "gwen", "kem768"):
        yield x509.load_der_x509_certificate(certificate(name).der).tbs_certificate_bytes


def _rich(ca: bool) -> x509.Certificate:
    """With every extension that a path is judged by."""
    directory = x509.DirectoryName(x509.Name([x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "AQ")]))
    policy = x509.PolicyInformation(x509.ObjectIdentifier("1.2.3.4"), ["https://example.org/", x509.UserNotice(None, "notice")])
    points = [x509.DistributionPoint([x509.UniformResourceIdentifier("http://example.org/crl")], None, None, None)]
    names = [x509.RFC822Name("ada@example.org"), x509.DNSName("example.org"), directory, x509.UniformResourceIdentifier("http://x/")]
    mailbox = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.5.5.7.8.9"), der.tlv(der.UTF8_STRING, "ü@example.org".encode()))
    usage = x509.KeyUsage(True, True, True, False, True, ca, ca, False, False)
    clearances = Clearance(POLICY, frozenset({1, 3}), CATEGORIES[:3])
    directory_attributes = der.sequence(clearances.to_attribute())
    constraints = x509.NameConstraints([x509.RFC822Name("example.org"), x509.RFC822Name(".example.org")], [x509.DNSName("example.net"), directory])
    issuer = x509.load_der_x509_certificate(certificate("root" if ca else "ca").der).subject
    person = [("C", "AQ"), ("CN", "Ada"), ("E", "ada@example.org")]
    ids = {"C": x509.NameOID.COUNTRY_NAME, "CN": x509.NameOID.COMMON_NAME, "E": x509.NameOID.EMAIL_ADDRESS}
    subject = x509.Name([x509.NameAttribute(ids[kind], value) for kind, value in ([("CN", "ca")] if ca else person)])
    builder = x509.CertificateBuilder(
        issuer,
        subject,
        private_key("ca" if ca else "ada").public_key(),
        77,
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2051, 1, 1, tzinfo=UTC),
    )
    extensions = [
        (x509.BasicConstraints(ca=ca, path_length=3 if ca else None), True),
        (usage, True),
        (x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.EMAIL_PROTECTION]), False),
        (x509.SubjectAlternativeName([*names, mailbox]), False),
        (x509.CertificatePolicies([policy, x509.PolicyInformation(x509.ObjectIdentifier("2.5.29.32.0"), None)]), False),
        (x509.CRLDistributionPoints(points), False),
        (x509.AuthorityInformationAccess([x509.AccessDescription(x509.OID_OCSP, x509.UniformResourceIdentifier("http://x/"))]), False),
        (x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.9"), directory_attributes), False),
    ]
    if ca:
        extensions += [
            (constraints, True),
            (x509.PolicyConstraints(1, 0), True),
            (x509.InhibitAnyPolicy(1), True),
            (x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.33"), _mappings()), False),
            (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.21"), der.sequence(clearances.to_der())), False),
        ]
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(private_key("root" if ca else "ca"), hashes.SHA256())


def _mappings() -> bytes:
    return der.sequence(der.sequence(der.oid("1.2.3.4"), der.oid("1.2.3.5")))


def crl() -> bytes:
    return _crl().public_bytes(Encoding.DER)


def _crl() -> x509.CertificateRevocationList:
    issuer = x509.load_der_x509_certificate(certificate("ca").der).subject
    builder = x509.CertificateRevocationListBuilder(issuer, NOW.replace(day=1, month=2), NOW.replace(month=4))
    revoked = x509.RevokedCertificateBuilder(certificate("bob").serial_number, NOW.replace(month=2))
    revoked = revoked.add_extension(x509.CRLReason(x509.ReasonFlags.remove_from_crl), False)
    revoked = revoked.add_extension(x509.InvalidityDate(NOW), False).add_extension(x509.CertificateIssuer([x509.DirectoryName(issuer)]), True)
    point = x509.IssuingDistributionPoint([x509.DirectoryName(issuer)], None, True, False, None, True, False)
    builder = builder.add_revoked_certificate(revoked.build()).add_extension(point, True).add_extension(x509.CRLNumber(7), False)
    return builder.sign(private_key("ca"), hashes.SHA256())


def crls() -> Iterator[bytes]:
    yield _crl().tbs_certlist_bytes
    yield crl()


def responses() -> Iterator[bytes]:
    subject, issuer = (x509.load_der_x509_certificate(certificate(name).der) for name in ("ada", "ca"))
    for status in ocsp.OCSPCertStatus:
        revoked = status is ocsp.OCSPCertStatus.REVOKED
        builder = ocsp.OCSPResponseBuilder().add_response(
            subject, issuer, hashes.SHA256(), status, NOW.replace(month=2), NOW.replace(month=4), NOW if revoked else None, None
        )
        made = builder.responder_id(ocsp.OCSPResponderEncoding.NAME, issuer).certificates([subject])
        signed = made.add_extension(x509.OCSPNonce(bytes(16)), False).sign(private_key("ca"), hashes.SHA256())
        yield signed.tbs_response_bytes
        yield signed.public_bytes(Encoding.DER)
    yield ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER).public_bytes(Encoding.DER)


def private_keys() -> Iterator[bytes]:
    for name in (*SIGNERS, *RECIPIENTS):
        yield private_key(name).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    yield private_key("ada").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    yield private_key("rita").private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    for encoding in (Encoding.DER, Encoding.PEM):
        yield private_key("ada").private_bytes(encoding, PrivateFormat.PKCS8, BestAvailableEncryption(b"passphrase"))


def key_files() -> Iterator[bytes]:
    yield from private_keys()
    own, authority = (x509.load_der_x509_certificate(certificate(name).der) for name in ("ada", "ca"))
    yield own.public_bytes(Encoding.PEM) + authority.public_bytes(Encoding.PEM) + private_key("ada").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    yield _sent()
    builder = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(10).hmac_hash(hashes.SHA256())
    for protection in (NoEncryption(), builder.key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC).build(b"passphrase")):
        yield pkcs12.serialize_key_and_certificates(b"ada", private_key("ada"), own, [authority], protection)


def labels() -> Iterator[bytes]:
    yield FULL_LABEL.to_der()
    yield LABEL.to_der()
    yield SecurityLabel(targets.policy().oid, 1).to_der()
    categories = tuple(each.category for tag in targets.policy().tags for each in tag.categories)
    yield SecurityLabel(targets.policy().oid, 3, "mark", categories).to_der()
    yield _acp145()


def _acp145() -> bytes:
    values = {0: der.tlv(der.BIT_STRING, b"\4\xf0"), 1: der.set_of([der.integer(1)]), 2: der.tlv(der.BIT_STRING, b"\4\xf0"), 3: der.set_of([der.integer(5)])}
    tags = [
        der.sequence(der.tlv(0x80, der.oid(f"2.16.840.1.101.2.1.8.3.{kind}")[2:]), der.tlv(0xA1, der.sequence(der.oid("1.2.3"), value)))
        for kind, value in values.items()
    ]
    return der.tlv(der.SET, der.integer(2), der.oid("1.2.3"), der.set_of(tags))


def clearances() -> Iterator[bytes]:
    found = Clearance(POLICY, frozenset({1, 3, 5}), CATEGORIES[:3])
    yield found.to_der()
    yield der.sequence(found.to_attribute())
    yield der.sequence(found.to_der(), Clearance("1.2.3").to_der())
    policy, class_list = der.oid(POLICY)[2:], b"\2\xfc"
    yield der.sequence(der.tlv(0x80, policy), der.tlv(0x81, class_list))


def policies() -> Iterator[bytes]:
    yield targets.POLICY_XML
    yield b'<SPIF><securityPolicyId name="T" id="1.2.3"/></SPIF>'


def stored() -> Iterator[bytes]:
    yield FULL_LABEL.to_der()
    for name in ("label", "clearance"):
        tags = "".join(f'<tag id="1.2.{number}" type="{kind}" lacv="{number}"/>' for number, kind in enumerate(KINDS))
        start = f'<{name} xmlns="http://surevine.com/xmlns/spiffy"><policy id="1.2.3"/><classification lacv="3"/>'
        yield f"{start}{tags}</{name}>".encode()


KINDS = ("restrictive", "enumeratedPermissive", "permissive")


def words() -> Iterator[bytes]:
    yield b'"Byron, Ada" <ada@example.org>, Group: bob@example.org, (comment (nested)) carl@example.org;'
    yield b"=?utf-8?q?Gr=C3=BC=C3=9Fe?= =?iso-8859-1?b?R3L83w==?= =?utf-8*en?q?x?="
    yield b"text/plain; charset=\"utf-8\"; name*0*=utf-8'en'na%C3%AFve; name*1=\" file\"; x=(comment) y"
    yield "Grüße \N{SNOWMAN}\u202e".encode()
    yield b"attachment; filename=\"..\\..\\x/y.txt\""


SEEDS: dict[str, Callable[[], Iterator[bytes]]] = {
    "message": messages,
    "cms": cms_structures,
    "detached": detached,
    "recipients": recipient_infos,
    "attributes": attribute_sets,
    "layered": entities,
    "receipt": receipts,
    "certificate": certificates,
    "path": tbs_certificates,
    "crl": crls,
    "ocsp": responses,
    "private-key": private_keys,
    "key-file": key_files,
    "label": labels,
    "clearance": clearances,
    "spif": policies,
    "der": lambda: (each for each in (*labels(), *attribute_sets(), *crls(), *recipient_infos())),
    "entity": entities,
    "words": words,
    "stored": stored,
}


def inputs(name: str) -> list[bytes]:
    """Seeds of a target with several variants each."""
    return [bytes((variant,)) + seed for seed in SEEDS[name]() for variant in targets.TARGETS[name].variants]

