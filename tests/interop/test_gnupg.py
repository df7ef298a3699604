"""Both ways with gpgsm, the engine of KMail, Claws and GpgOL: what it makes opens here, what is made here opens there."""

import io
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from secmail import Password, SecretKey, send_certificates, triple_wrapping
from tests.interop.gnupg import MISSING, GnuPG, fingerprint
from tests.interop.messages import (
    ENTITY,
    LARGE,
    LETTER,
    SERVICES,
    TIME,
    clear_signed,
    detached,
    encrypted,
    made,
    mail,
    opened,
    read,
    signed_here,
    structure,
)
from tests.secmail.pki import EVERYBODY, NOW, certificate, decryption_key, signing_key

VERIFY = ("--verify", "--output", "-")
CIPHERS = {"3DES": "triple DES CBC", "AES128": "AES-128-CBC", "AES192": "AES-192-CBC", "AES256": "AES-256-CBC"}
OTHERS = ("ada", "bob", "gwen", "xena", "goldie", "kem768", "kem1024")
DIGESTS = {"ada": "SHA256 SHA384 SHA512", "bob": "SHA384 SHA512", "carl": "SHA512", "rita": "SHA1 SHA224 SHA256 SHA384 SHA512"}


@pytest.fixture(scope="module")
def gpgsm() -> Iterator[GnuPG]:
    if MISSING:
        pytest.skip(f"no gpgsm: {', '.join(MISSING)}")
    # Not in the tests' own folder: the name of a socket has 107 octets at most
    with TemporaryDirectory(prefix="gpgsm", ignore_cleanup_errors=True) as home, closing(GnuPG(Path(home))) as peer:
        yield peer


@pytest.fixture
def recent(gpgsm) -> GnuPG:
    if not gpgsm.is_recent:
        pytest.skip("gpgsm 2.2 knows no key agreement")
    return gpgsm


# Made here


@pytest.mark.parametrize(("name", "pss"), [("ada", False), ("bob", False), ("rita", False), ("rita", True)])
def test_gpgsm_verifies_what_is_signed_here(gpgsm, name, pss):
    assert gpgsm(*VERIFY, data=structure(signed_here(name, pss=pss)), status="TRUST_FULLY") == ENTITY


def test_gpgsm_verifies_p521_too(recent):
    assert recent(*VERIFY, data=structure(signed_here("carl")), status="TRUST_FULLY") == ENTITY


@pytest.mark.parametrize("name", ["ada", "bob", "rita"])
def test_gpgsm_verifies_a_clear_signature_of_its_entity_and_of_no_other(gpgsm, name):
    entity, signature = detached(signed_here(name, detached=True))
    (gpgsm.home / "signature").write_bytes(signature)
    gpgsm("--verify", "signature", "-", data=entity, status="TRUST_FULLY")
    gpgsm("--verify", "signature", "-", data=entity.replace(b"Hello", b"Hallo"), status="BADSIG")


def test_gpgsm_refuses_a_signature_whose_root_it_does_not_trust(gpgsm):
    gpgsm(*VERIFY, data=structure(signed_here("mallory", certificates=[certificate("stranger")])), status="TRUST_UNDEFINED")


def test_gpgsm_verifies_beside_label_and_receipt_request(gpgsm):
    assert gpgsm(*VERIFY, data=structure(signed_here("ada", attributes=SERVICES)), status="TRUST_FULLY") == ENTITY


def test_gpgsm_verifies_every_signer_of_a_message(gpgsm):
    message = structure(signed_here("ada", co_signers=[signing_key("bob"), signing_key("rita")]))
    assert gpgsm(*VERIFY, data=message, status="TRUST_FULLY", times=3) == ENTITY


@pytest.mark.parametrize("content", [ENTITY, LARGE], ids=["small", "large"])
def test_gpgsm_opens_and_verifies_streams(gpgsm, content):
    assert gpgsm("--decrypt", data=encrypted(certificate("rita"), content=content), status="DECRYPTION_OKAY") == content
    assert gpgsm(*VERIFY, data=structure(signed_here("ada", content=content)), status="TRUST_FULLY") == content


def test_gpgsm_finds_its_own_among_recipients_it_does_not_know(gpgsm):
    others = [Password(b"correct horse"), SecretKey(bytes(32), b"id"), *map(certificate, (*OTHERS, "rhea"))]
    assert gpgsm("--decrypt", data=encrypted(*others, certificate("rita")), status="DECRYPTION_OKAY") == ENTITY


def test_gpgsm_takes_off_every_layer_of_a_triple_wrap(gpgsm):
    options = {"signer": signing_key("ada"), "certificates": [certificate("ca")], "attributes": SERVICES, "now": NOW}
    message = made(lambda sink: triple_wrapping(sink, recipients=[certificate("rita")], **options))
    enveloped = gpgsm(*VERIFY, data=structure(message), status="TRUST_FULLY")
    signed = gpgsm("--decrypt", data=structure(enveloped), status="DECRYPTION_OKAY")
    assert gpgsm(*VERIFY, data=structure(signed), status="TRUST_FULLY") == ENTITY


def test_gpgsm_and_the_command_line_open_each_others(gpgsm, secmail):
    wrapped = secmail("wrap", "--key", "ada.pem", "--cert", "ca.pem", "--recipient", "rita.pem", "--at", TIME, data=LETTER)
    signed = gpgsm("--decrypt", data=structure(wrapped), status="DECRYPTION_OKAY")
    inner = gpgsm(*VERIFY, data=structure(signed), status="TRUST_FULLY")
    assert b"Subject: Plans" in inner
    signed = mail(gpgsm("--sign", "--local-user", fingerprint("ada"), data=inner))
    answer = mail(gpgsm("--encrypt", "-r", fingerprint("rita"), data=signed))
    assert secmail("open", "--key", "rita.pem", "--trust", "root.pem", "--at", TIME, data=answer) == inner


def test_gpgsm_and_the_command_line_take_off_each_others_armour(gpgsm, secmail):
    armoured = secmail("sign", "--outform", "pem", "--key", "ada.pem", "--cert", "ca.pem", "--at", TIME, data=LETTER)
    inner = gpgsm(*VERIFY, data=armoured, status="TRUST_FULLY")
    assert inner.endswith(b"Hello\r\n")
    signed = gpgsm("--sign", "--armor", "--local-user", fingerprint("ada"), data=inner)
    assert secmail("open", "--trust", "root.pem", "--at", TIME, data=signed) == inner
    secret = gpgsm("--encrypt", "--armor", "-r", fingerprint("rita"), data=inner)
    assert secmail("open", "--allow-unsigned", "--key", "rita.pem", "--trust", "root.pem", "--at", TIME, data=secret) == inner


def test_gpgsm_imports_certificates_that_are_sent(gpgsm):
    out = io.BytesIO()
    send_certificates([certificate("hugh"), certificate("ca")], out)
    gpgsm("--import", data=structure(out.getvalue()), status=f"IMPORT_OK 1 {fingerprint('hugh')}")


# Made there


@pytest.mark.parametrize(("name", "digest"), [(name, digest) for name, digests in DIGESTS.items() for digest in digests.split()])
def test_what_gpgsm_signs_verifies_here(gpgsm, name, digest):
    encoded = gpgsm("--sign", "--local-user", fingerprint(name), "--digest-algo", digest, data=ENTITY)
    result = opened(mail(encoded, f"{name}@example.org"))
    assert (result.require_verified().address, read(result)) == (f"{name}@example.org", ENTITY)
    assert opened(mail(encoded.replace(b"Hello", b"Hallo"), f"{name}@example.org")).verdict == "not-verified"


@pytest.mark.parametrize("name", DIGESTS)
def test_a_clear_signature_of_gpgsm_verifies_here(gpgsm, name):
    signature = gpgsm("--sign", "--detach-sign", "--local-user", fingerprint(name), "--digest-algo", "SHA512", data=ENTITY)
    result = opened(clear_signed(ENTITY, signature, f"{name}@example.org"))
    assert (result.require_verified().address, read(result)) == (f"{name}@example.org", ENTITY)
    assert opened(clear_signed(ENTITY.upper(), signature, f"{name}@example.org")).verdict == "not-verified"


@pytest.mark.parametrize(("certificates", "status"), [("0", "unverifiable"), ("1", "untrusted"), ("-1", "valid")])
def test_certificates_that_gpgsm_leaves_out_are_missed(gpgsm, certificates, status):
    encoded = gpgsm("--sign", "--local-user", fingerprint("rita"), "--include-certs", certificates, data=ENTITY)
    assert [each.status for each in opened(mail(encoded)).layers[0].signers] == [status]


def test_signers_of_gpgsm_verify_each(gpgsm):
    users = [option for name in EVERYBODY for option in ("--local-user", fingerprint(name))]
    (layer,) = opened(mail(gpgsm("--sign", *users, "--digest-algo", "SHA512", data=ENTITY))).layers
    assert {each.certificate for each in layer.verified_signers} == set(map(certificate, EVERYBODY))


@pytest.mark.parametrize("name", ["rita", "rhea"])
@pytest.mark.parametrize("cipher", CIPHERS)
def test_what_gpgsm_encrypts_opens_here(gpgsm, cipher, name):
    encoded = gpgsm("--encrypt", "--cipher-algo", cipher, "-r", fingerprint("rita"), "-r", fingerprint("rhea"), data=LARGE)
    result = opened(mail(encoded), decryption_key(name))
    assert (read(result), result.layers[0].content_encryption) == (LARGE, CIPHERS[cipher])


@pytest.mark.parametrize("name", EVERYBODY)
def test_what_gpgsm_encrypts_to_every_kind_of_key_opens_here(recent, name):
    recipients = [option for each in EVERYBODY for option in ("-r", fingerprint(each))]
    assert read(opened(mail(recent("--encrypt", *recipients, data=ENTITY)), decryption_key(name))) == ENTITY


def test_what_gpgsm_signs_and_encrypts_opens_here(gpgsm):
    signed = mail(gpgsm("--sign", "--local-user", fingerprint("ada"), data=ENTITY))
    result = opened(mail(gpgsm("--encrypt", "-r", fingerprint("rita"), data=signed)), decryption_key("rita"))
    assert (result.require_verified().address, read(result)) == ("ada@example.org", ENTITY)
