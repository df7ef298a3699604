"""Both ways with the stock ``openssl cms``: shared keys, passwords, several signers, and the content types beside the two main ones."""

import base64
import io

import pytest

from secmail import (
    OWN_CAPABILITIES,
    BytesSource,
    CompressedLayer,
    DataLayer,
    DigestedLayer,
    Password,
    Recipient,
    SecretKey,
    compressing,
    countersign,
    enveloping,
    send_certificates,
    signing,
    wrapping,
)
from secmail.algorithms import CONTENT_ENCRYPTIONS
from secmail.cms.signed import SignedDataWriter, verify
from tests.interop.cases import OPENSSL_CIPHERS, OPENSSL_DIGESTS, OPENSSL_PASSWORDS, done, each
from tests.interop.messages import ENTITY, MOMENT, opened, read, top
from tests.secmail.pki import EVERYBODY, NOW, certificate, decryption_key, signing_key, trust

PASSWORD = Password(b"correct horse")
KEYS = {size: SecretKey(bytes(range(size)), bytes([size])) for size in (16, 24, 32)}


def secret(key: SecretKey) -> tuple[str, ...]:
    return ("-secretkey", key.value.hex(), "-secretkeyid", key.identifier.hex())


# Shared keys and passwords


@pytest.mark.parametrize("content_encryption", ["gcm", "cbc"])
def test_openssl_opens_a_message_to_all_kinds_of_recipients_with_each_of_them(openssl, content_encryption):
    recipients = [*(Recipient(certificate(name), OWN_CAPABILITIES) for name in (*EVERYBODY, "xena", "goldie")), *KEYS.values(), PASSWORD]
    out = top()
    with enveloping(out, recipients=recipients, content_encryption=content_encryption) as sink:
        sink.write(ENTITY)
    ways = [("-recip", f"{name}.pem") for name in EVERYBODY] + [("-pwri_password", "correct horse")]
    for way in (*ways, *map(secret, KEYS.values())):
        assert openssl("-decrypt", *way, data=out.getvalue()) == ENTITY


@pytest.mark.parametrize("size", KEYS)
@pytest.mark.parametrize("cipher", ["aes-128-cbc", "aes-256-gcm"])
def test_what_openssl_encrypts_with_a_shared_key_opens_here(openssl, size, cipher):
    result = opened(openssl("-encrypt", f"-{cipher}", *secret(KEYS[size]), data=ENTITY), KEYS[size])
    assert read(result) == ENTITY
    assert [each.kind for each in result.layers[0].recipients] == ["kekri"]


@pytest.mark.parametrize("cipher", [option for option in done(OPENSSL_CIPHERS).values() if "gcm" not in option])
@pytest.mark.parametrize(("_", "options"), each(OPENSSL_PASSWORDS))
def test_what_openssl_encrypts_with_a_password_opens_here(openssl, _, options, cipher):
    result = opened(openssl("-encrypt", cipher, *options, "-pwri_password", "correct horse", data=ENTITY), PASSWORD)
    assert read(result) == ENTITY


def test_all_kinds_that_openssl_mixes_open_here_each(openssl):
    kinds = [option for name in EVERYBODY for option in ("-recip", f"{name}.pem")]
    message = openssl(
        "-encrypt", "-aes-256-cbc", *secret(KEYS[16]), "-pwri_password", "correct horse", *kinds, data=ENTITY
    )
    for key in (*map(decryption_key, EVERYBODY), KEYS[16], PASSWORD):
        assert read(opened(message, key)) == ENTITY


# Other content types


@pytest.mark.parametrize(("cipher", "size"), [("aes-128-cbc", 16), ("aes-192-cbc", 24), ("aes-256-cbc", 32), ("des3", 24)])
def test_encrypted_data_of_openssl_opens_here(openssl, cipher, size):
    value = KEYS[size].value if cipher != "des3" else b"0123456789abcdefABCDEFGH"
    structure = openssl("-EncryptedData_encrypt", f"-{cipher}", "-secretkey", value.hex(), data=ENTITY)
    result = opened(structure, SecretKey(value))
    assert (read(result), result.layers[0].kind) == (ENTITY, "encrypted")
    assert result.layers[0].content_encryption in {row.name for row in CONTENT_ENCRYPTIONS.values()}


@pytest.mark.parametrize(("digest", "name"), each(OPENSSL_DIGESTS))
def test_digested_data_of_openssl_opens_here(openssl, digest, name):
    result = opened(openssl("-digest_create", "-md", name, data=ENTITY))
    assert (result.layers, read(result)) == ((DigestedLayer(digest.name),), ENTITY)


def test_data_of_openssl_opens_here(openssl):
    result = opened(openssl("-data_create", "-outform", "DER", data=ENTITY))
    assert (result.layers, read(result)) == ((DataLayer(),), ENTITY)


def test_compressed_data_of_openssl_opens_here(openssl):
    message = openssl("-compress", data=ENTITY, known_gap="compression algorithm")
    assert isinstance(opened(message).layers[0], CompressedLayer)
    assert read(opened(message)) == ENTITY


def test_openssl_opens_compressed_data_made_here(openssl):
    out = top()
    with compressing(out) as sink:
        sink.write(ENTITY)
    assert openssl("-uncompress", data=out.getvalue(), known_gap="compression algorithm") == ENTITY


def test_certificates_go_both_ways(openssl, folder):
    structure = openssl("-nocrl", "-certfile", "ada.pem", "-certfile", "ca.pem", "-outform", "DER", data=b"", command="crl2pkcs7")
    fields = b"Content-Type: application/pkcs7-mime; smime-type=certs-only\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    (layer,) = opened(fields + base64.encodebytes(structure)).layers
    assert set(layer.certificates) == {certificate("ada"), certificate("ca")}
    out = io.BytesIO()
    send_certificates([certificate("ada"), certificate("rita")], out)
    body = base64.b64decode(out.getvalue().split(b"\r\n\r\n", 1)[1])
    printed = openssl("-inform", "DER", "-print_certs", data=body, command="pkcs7").decode()
    assert printed.count("subject=") == 2


# Signatures


@pytest.mark.parametrize("name", ["eddy", "edna"])
@pytest.mark.parametrize("detached", [True, False])
def test_openssl_verifies_edwards_curve_signatures_made_here(openssl, name, detached):
    out = top(f"{name}@example.org")
    with signing(out, signer=signing_key(name), now=NOW, certificates=[certificate("ca")], detached=detached) as sink:
        sink.write(ENTITY)
    verify_options = ("-verify", "-CAfile", "root.pem", *MOMENT)
    # OpenSSL 3.0 knows neither these keys in CMS nor id-shake256-len, which RFC 8419 demands for Ed448
    assert openssl(*verify_options, data=out.getvalue(), known_gap="unknown digest|invalid digest") == ENTITY


@pytest.mark.parametrize("name", ["eddy", "edna"])
@pytest.mark.parametrize("form", [["-nodetach"], []], ids=["opaque", "clear"])
def test_edwards_curve_signatures_of_openssl_verify_here(openssl, name, form):
    who = ["-signer", f"{name}.pem", "-certfile", "ca.pem", "-from", f"{name}@example.org"]
    message = openssl("-sign", *who, *form, data=ENTITY, known_gap="no default digest")
    assert opened(message).require_verified().signer.certificate == certificate(name)


@pytest.mark.parametrize("detached", [True, False])
def test_several_signers_verify_both_ways(openssl, detached):
    out = top()
    co_signers = [signing_key(name) for name in ("bob", "carl", "rita")]
    with signing(
        out, signer=signing_key("ada"), co_signers=co_signers, now=NOW, certificates=[certificate("ca")], detached=detached
    ) as sink:
        sink.write(ENTITY)
    assert openssl("-verify", "-CAfile", "root.pem", *MOMENT, data=out.getvalue()) == ENTITY
    signers = [option for name in EVERYBODY for option in ("-signer", f"{name}.pem")]
    form = [] if detached else ["-nodetach"]
    message = openssl("-sign", *signers, "-certfile", "ca.pem", "-from", "ada@example.org", *form, data=ENTITY)
    assert [each.status for each in opened(message).layers[0].signers] == ["valid"] * 4


def test_openssl_verifies_a_countersigned_message(openssl):
    out = io.BytesIO()
    writer = SignedDataWriter(out, signer=signing_key("ada"), signing_time=NOW, certificates=[certificate("ca")])
    writer.write(ENTITY)
    writer.close()
    (signer,) = verify(BytesSource(out.getvalue()), trust=trust(), now=NOW).signers
    countersigned = io.BytesIO()
    countersign(
        BytesSource(out.getvalue()), countersigned, signer=signing_key("bob"), signature=signer.signature, signing_time=NOW
    )
    options = ("-verify", "-inform", "DER", "-CAfile", "root.pem", *MOMENT)
    assert openssl(*options, data=countersigned.getvalue()) == ENTITY
    printed = openssl("-cmsout", "-print", "-inform", "DER", data=countersigned.getvalue()).decode()
    assert "countersignature" in printed


def test_pss_inside_an_envelope_verifies_there(openssl):
    out = top("rita@example.org")
    recipients = [Recipient(certificate("ada"), OWN_CAPABILITIES)]
    with wrapping(out, signer=signing_key("rita"), recipients=recipients, now=NOW, certificates=[certificate("ca")]) as sink:
        sink.write(ENTITY)
    signed = openssl("-decrypt", "-recip", "ada.pem", data=out.getvalue())
    assert "rsassaPss" in openssl("-cmsout", "-print", data=signed).decode()
    assert openssl("-verify", "-CAfile", "root.pem", *MOMENT, data=signed) == ENTITY
