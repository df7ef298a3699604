"""Revocation evidence: RFC 5280 sections 5 and 6.3, RFC 6960. Nothing counts that its proper signer did not sign."""

import hashlib
import time
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from test_paths import ADA, AUTHORITY, DAY, NOW, ROOT, TRUST, Holder, answer, check, crl, issue, usage

from secmail import der
from secmail.paths import PathCache, PathOptions, Revocation, TrustStore, validate
from secmail.paths.signatures import signed_by

HARD = {"revocation": Revocation.HARD}
GOOD, REVOKED = ocsp.OCSPCertStatus.GOOD, ocsp.OCSPCertStatus.REVOKED
HOLD, COMPROMISE = x509.ReasonFlags.certificate_hold, x509.ReasonFlags.key_compromise
UNPROVEN = "there is no current word on whether the certificate is revoked"
POINT = [x509.UniformResourceIdentifier("http://crl.example/ada")]
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.32473.9"), b"\x05\x00")


def revocation_list(
    issuer: Holder,
    *entries: tuple[Holder, x509.ReasonFlags],
    extensions: tuple[tuple[x509.ExtensionType, bool], ...] = (),
    entry_extensions: tuple[tuple[x509.ExtensionType, bool], ...] = (),
    days: tuple[float, float] = (-1, 7),
    since=NOW - 2 * DAY,
    key: ec.EllipticCurvePrivateKey | None = None,
) -> bytes:
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.x509.subject)
    builder = builder.last_update(NOW + days[0] * DAY).next_update(NOW + days[1] * DAY)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    for holder, reason in entries:
        entry = x509.RevokedCertificateBuilder().serial_number(holder.x509.serial_number).revocation_date(since)
        for extension, critical in ((x509.CRLReason(reason), False), *entry_extensions):
            entry = entry.add_extension(extension, critical)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(key or issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def scope(**options) -> tuple[tuple[x509.ExtensionType, bool], ...]:
    """The extension IssuingDistributionPoint."""
    given = {
        "full_name": None,
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
    }
    return ((x509.IssuingDistributionPoint(**(given | options)), True),)


def points(names=None, issuers=None, reasons=None) -> x509.CRLDistributionPoints:
    return x509.CRLDistributionPoints([x509.DistributionPoint(names, None, reasons, issuers)])


def directory(holder: Holder) -> list[x509.GeneralName]:
    return [x509.DirectoryName(holder.x509.subject)]


def numbered(number: int, base: int | None = None) -> tuple[tuple[x509.ExtensionType, bool], ...]:
    """CRL number, and for a delta list that of its base."""
    delta = ((x509.DeltaCRLIndicator(base), True),) if base is not None else ()
    return ((x509.CRLNumber(number), False), *delta)


def response(
    signer: Holder, holder: Holder, status=GOOD, *, issuer=AUTHORITY, certificates=(), days=(-1, 1), extension=None
) -> bytes:
    revoked = status is REVOKED
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=holder.x509,
        issuer=issuer.x509,
        algorithm=hashes.SHA256(),
        cert_status=status,
        this_update=NOW + days[0] * DAY,
        next_update=None if days[1] is None else NOW + days[1] * DAY,
        revocation_time=NOW + (days[0] - 1) * DAY if revoked else None,
        revocation_reason=COMPROMISE if revoked else None,
    )
    if extension is not None:
        builder = builder.add_extension(extension, critical=True)
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, signer.x509)
    builder = builder.certificates([each.x509 for each in certificates]) if certificates else builder
    return builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def responder(*extensions: x509.ExtensionType, issuer=AUTHORITY, days=(-100, 100)) -> Holder:
    purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING])
    return issue("Responder", issuer, *(extensions or (purposes, x509.OCSPNoCheck())), days=days)


def hard(holder: Holder, *lists: bytes, **options):
    """With current word on the authority, so that all depends on that about the holder."""
    return check(holder, AUTHORITY, *options.pop("others", ()), crls=[crl(ROOT), *lists], **HARD, **options)


# Who signs a list


def test_a_colleague_signs_no_lists():
    """RFC 5280 section 6.3.3 b 1: the issuer of the list is that of the certificate, unless the certificate says otherwise."""
    colleague = issue("Colleague", AUTHORITY)
    for empty in (crl(colleague), crl(colleague, indirect=True)):
        assert hard(ADA, empty, others=[colleague]).reason == UNPROVEN


def test_an_authority_without_crl_sign_signs_no_lists():
    """RFC 5280 section 6.3.3 f: "If a key usage extension is present in the CRL issuer's certificate, verify that the cRLSign bit is set"."""
    authority = issue("Only certificates", ROOT, usage("key_cert_sign"), ca=True)
    ada = issue("Ada", authority)
    assert not check(ada, authority, crls=[crl(ROOT), crl(authority)], **HARD)
    assert check(ada, authority, crls=[crl(authority, ada)])


def test_another_authority_of_the_same_name_is_another():
    """Both under the same anchor; only who has the same superior signs for the same authority."""
    other = issue("Other", ROOT, ca=True)
    namesake = issue("Authority", other, ca=True)
    assert hard(ADA, crl(namesake), others=[other, namesake]).reason == UNPROVEN
    assert check(ADA, AUTHORITY, other, namesake, crls=[crl(namesake, ADA)])


def test_another_anchor_vouches_for_nothing():
    """RFC 5280 section 6.3.3 f: "The trust anchor for the certification path MUST be the same"."""
    stranger = issue("Root", ca=True)
    namesake = issue("Authority", stranger, ca=True)
    trust = TrustStore([*TRUST.anchors, stranger.certificate])
    assert hard(ADA, crl(namesake), others=[namesake], trust=trust).reason == UNPROVEN


def test_anchors_with_the_same_name_and_different_keys_are_told_apart():
    twin = issue("Root", ca=True)
    trust = TrustStore([twin.certificate, ROOT.certificate])
    assert check(ADA, trust=trust).chain[-1] == ROOT.certificate
    assert not check(ADA, trust=TrustStore([twin.certificate]))
    assert check(ADA, trust=trust, crls=[crl(twin, AUTHORITY)])
    assert not check(ADA, trust=trust, crls=[crl(ROOT, AUTHORITY)])


def test_a_list_of_an_expired_signer_proves_nothing_and_accuses():
    signer = issue("Authority", ROOT, usage("crl_sign"), days=(-100, -1))
    assert hard(ADA, crl(signer), others=[signer]).reason == UNPROVEN
    for days, revoked in (((-9, 7), True), ((-0.5, 7), False)):  # issued before the end, and after it
        listed = crl(signer, ADA, days=days, when=NOW - 10 * DAY)
        assert ("revoked on" in check(ADA, AUTHORITY, signer, crls=[listed]).reason) is revoked


def test_a_list_is_that_of_a_renewed_signer():
    """Its certificate at the time need not be known."""
    signer = issue("Authority", ROOT, usage("crl_sign"), days=(-1, 100))
    for lists, reason in (([], "valid"), ([ADA], "revoked on")):
        assert reason in hard(ADA, crl(signer, *lists, days=(-3, 7)), others=[signer]).reason


def test_a_signer_of_whom_nothing_is_known_accuses():
    """Hard checking wants proof of who vouches. Whoever keeps it back would otherwise hide what he says."""
    signer = issue("Authority", ROOT, usage("crl_sign"))
    answers = [answer(AUTHORITY, ADA, GOOD), response(ROOT, AUTHORITY, issuer=ROOT)]
    assert check(ADA, AUTHORITY, signer, crls=[crl(signer)], ocsps=answers, **HARD)
    assert "revoked on" in check(ADA, AUTHORITY, signer, crls=[crl(signer, ADA)], ocsps=answers, **HARD).reason


# What a list is about


@pytest.mark.parametrize(
    ("digest", "oid", "unused_bits", "weak", "counts"),
    [
        (hashes.SHA256(), "1.2.840.10045.4.3.2", 0, False, True),
        (hashes.SHA1(), "1.2.840.10045.4.1", 0, False, False),  # noqa: S303
        (hashes.SHA1(), "1.2.840.10045.4.1", 0, True, True),  # noqa: S303
        (hashes.SHA256(), "1.2.840.10045.4.3.2", 1, False, False),
    ],
)
def test_evidence_signed_with_sha1_proves_nothing_and_signatures_are_whole_octets(digest, oid, unused_bits, weak, counts):
    """A certificate may be, which is reported (``weak``); CRLs and OCSP responses are made anew all the time."""
    to_be_signed = der.sequence(der.integer(1))
    signature = AUTHORITY.key.sign(to_be_signed, ec.ECDSA(digest))
    signed = der.sequence(to_be_signed, der.sequence(der.oid(oid)), der.tlv(der.BIT_STRING, bytes((unused_bits,)), signature))
    assert signed_by(signed, AUTHORITY.certificate, weak=weak) is counts


def test_distribution_points_have_to_match():
    """RFC 5280 section 6.3.3 b 2 i."""
    ada = issue("Ada", AUTHORITY, points(POINT))
    elsewhere = [x509.UniformResourceIdentifier("http://crl.example/bob")]
    assert hard(ada, revocation_list(AUTHORITY, extensions=scope(full_name=POINT)))
    assert hard(ada, revocation_list(AUTHORITY, extensions=scope(full_name=elsewhere))).reason == UNPROVEN
    assert hard(ADA, revocation_list(AUTHORITY, extensions=scope(full_name=POINT))).reason == UNPROVEN


def test_the_issuer_has_other_names_too():
    """RFC 5280 section 6.3.3: names come "from the certificate issuer field as well as the certificate issuerAltName extension"."""
    own = [x509.UniformResourceIdentifier("http://ca.example")]
    ada = issue("Ada", AUTHORITY, x509.IssuerAlternativeName(own))
    listed = revocation_list(AUTHORITY, (ada, COMPROMISE), extensions=scope(full_name=own))
    assert "revoked on" in check(ada, crls=[listed]).reason


@pytest.mark.parametrize(
    ("kind", "proves"),
    [("only_contains_user_certs", True), ("only_contains_ca_certs", False), ("only_contains_attribute_certs", False)],
)
def test_lists_of_some_kind_of_certificates_only(kind, proves):
    assert hard(ADA, revocation_list(AUTHORITY, extensions=scope(**{kind: True}))).valid is proves


def test_reasons_have_to_be_covered_all():
    """RFC 5280 section 6.3.3 d and l: the reasons of several lists add up, or the status stays undetermined."""
    some = frozenset({COMPROMISE, x509.ReasonFlags.ca_compromise})
    others = frozenset(x509.ReasonFlags) - some - {x509.ReasonFlags.unspecified, x509.ReasonFlags.remove_from_crl}
    first, second = (revocation_list(AUTHORITY, extensions=scope(only_some_reasons=each)) for each in (some, others))
    assert hard(ADA, first).reason == UNPROVEN
    assert hard(ADA, first, second)


def test_an_indirect_list_is_one_of_whom_the_certificate_names():
    """RFC 5280 section 5.3.3: its entries name the issuer of the certificates they are about."""
    lister = issue("Lister", ROOT, usage("crl_sign"))
    ada = issue("Ada", AUTHORITY, points(issuers=directory(lister)))
    indirect, about = scope(indirect_crl=True), ((x509.CertificateIssuer(directory(AUTHORITY)), True),)
    entry = (ada, COMPROMISE)
    assert hard(ada, revocation_list(lister, extensions=indirect), others=[lister])
    assert hard(ada, revocation_list(lister), others=[lister]).reason == UNPROVEN
    for extensions, revoked in ((about, True), ((), False)):
        listed = revocation_list(lister, entry, extensions=indirect, entry_extensions=extensions)
        assert ("revoked on" in hard(ada, listed, others=[lister]).reason) is revoked


def test_an_entry_names_an_issuer_in_several_ways():
    """RFC 5280 section 5.3.3: "one or more names from the issuer field and/or issuer alternative name extension of the certificate"."""
    lister, other = issue("Lister", ROOT, usage("crl_sign")), directory(issue("Other", ca=True))
    ada = issue("Ada", AUTHORITY, points(issuers=directory(lister)))
    for names, revoked in (([*other, *directory(AUTHORITY)], True), (other, False), (POINT, False)):
        entry = ((x509.CertificateIssuer(names), True),)
        listed = revocation_list(lister, (ada, COMPROMISE), extensions=scope(indirect_crl=True), entry_extensions=entry)
        assert ("revoked on" in hard(ada, listed, others=[lister]).reason) is revoked


def test_an_indirect_list_with_an_unreadable_entry_is_not_used():
    """Whose certificates the entries after it are about is not known. Those of another list are about the same issuer's all the same."""
    lister, bob = issue("Lister", ROOT, usage("crl_sign")), issue("Bob", AUTHORITY)
    ada = issue("Ada", AUTHORITY, points(issuers=directory(lister)))
    unreadable = ((x509.UnrecognizedExtension(x509.InvalidityDate.oid, b"\x05\x00"), False),)
    ((indirect, _),) = scope(indirect_crl=True)
    listed = revocation_list(lister, (bob, COMPROMISE), extensions=((indirect, False),), entry_extensions=unreadable)
    assert hard(ada, listed, others=[lister]).reason == UNPROVEN
    assert "revoked on" in check(ADA, crls=[revocation_list(AUTHORITY, (ADA, COMPROMISE), entry_extensions=unreadable)]).reason


def test_a_list_of_the_issuer_counts_beside_that_of_whom_it_names():
    """RFC 5280 section 6.3.3: "available CRLs not specified in a distribution point but issued by the certificate issuer"."""
    ada = issue("Ada", AUTHORITY, points(issuers=directory(issue("Lister", ROOT))))
    assert hard(ada, crl(AUTHORITY))
    assert "revoked on" in check(ada, crls=[crl(AUTHORITY, ada)]).reason


def test_entries_keep_the_issuer_of_the_entry_before():
    """RFC 5280 section 5.3.3: "the certificate issuer for the entry is the same as that for the preceding entry"."""
    lister = issue("Lister", ROOT, usage("crl_sign"))
    ada = issue("Ada", AUTHORITY, points(issuers=directory(lister)))
    builder = x509.CertificateRevocationListBuilder().issuer_name(lister.x509.subject)
    builder = builder.last_update(NOW - DAY).next_update(NOW + DAY).add_extension(*scope(indirect_crl=True)[0])
    first = x509.RevokedCertificateBuilder().serial_number(7).revocation_date(NOW - DAY)
    first = first.add_extension(x509.CertificateIssuer(directory(AUTHORITY)), critical=True)
    second = x509.RevokedCertificateBuilder().serial_number(ada.x509.serial_number).revocation_date(NOW - DAY)
    listed = builder.add_revoked_certificate(first.build()).add_revoked_certificate(second.build())
    encoded = listed.sign(lister.key, hashes.SHA256()).public_bytes(Encoding.DER)
    assert "revoked on" in hard(ada, encoded, others=[lister]).reason


def test_a_list_with_an_unknown_critical_extension_is_not_used():
    """RFC 5280 section 5.2: "the application MUST NOT use that CRL to determine the status of certificates"."""
    bob = issue("Bob", AUTHORITY)
    for critical in (True, False):
        of_list = revocation_list(AUTHORITY, extensions=((UNKNOWN, critical),))
        of_entry = revocation_list(AUTHORITY, (bob, COMPROMISE), entry_extensions=((UNKNOWN, critical),))
        assert [hard(ADA, each).valid for each in (of_list, of_entry)] == [not critical] * 2


# Time


def test_a_list_without_next_update_that_is_older_is_not_current():
    """RFC 5280 section 5.1.2.5: "Conforming CRL issuers MUST include the nextUpdate field in all CRLs"; one newer than the moment serves."""
    encoded = response(AUTHORITY, ADA, days=(-1, None))
    assert hard(ADA, ocsps=[encoded]).reason == UNPROVEN
    assert check(ADA, crls=[crl(ROOT)], ocsps=[encoded], at=NOW - 1.5 * DAY, **HARD)


def test_lists_after_the_end_of_a_certificate_do_not_know_it():
    """RFC 5280 section 3.3: an entry "MUST NOT be removed from the CRL until it appears on one regularly scheduled CRL issued beyond the
    revoked certificate's validity period"."""
    short = issue("Ada", AUTHORITY, days=(-100, -10))
    later = crl(AUTHORITY, days=(-1, 7))
    assert check(short, crls=[crl(ROOT), later], at=NOW - 20 * DAY, **HARD).reason == UNPROVEN
    assert check(ADA, crls=[crl(ROOT), later], at=NOW - 20 * DAY, **HARD)


def test_invalid_since_before_the_revocation():
    """RFC 5280 section 5.3.2: the invalidity date "may be earlier than the revocation date in the CRL entry"."""
    compromised = ((x509.InvalidityDate(NOW - 9 * DAY), False),)
    listed = revocation_list(AUTHORITY, (ADA, COMPROMISE), entry_extensions=compromised)
    assert "revoked on 20 February" in check(ADA, crls=[listed], at=NOW - 5 * DAY).reason
    assert check(ADA, crls=[listed], at=NOW - 10 * DAY)


def test_a_verdict_is_not_kept_beyond_a_revocation():
    """A list tells of the future of the moment that is asked about."""
    cache = PathCache()
    options = PathOptions(crls=(crl(AUTHORITY, ADA),), cache=cache)
    given = {"trust": TRUST, "intermediates": [AUTHORITY.certificate], "options": options}
    assert validate(ADA.certificate, at=NOW - 3 * DAY, **given).valid_until == NOW - 2 * DAY
    assert not validate(ADA.certificate, at=NOW, **given)


# Suspension, delta lists


def test_a_suspension_ends_with_a_newer_list():
    held, lifted = revocation_list(AUTHORITY, (ADA, HOLD), days=(-3, 7), since=NOW - 4 * DAY), crl(AUTHORITY, days=(-1, 7))
    assert check(ADA, crls=[held]).reason == "the certificate was revoked on 25 February 2026 (it is suspended)"
    assert check(ADA, crls=[held, lifted])
    assert not check(ADA, crls=[held, lifted], at=NOW - 2 * DAY)
    older = crl(AUTHORITY, days=(-9, 7))
    assert not check(ADA, crls=[held, older])


def test_no_newer_list_ends_a_revocation():
    revoked = revocation_list(AUTHORITY, (ADA, COMPROMISE), days=(-3, 7), since=NOW - 4 * DAY)
    assert not check(ADA, crls=[revoked, crl(AUTHORITY, days=(-1, 7))])


def test_a_delta_list_adds_and_removes():
    """RFC 5280 section 6.3.3 i to k: removeFromCRL in the delta ends what the complete list says."""
    held = revocation_list(AUTHORITY, (ADA, HOLD), extensions=numbered(5), days=(-3, 7))
    silent = revocation_list(AUTHORITY, extensions=numbered(5), days=(-3, 7))
    removed = revocation_list(AUTHORITY, (ADA, x509.ReasonFlags.remove_from_crl), extensions=numbered(6, base=5))
    added = revocation_list(AUTHORITY, (ADA, COMPROMISE), extensions=numbered(6, base=5))
    assert not hard(ADA, held)
    assert hard(ADA, held, removed)
    assert hard(ADA, silent)
    assert "revoked on" in hard(ADA, silent, added).reason


@pytest.mark.parametrize(
    ("number", "base", "signer"), [(6, 6, AUTHORITY), (5, 5, AUTHORITY), (6, 5, issue("Authority", ca=True))], ids=["base", "older", "key"]
)
def test_a_delta_list_that_does_not_belong_to_the_complete_one(number, base, signer):
    """RFC 5280 section 5.2.4 c and d: numbers that fit; section 6.3.3 h: the same key."""
    silent = revocation_list(AUTHORITY, extensions=numbered(5), days=(-3, 7))
    added = revocation_list(AUTHORITY, (ADA, COMPROMISE), extensions=numbered(number, base), key=signer.key)
    assert hard(ADA, silent, added)


def test_a_delta_list_alone_proves_nothing():
    assert hard(ADA, revocation_list(AUTHORITY, extensions=numbered(6, base=5))).reason == UNPROVEN


def test_a_list_whose_delta_is_elsewhere_still_revokes():
    freshest = x509.FreshestCRL([x509.DistributionPoint(POINT, None, None, None)])
    listed = revocation_list(AUTHORITY, (ADA, COMPROMISE), extensions=((freshest, False),))
    assert "revoked on" in check(ADA, crls=[listed]).reason


# OCSP


def test_a_delegated_responder_is_issued_by_the_issuer_for_that():
    """RFC 6960 section 4.2.2.2: "This certificate MUST be issued directly by the CA that is identified in the request"."""
    proper = responder()
    assert hard(ADA, ocsps=[response(proper, ADA, certificates=[proper])])
    any_purpose = responder(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]), x509.OCSPNoCheck())
    for wrong in (any_purpose, responder(issuer=ROOT), issue("Colleague", AUTHORITY, x509.OCSPNoCheck()), issue("Stranger", ca=True)):
        for status, reason in ((GOOD, UNPROVEN), (REVOKED, UNPROVEN)):
            given = response(wrong, ADA, status, certificates=[wrong])
            assert hard(ADA, ocsps=[given], others=[wrong]).reason == reason


def test_a_responder_of_the_same_name_and_another_key_is_another():
    forger = responder(issuer=issue("Authority", ca=True))
    assert hard(ADA, ocsps=[response(forger, ADA, certificates=[forger])]).reason == UNPROVEN


def test_a_responder_of_another_authority_of_the_same_name_is_none():
    other = issue("Other", ROOT, ca=True)
    namesake = issue("Authority", other, ca=True)
    wrong = responder(issuer=namesake)
    given = response(wrong, ADA, certificates=[wrong])
    assert hard(ADA, crl(other), ocsps=[given], others=[other, namesake]).reason == UNPROVEN


def test_a_responder_may_be_revoked_itself():
    """RFC 6960 section 4.2.2.2.1: without id-pkix-ocsp-nocheck its own status counts."""
    checked = responder(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]))
    given = [response(checked, ADA, certificates=[checked])]
    assert hard(ADA, ocsps=given).reason == UNPROVEN
    # A list that knows only the responder, so that what it says of Ada comes from the answer
    elsewhere = revocation_list(AUTHORITY, extensions=scope(only_contains_ca_certs=True))
    vouched = response(AUTHORITY, checked)
    assert hard(ADA, elsewhere, ocsps=[*given, vouched])
    assert hard(ADA, elsewhere, ocsps=[*given, response(AUTHORITY, checked, REVOKED)]).reason == UNPROVEN


def test_an_expired_responder_accuses_of_then_and_vouches_for_nothing():
    old = responder(days=(-100, -5))
    for status, text in ((GOOD, UNPROVEN), (REVOKED, "revoked on")):
        given = response(old, ADA, status, certificates=[old], days=(-9, 30))
        assert text in hard(ADA, ocsps=[given]).reason


def test_an_older_good_answer_hides_no_revocation():
    """Whoever signs a message chooses what answers come with it."""
    old, new = response(AUTHORITY, ADA, days=(-9, 30)), response(AUTHORITY, ADA, REVOKED, days=(-1, 7))
    for given in ([old, new], [new, old]):
        assert "revoked on" in check(ADA, ocsps=given).reason


def test_an_answer_about_another_certificate_says_nothing():
    bob, twin = issue("Bob", AUTHORITY), issue("Authority", ca=True)
    assert hard(ADA, ocsps=[response(AUTHORITY, bob)]).reason == UNPROVEN
    assert hard(ADA, ocsps=[response(AUTHORITY, ADA, issuer=twin)]).reason == UNPROVEN  # the hash of another issuer's key


def test_unknown_is_no_answer():
    assert hard(ADA, ocsps=[response(AUTHORITY, ADA, ocsp.OCSPCertStatus.UNKNOWN)]).reason == UNPROVEN


def test_an_answer_with_an_unknown_critical_extension_is_not_used():
    assert hard(ADA, ocsps=[response(AUTHORITY, ADA, extension=UNKNOWN)]).reason == UNPROVEN


def test_an_answer_is_about_the_key_and_name_of_the_issuer():
    """The hashes are those of the name and the key, as RFC 6960 section 4.1.1 has them."""
    key = AUTHORITY.x509.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert ocsp.load_der_ocsp_response(answer(AUTHORITY, ADA, GOOD)).issuer_key_hash == hashlib.sha256(key).digest()
    assert hard(ADA, ocsps=[answer(AUTHORITY, ADA, GOOD)])


def test_much_evidence_of_no_value_costs_little():
    """Two hundred lists, and as many answers as a message may bring, that others signed in the name of the issuer."""
    forger = issue("Authority", ca=True)
    lists = [revocation_list(forger, (ADA, COMPROMISE), days=(-1 - each / 1000, 7)) for each in range(200)]
    others = [responder(issuer=forger) for _ in range(15)]
    answers = [response(forger, ADA, REVOKED, days=(-1 - each / 1000, 7), certificates=[responder(), *others]) for each in range(32)]
    started = time.process_time()
    assert check(ADA, crls=lists, ocsps=answers, at=NOW + timedelta(hours=1))
    assert time.process_time() - started < 3  # seen: 1.2 to 1.6 on a busy machine, most of it to read the certificates


def test_an_answer_beyond_measure_is_passed_over():
    many = [responder() for _ in range(400)]
    assert hard(ADA, ocsps=[response(AUTHORITY, ADA, certificates=many[:4])])
    assert hard(ADA, ocsps=[response(AUTHORITY, ADA, certificates=many)]).reason == UNPROVEN
