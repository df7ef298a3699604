"""What others put beside a certificate must not make a revoked one valid, nor one authority speak about what another one issued."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from test_path_rules import bare, mailbox, with_email_address
from test_paths import ADA, AUTHORITY, DAY, NOW, ROOT, TRUST, Holder, answer, check, crl, issue, usage
from test_revocation import (
    COMPROMISE,
    GOOD,
    HARD,
    HOLD,
    REVOKED,
    UNPROVEN,
    directory,
    hard,
    points,
    responder,
    response,
    revocation_list,
    scope,
)

from secmail import Certificate, Malformed, TrustStore, der
from secmail.paths import PathOptions, Paths, PathVerdict, validate
from secmail.paths.validation import MAX_PATHS, TOO_MANY

ORDER_OF_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
MIDDLE = issue("Middle", ROOT, ca=True)
LISTER = issue("Lister", MIDDLE, usage("crl_sign"))
BOB = issue("Bob", AUTHORITY, points(issuers=directory(LISTER)))
ABOUT_BOB = revocation_list(
    LISTER, (BOB, COMPROMISE), extensions=scope(indirect_crl=True), entry_extensions=((x509.CertificateIssuer(directory(AUTHORITY)), True),)
)


def paths(*known: Holder, crls=(ABOUT_BOB,)) -> Paths:
    return Paths(trust=TRUST, at=NOW, intermediates=[each.certificate for each in known], options=PathOptions(crls=tuple(crls)))


def about_bob(*known: Holder, crls=(ABOUT_BOB,)) -> PathVerdict:
    """Revoked by a list whose signer has a path of his own, of Lister, Middle and Root."""
    return paths(AUTHORITY, *known, LISTER, crls=crls).validate(BOB.certificate)


# What is left out


@pytest.mark.parametrize("kind", ["steps", "verifications", "searches"])
def test_an_allowance_that_ends_while_revocation_is_looked_up_makes_nothing_valid(kind):
    reasons = set()
    for left in range(20):
        limited = paths(AUTHORITY, MIDDLE, LISTER)
        setattr(limited, kind, iter(range(left)))
        reasons.add(limited.validate(BOB.certificate).reason)
    assert reasons == {TOO_MANY, "the certificate was revoked on 27 February 2026 (its key was compromised)"}


def test_expired_ways_to_the_signer_of_a_list_hide_nobody():
    """More of them than are tried: what could not be found out is not taken for the better."""
    expired = [issue("Middle", ROOT, ca=True, days=(-50 - each, -20), key=MIDDLE.key) for each in range(MAX_PATHS)]
    assert "revoked on" in about_bob(*expired[1:], MIDDLE).reason
    assert about_bob(*expired, MIDDLE).reason == TOO_MANY


def test_a_revoked_way_to_the_signer_of_a_list_hides_no_other():
    renewed = issue("Middle", ROOT, ca=True, key=MIDDLE.key)
    for known in ([MIDDLE, renewed], [renewed, MIDDLE]):
        assert "revoked on" in about_bob(*known, crls=[ABOUT_BOB, crl(ROOT, renewed)]).reason


def test_certificates_that_may_not_be_in_the_path_still_sign_lists():
    """Who signs a message names those that may be in the path (RFC 5035 section 3): nobody else's lists go away by that."""
    allowed = {each.certificate for each in (BOB, AUTHORITY)}
    verdict = paths(AUTHORITY, MIDDLE, LISTER).validate(BOB.certificate, allowed=allowed.__contains__)
    assert "revoked on" in verdict.reason


def test_an_expired_certificate_of_a_responder_hides_no_other_with_its_key():
    """Those in an answer are not signed by anybody, and anybody may put more of them there."""
    proper = responder()
    old = Holder(proper.key, issue("Responder", AUTHORITY, *(each.value for each in list(proper.x509.extensions)[1:]), days=(-99, -9), key=proper.key).x509)
    for certificates in ([old, proper], [proper, old]):
        assert "revoked on" in check(ADA, ocsps=[response(proper, ADA, REVOKED, certificates=certificates)]).reason
        assert hard(ADA, ocsps=[response(proper, ADA, GOOD, certificates=certificates)])


# Who is who


def test_a_namesake_below_a_namesake_of_the_superior_is_another():
    """An authority that may issue for one domain only could otherwise clear or accuse whom its neighbours issued certificates to."""
    other = issue("Other", ROOT, x509.NameConstraints([x509.RFC822Name("example.com")], None), ca=True)
    root = issue("Root", other, ca=True)
    namesake = issue("Authority", root, ca=True)
    assert hard(ADA, crl(namesake), others=[other, root, namesake]).reason == UNPROVEN
    assert check(ADA, AUTHORITY, other, root, namesake, crls=[crl(namesake, ADA)])


def indirect(signer: Holder, *entries, **options) -> bytes:
    """A list about what Authority issued."""
    about = ((x509.CertificateIssuer(directory(AUTHORITY)), True),)
    return revocation_list(signer, *entries, extensions=scope(indirect_crl=True), entry_extensions=about, **options)


def test_a_namesake_of_a_crl_issuer_vouches_for_nobody():
    """RFC 5280 section 8: "Implementers should take into account the possible existence of multiple unrelated CAs and CRL issuers with the same name"."""
    other = issue("Other", ROOT, x509.NameConstraints([x509.RFC822Name("example.com")], None), ca=True)
    namesake, known = issue("Lister", other, usage("crl_sign")), [other, MIDDLE, LISTER]
    for said in ([], [(BOB, HOLD)]):  # "revoked from tomorrow on" is no better
        assert hard(BOB, crl(other), indirect(namesake, *said, since=NOW + DAY), others=[*known, namesake]).reason == UNPROVEN
    held = indirect(LISTER, (BOB, HOLD), days=(-3, 7), since=NOW - 4 * DAY)
    assert "suspended" in check(BOB, AUTHORITY, *known, namesake, crls=[held, indirect(namesake)]).reason


def test_a_crl_issuer_below_another_authority_accuses():
    """He may be the one who is meant, for whom RFC 5280 section 6.3.3 f asks no more than the same anchor."""
    assert "revoked on" in about_bob(MIDDLE).reason
    assert hard(BOB, indirect(LISTER), crl(MIDDLE), others=[MIDDLE, LISTER]).reason == UNPROVEN


def test_a_namesake_of_a_crl_issuer_below_another_anchor_says_nothing():
    stranger = issue("Stranger", ca=True)
    namesake = issue("Lister", stranger, usage("crl_sign"))
    trust = TrustStore([*TRUST.anchors, stranger.certificate])
    assert check(BOB, AUTHORITY, namesake, crls=[indirect(namesake, (BOB, COMPROMISE))], trust=trust)
    assert hard(BOB, indirect(namesake), others=[namesake], trust=trust).reason == UNPROVEN


def test_a_crl_issuer_is_named_by_an_authority_of_the_path():
    """With whatever key that authority has now."""
    renewed = issue("Authority", ROOT, ca=True)
    for superior in (ROOT, AUTHORITY, renewed):
        lister = issue("Lister", superior, usage("crl_sign"))
        assert hard(BOB, indirect(lister), crl(renewed), crl(AUTHORITY), others=[renewed, lister])


def test_a_superior_may_have_a_new_key():
    root = issue("Root", ROOT, ca=True)
    signer = issue("Authority", root, usage("crl_sign"))
    assert hard(ADA, crl(signer), others=[root, signer])


def test_in_an_invalid_path_nobody_vouches_for_those_of_a_valid_one():
    """Two certificates for one key: the expired one may sign lists, the other one may not."""
    old = issue("Authority", ROOT, ca=True, days=(-90, -10))
    new = issue("Authority", ROOT, usage("key_cert_sign"), ca=True, key=old.key)
    below = issue("Authority", old, ca=True)
    ada = issue("Ada", below)
    for known in ([old, new], [new, old]):
        verdict = check(ada, below, *known, crls=[crl(ROOT), crl(old)], ocsps=[answer(new, below, GOOD)], **HARD)
        assert verdict.reason in {UNPROVEN, "a certificate of its issuer expired on 19 February 2026"}


def of_ada(even: bool, unused_bits: int = 0) -> bytes:
    """Her certificate with that one of the two signatures by ECDSA, which anybody finds from the other, whose s is even or odd."""
    signed, algorithm, signature = (each for each in der.read(ADA.certificate.der))
    r, s = decode_dss_signature(signature.content[1:])
    chosen = encode_dss_signature(r, s if (s % 2 == 0) is even else ORDER_OF_P256 - s)
    return der.sequence(signed.der, algorithm.der, der.tlv(der.BIT_STRING, bytes([unused_bits]), chosen))


@pytest.mark.parametrize("even", [True, False])
def test_the_other_signature_of_the_same_key_is_no_other_certificate(even):
    """The same certificate in other octets: it is revoked, too."""
    twin = Certificate.from_der(of_ada(even))
    for lists, valid in (((), True), ((crl(AUTHORITY, ADA),), False)):
        assert validate(twin, trust=TRUST, at=NOW, intermediates=[AUTHORITY.certificate], options=PathOptions(lists)).valid is valid


def test_a_signature_with_bits_left_over_makes_no_certificate():
    """Beside ECDSA's second form it would be one more way to give a certificate other octets. One bit is left over only where it is 0."""
    for unused, valid in ((0, True), (1, False)):
        twin = Certificate.from_der(of_ada(even=True, unused_bits=unused))
        assert validate(twin, trust=TRUST, at=NOW, intermediates=[AUTHORITY.certificate]).valid is valid
    with pytest.raises(Malformed):
        Certificate.from_der(of_ada(even=False, unused_bits=1))


@pytest.mark.parametrize(("digest", "oid", "same"), [(hashes.SHA256(), "1.2.840.10045.4.3.2", True), (hashes.SHA384(), "1.2.840.10045.4.3.3", False)])
def test_the_algorithm_beside_the_signature_is_the_one_that_is_signed(digest, oid, same):
    """RFC 5280 section 4.1.1.2: "This field MUST contain the same algorithm identifier as the signature field in the sequence tbsCertificate"."""
    signed = next(iter(der.read(AUTHORITY.certificate.der))).der
    signature = der.tlv(der.BIT_STRING, b"\0", ROOT.key.sign(signed, ec.ECDSA(digest)))
    twin = Certificate.from_der(der.sequence(signed, der.sequence(der.oid(oid)), signature))
    assert validate(ADA.certificate, trust=TRUST, at=NOW, intermediates=[twin]).valid is same


def test_an_anchor_that_expired_stands_in_no_way_over_another_one():
    new, expired = issue("New root", ca=True), issue("Root", ca=True, key=ROOT.key, days=(-100, -1))
    crossed = issue("Root", new, ca=True, key=ROOT.key)
    for anchors in ([new, expired], [expired, new]):
        verdict = check(ADA, AUTHORITY, crossed, trust=TrustStore([each.certificate for each in anchors]))
        assert verdict.chain == tuple(each.certificate for each in (ADA, AUTHORITY, crossed, new))


@pytest.mark.parametrize(("length", "valid"), [(0, False), (1, True), (2, True)])
def test_the_path_length_of_the_anchor_holds(length, valid):
    anchor = issue("Root", ca=length)
    authority = issue("Authority", anchor, ca=True)
    assert check(issue("Ada", authority), authority, trust=TrustStore([anchor.certificate])).valid is valid


@pytest.mark.parametrize(
    ("extensions", "authority", "issues"),
    [((), True, True), ((), False, False), ((usage("key_cert_sign"),), True, True), ((usage("digital_signature"),), True, False)],
)
def test_an_anchor_that_is_no_authority_is_trusted_for_itself_only(extensions, authority, issues):
    """Somebody's self-signed certificate: who trusts it does not trust everybody whom its holder makes a certificate for."""
    own = issue("Own", None, *extensions, ca=authority)
    trust = TrustStore([own.certificate])
    assert check(own, trust=trust)
    assert check(issue("Ada", own), trust=trust).valid is issues


@pytest.mark.parametrize(("version", "issues"), [(1, True), (3, False)])
def test_an_anchor_without_extensions_is_an_authority_if_it_is_older_than_these(version, issues):
    old = bare("Root", ROOT, version)
    assert check(issue("Ada", old), trust=TrustStore([old.certificate])).valid is issues


def test_an_empty_constraint_permits_nobody():
    """RFC 5280 section 4.2.1.10 has no such form; NSS takes it for everybody."""
    nobody = [x509.RFC822Name._init_without_validation("")]
    for constraints in (x509.NameConstraints(nobody, None), x509.NameConstraints(None, nobody)):
        authority = issue("Limited", ROOT, constraints, ca=True)
        for ada in (
            issue("Ada", authority, x509.SubjectAlternativeName([x509.RFC822Name("ada@example.org")])),
            issue("Ada", authority, x509.SubjectAlternativeName([mailbox("ada@example.org")])),
            with_email_address("ada@example.org", authority, x509.DNSName("example.org")),
        ):
            assert not check(ada, authority)
