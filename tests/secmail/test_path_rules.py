"""What a path has to keep beside RFC 5280's algorithm: algorithms, authorities, and every address that is believed."""

from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from test_paths import ADA, AUTHORITY, DAY, NOW, ROOT, TRUST, Holder, check, issue, name

from secmail import Certificate, Malformed, TrustStore, der
from secmail.paths import PathOptions, Paths, Revocation, validate

RULE = "the path from the certificate to a trust anchor breaks a rule"


# Algorithms


@pytest.mark.parametrize(
    ("make", "digest", "scheme"),
    [
        (lambda: rsa.generate_private_key(65537, 2048), hashes.SHA256(), None),
        (lambda: rsa.generate_private_key(65537, 2048), hashes.SHA384(), padding.PSS(padding.MGF1(hashes.SHA384()), 48)),
        (lambda: ec.generate_private_key(ec.SECP384R1()), hashes.SHA384(), None),
        (lambda: ec.generate_private_key(ec.SECP521R1()), hashes.SHA512(), None),
        (ed25519.Ed25519PrivateKey.generate, None, None),
        (ed448.Ed448PrivateKey.generate, None, None),
        (mldsa.MLDSA44PrivateKey.generate, None, None),
        (mldsa.MLDSA65PrivateKey.generate, None, None),
        (mldsa.MLDSA87PrivateKey.generate, None, None),
    ],
    ids=["RSA", "RSASSA-PSS", "P-384", "P-521", "Ed25519", "Ed448", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"],
)
def test_certificates_and_lists_are_signed_by_any_algorithm_that_signs_mail(make, digest, scheme):
    key, options = make(), {} if scheme is None else {"rsa_padding": scheme}
    root = x509.CertificateBuilder(name("Any"), name("Any"), key.public_key(), 1, NOW - DAY, NOW + DAY)
    root = root.add_extension(x509.BasicConstraints(True, None), critical=True).sign(key, digest, **options)
    leaf = x509.CertificateBuilder(name("Any"), name("Ada"), ADA.key.public_key(), 2, NOW - DAY, NOW + DAY).sign(key, digest, **options)
    empty = x509.CertificateRevocationListBuilder(name("Any"), NOW - DAY, NOW + DAY).sign(key, digest, **options)
    anchor, ada = (Certificate.from_der(each.public_bytes(Encoding.DER)) for each in (root, leaf))
    evidence = PathOptions(crls=(empty.public_bytes(Encoding.DER),), revocation=Revocation.HARD)
    assert validate(ada, trust=TrustStore([anchor]), at=NOW, options=evidence)
    forged = Certificate(ada.der[:-1] + bytes([ada.der[-1] ^ 1]))
    assert not validate(forged, trust=TrustStore([anchor]), at=NOW)


def test_small_rsa_keys_that_certify_are_weak():
    """RFC 8550 section 4.3 wants 2,048 bits; what old mail was certified with is read, and said."""
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505
    root = x509.CertificateBuilder(name("Small"), name("Small"), key.public_key(), 1, NOW - DAY, NOW + DAY)
    root = root.add_extension(x509.BasicConstraints(True, None), critical=True).sign(key, hashes.SHA256())
    leaf = x509.CertificateBuilder(name("Small"), name("Ada"), ADA.key.public_key(), 2, NOW - DAY, NOW + DAY).sign(key, hashes.SHA256())
    anchor, ada = (Certificate.from_der(each.public_bytes(Encoding.DER)) for each in (root, leaf))
    verdict = validate(ada, trust=TrustStore([anchor]), at=NOW)
    assert (verdict.valid, verdict.weaknesses) == (True, ("an issuer's RSA key of 1024 bits is weak",))


# Authorities


def bare(subject: str, issuer: Holder, version: int) -> Holder:
    """A certificate without extensions, of X.509 version 1 or 3."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder(issuer.x509.subject, name(subject), key.public_key(), 9, NOW - DAY, NOW + DAY)
    made = builder.sign(issuer.key, hashes.SHA256())
    if version == 3:
        return Holder(key, made)
    tbs = der.read(made.tbs_certificate_bytes)
    tbs.element(der.context(0))
    members = der.read(made.public_bytes(Encoding.DER))
    members.element()
    signed = der.sequence(tbs.rest())
    signature = der.tlv(der.BIT_STRING, b"\0", issuer.key.sign(signed, ec.ECDSA(hashes.SHA256())))
    return Holder(key, x509.load_der_x509_certificate(der.sequence(signed, members.element().der, signature)))


@pytest.mark.parametrize("version", [1, 3])
def test_who_does_not_say_so_is_no_authority(version):
    """RFC 5280 section 6.1.4 k: "If certificate i is a version 3 certificate, verify that the basicConstraints extension is present"."""
    authority = bare("Old", ROOT, version)
    assert authority.x509.version is (x509.Version.v1 if version == 1 else x509.Version.v3)
    assert RULE in check(issue("Ada", authority), authority).reason


def test_an_unknown_critical_extension_ends_a_path():
    """RFC 5280 section 4.2: "reject the certificate if it encounters a critical extension it does not recognize"."""
    for critical in (True, False):
        builder = x509.CertificateBuilder(ROOT.x509.subject, name("Ada"), ADA.key.public_key(), 9, NOW - DAY, NOW + DAY)
        unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.32473.9"), b"\x05\x00")
        ada = Holder(ADA.key, builder.add_extension(unknown, critical).sign(ROOT.key, hashes.SHA256()))
        assert check(ada).valid is not critical


def test_an_extension_that_is_there_twice_is_malformed():
    """RFC 5280 section 4.2: "A certificate MUST NOT include more than one instance of a particular extension"."""
    once = issue("Ada", ROOT, x509.SubjectAlternativeName([x509.RFC822Name("ada@example.org")])).certificate.der
    tbs = der.read(once).element().inside()
    *before, extensions = [each.der for each in tbs]
    listed = [each.der for each in der.Reader(der.Reader(extensions).element().content).inside()]
    again = der.tlv(der.context(3), der.sequence(*listed, listed[-1]))
    signed = der.sequence(*before, again)
    _, algorithm, _ = (each.der for each in der.read(once))
    signature = der.tlv(der.BIT_STRING, b"\0", ROOT.key.sign(signed, ec.ECDSA(hashes.SHA256())))
    with pytest.raises(Malformed):
        Certificate.from_der(der.sequence(signed, algorithm, signature)).checked()


@pytest.mark.parametrize(
    ("purpose", "valid"),
    [
        (ExtendedKeyUsageOID.SERVER_AUTH, False),
        (ExtendedKeyUsageOID.EMAIL_PROTECTION, True),
        (ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE, True),
    ],
)
def test_an_authority_for_web_servers_certifies_no_mail(purpose, valid):
    authority = issue("Limited", ROOT, x509.ExtendedKeyUsage([purpose]), ca=True)
    verdict = check(issue("Ada", authority), authority)
    assert verdict.valid is valid
    assert valid or verdict.reason == "a certificate of its issuer is not for e-mail"


def test_who_has_name_and_key_of_an_anchor_is_not_the_anchor():
    """Its key is the anchor's, its signature nobody's: what it says of itself is not what was trusted."""
    copied = issue("Root", Holder(ADA.key, ROOT.x509), x509.SubjectAlternativeName([x509.RFC822Name("boss@example.org")]), key=ROOT.key)
    verdict = check(copied)
    assert not verdict
    assert verdict.chain == ()


def test_of_two_anchors_with_one_key_each_is_judged_as_itself():
    """A root that was renewed: the older certificate of it has expired."""
    renewed = issue("Root", None, ca=True, key=ROOT.key)
    old = issue("Root", None, ca=True, key=ROOT.key, days=(-100, -1))
    for anchors in ([renewed, old], [old, renewed]):
        trust = TrustStore([each.certificate for each in anchors])
        assert check(ADA, trust=trust).chain[-1] == renewed.certificate
        assert not check(old, trust=trust)


# Addresses under name constraints


def mailbox(address: str) -> x509.OtherName:
    return x509.OtherName(x509.ObjectIdentifier("1.3.6.1.5.5.7.8.9"), der.tlv(der.UTF8_STRING, address.encode()))


def with_email_address(address: str, issuer: Holder, *names: x509.GeneralName) -> Holder:
    """The address in the subject, PKCS #9."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ada"), x509.NameAttribute(NameOID.EMAIL_ADDRESS, address)])
    builder = x509.CertificateBuilder(issuer.x509.subject, subject, key.public_key(), 7, NOW - DAY, NOW + DAY)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), False) if names else builder
    return Holder(key, builder.sign(issuer.key, hashes.SHA256()))


def limited(permitted=None, excluded=None, issuer: Holder | None = ROOT) -> Holder:
    trees = [[x509.RFC822Name._init_without_validation(each)] if each else None for each in (permitted, excluded)]
    return issue("Limited", issuer, x509.NameConstraints(*trees), ca=True)


@pytest.mark.parametrize(
    ("constraint", "address", "inside"),
    [
        ("example.com", "ada@example.com", True),
        ("example.com", "ada@EXAMPLE.com", True),
        ("example.com", "ada@mail.example.com", False),
        (".example.com", "ada@mail.example.com", True),
        (".example.com", "ada@example.com", False),
        (".example.com", "ada@notexample.com", False),
        ("ada@example.com", "ada@example.com", True),
        ("ada@example.com", "eve@example.com", False),
    ],
)
def test_the_three_forms_of_a_constraint_hold_for_all_three_places_of_an_address(constraint, address, inside):
    """RFC 5280 section 4.2.1.10, RFC 9598 section 5: a particular mailbox, a host, or the hosts below a domain."""
    permitting, excluding = limited(permitted=constraint), limited(excluded=constraint)
    for authority, valid in ((permitting, inside), (excluding, not inside)):
        for ada in (
            issue("Ada", authority, x509.SubjectAlternativeName([x509.RFC822Name(address)])),
            issue("Ada", authority, x509.SubjectAlternativeName([mailbox(address)])),
            with_email_address(address, authority),
            with_email_address(address, authority, x509.DNSName("example.net")),
        ):
            assert check(ada, authority).valid is valid


def test_an_address_in_the_subject_is_no_way_around_a_constraint():
    """RFC 5280 leaves it unchecked beside a subject alternative name, RFC 8550 section 3 believes it."""
    authority = limited(permitted="example.com")
    eve = with_email_address("boss@example.org", authority, x509.RFC822Name("eve@example.com"))
    assert check(eve, authority).reason == "the certificate names an address that its issuer may not give"


def test_a_constraint_in_a_labels_holds_for_u_labels():
    """RFC 9598 section 5: constraints are on domains in A-labels."""
    authority = limited(permitted="xn--bcher-kva.example")
    for address, valid in (("ada@bücher.example", True), ("ada@bucher.example", False)):
        ada = issue("Ada", authority, x509.SubjectAlternativeName([mailbox(address)]))
        assert check(ada, authority).valid is valid


def test_the_constraints_of_the_anchor_hold():
    """RFC 5937 section 3.2."""
    anchor = limited(permitted="example.com", issuer=None)
    for address, valid in (("ada@example.com", True), ("ada@example.org", False)):
        ada = issue("Ada", anchor, x509.SubjectAlternativeName([x509.RFC822Name(address)]))
        assert check(ada, trust=TrustStore([anchor.certificate])).valid is valid


def test_names_of_the_subject_are_constrained_too():
    inside = x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example")]))
    authority = issue("Limited", ROOT, x509.NameConstraints([inside], None), ca=True)
    assert RULE in check(issue("Ada", authority), authority).reason
    anchor = issue("Limited", None, x509.NameConstraints([inside], None), ca=True)
    assert RULE in check(issue("Ada", anchor), trust=TrustStore([anchor.certificate])).reason


def test_the_whole_path_is_signed():
    assert check(ADA, AUTHORITY, trust=TRUST)
    forged = issue("Authority", Holder(ADA.key, ROOT.x509), ca=True, key=AUTHORITY.key)
    assert not check(ADA, forged)


def test_a_path_of_twenty_certificates_is_found_and_one_of_forty_is_not_looked_for():
    chain = [ROOT]
    for number in range(38):
        chain.append(issue(f"Authority {number}", chain[-1], ca=True))
    assert check(issue("Ada", chain[18]), *chain[1:19])
    assert not check(issue("Ada", chain[38]), *chain[1:])


@pytest.mark.parametrize(("bits", "most"), [(2_048, 800), (4_096, 400), (16_384, 25)])
def test_fewer_signatures_are_verified_by_longer_keys(bits, most):
    """RFC 8551 section 6: "cryptographic resource management"; 64 signers with keys of 4,096 bits, in two forms each, are within."""
    key = rsa.RSAPublicNumbers(65_537, (1 << bits) - 1).public_key()
    holder = issue("Ada", ROOT, key=SimpleNamespace(public_key=lambda: key))
    paths = Paths(trust=TRUST, at=NOW, intermediates=(), options=PathOptions())
    assert all(paths.may_verify(holder.certificate) for _ in range(most))
    assert not paths.may_verify(holder.certificate)
