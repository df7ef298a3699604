"""Messages that nobody on this project made: Bouncy Castle, R. Housley, RFC 4134, OpenSSL, Mozilla."""

import base64
import warnings
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, load_der_private_key, load_pem_private_key, pkcs12
from pki import NOW, SHARED

from secmail import (
    BadCertificate,
    BytesSource,
    Certificate,
    NotARecipient,
    RejectedSigner,
    SecmailError,
    SecurityLabel,
    SoftwareDecryptionKey,
    TrustStore,
    Unsupported,
    VerifiedSigner,
    unwrap,
)
from secmail.cms.enveloped import open_enveloped
from secmail.cms.signed import SignedData, verify

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
    state, encoded = signed.security_label
    label = SecurityLabel.from_der(encoded)
    assert (state, label.policy, label.classification) == ("present", "1.3.6.1.4.1.22112.1.1", 1)
    assert label.privacy_mark
    # The octets are 80 01 01, which RFC 2634 section 2.7 calls firstTierRecipients; allReceipts would be 0
    assert signed.receipt_request.receipts_from == "first_tier_recipients"
    assert signed.receipt_request.receipts_to == ("alice@example.com",)


# RFC 4134: old algorithms, read and called weak


def rfc4134(name: str) -> Certificate:
    return Certificate.from_der(data(f"rfc4134/{name}"))


@pytest.mark.parametrize("name", ["4.1", "4.2", "4.3", "4.5", "4.7"])
def test_the_signatures_of_rfc4134_hold_and_are_called_weak(name):
    anchors = [rfc4134("CarlDSSSelf.cer"), rfc4134("CarlRSASelf.cer")]
    content = BytesSource(data("rfc4134/ExContent.bin"))
    at = datetime(2005, 1, 1, tzinfo=UTC)
    signed = verified(f"rfc4134/{name}.bin", *anchors, now=at, detached=content)
    assert signed.signers
    for signer in signed.signers:
        if isinstance(signer, RejectedSigner):  # the certificates are signed with SHA-1 and with inherited DSA parameters
            assert isinstance(signer.error, BadCertificate | Unsupported), signer.reason
        else:
            assert "SHA-1 is weak" in signer.warnings


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
