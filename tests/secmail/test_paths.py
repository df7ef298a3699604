"""Certification path validation, RFC 5280 section 6, with the rules of RFC 8550 for certificates of mail."""

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from secmail.certificates import Certificate
from secmail.errors import SecmailError
from secmail.paths import PathOptions, PathVerdict, Purpose, Revocation, TrustStore, validate, validation

NOW, DAY = datetime(2026, 3, 1, tzinfo=UTC), timedelta(days=1)
VECTORS = Path(__file__).resolve().parents[2].parent / "shared" / "vectors"


@dataclass(frozen=True)
class Holder:
    """Somebody with a key and a certificate."""

    key: EllipticCurvePrivateKey
    x509: x509.Certificate

    @property
    def certificate(self) -> Certificate:
        return Certificate.from_der(self.x509.public_bytes(Encoding.DER))


def name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def usage(*allowed: str) -> x509.KeyUsage:
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign "
        "encipher_only decipher_only"
    )
    return x509.KeyUsage(**{each: each in allowed for each in names.split()})


def issue(
    subject: str | x509.Name,
    issuer: Holder | None = None,
    *extensions: x509.ExtensionType,
    ca: bool | int = False,
    days: tuple[int, int] = (-100, 100),
    key: EllipticCurvePrivateKey | None = None,
) -> Holder:
    """A certificate by ``issuer`` (itself if None); ``ca`` may be the path length allowed."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    own = name(subject) if isinstance(subject, str) else subject
    builder = x509.CertificateBuilder().subject_name(own).public_key(key.public_key())
    builder = builder.issuer_name(issuer.x509.subject if issuer else own)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(NOW + days[0] * DAY).not_valid_after(NOW + days[1] * DAY)
    length = None if isinstance(ca, bool) else ca
    builder = builder.add_extension(x509.BasicConstraints(ca is not False, length), critical=True)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return Holder(key, builder.sign(issuer.key if issuer else key, hashes.SHA256()))


ROOT = issue("Root", ca=True)
AUTHORITY = issue("Authority", ROOT, ca=True)
ADA = issue("Ada", AUTHORITY)
TRUST = TrustStore([ROOT.certificate])


def check(
    holder: Holder,
    *intermediates: Holder,
    trust: TrustStore = TRUST,
    at: datetime = NOW,
    crls: Iterable[bytes] = (),
    ocsps: Iterable[bytes] = (),
    purpose: Purpose = Purpose.EMAIL_PROTECTION,
    revocation: Revocation = Revocation.SOFT,
) -> PathVerdict:
    return validate(
        holder.certificate,
        trust=trust,
        at=at,
        intermediates=[each.certificate for each in intermediates or (AUTHORITY,)],
        purpose=purpose,
        options=PathOptions(tuple(crls), tuple(ocsps), revocation=revocation),
    )


def crl(
    issuer: Holder,
    *revoked: Holder,
    days: tuple[int, int] = (-1, 7),
    when: datetime = NOW - 2 * DAY,
    reason: x509.ReasonFlags | None = x509.ReasonFlags.key_compromise,
    indirect: bool = False,
) -> bytes:
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.x509.subject)
    if indirect:
        point = x509.IssuingDistributionPoint(
            full_name=[x509.DirectoryName(issuer.x509.subject)],
            relative_name=None,
            only_contains_user_certs=False,
            only_contains_ca_certs=False,
            only_some_reasons=None,
            indirect_crl=True,
            only_contains_attribute_certs=False,
        )
        builder = builder.add_extension(point, critical=True)
    builder = builder.last_update(NOW + days[0] * DAY).next_update(NOW + days[1] * DAY)
    for each in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(each.x509.serial_number).revocation_date(when)
        if reason is not None:
            entry = entry.add_extension(x509.CRLReason(reason), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def answer(issuer: Holder, holder: Holder, status: ocsp.OCSPCertStatus) -> bytes:
    revoked = status is ocsp.OCSPCertStatus.REVOKED
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=holder.x509,
        issuer=issuer.x509,
        algorithm=hashes.SHA256(),
        cert_status=status,
        this_update=NOW - DAY,
        next_update=NOW + DAY,
        revocation_time=NOW - 2 * DAY if revoked else None,
        revocation_reason=x509.ReasonFlags.cessation_of_operation if revoked else None,
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, issuer.x509)
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)


# Paths


def test_path_to_a_trust_anchor() -> None:
    verdict = check(ADA)
    assert verdict
    assert verdict.chain == (ADA.certificate, AUTHORITY.certificate, ROOT.certificate)
    assert verdict.reason == "the certificate is valid"


def test_equal_arguments_give_equal_verdicts() -> None:
    assert check(ADA, crls=[crl(AUTHORITY)]) == check(ADA, crls=[crl(AUTHORITY)])


def test_verdict_stands_until_the_shortest_validity_ends() -> None:
    short = issue("Authority", ROOT, ca=True, days=(-5, 5))
    assert check(issue("Ada", short), short).valid_until == NOW + 5 * DAY


def test_verdict_stands_until_the_next_update_of_the_evidence() -> None:
    assert check(ADA, crls=[crl(AUTHORITY), crl(ROOT, days=(-1, 30))]).valid_until == NOW + 7 * DAY
    good = answer(AUTHORITY, ADA, ocsp.OCSPCertStatus.GOOD)
    assert check(ADA, crls=[crl(AUTHORITY)], ocsps=[good]).valid_until == NOW + DAY


def test_works_inside_a_running_event_loop() -> None:
    async def inside() -> bool:
        return check(ADA).valid

    assert asyncio.run(inside())


def test_unknown_issuer() -> None:
    stranger = issue("Stranger", ca=True)
    assert check(issue("Eve", stranger), stranger).reason == "the certificate is not issued by anybody trusted here"
    assert check(ADA, stranger).reason == "the certificate is not issued by anybody trusted here"


def test_self_signed() -> None:
    own = issue("Own")
    assert check(own).reason == "the certificate is self-signed and not trusted here"
    assert check(own, trust=TrustStore([own.certificate])).chain == (own.certificate,)


def test_nobody_is_trusted_by_an_empty_store() -> None:
    """An empty list must not mean the trust list of the system."""
    assert not check(ADA, trust=TrustStore([]))


@pytest.mark.parametrize(
    ("days", "at", "reason"),
    [
        ((-100, -10), NOW, "the certificate expired on 19 February 2026"),
        ((10, 90), NOW, "the certificate is not valid before 11 March 2026"),
    ],
)
def test_validity_of_the_certificate(days: tuple[int, int], at: datetime, reason: str) -> None:
    assert check(issue("Ada", AUTHORITY, days=days), at=at).reason == reason


def test_validity_includes_both_ends() -> None:
    assert check(issue("Ada", AUTHORITY, days=(0, 1)))
    assert check(issue("Ada", AUTHORITY, days=(-1, 0)))


def test_validity_of_the_issuer_and_of_the_anchor() -> None:
    old = issue("Authority", ROOT, ca=True, days=(-50, -20))
    assert check(issue("Ada", old), old).reason == "a certificate of its issuer expired on 9 February 2026"
    past = issue("Root", ca=True, days=(-50, -20))
    verdict = check(issue("Ada", past), trust=TrustStore([past.certificate]))
    assert verdict.reason == "a certificate of its issuer expired on 9 February 2026"


def test_one_valid_path_of_several_is_enough() -> None:
    """A cross-certified authority: one of its certificates expired, the other one leads to the trust anchor."""
    other = issue("Other root", ca=True)
    expired = issue("Authority", ROOT, ca=True, days=(-50, -20), key=AUTHORITY.key)
    crossed = issue("Authority", other, ca=True, key=AUTHORITY.key)
    both = TrustStore([ROOT.certificate, other.certificate])
    verdict = check(ADA, expired, crossed, trust=both)
    assert verdict.chain == (ADA.certificate, crossed.certificate, other.certificate)


def test_signature_of_somebody_else() -> None:
    forged = Holder(ADA.key, issue("Eve", Holder(ADA.key, AUTHORITY.x509)).x509)
    assert "signature" in check(forged).reason


def test_issuer_has_to_be_an_authority() -> None:
    """Basic constraints: Ada may not issue."""
    assert not check(issue("Eve", ADA), ADA, AUTHORITY)
    without_usage = issue("Authority", ROOT, usage("digital_signature"), ca=True)
    assert "breaks a rule" in check(issue("Eve", without_usage), without_usage).reason


def test_path_length() -> None:
    short = issue("Short", ROOT, ca=0)
    below = issue("Below", short, ca=True)
    assert check(issue("Ada", short), short)
    assert "breaks a rule" in check(issue("Eve", below), short, below).reason


def test_path_length_of_the_anchor() -> None:
    anchor = issue("Anchor", ca=0)
    below = issue("Below", anchor, ca=True)
    assert not check(issue("Eve", below), below, trust=TrustStore([anchor.certificate]))


def test_name_constraints() -> None:
    inside = x509.NameConstraints(permitted_subtrees=[x509.RFC822Name("example.com")], excluded_subtrees=None)
    limited = issue("Limited", ROOT, inside, ca=True)
    for address, valid in (("ada@example.com", True), ("ada@example.org", False)):
        names = x509.SubjectAlternativeName([x509.RFC822Name(address)])
        assert check(issue("Ada", limited, names), limited).valid is valid


@pytest.mark.parametrize(
    ("digest", "identifier", "valid", "weak"),
    [(hashes.MD5(), 4, False, False), (hashes.SHA1(), 5, True, True), (hashes.SHA256(), 11, True, False)],  # noqa: S303
)
def test_sha1_in_a_path_is_read_and_reported_as_weak_and_md5_is_refused(digest: hashes.HashAlgorithm, identifier: int, valid: bool, weak: bool) -> None:
    """They have to be signed by hand: libraries no longer issue such certificates."""
    key = rsa.generate_private_key(65537, 2048)
    anchor, leaf = (
        x509.CertificateBuilder(name("Root"), name(subject), key.public_key(), number, NOW, NOW + DAY)
        .add_extension(x509.BasicConstraints(number == 1, None), critical=True)
        .sign(key, hashes.SHA256())
        for number, subject in enumerate(("Root", "Ada"), start=1)
    )
    algorithm = bytes.fromhex("2a864886f70d0101")  # and 5 for SHA-1, 11 for SHA-256
    signed = leaf.tbs_certificate_bytes.replace(algorithm + b"\x0b", algorithm + bytes([identifier]))
    encoded = leaf.public_bytes(Encoding.DER).replace(leaf.tbs_certificate_bytes, signed)
    encoded = encoded.replace(algorithm + b"\x0b", algorithm + bytes([identifier]))
    encoded = encoded[:-256] + key.sign(signed, padding.PKCS1v15(), digest)
    trust = TrustStore([Certificate.from_der(anchor.public_bytes(Encoding.DER))])
    verdict = validate(Certificate.from_der(encoded), trust=trust, at=NOW)
    assert verdict.valid is valid
    assert bool(verdict.weaknesses) is weak
    assert valid or verdict.reason == "the certificate is signed with an algorithm or key that is no longer secure"


# What the certificate is for


@pytest.mark.parametrize(
    ("purposes", "valid"),
    [
        ([ExtendedKeyUsageOID.EMAIL_PROTECTION], True),
        ([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.EMAIL_PROTECTION], True),
        ([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE], True),
        ([ExtendedKeyUsageOID.SERVER_AUTH], False),
    ],
)
def test_extended_key_usage(purposes: list[x509.ObjectIdentifier], valid: bool) -> None:
    """RFC 8550 section 4.4.4: if present, it names e-mail protection or any purpose."""
    verdict = check(issue("Ada", AUTHORITY, x509.ExtendedKeyUsage(purposes)))
    assert verdict.valid is valid
    assert valid or verdict.reason == "the certificate is not for e-mail"


@pytest.mark.parametrize(
    ("allowed", "purpose", "valid"),
    [
        ("digital_signature", Purpose.SIGNATURE, True),
        ("content_commitment", Purpose.SIGNATURE, True),
        ("key_agreement", Purpose.SIGNATURE, False),
        ("key_agreement", Purpose.ENCRYPTION, True),
        ("digital_signature", Purpose.ENCRYPTION, False),
        ("digital_signature", Purpose.EMAIL_PROTECTION, True),
        ("key_agreement", Purpose.EMAIL_PROTECTION, True),
    ],
)
def test_key_usage(allowed: str, purpose: Purpose, valid: bool) -> None:
    verdict = check(issue("Ada", AUTHORITY, usage(allowed)), purpose=purpose)
    assert verdict.valid is valid
    assert valid or verdict.reason == f"the certificate is not for {purpose.value}"


# Revocation


def test_revoked_certificate() -> None:
    reason = "the certificate was revoked on 27 February 2026 (its key was compromised)"
    assert check(ADA, crls=[crl(AUTHORITY, ADA)]).reason == reason


def test_revoked_without_a_reason() -> None:
    assert check(ADA, crls=[crl(AUTHORITY, ADA, reason=None)]).reason.startswith(
        "the certificate was revoked on 27 February"
    )


def test_revoked_issuer() -> None:
    verdict = check(ADA, crls=[crl(ROOT, AUTHORITY, reason=x509.ReasonFlags.ca_compromise)])
    assert verdict.reason.startswith("a certificate of its issuer was revoked on 27 February 2026")


def test_revoked_after_the_moment_asked_for() -> None:
    revoked = crl(AUTHORITY, ADA)
    assert check(ADA, crls=[revoked], at=NOW - 3 * DAY)
    assert not check(ADA, crls=[revoked], at=NOW - DAY)


def test_revoked_stays_revoked_when_the_list_is_old() -> None:
    """Also in certificates that name no distribution point, where libraries pass lists over."""
    assert not check(ADA, crls=[crl(AUTHORITY, ADA, days=(-30, -20), when=NOW - 40 * DAY)])
    assert check(ADA, crls=[crl(AUTHORITY, days=(-30, -20))])


def test_revocation_is_said_before_expiry() -> None:
    old = issue("Ada", AUTHORITY, days=(-100, -1))
    assert "revoked" in check(old, crls=[crl(AUTHORITY, old)]).reason


def test_list_of_somebody_else_revokes_nothing() -> None:
    assert check(ADA, crls=[crl(issue("Authority", ca=True), ADA)])
    assert check(ADA, crls=[crl(ROOT, ADA)])


def test_hard_checking_needs_current_evidence_for_the_whole_path() -> None:
    for lists, reason in (
        ([], "there is no current word on whether a certificate of its issuer is revoked"),
        ([crl(ROOT)], "there is no current word on whether the certificate is revoked"),
        ([crl(ROOT), crl(AUTHORITY, days=(-9, -2))], "there is no current word on whether the certificate is revoked"),
    ):
        assert check(ADA, crls=lists, revocation=Revocation.HARD).reason == reason
    assert check(ADA, crls=[crl(ROOT), crl(AUTHORITY)], revocation=Revocation.HARD)


def test_hard_checking_of_an_earlier_moment() -> None:
    """A list tells when each certificate was revoked, so a later one serves as well."""
    lists = [crl(ROOT), crl(AUTHORITY, ADA)]
    assert check(ADA, crls=lists, revocation=Revocation.HARD, at=NOW - 3 * DAY)
    assert not check(ADA, crls=lists, revocation=Revocation.HARD)


def test_lists_signed_with_a_key_of_their_own() -> None:
    """PKITS 4.4.19 to 21: the authority signs lists with another key, whose certificate must not be revoked."""
    signer = issue("Authority", ROOT, usage("crl_sign"))
    good = [crl(ROOT), crl(signer)]
    assert check(ADA, AUTHORITY, signer, crls=good, revocation=Revocation.HARD)
    assert not check(ADA, AUTHORITY, signer, crls=[crl(ROOT), crl(signer, ADA)], revocation=Revocation.HARD)
    assert not check(ADA, AUTHORITY, signer, crls=[crl(ROOT, signer), crl(signer)], revocation=Revocation.HARD)


@pytest.mark.parametrize("indirect", [False, True])
@pytest.mark.parametrize("revocation", Revocation)
def test_forged_list_proves_nothing(indirect: bool, revocation: Revocation) -> None:
    """Also an indirect one, which pyhanko-certvalidator 0.33 takes unverified while it validates the list's issuer."""
    forger = Holder(ec.generate_private_key(ec.SECP256R1()), AUTHORITY.x509)
    good, bad = crl(forger, indirect=indirect), crl(forger, ADA, indirect=indirect)
    hard = revocation is Revocation.HARD
    assert check(ADA, crls=[crl(ROOT), good], revocation=revocation).valid is not hard
    assert "revoked on" not in check(ADA, crls=[crl(ROOT), bad], revocation=revocation).reason


def test_hard_checking_says_that_it_is_revoked() -> None:
    lists = [crl(ROOT), crl(AUTHORITY, ADA)]
    assert "revoked on" in check(ADA, crls=lists, revocation=Revocation.HARD).reason


def test_ocsp_responses() -> None:
    good, revoked = (
        answer(AUTHORITY, ADA, status) for status in (ocsp.OCSPCertStatus.GOOD, ocsp.OCSPCertStatus.REVOKED)
    )
    assert check(ADA, ocsps=[good], crls=[crl(ROOT)], revocation=Revocation.HARD)
    assert check(ADA, ocsps=[revoked]).reason.startswith("the certificate was revoked on 27 February 2026")


def test_list_outweighs_a_good_ocsp_response() -> None:
    good = answer(AUTHORITY, ADA, ocsp.OCSPCertStatus.GOOD)
    assert not check(ADA, ocsps=[good], crls=[crl(AUTHORITY, ADA)])


@pytest.mark.parametrize("evidence", [b"", b"\x30\x00", b"junk"])
def test_malformed_evidence_is_passed_over(evidence: bytes) -> None:
    unsuccessful = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)
    responses = [evidence, unsuccessful.public_bytes(Encoding.DER), b"\x30\x03\x0a\x01\x00"]
    assert check(ADA, crls=[evidence], ocsps=responses)
    assert not check(ADA, crls=[evidence, crl(AUTHORITY, ADA)], ocsps=responses)


# Hostile certificates


def test_many_ways_to_nowhere_take_no_time() -> None:
    """Layers of certificates that all could issue each other: without a look at signatures, 10 to the power of 8 ways."""
    layers = [[issue(f"Layer {depth}", None, ca=True) for _ in range(10)] for depth in range(8)]
    mesh: list[Holder] = []
    for depth, layer in enumerate(layers[:-1]):
        for each in layer:
            above = layers[depth + 1][0]
            mesh.append(issue(f"Layer {depth}", Holder(ROOT.key, above.x509), ca=True, key=each.key))
    started = time.process_time()
    assert not check(issue("Eve", layers[0][0]), *mesh)
    assert time.process_time() - started < 2


def test_number_of_paths_tried_is_limited() -> None:
    """Thirty certificates of the same authority, all expired: one refusal, not an endless search."""
    expired = [issue("Authority", ROOT, ca=True, days=(-50 - each, -20), key=AUTHORITY.key) for each in range(30)]
    assert check(ADA, *expired).reason == "a certificate of its issuer expired on 9 February 2026"


def test_nothing_is_fetched() -> None:
    """Whatever waits would be network."""
    with pytest.raises(RuntimeError, match="waits"):
        validation._run(asyncio.sleep(0))


CHANGES = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=3)
LIST, ANSWER = crl(AUTHORITY), answer(AUTHORITY, ADA, ocsp.OCSPCertStatus.GOOD)


def damaged(encoded: bytes, changes: list[tuple[float, int]]) -> bytes:
    changed = bytearray(encoded)
    for where, octet in changes:
        changed[int(where * len(encoded))] = octet
    return bytes(changed)


@given(CHANGES)
def test_damaged_certificate_gives_a_verdict(changes: list[tuple[float, int]]) -> None:
    with suppress(SecmailError):
        certificate = Certificate.from_der(damaged(ADA.certificate.der, changes))
        validate(certificate, trust=TRUST, at=NOW, intermediates=[AUTHORITY.certificate])


@given(CHANGES)
def test_damaged_evidence_gives_a_verdict(changes: list[tuple[float, int]]) -> None:
    check(ADA, crls=[crl(ROOT), damaged(LIST, changes)], ocsps=[damaged(ANSWER, changes)], revocation=Revocation.HARD)


def test_issuer_with_a_key_of_another_kind() -> None:
    """The signature claims RSA, the issuer has an elliptic curve."""
    key = rsa.generate_private_key(65537, 2048)
    builder = x509.CertificateBuilder(AUTHORITY.x509.subject, name("Eve"), key.public_key(), 1, NOW, NOW + DAY)
    eve = Certificate.from_der(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER))
    verdict = validate(eve, trust=TRUST, at=NOW, intermediates=[AUTHORITY.certificate])
    assert not verdict


def test_malformed_certificate() -> None:
    broken = Certificate(ADA.certificate.der[:-40])
    assert validate(broken, trust=TRUST, at=NOW).reason == "the certificate is malformed"
    assert validate(ADA.certificate, trust=TRUST, at=NOW, intermediates=[broken, AUTHORITY.certificate])


# Published certificates


def published(path: str) -> Certificate:
    if not VECTORS.exists():
        pytest.skip("the vectors are not beside the project")
    return Certificate.from_pem((VECTORS / path).read_bytes())


@pytest.mark.parametrize(
    ("root", "leaf", "purpose"),
    [
        ("3.1-RSA-Certification-Authority-Root", "4.1-Alice-s-Signature-Verification-End-Entity", Purpose.SIGNATURE),
        ("3.1-RSA-Certification-Authority-Root", "4.3-Alice-s-Encryption-End-Entity", Purpose.ENCRYPTION),
        (
            "6.1-Ed25519-Certification-Authority-Root",
            "7.1-Carlos-s-Signature-Verification-End-Entity",
            Purpose.SIGNATURE,
        ),
    ],
)
def test_certificates_of_rfc_9216(root: str, leaf: str, purpose: Purpose) -> None:
    trust = TrustStore([published(f"rfc9216/{root}-Certificate.crt.pem")])
    certificate = published(f"rfc9216/{leaf}-Certificate.crt.pem")
    assert validate(certificate, trust=trust, at=NOW, purpose=purpose)


def test_cross_certificate_of_rfc_9216() -> None:
    trust = TrustStore([published("rfc9216/6.1-Ed25519-Certification-Authority-Root-Certificate.crt.pem")])
    crossed = published("rfc9216/3.3-RSA-Certification-Authority-Cross-Signed-Certificate.crt.pem")
    alice = published("rfc9216/4.1-Alice-s-Signature-Verification-End-Entity-Certificate.crt.pem")
    assert len(validate(alice, trust=trust, at=NOW, intermediates=[crossed]).chain) == 3
