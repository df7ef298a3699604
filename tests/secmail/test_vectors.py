"""Messages that nobody on this project made: Bouncy Castle, R. Housley, RFC 4134, OpenSSL, Mozilla."""

import base64
import io
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, load_der_private_key, load_pem_private_key, pkcs12
from pki import NOW, SHARED

from secmail import (
    OWN_CAPABILITIES,
    BadCertificate,
    BytesSource,
    Certificate,
    NotARecipient,
    Password,
    Recipient,
    RejectedSigner,
    SecmailError,
    SecurityLabel,
    SoftwareDecryptionKey,
    SoftwareSigningKey,
    TrustStore,
    Unsupported,
    VerifiedSigner,
    der,
    load_private_key,
    unwrap,
    wrapping,
)
from secmail.cms.enveloped import open_enveloped
from secmail.cms.shared import PasswordRecipientInfo
from secmail.cms.signed import SignedData, verify
from secmail.cms.summary import summaries

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared vectors are not here")


def vectors(pattern: str) -> list[str]:
    return sorted(str(path.relative_to(SHARED)) for path in SHARED.glob(pattern))


def data(name: str) -> bytes:
    return (SHARED / name).read_bytes()


def unarmoured(name: str) -> bytes:
    return base64.b64decode("".join(line for line in data(name).decode().splitlines() if not line.startswith("-----")))


# Bouncy Castle: every ECDH key derivation with every key wrap


@pytest.mark.parametrize("name", vectors("bc-ecdh/*.asc"))
def test_the_ecdh_messages_of_bouncy_castle_open(name):
    private_key = load_pem_private_key(data("bc-ecdh/ecc.key"), None)
    key = SoftwareDecryptionKey(private_key, Certificate.from_pem(data("bc-ecdh/ecc.crt")))
    content = open_enveloped(BytesSource(unarmoured(name)), keys=[key]).content.open().read()
    assert content.strip() == data("bc-ecdh/sess.txt").strip()


# R. Housley: each structure of RFC 5083, 5084, 5652, 5753, 9629 and 9936


@pytest.mark.parametrize("name", vectors("cms/*.der"))
def test_der_comes_out_as_it_went_in(name):
    assert der.definite(data(name)) == (data(name), len(data(name)))
    der.scan(data(name))


def recipient_infos_in(encoded: bytes) -> bytes:
    outer = der.read(encoded)
    if outer.peek() == der.OBJECT_IDENTIFIER:
        outer.oid()
        outer = outer.inside(der.context(0)).inside()
    outer.integer()
    return outer.inside(der.SET).rest()


@pytest.mark.parametrize(
    ("name", "kind", "algorithm"),
    [
        ("rfc5083.AuthEnvelopedDataOpenTypesTestCase", "other", "1.2.840.113549.1.9.16.13.1"),
        ("rfc5753.EnvelopedDataTestCase", "kari", "ECDH with SHA-384 KDF"),
        ("rfc9629.EnveopedDataRSAKEMTestCase", "kemri", "1.0.18033.2.2.4"),
        ("rfc9936.AuthEnveopedDataMLKEMTestCase", "kemri", "ML-KEM-512"),
    ],
)
def test_the_recipients_of_every_envelope_are_told(name, kind, algorithm):
    (found,) = summaries(recipient_infos_in(data(f"cms/{name}.pem_text.der")))
    assert (found.kind, found.algorithm) == (kind, algorithm)


def test_the_password_recipient_with_des_is_unsupported():
    encoded = data("cms/rfc2898.PWRITestCase.rfc3211_ex1_pem_text.der")
    info = PasswordRecipientInfo.from_element(der.Reader(encoded).element())
    assert info.iterations == 5
    with pytest.raises(Unsupported):
        info.open(Password(b"password"))


# The drafts behind RFC 9882, and what Bouncy Castle and OpenSSL 3.5 made of them


def first_certificate(name: str) -> Certificate:
    return verified(name).certificates[0]


@pytest.mark.parametrize("size", ["44", "65", "87"])
def test_the_ml_dsa_examples_verify(size):
    root = Certificate.from_pem(data(f"lamps/ml-dsa/ML-DSA-{size}.crt"))
    source = BytesSource(unarmoured(f"lamps/ml-dsa/mldsa{size}-signed-attrs.pem"))
    (signer,) = verify(source, trust=TrustStore([root]), now=root.not_before, certificates=[root]).signers
    assert isinstance(signer, VerifiedSigner)
    assert signer.signature_algorithm == f"ML-DSA-{size}"


@pytest.mark.parametrize("name", vectors("pqc/*/**/*signed_attrs.der"))
def test_ml_dsa_signatures_of_others_verify_and_hash_ml_dsa_is_unsupported(name):
    root = first_certificate(name)
    (signer,) = verified(name, root, now=root.not_before).signers
    if "with-sha512" in name:
        assert (signer.status, type(signer.error)) == ("unverifiable", Unsupported)
        assert "HashML-DSA" in signer.reason
    else:
        assert isinstance(signer, VerifiedSigner), signer


@dataclass(frozen=True)
class NoKey:
    """Somebody whose key is of a kind that can't even be loaded here."""

    certificate: Certificate


@pytest.mark.parametrize("name", vectors("pqc/bc/**/*kemri*.der"))
def test_messages_to_ml_kem_keys_open_and_others_are_unsupported(name):
    """With and without ukm, in EnvelopedData and AuthEnvelopedData."""
    stem = name.split("_kemri")[0]
    certificate = Certificate.from_der(data(f"{stem}_ee.der"))
    if "ml-kem-768" in name or "ml-kem-1024" in name:
        key = SoftwareDecryptionKey(load_private_key(data(f"{stem}_priv.der")), certificate)
        content = open_enveloped(BytesSource(data(name)), keys=[key]).content.open().read()
        assert content == data("pqc/bc/artifacts_cms_v3/expected_plaintext.txt")
        return
    with pytest.raises(Unsupported, match="ML-KEM"):
        load_private_key(data(f"{stem}_priv.der"))
    with pytest.raises(Unsupported, match="ML-KEM"):
        open_enveloped(BytesSource(data(name)), keys=[NoKey(certificate)])
    with pytest.raises(Unsupported, match="ML-KEM"):
        certificate.public_key  # noqa: B018


# RFC 9216: people with RSA, Ed25519 and X25519 keys


def person(name: str, number: int) -> tuple[Certificate, SoftwareSigningKey, SoftwareDecryptionKey]:
    """(certificate to encrypt to, key to sign with, key to decrypt with)"""
    parts = [data(vectors(f"rfc9216/{number}.{part}-*")[0]) for part in (1, 2, 3, 4)]
    signer, encryption = Certificate.from_pem(parts[0]), Certificate.from_pem(parts[2])
    signing, decryption = load_private_key(parts[1]), load_private_key(parts[3])
    return encryption, SoftwareSigningKey(signing, signer), SoftwareDecryptionKey(decryption, encryption)


PEOPLE = {"alice": 4, "bob": 5, "carlos": 7, "dana": 8}


@pytest.mark.parametrize("sender", PEOPLE)
@pytest.mark.parametrize("recipient", PEOPLE)
def test_the_people_of_rfc9216_write_to_each_other(sender, recipient):
    roots = [Certificate.from_pem(data(vectors(f"rfc9216/{number}.1-*")[0])) for number in (3, 6)]
    (_, signer, _), (to, _, key) = person(sender, PEOPLE[sender]), person(recipient, PEOPLE[recipient])
    out = io.BytesIO()
    out.write(f"From: {sender}@smime.example\r\nMIME-Version: 1.0\r\n".encode())
    at = datetime(2024, 1, 1, tzinfo=UTC)
    with wrapping(out, signer=signer, recipients=[Recipient(to, OWN_CAPABILITIES)], now=at) as sink:
        sink.write(b"Content-Type: text/plain\r\n\r\nHello\r\n")
    result = unwrap(BytesSource(out.getvalue()), keys=[key], trust=TrustStore(roots), now=at)
    assert result.require_verified().address == f"{sender}@smime.example"


@pytest.mark.parametrize("name", vectors("rfc9216/*.key.pem"))
def test_every_private_key_of_rfc9216_loads(name):
    load_private_key(data(name))


@pytest.mark.parametrize("name", ["Alice", "Bob", "Carlos", "Dana"])
def test_the_pkcs12_files_of_rfc9216_load(name):
    (path,) = vectors(f"rfc9216/*-{name}.p12")
    key, certificate, others = pkcs12.load_key_and_certificates(data(path), name.lower().encode())
    SoftwareDecryptionKey(key, Certificate.from_der(certificate.public_bytes(Encoding.DER)))
    assert others


# ESS: the signer's path has no anchor here, so the certificate that issued it is taken from the message


def verified(name: str, *anchors: Certificate, now=NOW, detached=None) -> SignedData:
    return verify(BytesSource(data(name)), trust=TrustStore(anchors), now=now, detached=detached)


@pytest.mark.parametrize("name", vectors("ess/*SignedMessage*"))
def test_the_signed_messages_of_ess_verify(name):
    certificates = verified(name).certificates
    at = certificates[0].not_before + timedelta(days=1)
    (signer,) = verified(name, *certificates, now=at).signers
    assert isinstance(signer, VerifiedSigner)


def test_the_label_and_the_request_of_the_rfc2634_message_are_as_published():
    name = "ess/rfc2634.SignedMessageTestCase.signed_message_pem_text.der"
    certificates = verified(name).certificates
    signed = verified(name, *certificates, now=certificates[0].not_before + timedelta(days=1))
    state, encoded = signed.agreement.security_label
    label = SecurityLabel.from_der(encoded)
    assert (state, label.policy, label.classification) == ("present", "1.3.6.1.4.1.22112.1.1", 1)
    assert label.privacy_mark
    # The octets are 80 01 01, which RFC 2634 section 2.7 calls firstTierRecipients; allReceipts would be 0
    assert signed.agreement.receipt_request[1].receipts_from == "first_tier_recipients"
    assert signed.agreement.receipt_request[1].receipts_to == ("alice@example.com",)


# RFC 4134: old algorithms, read and called weak


def rfc4134(name: str) -> Certificate:
    return Certificate.from_der(data(f"rfc4134/{name}"))


IN_2005 = datetime(2005, 1, 1, tzinfo=UTC)


def signed_of_rfc4134(name: str, *anchors: Certificate) -> SignedData:
    content = BytesSource(data("rfc4134/ExContent.bin")) if name == "4.3" else None
    return verified(f"rfc4134/{name}.bin", *anchors, now=IN_2005, detached=content)


@pytest.mark.parametrize("name", ["4.1", "4.2", "4.3", "4.5", "4.7"])
def test_the_signatures_of_rfc4134_hold_and_are_called_weak(name):
    """Whether one trusts the signers themselves, or those who issued their certificates, signed with SHA-1 as well."""
    issuers = (rfc4134("CarlDSSSelf.cer"), rfc4134("CarlRSASelf.cer"))
    for anchors in (signed_of_rfc4134(name).certificates, issuers):
        (signer,) = signed_of_rfc4134(name, *anchors).signers
        assert isinstance(signer, VerifiedSigner), signer
        assert signer.weak
        assert "SHA-1 is weak" in signer.warnings


@pytest.mark.parametrize("name", ["4.8", "4.9"])
def test_the_signed_mail_of_rfc4134_is_from_another_domain_than_its_signer(name):
    """AliceDSS@example.com signed, and From says aliceDss@examples.com."""
    trust = TrustStore([rfc4134("AliceDSSSignByCarlNoInherit.cer")])
    result = unwrap(BytesSource(data(f"rfc4134/{name}.eml")), keys=[], trust=trust, now=IN_2005)
    (signer,) = result.layers[0].verified_signers
    assert signer.certificate.emails == ("AliceDSS@example.com",)
    assert (result.verdict, result.matches_signer) == ("not-verified", False)


def test_the_certificates_of_rfc4134_come_with_a_revocation_list():
    signed = signed_of_rfc4134("4.11")
    assert (signed.signers, len(signed.certificates), len(signed.crls)) == ((), 2, 1)


def bob() -> SoftwareDecryptionKey:
    return SoftwareDecryptionKey(load_der_private_key(data("rfc4134/BobPrivRSAEncrypt.pri"), None), rfc4134("BobRSASignByCarl.cer"))


def test_triple_des_of_rfc4134_opens_and_rc2_is_unsupported():
    enveloped = open_enveloped(BytesSource(data("rfc4134/5.1.bin")), keys=[bob()])
    assert enveloped.content.open().read() == data("rfc4134/ExContent.bin")
    assert enveloped.content_encryption.weak
    with pytest.raises(Unsupported):
        open_enveloped(BytesSource(data("rfc4134/5.2.bin")), keys=[bob()])
    message = unwrap(BytesSource(data("rfc4134/5.3.eml")), keys=[bob()], trust=TrustStore([]), now=NOW)
    assert (message.entity, message.content.open().read()) == (None, data("rfc4134/ExContent.bin"))


# OpenSSL's negative tests


@pytest.mark.parametrize("name", vectors("openssl-negatives/*.cms"))
def test_illegal_signed_attributes_are_refused(name):
    root = Certificate.from_pem(data("openssl-smime-certs/smroot.pem"))
    (signer,) = verified(name, root, detached=BytesSource(b"")).signers
    assert isinstance(signer, RejectedSigner)
    assert not isinstance(signer.error, BadCertificate)


@pytest.mark.parametrize("name", vectors("openssl-negatives/*.der"))
def test_malformed_recipient_infos_are_refused(name):
    keys = []
    for pem in vectors("openssl-smime-certs/*.pem"):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                pair = load_pem_private_key(data(pem), None), Certificate.from_pem(data(pem))
            keys.append(SoftwareDecryptionKey(*pair))
        except (ValueError, UnsupportedAlgorithm, SecmailError):
            continue
    assert keys
    with pytest.raises(SecmailError):
        open_enveloped(BytesSource(data(name)), keys=keys)


@pytest.mark.parametrize("name", [each for each in vectors("cms/*.der") if "Enve" in each and "rfc5083.AuthEnvelopedDataTest" not in each])
def test_envelopes_of_every_kind_are_somebody_elses(name):
    with pytest.raises((NotARecipient, Unsupported)):
        open_enveloped(BytesSource(data(name)), keys=[bob()])


# Mozilla: the names say what is in the message


@cache
def thunderbird_key(name: str) -> SoftwareDecryptionKey:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        key, certificate, _ = pkcs12.load_key_and_certificates(data(name), b"nss")
    return SoftwareDecryptionKey(key, Certificate.from_der(certificate.public_bytes(Encoding.DER)))


@pytest.mark.parametrize("name", vectors("thunderbird/*.eml"))
def test_thunderbirds_messages_behave_as_their_names_say(name):
    anchor = x509.load_pem_x509_certificate(data("thunderbird/TestCA.pem"))
    trust = TrustStore([Certificate.from_der(anchor.public_bytes(Encoding.DER))])
    keys = [thunderbird_key(each) for each in vectors("thunderbird/*.p12")]
    at = anchor.not_valid_before_utc + timedelta(days=1)
    result = unwrap(BytesSource(data(name)), keys=keys, trust=trust, now=at)
    steps = name.split("/")[1].split(".")
    assert result.is_encrypted == ("env" in steps)
    if "dave" in steps or "bad" in steps:
        assert result.verdict == "not-verified"
    elif "sig" not in steps and "dsig" not in steps:
        assert result.verdict == "unsigned"
    elif steps.index("env") < max(map(steps.index, {"sig", "dsig"} & set(steps))) if "env" in steps else False:
        assert result.verdict == "not-verified"
        assert "only the encrypted form is signed" in result.reason
    else:
        assert result.require_verified().address == "Alice@example.com"
        assert ("SHA-1 is weak" in result.reason) == ("SHA1" in steps)
        assert ("the date of the message" in result.reason) == ("future" in steps)
