"""Clearances that ride in certificates: RFC 5913, along whole paths."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from pki import SHARED
from test_paths import DAY, NOW, ROOT, Holder, check, issue

from secmail import Certificate, Malformed, TrustStore, der
from secmail.labels import Category, Clearance, TagType, certified_clearance
from secmail.paths import PathVerdict, validate

POLICY, OTHER, SET = "1.3.6.1.4.1.32473.1.1", "1.3.6.1.4.1.32473.1.2", "1.3.6.1.4.1.32473.1.1.1"
A, B, C = (Category(SET, TagType.RESTRICTIVE, value) for value in (0, 1, 2))
UNTIL = NOW + 50 * DAY


def clearance(*classes: int, categories=(), policy=POLICY) -> Clearance:
    return Clearance(policy, frozenset(classes), categories)


def attributes(*encoded: bytes) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.9"), der.sequence(*encoded))


def constraints(*permitted: Clearance) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.21"), der.sequence(*(each.to_der() for each in permitted)))


def certified(held: Clearance | None, *limits: tuple[Clearance, ...], permitted=None) -> Clearance | None:
    """The clearance of somebody certified below authorities with these constraints, the first of them below the anchor."""
    issuer, chain = ROOT, []
    for number, limit in enumerate(limits):
        issuer = issue(f"Authority {number}", issuer, *([constraints(*limit)] if limit else ()), ca=True, days=(-60, 50))
        chain.append(issuer)
    ada = issue("Ada", issuer, *([attributes(held.to_attribute())] if held else ()))
    path = check(ada, *chain)
    assert path
    found = certified_clearance(path, permitted)
    return replace(found, not_before=None, not_after=None) if found else None


def test_without_constraints_the_clearance_is_what_the_certificate_says():
    assert certified(clearance(1, 4), ()) == clearance(1, 4)
    assert certified(None, ()) is None


def test_the_clearance_is_intersected_with_the_constraints_of_every_authority():
    """RFC 5913 section 4: "the intersection of 1) the Clearance attribute in the subject PKC, [...] all Authority Clearance Constraints"."""
    held = clearance(1, 2, 4, categories=(A, B, C))
    first, second = (clearance(1, 4, 5, categories=(A, B)),), (clearance(1, policy=OTHER), clearance(2, 4, categories=(B, C)))
    assert certified(held, first, second) == clearance(4, categories=(B,))
    assert certified(held, first, ()) == clearance(1, 4, categories=(A, B))


@pytest.mark.parametrize("limit", [(clearance(1, policy=OTHER),), (clearance(1),)])
def test_nothing_is_certified_that_an_authority_may_not_give(limit):
    assert certified(clearance(4), limit) is None
    assert certified(clearance(4), (clearance(4),), limit) is None


def test_an_absent_class_list_is_unclassified_in_constraints_too():
    """ClassList DEFAULT {unclassified}"""
    assert certified(clearance(1, 4), (Clearance(POLICY),)) == clearance(1)


def test_the_constraints_of_the_anchor_count():
    """RFC 5913 section 4.1.1.2: "by treating the trust anchor as a PKC"."""
    anchor = issue("Anchor", None, constraints(clearance(1)), ca=True)
    ada = issue("Ada", anchor, attributes(clearance(1, 4).to_attribute()))
    path = check(ada, trust=TrustStore([anchor.certificate]))
    found = certified_clearance(path)
    assert found is not None
    assert found.class_list == {1}


def test_those_of_the_certificate_itself_do_not():
    """RFC 5913 section 4: "each PKC (up to but not including the end PKC)"."""
    ada = issue("Ada", ROOT, attributes(clearance(1, 4).to_attribute()), constraints(clearance(1)))
    assert certified_clearance(check(ada)).class_list == {1, 4}


def test_the_input_of_the_user_limits_too():
    """RFC 5913 section 4.1.1.1; an empty list permits nothing."""
    assert certified(clearance(1, 4), (), permitted=[clearance(4)]) == clearance(4)
    assert certified(clearance(1, 4), (), permitted=[]) is None


def test_it_is_valid_as_long_as_the_path():
    authority = issue("Authority", ROOT, ca=True, days=(-60, 50))
    found = certified_clearance(check(issue("Ada", authority, attributes(clearance(1).to_attribute())), authority))
    assert (found.not_before, found.not_after) == (NOW - 60 * DAY, UNTIL)


def test_no_valid_path_certifies_nothing():
    ada = issue("Ada", issue("Stranger", ca=True), attributes(clearance(4).to_attribute()))
    assert certified_clearance(check(ada)) is None
    assert certified_clearance(PathVerdict(False, "?", (ada.certificate, ROOT.certificate))) is None


@pytest.mark.parametrize("oid", ["2.5.4.55", "2.5.1.5.55"])
def test_either_form_is_read_under_either_identifier(oid):
    tagged = der.sequence(der.tlv(0x80, der.oid(POLICY)[2:]), der.tlv(0x81, b"\x03\x48"))
    untagged = clearance(1, 4).to_der()
    for encoded in (tagged, untagged):
        ada = issue("Ada", ROOT, attributes(der.sequence(der.oid(oid), der.set_of([encoded]))))
        assert certified_clearance(check(ada)).class_list == {1, 4}


def test_two_clearances_in_a_certificate_are_malformed():
    ada = issue("Ada", ROOT, attributes(clearance(1).to_attribute(), clearance(4).to_attribute()))
    with pytest.raises(Malformed):
        certified_clearance(check(ada))


def test_a_policy_that_is_constrained_twice_is_malformed():
    """RFC 5913 section 6: "multiple instances of same clearance"."""
    authority = issue("Authority", ROOT, constraints(clearance(1), clearance(4)), ca=True)
    ada = issue("Ada", authority, attributes(clearance(4).to_attribute()))
    with pytest.raises(Malformed):
        certified_clearance(check(ada, authority))


def test_constraints_may_be_critical():
    """RFC 5913 section 3: "The Authority Clearance Constraints certificate extension MAY be critical or non-critical"; what is processed here does not end a path."""
    authority = critical(constraints(clearance(1)))
    ada = issue("Ada", authority, attributes(clearance(1, 4).to_attribute()))
    path = check(ada, authority)
    assert path
    assert certified_clearance(path).class_list == {1}


def critical(extension: x509.ExtensionType) -> Holder:
    """An authority with one critical extension more."""
    plain = issue("Authority", ROOT, ca=True)
    builder = x509.CertificateBuilder(ROOT.x509.subject, plain.x509.subject, plain.key.public_key(), 5, NOW - DAY, NOW + DAY)
    builder = builder.add_extension(x509.BasicConstraints(True, None), critical=True).add_extension(extension, critical=True)
    return Holder(plain.key, builder.sign(ROOT.key, hashes.SHA256()))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared vectors are not here")
def test_the_published_certificates_are_a_path():
    """Fred of RFC 5755's example, certified by the authority of RFC 5913's."""
    fred, authority = (
        Certificate.from_der((SHARED / "ess" / f"{name}.cert_pem_text.der").read_bytes())
        for name in ("rfc5755.CertificateWithClearanceTestCase", "rfc5913.ClearanceTestCase")
    )
    path = validate(fred, trust=TrustStore([authority]), at=datetime(2019, 12, 1, tzinfo=UTC))
    found = certified_clearance(path)
    assert (found.policy, found.class_list) == ("1.2.840.113549.1.9.16.7.3", {0, 1, 2})
    assert found.not_after == authority.not_after
