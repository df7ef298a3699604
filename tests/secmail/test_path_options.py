"""Revocation evidence, required policies and kept verdicts, on their way from ``unwrap`` to path validation."""

import io
from datetime import timedelta
from threading import Thread

import pytest
from cryptography import x509
from cryptography.x509 import ocsp
from test_paths import AUTHORITY, DAY, NOW, ROOT, TRUST, answer, crl, issue

from secmail import (
    BytesSource,
    EssAttributes,
    PathCache,
    PathOptions,
    SecurityLabel,
    SoftwareSigningKey,
    TrustStore,
    der,
    signing,
    unwrap,
)
from secmail.cms import SIGNED_DATA
from secmail.cms.signed import SignedDataWriter, verify
from secmail.paths import PathVerdict, Purpose, Revocation, validate, validation

POLICY, OTHER = "1.3.6.1.4.1.22112.5.1", "1.3.6.1.4.1.22112.5.2"
NAMES = x509.SubjectAlternativeName([x509.RFC822Name("ada@example.org")])
ADA = issue("Ada", AUTHORITY, NAMES)


def policies(*oids: str) -> x509.CertificatePolicies:
    return x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier(oid), None) for oid in oids])


def message(signer=ADA, issuer=AUTHORITY) -> bytes:
    out = io.BytesIO()
    out.write(b"From: ada@example.org\r\nMIME-Version: 1.0\r\n")
    key = SoftwareSigningKey(signer.key, signer.certificate)
    label = EssAttributes(SecurityLabel("1.2.3", classification=1))
    with signing(out, signer=key, now=NOW, certificates=[issuer.certificate], attributes=label) as sink:
        sink.write(b"Content-Type: text/plain\r\n\r\nHello\r\n")
    return out.getvalue()


def opened(data: bytes, now=NOW, **options):
    return unwrap(BytesSource(data), keys=[], trust=TRUST, now=now, options=PathOptions(**options))


# Evidence


def test_a_crl_given_to_unwrap_revokes():
    result = opened(message(), crls=(crl(AUTHORITY, ADA),))
    assert result.verdict == "not-verified"
    assert "revoked" in result.reason
    assert result.label is None
    assert opened(message(), crls=(crl(AUTHORITY),)).verdict == "verified"


def test_an_ocsp_response_given_to_unwrap_revokes():
    for status, verdict in ((ocsp.OCSPCertStatus.GOOD, "verified"), (ocsp.OCSPCertStatus.REVOKED, "not-verified")):
        assert opened(message(), ocsps=(answer(AUTHORITY, ADA, status),)).verdict == verdict


def test_hard_checking_through_unwrap_needs_evidence():
    assert opened(message(), revocation=Revocation.HARD).verdict == "not-verified"
    assert opened(message(), revocation=Revocation.HARD, crls=(crl(AUTHORITY), crl(ROOT))).verdict == "verified"


def signed_with_evidence(*infos: bytes) -> bytes:
    """A SignedData of ada that brings RevocationInfoChoices along."""
    out = io.BytesIO()
    key = SoftwareSigningKey(ADA.key, ADA.certificate)
    writer = SignedDataWriter(out, signer=key, signing_time=NOW, certificates=[AUTHORITY.certificate])
    writer.write(b"content")
    writer.close()
    structure = der.read(der.definite(out.getvalue())[0])
    structure.oid()
    *before, signers = [each.der for each in structure.inside(der.context(0)).inside()]
    members = der.sequence(*before, der.set_of(infos, der.context(1)), signers)
    return der.sequence(der.oid(SIGNED_DATA), der.tlv(der.context(0), members))


def ocsp_info(response: bytes) -> bytes:
    return der.tlv(der.context(1), der.oid("1.3.6.1.5.5.7.16.2"), response)


@pytest.mark.parametrize(
    "info", [crl(AUTHORITY, ADA), ocsp_info(answer(AUTHORITY, ADA, ocsp.OCSPCertStatus.REVOKED))], ids=["CRL", "OCSP"]
)
def test_evidence_that_comes_with_the_message_revokes_too(info):
    """RFC 5652 section 10.2.1 and RFC 5940."""
    cache = PathCache()
    for infos, status in (((), "valid"), ((info,), "untrusted"), ((der.tlv(der.context(1), der.oid("1.2.3"), info),), "valid")):
        source = BytesSource(signed_with_evidence(*infos))
        signed = verify(source, trust=TRUST, now=NOW, options=PathOptions(cache=cache))
        assert [each.status for each in signed.signers] == [status]


def test_evidence_that_comes_with_the_message_is_not_kept():
    cache = PathCache()
    verify(BytesSource(signed_with_evidence(crl(AUTHORITY))), trust=TRUST, now=NOW, options=PathOptions(cache=cache))
    assert len(cache) == 0


# Policies


def test_a_required_policy_must_hold_for_the_whole_path():
    """RFC 5280 section 6.1.1 (c) and (e)."""
    with_policy = issue("Authority", ROOT, policies(POLICY), ca=True)
    without = issue("Authority", ROOT, ca=True)
    for issuer, holder, verdict in (
        (with_policy, issue("Ada", with_policy, NAMES, policies(POLICY)), "verified"),
        (with_policy, issue("Ada", with_policy, NAMES, policies(OTHER)), "not-verified"),
        (with_policy, issue("Ada", with_policy, NAMES), "not-verified"),
        (without, issue("Ada", without, NAMES, policies(POLICY)), "not-verified"),
    ):
        data = message(holder, issuer)
        assert opened(data).verdict == "verified"
        assert opened(data, policies=frozenset({POLICY})).verdict == verdict


def test_any_policy_in_the_path_or_among_those_required_is_any():
    issuer = issue("Authority", ROOT, policies("2.5.29.32.0"), ca=True)
    data = message(issue("Ada", issuer, NAMES, policies(POLICY)), issuer)
    for wanted in ({POLICY}, {OTHER, POLICY}, {"2.5.29.32.0"}):
        assert opened(data, policies=frozenset(wanted)).verdict == "verified"
    assert opened(data, policies=frozenset({OTHER})).verdict == "not-verified"


# Kept verdicts


def once(cache, holder=ADA, at=NOW, trust=TRUST, purpose=Purpose.SIGNATURE, **options) -> PathVerdict:
    return validate(
        holder.certificate,
        trust=trust,
        at=at,
        intermediates=[AUTHORITY.certificate],
        purpose=purpose,
        options=PathOptions(cache=cache, **options),
    )


@pytest.fixture
def counted(monkeypatch):
    calls, validated = [], validation._validated

    def counting(*arguments, **options):
        calls.append(arguments)
        return validated(*arguments, **options)

    monkeypatch.setattr(validation, "_validated", counting)
    return calls


def test_a_path_is_validated_once(counted):
    cache = PathCache()
    assert once(cache) == once(cache) == once(cache, at=NOW + DAY)
    assert len(counted) == 1


def test_the_same_sender_is_validated_once_through_unwrap(counted):
    cache = PathCache()
    for _ in range(3):
        assert opened(message(), cache=cache).verdict == "verified"
    assert len(counted) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"crls": (crl(AUTHORITY, ADA),)},
        {"ocsps": (answer(AUTHORITY, ADA, ocsp.OCSPCertStatus.REVOKED),)},
        {"policies": frozenset({POLICY})},
        {"revocation": Revocation.HARD},
        {"trust": TrustStore([issue("Other", ca=True).certificate])},
        {"at": NOW + 101 * DAY},
        {"at": NOW - 101 * DAY},
        {"purpose": Purpose.ENCRYPTION},
        {"holder": issue("Eve", issue("Stranger", ca=True))},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_kept_verdict_serves_for_nothing_else(change, counted):
    cache = PathCache()
    once(cache)
    verdict = once(cache, **change)
    assert len(counted) == 2
    assert verdict.valid == (change.get("purpose") is not None)


def test_a_verdict_without_evidence_serves_for_earlier_messages_too_and_one_with_evidence_does_not(counted):
    cache, lists = PathCache(), (crl(AUTHORITY, days=(-1, 7)),)
    once(cache)
    assert once(cache, at=NOW - DAY)
    assert len(counted) == 1
    once(cache, crls=lists)
    assert once(cache, crls=lists, at=NOW - timedelta(hours=1))
    assert len(counted) == 3


def test_a_verdict_is_kept_until_the_next_update_of_its_evidence(counted):
    cache, lists = PathCache(), (crl(AUTHORITY, days=(-1, 7)),)
    verdict = once(cache, crls=lists)
    assert verdict.valid_until == NOW + 7 * DAY
    once(cache, crls=lists, at=NOW + 7 * DAY - timedelta(seconds=1))
    assert len(counted) == 1
    once(cache, crls=lists, at=NOW + 7 * DAY)
    assert len(counted) == 2


def test_refusals_are_not_kept(counted):
    cache = PathCache()
    lists = (crl(AUTHORITY, ADA),)
    assert not once(cache, crls=lists)
    assert not once(cache, crls=lists)
    assert (len(counted), len(cache)) == (2, 0)


def test_the_cache_holds_no_more_than_its_size_and_forgets_the_oldest():
    cache = PathCache(size=3)
    verdict = once(cache)
    for number in range(5):
        cache.keep(number, verdict)
        cache.find(0, NOW)
    assert len(cache) == 3
    assert [cache.find(number, NOW) is not None for number in range(5)] == [True, False, False, True, True]


def test_threads_share_a_cache():
    cache = PathCache(size=5)
    verdict = once(cache)

    def work():
        for number in range(2000):
            cache.keep(number % 9, verdict)
            cache.find(number % 7, NOW)

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(cache) <= 5
