"""Signature algorithms in SignedData: RFC 4056, RFC 5754, RFC 8419, RFC 9882; several signers; multipart/signed."""

import base64
import io
import re
import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from forge import CONTENT, Forged, signed_data
from hypothesis import given, settings
from hypothesis import strategies as st
from pki import NOW, SIGNERS, certificate, decryption_key, pem, private_key, signing_key, trust
from spoofs_keys import adas, pss, rsa_key

from secmail import (
    OWN_CAPABILITIES,
    BadSignature,
    BytesSource,
    EssAttributes,
    Recipient,
    RejectedSigner,
    SecurityLabel,
    Unsupported,
    VerifiedSigner,
    der,
    signing,
    unwrap,
    wrapping,
)
from secmail.algorithms import (
    DIGESTS,
    EC_PUBLIC_KEY,
    MGF1,
    NULL,
    RSA_PSS,
    RSASSA_PSS,
    SHA1,
    SHA3_224,
    SHA3_256,
    SHA3_384,
    SHA3_512,
    SHA224,
    SHA256,
    SHA384,
    SHA512,
    SHAKE256,
    SHAKE256_LEN,
    SIGNATURES,
    AlgorithmIdentifier,
    Message,
    SigningAlgorithm,
    digest_algorithm,
)
from secmail.algorithms import signing as signing_algorithm
from secmail.algorithms import verify as verify_signature
from secmail.algorithms.rsa import pss_parameters
from secmail.cms import DATA, SIGNED_DATA
from secmail.cms.allowance import MAX_PURE
from secmail.cms.attributes import CONTENT_TYPE, MESSAGE_DIGEST, attribute
from secmail.cms.signed import SignedData, SignedDataWriter, verify
from secmail.errors import Malformed

SHA3 = (SHA3_224, SHA3_256, SHA3_384, SHA3_512)
PURE = tuple(name for name in SIGNERS if name not in ("ada", "bob", "carl", "rita"))


def made(*names, content=CONTENT, **options) -> bytes:
    out = io.BytesIO()
    first, *others = map(signing_key, names)
    writer = SignedDataWriter(
        out, signer=first, co_signers=others, signing_time=NOW, certificates=[certificate("ca")], **options
    )
    writer.write(content)
    writer.close()
    return out.getvalue()


def verified(data: bytes, **options) -> SignedData:
    return verify(BytesSource(data), trust=trust(), now=NOW, **options)


def only_signer(data: bytes, **options) -> VerifiedSigner | RejectedSigner:
    (signer,) = verified(data, **options).signers
    return signer


@pytest.mark.parametrize(
    ("name", "digest", "algorithm"),
    [
        ("ada", "SHA-256", "ECDSA with SHA-256"),
        ("bob", "SHA-384", "ECDSA with SHA-384"),
        ("carl", "SHA-512", "ECDSA with SHA-512"),
        ("rita", "SHA-256", "RSA with SHA-256"),
        ("eddy", "SHA-512", "Ed25519"),
        ("edna", "SHAKE256", "Ed448"),
        ("dil44", "SHA-512", "ML-DSA-44"),
        ("dil65", "SHA-512", "ML-DSA-65"),
        ("dil87", "SHA-512", "ML-DSA-87"),
    ],
)
def test_every_kind_of_key_signs_with_its_digest(name, digest, algorithm):
    signer = only_signer(made(name))
    assert isinstance(signer, VerifiedSigner), signer
    assert (signer.digest_algorithm, signer.signature_algorithm) == (digest, algorithm)


@pytest.mark.parametrize("name", SIGNERS)
def test_changed_content_is_noticed_with_every_algorithm(name):
    data = made(name).replace(b"Hello", b"Hallo")
    assert isinstance(only_signer(data).error, BadSignature)


@pytest.mark.parametrize("name", SIGNERS)
def test_a_changed_signature_is_noticed_with_every_algorithm(name):
    data = made(name)
    signature = only_signer(data).signature
    changed = signature[:-1] + bytes([signature[-1] ^ 1])
    assert isinstance(only_signer(data.replace(signature, changed)).error, BadSignature)


@pytest.mark.parametrize("name", PURE)
def test_pure_algorithms_sign_the_der_of_the_signed_attributes(name):
    """RFC 9882 section 3.2: "computed over the complete DER encoding of the SignedAttrs value"; RFC 8419 section 3.1 alike."""
    signer = only_signer(made(name))
    certificate(name).public_key.verify(signer.signature, signer.signed_attributes)


def test_ed448_names_shake256_with_512_bits():
    """RFC 8419 section 2.3: "the parameters MUST be present, and the parameter MUST contain 512"."""
    assert der.sequence(der.oid("2.16.840.1.101.3.4.2.18"), der.integer(512)) in made("edna")


# Forged with other digests and parameters


def forged(name, *, digest, identifier=None, algorithm=None, attributes=True, content=CONTENT, content_type=DATA) -> bytes:
    planned = signing_algorithm(certificate(name).public_key)
    digest_identifier = identifier or digest.identifier
    encoded = der.set_of(
        [attribute(CONTENT_TYPE, der.oid(content_type)), attribute(MESSAGE_DIGEST, der.octets(digest.of(content)))]
    )
    to_sign = encoded if attributes else content
    info = der.sequence(
        der.integer(1),
        certificate(name).issuer_and_serial_number,
        digest_identifier.der,
        der.tlv(der.context(0), der.read(encoded, der.SET).rest()) if attributes else b"",
        (algorithm or planned.identifier).der,
        der.octets(signing_key(name).sign(to_sign, SigningAlgorithm(digest, planned.identifier, planned.rsa_padding))),
    )
    structure = der.sequence(
        der.integer(1),
        der.set_of([digest_identifier.der]),
        der.sequence(der.oid(content_type), der.tlv(der.context(0), der.octets(content))),
        der.set_of([certificate(each).der for each in (name, "ca")], der.context(0)),
        der.set_of([info]),
    )
    return der.sequence(der.oid(SIGNED_DATA), der.tlv(der.context(0), structure))


def allowed() -> list[tuple[str, str]]:
    rows = {name: SIGNATURES[signing_algorithm(certificate(name).public_key).identifier.oid] for name in PURE}
    return [(name, digest.oid) for name, row in rows.items() for digest in row.digests]


@pytest.mark.parametrize("name", PURE)
@pytest.mark.parametrize("oid", DIGESTS)
def test_pure_algorithms_go_with_the_digests_of_their_standards_only(name, oid):
    """RFC 8419 section 2.3 for Ed25519 and Ed448, the table of RFC 9882 section 3.3 for ML-DSA."""
    signer = only_signer(forged(name, digest=DIGESTS[oid]))
    assert isinstance(signer, VerifiedSigner) == ((name, oid) in allowed())
    assert isinstance(signer, VerifiedSigner) or isinstance(signer.error, BadSignature)


def test_the_digests_of_ed25519_and_ed448():
    assert {oid for name, oid in allowed() if name == "eddy"} == {SHA512.oid}
    assert {oid for name, oid in allowed() if name == "edna"} == {SHAKE256.oid, SHAKE256_LEN.oid}
    assert {oid for name, oid in allowed() if name == "dil87"} >= {SHA512.oid, SHAKE256.oid}
    assert SHA384.oid not in {oid for name, oid in allowed() if name == "dil87"}


@pytest.mark.parametrize("parameters", [b"", NULL, der.integer(256), der.integer(513)])
def test_shake256_with_another_length_is_unsupported(parameters):
    identifier = AlgorithmIdentifier(SHAKE256_LEN.oid, parameters)
    signer = only_signer(forged("edna", digest=SHAKE256_LEN, identifier=identifier))
    assert (signer.status, type(signer.error)) == ("unverifiable", Unsupported)


@pytest.mark.parametrize("name", PURE)
def test_parameters_of_a_pure_algorithm_are_refused(name):
    """RFC 8419 section 2.4 and RFC 9882 section 2: parameters "MUST be absent"."""
    planned = signing_algorithm(certificate(name).public_key)
    data = forged(name, digest=planned.digest, algorithm=AlgorithmIdentifier(planned.identifier.oid, NULL))
    assert isinstance(only_signer(data).error, BadSignature)


@pytest.mark.parametrize("name", SIGNERS)
def test_content_signed_without_attributes_verifies_with_every_algorithm(name):
    planned = signing_algorithm(certificate(name).public_key)
    assert isinstance(only_signer(forged(name, digest=planned.digest, attributes=False)), VerifiedSigner)


@pytest.mark.parametrize("oid", ["1.2.3", SHA256.oid])
def test_without_attributes_the_digest_algorithm_of_ml_dsa_has_no_meaning(oid):
    """RFC 9882 section 3.3: "implementations MUST ignore the content of the digestAlgorithm field"."""
    data = forged("dil65", digest=SHA512, identifier=AlgorithmIdentifier(oid), attributes=False)
    assert isinstance(only_signer(data), VerifiedSigner)


@pytest.mark.parametrize("name", SIGNERS)
def test_attributes_are_never_taken_for_content(name):
    """Signed attributes made the content of a SignedData without signed attributes have the same signature."""
    planned = signing_algorithm(certificate(name).public_key)
    encoded = der.set_of([attribute(CONTENT_TYPE, der.oid(DATA)), attribute(MESSAGE_DIGEST, der.octets(bytes(32)))])
    data = forged(name, digest=planned.digest, attributes=False, content=encoded)
    assert isinstance(only_signer(data).error, BadSignature)


@pytest.mark.parametrize("name", PURE)
def test_too_much_content_without_attributes_is_unsupported(name):
    planned = signing_algorithm(certificate(name).public_key)
    data = forged(name, digest=planned.digest, attributes=False, content=bytes(MAX_PURE + 1))
    assert isinstance(only_signer(data).error, Unsupported)


@pytest.mark.parametrize("name", ["eddy", "dil44"])
def test_the_algorithm_must_fit_the_key(name):
    other = signing_algorithm(certificate("edna").public_key).identifier
    assert isinstance(only_signer(forged(name, digest=SHA512, algorithm=other)).error, BadSignature)


# RSASSA-PSS, RFC 4056


def test_pss_signatures_are_made_with_salt_and_mgf_of_the_digest():
    data = made("rita", pss=True)
    signer = only_signer(data)
    assert (signer.signature_algorithm, signer.digest_algorithm) == ("RSASSA-PSS", "SHA-256")
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    private_key("rita").public_key().verify(signer.signature, signer.signed_attributes, scheme, hashes.SHA256())


def test_other_keys_do_not_care_for_pss():
    assert only_signer(made("ada", pss=True)).signature_algorithm == "ECDSA with SHA-256"


@pytest.mark.parametrize(("capabilities", "pss"), [(OWN_CAPABILITIES, True), (OWN_CAPABILITIES - {RSASSA_PSS}, False), (None, False)])
def test_a_message_has_pss_only_if_every_recipient_reads_it(capabilities, pss):
    out = io.BytesIO(b"From: rita@example.org\r\nMIME-Version: 1.0\r\n")
    out.seek(0, io.SEEK_END)
    recipients = [Recipient(certificate("ada"), OWN_CAPABILITIES), Recipient(certificate("bob"), capabilities)]
    with wrapping(out, signer=signing_key("rita"), recipients=recipients, now=NOW, certificates=[certificate("ca")]) as sink:
        sink.write(CONTENT)
    result = unwrap(BytesSource(out.getvalue()), keys=[decryption_key("bob")], trust=trust(), now=NOW)
    assert result.require_verified().signer.signature_algorithm == ("RSASSA-PSS" if pss else "RSA with SHA-256")


def test_a_pss_hash_that_is_not_the_signers_digest_is_refused():
    sha1 = der.sequence(der.tlv(der.context(1), der.sequence(der.oid(MGF1), SHA1.identifier.der)))
    data = forged("rita", digest=SHA256, algorithm=AlgorithmIdentifier(RSASSA_PSS, sha1))
    assert isinstance(only_signer(data).error, BadSignature)


def test_a_key_that_is_limited_to_pss_signs_with_pss_and_gets_no_key_transport():
    """RFC 4055 section 1.2: id-RSASSA-PSS is for a key whose use is limited "exclusively to RSASSA-PSS"."""
    own = adas(AlgorithmIdentifier(RSASSA_PSS), rsa_key().public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1))
    assert own.signing().identifier == RSA_PSS.identifier
    assert not own.can_encrypt


def test_a_key_that_is_limited_to_another_hash_does_not_sign_here():
    own = adas(pss(SHA384, SHA384, 48), rsa_key().public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1))
    with pytest.raises(Unsupported):
        own.signing()


# Algorithms that others sign with

KEYS = {
    "EC": (lambda: private_key("ada"), lambda key, data, hash_: key.sign(data, ec.ECDSA(hash_))),
    "RSA": (rsa_key, lambda key, data, hash_: key.sign(data, padding.PKCS1v15(), hash_)),
    "DSA": (lambda: dsa.generate_private_key(1024), lambda key, data, hash_: key.sign(data, hash_)),  # noqa: S505 (read only)
}


@pytest.mark.parametrize(
    ("kind", "oid", "digest"),
    [
        *(("EC", f"2.16.840.1.101.3.4.3.{number}", digest) for number, digest in enumerate(SHA3, 9)),
        *(("RSA", f"2.16.840.1.101.3.4.3.{number}", digest) for number, digest in enumerate(SHA3, 13)),
        ("DSA", "2.16.840.1.101.3.4.3.1", SHA224),
        ("DSA", "2.16.840.1.101.3.4.3.2", SHA256),
        ("EC", EC_PUBLIC_KEY, SHA384),
    ],
)
def test_the_algorithms_of_other_programs_are_read(kind, oid, digest):
    """RFC 9688 (SHA-3), RFC 5754 section 3.1 (DSA); Windows names the key's algorithm where ECDSA is meant."""
    make, sign = KEYS[kind]
    key = make()
    row = verify_signature(key.public_key(), AlgorithmIdentifier(oid), sign(key, b"data", digest.hash), Message.of(b"data", digest))
    assert row.oid == oid


# Several signers


@settings(max_examples=25)
@given(st.lists(st.sampled_from(SIGNERS), min_size=1, max_size=6, unique=True), st.booleans())
def test_any_signers_together_all_verify(names, detached):
    data = made(*names, detached=detached)
    signed = verified(data, detached=BytesSource(CONTENT) if detached else None)
    assert {each.certificate for each in signed.verified_signers} == set(map(certificate, names))


def test_all_signers_sign_the_same_label():
    """RFC 2634 section 3.1.1: if one SignerInfo has a label, "all of the signerInfos [...] MUST include" it."""
    label = SecurityLabel("1.3.6.1.4.1.22112.1.1", classification=1)
    signed = verified(made("ada", "eddy", "dil44", attributes=EssAttributes(label)))
    assert signed.agreement.security_label == ("present", label.to_der())


def opened(message: bytes):
    return unwrap(BytesSource(message), keys=[], trust=trust(), now=NOW)


def letter(*names, sender="ada@example.org", content=CONTENT, **options) -> bytes:
    out = io.BytesIO()
    out.write(f"From: {sender}\r\nMIME-Version: 1.0\r\n".encode())
    first, *others = map(signing_key, names)
    with signing(out, signer=first, co_signers=others, now=NOW, certificates=[certificate("ca")], **options) as sink:
        sink.write(content)
    return out.getvalue()


def test_any_of_the_signers_may_be_the_author():
    for sender in ("ada", "eddy"):
        assert opened(letter("ada", "eddy", sender=f"{sender}@example.org")).require_verified().address == f"{sender}@example.org"


def mixed(*others: Forged) -> bytes:
    """A message of ada with further signers."""
    fields = b"From: ada@example.org\r\nContent-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return fields + base64.encodebytes(signed_data(Forged(), *others))


def test_an_invalid_further_signer_makes_the_message_not_verified():
    result = opened(mixed(Forged(name="bob", content=b"other content")))
    assert [each.status for each in sorted(result.layers[0].signers, key=lambda each: each.status)] == ["invalid", "valid"]
    assert (result.verdict, result.author, result.label) == ("not-verified", None, None)
    assert isinstance(result.error, BadSignature)


@pytest.mark.parametrize(("other", "status"), [(Forged(name="mallory"), "untrusted"), (Forged(name="bob", sid=der.tlv(0x80, b"unknown")), "unverifiable")])
def test_a_further_signer_who_cant_be_checked_is_told(other, status):
    result = opened(mixed(other))
    assert {each.status for each in result.layers[0].signers} == {"valid", status}
    assert result.require_verified().address == "ada@example.org"
    assert "a further signer could not be checked" in result.reason


def test_a_co_signer_must_be_able_to_sign():
    with pytest.raises(Unsupported):
        letter("ada", "gwen")


# multipart/signed, RFC 8551 section 3.5.3


@pytest.mark.parametrize("name", SIGNERS)
def test_a_clear_signed_message_verifies_and_shows_its_content(name):
    message = letter(name, sender=f"{name}@example.org", detached=True)
    assert CONTENT in message
    result = opened(message)
    assert result.require_verified().address == f"{name}@example.org"
    assert result.content.open().read() == CONTENT


@settings(max_examples=50)
@given(st.binary(max_size=2000))
def test_any_canonical_content_comes_back_from_a_clear_signed_message(body):
    content = b"Content-Type: application/octet-stream\r\n\r\n" + re.sub(rb"\r|\n", b"\r\n", body)
    result = opened(letter("ada", content=content, detached=True))
    assert (result.verdict, result.content.open().read()) == ("verified", content)


@pytest.mark.parametrize(("names", "micalg"), [(["ada"], "sha-256"), (["ada", "bob", "rita"], "sha-256,sha-384"), (["edna"], "unknown")])
def test_micalg_names_the_digests(names, micalg):
    assert f"micalg={micalg};" in letter(*names, detached=True).decode()


def test_changed_clear_text_is_noticed():
    assert opened(letter("ada", detached=True).replace(b"Hello", b"Hallo")).verdict == "not-verified"


def test_a_clear_signature_holds_no_content():
    signature = made("ada", detached=True)
    assert CONTENT not in signature
    assert verified(signature, detached=BytesSource(CONTENT)).content is None


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl command")
@pytest.mark.parametrize("names", [["ada"], ["rita"], ["ada", "bob", "carl", "rita"]])
@pytest.mark.parametrize("pss", [False, True])
def test_openssl_verifies_clear_signed_messages(names, pss, tmp_path):
    (tmp_path / "root.pem").write_bytes(pem("root"))
    command = ["openssl", "cms", "-verify", "-CAfile", "root.pem", "-attime", str(int(NOW.timestamp()))]
    message = letter(*names, detached=True, pss=pss)
    done = subprocess.run(command, input=message, cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, CONTENT), done.stderr.decode()


@pytest.mark.parametrize("length", [-1, 2049, 2**64])
def test_an_impossible_salt_length_is_malformed(length):
    with pytest.raises(Malformed):
        pss_parameters(der.sequence(der.tlv(der.context(2), der.integer(length))))


@pytest.mark.parametrize("parameters", [der.tlv(der.OBJECT_IDENTIFIER), der.tlv(der.NULL) * 2, der.octets(b"\0")])
def test_a_digest_has_no_parameters_or_null(parameters):
    """RFC 5754 section 2: absent, and NULL is accepted."""
    assert digest_algorithm(AlgorithmIdentifier(SHA256.oid)) is digest_algorithm(AlgorithmIdentifier(SHA256.oid, NULL)) is SHA256
    with pytest.raises(Malformed):
        digest_algorithm(AlgorithmIdentifier(SHA256.oid, parameters))
